/* SPDX-License-Identifier: MIT */
#include "daemon/query/query.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/bucket.h"
#include "base/clock.h"
#include "base/thread.h"
#include "daemon/query/internal.h"

enum {
    REQUESTS_PER_TURN = 64,
    REQUEST_BURST = 100,
    REPLAYS_PER_S = 2,
    REPLAY_BURST = 8,
    WAIT_MS = 500,
    BUSY_WAIT_MS = 10,
};
#define END_NS (3 * TYTO_NS_PER_S)

/* --- peers ---------------------------------------------------------------------------------------
 */

static bool is_named(const void *slot, const void *key)
{
    const struct tyto_query_peer *peer = slot;
    const struct tyto_query_name *name = key;
    return peer->name.num_bytes == name->num_bytes && name->num_bytes > 0 &&
           memcmp(peer->name.bytes, name->bytes, name->num_bytes) == 0;
}

static struct tyto_query_peer *find_peer(struct tyto_query_server *server,
                                         const struct tyto_query_name *name)
{
    bool is_new = false;
    struct tyto_query_peer *peer =
        tyto_query_find_slot(server->peers, sizeof(server->peers) / sizeof(server->peers[0]),
                             sizeof(server->peers[0]), is_named, name, &is_new);
    if (!is_new)
        return peer;
    tyto_query_job_end(peer);
    memset(peer, 0, sizeof(*peer));
    peer->name = *name;
    peer->fd = -1;
    peer->tokens = REQUEST_BURST;
    peer->replay_tokens = REPLAY_BURST;
    (void)tyto_query_touch_slot(&peer->slot);
    return peer;
}

/* Whether the peer may ask that, by what it has asked before. */
static bool may_ask(struct tyto_query_peer *peer, enum tyto_request_kind kind)
{
    const double s = tyto_query_touch_slot(&peer->slot);
    /* Those that cost the most. */
    const bool is_replay =
        kind == TYTO_REQUEST_REPLAY || kind == TYTO_REQUEST_SNAPSHOT || kind == TYTO_REQUEST_FIND;
    tyto_bucket_fill(&peer->tokens, s, TYTO_QUERY_SERVER_REQUESTS_PER_S, REQUEST_BURST);
    tyto_bucket_fill(&peer->replay_tokens, s, REPLAYS_PER_S, REPLAY_BURST);
    if (kind == TYTO_REQUEST_CREDIT && peer->job.is_there)
        return true; /* bounded by the chunks that it has got */
    return tyto_bucket_take(is_replay ? &peer->replay_tokens : &peer->tokens);
}

/* What its key may cost, over all connections. NULL: it may; else why not. */
static const char *find_over(struct tyto_query_server *server, const char *user,
                             enum tyto_request_kind kind)
{
    struct tyto_query_share *share = tyto_query_share_of(server, user);
    server->paying = share;
    if (!share || kind == TYTO_REQUEST_CREDIT)
        return NULL;
    if (share->requests < 1.0)
        return "too many requests by your key: wait a second";
    if (share->bytes <= 0)
        return "your key has had its share of bytes: wait a second";
    share->requests -= 1.0;
    return NULL;
}

/* --- the thread ----------------------------------------------------------------------------------
 */

/* A name may be another connection's by now: what that one has begun is not this one's. */
static struct tyto_query_peer *greet(struct tyto_query_server *server,
                                     const struct tyto_query_sender *sender)
{
    struct tyto_query_peer *peer = find_peer(server, &sender->name);
    if (peer->fd != sender->fd || strcmp(peer->user, sender->user) != 0)
        tyto_query_job_end(peer);
    peer->fd = sender->fd;
    memcpy(peer->user, sender->user, sizeof(peer->user));
    return peer;
}

