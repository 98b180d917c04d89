/* SPDX-License-Identifier: MIT */
/* Untrusted protobuf bytes to plain structs, within a budget of memory. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "proto/budget.h"
#include "proto/query.h"
#include "query.pb-c.h"

enum { REQUEST_BUDGET_BYTES = 1 << 20, REPLY_BUDGET_BYTES = 4 << 20 };

static bool get_ids(char (*ret_ids)[TYTO_ID_MAX + 1], uint32_t *ret_num, char *const *ids,
                    size_t num)
{
    if (num > TYTO_REQUEST_MAX_NAMES)
        return false;
    for (size_t i = 0; i < num; i++) {
        if (!tyto_id_is_valid(ids[i]))
            return false;
        memcpy(ret_ids[i], ids[i], strlen(ids[i]) + 1);
    }
    *ret_num = (uint32_t)num;
    return true;
}

static bool get_cursor(struct tyto_cursor *ret_cursor, protobuf_c_boolean has,
                       const ProtobufCBinaryData *bytes)
{
    ret_cursor->num_bytes = 0;
    if (!has || bytes->len == 0)
        return true;
    if (bytes->len > TYTO_CURSOR_MAX_BYTES)
        return false;
    memcpy(ret_cursor->bytes, bytes->data, bytes->len);
    ret_cursor->num_bytes = (uint32_t)bytes->len;
    return true;
}

static bool get_prefixes(struct tyto_request *out, char *const *prefixes, size_t num)
{
    if (num > TYTO_REQUEST_MAX_PREFIXES)
        return false;
    out->prefixes = num > 0 ? calloc(num, sizeof(*out->prefixes)) : NULL;
    for (size_t i = 0; i < num && out->prefixes; i++) {
        const size_t len = strnlen(prefixes[i], TYTO_TOPIC_MAX_BYTES);
        if (len >= TYTO_TOPIC_MAX_BYTES)
            return false;
        memcpy(out->prefixes[i], prefixes[i], len);
        out->num_prefixes++;
    }
    return out->num_prefixes == num;
}

static bool get_credit(struct tyto_request *out, protobuf_c_boolean has, uint32_t credit)
{
    out->credit = has ? credit : 1;
    return out->credit >= 1 && out->credit <= TYTO_QUERY_MAX_CREDIT;
}

static bool get_replay(struct tyto_request *out, const Tyto__V1__ReplayRequest *in)
{
    out->has_log_id = in->has_log_id;
    if (in->has_log_id && in->log_id.len != TYTO_UUID_BYTES)
        return false;
    if (in->has_log_id)
        memcpy(out->log_id, in->log_id.data, TYTO_UUID_BYTES);
    out->from_seq = in->from_seq;
    out->to_seq = in->to_seq;
    out->since_unix_ns = in->since_unix_ns;
    return in->from_seq <= INT64_MAX && in->to_seq <= INT64_MAX &&
           get_credit(out, in->has_credit, in->credit) &&
           get_prefixes(out, in->prefixes, in->n_prefixes);
}

static bool get_list(struct tyto_request *out, const Tyto__V1__ListRequest *in)
{
    out->from_unix_ns = in->from_unix_ns;
    out->to_unix_ns = in->to_unix_ns;
    out->is_newest_first = in->newest_first;
    out->is_open = in->open;
    out->limit = in->limit;
    return in->limit <= TYTO_REPLY_MAX_ENVELOPES && in->from_unix_ns >= 0 && in->to_unix_ns >= 0 &&
           get_cursor(&out->cursor, in->has_cursor, &in->cursor) &&
           get_ids(out->cameras, &out->num_cameras, in->cameras, in->n_cameras) &&
           get_ids(out->classes, &out->num_classes, in->classes, in->n_classes);
}

static bool get_scores(struct tyto_request *out, const Tyto__V1__ScoresRequest *in)
{
    out->from_unix_ns = in->from_unix_ns;
    out->to_unix_ns = in->to_unix_ns;
    char *camera = in->camera;
    return camera && in->from_unix_ns >= 0 && in->to_unix_ns >= 0 &&
           get_ids(out->cameras, &out->num_cameras, &camera, 1) &&
           get_cursor(&out->cursor, in->has_cursor, &in->cursor) &&
           get_ids(out->classes, &out->num_classes, in->classes, in->n_classes);
}

static bool get_embedding(int8_t ret_values[TYTO_EMBEDDING_NUM], bool *ret_has,
                          protobuf_c_boolean has, const ProtobufCBinaryData *in)
{
    *ret_has = has;
    if (has && in->len == TYTO_EMBEDDING_NUM)
        memcpy(ret_values, in->data, TYTO_EMBEDDING_NUM);
    return !has || in->len == TYTO_EMBEDDING_NUM;
}

static bool get_find(struct tyto_request *out, const Tyto__V1__FindRequest *in)
{
    struct tyto_embeddings *like = &out->like;
    like->space = in->space;
    out->among = (enum tyto_among)in->among;
    out->from_unix_ns = in->from_unix_ns;
    out->to_unix_ns = in->to_unix_ns;
    out->limit = in->limit;
    if (in->but_event_id) {
        if (!tyto_event_id_is_valid(in->but_event_id))
            return false;
        memcpy(out->event_id, in->but_event_id, sizeof(out->event_id));
    }
    return in->space != 0 &&
           get_embedding(like->sound, &like->has_sound, in->has_sound, &in->sound) &&
           get_embedding(like->picture, &like->has_picture, in->has_picture, &in->picture) &&
           (like->has_sound || like->has_picture) &&
           (out->among == TYTO_AMONG_OWN ||
            ((out->among == TYTO_AMONG_SOUNDS || out->among == TYTO_AMONG_PICTURES) &&
             like->has_sound != like->has_picture)) &&
           in->limit <= TYTO_REPLY_MAX_ENVELOPES && in->from_unix_ns >= 0 && in->to_unix_ns >= 0 &&
           get_ids(out->cameras, &out->num_cameras, in->cameras, in->n_cameras) &&
           get_ids(out->classes, &out->num_classes, in->classes, in->n_classes);
}

static bool get_request(struct tyto_request *out, const Tyto__V1__Request *in)
{
    out->id = in->id;
    out->kind = (enum tyto_request_kind)in->what_case;
    switch (in->what_case) {
    case TYTO__V1__REQUEST__WHAT_SNAPSHOT:
        return get_credit(out, in->snapshot->has_credit, in->snapshot->credit) &&
               get_prefixes(out, in->snapshot->prefixes, in->snapshot->n_prefixes);
    case TYTO__V1__REQUEST__WHAT_REPLAY:
        return get_replay(out, in->replay);
    case TYTO__V1__REQUEST__WHAT_CREDIT:
        return get_credit(out, in->credit->has_chunks, in->credit->chunks);
    case TYTO__V1__REQUEST__WHAT_LIST:
        return get_list(out, in->list);
    case TYTO__V1__REQUEST__WHAT_GET:
        if (!in->get->event_id || !tyto_event_id_is_valid(in->get->event_id))
            return false;
        memcpy(out->event_id, in->get->event_id, sizeof(out->event_id));
        return true;
    case TYTO__V1__REQUEST__WHAT_SCORES:
        return get_scores(out, in->scores);
    case TYTO__V1__REQUEST__WHAT_FIND:
        return get_find(out, in->find);
    case TYTO__V1__REQUEST__WHAT_HELLO:
    case TYTO__V1__REQUEST__WHAT_SCHEMA:
    case TYTO__V1__REQUEST__WHAT__NOT_SET:
    case _TYTO__V1__REQUEST__WHAT__CASE_IS_INT_SIZE:
        break;
    }
    return true;
}

enum tyto_err tyto_request_unpack(const uint8_t *bytes, size_t num_bytes,
                                  struct tyto_request *ret_request, uint64_t *ret_id)
{
    *ret_id = 0;
    if (num_bytes > TYTO_REQUEST_MAX_BYTES)
        return TYTO_ERR_FORMAT;
    struct tyto_budget budget = {.left_bytes = REQUEST_BUDGET_BYTES};
    ProtobufCAllocator allocator = tyto_budget_allocator(&budget);
    Tyto__V1__Request *in = tyto__v1__request__unpack(&allocator, num_bytes, bytes);
    if (!in)
        return budget.is_out_of_memory ? TYTO_ERR_NOMEM : TYTO_ERR_FORMAT;
    memset(ret_request, 0, sizeof(*ret_request));
    *ret_id = in->id;
    const bool ok = in->id != 0 && get_request(ret_request, in);
    tyto__v1__request__free_unpacked(in, &allocator);
    if (ok)
        return TYTO_OK;
    tyto_request_clear(ret_request);
    return TYTO_ERR_FORMAT;
}

void tyto_request_clear(struct tyto_request *request)
{
    free(request->prefixes);
    request->prefixes = NULL;
    request->num_prefixes = 0;
}

/* --- replies -------------------------------------------------------------------------------------
 */

