/* SPDX-License-Identifier: MIT */
#include "client/query.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <zmq.h>

#include "base/clock.h"
#include "client/ask.h"
#include "client/sub.h"

enum { DEFAULT_TIMEOUT_MS = 5000, MAX_TRIES = 10, RETRY_MS = 500 };
#define GRACE_NS (2 * TYTO_NS_PER_S)

struct tyto_query {
    void *context;
    struct tyto_ask ask;
    int timeout_ms;
    uint64_t num_withheld;
    char text[TYTO_STATE_TEXT_MAX + 1];
    struct tyto_request request;
    struct tyto_reply reply;
    struct tyto_message message;
};

/* --- life ----------------------------------------------------------------------------------------
 */

/* The next hello, until end_ns of the monotonic clock. CLOSED, FORMAT, TIMEOUT. */
static enum tyto_err take_hello(struct tyto_sub *sub, uint64_t end_ns, struct tyto_sub_frame *frame)
{
    for (;;) {
        const enum tyto_sub_kind kind = tyto_sub_receive(sub, frame);
        if (kind != TYTO_SUB_NONE)
            return kind == TYTO_SUB_HELLO ? TYTO_OK : TYTO_ERR_FORMAT;
        if (tyto_handshakes_look(&sub->handshakes))
            return TYTO_ERR_CLOSED;
        const uint64_t now_ns = tyto_clock_mono_ns();
        zmq_pollitem_t items[] = {{sub->socket, 0, ZMQ_POLLIN, 0},
                                  {sub->handshakes.monitor, 0, ZMQ_POLLIN, 0}};
        if (now_ns >= end_ns ||
            zmq_poll(items, 2, (long)((end_ns - now_ns) / TYTO_NS_PER_MS) + 1) < 0)
            return TYTO_ERR_TIMEOUT;
    }
}

/* Where to ask, of what tytod says to who subscribes. One that has just begun says once more where,
 * when it knows. */
static enum tyto_err listen_for_endpoint(struct tyto_sub *sub, int timeout_ms,
                                         struct tyto_sub_frame *frame, char *ret_text,
                                         size_t text_bytes)
{
    const uint64_t timeout_ns = (unsigned long long)timeout_ms * TYTO_NS_PER_MS;
    uint64_t end_ns = tyto_clock_mono_ns() + timeout_ns;
    enum tyto_err err = take_hello(sub, end_ns, frame);
    const uint64_t more_ns = tyto_clock_mono_ns() + GRACE_NS;
    if (err)
        return err;
    end_ns = more_ns < end_ns ? more_ns : end_ns;
    while (!err && !tyto_ask_choose(&frame->u.hello, sub->endpoint, ret_text, text_bytes))
        err = take_hello(sub, end_ns, frame);
    return err ? TYTO_ERR_UNSUPPORTED : TYTO_OK;
}

static enum tyto_err find_endpoint(struct tyto_query *query, const char *endpoint,
                                   const struct tyto_query_params *params, char *ret_text,
                                   size_t text_bytes)
{
    struct tyto_sub sub;
    struct tyto_sub_frame *frame = malloc(sizeof(*frame));
    if (!frame)
        return TYTO_ERR_NOMEM;
    enum tyto_err err =
        tyto_sub_open(&sub, query->context, endpoint, 1, params->server_key, params->secret_key);
    if (!err) {
        err = tyto_sub_subscribe(&sub, "hello/") ? tyto_sub_connect(&sub) : TYTO_ERR_IO;
        if (!err)
            err = listen_for_endpoint(&sub, query->timeout_ms, frame, ret_text, text_bytes);
        if (err == TYTO_ERR_CLOSED && params->ret_refusal)
            *params->ret_refusal = sub.handshakes.refusal;
        tyto_sub_close(&sub);
    }
    free(frame);
    return err;
}

static enum tyto_err start(struct tyto_query *query, const struct tyto_query_params *params)
{
    const char *endpoint = params->endpoint ? params->endpoint : TYTO_CLIENT_DEFAULT_ENDPOINT;
    char found[300];
    query->timeout_ms = params->timeout_ms > 0 ? params->timeout_ms : DEFAULT_TIMEOUT_MS;
    query->context = zmq_ctx_new();
    if (!query->context)
        return TYTO_ERR_NOMEM;
    enum tyto_err err = TYTO_OK;
    if (params->query_endpoint)
        snprintf(found, sizeof(found), "%s", params->query_endpoint);
    else
        err = find_endpoint(query, endpoint, params, found, sizeof(found));
    if (!err)
        err = tyto_ask_open(&query->ask, query->context, found, params->server_key,
                            params->secret_key);
    return err;
}