static void take_request(struct tyto_query_server *server, const struct tyto_query_sender *sender,
                         const uint8_t *bytes, size_t num_bytes)
{
    static _Thread_local struct tyto_request request;
    const struct tyto_query_name *name = &sender->name;
    struct tyto_query_peer *peer = greet(server, sender);
    uint64_t id = 0;
    atomic_fetch_add(&server->num_requests, 1);
    const enum tyto_err err = tyto_request_unpack(bytes, num_bytes, &request, &id);
    const enum tyto_request_kind kind = err ? TYTO_REQUEST_NONE : request.kind;
    const char *over = find_over(server, sender->user, kind);
    if (!tyto_query_take_rights(server, sender->user)) {
        tyto_query_refuse(server, name, id, TYTO_QUERY_RATE_LIMITED, 0,
                          "your rights have changed meanwhile: ask again");
        tyto_query_socket_cut_off(&server->socket, sender->fd);
    } else if (over || !may_ask(peer, kind)) {
        tyto_query_refuse(server, name, id, TYTO_QUERY_RATE_LIMITED, 0,
                          over ? over : "too many requests: wait a second");
    } else if (err) {
        tyto_query_refuse(server, name, id, TYTO_QUERY_BAD_REQUEST, 0,
                          "this is no sound request: see query.proto for its limits");
        return;
    } else if (request.kind == TYTO_REQUEST_REPLAY || request.kind == TYTO_REQUEST_SNAPSHOT) {
        tyto_query_job_begin(server, peer, &request);
    } else if (request.kind == TYTO_REQUEST_CREDIT) {
        tyto_query_job_credit(peer, &request);
    } else if (request.kind == TYTO_REQUEST_SCORES) {
        tyto_query_answer_scores(server, name, &request);
    } else {
        tyto_query_answer(server, name, &request);
    }
    if (!err)
        tyto_request_clear(&request);
}

static void take_requests(struct tyto_query_server *server)
{
    uint8_t bytes[TYTO_REQUEST_MAX_BYTES];
    struct tyto_query_sender sender;
    size_t num_bytes = 0;
    for (int i = 0; i < REQUESTS_PER_TURN; i++) {
        if (!tyto_query_socket_receive(&server->socket, &sender, bytes, sizeof(bytes), &num_bytes))
            return;
        /* Libzmq tells of a connection before it gives its first message. */
        tyto_query_socket_look_after(&server->socket, tyto_query_jobs_forget, server);
        take_request(server, &sender, bytes, num_bytes <= sizeof(bytes) ? num_bytes : 0);
    }
}

static bool has_jobs(const struct tyto_query_server *server)
{
    for (size_t i = 0; i < sizeof(server->peers) / sizeof(server->peers[0]); i++) {
        if (server->peers[i].job.is_there && server->peers[i].job.credit > 0)
            return true;
    }
    return false;
}

/* Whose rights have changed must come again; what he has begun ends here. */
static void check_rights(struct tyto_query_server *server)
{
    const uint64_t generation = server->access ? tyto_access_generation(server->access) : 0;
    if (generation == server->generation)
        return;
    server->generation = generation;
    tyto_query_socket_cut_silent(&server->socket);
    for (size_t i = 0; i < sizeof(server->peers) / sizeof(server->peers[0]); i++) {
        struct tyto_query_peer *peer = &server->peers[i];
        if (peer->name.num_bytes == 0 || peer->fd < 0 ||
            tyto_access_knows(server->access, peer->user))
            continue;
        tyto_query_job_end(peer);
        tyto_query_socket_cut_off(&server->socket, peer->fd);
    }
}

static void *run(void *user)
{
    struct tyto_query_server *server = user;
    bool has_more = false;
    pthread_setname_np(pthread_self(), "tyto-query");
    while (!atomic_load(&server->is_ending)) {
        const int wait_ms = has_jobs(server) ? BUSY_WAIT_MS : WAIT_MS;
        tyto_query_socket_wait(&server->socket, server->end_fd, has_more ? 0 : wait_ms);
        tyto_query_socket_look_after(&server->socket, tyto_query_jobs_forget, server);
        check_rights(server);
        tyto_echo_turn(server->socket.echo);
        atomic_store(&server->num_connections, server->socket.num_connections);
        server->patience_ns = TYTO_QUERY_PATIENCE_NS;
        take_requests(server);
        has_more = tyto_query_jobs_run(server);
        atomic_fetch_add(&server->num_turns, 1);
    }
    return NULL;
}