/* What a reply's pointers lead into. */
struct memory {
    struct tyto_budget budget;
    Tyto__V1__Reply *reply;
    struct tyto_segment_scores segments[];
};

static bool get_envelopes(struct tyto_reply *out, const ProtobufCBinaryData *envelopes, size_t num)
{
    if (num > TYTO_REPLY_MAX_ENVELOPES)
        return false;
    for (size_t i = 0; i < num; i++)
        out->envelopes[i] = (struct tyto_bytes){envelopes[i].data, envelopes[i].len};
    out->num_envelopes = (uint32_t)num;
    return true;
}

static bool get_page(struct tyto_reply *out, const Tyto__V1__Page *in)
{
    out->has_similarities = in->n_similarities > 0;
    if (!get_envelopes(out, in->envelopes, in->n_envelopes) ||
        !get_cursor(&out->cursor, in->has_cursor, &in->cursor) ||
        (out->has_similarities && in->n_similarities != in->n_envelopes))
        return false;
    for (size_t i = 0; i < in->n_similarities; i++) {
        if (!isfinite(in->similarities[i]))
            return false;
        out->similarities[i] = in->similarities[i];
    }
    return true;
}

static bool get_readable(struct tyto_reply *out, char *const *prefixes, size_t num)
{
    if (num > TYTO_REPLY_MAX_READABLE)
        return false;
    for (size_t i = 0; i < num; i++) {
        if (strnlen(prefixes[i], TYTO_TOPIC_MAX_BYTES) == TYTO_TOPIC_MAX_BYTES)
            return false;
        out->readable[i] = prefixes[i];
    }
    out->num_readable = (uint32_t)num;
    return true;
}

