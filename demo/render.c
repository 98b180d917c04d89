/* SPDX-License-Identifier: MIT */
/* Frames and samples are pushed side by side into one encoding pipeline, which
 * writes beside the file, which appears whole at the end. */
#include "demo/render.h"

#include <gst/app/gstappsrc.h>
#include <gst/gst.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "files/replace.h"

static const double fade_s = 0.15;      /* of pictures and sounds at both ends */
static const double repeat_gap_s = 0.2; /* between repetitions of a short sound */
static const float ambience = 0.0025f;  /* about -52 dB */

struct renderer {
    const struct demo_render_params *params;
    struct demo_painter *painter;
    GstElement *pipeline;
    GstAppSrc *video, *audio;
    uint64_t random; /* for the ambience */
    float low_pass;
    size_t frame_bytes;
};

static enum tyto_err start(struct renderer *r, const char *part_path)
{
    const struct demo_render_params *params = r->params;
    GError *error = NULL;
    char *text = g_strdup_printf(
        "appsrc name=video format=time block=true max-bytes=16777216 "
        "caps=video/x-raw,format=I420,width=%u,height=%u,framerate=%u/1,colorimetry=bt709 ! "
        "x264enc speed-preset=ultrafast tune=zerolatency bitrate=3000 key-int-max=%u "
        "option-string=scenecut=0 ! video/x-h264,profile=constrained-baseline ! h264parse ! queue "
        "! "
        "mp4mux name=mux ! filesink name=sink "
        "appsrc name=audio format=time max-bytes=0 "
        "caps=audio/x-raw,format=F32LE,layout=interleaved,channels=1,rate=%d ! "
        "audioconvert ! avenc_aac bitrate=96000 ! aacparse ! queue ! mux.",
        params->width_px, params->height_px, params->rate_fps, params->rate_fps, DEMO_RATE_HZ);

    r->pipeline = gst_parse_launch(text, &error);
    g_free(text);
    if (error) {
        g_error_free(error);
        return TYTO_ERR_UNSUPPORTED;
    }
    GstElement *sink = gst_bin_get_by_name(GST_BIN(r->pipeline), "sink");
    g_object_set(sink, "location", part_path, NULL);
    gst_object_unref(sink);
    r->video = GST_APP_SRC(gst_bin_get_by_name(GST_BIN(r->pipeline), "video"));
    r->audio = GST_APP_SRC(gst_bin_get_by_name(GST_BIN(r->pipeline), "audio"));
    gst_element_set_state(r->pipeline, GST_STATE_PLAYING);
    return TYTO_OK;
}

/* 1 inside [begin, end], falling to 0 within fade_s outside of neither end. */
static double envelope(const struct demo_event *event, double time_s)
{
    double inside = fmin(time_s - event->begin_s, event->end_s - time_s);

    return inside <= 0.0 ? 0.0 : fmin(1.0, inside / fade_s);
}

static void draw_frame(struct renderer *r, double time_s, uint8_t *out)
{
    const struct demo_scene *scene = r->params->scene;

    demo_painter_begin(r->painter, time_s, out);
    for (uint32_t i = 0; i < scene->num_events; i++) {
        const struct demo_event *event = &scene->events[i];
        double opacity = envelope(event, time_s);
        if (event->modality == DEMO_MODALITY_A || opacity <= 0.0) {
            continue;
        }
        /* an animal does not hold still */
        float dx = (float)(0.006 * sin(2.1 * time_s + i)), dy = (float)(0.004 * sin(3.7 * time_s));
        demo_painter_stamp(r->painter, &r->params->pictures[event->row_idx], event->x0 + dx,
                           event->y0 + dy, event->x1 + dx, event->y1 + dy, (float)opacity, out);
    }
    demo_painter_end(r->painter, time_s, out);
}

static float sound_at(const struct renderer *r, const struct demo_event *event, double time_s)
{
    const struct demo_sound *sound = &r->params->sounds[event->row_idx];
    uint32_t gap = (uint32_t)(repeat_gap_s * DEMO_RATE_HZ);
    uint64_t at = (uint64_t)((time_s - event->begin_s) * DEMO_RATE_HZ);
    uint64_t in_turn = at % ((uint64_t)sound->num_samples + gap);

    return in_turn < sound->num_samples ? sound->samples[in_turn] : 0.0f;
}

