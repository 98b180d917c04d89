/* SPDX-License-Identifier: MIT */
/* One short pipeline per file; nothing here runs while the camera is live. */
#include "demo/decode.h"

#include <gst/app/gstappsink.h>
#include <gst/gst.h>
#include <gst/video/video.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MAX_SIDE_PX = 4096, MAX_SOUND_SAMPLES = 60 * DEMO_RATE_HZ };

/* A playing pipeline "filesrc ! TAIL" whose sink is named "sink"; both owned by the caller. */
static enum tyto_err open_pipeline(const char *path, const char *tail, GstElement **ret_pipeline,
                                   GstElement **ret_sink)
{
    GError *error = NULL;

    if (access(path, R_OK) != 0) {
        return TYTO_ERR_NOT_FOUND;
    }
    char *text = g_strdup_printf("filesrc name=source ! %s ! appsink name=sink sync=false", tail);
    GstElement *pipeline = gst_parse_launch(text, &error);
    g_free(text);
    if (error) {
        g_error_free(error);
        if (pipeline) {
            gst_object_unref(pipeline);
        }
        return TYTO_ERR_UNSUPPORTED; /* a plugin is missing */
    }
    GstElement *source = gst_bin_get_by_name(GST_BIN(pipeline), "source");
    g_object_set(source, "location", path, NULL);
    gst_object_unref(source);
    *ret_sink = gst_bin_get_by_name(GST_BIN(pipeline), "sink");
    *ret_pipeline = pipeline;
    gst_element_set_state(pipeline, GST_STATE_PLAYING);
    return TYTO_OK;
}

static void close_pipeline(GstElement *pipeline, GstElement *sink)
{
    gst_element_set_state(pipeline, GST_STATE_NULL);
    gst_object_unref(sink);
    gst_object_unref(pipeline);
}

static enum tyto_err copy_picture(GstSample *frame, struct demo_picture *ret_picture)
{
    GstVideoInfo info;
    GstVideoFrame video;

    if (!gst_video_info_from_caps(&info, gst_sample_get_caps(frame)) || info.width < 1 ||
        info.height < 1 || info.width > MAX_SIDE_PX || info.height > MAX_SIDE_PX ||
        !gst_video_frame_map(&video, &info, gst_sample_get_buffer(frame), GST_MAP_READ)) {
        return TYTO_ERR_FORMAT;
    }
    uint32_t width = (uint32_t)info.width, height = (uint32_t)info.height;
    uint8_t *rgba = malloc((size_t)width * height * 4);
    if (rgba) {
        const uint8_t *from = GST_VIDEO_FRAME_PLANE_DATA(&video, 0);
        size_t stride = (size_t)GST_VIDEO_FRAME_PLANE_STRIDE(&video, 0);
        for (uint32_t y = 0; y < height; y++) {
            memcpy(rgba + (size_t)y * width * 4, from + y * stride, (size_t)width * 4);
        }
        *ret_picture = (struct demo_picture){rgba, width, height};
    }
    gst_video_frame_unmap(&video);
    return rgba ? TYTO_OK : TYTO_ERR_NOMEM;
}

enum tyto_err demo_decode_picture(const char *path, struct demo_picture *ret_picture)
{
    GstElement *pipeline = NULL, *sink = NULL;

    enum tyto_err err =
        open_pipeline(path, "pngdec ! videoconvert ! video/x-raw,format=RGBA", &pipeline, &sink);
    if (err) {
        return err;
    }
    GstSample *frame = gst_app_sink_try_pull_sample(GST_APP_SINK(sink), 10 * GST_SECOND);
    err = TYTO_ERR_FORMAT;
    if (frame) {
        err = copy_picture(frame, ret_picture);
        gst_sample_unref(frame);
    }
    close_pipeline(pipeline, sink);
    return err;
}

/* Takes off what is 40 dB below the loudest sample at both ends; then the same loudness for all:
 * -18 dB RMS, unless that clips. */
static void trim_and_level(struct demo_sound *sound)
{
    float peak = 0.0f;
    double energy = 0.0;
    uint32_t first = 0, last = sound->num_samples;

    for (uint32_t i = 0; i < sound->num_samples; i++) {
        peak = fmaxf(peak, fabsf(sound->samples[i]));
    }
    if (peak <= 0.0f) {
        return;
    }
    while (first < last && fabsf(sound->samples[first]) < 0.01f * peak) {
        first++;
    }
    while (last > first + 1 && fabsf(sound->samples[last - 1]) < 0.01f * peak) {
        last--;
    }
    sound->num_samples = last - first;
    memmove(sound->samples, sound->samples + first, sound->num_samples * sizeof(float));
    for (uint32_t i = 0; i < sound->num_samples; i++) {
        energy += (double)sound->samples[i] * (double)sound->samples[i];
    }
    float gain = 0.126f / (float)sqrt(energy / sound->num_samples);
    gain = fminf(gain, 0.8f / peak);
    for (uint32_t i = 0; i < sound->num_samples; i++) {
        sound->samples[i] *= gain;
    }
}

static enum tyto_err append(struct demo_sound *sound, GstSample *piece)
{
    GstMapInfo map;

    if (!gst_buffer_map(gst_sample_get_buffer(piece), &map, GST_MAP_READ)) {
        return TYTO_ERR_FORMAT;
    }
    uint32_t room = (uint32_t)MAX_SOUND_SAMPLES - sound->num_samples;
    uint32_t num = (uint32_t)(map.size / sizeof(float));
    num = num < room ? num : room;
    float *grown = realloc(sound->samples, ((size_t)sound->num_samples + num + 1) * sizeof(float));
    if (grown) {
        memcpy(grown + sound->num_samples, map.data, num * sizeof(float));
        sound->samples = grown;
        sound->num_samples += num;
    }
    gst_buffer_unmap(gst_sample_get_buffer(piece), &map);
    return grown ? TYTO_OK : TYTO_ERR_NOMEM;
}

enum tyto_err demo_decode_sound(const char *path, struct demo_sound *ret_sound)
{
    struct demo_sound sound = {NULL, 0};
    GstElement *pipeline = NULL, *sink = NULL;
    GstSample *piece;

    enum tyto_err err = open_pipeline(path,
                                      "decodebin ! audioconvert ! audioresample ! "
                                      "audio/x-raw,format=F32LE,channels=1,rate=48000",
                                      &pipeline, &sink);
    if (err) {
        return err;
    }
    while (!err && sound.num_samples < MAX_SOUND_SAMPLES &&
           (piece = gst_app_sink_try_pull_sample(GST_APP_SINK(sink), 10 * GST_SECOND))) {
        err = append(&sound, piece);
        gst_sample_unref(piece);
    }
    close_pipeline(pipeline, sink);
    if (!err && sound.num_samples < DEMO_RATE_HZ / 20) {
        err = TYTO_ERR_FORMAT;
    }
    if (err) {
        free(sound.samples);
        return err;
    }
    trim_and_level(&sound);
    *ret_sound = sound;
    return TYTO_OK;
}
