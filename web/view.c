/* SPDX-License-Identifier: MIT */
#include "web/view.h"

#include <glib.h>
#include <math.h>

static struct tyto_json *new_score(double value)
{
    return isfinite(value) ? tyto_json_new_f64(round(value * 1e3) / 1e3) : tyto_json_new_null();
}

static struct tyto_json *new_ms(int64_t ms)
{
    return ms >= 0 ? tyto_json_new_u64((uint64_t)ms) : tyto_json_new_f64((double)ms);
}

static struct tyto_json *new_scores(const float *values, uint32_t num)
{
    struct tyto_json *array = tyto_json_new_array();
    for (uint32_t i = 0; i < num; i++)
        (void)tyto_json_append(array, new_score((double)values[i]));
    return array;
}

struct tyto_json *tyto_view_place(const struct tyto_place_map *place)
{
    struct tyto_json *json = tyto_json_new_object();
    struct tyto_json *cells = tyto_json_new_array();
    for (uint32_t i = 0; i < place->rows * place->cols; i++)
        (void)tyto_json_append(cells, tyto_json_new_u64(place->cells[i]));
    tyto_json_set(json, "rows", tyto_json_new_u64(place->rows));
    tyto_json_set(json, "cols", tyto_json_new_u64(place->cols));
    tyto_json_set(json, "cells", cells);
    return json;
}

struct tyto_json *tyto_view_scores(const struct tyto_web_camera *camera)
{
    const struct tyto_debug_scores *scores = &camera->scores;
    struct tyto_json *json = tyto_json_new_object();
    struct tyto_json *top = tyto_json_new_array();
    for (uint32_t i = 0; i < scores->num_top; i++) {
        struct tyto_json *row = tyto_json_new_array();
        (void)tyto_json_append(row, tyto_json_new_string(scores->top[i].class_name));
        (void)tyto_json_append(row, new_score((double)scores->top[i].joint));
        (void)tyto_json_append(row, new_score((double)scores->top[i].heard));
        (void)tyto_json_append(row, new_score((double)scores->top[i].seen));
        (void)tyto_json_append(top, row);
    }
    tyto_json_set(json, "camera", tyto_json_new_string(scores->camera));
    tyto_json_set(json, "at", new_ms(camera->scores_unix_ms));
    tyto_json_set(json, "audio", tyto_json_new_bool(scores->has_audio));
    tyto_json_set(json, "video", tyto_json_new_bool(scores->has_video));
    tyto_json_set(json, "top", top);
    return json;
}

struct tyto_json *tyto_view_camera(const struct tyto_web_camera *camera)
{
    const struct tyto_camera_state *state = &camera->state;
    struct tyto_json *json = tyto_json_new_object();
    tyto_json_set(json, "id", tyto_json_new_string(state->camera));
    tyto_json_set(
        json, "status",
        tyto_json_new_string(state->status ? tyto_camera_status_name(state->status) : "unknown"));
    tyto_json_set(json, "text", tyto_json_new_name(state->text));
    tyto_json_set(json, "audio", tyto_json_new_bool(state->has_audio));
    tyto_json_set(json, "video", tyto_json_new_bool(state->has_video));
    tyto_json_set(json, "since", new_ms(state->since_unix_ns / 1000000));
    tyto_json_set(json, "told", new_ms(camera->told_unix_ms));
    tyto_json_set(json, "segments", tyto_json_new_u64(state->num_segments));
    tyto_json_set(json, "dropped", tyto_json_new_u64(state->num_dropped));
    tyto_json_set(json, "reconnects", tyto_json_new_u64(state->num_reconnects));
    tyto_json_set(json, "clock",
                  tyto_json_new_string(tyto_clock_quality_name(state->clock_quality)));
    if (state->has_av_offset)
        tyto_json_set(json, "offset_ms", tyto_json_new_f64(round((double)state->av_offset_ms)));
    if (camera->has_scores)
        tyto_json_set(json, "scores", tyto_view_scores(camera));
    if (camera->has_place) {
        tyto_json_set(json, "place", tyto_view_place(&camera->place));
        tyto_json_set(json, "place_at", new_ms(camera->place_unix_ms));
    }
    return json;
}

