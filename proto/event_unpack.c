/* SPDX-License-Identifier: MIT */
/* Untrusted protobuf bytes to plain structs. A message may not make us allocate
 * more than a fixed budget, whatever it claims. */
#include <string.h>

#include "base/text.h"
#include "event.pb-c.h"
#include "proto/budget.h"
#include "proto/event_wire.h"

/* 4 KiB of two-byte empty submessages, the worst there is, stay below this. */
enum { UNPACK_BUDGET_BYTES = 1024 * 1024 };

static bool get_string(char *ret_text, size_t text_bytes, const char *text)
{
    const size_t len = text ? strnlen(text, text_bytes) : 0;
    if (len >= text_bytes)
        return false;
    if (len > 0)
        memcpy(ret_text, text, len);
    ret_text[len] = '\0';
    return true;
}

static bool get_uuid(uint8_t ret_uuid[TYTO_UUID_BYTES], protobuf_c_boolean has,
                     const ProtobufCBinaryData *bytes)
{
    if (!has || bytes->len != TYTO_UUID_BYTES)
        return false;
    memcpy(ret_uuid, bytes->data, TYTO_UUID_BYTES);
    return true;
}

static bool get_place(struct tyto_place_map *ret_place, const Tyto__V1__PlaceMap *in)
{
    if (in->rows < 1 || in->rows > TYTO_PLACE_MAX_SIDE || in->cols < 1 ||
        in->cols > TYTO_PLACE_MAX_SIDE || in->cells.len != (size_t)in->rows * in->cols)
        return false;
    ret_place->rows = in->rows;
    ret_place->cols = in->cols;
    ret_place->peak = in->peak;
    memcpy(ret_place->cells, in->cells.data, in->cells.len);
    return true;
}

static bool get_segments(struct tyto_event *ret_event, const Tyto__V1__Event *in)
{
    const size_t num = in->n_segment_joint;
    if (num > TYTO_EVENT_MAX_SEGMENTS || in->n_segment_heard != num || in->n_segment_seen != num)
        return false;
    ret_event->num_segments = (uint32_t)num;
    if (num > 0) {
        memcpy(ret_event->segment_joint, in->segment_joint, num * sizeof(float));
        memcpy(ret_event->segment_heard, in->segment_heard, num * sizeof(float));
        memcpy(ret_event->segment_seen, in->segment_seen, num * sizeof(float));
    }
    ret_event->segments_begin_media_ns = in->segments_begin_media_ns;
    ret_event->segment_hop_ns = in->segment_hop_ns;
    return true;
}

static bool get_zones(struct tyto_event *ret_event, const Tyto__V1__Event *in)
{
    if (in->n_zones > TYTO_EVENT_MAX_ZONES)
        return false;
    ret_event->num_zones = (uint32_t)in->n_zones;
    for (size_t i = 0; i < in->n_zones; i++) {
        if (!get_string(ret_event->zones[i], sizeof(ret_event->zones[i]), in->zones[i]))
            return false;
    }
    return true;
}

static void get_stamps(struct tyto_event *ret_event, const Tyto__V1__Event *in)
{
    for (size_t i = 0; i < in->n_stamps; i++) {
        const Tyto__V1__Stamp *stamp = in->stamps[i];
        for (int s = 0; stamp->stage && s < TYTO_NUM_STAGES; s++) {
            if (strcmp(stamp->stage, tyto_stage_name((enum tyto_stage)s)) == 0) {
                ret_event->stamps[s].in_ns = (uint64_t)stamp->in_ns;
                ret_event->stamps[s].out_ns = (uint64_t)stamp->out_ns;
            }
        }
    }
}

static bool get_embedding(int8_t ret_values[TYTO_EMBEDDING_NUM], bool *ret_has,
                          protobuf_c_boolean has, const ProtobufCBinaryData *in)
{
    *ret_has = has;
    if (has && in->len == TYTO_EMBEDDING_NUM)
        memcpy(ret_values, in->data, TYTO_EMBEDDING_NUM);
    return !has || in->len == TYTO_EMBEDDING_NUM;
}

static bool get_embeddings(struct tyto_embeddings *ret_embeddings, const Tyto__V1__Embeddings *in)
{
    struct tyto_embeddings *out = ret_embeddings;
    out->space = in->space;
    return in->space != 0 &&
           get_embedding(out->sound, &out->has_sound, in->has_sound, &in->sound) &&
           get_embedding(out->picture, &out->has_picture, in->has_picture, &in->picture) &&
           (out->has_sound || out->has_picture);
}