enum tyto_err tyto_query_create(const struct tyto_query_params *params,
                                struct tyto_query **ret_query)
{
    struct tyto_query *query = calloc(1, sizeof(*query));
    if (!query)
        return TYTO_ERR_NOMEM;
    const enum tyto_err err = start(query, params);
    if (err)
        tyto_query_destroy(&query);
    else
        *ret_query = query;
    return err;
}

void tyto_query_destroy(struct tyto_query **query)
{
    if (!query || !*query)
        return;
    tyto_reply_clear(&(*query)->reply);
    tyto_ask_close(&(*query)->ask);
    if ((*query)->context)
        zmq_ctx_term((*query)->context);
    free(*query);
    *query = NULL;
}

const char *tyto_query_error_text(const struct tyto_query *query)
{
    return query->text;
}

/* --- asking --------------------------------------------------------------------------------------
 */

static struct tyto_request *begin(struct tyto_query *query, enum tyto_request_kind kind)
{
    memset(&query->request, 0, sizeof(query->request));
    query->text[0] = '\0';
    query->request.kind = kind;
    query->request.credit = TYTO_QUERY_MAX_CREDIT;
    return &query->request;
}

/* The next reply to the request that was sent; one that is an error is told as such. */
static enum tyto_err receive(struct tyto_query *query, enum tyto_reply_kind kind)
{
    tyto_reply_clear(&query->reply);
    enum tyto_err err =
        tyto_ask_receive(&query->ask, query->request.id, query->timeout_ms, &query->reply);
    if (!err && query->reply.kind == TYTO_REPLY_ERROR) {
        snprintf(query->text, sizeof(query->text), "%s", query->reply.text);
        err = tyto_ask_error(&query->reply);
    } else if (!err && query->reply.kind != kind) {
        err = TYTO_ERR_FORMAT;
    }
    return err;
}

/* Sends the request and takes the first reply; waits where the daemon says that it is too much. */
static enum tyto_err ask(struct tyto_query *query, enum tyto_reply_kind kind)
{
    enum tyto_err err = TYTO_ERR_FULL;
    for (int i = 0; err == TYTO_ERR_FULL && i < MAX_TRIES; i++) {
        if (i > 0)
            (void)zmq_poll(NULL, 0, RETRY_MS);
        query->request.id = 0;
        err = tyto_ask_send(&query->ask, &query->request);
        if (!err)
            err = receive(query, kind);
    }
    if (err == TYTO_ERR_CLOSED && query->ask.handshakes.refusal)
        snprintf(query->text, sizeof(query->text), "%s",
                 tyto_refusal_text(query->ask.handshakes.refusal));
    return err;
}

enum tyto_err tyto_query_hello(struct tyto_query *query, struct tyto_hello *ret_hello)
{
    (void)begin(query, TYTO_REQUEST_HELLO);
    const enum tyto_err err = ask(query, TYTO_REPLY_HELLO);
    if (!err)
        *ret_hello = query->reply.hello;
    return err;
}

/* Visits what the reply holds, max of them. False: visit wants no more. */
static bool visit_all(struct tyto_query *query, uint32_t max, tyto_query_visit visit, void *user)
{
    bool wants_more = true;
    for (uint32_t i = 0; wants_more && i < query->reply.num_envelopes && i < max; i++) {
        if (tyto_ask_message(&query->reply.envelopes[i], &query->message))
            wants_more = visit(user, &query->message);
    }
    return wants_more;
}

/* --- list, get
 * ------------------------------------------------------------------------------------
 */

static bool copy_ids(char (*ret_ids)[TYTO_ID_MAX + 1], const char *const *ids, uint32_t num)
{
    if (num > TYTO_REQUEST_MAX_NAMES)
        return false;
    for (uint32_t i = 0; i < num; i++) {
        if (!tyto_id_is_valid(ids[i]))
            return false;
        snprintf(ret_ids[i], sizeof(ret_ids[i]), "%s", ids[i]);
    }
    return true;
}

