/* SPDX-License-Identifier: MIT */
/* Plain structs to protobuf bytes. The protobuf-c structs live on the stack and
 * point into the plain ones, so that packing allocates nothing. */
#include <string.h>

#include "base/text.h"
#include "event.pb-c.h"
#include "proto/event_wire.h"

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

#define SET(message, field, value) ((message)->has_##field = true, (message)->field = (value))

struct event_parts {
    Tyto__V1__Event event;
    Tyto__V1__Scores scores;
    Tyto__V1__PlaceMap place;
    Tyto__V1__Box box;
    Tyto__V1__Stamp stamps[TYTO_NUM_STAGES];
    Tyto__V1__Stamp *stamp_ptrs[TYTO_NUM_STAGES];
    char *zone_ptrs[TYTO_EVENT_MAX_ZONES];
    Tyto__V1__Embeddings embeddings;
    Tyto__V1__Alignment alignment;
    uint8_t shares[2][TYTO_ALIGNMENT_MAX_ROWS * TYTO_ALIGNMENT_MAX_COLS]; /* without gaps */
};

static void fill_what(struct event_parts *parts, const struct tyto_event *in)
{
    Tyto__V1__Event *out = &parts->event;
    out->id = as_string(in->id);
    SET(out, phase, (Tyto__V1__Phase)in->phase);
    SET(out, rev, in->rev);
    SET(out, reason, (Tyto__V1__Reason)in->reason);
    out->camera = as_string(in->camera);
    SET(out, class_id, in->class_id);
    out->class_name = as_string(in->class_name);
    SET(out, begin_media_ns, in->begin_media_ns);
    SET(out, begin_unix_ns, in->begin_unix_ns);
    if (in->has_end) {
        SET(out, end_media_ns, in->end_media_ns);
        SET(out, end_unix_ns, in->end_unix_ns);
    }
    SET(out, clock_quality, (Tyto__V1__ClockQuality)in->clock_quality);
    SET(out, config_generation, in->config_generation);
    if (in->model_digest[0])
        out->model_digest = as_string(in->model_digest);
    if (in->clip_uri[0])
        out->clip_uri = as_string(in->clip_uri);
    if (in->snapshot_uri[0])
        out->snapshot_uri = as_string(in->snapshot_uri);
}

static void fill_scores(struct event_parts *parts, const struct tyto_event *in)
{
    Tyto__V1__Event *out = &parts->event;
    SET(out, onset_confidence, in->onset_confidence);
    if (in->phase == TYTO_EVENT_PHASE_END)
        SET(out, offset_confidence, in->offset_confidence);
    tyto__v1__scores__init(&parts->scores);
    SET(&parts->scores, joint, in->scores.joint);
    SET(&parts->scores, heard, in->scores.heard);
    SET(&parts->scores, seen, in->scores.seen);
    SET(&parts->scores, threshold, in->scores.threshold);
    out->scores = &parts->scores;
    SET(out, modality, (Tyto__V1__Modality)in->modality);
    SET(out, weight_audio, in->weight_audio);
    SET(out, weight_visual, in->weight_visual);
    if (in->num_segments > 0) {
        out->n_segment_joint = out->n_segment_heard = out->n_segment_seen = in->num_segments;
        out->segment_joint = (float *)(uintptr_t)in->segment_joint;
        out->segment_heard = (float *)(uintptr_t)in->segment_heard;
        out->segment_seen = (float *)(uintptr_t)in->segment_seen;
        SET(out, segments_begin_media_ns, in->segments_begin_media_ns);
        SET(out, segment_hop_ns, in->segment_hop_ns);
    }
}

static void fill_box(Tyto__V1__Box *out, const struct tyto_box *in)
{
    tyto__v1__box__init(out);
    SET(out, x0, in->x0);
    SET(out, y0, in->y0);
    SET(out, x1, in->x1);
    SET(out, y1, in->y1);
}

