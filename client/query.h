/* SPDX-License-Identifier: MIT */
/* libtyto: ask a tytod for events of the past. Each call asks and waits for the answer; one thread
 * per handle. It takes a tytod with a query socket (doc/protocol.md) and a journal. Not connected
 * to a subscription: for that see tyto.h, and feed.h for what goes on after a loss by itself. */
#ifndef TYTO_CLIENT_QUERY_H
#define TYTO_CLIENT_QUERY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "client/tyto.h"
#include "proto/query.h"

#ifdef __cplusplus
extern "C" {
#endif

struct tyto_query_params {
    const char *endpoint;       /* where events are published; NULL: TYTO_CLIENT_DEFAULT_ENDPOINT */
    const char *query_endpoint; /* where to ask; NULL: where tytod says on `endpoint` */
    int timeout_ms;             /* of each answer; 0: 5000 */
    const char *server_key, *secret_key; /* as of tyto_client_params */
    enum tyto_refusal *ret_refusal;      /* why create gives CLOSED; may be NULL */
};

struct tyto_query;

/* Waits for the daemon, at most timeout_ms. TIMEOUT: nobody answers; UNSUPPORTED: it has no query
 * socket; CLOSED: no hands are shaken with these keys; INVALID (endpoint, keys), IO, NOMEM. */
TYTO_MUST_CHECK
enum tyto_err tyto_query_create(const struct tyto_query_params *params,
                                struct tyto_query **ret_query);
void tyto_query_destroy(struct tyto_query **query);

/* Calls below give: TIMEOUT (no answer), NOT_FOUND, UNSUPPORTED (no journal), FULL (too many
 * requests: wait a second), INVALID (refused as it is), CLOSED (to this key: not allowed, or no
 * hands are shaken), FORMAT (an answer that is not understood), IO, NOMEM. What the daemon said
 * about it, for people; "" where it said nothing. Borrowed until the next call. */
const char *tyto_query_error_text(const struct tyto_query *query);

TYTO_MUST_CHECK
enum tyto_err tyto_query_hello(struct tyto_query *query, struct tyto_hello *ret_hello);

/* Called for each message, in order: an event, a camera's or the model's state. message is borrowed
 * until it returns. False: no more, please. */
typedef bool (*tyto_query_visit)(void *user, const struct tyto_message *message);

/* Which events; all zeroes: all of them, the oldest first. */
struct tyto_query_filter {
    int64_t from_unix_ns, to_unix_ns; /* those that touch this time; 0: unlimited */
    const char *const *cameras;       /* only these; num_cameras 0: all. At most 64 */
    uint32_t num_cameras;
    const char *const *classes;
    uint32_t num_classes;
    bool is_newest_first; /* by their begins */
    bool is_open;         /* only those that have no END yet */
    uint32_t limit;       /* of this call; 0: unlimited */
};

/* Visits each event once, by its latest message: with its phase UPDATE or NEW while it is open.
 * cursor (may be NULL) holds where to begin, num_bytes 0: at the beginning; afterwards it holds
 * where to go on, num_bytes 0: that was all. */
TYTO_MUST_CHECK
enum tyto_err tyto_query_list(struct tyto_query *query, const struct tyto_query_filter *filter,
                              struct tyto_cursor *reterr_cursor, tyto_query_visit visit,
                              void *user);
/* Visits the messages about one event, the latest first. NOT_FOUND. */
TYTO_MUST_CHECK
enum tyto_err tyto_query_get(struct tyto_query *query, const char *event_id, tyto_query_visit visit,
                             void *user);
/* What is looked for. */
struct tyto_query_likeness {
    struct tyto_embeddings like;     /* of an event's message, or of a model's own; what it has */
    enum tyto_among among;           /* of events; not OWN: `like` has one of both */
    const char *but_id;              /* left out, with what its camera told of the same moment */
    struct tyto_query_filter filter; /* its order and is_open mean nothing; limit 1..64, 0: 64 */
};
/* Called for each, the most alike first; similarity -1..1. False: no more, please. */
typedef bool (*tyto_query_visit_alike)(void *user, const struct tyto_message *message,
                                       float similarity);
/* Visits the events whose embeddings are the most alike, each by its latest message. INVALID also
 * of a tytod that has none (before version 1.5 of the protocol). */
TYTO_MUST_CHECK
enum tyto_err tyto_query_find(struct tyto_query *query, const struct tyto_query_likeness *likeness,
                              tyto_query_visit_alike visit, void *user);
/* Visits the newest states of cameras and model, and the latest message of each open event, as they
 * were when message *ret_seq had been told. */
TYTO_MUST_CHECK
enum tyto_err tyto_query_snapshot(struct tyto_query *query, tyto_query_visit visit, void *user,
                                  uint64_t *ret_seq);

/* Which messages. */
struct tyto_query_range {
    uint64_t from_seq;     /* 0: the oldest that is kept */
    int64_t since_unix_ns; /* in place of from_seq: what was committed from then on; 0: not given */
    uint64_t to_seq;       /* 0: the last one that there is at the moment */
    const char *const *prefixes; /* of topics, "ev/", "ev/front-door/dog/"; num_prefixes 0: all */
    uint32_t num_prefixes;       /* at most 512 */
};
/* Visits messages as they were published. *ret_next_seq: where to go on; *ret_num_missing: how many
 * of the range the journal does not have (any more), whatever their topic. Those that are there and
 * that this key may not read count in tyto_query_num_withheld(). */
TYTO_MUST_CHECK
enum tyto_err tyto_query_replay(struct tyto_query *query, const struct tyto_query_range *range,
                                tyto_query_visit visit, void *user, uint64_t *ret_next_seq,
                                uint64_t *ret_num_missing);
/* Which scores. */
struct tyto_query_scores {
    const char *camera;
    int64_t from_unix_ns, to_unix_ns; /* the minutes that touch this time; 0: unlimited */
    const char *const *classes;       /* only these; num_classes 0: all. At most 64 */
    uint32_t num_classes;
};
/* Called for each piece, in order: class_names, decision, segments, model_digest of a reply.
 * Borrowed until it returns. False: no more, please. */
typedef bool (*tyto_query_visit_scores)(void *user, const struct tyto_reply *page);
/* Visits the scores of a camera's segments that are kept. It takes a while, as the daemon answers
 * 50 pieces of some 17 minutes a second; it waits where it must. */
TYTO_MUST_CHECK
enum tyto_err tyto_query_scores(struct tyto_query *query, const struct tyto_query_scores *which,
                                tyto_query_visit_scores visit, void *user);
/* Of the last replay: messages that were asked for, and that this key may not read. */
uint64_t tyto_query_num_withheld(const struct tyto_query *query);
/* The texts of event.proto and query.proto, as that daemon has them: visit gets them once. */
TYTO_MUST_CHECK
enum tyto_err tyto_query_schema(struct tyto_query *query,
                                void (*take)(void *user, const char *event_proto,
                                             const char *query_proto),
                                void *user);

#ifdef __cplusplus
}
#endif

#endif
