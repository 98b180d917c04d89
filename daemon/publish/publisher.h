/* SPDX-License-Identifier: MIT */
/* Puts events on a ZeroMQ XPUB socket. Own thread, the only one that touches
 * the socket. Whoever hands events in never waits for a subscriber: ZeroMQ drops
 * for a subscriber that is 1,000 messages behind, and the sequence numbers show
 * it: they are given before a message is queued. With a journal each
 * message is committed to it first, on another thread: nobody waits for the disk. */
#ifndef TYTO_DAEMON_PUBLISH_PUBLISHER_H
#define TYTO_DAEMON_PUBLISH_PUBLISHER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/fault.h"
#include "base/log.h"
#include "daemon/access/access.h"
#include "daemon/journal/journal.h"
#include "daemon/publish/committer.h"
#include "proto/event.h"

enum { TYTO_PUBLISHER_MAX_ENDPOINTS = 8, TYTO_PUBLISHER_DEFAULT_HEARTBEAT_MS = 1000 };

struct tyto_publisher_params {
    const char *const *endpoints; /* tcp://, ipc://; borrowed until create returns */
    uint32_t num_endpoints;       /* 1..TYTO_PUBLISHER_MAX_ENDPOINTS */
    /* Where what was published can be asked for once somebody answers there: told to the very first
     * subscriber, who gets one hello and no other. At most TYTO_HELLO_MAX_QUERY_ENDPOINTS; copied.
     */
    const char *const *query_endpoints;
    uint32_t num_query_endpoints;
    uint32_t heartbeat_ms;        /* 0: the default */
    uint32_t queue_items;         /* events that may wait for the thread; 0: 8192 */
    uint32_t send_hwm;            /* messages kept for each subscriber; 0: 1000 */
    uint32_t max_connections;     /* others are turned away; 0: 128 */
    uint32_t max_users;           /* of those connections that may subscribe to anything; 0: all */
    struct tyto_access *access;   /* who may; NULL: anybody; borrowed until destroy */
    const char *version;          /* told to subscribers; copied */
    struct tyto_journal *journal; /* borrowed until destroy; NULL: nothing is kept */
    const char *state_path;     /* without a journal: file of open events, see open_events.h; NULL:
                                   none;     copied */
    const struct tyto_log *log; /* borrowed until destroy */
};

struct tyto_publisher;

/* Whether it is an endpoint: TYTO_ERR_INVALID with *ret_fault for a malformed one, and without keys
 * for a tcp address that other hosts can reach, where anybody could read everything. */
TYTO_MUST_CHECK
enum tyto_err tyto_publisher_check_endpoint(const char *endpoint, bool has_keys,
                                            struct tyto_fault *ret_fault);

/* Whether two endpoints, good ones, are one place: both cannot be bound. */
bool tyto_publisher_is_same_endpoint(const char *endpoint, const char *other);

/* Binds and starts the thread. INVALID, IO (in use, no permission) with
 * *ret_fault; NOMEM. */
TYTO_MUST_CHECK
enum tyto_err tyto_publisher_create(const struct tyto_publisher_params *params,
                                    struct tyto_publisher **ret_publisher,
                                    struct tyto_fault *ret_fault);
/* Publishes what waits, ends what is open (SHUTDOWN), gives subscribers 1 s to fetch it, joins;
 * nothing can be handed in any more. For who cannot be sure that nobody uses the publisher: it is
 * not freed. False when the thread did not end within 3 s, or another thread is at it: the process
 * should _exit(). */
bool tyto_publisher_finish(struct tyto_publisher *publisher);
/* Finishes and frees. False: as above; it keeps what it has. */
bool tyto_publisher_destroy(struct tyto_publisher **publisher);

/* Takes a row of scores for the journal; without one it is dropped. Any thread; never waits. */
void tyto_publisher_keep_scores(struct tyto_publisher *publisher,
                                struct tyto_journal_scores *scores);