static void fill_where(struct event_parts *parts, const struct tyto_event *in)
{
    Tyto__V1__Event *out = &parts->event;
    if (in->place.rows > 0) {
        tyto__v1__place_map__init(&parts->place);
        SET(&parts->place, rows, in->place.rows);
        SET(&parts->place, cols, in->place.cols);
        SET(&parts->place, peak, in->place.peak);
        SET(&parts->place, cells,
            as_bytes(in->place.cells, (size_t)in->place.rows * in->place.cols));
        out->place = &parts->place;
    }
    if (in->has_box) {
        fill_box(&parts->box, &in->box);
        out->box = &parts->box;
    }
    if (in->has_av_offset)
        SET(out, av_offset_ms, in->av_offset_ms);
    for (uint32_t i = 0; i < in->num_zones; i++)
        parts->zone_ptrs[i] = as_string(in->zones[i]);
    out->n_zones = in->num_zones;
    out->zones = parts->zone_ptrs;
}

static void fill_embeddings(struct event_parts *parts, const struct tyto_embeddings *in)
{
    if (in->space == 0 || (!in->has_sound && !in->has_picture))
        return;
    Tyto__V1__Embeddings *out = &parts->embeddings;
    tyto__v1__embeddings__init(out);
    SET(out, space, in->space);
    if (in->has_sound)
        SET(out, sound, as_bytes(in->sound, sizeof(in->sound)));
    if (in->has_picture)
        SET(out, picture, as_bytes(in->picture, sizeof(in->picture)));
    parts->event.embeddings = out;
}

static void fill_alignment(struct event_parts *parts, const struct tyto_event_alignment *in)
{
    if (in->rows == 0)
        return;
    Tyto__V1__Alignment *out = &parts->alignment;
    tyto__v1__alignment__init(out);
    SET(out, rows, in->rows);
    SET(out, cols, in->cols);
    SET(out, before, in->before);
    for (uint32_t row = 0; row < in->rows; row++) {
        memcpy(parts->shares[0] + (size_t)row * in->cols, in->audio[row], in->cols);
        memcpy(parts->shares[1] + (size_t)row * in->cols, in->visual[row], in->cols);
    }
    SET(out, audio, as_bytes(parts->shares[0], (size_t)in->rows * in->cols));
    SET(out, visual, as_bytes(parts->shares[1], (size_t)in->rows * in->cols));
    SET(out, trust, as_bytes(in->trust, in->rows));
    parts->event.alignment = out;
}

static void fill_event(struct event_parts *parts, const struct tyto_event *in)
{
    tyto__v1__event__init(&parts->event);
    fill_what(parts, in);
    fill_scores(parts, in);
    fill_where(parts, in);
    fill_embeddings(parts, &in->embeddings);
    fill_alignment(parts, &in->alignment);
    size_t num = 0;
    for (int i = 0; i < TYTO_NUM_STAGES; i++) {
        if (in->stamps[i].out_ns == 0)
            continue;
        Tyto__V1__Stamp *stamp = &parts->stamps[num];
        tyto__v1__stamp__init(stamp);
        stamp->stage = as_string(tyto_stage_name((enum tyto_stage)i));
        SET(stamp, in_ns, (int64_t)in->stamps[i].in_ns);
        SET(stamp, out_ns, (int64_t)in->stamps[i].out_ns);
        parts->stamp_ptrs[num++] = stamp;
    }
    parts->event.n_stamps = num;
    parts->event.stamps = parts->stamp_ptrs;
}

struct text_parts { /* cleaned copies of free text */
    char text[TYTO_STATE_TEXT_MAX + 1];
    char exec[TYTO_ID_MAX + 1];
};

