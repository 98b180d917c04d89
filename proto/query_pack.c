/* SPDX-License-Identifier: MIT */
/* Plain structs to protobuf bytes. */
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "event_proto.h"
#include "proto/query.h"
#include "query.pb-c.h"
#include "query_proto.h"

#define SET(message, field, value) ((message)->has_##field = true, (message)->field = (value))

/* protobuf-c has no const in its structs; it only reads when it packs. */
static char *as_string(const char *text)
{
    return (char *)(uintptr_t)text;
}

static ProtobufCBinaryData as_bytes(const void *data, size_t num_bytes)
{
    const ProtobufCBinaryData bytes = {num_bytes, (uint8_t *)(uintptr_t)data};
    return bytes;
}

const char *tyto_query_error_name(enum tyto_query_error error)
{
    static const char *const names[] = {NULL,          "bad request",       "too old",
                                        "unknown log", "too many requests", "denied",
                                        "not found",   "no journal",        "internal error"};
    const size_t num = sizeof(names) / sizeof(names[0]);
    return error > 0 && (size_t)error < num ? names[error] : "unknown";
}

const char *tyto_schema_event(void)
{
    return event_proto;
}

const char *tyto_schema_query(void)
{
    return query_proto;
}

/* --- requests ------------------------------------------------------------------------------------
 */

struct request_parts {
    Tyto__V1__Request request;
    union {
        Tyto__V1__HelloRequest hello;
        Tyto__V1__SnapshotRequest snapshot;
        Tyto__V1__ReplayRequest replay;
        Tyto__V1__Credit credit;
        Tyto__V1__ListRequest list;
        Tyto__V1__GetRequest get;
        Tyto__V1__SchemaRequest schema;
        Tyto__V1__ScoresRequest scores;
        Tyto__V1__FindRequest find;
    } what;
    char *prefixes[TYTO_REQUEST_MAX_PREFIXES];
    char *cameras[TYTO_REQUEST_MAX_NAMES], *classes[TYTO_REQUEST_MAX_NAMES];
};

static void fill_replay(struct request_parts *parts, const struct tyto_request *in)
{
    Tyto__V1__ReplayRequest *replay = &parts->what.replay;
    tyto__v1__replay_request__init(replay);
    if (in->has_log_id)
        SET(replay, log_id, as_bytes(in->log_id, TYTO_UUID_BYTES));
    if (in->since_unix_ns)
        SET(replay, since_unix_ns, in->since_unix_ns);
    SET(replay, from_seq, in->from_seq);
    SET(replay, to_seq, in->to_seq);
    SET(replay, credit, in->credit);
    replay->prefixes = parts->prefixes;
    replay->n_prefixes = in->num_prefixes;
    parts->request.replay = replay;
}

static void fill_list(struct request_parts *parts, const struct tyto_request *in)
{
    Tyto__V1__ListRequest *list = &parts->what.list;
    tyto__v1__list_request__init(list);
    SET(list, from_unix_ns, in->from_unix_ns);
    SET(list, to_unix_ns, in->to_unix_ns);
    SET(list, newest_first, in->is_newest_first);
    SET(list, open, in->is_open);
    SET(list, limit, in->limit);
    if (in->cursor.num_bytes)
        SET(list, cursor, as_bytes(in->cursor.bytes, in->cursor.num_bytes));
    list->cameras = parts->cameras;
    list->n_cameras = in->num_cameras;
    list->classes = parts->classes;
    list->n_classes = in->num_classes;
    parts->request.list = list;
}

static void fill_scores(struct request_parts *parts, const struct tyto_request *in)
{
    Tyto__V1__ScoresRequest *scores = &parts->what.scores;
    tyto__v1__scores_request__init(scores);
    scores->camera = as_string(in->cameras[0]);
    SET(scores, from_unix_ns, in->from_unix_ns);
    SET(scores, to_unix_ns, in->to_unix_ns);
    if (in->cursor.num_bytes)
        SET(scores, cursor, as_bytes(in->cursor.bytes, in->cursor.num_bytes));
    scores->classes = parts->classes;
    scores->n_classes = in->num_classes;
    parts->request.scores = scores;
}

