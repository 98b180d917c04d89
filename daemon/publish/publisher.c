/* SPDX-License-Identifier: MIT */
#include "daemon/publish/publisher.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/thread.h"
#include "daemon/gate/gate.h"
#include "daemon/publish/internal.h"

enum {
    DEBUG_QUEUE_ITEMS = 256,
    MAX_PER_TURN = 1024, /* then heartbeat and subscriptions get their turn */
    MAX_WAIT_MS = 1000,
    DEFAULT_CONNECTIONS = 128, /* twice as many users as are planned for: some are half gone */
};

/* What the thread may take for the messages that wait, and the socket for its last ones. */
#define END_NS ((TYTO_EVENT_SOCKET_LINGER_MS + 3000) * TYTO_NS_PER_MS)

/* --- the thread -------------------------------------------------------------------- */

/* CLOSED when the ring is closed and empty. */
static enum tyto_err publish_waiting(struct tyto_publisher *publisher, struct tyto_ring *ring)
{
    enum tyto_err err = TYTO_OK;
    for (int i = 0; !err && i < MAX_PER_TURN; i++) {
        void *item;
        err = tyto_ring_pop(ring, &item);
        if (!err) {
            tyto_publisher_send(publisher, item);
            free(item);
        }
    }
    return err;
}

/* All subscribers are dropped, so that libzmq lets go of what it holds for them. They come back. */
static void remake_socket(struct tyto_publisher *publisher)
{
    tyto_log_write(&publisher->log, TYTO_LOG_ERROR, "publisher",
                   "more is subscribed than there is room for: all subscribers are dropped and may "
                   "come again");
    enum tyto_err err = tyto_event_socket_remake(&publisher->socket);
    tyto_subscribers_forget(publisher->subscribers);
    tyto_publisher_renew_welcome(publisher);
    if (!err)
        err = tyto_event_socket_start(&publisher->socket);
    if (err)
        tyto_log_write(&publisher->log, TYTO_LOG_ERROR, "publisher",
                       "no new socket: %s; tried again", tyto_err_text(err));
}

static void take_upstream(struct tyto_publisher *publisher)
{
    struct tyto_subscribers_news news;
    struct tyto_subscribers_counts counts;
    if (!publisher->socket.xpub) {
        remake_socket(publisher);
        return;
    }
    tyto_subscribers_take(publisher->subscribers, &publisher->socket, &news);
    publisher->is_repeat_due |= news.for_states;
    publisher->is_left_due |= news.for_events;
    if (news.is_over)
        remake_socket(publisher);
    tyto_subscribers_get_counts(publisher->subscribers, &counts);
    atomic_store(&publisher->num_connections, counts.num_connections);
    atomic_store(&publisher->num_subscriptions, counts.num_subscriptions);
    atomic_store(&publisher->num_debug_subscriptions, counts.num_debug_subscriptions);
    atomic_store(&publisher->num_cut_off, counts.num_cut_off);
}

/* Until something comes, or it is time for a heartbeat, or a second has passed. */
static bool wait_for_work(struct tyto_publisher *publisher, uint64_t until_ns)
{
    const uint64_t now_ns = tyto_clock_mono_ns();
    const uint64_t left_ms = until_ns > now_ns ? (until_ns - now_ns) / TYTO_NS_PER_MS + 1 : 0;
    const int fds[] = {tyto_ring_fd(publisher->ring), tyto_ring_fd(publisher->debug_ring)};
    return tyto_event_socket_wait(&publisher->socket, fds, 2,
                                  left_ms < MAX_WAIT_MS ? (int)left_ms : MAX_WAIT_MS);
}

static void *run(void *user)
{
    struct tyto_publisher *publisher = user;
    uint64_t next_beat_ns = tyto_clock_mono_ns();
    bool is_going = true;
    pthread_setname_np(pthread_self(), "tyto-publish");
    while (is_going) {
        const uint64_t now_ns = tyto_clock_mono_ns();
        if (now_ns >= next_beat_ns) {
            tyto_publisher_beat(publisher);
            next_beat_ns = now_ns + publisher->heartbeat_ms * TYTO_NS_PER_MS;
        }
        is_going = wait_for_work(publisher, next_beat_ns);
        take_upstream(publisher);
        (void)publish_waiting(publisher, publisher->debug_ring);
        is_going &= publish_waiting(publisher, publisher->ring) != TYTO_ERR_CLOSED;
        atomic_fetch_add(&publisher->num_turns, 1);
    }
    tyto_publisher_end_open(publisher);
    tyto_event_socket_close(&publisher->socket);
    return NULL;
}

/* --- making ------------------------------------------------------------------------- */

static enum tyto_err open_socket(struct tyto_publisher *publisher,
                                 const struct tyto_publisher_params *params,
                                 struct tyto_fault *ret_fault)
{
    const enum tyto_err err = tyto_event_socket_open(&publisher->socket, params, ret_fault);
    if (err)
        return err;
    tyto_publisher_renew_welcome(publisher); /* before anyone is served */
    return tyto_event_socket_start(&publisher->socket);
}

