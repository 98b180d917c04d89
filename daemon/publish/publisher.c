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
    THUMBNAIL_QUEUE_ITEMS = 32,
    MAX_PER_TURN = 1024, /* then heartbeat and subscriptions get their turn */
    MAX_WAIT_MS = 1000,
    DEFAULT_CONNECTIONS = 128, /* twice as many users as are planned for: some are half gone */
};

/* What the thread may take for the messages that wait, and the socket for its last ones. */
#define END_NS ((TYTO_EVENT_SOCKET_LINGER_MS + 3000) * TYTO_NS_PER_MS)

/* --- the thread -------------------------------------------------------------------- */

static void send_debug(struct tyto_publisher *publisher)
{
    void *item;
    for (int i = 0; i < MAX_PER_TURN && tyto_ring_pop(publisher->debug_ring, &item) == TYTO_OK;
         i++) {
        (void)tyto_publisher_send_uncounted(publisher, item);
        free(item);
    }
}

static void send_thumbnails(struct tyto_publisher *publisher)
{
    void *item;
    for (int i = 0;
         i < THUMBNAIL_QUEUE_ITEMS && tyto_ring_pop(publisher->thumbnail_ring, &item) == TYTO_OK;
         i++)
        tyto_publisher_send_thumbnail(publisher, item);
}

/* One that was handed in, without a journal. Takes it. */
static void make_and_send(struct tyto_publisher *publisher, struct tyto_envelope *envelope)
{
    struct tyto_outgoing *outgoing = NULL;
    const enum tyto_err err = tyto_outgoing_make(&publisher->sender, envelope, &outgoing);
    if (err)
        tyto_log_write(&publisher->log, TYTO_LOG_ERROR, "publisher",
                       "a message of kind %d is not sent: %s", (int)envelope->kind,
                       tyto_err_text(err));
    if (outgoing)
        tyto_publisher_send(publisher, outgoing);
    else
        atomic_fetch_add(&publisher->num_bad, 1);
    free(envelope);
}

/* What is to be sent, in order. */
static struct tyto_ring *source(const struct tyto_publisher *publisher)
{
    return publisher->committer ? tyto_committer_ring(publisher->committer) : publisher->ring;
}