static void fill_find(struct request_parts *parts, const struct tyto_request *in)
{
    Tyto__V1__FindRequest *find = &parts->what.find;
    tyto__v1__find_request__init(find);
    SET(find, space, in->like.space);
    if (in->like.has_sound)
        SET(find, sound, as_bytes(in->like.sound, sizeof(in->like.sound)));
    if (in->like.has_picture)
        SET(find, picture, as_bytes(in->like.picture, sizeof(in->like.picture)));
    SET(find, among, (Tyto__V1__Sense)in->among);
    SET(find, from_unix_ns, in->from_unix_ns);
    SET(find, to_unix_ns, in->to_unix_ns);
    find->cameras = parts->cameras;
    find->n_cameras = in->num_cameras;
    find->classes = parts->classes;
    find->n_classes = in->num_classes;
    SET(find, limit, in->limit);
    if (in->event_id[0])
        find->but_event_id = as_string(in->event_id);
    parts->request.find = find;
}

/* False: a kind that cannot be asked. */
static bool fill_request(struct request_parts *parts, const struct tyto_request *in)
{
    Tyto__V1__Request *out = &parts->request;
    switch (in->kind) {
    case TYTO_REQUEST_HELLO:
        tyto__v1__hello_request__init(&parts->what.hello);
        out->hello = &parts->what.hello;
        break;
    case TYTO_REQUEST_SNAPSHOT:
        tyto__v1__snapshot_request__init(&parts->what.snapshot);
        SET(&parts->what.snapshot, credit, in->credit);
        parts->what.snapshot.prefixes = parts->prefixes;
        parts->what.snapshot.n_prefixes = in->num_prefixes;
        out->snapshot = &parts->what.snapshot;
        break;
    case TYTO_REQUEST_REPLAY:
        fill_replay(parts, in);
        break;
    case TYTO_REQUEST_CREDIT:
        tyto__v1__credit__init(&parts->what.credit);
        SET(&parts->what.credit, chunks, in->credit);
        out->credit = &parts->what.credit;
        break;
    case TYTO_REQUEST_LIST:
        fill_list(parts, in);
        break;
    case TYTO_REQUEST_GET:
        tyto__v1__get_request__init(&parts->what.get);
        parts->what.get.event_id = as_string(in->event_id);
        out->get = &parts->what.get;
        break;
    case TYTO_REQUEST_SCHEMA:
        tyto__v1__schema_request__init(&parts->what.schema);
        out->schema = &parts->what.schema;
        break;
    case TYTO_REQUEST_SCORES:
        fill_scores(parts, in);
        break;
    case TYTO_REQUEST_FIND:
        fill_find(parts, in);
        break;
    case TYTO_REQUEST_NONE:
        return false;
    }
    out->what_case = (Tyto__V1__Request__WhatCase)in->kind;
    return true;
}

enum tyto_err tyto_request_pack(const struct tyto_request *request, uint8_t *buf, size_t buf_bytes,
                                size_t *ret_bytes)
{
    struct request_parts parts;
    if (request->num_prefixes > TYTO_REQUEST_MAX_PREFIXES ||
        request->num_cameras > TYTO_REQUEST_MAX_NAMES ||
        request->num_classes > TYTO_REQUEST_MAX_NAMES || request->id == 0)
        return TYTO_ERR_INVALID;
    for (uint32_t i = 0; i < request->num_prefixes; i++)
        parts.prefixes[i] = request->prefixes[i];
    for (uint32_t i = 0; i < request->num_cameras; i++)
        parts.cameras[i] = as_string(request->cameras[i]);
    for (uint32_t i = 0; i < request->num_classes; i++)
        parts.classes[i] = as_string(request->classes[i]);
    tyto__v1__request__init(&parts.request);
    SET(&parts.request, id, request->id);
    if (!fill_request(&parts, request))
        return TYTO_ERR_INVALID;
    const size_t num_bytes = tyto__v1__request__get_packed_size(&parts.request);
    if (num_bytes > buf_bytes || num_bytes > TYTO_REQUEST_MAX_BYTES)
        return TYTO_ERR_FULL;
    *ret_bytes = tyto__v1__request__pack(&parts.request, buf);
    return TYTO_OK;
}