static void fill_state(Tyto__V1__CameraState *out, struct text_parts *texts,
                       const struct tyto_camera_state *in)
{
    tyto__v1__camera_state__init(out);
    out->camera = as_string(in->camera);
    SET(out, status, (Tyto__V1__CameraStatus)in->status);
    tyto_text_clean(texts->text, sizeof(texts->text), in->text);
    out->text = texts->text;
    SET(out, has_audio, in->has_audio);
    SET(out, has_video, in->has_video);
    SET(out, since_unix_ns, in->since_unix_ns);
    SET(out, num_segments, in->num_segments);
    SET(out, num_dropped, in->num_dropped);
    SET(out, num_reconnects, in->num_reconnects);
    if (in->has_av_offset)
        SET(out, av_offset_ms, in->av_offset_ms);
    SET(out, clock_quality, (Tyto__V1__ClockQuality)in->clock_quality);
}

struct model_parts {
    Tyto__V1__ModelState model;
    char reason[TYTO_STATE_TEXT_MAX + 1];
    char *names[TYTO_MODEL_MAX_NAMES];
};

static void fill_model(struct model_parts *parts, struct text_parts *texts,
                       const struct tyto_model_state *in)
{
    Tyto__V1__ModelState *out = &parts->model;
    tyto__v1__model_state__init(out);
    out->digest = as_string(in->digest);
    tyto_text_clean(texts->text, sizeof(texts->text), in->device);
    tyto_text_clean(texts->exec, sizeof(texts->exec), in->exec);
    tyto_text_clean(parts->reason, sizeof(parts->reason), in->text);
    out->device = texts->text;
    out->exec = texts->exec;
    out->text = parts->reason;
    out->previous_digest = as_string(in->previous_digest);
    SET(out, config_generation, in->config_generation);
    SET(out, num_classes, in->num_classes);
    SET(out, outcome, (Tyto__V1__ModelOutcome)in->outcome);
    for (uint32_t i = 0; i < in->num_names; i++)
        parts->names[i] = as_string(in->class_names[i]);
    out->n_class_names = in->num_names;
    out->class_names = parts->names;
}

struct heartbeat_parts {
    Tyto__V1__Heartbeat heartbeat;
    Tyto__V1__CameraSeq cameras[TYTO_HEARTBEAT_MAX_CAMERAS];
    Tyto__V1__CameraSeq *camera_ptrs[TYTO_HEARTBEAT_MAX_CAMERAS];
};

static void fill_heartbeat(struct heartbeat_parts *parts, const struct tyto_heartbeat *in)
{
    Tyto__V1__Heartbeat *out = &parts->heartbeat;
    tyto__v1__heartbeat__init(out);
    SET(out, last_seq, in->last_seq);
    SET(out, oldest_seq, in->oldest_seq);
    SET(out, num_dropped, in->num_dropped);
    SET(out, part, in->part);
    SET(out, num_parts, in->num_parts);
    SET(out, interval_ms, in->interval_ms);
    out->model_digest = as_string(in->model_digest);
    for (uint32_t i = 0; i < in->num_cameras; i++) {
        tyto__v1__camera_seq__init(&parts->cameras[i]);
        parts->cameras[i].camera = as_string(in->cameras[i].camera);
        SET(&parts->cameras[i], cam_seq, in->cameras[i].cam_seq);
        parts->camera_ptrs[i] = &parts->cameras[i];
    }
    out->n_cameras = in->num_cameras;
    out->cameras = parts->camera_ptrs;
}

struct debug_parts {
    Tyto__V1__DebugScores debug;
    Tyto__V1__ClassScore top[TYTO_DEBUG_MAX_TOP];
    Tyto__V1__ClassScore *top_ptrs[TYTO_DEBUG_MAX_TOP];
};