struct tyto_json *tyto_view_event(const struct tyto_web_events *events,
                                  const struct tyto_web_event *event)
{
    struct tyto_json *json = tyto_json_new_object();
    const enum tyto_modality modality = (enum tyto_modality)event->modality;
    tyto_json_set(json, "id", tyto_json_new_string(event->id));
    tyto_json_set(json, "camera",
                  tyto_json_new_string(tyto_web_events_camera(events, event->camera)));
    tyto_json_set(json, "class", tyto_json_new_string(tyto_web_events_class(events, event->class)));
    tyto_json_set(json, "begin", new_ms(event->begin_ms));
    tyto_json_set(json, "end", new_ms(event->end_ms));
    tyto_json_set(json, "modality", tyto_json_new_string(tyto_modality_name(modality)));
    tyto_json_set(json, "joint", new_score((double)event->joint));
    tyto_json_set(json, "heard", new_score((double)event->heard));
    tyto_json_set(json, "seen", new_score((double)event->seen));
    tyto_json_set(json, "clip", tyto_json_new_bool(event->clip != NULL));
    struct tyto_json *zones = tyto_json_new_array();
    for (uint32_t i = 0; i < event->num_zones; i++)
        (void)tyto_json_append(zones,
                               tyto_json_new_string(tyto_web_events_zone(events, event->zones[i])));
    tyto_json_set(json, "zones", zones);
    return json;
}

/* A row of bytes for each second. */
static struct tyto_json *new_bytes(const uint8_t *bytes, uint32_t num)
{
    struct tyto_json *array = tyto_json_new_array();
    for (uint32_t i = 0; i < num; i++)
        (void)tyto_json_append(array, tyto_json_new_u64(bytes[i]));
    return array;
}

static struct tyto_json *view_alignment(const struct tyto_event_alignment *alignment)
{
    struct tyto_json *json = tyto_json_new_object();
    struct tyto_json *audio = tyto_json_new_array(), *visual = tyto_json_new_array();
    for (uint32_t row = 0; row < alignment->rows; row++) {
        (void)tyto_json_append(audio, new_bytes(alignment->audio[row], alignment->cols));
        (void)tyto_json_append(visual, new_bytes(alignment->visual[row], alignment->cols));
    }
    tyto_json_set(json, "before", tyto_json_new_u64(alignment->before));
    tyto_json_set(json, "audio", audio);
    tyto_json_set(json, "visual", visual);
    tyto_json_set(json, "trust", new_bytes(alignment->trust, alignment->rows));
    return json;
}

static void set_detail(struct tyto_json *json, const struct tyto_event *detail)
{
    tyto_json_set(json, "rev", tyto_json_new_u64(detail->rev));
    tyto_json_set(json, "reason", tyto_json_new_string(tyto_event_reason_name(detail->reason)));
    tyto_json_set(json, "clock",
                  tyto_json_new_string(tyto_clock_quality_name(detail->clock_quality)));
    tyto_json_set(json, "threshold", new_score((double)detail->scores.threshold));
    tyto_json_set(json, "weight_audio", new_score((double)detail->weight_audio));
    tyto_json_set(json, "weight_visual", new_score((double)detail->weight_visual));
    tyto_json_set(json, "onset_confidence", new_score((double)detail->onset_confidence));
    tyto_json_set(json, "offset_confidence", new_score((double)detail->offset_confidence));
    tyto_json_set(json, "model", tyto_json_new_string(detail->model_digest));
    tyto_json_set(json, "generation", tyto_json_new_u64(detail->config_generation));
    if (detail->has_av_offset)
        tyto_json_set(json, "offset_ms", tyto_json_new_f64(round((double)detail->av_offset_ms)));
    if (detail->place.rows > 0)
        tyto_json_set(json, "place", tyto_view_place(&detail->place));
    if (detail->has_box) {
        const float box[] = {detail->box.x0, detail->box.y0, detail->box.x1, detail->box.y1};
        tyto_json_set(json, "box", new_scores(box, 4));
    }
    if (detail->num_segments > 0) {
        struct tyto_json *segments = tyto_json_new_object();
        const uint32_t num = detail->num_segments;
        /* Seconds from the event's begin. */
        const double begin_s =
            (double)(detail->segments_begin_media_ns - detail->begin_media_ns) / 1e9;
        tyto_json_set(segments, "begin_s", tyto_json_new_f64(round(begin_s * 1e3) / 1e3));
        tyto_json_set(segments, "hop_s", tyto_json_new_f64((double)detail->segment_hop_ns / 1e9));
        tyto_json_set(segments, "joint", new_scores(detail->segment_joint, num));
        tyto_json_set(segments, "heard", new_scores(detail->segment_heard, num));
        tyto_json_set(segments, "seen", new_scores(detail->segment_seen, num));
        tyto_json_set(json, "segments", segments);
        if (detail->alignment.rows > 0)
            tyto_json_set(json, "alignment", view_alignment(&detail->alignment));
    }
}

struct tyto_json *tyto_view_event_whole(const struct tyto_web_events *events,
                                        const struct tyto_web_event *event)
{
    struct tyto_json *json = tyto_view_event(events, event);
    if (event->detail)
        set_detail(json, event->detail);
    return json;
}