static bool get_decision(struct tyto_decision *out, const Tyto__V1__Decision *in,
                         size_t num_classes)
{
    if (!in)
        return true;
    bool ok = in->n_thresholds == 3 * num_classes && num_classes > 0 && isfinite(in->off_ratio) &&
              in->peak >= 0 && in->peak <= 1 && in->hang_over_ns >= 0 && in->min_duration_ns >= 0 &&
              in->max_duration_ns > 0;
    for (size_t i = 0; ok && i < in->n_thresholds; i++)
        ok = isfinite(in->thresholds[i]);
    *out = (struct tyto_decision){.thresholds = in->thresholds,
                                  .off_ratio = in->off_ratio,
                                  .onset_num = in->onset_num,
                                  .onset_window = in->onset_window,
                                  .hang_over_ns = in->hang_over_ns,
                                  .min_duration_ns = in->min_duration_ns,
                                  .max_duration_ns = in->max_duration_ns,
                                  .only_joint = in->only_joint,
                                  .peak = in->peak};
    return ok;
}

static bool get_scores_page(struct tyto_reply *out, struct memory *memory,
                            const Tyto__V1__ScoresPage *in)
{
    const size_t num = in->n_class_names;
    if (num > TYTO_REPLY_MAX_CLASSES || in->n_segments > TYTO_REPLY_MAX_SEGMENTS ||
        !get_cursor(&out->cursor, in->has_cursor, &in->cursor))
        return false;
    for (size_t i = 0; i < num; i++) {
        if (!tyto_id_is_valid(in->class_names[i]))
            return false;
        out->class_names[i] = in->class_names[i];
    }
    for (size_t i = 0; i < in->n_segments; i++) {
        const Tyto__V1__SegmentScores *segment = in->segments[i];
        if (segment->joint.len != num || segment->heard.len != num || segment->seen.len != num)
            return false;
        memory->segments[i] = (struct tyto_segment_scores){
            .begin_unix_ns = segment->begin_unix_ns,
            .end_unix_ns = segment->end_unix_ns,
            .begin_media_ns = segment->begin_media_ns,
            .has_audio = segment->has_audio,
            .has_video = segment->has_video,
            .has_heard_seen = segment->has_heard_seen,
            .goes_on = segment->goes_on,
            .weight_audio = (uint8_t)(segment->weight_audio < 255 ? segment->weight_audio : 255),
            .has_av_offset = segment->has_av_offset_ms,
            .av_offset_ms = segment->av_offset_ms,
            .joint = segment->joint.data,
            .heard = segment->heard.data,
            .seen = segment->seen.data};
    }
    const char *digest = in->model_digest ? in->model_digest : "";
    const size_t len = strnlen(digest, sizeof(out->model_digest));
    if (!get_decision(&out->decision, in->decision, num) || len > TYTO_DIGEST_MAX ||
        strspn(digest, "0123456789abcdef") != len)
        return false;
    memcpy(out->model_digest, digest, len + 1);
    out->num_classes = (uint32_t)num;
    out->num_segments = (uint32_t)in->n_segments;
    out->segments = memory->segments;
    return true;
}