static bool get_alignment(struct tyto_event_alignment *ret_alignment, const Tyto__V1__Alignment *in)
{
    struct tyto_event_alignment *out = ret_alignment;
    if (in->rows < 1 || in->rows > TYTO_ALIGNMENT_MAX_ROWS || in->cols < 1 ||
        in->cols > TYTO_ALIGNMENT_MAX_COLS || in->audio.len != (size_t)in->rows * in->cols ||
        in->visual.len != in->audio.len || in->trust.len != in->rows)
        return false;
    out->rows = in->rows;
    out->cols = in->cols;
    out->before = in->before;
    for (uint32_t row = 0; row < in->rows; row++) {
        memcpy(out->audio[row], in->audio.data + (size_t)row * in->cols, in->cols);
        memcpy(out->visual[row], in->visual.data + (size_t)row * in->cols, in->cols);
    }
    memcpy(out->trust, in->trust.data, in->rows);
    return true;
}

static bool get_event(struct tyto_event *ret_event, const Tyto__V1__Event *in)
{
    struct tyto_event *out = ret_event;
    if (!get_string(out->id, sizeof(out->id), in->id) ||
        !get_string(out->camera, sizeof(out->camera), in->camera) ||
        !get_string(out->class_name, sizeof(out->class_name), in->class_name) ||
        !get_string(out->model_digest, sizeof(out->model_digest), in->model_digest) ||
        !get_string(out->clip_uri, sizeof(out->clip_uri), in->clip_uri) ||
        !get_string(out->snapshot_uri, sizeof(out->snapshot_uri), in->snapshot_uri))
        return false;
    out->phase = (enum tyto_event_phase)in->phase;
    out->rev = in->rev;
    out->reason = (enum tyto_event_reason)in->reason;
    out->class_id = in->class_id;
    out->has_end = in->has_end_media_ns;
    out->begin_media_ns = in->begin_media_ns;
    out->end_media_ns = in->end_media_ns;
    out->begin_unix_ns = in->begin_unix_ns;
    out->end_unix_ns = in->end_unix_ns;
    out->clock_quality = (enum tyto_clock_quality)in->clock_quality;
    out->onset_confidence = in->onset_confidence;
    out->offset_confidence = in->offset_confidence;
    if (in->scores) {
        out->scores.joint = in->scores->joint;
        out->scores.heard = in->scores->heard;
        out->scores.seen = in->scores->seen;
        out->scores.threshold = in->scores->threshold;
    }
    out->modality = (enum tyto_modality)in->modality;
    out->weight_audio = in->weight_audio;
    out->weight_visual = in->weight_visual;
    if (in->box) {
        out->has_box = true;
        out->box = (struct tyto_box){in->box->x0, in->box->y0, in->box->x1, in->box->y1};
    }
    out->has_av_offset = in->has_av_offset_ms;
    out->av_offset_ms = in->av_offset_ms;
    out->config_generation = in->config_generation;
    get_stamps(out, in);
    return get_segments(out, in) && get_zones(out, in) &&
           (!in->place || get_place(&out->place, in->place)) &&
           (!in->embeddings || get_embeddings(&out->embeddings, in->embeddings)) &&
           (!in->alignment || get_alignment(&out->alignment, in->alignment));
}

static bool get_state(struct tyto_camera_state *out, const Tyto__V1__CameraState *in)
{
    if (!get_string(out->camera, sizeof(out->camera), in->camera))
        return false;
    tyto_text_clean(out->text, sizeof(out->text), in->text ? in->text : "");
    out->status = (enum tyto_camera_status)in->status;
    out->has_audio = in->has_audio;
    out->has_video = in->has_video;
    out->since_unix_ns = in->since_unix_ns;
    out->num_segments = in->num_segments;
    out->num_dropped = in->num_dropped;
    out->num_reconnects = in->num_reconnects;
    out->has_av_offset = in->has_av_offset_ms;
    out->av_offset_ms = in->av_offset_ms;
    out->clock_quality = (enum tyto_clock_quality)in->clock_quality;
    return true;
}

static bool get_model(struct tyto_model_state *out, const Tyto__V1__ModelState *in)
{
    if (!get_string(out->digest, sizeof(out->digest), in->digest) ||
        !get_string(out->previous_digest, sizeof(out->previous_digest), in->previous_digest))
        return false;
    tyto_text_clean(out->text, sizeof(out->text), in->text ? in->text : "");
    tyto_text_clean(out->device, sizeof(out->device), in->device ? in->device : "");
    tyto_text_clean(out->exec, sizeof(out->exec), in->exec ? in->exec : "");
    out->config_generation = in->config_generation;
    out->num_classes = in->num_classes;
    out->outcome = (enum tyto_model_outcome)in->outcome;
    for (size_t i = 0; i < in->n_class_names && i < TYTO_MODEL_MAX_NAMES; i++) {
        char *name = out->class_names[out->num_names++];
        if (!get_string(name, sizeof(out->class_names[0]), in->class_names[i]))
            return false;
    }
    return true;
}

