/* SPDX-License-Identifier: MIT */
#include "cli/event/json.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"

static struct tyto_json *new_rounded(double value, double steps)
{
    return tyto_json_new_f64(round(value * steps) / steps);
}

struct tyto_json *tyto_json_new_score(double value)
{
    return new_rounded(value, 1e4);
}

static struct tyto_json *new_seconds(int64_t ns)
{
    return new_rounded((double)ns / (double)TYTO_NS_PER_S, 1e3);
}

void tyto_utc_text(int64_t unix_ns, char *ret_text, size_t text_bytes)
{
    const int64_t ns_per_s = (int64_t)TYTO_NS_PER_S;
    int64_t rest_ns = unix_ns % ns_per_s;
    time_t seconds = (time_t)(unix_ns / ns_per_s);
    if (rest_ns < 0) {
        rest_ns += ns_per_s;
        seconds--;
    }
    struct tm parts;
    char date[32];
    if (!gmtime_r(&seconds, &parts) ||
        strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S", &parts) == 0)
        date[0] = '\0';
    snprintf(ret_text, text_bytes, "%s.%03dZ", date, (int)(rest_ns / 1000000));
}

struct tyto_json *tyto_json_new_utc(int64_t unix_ns)
{
    char text[48];
    tyto_utc_text(unix_ns, text, sizeof(text));
    return tyto_json_new_string(text);
}

static void set_utc(struct tyto_json *json, const char *key, int64_t unix_ns)
{
    if (unix_ns != 0) /* not known */
        tyto_json_set(json, key, tyto_json_new_utc(unix_ns));
}

void tyto_json_put_told(struct tyto_json **event, int64_t told_unix_ns, uint64_t seq)
{
    tyto_json_put(event, "told_utc", tyto_json_new_utc(told_unix_ns));
    tyto_json_put(event, "seq", tyto_json_new_u64(seq));
}

static struct tyto_json *new_scores(const float *values, uint32_t num)
{
    struct tyto_json *array = tyto_json_new_array();
    for (uint32_t i = 0; i < num; i++)
        tyto_json_append(array, tyto_json_new_score((double)values[i]));
    return array;
}

static void set_place(struct tyto_json *json, const struct tyto_event *event)
{
    const struct tyto_place_map *place = &event->place;
    if (place->rows > 0) {
        struct tyto_json *map = tyto_json_new_object();
        struct tyto_json *cells = tyto_json_new_array();
        for (uint32_t i = 0; i < place->rows * place->cols; i++)
            tyto_json_append(cells, tyto_json_new_u64(place->cells[i]));
        tyto_json_set(map, "rows", tyto_json_new_u64(place->rows));
        tyto_json_set(map, "cols", tyto_json_new_u64(place->cols));
        tyto_json_set(map, "peak", tyto_json_new_score((double)place->peak));
        tyto_json_set(map, "cells", cells);
        tyto_json_set(json, "place", map);
    }
    if (event->has_box) {
        const float box[] = {event->box.x0, event->box.y0, event->box.x1, event->box.y1};
        tyto_json_set(json, "box", new_scores(box, 4));
    }
}

static void set_times(struct tyto_json *json, const struct tyto_event *event)
{
    tyto_json_set(json, "begin_s", new_seconds(event->begin_media_ns));
    set_utc(json, "begin_utc", event->begin_unix_ns);
    if (event->has_end) {
        tyto_json_set(json, "end_s", new_seconds(event->end_media_ns));
        set_utc(json, "end_utc", event->end_unix_ns);
    }
    tyto_json_set(json, "clock",
                  tyto_json_new_string(tyto_clock_quality_name(event->clock_quality)));
}

static void set_scores(struct tyto_json *json, const struct tyto_event *event)
{
    struct tyto_json *scores = tyto_json_new_object();
    tyto_json_set(scores, "joint", tyto_json_new_score((double)event->scores.joint));
    tyto_json_set(scores, "heard", tyto_json_new_score((double)event->scores.heard));
    tyto_json_set(scores, "seen", tyto_json_new_score((double)event->scores.seen));
    tyto_json_set(scores, "threshold", tyto_json_new_score((double)event->scores.threshold));
    tyto_json_set(json, "scores", scores);
    tyto_json_set(json, "modality", tyto_json_new_string(tyto_modality_name(event->modality)));
    struct tyto_json *weights = tyto_json_new_object();
    tyto_json_set(weights, "audio", tyto_json_new_score((double)event->weight_audio));
    tyto_json_set(weights, "visual", tyto_json_new_score((double)event->weight_visual));
    tyto_json_set(json, "weights", weights);
    tyto_json_set(json, "onset_confidence", tyto_json_new_score((double)event->onset_confidence));
    if (event->phase == TYTO_EVENT_PHASE_END)
        tyto_json_set(json, "offset_confidence",
                      tyto_json_new_score((double)event->offset_confidence));
}

static void set_segments(struct tyto_json *json, const struct tyto_event *event)
{
    struct tyto_json *segments = tyto_json_new_object();
    tyto_json_set(segments, "begin_s", new_seconds(event->segments_begin_media_ns));
    tyto_json_set(segments, "hop_s", new_seconds(event->segment_hop_ns));
    tyto_json_set(segments, "joint", new_scores(event->segment_joint, event->num_segments));
    tyto_json_set(segments, "heard", new_scores(event->segment_heard, event->num_segments));
    tyto_json_set(segments, "seen", new_scores(event->segment_seen, event->num_segments));
    tyto_json_set(json, "segments", segments);
}

/* Shares, from bytes that stand for them. */
static struct tyto_json *new_shares(const uint8_t *bytes, uint32_t num)
{
    struct tyto_json *array = tyto_json_new_array();
    for (uint32_t i = 0; i < num; i++)
        tyto_json_push(&array, tyto_json_new_score(bytes[i] / 255.0));
    return array;
}

static void set_alignment(struct tyto_json *json, const struct tyto_event_alignment *alignment)
{
    struct tyto_json *made = tyto_json_new_object();
    struct tyto_json *audio = tyto_json_new_array(), *visual = tyto_json_new_array();
    for (uint32_t row = 0; row < alignment->rows; row++) {
        tyto_json_push(&audio, new_shares(alignment->audio[row], alignment->cols));
        tyto_json_push(&visual, new_shares(alignment->visual[row], alignment->cols));
    }
    tyto_json_set(made, "before", tyto_json_new_u64(alignment->before));
    tyto_json_set(made, "audio", audio);
    tyto_json_set(made, "visual", visual);
    tyto_json_set(made, "trust", new_shares(alignment->trust, alignment->rows));
    tyto_json_set(json, "alignment", made);
}

static struct tyto_json *new_zones(const struct tyto_event *event)
{
    struct tyto_json *zones = tyto_json_new_array();
    for (uint32_t i = 0; i < event->num_zones; i++)
        tyto_json_push(&zones, tyto_json_new_string(event->zones[i]));
    return zones;
}

struct tyto_json *tyto_event_to_json(const struct tyto_event *event, bool with_segments)
{
    struct tyto_json *json = tyto_json_new_object();
    tyto_json_set(json, "type", tyto_json_new_string("event"));
    tyto_json_set(json, "phase", tyto_json_new_string(tyto_event_phase_name(event->phase)));
    tyto_json_set(json, "camera", tyto_json_new_string(event->camera));
    tyto_json_set(json, "class", tyto_json_new_string(event->class_name));
    set_times(json, event);
    set_scores(json, event);
    set_place(json, event);
    if (event->num_zones > 0)
        tyto_json_set(json, "zones", new_zones(event));
    if (event->has_av_offset)
        tyto_json_set(json, "av_offset_ms", new_rounded((double)event->av_offset_ms, 10));
    if (with_segments && event->num_segments > 0)
        set_segments(json, event);
    if (with_segments && event->alignment.rows > 0)
        set_alignment(json, &event->alignment);
    tyto_json_set(json, "id", tyto_json_new_string(event->id));
    tyto_json_set(json, "rev", tyto_json_new_u64(event->rev));
    tyto_json_set(json, "reason", tyto_json_new_string(tyto_event_reason_name(event->reason)));
    if (event->model_digest[0])
        tyto_json_set(json, "model", tyto_json_new_string(event->model_digest));
    if (event->config_generation)
        tyto_json_set(json, "config_generation", tyto_json_new_u64(event->config_generation));
    if (event->clip_uri[0])
        tyto_json_set(json, "clip", tyto_json_new_string(event->clip_uri));
    if (event->snapshot_uri[0])
        tyto_json_set(json, "snapshot_uri", tyto_json_new_string(event->snapshot_uri));
    return json;
}

struct tyto_json *tyto_thumbnail_to_json(const struct tyto_thumbnail *thumbnail)
{
    struct tyto_json *json = tyto_json_new_object();
    if (!json)
        return NULL;
    tyto_json_set(json, "id", tyto_json_new_string(thumbnail->event_id));
    tyto_json_set(json, "camera", tyto_json_new_string(thumbnail->camera));
    tyto_json_set(json, "class", tyto_json_new_string(thumbnail->class_name));
    tyto_json_set(json, "at_s", new_seconds(thumbnail->media_ns));
    set_utc(json, "at_utc", thumbnail->unix_ns);
    tyto_json_set(json, "score", tyto_json_new_score((double)thumbnail->score));
    tyto_json_set(json, "width", tyto_json_new_u64(thumbnail->width));
    tyto_json_set(json, "height", tyto_json_new_u64(thumbnail->height));
    tyto_json_set(json, "is_blurred", tyto_json_new_bool(thumbnail->is_blurred));
    if (thumbnail->has_box) {
        const float box[] = {thumbnail->box.x0, thumbnail->box.y0, thumbnail->box.x1,
                             thumbnail->box.y1};
        tyto_json_set(json, "box", new_scores(box, 4));
    }
    return json;
}

struct tyto_json *tyto_camera_state_to_json(const struct tyto_camera_state *state)
{
    struct tyto_json *json = tyto_json_new_object();
    tyto_json_set(json, "type", tyto_json_new_string("camera"));
    tyto_json_set(json, "camera", tyto_json_new_string(state->camera));
    tyto_json_set(json, "status", tyto_json_new_string(tyto_camera_status_name(state->status)));
    tyto_json_set(json, "text", tyto_json_new_string(state->text));
    tyto_json_set(json, "has_audio", tyto_json_new_bool(state->has_audio));
    tyto_json_set(json, "has_video", tyto_json_new_bool(state->has_video));
    set_utc(json, "since_utc", state->since_unix_ns);
    tyto_json_set(json, "num_segments", tyto_json_new_u64(state->num_segments));
    tyto_json_set(json, "num_dropped", tyto_json_new_u64(state->num_dropped));
    tyto_json_set(json, "num_reconnects", tyto_json_new_u64(state->num_reconnects));
    if (state->has_av_offset)
        tyto_json_set(json, "av_offset_ms", new_rounded((double)state->av_offset_ms, 10));
    tyto_json_set(json, "clock",
                  tyto_json_new_string(tyto_clock_quality_name(state->clock_quality)));
    return json;
}

bool tyto_json_put_line(struct tyto_json **json)
{
    char *text = *json ? tyto_json_print(*json) : NULL;
    tyto_json_destroy(json);
    if (!text)
        return false;
    const bool ok = puts(text) >= 0 && fflush(stdout) == 0;
    free(text);
    return ok;
}