/* CLOSED when all has been sent, and there will be no more. */
static enum tyto_err publish_waiting(struct tyto_publisher *publisher)
{
    enum tyto_err err = TYTO_OK;
    for (int i = 0; !err && i < MAX_PER_TURN; i++) {
        void *item;
        err = tyto_ring_pop(source(publisher), &item);
        if (!err && publisher->committer)
            tyto_publisher_send(publisher, item);
        else if (!err)
            make_and_send(publisher, item);
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
    atomic_store(&publisher->num_thumbnail_subscriptions, counts.num_thumbnail_subscriptions);
    atomic_store(&publisher->num_live_subscriptions, counts.num_live_subscriptions);
    atomic_store(&publisher->num_cut_off, counts.num_cut_off);
}

/* Until something comes, or it is time for a heartbeat, or a second has passed. */
static bool wait_for_work(struct tyto_publisher *publisher, uint64_t until_ns)
{
    const uint64_t now_ns = tyto_clock_mono_ns();
    const uint64_t left_ms = until_ns > now_ns ? (until_ns - now_ns) / TYTO_NS_PER_MS + 1 : 0;
    const int fds[] = {tyto_ring_fd(source(publisher)), tyto_ring_fd(publisher->debug_ring),
                       tyto_ring_fd(publisher->thumbnail_ring)};
    return tyto_event_socket_wait(&publisher->socket, fds, 3,
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
        tyto_echo_turn(publisher->socket.echo);
        send_debug(publisher);
        send_thumbnails(publisher);
        is_going &= publish_waiting(publisher) != TYTO_ERR_CLOSED;
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
    enum tyto_err start_err = tyto_event_socket_start(&publisher->socket);
    if (!start_err)
        start_err = tyto_event_socket_check_closed(&publisher->socket, ret_fault);
    return start_err;
}

static enum tyto_err restore_counter(void *user, const char *camera, const char *class_name,
                                     uint64_t num)
{
    struct tyto_publisher *publisher = user;
    return tyto_numbering_restore_counter(publisher->numbering, camera, class_name, num);
}

static enum tyto_err restore_open(void *user, const struct tyto_event *event)
{
    struct tyto_publisher *publisher = user;
    const enum tyto_err err = tyto_open_events_add_left(publisher->open, event);
    return err == TYTO_ERR_FULL ? TYTO_OK : err; /* the next run's, then */
}

/* What the run before has left in the journal. */
static enum tyto_err restore(struct tyto_publisher *publisher)
{
    const uint64_t seq = tyto_journal_first_free(publisher->journal);
    tyto_numbering_restore(publisher->numbering, seq);
    atomic_store(&publisher->last_seq, seq);
    const enum tyto_err err =
        tyto_journal_each_counter(publisher->journal, restore_counter, publisher);
    return !err ? tyto_journal_each_open(publisher->journal, restore_open, publisher) : err;
}

static enum tyto_err start_committer(struct tyto_publisher *publisher)
{
    const struct tyto_committer_params params = {
        .from = publisher->ring,
        .journal = publisher->journal,
        .sender = &publisher->sender,
        .log = &publisher->log,
    };
    return tyto_committer_create(&params, &publisher->committer);
}

static enum tyto_err start(struct tyto_publisher *publisher,
                           const struct tyto_publisher_params *params, struct tyto_fault *ret_fault)
{
    const uint32_t max_connections =
        params->max_connections ? params->max_connections : DEFAULT_CONNECTIONS;
    enum tyto_err err = tyto_uuid_make(publisher->sender.boot_id);
    publisher->journal = params->journal;
    if (!err)
        err = tyto_open_events_create(publisher->journal ? NULL : params->state_path,
                                      &publisher->log, &publisher->open);
    /* Without a journal numbers begin anew with each run: they are another log's. */
    memcpy(publisher->sender.log_id,
           publisher->journal ? tyto_journal_log_id(publisher->journal) : publisher->sender.boot_id,
           TYTO_UUID_BYTES);
    if (!err)
        err = tyto_ring_create(params->queue_items ? params->queue_items : 8192, &publisher->ring);
    if (!err)
        err = tyto_ring_create(DEBUG_QUEUE_ITEMS, &publisher->debug_ring);
    if (!err)
        err = tyto_ring_create(THUMBNAIL_QUEUE_ITEMS, &publisher->thumbnail_ring);
    if (!err)
        err = tyto_numbering_create(&publisher->numbering);
    if (!err && publisher->journal)
        err = restore(publisher);
    if (!err)
        err = tyto_subscribers_create(max_connections, &publisher->log, &publisher->subscribers);
    if (!err) {
        tyto_subscribers_admit(publisher->subscribers, params->access, params->max_users);
        err = open_socket(publisher, params, ret_fault);
    }
    if (!err && publisher->journal)
        err = start_committer(publisher);
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
    pthread_mutex_init(&publisher->query_lock, NULL);
    publisher->heartbeat_ms =
        params->heartbeat_ms ? params->heartbeat_ms : TYTO_PUBLISHER_DEFAULT_HEARTBEAT_MS;
    snprintf(publisher->version, sizeof(publisher->version), "%s",
             params->version ? params->version : "");
    tyto_publisher_set_query(publisher, params->query_endpoints, params->num_query_endpoints);
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
    return !publisher->committer || tyto_committer_join(publisher->committer, END_NS);
}

/* A thread of its own was made, but not the publisher's. */
static bool end_committer(struct tyto_publisher *publisher)
{
    if (!publisher->committer)
        return true;
    tyto_ring_close(publisher->ring);
    return tyto_committer_join(publisher->committer, END_NS);
}

bool tyto_publisher_destroy(struct tyto_publisher **publisher)
{
    if (!publisher || !*publisher)
        return true;
    struct tyto_publisher *self = *publisher;
    *publisher = NULL;
    if (!tyto_publisher_finish(self) || !end_committer(self))
        return false;
    tyto_committer_destroy(&self->committer);
    tyto_event_socket_close(&self->socket);
    drain(self->ring);
    drain(self->debug_ring);
    void *item;
    while (self->thumbnail_ring && tyto_ring_pop(self->thumbnail_ring, &item) == TYTO_OK)
        tyto_publisher_free_thumbnail(item);
    tyto_ring_destroy(&self->ring);
    tyto_ring_destroy(&self->debug_ring);
    tyto_ring_destroy(&self->thumbnail_ring);
    tyto_numbering_destroy(&self->numbering);
    tyto_open_events_destroy(&self->open);
    tyto_subscribers_destroy(&self->subscribers);
    pthread_mutex_destroy(&self->query_lock);
    free(self);
    return true;
}

/* --- what there is to know ---------------------------------------------------------------------
 */

bool tyto_publisher_wants_debug(const struct tyto_publisher *publisher)
{
    return atomic_load(&publisher->num_debug_subscriptions) > 0;
}

bool tyto_publisher_wants_thumbnails(const struct tyto_publisher *publisher)
{
    return atomic_load(&publisher->num_thumbnail_subscriptions) > 0;
}

bool tyto_publisher_wants_live(const struct tyto_publisher *publisher)
{
    return atomic_load(&publisher->num_live_subscriptions) > 0;
}

uint64_t tyto_publisher_num_turns(const struct tyto_publisher *publisher)
{
    return atomic_load(&publisher->num_turns);
}

uint64_t tyto_publisher_num_echoes(const struct tyto_publisher *publisher)
{
    return tyto_echo_num(publisher->socket.echo);
}

uint64_t tyto_publisher_num_commit_turns(const struct tyto_publisher *publisher)
{
    struct tyto_committer_counts counts = {.num_turns = 0};
    if (publisher->committer)
        tyto_committer_get_counts(publisher->committer, &counts);
    return counts.num_turns;
}

void tyto_publisher_set_query(struct tyto_publisher *publisher, const char *const *endpoints,
                              uint32_t num_endpoints)
{
    pthread_mutex_lock(&publisher->query_lock);
    publisher->num_query_endpoints = 0;
    for (uint32_t i = 0; i < num_endpoints && i < TYTO_HELLO_MAX_QUERY_ENDPOINTS; i++)
        snprintf(publisher->query_endpoints[publisher->num_query_endpoints++],
                 sizeof(publisher->query_endpoints[0]), "%s", endpoints[i]);
    pthread_mutex_unlock(&publisher->query_lock);
    atomic_store(&publisher->is_hello_due, true);
}

uint32_t tyto_publisher_take_waiting(struct tyto_publisher *publisher, uint64_t from_seq,
                                     struct tyto_outgoing **ret_outgoing, uint32_t max)
{
    return publisher->committer
               ? tyto_committer_take_waiting(publisher->committer, from_seq, ret_outgoing, max)
               : 0;
}

void tyto_publisher_get_counts(const struct tyto_publisher *publisher,
                               struct tyto_publisher_counts *ret_counts)
{
    ret_counts->last_seq = atomic_load(&publisher->last_seq);
    ret_counts->num_events = atomic_load(&publisher->num_events);
    ret_counts->num_lost =
        tyto_numbering_num_lost(publisher->numbering) + atomic_load(&publisher->num_bad);
    ret_counts->num_queued = tyto_ring_num_items(publisher->ring);
    ret_counts->num_dropped = tyto_ring_num_dropped(publisher->debug_ring);
    ret_counts->num_thumbnails = atomic_load(&publisher->num_thumbnails);
    ret_counts->num_thumbnails_dropped = atomic_load(&publisher->num_thumbnails_dropped);
    ret_counts->thumbnail_bytes = atomic_load(&publisher->thumbnail_bytes);
    ret_counts->num_connections = (uint32_t)atomic_load(&publisher->num_connections);
    ret_counts->num_subscriptions = (uint32_t)atomic_load(&publisher->num_subscriptions);
    ret_counts->num_cut_off = atomic_load(&publisher->num_cut_off) + tyto_gate_num_closed();
    memset(&ret_counts->journal, 0, sizeof(ret_counts->journal));
    if (publisher->committer)
        tyto_committer_get_counts(publisher->committer, &ret_counts->journal);
}
