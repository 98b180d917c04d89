/* SPDX-License-Identifier: MIT */
/* The query socket: a ZeroMQ ROUTER where subscribers ask for what they have missed, for lists of
 * events, and for single ones (proto/query.proto, doc/protocol.md). Own thread, own connection to
 * the journal: what is asked here holds up nobody who publishes.
 *
 * With keys a peer is told of what its client may read, and nothing of the rest: not its messages,
 * not whether it is there. Numbers that it does not get for that are counted as withheld.
 *
 * What one peer may cost: TYTO_QUERY_SERVER_REQUESTS_PER_S requests on average, two replays or
 * snapshots a second, one of them at a time, TYTO_QUERY_MAX_CREDIT chunks on their way. And with
 * keys, what one key may cost over all of its connections: TYTO_QUERY_SERVER_USER_REQUESTS_PER_S
 * requests, TYTO_QUERY_SERVER_USER_JOBS replays and snapshots at a time,
 * TYTO_QUERY_SERVER_USER_BYTES_PER_S. */
#ifndef TYTO_DAEMON_QUERY_QUERY_H
#define TYTO_DAEMON_QUERY_QUERY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/fault.h"
#include "base/log.h"
#include "daemon/access/access.h"
#include "daemon/publish/outgoing.h"
#include "proto/event.h"

enum {
    TYTO_QUERY_SERVER_MAX_PEERS = 64,
    TYTO_QUERY_SERVER_REQUESTS_PER_S = 50,
    TYTO_QUERY_SERVER_USER_REQUESTS_PER_S = 100,
    TYTO_QUERY_SERVER_USER_BURST = 300,
    TYTO_QUERY_SERVER_USER_JOBS = 8,
    TYTO_QUERY_SERVER_USER_BYTES_PER_S = 16 << 20,
    TYTO_QUERY_SERVER_USER_BURST_BYTES = 128 << 20,
};

struct tyto_query_server_params {
    /* Good ones, by tyto_publisher_check_endpoint(); borrowed until create returns. */
    const char *const *endpoints;
    uint32_t num_endpoints;   /* 1..TYTO_HELLO_MAX_QUERY_ENDPOINTS */
    const char *journal_path; /* NULL: nothing is kept, and asking for it is refused; copied */
    /* Who may connect, and is told what; NULL: everybody, everything. Borrowed until destroy. */
    struct tyto_access *access;
    /* What newcomers are told, as of now. On the server's thread. */
    void (*hello)(void *user, struct tyto_hello *ret_hello);
    /* What was published and is not in the journal yet, as tyto_publisher_take_waiting(); NULL:
     * nothing ever is. On the server's thread. */
    uint32_t (*take_waiting)(void *user, uint64_t from_seq, struct tyto_outgoing **ret_outgoing,
                             uint32_t max);
    void *user; /* of both */
    /* What a key may have; 0: TYTO_QUERY_SERVER_USER_BYTES_PER_S, _BURST_BYTES. For tests. */
    uint32_t user_bytes_per_s, user_burst_bytes;
    const struct tyto_log *log; /* borrowed until destroy */
};

struct tyto_query_server;

/* Binds and starts the thread. IO, NOMEM with *ret_fault; INVALID: with keys, and a stranger is let
 * in nevertheless. */
TYTO_MUST_CHECK
enum tyto_err tyto_query_server_create(const struct tyto_query_server_params *params,
                                       struct tyto_query_server **ret_server,
                                       struct tyto_fault *ret_fault);
/* False when the thread did not end within 3 s: it keeps what it has, and the process should
 * _exit(). */
bool tyto_query_server_destroy(struct tyto_query_server **server);

/* Where it listens, a port that was left open filled in. Borrowed. endpoint_idx < num_endpoints. */
const char *tyto_query_server_endpoint(const struct tyto_query_server *server,
                                       uint32_t endpoint_idx);

struct tyto_query_server_counts {
    uint64_t num_turns;  /* of the thread: one a second at least */
    uint64_t num_echoes; /* of ZeroMQ's own thread (daemon/access/echo.h) */
    uint64_t num_requests, num_refused;
    uint64_t num_replays;  /* begun, with snapshots */
    uint64_t num_replayed; /* messages sent in them */
    uint32_t num_connections;
};
/* Any thread. */
void tyto_query_server_get_counts(const struct tyto_query_server *server,
                                  struct tyto_query_server_counts *ret_counts);

#endif
