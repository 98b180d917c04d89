/* SPDX-License-Identifier: MIT */
/* What would have been published: kept scores go through the tracker that tytod has, asked for
 * other things. With what it was asked for then, the events are those that were published; but for
 * what zones, quiet hours and places add. */
#ifndef TYTO_PIPELINE_RECOUNT_RECOUNT_H
#define TYTO_PIPELINE_RECOUNT_RECOUNT_H

#include <stdint.h>

#include "base/err.h"
#include "pipeline/track/tracker.h"
#include "proto/query.h"

struct tyto_recount;

struct tyto_recount_params {
    const char *camera;
    /* What is asked for in place of what tytod was asked for: the options whose bits are in wished
     * (of tyto_tracker_options). */
    struct tyto_tracker_params wishes;
    uint64_t wished;
    /* The same for single classes; names that a page does not have are passed over. Borrowed until
     * destroy. */
    const struct tyto_class_rule *rules;
    uint32_t num_rules;
    tyto_tracker_sink sink; /* each message about an event, as tytod would have published it */
    void *user;
};

/* INVALID, NOMEM. */
TYTO_MUST_CHECK
enum tyto_err tyto_recount_create(const struct tyto_recount_params *params,
                                  struct tyto_recount **ret_recount);
void tyto_recount_destroy(struct tyto_recount **recount);
/* The next piece of the camera's scores (a reply of kind SCORES); what has no decision is left out.
 * INVALID (options that no tracker takes), NOMEM. */
TYTO_MUST_CHECK
enum tyto_err tyto_recount_take(struct tyto_recount *recount, const struct tyto_reply *page);
/* Ends what is open. */
void tyto_recount_end(struct tyto_recount *recount);

#endif