static bool get_heartbeat(struct tyto_heartbeat *out, const Tyto__V1__Heartbeat *in)
{
    if (in->n_cameras > TYTO_HEARTBEAT_MAX_CAMERAS)
        return false;
    out->last_seq = in->last_seq;
    out->oldest_seq = in->oldest_seq;
    out->num_dropped = in->num_dropped;
    out->part = in->part;
    out->num_parts = in->num_parts;
    out->interval_ms = in->interval_ms;
    if (!get_string(out->model_digest, sizeof(out->model_digest), in->model_digest))
        return false;
    out->num_cameras = (uint32_t)in->n_cameras;
    for (size_t i = 0; i < in->n_cameras; i++) {
        const Tyto__V1__CameraSeq *camera = in->cameras[i];
        if (!get_string(out->cameras[i].camera, sizeof(out->cameras[i].camera), camera->camera))
            return false;
        out->cameras[i].cam_seq = camera->cam_seq;
    }
    return true;
}

static bool get_debug(struct tyto_debug_scores *out, const Tyto__V1__DebugScores *in)
{
    if (in->n_top > TYTO_DEBUG_MAX_TOP || !get_string(out->camera, sizeof(out->camera), in->camera))
        return false;
    out->begin_media_ns = in->begin_media_ns;
    out->end_media_ns = in->end_media_ns;
    out->has_audio = in->has_audio;
    out->has_video = in->has_video;
    out->num_top = (uint32_t)in->n_top;
    for (size_t i = 0; i < in->n_top; i++) {
        const Tyto__V1__ClassScore *score = in->top[i];
        struct tyto_class_score *top = &out->top[i];
        if (!get_string(top->class_name, sizeof(top->class_name), score->class_name))
            return false;
        top->joint = score->joint;
        top->heard = score->heard;
        top->seen = score->seen;
    }
    return true;
}

/* A picture without bytes beside it is none. */
static bool get_thumbnail(struct tyto_thumbnail *out, const Tyto__V1__Envelope *envelope)
{
    const Tyto__V1__Thumbnail *in = envelope->thumbnail;
    const Tyto__V1__Attachment *jpeg =
        envelope->n_attachments > 0 ? envelope->attachments[0] : NULL;
    if (!jpeg || !jpeg->type || strcmp(jpeg->type, "image/jpeg") != 0 ||
        jpeg->size > TYTO_THUMBNAIL_MAX_BYTES || !jpeg->has_sha256 ||
        jpeg->sha256.len != TYTO_SHA256_BYTES ||
        !get_string(out->event_id, sizeof(out->event_id), in->event_id) ||
        !get_string(out->camera, sizeof(out->camera), in->camera) ||
        !get_string(out->class_name, sizeof(out->class_name), in->class_name))
        return false;
    out->media_ns = in->media_ns;
    out->unix_ns = in->unix_ns;
    out->width = in->width;
    out->height = in->height;
    out->score = in->score;
    out->is_blurred = in->is_blurred;
    if (in->box) {
        out->has_box = true;
        out->box = (struct tyto_box){in->box->x0, in->box->y0, in->box->x1, in->box->y1};
    }
    out->num_bytes = (uint32_t)jpeg->size;
    memcpy(out->sha256, jpeg->sha256.data, TYTO_SHA256_BYTES);
    return true;
}

static bool get_body(struct tyto_envelope *out, const Tyto__V1__Envelope *in)
{
    out->kind = TYTO_ENVELOPE_NONE;
    switch (in->body_case) {
    case TYTO__V1__ENVELOPE__BODY_EVENT:
        out->kind = TYTO_ENVELOPE_EVENT;
        return get_event(&out->body.event, in->event);
    case TYTO__V1__ENVELOPE__BODY_CAMERA_STATE:
        out->kind = TYTO_ENVELOPE_CAMERA_STATE;
        return get_state(&out->body.camera_state, in->camera_state);
    case TYTO__V1__ENVELOPE__BODY_MODEL_STATE:
        out->kind = TYTO_ENVELOPE_MODEL_STATE;
        return get_model(&out->body.model_state, in->model_state);
    case TYTO__V1__ENVELOPE__BODY_HEARTBEAT:
        out->kind = TYTO_ENVELOPE_HEARTBEAT;
        return get_heartbeat(&out->body.heartbeat, in->heartbeat);
    case TYTO__V1__ENVELOPE__BODY_DEBUG_SCORES:
        out->kind = TYTO_ENVELOPE_DEBUG_SCORES;
        return get_debug(&out->body.debug_scores, in->debug_scores);
    case TYTO__V1__ENVELOPE__BODY_THUMBNAIL:
        out->kind = TYTO_ENVELOPE_THUMBNAIL;
        return get_thumbnail(&out->body.thumbnail, in);
    case TYTO__V1__ENVELOPE__BODY__NOT_SET:
    case _TYTO__V1__ENVELOPE__BODY__CASE_IS_INT_SIZE:
        break;
    }
    return true; /* a body from the future */
}