struct tyto_json *tyto_view_link(const struct tyto_web_link *link)
{
    struct tyto_json *json = tyto_json_new_object();
    const char *state = link->denied       ? "denied"
                        : !link->was_heard ? "waiting"
                        : link->is_silent  ? "silent"
                                           : "connected";
    tyto_json_set(json, "state", tyto_json_new_string(state));
    if (link->denied)
        tyto_json_set(json, "denied", tyto_json_new_string(link->denied));
    tyto_json_set(json, "version", tyto_json_new_name(link->version));
    tyto_json_set(json, "heard", new_ms(link->heard_unix_ms));
    tyto_json_set(json, "restarts", tyto_json_new_u64(link->num_restarts));
    tyto_json_set(json, "received", tyto_json_new_u64(link->num_received));
    tyto_json_set(json, "lost", tyto_json_new_u64(link->num_lost));
    tyto_json_set(json, "malformed", tyto_json_new_u64(link->num_malformed));
    if (link->has_model) {
        struct tyto_json *model = tyto_json_new_object();
        struct tyto_json *names = tyto_json_new_array();
        for (uint32_t i = 0; i < link->model.num_names; i++)
            (void)tyto_json_append(names, tyto_json_new_string(link->model.class_names[i]));
        tyto_json_set(model, "digest", tyto_json_new_string(link->model.digest));
        tyto_json_set(model, "device", tyto_json_new_name(link->model.device));
        tyto_json_set(model, "exec", tyto_json_new_name(link->model.exec));
        tyto_json_set(model, "generation", tyto_json_new_u64(link->model.config_generation));
        tyto_json_set(model, "num_classes", tyto_json_new_u64(link->model.num_classes));
        tyto_json_set(model, "classes", names);
        tyto_json_set(model, "refused", tyto_json_new_name(link->refused));
        tyto_json_set(json, "model", model);
    }
    return json;
}

/* --- many ------------------------------------------------------------------------------------ */

static void put_names(GString *out, const char *key, uint32_t num,
                      const char *(*name_of)(const struct tyto_web_events *, uint32_t),
                      const struct tyto_web_events *events)
{
    g_string_append_printf(out, "\"%s\":[", key);
    for (uint32_t i = 0; i < num; i++) /* ids: nothing to escape */
        g_string_append_printf(out, "%s\"%s\"", i ? "," : "", name_of(events, i));
    g_string_append(out, "],");
}

static void put_score(GString *out, float score)
{
    if (isfinite(score))
        g_string_append_printf(out, ",%d", (int)lroundf(score * 1000.0f));
    else
        g_string_append(out, ",null");
}

static bool is_in(const struct tyto_web_event *event, const struct tyto_view_filter *filter)
{
    return event->begin_ms < filter->to_ms &&
           (event->end_ms == 0 || event->end_ms >= filter->from_ms);
}

char *tyto_view_events(const struct tyto_web_events *events, const struct tyto_view_filter *filter)
{
    const uint32_t num = tyto_web_events_num(events);
    uint32_t num_rows = 0, first = num;
    while (first > 0 && num_rows < filter->max) {
        first--;
        num_rows += is_in(tyto_web_events_at(events, first), filter);
    }
    bool has_more = false;
    for (uint32_t i = 0; i < first && !has_more; i++)
        has_more = is_in(tyto_web_events_at(events, i), filter);
    GString *out = g_string_sized_new(1024 + (size_t)num_rows * 96);
    g_string_append_c(out, '{');
    put_names(out, "cameras", tyto_web_events_num_cameras(events), tyto_web_events_camera, events);
    put_names(out, "classes", tyto_web_events_num_classes(events), tyto_web_events_class, events);
    put_names(out, "zones", tyto_web_events_num_zones(events), tyto_web_events_zone, events);
    g_string_append_printf(out, "\"more\":%s,\"events\":[", has_more ? "true" : "false");
    bool is_first = true;
    for (uint32_t i = first; i < num; i++) {
        const struct tyto_web_event *event = tyto_web_events_at(events, i);
        if (!is_in(event, filter))
            continue;
        g_string_append_printf(out, "%s[\"%s\",%u,%u,%lld,%lld,%u", is_first ? "" : ",\n",
                               event->id, event->camera, event->class, (long long)event->begin_ms,
                               (long long)event->end_ms, event->modality);
        put_score(out, event->joint);
        put_score(out, event->heard);
        put_score(out, event->seen);
        g_string_append_printf(out, ",%d,[", event->clip != NULL);
        for (uint32_t k = 0; k < event->num_zones; k++)
            g_string_append_printf(out, "%s%u", k ? "," : "", event->zones[k]);
        g_string_append(out, "]]");
        is_first = false;
    }
    g_string_append(out, "]}");
    return g_string_free(out, FALSE);
}
