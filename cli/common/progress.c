/* SPDX-License-Identifier: MIT */
#include "cli/common/progress.h"

#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"

enum { CELLS = 24 };

#define APPEARS_AFTER_NS (2 * TYTO_NS_PER_S)
#define REDRAW_NS (200 * TYTO_NS_PER_MS)

void tyto_progress_init(struct tyto_progress *progress, bool wanted)
{
    *progress = (struct tyto_progress){
        .enabled = wanted && isatty(STDERR_FILENO),
        .begin_ns = tyto_clock_mono_ns(),
    };
}

void tyto_progress_restart(struct tyto_progress *progress)
{
    tyto_progress_clear(progress);
    progress->begin_ns = tyto_clock_mono_ns();
}

static void put_left(double left_s)
{
    if (left_s < 60)
        fprintf(stderr, "  %.0f s left", left_s);
    else if (left_s < 3600)
        fprintf(stderr, "  %d:%02d min left", (int)(left_s / 60), (int)left_s % 60);
    else if (left_s < 1e6)
        fprintf(stderr, "  %d:%02d h left", (int)(left_s / 3600), (int)(left_s / 60) % 60);
}

void tyto_progress_put(struct tyto_progress *progress, double done, double total,
                       const char *before, const char *after)
{
    if (!progress->enabled)
        return;
    const uint64_t now_ns = tyto_clock_mono_ns();
    if (now_ns - progress->begin_ns < APPEARS_AFTER_NS || now_ns - progress->last_ns < REDRAW_NS)
        return;
    progress->last_ns = now_ns;
    progress->shown = true;
    fprintf(stderr, "\r\033[K%s", before);
    if (total > 0) {
        double share = done / total;
        share = share > 1 ? 1 : share > 0 ? share : 0;
        const int num = (int)(share * CELLS);
        fprintf(stderr, "  [%.*s%.*s] %3.0f %%", num, "########################", CELLS - num,
                "........................", share * 100);
        const double took_s = (double)(now_ns - progress->begin_ns) / 1e9;
        if (share > 0.005)
            put_left(took_s / share * (1 - share));
    }
    if (after && after[0])
        fprintf(stderr, "  %s", after);
    fflush(stderr);
}

void tyto_progress_clear(struct tyto_progress *progress)
{
    if (progress->shown)
        fputs("\r\033[K", stderr);
    progress->shown = false;
}