/* --- replies -------------------------------------------------------------------------------------
 */

struct reply_parts {
    Tyto__V1__Reply reply;
    union {
        Tyto__V1__Error error;
        Tyto__V1__Chunk chunk;
        Tyto__V1__Page page;
        Tyto__V1__Schema schema;
        Tyto__V1__ScoresPage scores;
    } what;
    uint8_t hello[TYTO_ENVELOPE_MAX_BYTES];
    ProtobufCBinaryData envelopes[TYTO_REPLY_MAX_ENVELOPES];
    char *class_names[TYTO_REPLY_MAX_CLASSES];
    Tyto__V1__SegmentScores segments[TYTO_REPLY_MAX_SEGMENTS];
    Tyto__V1__SegmentScores *segment_ptrs[TYTO_REPLY_MAX_SEGMENTS];
    Tyto__V1__Decision decision;
    char *readable[TYTO_REPLY_MAX_READABLE];
    char text[TYTO_STATE_TEXT_MAX + 1];
};

static void fill_chunk(struct reply_parts *parts, const struct tyto_reply *in)
{
    Tyto__V1__Chunk *chunk = &parts->what.chunk;
    tyto__v1__chunk__init(chunk);
    chunk->envelopes = parts->envelopes;
    chunk->n_envelopes = in->num_envelopes;
    SET(chunk, next_seq, in->next_seq);
    SET(chunk, num_missing, in->num_missing);
    if (in->num_withheld)
        SET(chunk, num_withheld, in->num_withheld);
    SET(chunk, is_last, in->is_last);
    parts->reply.chunk = chunk;
}

static void fill_page(struct reply_parts *parts, const struct tyto_reply *in)
{
    Tyto__V1__Page *page = &parts->what.page;
    tyto__v1__page__init(page);
    page->envelopes = parts->envelopes;
    page->n_envelopes = in->num_envelopes;
    if (in->cursor.num_bytes)
        SET(page, cursor, as_bytes(in->cursor.bytes, in->cursor.num_bytes));
    if (in->has_similarities) {
        page->similarities = (float *)(uintptr_t)in->similarities;
        page->n_similarities = in->num_envelopes;
    }
    parts->reply.page = page;
}

static void fill_segment(Tyto__V1__SegmentScores *out, const struct tyto_segment_scores *in,
                         uint32_t num_classes)
{
    tyto__v1__segment_scores__init(out);
    SET(out, begin_unix_ns, in->begin_unix_ns);
    SET(out, end_unix_ns, in->end_unix_ns);
    SET(out, begin_media_ns, in->begin_media_ns);
    SET(out, has_audio, in->has_audio);
    SET(out, has_video, in->has_video);
    SET(out, joint, as_bytes(in->joint, num_classes));
    SET(out, heard, as_bytes(in->heard, num_classes));
    SET(out, seen, as_bytes(in->seen, num_classes));
    SET(out, has_heard_seen, in->has_heard_seen);
    SET(out, goes_on, in->goes_on);
    SET(out, weight_audio, in->weight_audio);
    if (in->has_av_offset)
        SET(out, av_offset_ms, in->av_offset_ms);
}

static void fill_decision(Tyto__V1__Decision *out, const struct tyto_decision *in,
                          uint32_t num_classes)
{
    tyto__v1__decision__init(out);
    out->thresholds = (float *)(uintptr_t)in->thresholds;
    out->n_thresholds = 3 * (size_t)num_classes;
    SET(out, off_ratio, in->off_ratio);
    SET(out, onset_num, in->onset_num);
    SET(out, onset_window, in->onset_window);
    SET(out, hang_over_ns, in->hang_over_ns);
    SET(out, min_duration_ns, in->min_duration_ns);
    SET(out, max_duration_ns, in->max_duration_ns);
    SET(out, only_joint, in->only_joint);
    SET(out, peak, in->peak);
}