/* --- life ----------------------------------------------------------------------------------------
 */

static enum tyto_err start(struct tyto_query_server *server,
                           const struct tyto_query_server_params *params,
                           struct tyto_fault *ret_fault)
{
    server->end_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (server->end_fd < 0)
        return tyto_fault_set(ret_fault, TYTO_ERR_IO, NULL, 0, NULL, "no eventfd: %s",
                              strerror(errno));
    const enum tyto_err err = tyto_query_socket_open(
        &server->socket, params->access, params->endpoints, params->num_endpoints, ret_fault);
    if (err)
        return err;
    if (pthread_create(&server->thread, NULL, run, server) != 0)
        return tyto_fault_set(ret_fault, TYTO_ERR_NOMEM, NULL, 0, NULL, "no thread");
    server->is_running = true;
    return TYTO_OK;
}

enum tyto_err tyto_query_server_create(const struct tyto_query_server_params *params,
                                       struct tyto_query_server **ret_server,
                                       struct tyto_fault *ret_fault)
{
    if (params->num_endpoints < 1 || params->num_endpoints > TYTO_HELLO_MAX_QUERY_ENDPOINTS)
        return tyto_fault_set(ret_fault, TYTO_ERR_INVALID, NULL, 0, NULL,
                              "1..%d endpoints are needed", TYTO_HELLO_MAX_QUERY_ENDPOINTS);
    struct tyto_query_server *server = calloc(1, sizeof(*server));
    if (!server)
        return tyto_fault_set(ret_fault, TYTO_ERR_NOMEM, NULL, 0, NULL, "out of memory");
    server->end_fd = -1;
    server->access = params->access;
    server->hello = params->hello;
    server->take_waiting = params->take_waiting;
    server->user_bytes_per_s =
        params->user_bytes_per_s ? params->user_bytes_per_s : TYTO_QUERY_SERVER_USER_BYTES_PER_S;
    server->user_burst_bytes =
        params->user_burst_bytes ? params->user_burst_bytes : TYTO_QUERY_SERVER_USER_BURST_BYTES;
    server->user = params->user;
    if (params->log)
        server->log = *params->log;
    snprintf(server->journal_path, sizeof(server->journal_path), "%s",
             params->journal_path ? params->journal_path : "");
    const enum tyto_err err = start(server, params, ret_fault);
    if (err)
        (void)tyto_query_server_destroy(&server);
    else
        *ret_server = server;
    return err;
}

bool tyto_query_server_destroy(struct tyto_query_server **server)
{
    if (!server || !*server)
        return true;
    struct tyto_query_server *self = *server;
    const uint64_t one = 1;
    *server = NULL;
    atomic_store(&self->is_ending, true);
    if (self->end_fd >= 0)
        (void)!write(self->end_fd, &one, sizeof(one));
    if (self->is_running && !tyto_thread_join(self->thread, END_NS))
        return false;
    for (size_t i = 0; i < sizeof(self->peers) / sizeof(self->peers[0]); i++)
        tyto_query_job_end(&self->peers[i]);
    tyto_query_socket_close(&self->socket);
    tyto_journal_reader_close(&self->reader);
    if (self->end_fd >= 0)
        close(self->end_fd);
    free(self);
    return true;
}

const char *tyto_query_server_endpoint(const struct tyto_query_server *server,
                                       uint32_t endpoint_idx)
{
    return server->socket.endpoints[endpoint_idx];
}

void tyto_query_server_get_counts(const struct tyto_query_server *server,
                                  struct tyto_query_server_counts *ret_counts)
{
    ret_counts->num_turns = atomic_load(&server->num_turns);
    ret_counts->num_echoes = tyto_echo_num(server->socket.echo);
    ret_counts->num_requests = atomic_load(&server->num_requests);
    ret_counts->num_refused = atomic_load(&server->num_refused);
    ret_counts->num_replays = atomic_load(&server->num_replays);
    ret_counts->num_replayed = atomic_load(&server->num_replayed);
    ret_counts->num_connections = (uint32_t)atomic_load(&server->num_connections);
}