enum tyto_err tyto_query_list(struct tyto_query *query, const struct tyto_query_filter *filter,
                              struct tyto_cursor *reterr_cursor, tyto_query_visit visit, void *user)
{
    struct tyto_request *request = begin(query, TYTO_REQUEST_LIST);
    uint32_t num_left = filter->limit ? filter->limit : UINT32_MAX;
    request->from_unix_ns = filter->from_unix_ns;
    request->to_unix_ns = filter->to_unix_ns;
    request->is_newest_first = filter->is_newest_first;
    request->is_open = filter->is_open;
    if (!copy_ids(request->cameras, filter->cameras, filter->num_cameras) ||
        !copy_ids(request->classes, filter->classes, filter->num_classes))
        return TYTO_ERR_INVALID;
    request->num_cameras = filter->num_cameras;
    request->num_classes = filter->num_classes;
    if (reterr_cursor)
        request->cursor = *reterr_cursor;
    enum tyto_err err = TYTO_OK;
    bool wants_more = true;
    do {
        request->limit = num_left < TYTO_REPLY_MAX_ENVELOPES ? num_left : TYTO_REPLY_MAX_ENVELOPES;
        err = ask(query, TYTO_REPLY_PAGE);
        if (err)
            return err;
        request->cursor = query->reply.cursor;
        wants_more = visit_all(query, num_left, visit, user);
        num_left -= query->reply.num_envelopes < num_left ? query->reply.num_envelopes : num_left;
    } while (wants_more && num_left > 0 && request->cursor.num_bytes > 0);
    if (reterr_cursor)
        *reterr_cursor = request->cursor;
    return TYTO_OK;
}

enum tyto_err tyto_query_find(struct tyto_query *query, const struct tyto_query_likeness *likeness,
                              tyto_query_visit_alike visit, void *user)
{
    const struct tyto_query_filter *filter = &likeness->filter;
    struct tyto_request *request = begin(query, TYTO_REQUEST_FIND);
    bool wants_more = true;
    if (!copy_ids(request->cameras, filter->cameras, filter->num_cameras) ||
        !copy_ids(request->classes, filter->classes, filter->num_classes) ||
        (likeness->but_id && !tyto_event_id_is_valid(likeness->but_id)) ||
        filter->limit > TYTO_REPLY_MAX_ENVELOPES)
        return TYTO_ERR_INVALID;
    request->num_cameras = filter->num_cameras;
    request->num_classes = filter->num_classes;
    request->from_unix_ns = filter->from_unix_ns;
    request->to_unix_ns = filter->to_unix_ns;
    request->limit = filter->limit;
    request->like = likeness->like;
    request->among = likeness->among;
    if (likeness->but_id)
        snprintf(request->event_id, sizeof(request->event_id), "%s", likeness->but_id);
    const enum tyto_err err = ask(query, TYTO_REPLY_PAGE);
    for (uint32_t i = 0; !err && wants_more && i < query->reply.num_envelopes; i++) {
        if (tyto_ask_message(&query->reply.envelopes[i], &query->message))
            wants_more = visit(user, &query->message, query->reply.similarities[i]);
    }
    return err;
}

enum tyto_err tyto_query_get(struct tyto_query *query, const char *event_id, tyto_query_visit visit,
                             void *user)
{
    struct tyto_request *request = begin(query, TYTO_REQUEST_GET);
    if (!tyto_event_id_is_valid(event_id))
        return TYTO_ERR_INVALID;
    snprintf(request->event_id, sizeof(request->event_id), "%s", event_id);
    const enum tyto_err err = ask(query, TYTO_REPLY_PAGE);
    if (!err)
        (void)visit_all(query, UINT32_MAX, visit, user);
    return err;
}

/* --- snapshot, replay
 * -----------------------------------------------------------------------------
 */

static enum tyto_err give_credit(struct tyto_query *query)
{
    struct tyto_request credit = {
        .id = query->request.id, .kind = TYTO_REQUEST_CREDIT, .credit = 1};
    return tyto_ask_send(&query->ask, &credit);
}