static void fill_sound(struct renderer *r, uint64_t first_sample, uint32_t num, float *out)
{
    const struct demo_scene *scene = r->params->scene;

    for (uint32_t i = 0; i < num; i++) {
        float white = (float)demo_random_between(&r->random, -1.0, 1.0);
        r->low_pass += 0.08f * (white - r->low_pass);
        out[i] = ambience * (4.0f * r->low_pass + 0.3f * white);
    }
    for (uint32_t e = 0; e < scene->num_events; e++) {
        const struct demo_event *event = &scene->events[e];
        double begin_s = (double)first_sample / DEMO_RATE_HZ;
        if (event->modality == DEMO_MODALITY_V || event->end_s <= begin_s ||
            event->begin_s >= begin_s + (double)num / DEMO_RATE_HZ) {
            continue;
        }
        for (uint32_t i = 0; i < num; i++) {
            double time_s = (double)(first_sample + i) / DEMO_RATE_HZ;
            double gain = envelope(event, time_s);
            if (gain > 0.0) {
                /* the attack stays; only the end fades */
                gain = time_s - event->begin_s < fade_s ? 1.0 : gain;
                out[i] += (float)gain * sound_at(r, event, time_s);
            }
        }
    }
}

static enum tyto_err push(GstAppSrc *source, GstBuffer *buffer, uint64_t begin_ns, uint64_t end_ns)
{
    GST_BUFFER_PTS(buffer) = begin_ns;
    GST_BUFFER_DURATION(buffer) = end_ns - begin_ns;
    return gst_app_src_push_buffer(source, buffer) == GST_FLOW_OK ? TYTO_OK : TYTO_ERR_IO;
}

static enum tyto_err push_frame(struct renderer *r, uint64_t frame_idx)
{
    uint32_t fps = r->params->rate_fps;
    uint64_t begin_ns = gst_util_uint64_scale(frame_idx, GST_SECOND, fps);
    uint64_t end_ns = gst_util_uint64_scale(frame_idx + 1, GST_SECOND, fps);
    uint64_t first_sample = gst_util_uint64_scale(frame_idx, DEMO_RATE_HZ, fps);
    uint64_t last_sample = gst_util_uint64_scale(frame_idx + 1, DEMO_RATE_HZ, fps);
    uint32_t num_samples = (uint32_t)(last_sample - first_sample);
    GstBuffer *audio = gst_buffer_new_allocate(NULL, num_samples * sizeof(float), NULL);
    GstBuffer *video = gst_buffer_new_allocate(NULL, r->frame_bytes, NULL);
    GstMapInfo map;

    if (!audio || !video) {
        gst_clear_buffer(&audio);
        gst_clear_buffer(&video);
        return TYTO_ERR_NOMEM;
    }
    gst_buffer_map(audio, &map, GST_MAP_WRITE);
    fill_sound(r, first_sample, num_samples, (float *)(void *)map.data);
    gst_buffer_unmap(audio, &map);
    gst_buffer_map(video, &map, GST_MAP_WRITE);
    draw_frame(r, (double)begin_ns / 1e9, map.data);
    gst_buffer_unmap(video, &map);
    enum tyto_err err = push(r->audio, audio, begin_ns, end_ns);
    if (err) {
        gst_buffer_unref(video);
        return err;
    }
    return push(r->video, video, begin_ns, end_ns);
}

static enum tyto_err finish(struct renderer *r)
{
    GstMessageType wanted = GST_MESSAGE_EOS | GST_MESSAGE_ERROR;
    GstBus *bus = gst_element_get_bus(r->pipeline);

    gst_app_src_end_of_stream(r->video);
    gst_app_src_end_of_stream(r->audio);
    GstMessage *message = gst_bus_timed_pop_filtered(bus, 60 * GST_SECOND, wanted);
    bool done = message && GST_MESSAGE_TYPE(message) == GST_MESSAGE_EOS;
    if (message) {
        gst_message_unref(message);
    }
    gst_object_unref(bus);
    return done ? TYTO_OK : TYTO_ERR_IO;
}

enum tyto_err demo_render(const struct demo_render_params *params)
{
    struct renderer r = {.params = params, .random = params->scene->seed + 99};
    uint64_t num_frames = (uint64_t)(params->scene->seconds * params->rate_fps);
    struct tyto_replace *replace = NULL;

    r.frame_bytes = (size_t)params->width_px * params->height_px * 3 / 2;
    enum tyto_err err =
        demo_painter_create(params->width_px, params->height_px, params->scene->seed, &r.painter);
    if (!err) {
        err = tyto_replace_begin(params->path, 0666, &replace);
    }
    if (!err) {
        err = start(&r, tyto_replace_part(replace));
    }
    for (uint64_t i = 0; !err && i < num_frames; i++) {
        err = push_frame(&r, i);
        if (params->progress && i % 16 == 0) {
            params->progress(params->user, (double)i / (double)num_frames);
        }
    }
    if (!err) {
        err = finish(&r);
    }
    if (r.pipeline) {
        gst_element_set_state(r.pipeline, GST_STATE_NULL);
        gst_clear_object(&r.video);
        gst_clear_object(&r.audio);
        gst_object_unref(r.pipeline);
    }
    demo_painter_destroy(&r.painter);
    if (!err) {
        err = tyto_replace_commit(&replace);
    }
    tyto_replace_abandon(&replace);
    return err;
}
