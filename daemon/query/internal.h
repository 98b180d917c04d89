/* SPDX-License-Identifier: MIT */
/* What the files of the query server share. Internal. */
#ifndef TYTO_DAEMON_QUERY_INTERNAL_H
#define TYTO_DAEMON_QUERY_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "daemon/access/access.h"
#include "daemon/access/echo.h"
#include "daemon/journal/journal.h"
#include "daemon/query/query.h"
#include "proto/query.h"

/* --- socket.c: the ROUTER, its connections --------------------------------------------------- */

struct tyto_query_name { /* of a peer, as the socket gives it */
    uint32_t num_bytes;
    uint8_t bytes[255];
};

struct tyto_query_sender {
    struct tyto_query_name name;
    int fd;                              /* of its connection; -1: not known any more */
    char user[TYTO_ACCESS_USER_MAX + 1]; /* with keys: who has shaken hands */
};

struct tyto_query_connection {
    int fd;
    bool has_asked, is_cut; /* shut down; its end has not been told yet */
    uint64_t begin_ns;
};

enum { TYTO_QUERY_MAX_CONNECTIONS = 2 * TYTO_QUERY_SERVER_MAX_PEERS };

struct tyto_query_socket {
    void *context, *router, *monitor;
    struct tyto_echo *echo;     /* of the context; NULL: it cannot be had */
    struct tyto_access *access; /* NULL: anybody may connect */
    uint32_t num_endpoints;
    char endpoints[TYTO_HELLO_MAX_QUERY_ENDPOINTS][256]; /* as bound */
    int listen_fds[TYTO_HELLO_MAX_QUERY_ENDPOINTS];
    uint32_t num_connections;
    struct tyto_query_connection connections[TYTO_QUERY_MAX_CONNECTIONS];
};

/* With keys, a stranger is tried at each endpoint: nobody is answered before. IO, NOMEM, INVALID
 * (he was let in) with *ret_fault. */
TYTO_MUST_CHECK
enum tyto_err tyto_query_socket_open(struct tyto_query_socket *self, struct tyto_access *access,
                                     const char *const *endpoints, uint32_t num_endpoints,
                                     struct tyto_fault *ret_fault);
void tyto_query_socket_close(struct tyto_query_socket *self);
/* Until something comes in, or on end_fd, or timeout_ms are over. */
void tyto_query_socket_wait(struct tyto_query_socket *self, int end_fd, int timeout_ms);
/* Follows connections, and cuts off those that are too many: who has not asked for the longest time
 * makes room. gone is called with the descriptor of each that has ended. */
void tyto_query_socket_look_after(struct tyto_query_socket *self, void (*gone)(void *user, int fd),
                                  void *user);
void tyto_query_socket_cut_off(struct tyto_query_socket *self, int fd);
/* Of whom nothing is known yet: whoever has not asked. */
void tyto_query_socket_cut_silent(struct tyto_query_socket *self);
/* The next request of at most buf_bytes; false: none. *ret_bytes is larger for one that was cut. */
bool tyto_query_socket_receive(struct tyto_query_socket *self, struct tyto_query_sender *ret_sender,
                               uint8_t *buf, size_t buf_bytes, size_t *ret_bytes);
/* FULL: the peer does not take what it has got; CLOSED: it is gone. */
TYTO_MUST_CHECK
enum tyto_err tyto_query_socket_send(struct tyto_query_socket *self,
                                     const struct tyto_query_name *name, const uint8_t *bytes,
                                     size_t num_bytes);

/* --- the server ------------------------------------------------------------------------------ */

/* A replay, or a snapshot that is told bit by bit. */
struct tyto_query_job {
    bool is_there, is_snapshot;
    uint64_t request_id;
    uint64_t next_seq, to_seq;          /* of a replay: where it goes on, and its end */
    uint64_t num_missing, num_withheld; /* not told yet */
    uint32_t credit;                    /* chunks that may be sent */
    uint32_t num_prefixes;
    char (*prefixes)[TYTO_TOPIC_MAX_BYTES]; /* owned */
    uint8_t *bytes; /* of a snapshot: messages, each behind its length (2 bytes); owned */
    size_t num_bytes, at_bytes;
    uint64_t retry_ns; /* the peer was full */
};

/* Begins what there is a table of: a peer, a share. */
struct tyto_query_slot {
    uint64_t last_ns; /* when it was last asked for; 0: it is free */
};

struct tyto_query_peer {
    struct tyto_query_slot slot;
    struct tyto_query_name name; /* num_bytes 0: free */
    int fd;                      /* of its connection, when it last asked */
    char user[TYTO_ACCESS_USER_MAX + 1];
    double tokens, replay_tokens;
    struct tyto_query_job job;
};

struct tyto_query_share { /* of a key, all of its connections together */
    struct tyto_query_slot slot;
    char user[TYTO_ACCESS_USER_MAX + 1];
    double requests, bytes; /* that it may have; the last reply may make bytes negative */
};

enum { TYTO_QUERY_CHUNK_BYTES = 64 * 1024, TYTO_QUERY_PATIENCE_NS = 100000000 };

