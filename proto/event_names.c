/* SPDX-License-Identifier: MIT */
/* Names, ids and topics: everything about events that is text. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "base/text.h"
#include "proto/event.h"

static const char ulid_digits[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

bool tyto_id_is_valid(const char *id)
{
    return tyto_text_is_name(id, TYTO_ID_MAX + 1);
}

bool tyto_zone_name_is_valid(const char *name)
{
    return tyto_text_is_name(name, TYTO_ZONE_NAME_MAX + 1);
}

void tyto_event_id_format(uint64_t unix_ns, const uint8_t entropy[10],
                          char ret_id[TYTO_ULID_CHARS + 1])
{
    /* 48 bits of milliseconds, then 80 of randomness, five bits a digit. */
    uint64_t ms = unix_ns / 1000000u;
    for (int i = 9; i >= 0; i--) {
        ret_id[i] = ulid_digits[ms & 31u];
        ms >>= 5;
    }
    for (int half = 0; half < 2; half++) {
        uint64_t bits = 0;
        for (int i = 0; i < 5; i++)
            bits = bits << 8 | entropy[half * 5 + i];
        for (int i = 7; i >= 0; i--) {
            ret_id[10 + half * 8 + i] = ulid_digits[bits & 31u];
            bits >>= 5;
        }
    }
    ret_id[TYTO_ULID_CHARS] = '\0';
}

enum tyto_err tyto_event_id_make(uint64_t unix_ns, char ret_id[TYTO_ULID_CHARS + 1])
{
    uint8_t entropy[10];
    ssize_t num;
    do {
        num = getrandom(entropy, sizeof(entropy), 0);
    } while (num < 0 && errno == EINTR);
    if (num != (ssize_t)sizeof(entropy))
        return TYTO_ERR_IO;
    tyto_event_id_format(unix_ns, entropy, ret_id);
    return TYTO_OK;
}

bool tyto_event_id_is_valid(const char *id)
{
    if (!id || strnlen(id, TYTO_ULID_CHARS + 1) != TYTO_ULID_CHARS)
        return false;
    return strspn(id, ulid_digits) == TYTO_ULID_CHARS;
}

static enum tyto_err topic_done(int num_chars, size_t buf_bytes)
{
    return num_chars >= 0 && (size_t)num_chars < buf_bytes ? TYTO_OK : TYTO_ERR_FULL;
}

enum tyto_err tyto_event_topic(const char *camera, const char *class_name, char *buf,
                               size_t buf_bytes)
{
    const bool any_camera = !camera || !camera[0];
    const bool any_class = !class_name || !class_name[0];
    if ((!any_camera && !tyto_id_is_valid(camera)) || (!any_class && !tyto_id_is_valid(class_name)))
        return TYTO_ERR_INVALID;
    if (any_camera && !any_class)
        return TYTO_ERR_INVALID;
    if (any_camera)
        return topic_done(snprintf(buf, buf_bytes, "ev/"), buf_bytes);
    if (any_class)
        return topic_done(snprintf(buf, buf_bytes, "ev/%s/", camera), buf_bytes);
    return topic_done(snprintf(buf, buf_bytes, "ev/%s/%s/", camera, class_name), buf_bytes);
}

static enum tyto_err camera_topic(const char *prefix, const char *camera, char *buf,
                                  size_t buf_bytes)
{
    if (!tyto_id_is_valid(camera))
        return TYTO_ERR_INVALID;
    return topic_done(snprintf(buf, buf_bytes, "%s/%s/", prefix, camera), buf_bytes);
}