static void fill_debug(struct debug_parts *parts, const struct tyto_debug_scores *in)
{
    Tyto__V1__DebugScores *out = &parts->debug;
    tyto__v1__debug_scores__init(out);
    out->camera = as_string(in->camera);
    SET(out, begin_media_ns, in->begin_media_ns);
    SET(out, end_media_ns, in->end_media_ns);
    SET(out, has_audio, in->has_audio);
    SET(out, has_video, in->has_video);
    for (uint32_t i = 0; i < in->num_top; i++) {
        Tyto__V1__ClassScore *score = &parts->top[i];
        tyto__v1__class_score__init(score);
        score->class_name = as_string(in->top[i].class_name);
        SET(score, joint, in->top[i].joint);
        SET(score, heard, in->top[i].heard);
        SET(score, seen, in->top[i].seen);
        parts->top_ptrs[i] = score;
    }
    out->n_top = in->num_top;
    out->top = parts->top_ptrs;
}

struct thumbnail_parts {
    Tyto__V1__Thumbnail thumbnail;
    Tyto__V1__Box box;
    Tyto__V1__Attachment attachment;
    Tyto__V1__Attachment *attachment_ptr;
};

static void fill_thumbnail(Tyto__V1__Envelope *envelope, struct thumbnail_parts *parts,
                           const struct tyto_thumbnail *in)
{
    static const char type[] = "image/jpeg";
    Tyto__V1__Thumbnail *out = &parts->thumbnail;
    tyto__v1__thumbnail__init(out);
    out->event_id = as_string(in->event_id);
    out->camera = as_string(in->camera);
    out->class_name = as_string(in->class_name);
    SET(out, media_ns, in->media_ns);
    SET(out, unix_ns, in->unix_ns);
    SET(out, width, in->width);
    SET(out, height, in->height);
    SET(out, score, in->score);
    SET(out, is_blurred, in->is_blurred);
    if (in->has_box) {
        fill_box(&parts->box, &in->box);
        out->box = &parts->box;
    }
    tyto__v1__attachment__init(&parts->attachment);
    parts->attachment.type = as_string(type);
    SET(&parts->attachment, size, in->num_bytes);
    SET(&parts->attachment, sha256, as_bytes(in->sha256, sizeof(in->sha256)));
    parts->attachment_ptr = &parts->attachment;
    envelope->n_attachments = 1;
    envelope->attachments = &parts->attachment_ptr;
}

union body_parts {
    struct event_parts event;
    Tyto__V1__CameraState state;
    struct model_parts model;
    struct heartbeat_parts heartbeat;
    struct debug_parts debug;
    struct thumbnail_parts thumbnail;
};

static void fill_body(Tyto__V1__Envelope *out, union body_parts *parts, struct text_parts *texts,
                      const struct tyto_envelope *in)
{
    switch (in->kind) {
    case TYTO_ENVELOPE_EVENT:
        fill_event(&parts->event, &in->body.event);
        out->body_case = TYTO__V1__ENVELOPE__BODY_EVENT;
        out->event = &parts->event.event;
        break;
    case TYTO_ENVELOPE_CAMERA_STATE:
        fill_state(&parts->state, texts, &in->body.camera_state);
        out->body_case = TYTO__V1__ENVELOPE__BODY_CAMERA_STATE;
        out->camera_state = &parts->state;
        break;
    case TYTO_ENVELOPE_MODEL_STATE:
        fill_model(&parts->model, texts, &in->body.model_state);
        out->body_case = TYTO__V1__ENVELOPE__BODY_MODEL_STATE;
        out->model_state = &parts->model.model;
        break;
    case TYTO_ENVELOPE_HEARTBEAT:
        fill_heartbeat(&parts->heartbeat, &in->body.heartbeat);
        out->body_case = TYTO__V1__ENVELOPE__BODY_HEARTBEAT;
        out->heartbeat = &parts->heartbeat.heartbeat;
        break;
    case TYTO_ENVELOPE_DEBUG_SCORES:
        fill_debug(&parts->debug, &in->body.debug_scores);
        out->body_case = TYTO__V1__ENVELOPE__BODY_DEBUG_SCORES;
        out->debug_scores = &parts->debug.debug;
        break;
    case TYTO_ENVELOPE_THUMBNAIL:
        fill_thumbnail(out, &parts->thumbnail, &in->body.thumbnail);
        out->body_case = TYTO__V1__ENVELOPE__BODY_THUMBNAIL;
        out->thumbnail = &parts->thumbnail.thumbnail;
        break;
    case TYTO_ENVELOPE_NONE:
        break;
    }
}