/* Chunk by chunk. Where no more is wanted the rest is not asked for: the daemon forgets it. */
static enum tyto_err take_chunks(struct tyto_query *query, tyto_query_visit visit, void *user,
                                 uint64_t *ret_next_seq, uint64_t *ret_num_missing)
{
    enum tyto_err err = ask(query, TYTO_REPLY_CHUNK);
    bool wants_more = true;
    *ret_num_missing = query->num_withheld = 0;
    while (!err) {
        *ret_next_seq = query->reply.next_seq;
        *ret_num_missing += query->reply.num_missing;
        query->num_withheld += query->reply.num_withheld;
        wants_more = wants_more && visit_all(query, UINT32_MAX, visit, user);
        if (query->reply.is_last)
            return TYTO_OK;
        err = give_credit(query);
        if (!err)
            err = receive(query, TYTO_REPLY_CHUNK);
    }
    return err;
}

enum tyto_err tyto_query_snapshot(struct tyto_query *query, tyto_query_visit visit, void *user,
                                  uint64_t *ret_seq)
{
    uint64_t next_seq = 1, num_missing = 0;
    (void)begin(query, TYTO_REQUEST_SNAPSHOT);
    const enum tyto_err err = take_chunks(query, visit, user, &next_seq, &num_missing);
    *ret_seq = next_seq - 1;
    return err;
}

static bool set_prefixes(struct tyto_request *request, const struct tyto_query_range *range)
{
    if (range->num_prefixes > TYTO_REQUEST_MAX_PREFIXES)
        return false;
    request->prefixes = calloc(range->num_prefixes + 1, sizeof(*request->prefixes));
    for (uint32_t i = 0; request->prefixes && i < range->num_prefixes; i++)
        snprintf(request->prefixes[i], sizeof(request->prefixes[i]), "%s", range->prefixes[i]);
    request->num_prefixes = range->num_prefixes;
    return request->prefixes != NULL;
}

enum tyto_err tyto_query_replay(struct tyto_query *query, const struct tyto_query_range *range,
                                tyto_query_visit visit, void *user, uint64_t *ret_next_seq,
                                uint64_t *ret_num_missing)
{
    struct tyto_request *request = begin(query, TYTO_REQUEST_REPLAY);
    uint64_t num_before = 0;
    if (!set_prefixes(request, range))
        return TYTO_ERR_INVALID;
    request->from_seq = range->from_seq;
    request->to_seq = range->to_seq;
    request->since_unix_ns = range->since_unix_ns;
    enum tyto_err err = take_chunks(query, visit, user, ret_next_seq, ret_num_missing);
    /* What is too old is missing; the rest is there. */
    for (int i = 0;
         i < MAX_TRIES && err == TYTO_ERR_NOT_FOUND && query->reply.error == TYTO_QUERY_TOO_OLD;
         i++) {
        const uint64_t oldest = query->reply.oldest_seq;
        num_before += request->from_seq > 0 ? oldest - request->from_seq : 0;
        request->from_seq = oldest;
        query->text[0] = '\0';
        err = take_chunks(query, visit, user, ret_next_seq, ret_num_missing);
    }
    *ret_num_missing += num_before;
    tyto_request_clear(request);
    return err;
}

enum tyto_err tyto_query_scores(struct tyto_query *query, const struct tyto_query_scores *which,
                                tyto_query_visit_scores visit, void *user)
{
    struct tyto_request *request = begin(query, TYTO_REQUEST_SCORES);
    request->from_unix_ns = which->from_unix_ns;
    request->to_unix_ns = which->to_unix_ns;
    if (!which->camera || !copy_ids(request->cameras, &which->camera, 1) ||
        !copy_ids(request->classes, which->classes, which->num_classes))
        return TYTO_ERR_INVALID;
    request->num_cameras = 1;
    request->num_classes = which->num_classes;
    enum tyto_err err = TYTO_OK;
    bool wants_more = true;
    do {
        err = ask(query, TYTO_REPLY_SCORES);
        if (err)
            return err;
        request->cursor = query->reply.cursor;
        wants_more = visit(user, &query->reply);
    } while (wants_more && request->cursor.num_bytes > 0);
    return TYTO_OK;
}

uint64_t tyto_query_num_withheld(const struct tyto_query *query)
{
    return query->num_withheld;
}

enum tyto_err tyto_query_schema(struct tyto_query *query,
                                void (*take)(void *user, const char *event_proto,
                                             const char *query_proto),
                                void *user)
{
    (void)begin(query, TYTO_REQUEST_SCHEMA);
    const enum tyto_err err = ask(query, TYTO_REPLY_SCHEMA);
    if (!err)
        take(user, query->reply.schema_event, query->reply.schema_query);
    return err;
}