static enum tyto_err start(struct tyto_publisher *publisher,
                           const struct tyto_publisher_params *params, struct tyto_fault *ret_fault)
{
    const uint32_t max_connections =
        params->max_connections ? params->max_connections : DEFAULT_CONNECTIONS;
    enum tyto_err err = tyto_uuid_make(publisher->boot_id);
    if (!err)
        err = tyto_open_events_create(params->state_path, &publisher->log, &publisher->open);
    if (!err)
        memcpy(publisher->log_id, tyto_open_events_log_id(publisher->open), TYTO_UUID_BYTES);
    if (!err)
        err = tyto_ring_create(params->queue_items ? params->queue_items : 8192, &publisher->ring);
    if (!err)
        err = tyto_ring_create(DEBUG_QUEUE_ITEMS, &publisher->debug_ring);
    if (!err)
        err = tyto_numbering_create(&publisher->numbering);
    if (!err)
        err = tyto_subscribers_create(max_connections, &publisher->log, &publisher->subscribers);
    if (!err)
        err = open_socket(publisher, params, ret_fault);
    if (err)
        return err;
    publisher->begin_ns = tyto_clock_mono_ns();
    /* The socket moves to the thread; pthread_create is the full fence that takes. */
    if (pthread_create(&publisher->thread, NULL, run, publisher) != 0)
        return tyto_fault_set(ret_fault, TYTO_ERR_NOMEM, NULL, 0, NULL, "no thread: %s",
                              strerror(errno));
    publisher->is_running = true;
    return TYTO_OK;
}

enum tyto_err tyto_publisher_create(const struct tyto_publisher_params *params,
                                    struct tyto_publisher **ret_publisher,
                                    struct tyto_fault *ret_fault)
{
    if (params->num_endpoints < 1 || params->num_endpoints > TYTO_PUBLISHER_MAX_ENDPOINTS)
        return tyto_fault_set(ret_fault, TYTO_ERR_INVALID, NULL, 0, NULL,
                              "1..%d endpoints are needed", TYTO_PUBLISHER_MAX_ENDPOINTS);
    struct tyto_publisher *publisher = calloc(1, sizeof(*publisher));
    if (!publisher)
        return tyto_fault_set(ret_fault, TYTO_ERR_NOMEM, NULL, 0, NULL, "out of memory");
    if (params->log)
        publisher->log = *params->log;
    publisher->heartbeat_ms =
        params->heartbeat_ms ? params->heartbeat_ms : TYTO_PUBLISHER_DEFAULT_HEARTBEAT_MS;
    snprintf(publisher->version, sizeof(publisher->version), "%s",
             params->version ? params->version : "");
    if (ret_fault)
        memset(ret_fault, 0, sizeof(*ret_fault));
    const enum tyto_err err = start(publisher, params, ret_fault);
    if (err) {
        if (ret_fault && !ret_fault->text[0])
            (void)tyto_fault_set(ret_fault, err, NULL, 0, NULL, "%s", tyto_err_text(err));
        tyto_publisher_destroy(&publisher);
        return err;
    }
    *ret_publisher = publisher;
    return TYTO_OK;
}

static void drain(struct tyto_ring *ring)
{
    void *item;
    while (ring && tyto_ring_pop(ring, &item) == TYTO_OK)
        free(item);
}

bool tyto_publisher_finish(struct tyto_publisher *publisher)
{
    if (!publisher)
        return true;
    if (!publisher->is_running || atomic_exchange(&publisher->is_finishing, true))
        return !publisher->is_running;
    tyto_ring_close(publisher->ring);
    if (!tyto_thread_join(publisher->thread, END_NS))
        return false; /* its own until the process ends */
    publisher->is_running = false;
    return true;
}

bool tyto_publisher_destroy(struct tyto_publisher **publisher)
{
    if (!publisher || !*publisher)
        return true;
    struct tyto_publisher *self = *publisher;
    *publisher = NULL;
    if (!tyto_publisher_finish(self))
        return false;
    tyto_event_socket_close(&self->socket);
    drain(self->ring);
    drain(self->debug_ring);
    tyto_ring_destroy(&self->ring);
    tyto_ring_destroy(&self->debug_ring);
    tyto_numbering_destroy(&self->numbering);
    tyto_open_events_destroy(&self->open);
    tyto_subscribers_destroy(&self->subscribers);
    free(self);
    return true;
}

/* --- what there is to know ---------------------------------------------------------------------
 */

bool tyto_publisher_wants_debug(const struct tyto_publisher *publisher)
{
    return atomic_load(&publisher->num_debug_subscriptions) > 0;
}

uint64_t tyto_publisher_num_turns(const struct tyto_publisher *publisher)
{
    return atomic_load(&publisher->num_turns);
}

void tyto_publisher_get_counts(const struct tyto_publisher *publisher,
                               struct tyto_publisher_counts *ret_counts)
{
    ret_counts->last_seq = atomic_load(&publisher->last_seq);
    ret_counts->num_events = atomic_load(&publisher->num_events);
    ret_counts->num_lost =
        tyto_numbering_num_lost(publisher->numbering) + atomic_load(&publisher->num_bad);
    ret_counts->num_dropped = tyto_ring_num_dropped(publisher->debug_ring);
    ret_counts->num_connections = (uint32_t)atomic_load(&publisher->num_connections);
    ret_counts->num_subscriptions = (uint32_t)atomic_load(&publisher->num_subscriptions);
    ret_counts->num_cut_off = atomic_load(&publisher->num_cut_off) + tyto_gate_num_closed();
}
