/* SPDX-License-Identifier: MIT */
#include "files/file_end.h"

#include <stdio.h>

#include "base/clock.h"

/* Durations are rounded, streams begin late and end early: less than this, and than a share of the
 * whole, is no loss. */
#define LEAST_LOSS_NS (2 * (int64_t)TYTO_NS_PER_S)
enum { LOSS_SHARE = 20 };

static bool lacks_time(const struct tyto_file_end *end)
{
    const int64_t lost_ns = end->duration_ns - end->begin_ns - end->read_ns - end->gap_ns;
    return end->whole.tells_length && end->wants_all && lost_ns > LEAST_LOSS_NS &&
           lost_ns > end->duration_ns / LOSS_SHARE;
}

static void print_seconds(const struct tyto_file_end *end, char *ret_text, size_t text_bytes)
{
    const double read_s = (double)end->read_ns / 1e9;
    if (end->whole.tells_length && end->duration_ns > end->read_ns)
        snprintf(ret_text, text_bytes, "%.0f of %.0f s", read_s, (double)end->duration_ns / 1e9);
    else
        snprintf(ret_text, text_bytes, "%.0f s", read_s);
}

void tyto_file_end_text(const struct tyto_file_end *end, char *ret_text, uint32_t text_bytes)
{
    char seconds[64], why[192];
    print_seconds(end, seconds, sizeof(seconds));
    tyto_whole_text(&end->whole, why, sizeof(why));
    if (end->has_grown)
        snprintf(why, sizeof(why), "it is still being written: read it again once it is whole");
    else if (!why[0] && lacks_time(end))
        snprintf(why, sizeof(why), "the rest is missing or damaged: copy it again");
    ret_text[0] = '\0';
    if (why[0])
        snprintf(ret_text, text_bytes, "read in part: %s; %s", seconds, why);
}