/* Copy and queue; any thread. They wait (at most 1 s) only if the queue is full,
 * which takes a publisher thread that stands still; then TYTO_ERR_FULL, and the
 * loss becomes a gap in the sequence numbers. NOMEM. */
TYTO_MUST_CHECK
enum tyto_err tyto_publisher_event(struct tyto_publisher *publisher,
                                   const struct tyto_event *event);
TYTO_MUST_CHECK
enum tyto_err tyto_publisher_camera_state(struct tyto_publisher *publisher,
                                          const struct tyto_camera_state *state);
TYTO_MUST_CHECK
enum tyto_err tyto_publisher_model_state(struct tyto_publisher *publisher,
                                         const struct tyto_model_state *state);
/* Never waits: when many are queued the oldest is dropped. */
void tyto_publisher_debug(struct tyto_publisher *publisher, const struct tyto_debug_scores *debug);
/* Whether anyone subscribes to debug scores: spare yourself making them otherwise. */
bool tyto_publisher_wants_debug(const struct tyto_publisher *publisher);

/* Where what was published can be asked for, if it is elsewhere than the params said: told to who
 * subscribes after the next heartbeat. At most TYTO_HELLO_MAX_QUERY_ENDPOINTS; copied. Any thread.
 */
void tyto_publisher_set_query(struct tyto_publisher *publisher, const char *const *endpoints,
                              uint32_t num_endpoints);
/* Messages that were published and are not in the journal yet, from from_seq on, in order, all as
 * of one moment: at most max, a reference each (daemon/publish/outgoing.h). Returns how many.
 * Whoever looks here first and into the journal afterwards misses nothing. Any thread; never waits.
 */
uint32_t tyto_publisher_take_waiting(struct tyto_publisher *publisher, uint64_t from_seq,
                                     struct tyto_outgoing **ret_outgoing, uint32_t max);
/* What newcomers are told, as of now. Any thread. */
void tyto_publisher_get_hello(struct tyto_publisher *publisher, struct tyto_hello *ret_hello);

/* Whether anyone has subscribed below th/. Any thread. */
bool tyto_publisher_wants_thumbnails(const struct tyto_publisher *publisher);
/* The same below lv/. */
bool tyto_publisher_wants_live(const struct tyto_publisher *publisher);
/* A picture for who subscribes to th/CAMERA/, or lv/CAMERA/ where it is of no event. jpeg
 * (thumbnail->num_bytes) is *taken*. What is too much to hold, here or for slow subscribers, is
 * dropped and counted. Any thread; never waits. */
void tyto_publisher_thumbnail(struct tyto_publisher *publisher,
                              const struct tyto_thumbnail *thumbnail, uint8_t *jpeg);

struct tyto_publisher_counts {
    uint64_t last_seq;
    uint64_t num_events;  /* sent, to anyone or no one */
    uint64_t num_lost;    /* never sent: queue full, or out of limits */
    uint64_t num_dropped; /* debug scores dropped */
    uint64_t num_thumbnails, num_thumbnails_dropped;
    uint64_t thumbnail_bytes; /* held for subscribers */
    uint32_t num_queued;      /* that wait for the thread */
    uint32_t num_connections;
    uint32_t num_subscriptions;
    uint64_t num_cut_off; /* connections that took more than their share, or were too many */
    struct tyto_committer_counts journal; /* zeroes without one */
};
/* Of the thread: it makes one a second at least. Any thread; never waits. */
uint64_t tyto_publisher_num_turns(const struct tyto_publisher *publisher);
/* The same of ZeroMQ's own thread that serves subscribers (daemon/access/echo.h). Until the
 * publisher is finished. */
uint64_t tyto_publisher_num_echoes(const struct tyto_publisher *publisher);
/* The same of the thread that commits; 0 without a journal. */
uint64_t tyto_publisher_num_commit_turns(const struct tyto_publisher *publisher);
/* Any thread. */
void tyto_publisher_get_counts(const struct tyto_publisher *publisher,
                               struct tyto_publisher_counts *ret_counts);

#endif