struct tyto_query_server {
    struct tyto_log log;
    struct tyto_query_socket socket;
    struct tyto_access *access; /* NULL: no keys */
    struct tyto_rights rights;  /* of whom is being answered */
    uint64_t generation;        /* of the file of clients */
    uint64_t patience_ns;       /* left in this turn, for who does not take his answers */
    char journal_path[TYTO_JOURNAL_PATH_MAX]; /* "": none */
    struct tyto_journal_reader *reader;       /* NULL: to be opened */
    void (*hello)(void *user, struct tyto_hello *ret_hello);
    uint32_t (*take_waiting)(void *user, uint64_t from_seq, struct tyto_outgoing **ret_outgoing,
                             uint32_t max); /* NULL: nothing waits */
    void *user;
    pthread_t thread;
    bool is_running;
    int end_fd;
    atomic_bool is_ending;
    struct tyto_query_peer peers[TYTO_QUERY_SERVER_MAX_PEERS * 2]; /* with those half gone */
    struct tyto_query_share shares[TYTO_QUERY_SERVER_MAX_PEERS * 2];
    double user_bytes_per_s, user_burst_bytes;
    struct tyto_query_share *paying; /* of whom is being answered; NULL: nobody counts */
    struct tyto_reply reply;         /* being made; its envelopes lie in gathered */
    uint8_t gathered[TYTO_QUERY_CHUNK_BYTES];
    size_t num_gathered;
    uint8_t packed[TYTO_REPLY_MAX_BYTES];
    atomic_uint_fast64_t num_turns, num_requests, num_refused, num_replays, num_replayed;
    atomic_uint_fast32_t num_connections;
};

/* answers.c: what needs one reply. */

/* Empties server->reply, for this request. */
void tyto_query_begin(struct tyto_query_server *server, uint64_t request_id,
                      enum tyto_reply_kind kind);
/* Copies an envelope into the reply. False: it does not fit. */
bool tyto_query_gather(struct tyto_query_server *server, const uint8_t *bytes, size_t num_bytes);
/* Packs and sends the reply. As tyto_query_socket_send(). */
TYTO_MUST_CHECK
enum tyto_err tyto_query_send(struct tyto_query_server *server, const struct tyto_query_name *name);
/* The same for who has asked many things at once: waits for libzmq to have room, all of a turn
 * together for TYTO_QUERY_PATIENCE_NS. Whoever does not take his answers has lost them then. */
void tyto_query_reply(struct tyto_query_server *server, const struct tyto_query_name *name);
/* Sends an error, as a reply. */
void tyto_query_refuse(struct tyto_query_server *server, const struct tyto_query_name *name,
                       uint64_t request_id, enum tyto_query_error error, uint64_t oldest_seq,
                       const char *text);
/* The journal, opened where it was not. NULL: refused, told to the peer. */
struct tyto_journal_reader *tyto_query_reader(struct tyto_query_server *server,
                                              const struct tyto_query_name *name,
                                              uint64_t request_id);
/* Takes the rights of whom is to be answered, as they are now. False: nobody's. */
bool tyto_query_take_rights(struct tyto_query_server *server, const char *user);
/* What an error of the journal means to who has asked; it is opened anew next time. */
void tyto_query_fail(struct tyto_query_server *server, const struct tyto_query_name *name,
                     uint64_t request_id, enum tyto_err err);
/* scores.c */
void tyto_query_answer_scores(struct tyto_query_server *server, const struct tyto_query_name *name,
                              const struct tyto_request *request);
/* hello, list, get, schema. */
void tyto_query_answer(struct tyto_query_server *server, const struct tyto_query_name *name,
                       const struct tyto_request *request);

/* slots.c: tables of which who was not asked for for the longest time makes room. */

/* The one of num slots of slot_bytes each that is_it says is key's. Else *ret_is_new: the oldest,
 * which is to be made key's. */
void *tyto_query_find_slot(void *slots, size_t num, size_t slot_bytes,
                           bool (*is_it)(const void *slot, const void *key), const void *key,
                           bool *ret_is_new);
/* Seconds since the slot was last asked for, as it is now. */
double tyto_query_touch_slot(struct tyto_query_slot *slot);

/* shares.c: what a key may cost. NULL where there are no keys. Borrowed until the next one is asked
 * for. */
struct tyto_query_share *tyto_query_share_of(struct tyto_query_server *server, const char *user);
/* Whether the peer's key may have one more replay or snapshot. */
bool tyto_query_share_may_begin(const struct tyto_query_server *server,
                                const struct tyto_query_peer *peer);

/* waiting.c: what was published and is not in the journal yet. Whoever looks here first and into
 * the journal afterwards misses nothing. */

/* From from_seq on, at most max, a reference each; as of one moment. Returns how many. */
uint32_t tyto_query_take_waiting(struct tyto_query_server *server, uint64_t from_seq,
                                 struct tyto_outgoing **ret_outgoing, uint32_t max);
void tyto_query_release_waiting(struct tyto_outgoing *const *outgoing, uint32_t num);
/* Whether all that was published at unix_ns or later waits: *ret_seq is the first of it, or where
 * it would be. */
bool tyto_query_find_waiting(struct tyto_query_server *server, int64_t unix_ns, uint64_t *ret_seq);

/* snapshot.c: fills the job with what there is now. FULL: it is cut; IO, NOMEM. */
TYTO_MUST_CHECK
enum tyto_err tyto_query_snapshot_make(struct tyto_query_server *server,
                                       struct tyto_journal_reader *reader,
                                       struct tyto_query_job *job);

/* Whether the job asks for this topic. */
bool tyto_query_job_wants(const struct tyto_query_job *job, const char *topic);

/* jobs.c: replay, snapshot, credit. Takes the request's prefixes. */
void tyto_query_job_begin(struct tyto_query_server *server, struct tyto_query_peer *peer,
                          struct tyto_request *request);
void tyto_query_job_credit(struct tyto_query_peer *peer, const struct tyto_request *request);
void tyto_query_job_end(struct tyto_query_peer *peer);
/* This connection has ended, and with it what it has begun. user: a struct tyto_query_server. */
void tyto_query_jobs_forget(void *user, int fd);
/* One chunk at most for each peer. True: there is more to do at once. */
bool tyto_query_jobs_run(struct tyto_query_server *server);

#endif
