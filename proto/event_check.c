/* SPDX-License-Identifier: MIT */
/* The limits of every message, checked alike before packing and after unpacking. */
#include <math.h>
#include <string.h>

#include "proto/event_wire.h"

#define IS_TERMINATED(array) (strnlen((array), sizeof(array)) < sizeof(array))

static bool scores_are_sound(float joint, float heard, float seen)
{
    return isfinite(joint) && isfinite(heard) && isfinite(seen);
}

static bool digest_is_sound(const char *digest)
{
    const size_t len = strnlen(digest, TYTO_DIGEST_MAX + 1);
    return len <= TYTO_DIGEST_MAX && strspn(digest, "0123456789abcdef") == len;
}

static bool uri_is_sound(const char *uri)
{
    size_t len = 0;
    while (len <= TYTO_CLIP_URI_MAX && uri[len] > ' ' && uri[len] < 0x7f)
        len++;
    return len <= TYTO_CLIP_URI_MAX && uri[len] == '\0';
}

static bool place_is_sound(const struct tyto_place_map *place)
{
    if (place->rows == 0 && place->cols == 0)
        return true;
    return place->rows >= 1 && place->rows <= TYTO_PLACE_MAX_SIDE && place->cols >= 1 &&
           place->cols <= TYTO_PLACE_MAX_SIDE && isfinite(place->peak);
}

static bool box_is_sound(const struct tyto_box *box)
{
    return box->x0 >= 0.0f && box->x0 <= box->x1 && box->x1 <= 1.0f && box->y0 >= 0.0f &&
           box->y0 <= box->y1 && box->y1 <= 1.0f;
}

/* A row is of one of the event's segments. */
static bool alignment_is_sound(const struct tyto_event_alignment *alignment, uint32_t num_segments)
{
    if (alignment->rows == 0)
        return true;
    return alignment->rows <= TYTO_ALIGNMENT_MAX_ROWS && alignment->rows <= num_segments &&
           alignment->cols >= 1 && alignment->cols <= TYTO_ALIGNMENT_MAX_COLS &&
           alignment->before < alignment->cols;
}

static bool event_is_sound(const struct tyto_event *event)
{
    if (!tyto_event_id_is_valid(event->id) || !tyto_id_is_valid(event->camera) ||
        !tyto_id_is_valid(event->class_name) || !digest_is_sound(event->model_digest) ||
        !uri_is_sound(event->clip_uri) || !uri_is_sound(event->snapshot_uri))
        return false;
    if (event->phase == 0 || event->num_segments > TYTO_EVENT_MAX_SEGMENTS)
        return false;
    if (!isfinite(event->onset_confidence) || !isfinite(event->offset_confidence) ||
        !isfinite(event->weight_audio) || !isfinite(event->weight_visual) ||
        !isfinite(event->scores.threshold))
        return false;
    if (!scores_are_sound(event->scores.joint, event->scores.heard, event->scores.seen))
        return false;
    for (uint32_t i = 0; i < event->num_segments; i++) {
        if (!scores_are_sound(event->segment_joint[i], event->segment_heard[i],
                              event->segment_seen[i]))
            return false;
    }
    if (event->num_zones > TYTO_EVENT_MAX_ZONES)
        return false;
    for (uint32_t i = 0; i < event->num_zones; i++) {
        if (!tyto_zone_name_is_valid(event->zones[i]))
            return false;
    }
    if (!alignment_is_sound(&event->alignment, event->num_segments))
        return false;
    if (!place_is_sound(&event->place) || (event->has_box && !box_is_sound(&event->box)))
        return false;
    return !event->has_av_offset || isfinite(event->av_offset_ms);
}

static bool heartbeat_is_sound(const struct tyto_heartbeat *heartbeat)
{
    if (heartbeat->num_cameras > TYTO_HEARTBEAT_MAX_CAMERAS ||
        !digest_is_sound(heartbeat->model_digest))
        return false;
    for (uint32_t i = 0; i < heartbeat->num_cameras; i++) {
        if (!tyto_id_is_valid(heartbeat->cameras[i].camera))
            return false;
    }
    return true;
}

static bool debug_is_sound(const struct tyto_debug_scores *debug)
{
    if (!tyto_id_is_valid(debug->camera) || debug->num_top > TYTO_DEBUG_MAX_TOP)
        return false;
    for (uint32_t i = 0; i < debug->num_top; i++) {
        const struct tyto_class_score *score = &debug->top[i];
        if (!tyto_id_is_valid(score->class_name) ||
            !scores_are_sound(score->joint, score->heard, score->seen))
            return false;
    }
    return true;
}

static bool thumbnail_is_sound(const struct tyto_thumbnail *thumbnail)
{
    const bool is_of_event =
        tyto_event_id_is_valid(thumbnail->event_id) && tyto_id_is_valid(thumbnail->class_name);
    const bool is_of_now = !thumbnail->event_id[0] && !thumbnail->class_name[0];
    return (is_of_event || is_of_now) && tyto_id_is_valid(thumbnail->camera) &&
           thumbnail->width > 0 && thumbnail->height > 0 && isfinite(thumbnail->score) &&
           (!thumbnail->has_box || box_is_sound(&thumbnail->box)) && thumbnail->num_bytes > 0 &&
           thumbnail->num_bytes <= TYTO_THUMBNAIL_MAX_BYTES;
}

static bool model_is_sound(const struct tyto_model_state *model)
{
    if (!digest_is_sound(model->digest) || !digest_is_sound(model->previous_digest) ||
        !IS_TERMINATED(model->device) || !IS_TERMINATED(model->exec) ||
        !IS_TERMINATED(model->text) || model->num_names > TYTO_MODEL_MAX_NAMES)
        return false;
    for (uint32_t i = 0; i < model->num_names; i++) {
        if (!tyto_id_is_valid(model->class_names[i]))
            return false;
    }
    return true;
}

bool tyto_envelope_is_sound(const struct tyto_envelope *envelope)
{
    const struct tyto_camera_state *state = &envelope->body.camera_state;
    switch (envelope->kind) {
    case TYTO_ENVELOPE_EVENT:
        return event_is_sound(&envelope->body.event);
    case TYTO_ENVELOPE_CAMERA_STATE:
        return tyto_id_is_valid(state->camera) && IS_TERMINATED(state->text) &&
               state->status != 0 && (!state->has_av_offset || isfinite(state->av_offset_ms));
    case TYTO_ENVELOPE_MODEL_STATE:
        return model_is_sound(&envelope->body.model_state);
    case TYTO_ENVELOPE_HEARTBEAT:
        return heartbeat_is_sound(&envelope->body.heartbeat);
    case TYTO_ENVELOPE_DEBUG_SCORES:
        return debug_is_sound(&envelope->body.debug_scores);
    case TYTO_ENVELOPE_THUMBNAIL:
        return thumbnail_is_sound(&envelope->body.thumbnail);
    case TYTO_ENVELOPE_NONE:
        return true;
    }
    return false;
}

bool tyto_hello_is_sound(const struct tyto_hello *hello)
{
    if (hello->num_query_endpoints > TYTO_HELLO_MAX_QUERY_ENDPOINTS)
        return false;
    for (uint32_t i = 0; i < hello->num_query_endpoints; i++) {
        if (!IS_TERMINATED(hello->query_endpoints[i]))
            return false;
    }
    return hello->schema_major != 0 && IS_TERMINATED(hello->version);
}
