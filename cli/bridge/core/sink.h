/* SPDX-License-Identifier: MIT */
/* The other side of a bridge: what takes events and says, sooner or later, what became of each. A
 * sink waits for nothing but in turn(); it may have several deliveries at once, which it begins in
 * the order in which it got them. One thread. */
#ifndef TYTO_CLI_BRIDGE_CORE_SINK_H
#define TYTO_CLI_BRIDGE_CORE_SINK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/fault.h"
#include "client/feed.h"
#include "client/pictures.h"

enum { TYTO_SINK_MAX_WINDOW = 256 };

enum tyto_delivery {
    TYTO_DELIVERY_TAKEN,   /* the other side has acknowledged it */
    TYTO_DELIVERY_LATER,   /* it did not, and may when asked again */
    TYTO_DELIVERY_REFUSED, /* it never will */
};

struct tyto_delivery_report {
    uint64_t ticket;
    enum tyto_delivery outcome;
    uint32_t after_ms; /* LATER: not before; 0: as the bridge likes */
    char text[192];    /* LATER and REFUSED: why, without any secret */
};

/* What is to be delivered; borrowed. */
struct tyto_parcel {
    uint64_t ticket;
    uint32_t num_tries;                 /* how often before: the other side may have it already */
    bool is_snapshot;                   /* how something stands, not what has just happened */
    const struct tyto_message *message; /* an EVENT or CAMERA_STATE */
};

struct tyto_sink {
    void *self;
    const char *name; /* "webhook" */
    uint32_t window;  /* deliveries at once, 1..TYTO_SINK_MAX_WINDOW */
    /* Whether it is delivered at all; ticket and num_tries mean nothing yet. */
    bool (*wants)(void *self, const struct tyto_parcel *parcel);
    /* Whether a delivery may be begun now. */
    bool (*is_ready)(void *self);
    /* Begins one. Each ticket gets one report. An error ends the bridge, *ret_fault says why. */
    enum tyto_err (*put)(void *self, const struct tyto_parcel *parcel,
                         struct tyto_fault *ret_fault);
    /* What is no delivery: the daemon's silence, its model, what was lost. May be NULL. */
    void (*note)(void *self, const struct tyto_feed_item *item);
    /* A picture of an event has come; borrowed until it returns. They come as they are, are no
     * delivery and not acknowledged. NULL: none are wanted, then nobody is asked for them. */
    void (*picture)(void *self, const struct tyto_event_picture *picture);
    /* Does what waits to be done, and waits up to timeout_ms for more. An error ends the bridge. */
    enum tyto_err (*turn)(void *self, int timeout_ms, struct tyto_fault *ret_fault);
    /* The next report; false: there is none at the moment. */
    bool (*report)(void *self, struct tyto_delivery_report *ret_report);
    /* Says goodbye, in at most timeout_ms, and frees it all. */
    void (*destroy)(void *self, int timeout_ms);
};

#endif
