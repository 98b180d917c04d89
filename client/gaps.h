/* SPDX-License-Identifier: MIT */
/* Which messages were lost, by sequence number at the level subscribed to. */
#ifndef TYTO_CLIENT_GAPS_H
#define TYTO_CLIENT_GAPS_H

#include <stdbool.h>
#include <stdint.h>

#include "client/tyto.h"

enum tyto_gap_level {
    TYTO_GAP_ALL,    /* everything is subscribed: seq */
    TYTO_GAP_CAMERA, /* some cameras, whole: cam_seq */
    TYTO_GAP_CLASS,  /* some classes of some cameras: class_seq */
};

struct tyto_gap_counter {
    char camera[TYTO_ID_MAX + 1];
    char class_name[TYTO_ID_MAX + 1]; /* "" unless TYTO_GAP_CLASS */
    bool is_known;                    /* last_seq is something we saw or were told */
    uint64_t last_seq;
};

struct tyto_gaps {
    enum tyto_gap_level level;
    bool is_all_known;
    uint64_t last_seq;
    struct tyto_gap_counter counters[TYTO_CLIENT_MAX_FILTERS];
    uint32_t num_counters;
};

void tyto_gaps_init(struct tyto_gaps *gaps, enum tyto_gap_level level);
/* Another boot of the daemon: all numbers begin at 1, and what came before our
 * first message of it counts as lost only if we had been connected without a break. */
void tyto_gaps_restart(struct tyto_gaps *gaps);
/* How many messages are missing before this one. */
uint64_t tyto_gaps_message(struct tyto_gaps *gaps, const struct tyto_envelope *envelope);
/* How many are missing at the time of this heartbeat. */
uint64_t tyto_gaps_heartbeat(struct tyto_gaps *gaps, const struct tyto_heartbeat *heartbeat);

#endif
