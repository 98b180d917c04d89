/* SPDX-License-Identifier: MIT */
/* From a source of messages to a sink, in order, and nothing lost on the way: the position follows
 * the oldest delivery that is not acknowledged. What the sink could not deliver is tried again,
 * for ever, less and less often; what the other side refuses for good is kept in a file and
 * counted. A process that is killed delivers again what it had no acknowledgement for: receivers
 * tell duplicates by id and rev. One thread. */
#ifndef TYTO_CLI_BRIDGE_CORE_PUMP_H
#define TYTO_CLI_BRIDGE_CORE_PUMP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/fault.h"
#include "base/log.h"
#include "cli/bridge/core/position.h"
#include "cli/bridge/core/sink.h"
#include "client/feed.h"

/* Where messages come from, each once and in order, behind the place that it was opened at. */
struct tyto_bridge_source {
    void *self;
    /* The next one, borrowed until the next call, and how far all is told with it, which stays as
     * it was where that is not known; waits up to timeout_ms. TIMEOUT: none came. Other errors end
     * the bridge. */
    enum tyto_err (*next)(void *self, int timeout_ms, const struct tyto_feed_item **ret_item,
                          struct tyto_bridge_place *reterr_place);
    /* The next picture of an event, borrowed until the next call, without waiting; NULL: none
     * waits. May be NULL itself. */
    const struct tyto_event_picture *(*picture)(void *self);
};

struct tyto_bridge_counts {
    uint64_t num_taken, num_refused, num_tries_failed, num_skipped; /* deliveries */
    uint64_t num_lost; /* messages that the source said are gone */
};

struct tyto_pump_params {
    const struct tyto_bridge_source *source; /* all borrowed until the end */
    const struct tyto_sink *sink;
    struct tyto_bridge_position *position;
    struct tyto_bridge_place place; /* where the source begins */
    const char *const *classes;     /* only events of these; num_classes 0: of all */
    uint32_t num_classes;
    const char *dead_path; /* what is refused goes there; NULL: it is only counted */
    const struct tyto_log *log;
    bool (*should_stop)(void *user); /* asked several times a second */
    void *user;
    uint32_t retry_first_ms, retry_last_ms; /* the pause before the second try, and the longest */
    uint32_t store_every_ms; /* the position is stored so often at most, and at the end */
    uint32_t linger_ms;      /* at the end, acknowledgements are waited for so long */
};

/* Until should_stop, or an error with *ret_fault. The position is stored in either case. */
TYTO_MUST_CHECK
enum tyto_err tyto_pump_run(const struct tyto_pump_params *params,
                            struct tyto_bridge_counts *ret_counts, struct tyto_fault *ret_fault);

#endif
