/* SPDX-License-Identifier: MIT */
#include "pipeline/session/stall.h"

#include <stdio.h>

#include "base/clock.h"
#include "pipeline/session/session.h"

/* Until the first data, setting up included. */
#define CONNECT_NS (20 * TYTO_NS_PER_S)
/* Streams that all came for this long are whole. */
#define WHOLE_NS (10 * TYTO_NS_PER_S)
#define MAX_PATIENCE_NS (600 * TYTO_NS_PER_S)

void tyto_stall_init(struct tyto_stall *watch, uint64_t stall_ns)
{
    *watch = (struct tyto_stall){.stall_ns = stall_ns ? stall_ns : TYTO_CAMERA_DEFAULT_STALL_NS};
}

void tyto_stall_begin(struct tyto_stall *watch, uint64_t now_ns)
{
    watch->begin_ns = now_ns;
    watch->whole_ns = 0;
}

const char *tyto_stall_missing_text(const bool missing[TYTO_NUM_STREAMS])
{
    if (missing[TYTO_STREAM_VIDEO])
        return missing[TYTO_STREAM_AUDIO] ? "no data" : "no picture";
    return missing[TYTO_STREAM_AUDIO] ? "no sound" : "";
}

static uint64_t longer(uint64_t a_ns, uint64_t b_ns)
{
    return a_ns > b_ns ? a_ns : b_ns;
}

/* How long the one stream may be silent while the other goes on. */
static uint64_t patience_ns(const struct tyto_stall *watch)
{
    uint64_t ns = watch->stall_ns;
    for (uint32_t i = 0; i < watch->num_half && ns < MAX_PATIENCE_NS; i++)
        ns *= 2;
    return ns > MAX_PATIENCE_NS ? longer(MAX_PATIENCE_NS, watch->stall_ns) : ns;
}

static uint64_t silence_ns(const struct tyto_stall *watch, const struct tyto_stall_sight *sight,
                           int stream)
{
    const uint64_t last_ns = sight->last_data_ns[stream];
    const uint64_t since_ns = longer(last_ns, watch->begin_ns);
    return sight->now_ns > since_ns ? sight->now_ns - since_ns : 0;
}

/* Whether all streams that are to come have been there lately, and for how long. */
static void note_whole(struct tyto_stall *watch, const struct tyto_stall_sight *sight,
                       bool is_whole)
{
    if (!is_whole)
        watch->whole_ns = 0;
    else if (watch->whole_ns == 0)
        watch->whole_ns = sight->now_ns;
    else if (sight->now_ns - watch->whole_ns > WHOLE_NS)
        watch->num_half = 0;
}

enum tyto_stall_verdict tyto_stall_judge(struct tyto_stall *watch,
                                         const struct tyto_stall_sight *sight,
                                         bool ret_missing[TYTO_NUM_STREAMS], char *text,
                                         uint32_t text_bytes)
{
    uint64_t least_ns = UINT64_MAX, most_ns = 0; /* most: of those worth another connection */
    bool any = false, is_whole = true;
    for (int i = 0; i < TYTO_NUM_STREAMS; i++) {
        const bool came = sight->last_data_ns[i] != 0;
        ret_missing[i] = false;
        any |= came;
        watch->ever_came[i] |= came;
        if (!came && !sight->expects[i])
            continue;
        const uint64_t ns = silence_ns(watch, sight, i);
        /* A stream that never came may take as long as connecting. */
        const uint64_t limit_ns = came ? watch->stall_ns : longer(watch->stall_ns, CONNECT_NS);
        ret_missing[i] = ns > limit_ns;
        is_whole &= came && ns < watch->stall_ns;
        least_ns = ns < least_ns ? ns : least_ns;
        if (ret_missing[i] && (watch->ever_came[i] || watch->num_half == 0))
            most_ns = longer(most_ns, ns);
    }
    if (!any) {
        if (sight->now_ns - watch->begin_ns <= longer(watch->stall_ns, CONNECT_NS))
            return TYTO_STALL_CONNECTING;
        snprintf(text, text_bytes, "no data after connecting");
        return TYTO_STALL_NO_DATA;
    }
    note_whole(watch, sight, is_whole);
    const uint64_t stall_s = watch->stall_ns / TYTO_NS_PER_S;
    if (least_ns > watch->stall_ns) {
        snprintf(text, text_bytes, "connected, but no data for %llu s",
                 (unsigned long long)stall_s);
        return TYTO_STALL_SILENT;
    }
    if (most_ns == 0 || most_ns <= patience_ns(watch))
        return TYTO_STALL_LIVE;
    snprintf(text, text_bytes, "%s for %llu s, though %s goes on",
             tyto_stall_missing_text(ret_missing), (unsigned long long)(most_ns / TYTO_NS_PER_S),
             ret_missing[TYTO_STREAM_VIDEO] ? "sound" : "picture");
    watch->num_half++;
    return TYTO_STALL_SILENT;
}