enum tyto_err tyto_envelope_unpack(const uint8_t *bytes, size_t num_bytes,
                                   struct tyto_envelope *ret_envelope)
{
    if (num_bytes > TYTO_ENVELOPE_MAX_BYTES)
        return TYTO_ERR_FORMAT;
    struct tyto_budget budget = {.left_bytes = UNPACK_BUDGET_BYTES};
    ProtobufCAllocator allocator = tyto_budget_allocator(&budget);
    Tyto__V1__Envelope *in = tyto__v1__envelope__unpack(&allocator, num_bytes, bytes);
    if (!in)
        return budget.is_out_of_memory ? TYTO_ERR_NOMEM : TYTO_ERR_FORMAT;
    struct tyto_envelope out;
    memset(&out, 0, sizeof(out));
    const bool ok = get_uuid(out.log_id, in->has_log_id, &in->log_id) &&
                    get_uuid(out.boot_id, in->has_boot_id, &in->boot_id) && get_body(&out, in);
    out.seq = in->seq;
    out.cam_seq = in->cam_seq;
    out.class_seq = in->class_seq;
    out.publish_unix_ns = in->publish_unix_ns;
    out.publish_mono_ns = in->publish_mono_ns;
    out.schema_minor = in->schema_minor;
    tyto__v1__envelope__free_unpacked(in, &allocator);
    if (!ok || !tyto_envelope_is_sound(&out))
        return TYTO_ERR_FORMAT;
    *ret_envelope = out;
    return TYTO_OK;
}

/* Daemons before 1.2 tell at most one. */
static void get_query_endpoints(struct tyto_hello *out, const Tyto__V1__Hello *in)
{
    const char *one[] = {in->query_endpoint ? in->query_endpoint : ""};
    const bool has_all = in->n_query_endpoints > 0;
    const size_t num = has_all ? in->n_query_endpoints : one[0][0] != '\0';
    for (size_t i = 0; i < num && i < TYTO_HELLO_MAX_QUERY_ENDPOINTS; i++)
        tyto_text_clean(out->query_endpoints[out->num_query_endpoints++],
                        sizeof(out->query_endpoints[0]), has_all ? in->query_endpoints[i] : one[0]);
}

enum tyto_err tyto_hello_unpack(const uint8_t *bytes, size_t num_bytes,
                                struct tyto_hello *ret_hello)
{
    if (num_bytes > TYTO_ENVELOPE_MAX_BYTES)
        return TYTO_ERR_FORMAT;
    struct tyto_budget budget = {.left_bytes = UNPACK_BUDGET_BYTES};
    ProtobufCAllocator allocator = tyto_budget_allocator(&budget);
    Tyto__V1__Hello *in = tyto__v1__hello__unpack(&allocator, num_bytes, bytes);
    if (!in)
        return budget.is_out_of_memory ? TYTO_ERR_NOMEM : TYTO_ERR_FORMAT;
    struct tyto_hello out;
    memset(&out, 0, sizeof(out));
    const bool ok = get_uuid(out.log_id, in->has_log_id, &in->log_id) &&
                    get_uuid(out.boot_id, in->has_boot_id, &in->boot_id);
    out.schema_major = in->schema_major;
    out.schema_minor = in->schema_minor;
    out.seq = in->seq;
    out.server_unix_ns = in->server_unix_ns;
    out.heartbeat_ms = in->heartbeat_ms;
    out.oldest_seq = in->oldest_seq;
    get_query_endpoints(&out, in);
    tyto_text_clean(out.version, sizeof(out.version), in->version ? in->version : "");
    tyto__v1__hello__free_unpacked(in, &allocator);
    if (!ok || !tyto_hello_is_sound(&out))
        return TYTO_ERR_FORMAT;
    *ret_hello = out;
    return TYTO_OK;
}
