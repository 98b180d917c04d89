/* SPDX-License-Identifier: MIT */
#include "daemon/service/summary.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "daemon/service/notify.h"
#include "daemon/service/process.h"

enum { STATUS_EVERY_S = 10 };

void tyto_summary_init(struct tyto_summary *summary, const struct tyto_config *config,
                       const struct tyto_log *log)
{
    memset(summary, 0, sizeof(*summary));
    summary->log = log;
    tyto_summary_set_every(summary, config->summary_every_ns);
    summary->begin_ns = summary->last_ns = tyto_clock_mono_ns();
}

void tyto_summary_set_every(struct tyto_summary *summary, int64_t every_ns)
{
    atomic_store(&summary->every_ns, (uint64_t)every_ns);
}

void tyto_summary_write(struct tyto_summary *summary, struct tyto_engine *engine,
                        const struct tyto_publisher *publisher, uint64_t now_ns)
{
    struct tyto_engine_counts counts;
    struct tyto_publisher_counts published;
    struct tyto_process process;
    struct tyto_engine_head head = {.num_classes = 0};
    tyto_process_look(&process);
    (void)!tyto_engine_get_head(engine, &head);
    tyto_engine_get_counts(engine, &counts);
    tyto_publisher_get_counts(publisher, &published);
    const struct tyto_engine_counts *last = &summary->last;
    const uint64_t num_segments = counts.num_segments - last->num_segments;
    const uint64_t num_steps = counts.num_steps - last->num_steps;
    const uint64_t encode_ns =
        counts.stages[TYTO_STAGE_ENCODE].sum_ns - last->stages[TYTO_STAGE_ENCODE].sum_ns;
    const uint64_t attend_ns =
        counts.stages[TYTO_STAGE_ATTEND].sum_ns - last->stages[TYTO_STAGE_ATTEND].sum_ns;
    const double ms = (double)TYTO_NS_PER_MS;
    const double steps = num_steps ? (double)num_steps : 1.0;
    tyto_log_write(summary->log, TYTO_LOG_INFO, "summary",
                   "%" PRIu32 " cameras, %" PRIu64 " segments, %" PRIu64 " in the last %.0f s; "
                   "batch %.1f, encode %.1f ms, attend %.1f ms; %" PRIu64 " messages, %" PRIu64
                   " lost; %" PRIu64 " dropped before the networks, %" PRIu64
                   " pictures skipped; %" PRIu64 " teardowns abandoned, %" PRIu32
                   " hang; model %.12s; cpu %.1f s (networks' thread %.1f), resident %.0f MiB",
                   counts.num_cameras, counts.num_segments, num_segments,
                   (double)(now_ns - summary->last_ns) / (double)TYTO_NS_PER_S,
                   (double)(counts.num_batch_items - last->num_batch_items) / steps,
                   (double)encode_ns / ms / steps, (double)attend_ns / ms / steps,
                   published.num_events, published.num_lost, counts.num_dropped, counts.num_skipped,
                   counts.num_abandoned, counts.num_hanging, head.digest, process.cpu_s,
                   (double)counts.cpu_ns / (double)TYTO_NS_PER_S,
                   (double)process.resident_bytes / (1024.0 * 1024.0));
    tyto_engine_head_finish(&head);
    summary->last = counts;
    summary->last_ns = now_ns;
}

void tyto_summary_tick(struct tyto_summary *summary, struct tyto_engine *engine,
                       const struct tyto_publisher *publisher, uint64_t now_ns)
{
    struct tyto_engine_counts counts;
    tyto_engine_get_counts(engine, &counts);
    if (now_ns - summary->last_ns >= atomic_load(&summary->every_ns))
        tyto_summary_write(summary, engine, publisher, now_ns);
    if (now_ns - summary->last_status_ns >= STATUS_EVERY_S * TYTO_NS_PER_S) {
        char text[160];
        snprintf(text, sizeof(text),
                 "STATUS=%" PRIu32 " cameras%s, %" PRIu64 " segments, %" PRIu64 " events",
                 counts.num_cameras, counts.num_cameras ? "" : " (none is configured here)",
                 counts.num_segments, counts.num_events);
        tyto_notify(text);
        summary->last_status_ns = now_ns;
    }
}