enum tyto_err tyto_envelope_topic(const struct tyto_envelope *envelope, char *buf, size_t buf_bytes)
{
    switch (envelope->kind) {
    case TYTO_ENVELOPE_EVENT:
        if (!envelope->body.event.camera[0] || !envelope->body.event.class_name[0])
            return TYTO_ERR_INVALID;
        return tyto_event_topic(envelope->body.event.camera, envelope->body.event.class_name, buf,
                                buf_bytes);
    case TYTO_ENVELOPE_CAMERA_STATE:
        return camera_topic("st", envelope->body.camera_state.camera, buf, buf_bytes);
    case TYTO_ENVELOPE_DEBUG_SCORES:
        return camera_topic("dbg", envelope->body.debug_scores.camera, buf, buf_bytes);
    case TYTO_ENVELOPE_THUMBNAIL:
        return camera_topic(envelope->body.thumbnail.event_id[0] ? "th" : "lv",
                            envelope->body.thumbnail.camera, buf, buf_bytes);
    case TYTO_ENVELOPE_MODEL_STATE:
        return topic_done(snprintf(buf, buf_bytes, "md/"), buf_bytes);
    case TYTO_ENVELOPE_HEARTBEAT:
        return topic_done(snprintf(buf, buf_bytes, "hb/"), buf_bytes);
    case TYTO_ENVELOPE_NONE:
        break;
    }
    return TYTO_ERR_INVALID;
}

const char *tyto_event_phase_name(enum tyto_event_phase phase)
{
    switch (phase) {
    case TYTO_EVENT_PHASE_NEW:
        return "new";
    case TYTO_EVENT_PHASE_UPDATE:
        return "update";
    case TYTO_EVENT_PHASE_END:
        return "end";
    case TYTO_EVENT_PHASE_RETRACTED:
        return "retracted";
    }
    return "unknown";
}

const char *tyto_event_reason_name(enum tyto_event_reason reason)
{
    switch (reason) {
    case TYTO_EVENT_REASON_ONSET:
        return "onset";
    case TYTO_EVENT_REASON_PROGRESS:
        return "progress";
    case TYTO_EVENT_REASON_OFFSET:
        return "offset";
    case TYTO_EVENT_REASON_MAX_DURATION:
        return "max_duration";
    case TYTO_EVENT_REASON_SOURCE_LOST:
        return "source_lost";
    case TYTO_EVENT_REASON_SOURCE_ENDED:
        return "source_ended";
    case TYTO_EVENT_REASON_SHUTDOWN:
        return "shutdown";
    case TYTO_EVENT_REASON_RECOVERED:
        return "recovered";
    case TYTO_EVENT_REASON_MODEL_CHANGED:
        return "model_changed";
    case TYTO_EVENT_REASON_TOO_SHORT:
        return "too_short";
    }
    return "unknown";
}

const char *tyto_modality_name(enum tyto_modality modality)
{
    switch (modality) {
    case TYTO_MODALITY_AV:
        return "av";
    case TYTO_MODALITY_A:
        return "a";
    case TYTO_MODALITY_V:
        return "v";
    }
    return "unknown";
}

const char *tyto_clock_quality_name(enum tyto_clock_quality quality)
{
    switch (quality) {
    case TYTO_CLOCK_QUALITY_ARRIVAL:
        return "arrival";
    case TYTO_CLOCK_QUALITY_CAMERA:
        return "camera";
    case TYTO_CLOCK_QUALITY_FILE:
        return "file";
    case TYTO_CLOCK_QUALITY_DISCONTINUOUS:
        return "discontinuous";
    }
    return "unknown";
}

const char *tyto_camera_status_name(enum tyto_camera_status status)
{
    switch (status) {
    case TYTO_CAMERA_STATUS_CONNECTING:
        return "connecting";
    case TYTO_CAMERA_STATUS_LIVE:
        return "live";
    case TYTO_CAMERA_STATUS_STALLED:
        return "stalled";
    case TYTO_CAMERA_STATUS_LOST:
        return "lost";
    case TYTO_CAMERA_STATUS_ENDED:
        return "ended";
    case TYTO_CAMERA_STATUS_FAILED:
        return "failed";
    }
    return "unknown";
}

const char *tyto_stage_name(enum tyto_stage stage)
{
    switch (stage) {
    case TYTO_STAGE_CAPTURE:
        return "capture";
    case TYTO_STAGE_SEGMENT:
        return "segment";
    case TYTO_STAGE_ENCODE:
        return "encode";
    case TYTO_STAGE_ATTEND:
        return "attend";
    case TYTO_STAGE_TRACK:
        return "track";
    case TYTO_NUM_STAGES:
        break;
    }
    return "unknown";
}