static void fill_scores_page(struct reply_parts *parts, const struct tyto_reply *in)
{
    Tyto__V1__ScoresPage *page = &parts->what.scores;
    tyto__v1__scores_page__init(page);
    for (uint32_t i = 0; i < in->num_segments; i++) {
        fill_segment(&parts->segments[i], &in->segments[i], in->num_classes);
        parts->segment_ptrs[i] = &parts->segments[i];
    }
    for (uint32_t i = 0; i < in->num_classes; i++)
        parts->class_names[i] = as_string(in->class_names[i]);
    page->segments = parts->segment_ptrs;
    page->n_segments = in->num_segments;
    page->class_names = parts->class_names;
    page->n_class_names = in->num_classes;
    if (in->model_digest[0])
        page->model_digest = as_string(in->model_digest);
    if (in->cursor.num_bytes)
        SET(page, cursor, as_bytes(in->cursor.bytes, in->cursor.num_bytes));
    if (in->decision.thresholds) {
        fill_decision(&parts->decision, &in->decision, in->num_classes);
        page->decision = &parts->decision;
    }
    parts->reply.scores = page;
}

static enum tyto_err fill_reply(struct reply_parts *parts, const struct tyto_reply *in)
{
    Tyto__V1__Reply *out = &parts->reply;
    size_t num_bytes = 0;
    enum tyto_err err = TYTO_OK;
    switch (in->kind) {
    case TYTO_REPLY_ERROR:
        tyto__v1__error__init(&parts->what.error);
        tyto_text_clean(parts->text, sizeof(parts->text), in->text);
        SET(&parts->what.error, code, (Tyto__V1__ErrorCode)in->error);
        SET(&parts->what.error, oldest_seq, in->oldest_seq);
        parts->what.error.text = parts->text;
        out->error = &parts->what.error;
        break;
    case TYTO_REPLY_HELLO:
        err = tyto_hello_pack(&in->hello, parts->hello, sizeof(parts->hello), &num_bytes);
        out->hello = as_bytes(parts->hello, num_bytes);
        for (uint32_t i = 0; i < in->num_readable; i++)
            parts->readable[i] = as_string(in->readable[i]);
        out->readable = parts->readable;
        out->n_readable = in->num_readable;
        break;
    case TYTO_REPLY_CHUNK:
        fill_chunk(parts, in);
        break;
    case TYTO_REPLY_PAGE:
        fill_page(parts, in);
        break;
    case TYTO_REPLY_SCHEMA:
        tyto__v1__schema__init(&parts->what.schema);
        parts->what.schema.event = as_string(in->schema_event);
        parts->what.schema.query = as_string(in->schema_query);
        out->schema = &parts->what.schema;
        break;
    case TYTO_REPLY_SCORES:
        fill_scores_page(parts, in);
        break;
    case TYTO_REPLY_NONE:
        return TYTO_ERR_INVALID;
    }
    out->what_case = (Tyto__V1__Reply__WhatCase)in->kind;
    return err;
}

enum tyto_err tyto_reply_pack(const struct tyto_reply *reply, uint8_t *buf, size_t buf_bytes,
                              size_t *ret_bytes)
{
    if (reply->num_envelopes > TYTO_REPLY_MAX_ENVELOPES ||
        reply->num_classes > TYTO_REPLY_MAX_CLASSES ||
        reply->num_readable > TYTO_REPLY_MAX_READABLE ||
        reply->num_segments > TYTO_REPLY_MAX_SEGMENTS)
        return TYTO_ERR_INVALID;
    struct reply_parts *parts = malloc(sizeof(*parts));
    if (!parts)
        return TYTO_ERR_NOMEM;
    for (uint32_t i = 0; i < reply->num_envelopes; i++)
        parts->envelopes[i] = as_bytes(reply->envelopes[i].bytes, reply->envelopes[i].num_bytes);
    tyto__v1__reply__init(&parts->reply);
    SET(&parts->reply, id, reply->id);
    enum tyto_err err = fill_reply(parts, reply);
    const size_t num_bytes = !err ? tyto__v1__reply__get_packed_size(&parts->reply) : 0;
    if (!err && (num_bytes > buf_bytes || num_bytes > TYTO_REPLY_MAX_BYTES))
        err = TYTO_ERR_FULL;
    if (!err)
        *ret_bytes = tyto__v1__reply__pack(&parts->reply, buf);
    free(parts);
    return err;
}
