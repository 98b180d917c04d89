/* SPDX-License-Identifier: MIT */
/* The last seconds of one camera as they came, coded: bounded by time and by
 * bytes, beginning with a keyframe. Plain data, one thread at a time (record.c locks). */
#ifndef TYTO_PIPELINE_RECORD_PREROLL_H
#define TYTO_PIPELINE_RECORD_PREROLL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "pipeline/source/tap.h"

struct tyto_preroll_item {
    struct tyto_coded coded;
    uint32_t epoch; /* of one connection and coding */
};

struct tyto_preroll_queue {
    struct tyto_preroll_item *items; /* (capacity) owned; item of number n at n % capacity */
    uint32_t capacity, num;
    uint64_t first; /* number of the oldest: they count up for ever */
};

struct tyto_preroll {
    struct tyto_preroll_queue queues[TYTO_NUM_STREAMS];
    int64_t hold_ns;
    uint64_t max_bytes, num_bytes;
    uint32_t epoch;
    uint64_t num_evicted_early; /* for want of bytes */
};

void tyto_preroll_init(struct tyto_preroll *preroll, int64_t hold_ns, uint64_t max_bytes);
void tyto_preroll_finish(struct tyto_preroll *preroll);
/* coded is taken, also on failure; then it is lost: NOMEM. What is older than hold_ns goes, but
 * never the last keyframe before that. */
TYTO_MUST_CHECK
enum tyto_err tyto_preroll_put(struct tyto_preroll *preroll, enum tyto_stream stream,
                               struct tyto_coded *coded);
/* What comes from here on does not continue what is there. */
void tyto_preroll_cut(struct tyto_preroll *preroll);
/* The item of that number, or NULL: not there any more, or not yet. Borrowed until the next put. */
const struct tyto_preroll_item *tyto_preroll_get(const struct tyto_preroll *preroll,
                                                 enum tyto_stream stream, uint64_t number);
/* Number after the newest. */
uint64_t tyto_preroll_end(const struct tyto_preroll *preroll, enum tyto_stream stream);
/* Where a clip that is wanted from begin_ns on begins: at the last keyframe before it, else the
 * first one after; without pictures at the first sound. False: nothing of min_epoch or later is
 * there to begin with.
 * ret_numbers: of the first item of each stream. */
bool tyto_preroll_find(const struct tyto_preroll *preroll, uint32_t min_epoch, int64_t begin_ns,
                       int64_t *ret_zero_ns, uint32_t *ret_epoch,
                       uint64_t ret_numbers[TYTO_NUM_STREAMS]);
/* Time of the newest item of any stream, of one stream; INT64_MIN: nothing. */
int64_t tyto_preroll_newest_ns(const struct tyto_preroll *preroll);
int64_t tyto_preroll_newest_of_ns(const struct tyto_preroll *preroll, enum tyto_stream stream);

#endif