enum tyto_err tyto_envelope_pack(const struct tyto_envelope *envelope, uint8_t *buf,
                                 size_t buf_bytes, size_t *ret_bytes)
{
    if (!tyto_envelope_is_sound(envelope) || envelope->kind == TYTO_ENVELOPE_NONE)
        return TYTO_ERR_INVALID;
    Tyto__V1__Envelope out = TYTO__V1__ENVELOPE__INIT;
    union body_parts parts;
    struct text_parts texts;
    SET(&out, log_id, as_bytes(envelope->log_id, TYTO_UUID_BYTES));
    SET(&out, boot_id, as_bytes(envelope->boot_id, TYTO_UUID_BYTES));
    SET(&out, seq, envelope->seq);
    SET(&out, cam_seq, envelope->cam_seq);
    SET(&out, class_seq, envelope->class_seq);
    SET(&out, publish_unix_ns, envelope->publish_unix_ns);
    SET(&out, publish_mono_ns, envelope->publish_mono_ns);
    SET(&out, schema_minor, envelope->schema_minor);
    fill_body(&out, &parts, &texts, envelope);
    size_t num_bytes = tyto__v1__envelope__get_packed_size(&out);
    if (num_bytes > TYTO_ENVELOPE_MAX_BYTES && out.body_case == TYTO__V1__ENVELOPE__BODY_EVENT) {
        out.event->alignment = NULL; /* an event can be understood without it */
        num_bytes = tyto__v1__envelope__get_packed_size(&out);
    }
    if (num_bytes > buf_bytes || num_bytes > TYTO_ENVELOPE_MAX_BYTES)
        return TYTO_ERR_FULL;
    *ret_bytes = tyto__v1__envelope__pack(&out, buf);
    return TYTO_OK;
}

enum tyto_err tyto_hello_pack(const struct tyto_hello *hello, uint8_t *buf, size_t buf_bytes,
                              size_t *ret_bytes)
{
    if (!tyto_hello_is_sound(hello))
        return TYTO_ERR_INVALID;
    char query[TYTO_HELLO_MAX_QUERY_ENDPOINTS][sizeof(hello->query_endpoints[0])] = {""};
    char *query_ptrs[TYTO_HELLO_MAX_QUERY_ENDPOINTS];
    char version[sizeof(hello->version)];
    for (uint32_t i = 0; i < hello->num_query_endpoints; i++) {
        tyto_text_clean(query[i], sizeof(query[i]), hello->query_endpoints[i]);
        query_ptrs[i] = query[i];
    }
    tyto_text_clean(version, sizeof(version), hello->version);
    Tyto__V1__Hello out = TYTO__V1__HELLO__INIT;
    SET(&out, schema_major, hello->schema_major);
    SET(&out, schema_minor, hello->schema_minor);
    SET(&out, log_id, as_bytes(hello->log_id, TYTO_UUID_BYTES));
    SET(&out, boot_id, as_bytes(hello->boot_id, TYTO_UUID_BYTES));
    SET(&out, seq, hello->seq);
    out.query_endpoint = query[0];
    out.query_endpoints = query_ptrs;
    out.n_query_endpoints = hello->num_query_endpoints;
    SET(&out, oldest_seq, hello->oldest_seq);
    SET(&out, server_unix_ns, hello->server_unix_ns);
    SET(&out, heartbeat_ms, hello->heartbeat_ms);
    out.version = version;
    const size_t num_bytes = tyto__v1__hello__get_packed_size(&out);
    if (num_bytes > buf_bytes || num_bytes > TYTO_ENVELOPE_MAX_BYTES)
        return TYTO_ERR_FULL;
    *ret_bytes = tyto__v1__hello__pack(&out, buf);
    return TYTO_OK;
}
