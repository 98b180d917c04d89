/* SPDX-License-Identifier: MIT */
/* Who is connected, what is subscribed, and how much of it one peer may have. A peer over its share
 * is cut off, the others notice nothing. Of the publisher's thread alone. */
#ifndef TYTO_DAEMON_PUBLISH_SUBSCRIBERS_H
#define TYTO_DAEMON_PUBLISH_SUBSCRIBERS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/log.h"
#include "daemon/access/access.h"
#include "daemon/publish/event_socket.h"

enum {
    TYTO_SUBSCRIBERS_MAX = 256,               /* connections, whatever the caller allows */
    TYTO_SUBSCRIBER_MAX_SUBSCRIPTIONS = 1024, /* of one connection; libtyto has up to 403 */
    TYTO_SUBSCRIBER_MAX_BYTES = 128 * 1024,   /* of its topics, those refused included */
    TYTO_SUBSCRIBER_BURST = 4096,             /* (un)subscriptions at once ... */
    TYTO_SUBSCRIBER_PER_S = 100,              /* ... and on average */
    /* Of all together, each topic once. libzmq takes some 64 bytes for each byte of them. */
    TYTO_SUBSCRIBERS_MAX_TOPIC_BYTES = 512 * 1024,
};

struct tyto_subscribers;

/* max_connections: 1..TYTO_SUBSCRIBERS_MAX. NOMEM. */
TYTO_MUST_CHECK
enum tyto_err tyto_subscribers_create(uint32_t max_connections, const struct tyto_log *log,
                                      struct tyto_subscribers **ret_subscribers);
/* From now on only what access (borrowed; NULL: everything) allows is subscribed, by at most
 * max_users (0: no such limit) of the connections. */
void tyto_subscribers_admit(struct tyto_subscribers *subscribers, struct tyto_access *access,
                            uint32_t max_users);
void tyto_subscribers_destroy(struct tyto_subscribers **subscribers);

struct tyto_subscribers_news {
    bool for_states; /* someone new wants camera or model states */
    bool for_events;
    bool is_over; /* more is held than could be cut off: make the socket anew */
};

/* Takes what has come upstream, a bounded number of messages: there may be more. */
void tyto_subscribers_take(struct tyto_subscribers *subscribers,
                           const struct tyto_event_socket *socket,
                           struct tyto_subscribers_news *ret_news);
/* The socket was made anew: nobody is there. */
void tyto_subscribers_forget(struct tyto_subscribers *subscribers);

struct tyto_subscribers_counts {
    uint32_t num_connections;
    uint32_t num_subscriptions;           /* each subscriber's counts */
    uint32_t num_debug_subscriptions;     /* those below dbg/ */
    uint32_t num_thumbnail_subscriptions; /* those below th/ */
    uint32_t num_live_subscriptions;      /* those below lv/ */
    uint64_t num_cut_off;                 /* connections, ever */
};
void tyto_subscribers_get_counts(const struct tyto_subscribers *subscribers,
                                 struct tyto_subscribers_counts *ret_counts);

#endif
