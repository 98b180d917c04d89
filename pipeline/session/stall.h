/* SPDX-License-Identifier: MIT */
/* Whether a connection still gives what it should: each stream by itself, so that one cannot hide
 * that the other is dead. Plain computation: the time is passed in. */
#ifndef TYTO_PIPELINE_SESSION_STALL_H
#define TYTO_PIPELINE_SESSION_STALL_H

#include <stdbool.h>
#include <stdint.h>

#include "pipeline/segment/segment.h"

/* Over the connections of one camera. */
struct tyto_stall {
    uint64_t stall_ns;
    uint32_t num_half; /* connections in a row that were given up for one stream */
    bool ever_came[TYTO_NUM_STREAMS];
    uint64_t begin_ns; /* of this connection */
    uint64_t whole_ns; /* since when all its streams give data; 0: they do not */
};

/* What is seen of a connection now. */
struct tyto_stall_sight {
    uint64_t now_ns;
    bool expects[TYTO_NUM_STREAMS];
    uint64_t last_data_ns[TYTO_NUM_STREAMS]; /* 0: none yet */
};

enum tyto_stall_verdict {
    TYTO_STALL_CONNECTING,
    TYTO_STALL_LIVE,    /* missing says whether a stream has been silent for stall_ns */
    TYTO_STALL_SILENT,  /* give the connection up: text says why */
    TYTO_STALL_NO_DATA, /* likewise: nothing ever came */
};

/* stall_ns 0: TYTO_CAMERA_DEFAULT_STALL_NS. */
void tyto_stall_init(struct tyto_stall *watch, uint64_t stall_ns);
/* A connection begins. */
void tyto_stall_begin(struct tyto_stall *watch, uint64_t now_ns);
/* A camera whose one stream does not come back is called on ever more rarely (stall_ns, twice that,
 * ... 10 minutes): what the other gives is of use meanwhile. For one that has never come it is
 * called on once more and then left alone: many describe a microphone that is switched off. */
enum tyto_stall_verdict tyto_stall_judge(struct tyto_stall *watch,
                                         const struct tyto_stall_sight *sight,
                                         bool ret_missing[TYTO_NUM_STREAMS], char *text,
                                         uint32_t text_bytes);
/* "no picture", "no sound". Static. */
const char *tyto_stall_missing_text(const bool missing[TYTO_NUM_STREAMS]);

#endif