static bool get_reply(struct tyto_reply *out, struct memory *memory, const Tyto__V1__Reply *in)
{
    out->id = in->id;
    out->kind = (enum tyto_reply_kind)in->what_case;
    switch (in->what_case) {
    case TYTO__V1__REPLY__WHAT_ERROR:
        out->error = (enum tyto_query_error)in->error->code;
        out->oldest_seq = in->error->oldest_seq;
        tyto_text_clean(out->text, sizeof(out->text), in->error->text ? in->error->text : "");
        return true;
    case TYTO__V1__REPLY__WHAT_HELLO:
        return get_readable(out, in->readable, in->n_readable) &&
               tyto_hello_unpack(in->hello.data, in->hello.len, &out->hello) == TYTO_OK;
    case TYTO__V1__REPLY__WHAT_CHUNK:
        out->next_seq = in->chunk->next_seq;
        out->num_missing = in->chunk->num_missing;
        out->num_withheld = in->chunk->num_withheld;
        out->is_last = in->chunk->is_last;
        return get_envelopes(out, in->chunk->envelopes, in->chunk->n_envelopes);
    case TYTO__V1__REPLY__WHAT_PAGE:
        return get_page(out, in->page);
    case TYTO__V1__REPLY__WHAT_SCHEMA:
        out->schema_event = in->schema->event ? in->schema->event : "";
        out->schema_query = in->schema->query ? in->schema->query : "";
        return true;
    case TYTO__V1__REPLY__WHAT_SCORES:
        return get_scores_page(out, memory, in->scores);
    case TYTO__V1__REPLY__WHAT__NOT_SET:
    case _TYTO__V1__REPLY__WHAT__CASE_IS_INT_SIZE:
        break;
    }
    return true;
}

enum tyto_err tyto_reply_unpack(const uint8_t *bytes, size_t num_bytes,
                                struct tyto_reply *ret_reply)
{
    if (num_bytes > TYTO_REPLY_MAX_BYTES)
        return TYTO_ERR_FORMAT;
    struct tyto_budget budget = {.left_bytes = REPLY_BUDGET_BYTES};
    ProtobufCAllocator allocator = tyto_budget_allocator(&budget);
    Tyto__V1__Reply *in = tyto__v1__reply__unpack(&allocator, num_bytes, bytes);
    if (!in)
        return budget.is_out_of_memory ? TYTO_ERR_NOMEM : TYTO_ERR_FORMAT;
    const size_t num = in->what_case == TYTO__V1__REPLY__WHAT_SCORES ? in->scores->n_segments : 0;
    struct memory *memory = malloc(sizeof(*memory) + num * sizeof(memory->segments[0]));
    if (!memory) {
        tyto__v1__reply__free_unpacked(in, &allocator);
        return TYTO_ERR_NOMEM;
    }
    memory->reply = in;
    memset(ret_reply, 0, sizeof(*ret_reply));
    ret_reply->memory = memory;
    if (get_reply(ret_reply, memory, in))
        return TYTO_OK;
    tyto_reply_clear(ret_reply);
    return TYTO_ERR_FORMAT;
}

void tyto_reply_clear(struct tyto_reply *reply)
{
    struct memory *memory = reply->memory;
    if (!memory)
        return;
    ProtobufCAllocator allocator = tyto_budget_allocator(&memory->budget);
    tyto__v1__reply__free_unpacked(memory->reply, &allocator); /* only frees */
    free(memory);
    reply->memory = NULL;
}
