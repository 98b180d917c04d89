/* SPDX-License-Identifier: MIT */
/* What publisher.c (life, thread), messages.c (what is sent) and hand_in.c share. Internal.
 *
 * With a journal: ring -> committer's thread -> its ring -> the publisher's thread -> socket.
 * Without one the publisher's thread takes from ring itself. */
#ifndef TYTO_DAEMON_PUBLISH_INTERNAL_H
#define TYTO_DAEMON_PUBLISH_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/ring.h"
#include "daemon/publish/committer.h"
#include "daemon/publish/event_socket.h"
#include "daemon/publish/numbering.h"
#include "daemon/publish/open_events.h"
#include "daemon/publish/publisher.h"
#include "daemon/publish/subscribers.h"

struct tyto_publisher {
    struct tyto_log log;
    struct tyto_ring *ring; /* of struct tyto_envelope *, owned by the ring */
    struct tyto_ring *debug_ring;
    struct tyto_ring *thumbnail_ring; /* of struct tyto_thumbnail_message *, owned by it */
    struct tyto_numbering *numbering;
    pthread_t thread;
    bool is_running;
    atomic_bool is_finishing;
    uint32_t heartbeat_ms;
    char version[32];
    struct tyto_sender sender;
    struct tyto_journal *journal;     /* NULL: none */
    struct tyto_committer *committer; /* NULL: no journal */
    pthread_mutex_t query_lock;
    uint32_t num_query_endpoints; /* guarded by query_lock, as are these */
    char query_endpoints[TYTO_HELLO_MAX_QUERY_ENDPOINTS][256];
    atomic_bool is_hello_due; /* they have changed: those who are there are told, too */

    /* Of the thread once it runs. */
    struct tyto_event_socket socket;
    struct tyto_subscribers *subscribers;
    struct tyto_open_events *open;
    bool has_model;
    struct tyto_model_state model; /* the one that serves */
    bool is_repeat_due;            /* someone has subscribed to states since the last heartbeat */
    bool is_left_due;              /* someone has subscribed to events */
    bool is_left_told;
    uint64_t begin_ns;

    /* Read by any thread. */
    atomic_uint_fast64_t last_seq, num_events, num_bad, num_cut_off, num_turns;
    atomic_uint_fast32_t num_connections, num_subscriptions, num_debug_subscriptions,
        num_thumbnail_subscriptions, num_live_subscriptions;
    atomic_uint_fast64_t num_thumbnails, num_thumbnails_dropped;
    atomic_uint_fast64_t thumbnail_bytes; /* that libzmq holds, or is about to */
};

/* A picture on its way: libzmq frees it when the last subscriber has it. */
struct tyto_thumbnail_message {
    struct tyto_publisher *publisher;
    struct tyto_thumbnail thumbnail;
    uint8_t *jpeg; /* owned */
};

void tyto_publisher_free_thumbnail(struct tyto_thumbnail_message *message);

/* All of the publisher's thread. */

/* Sends one that has its number. Takes the reference. */
void tyto_publisher_send(struct tyto_publisher *publisher, struct tyto_outgoing *outgoing);
/* Sends a picture, or drops it where libzmq holds too many. Takes it. */
void tyto_publisher_send_thumbnail(struct tyto_publisher *publisher,
                                   struct tyto_thumbnail_message *message);
/* Sends one that needs no number. False: it is out of its limits. */
bool tyto_publisher_send_uncounted(struct tyto_publisher *publisher,
                                   struct tyto_envelope *envelope);
/* A heartbeat, and what newcomers are to learn: states as they are, ENDs of the run before. */
void tyto_publisher_beat(struct tyto_publisher *publisher);
void tyto_publisher_renew_welcome(struct tyto_publisher *publisher);
/* Any thread; hand_in.c. As tyto_publisher_event(), with a wait of the caller's choice. */
enum tyto_err tyto_publisher_hand_in_event(struct tyto_publisher *publisher,
                                           const struct tyto_event *event, uint32_t wait_ms);
/* END for each event that is still open: nobody else will say it. Nothing may be queued. */
void tyto_publisher_end_open(struct tyto_publisher *publisher);

#endif
