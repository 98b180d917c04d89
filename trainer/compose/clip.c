/* SPDX-License-Identifier: MIT */
#include "trainer/compose/clip.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "trainer/media/read.h"
#include "trainer/media/write.h"

enum { MOST_PX = 1024 };

static const int64_t longest_sound_ns = 60 * 1000000000LL;

/* --- files -------------------------------------------------------------------------------- */

/* As RGBA, no side over MOST_PX. */
static enum tyto_err convert(const struct tyto_source_picture *picture,
                             struct tyto_compose_rgba *ret_image)
{
    struct tyto_compose_rgba image;
    enum tyto_err err = tyto_compose_rgba_create(picture->width, picture->height, &image);
    if (err)
        return err;
    const size_t num = (size_t)picture->width * picture->height;
    for (size_t i = 0; i < num; i++) {
        memcpy(image.pixels + 4 * i, picture->rgb + 3 * i, 3);
        image.pixels[4 * i + 3] = picture->alpha ? picture->alpha[i] : 255;
    }
    const uint32_t longest = picture->width > picture->height ? picture->width : picture->height;
    if (longest <= MOST_PX) {
        *ret_image = image;
        return TYTO_OK;
    }
    const double part[4] = {0, 0, picture->width, picture->height};
    const double scale = (double)MOST_PX / longest;
    err = tyto_compose_resize(&image, part, (uint32_t)fmax(1, picture->width * scale),
                              (uint32_t)fmax(1, picture->height * scale), ret_image);
    tyto_compose_rgba_finish(&image);
    return err;
}

static enum tyto_err read_picture(void *user, uint32_t entry_idx,
                                  struct tyto_compose_rgba *ret_image, struct tyto_fault *ret_fault)
{
    const struct tyto_compose_assets *assets = user;
    struct tyto_source_picture picture = {0};
    enum tyto_err err =
        tyto_source_file_read_picture(assets->entries[entry_idx].path, &picture, ret_fault);
    if (err)
        return err;
    err = convert(&picture, ret_image);
    tyto_source_picture_finish(&picture);
    return err == TYTO_ERR_SHAPE
               ? tyto_fault_set(ret_fault, err, assets->entries[entry_idx].path, 0, NULL,
                                "is larger than 8192 pixels: make it smaller")
               : err;
}

static enum tyto_err read_sound(void *user, uint32_t entry_idx, float **ret_samples,
                                uint32_t *ret_num_samples, struct tyto_fault *ret_fault)
{
    const struct tyto_compose_assets *assets = user;
    uint64_t num = 0;
    const enum tyto_err err = tyto_source_file_read_sound(
        assets->entries[entry_idx].path, longest_sound_ns, ret_samples, &num, ret_fault);
    if (!err)
        *ret_num_samples = (uint32_t)num;
    return err;
}

static const char *name_sound(void *user, uint32_t entry_idx)
{
    const struct tyto_compose_assets *assets = user;
    return assets->entries[entry_idx].path;
}

struct tyto_compose_pictures tyto_compose_pictures_of(const struct tyto_compose_assets *assets)
{
    return (struct tyto_compose_pictures){.user = (void *)(uintptr_t)assets, .read = read_picture};
}

struct tyto_compose_sounds tyto_compose_sounds_of(const struct tyto_compose_assets *assets)
{
    return (struct tyto_compose_sounds){
        .user = (void *)(uintptr_t)assets, .read = read_sound, .name = name_sound};
}

/* --- the clip -------------------------------------------------------------------------------- */

/* Frames and the samples beside them, in turn. */
static enum tyto_err write_all(const struct tyto_compose_clip_params *params,
                               struct tyto_compose_painter *painter, struct tyto_sink *sink,
                               const float *samples, uint32_t num_samples, uint8_t *frame,
                               struct tyto_fault *ret_fault)
{
    const struct tyto_compose_options *options = params->options;
    const uint32_t num_frames = (uint32_t)llround(options->seconds * options->fps);
    uint32_t num_put = 0;
    enum tyto_err err = TYTO_OK;
    for (uint32_t i = 0; !err && i < num_frames; i++) {
        tyto_compose_painter_paint(painter, llround(i / options->fps * 1e9), frame);
        if (params->on_frame)
            params->on_frame(params->user, i, num_frames, frame);
        err = tyto_sink_put_frame(sink, frame, ret_fault);
        uint32_t until = (uint32_t)llround((i + 1) / options->fps * TYTO_COMPOSE_RATE_HZ);
        until = until > num_samples || i + 1 == num_frames ? num_samples : until;
        if (!err)
            err = tyto_sink_put_samples(sink, samples + num_put, until - num_put, ret_fault);
        num_put = until;
    }
    return err;
}

enum tyto_err tyto_compose_clip_make(struct tyto_compose_scene *scene,
                                     const struct tyto_compose_clip_params *params, float *ret_gain,
                                     struct tyto_fault *ret_fault)
{
    const struct tyto_compose_options *options = params->options;
    const uint32_t fps_num = (uint32_t)llround(options->fps * 1000);
    const struct tyto_sink_params sink_params = {
        .path = params->path,
        .width_px = options->width_px,
        .height_px = options->height_px,
        .fps_num = fps_num % 500 == 0 ? fps_num / 500 : fps_num,
        .fps_den = fps_num % 500 == 0 ? 2 : 1000,
        .rate_hz = TYTO_COMPOSE_RATE_HZ,
        .quality = scene->camera.quality,
    };
    const uint32_t num_samples =
        (uint32_t)(scene->duration_ns / 1000 * TYTO_COMPOSE_RATE_HZ / 1000000);
    float *samples = malloc(num_samples * sizeof(*samples));
    uint8_t *frame = malloc((size_t)options->width_px * options->height_px * 3 / 2);
    struct tyto_compose_motions motions = {0};
    struct tyto_compose_painter *painter = NULL;
    struct tyto_sink *sink = NULL;
    enum tyto_err err = samples && frame ? TYTO_OK : TYTO_ERR_NOMEM;
    if (!err)
        err = tyto_compose_motions_init(&motions, scene);
    if (!err)
        err = tyto_compose_mix(scene, &params->sounds, &motions, samples, num_samples, ret_gain,
                               ret_fault);
    if (!err)
        err = tyto_compose_painter_create(scene, options, &params->pictures, &motions, &painter,
                                          ret_fault);
    if (!err)
        err = tyto_sink_create(&sink_params, &sink, ret_fault);
    if (!err)
        err = write_all(params, painter, sink, samples, num_samples, frame, ret_fault);
    if (!err)
        err = tyto_sink_finish(&sink, ret_fault);
    tyto_sink_destroy(&sink);
    tyto_compose_painter_destroy(&painter);
    tyto_compose_motions_finish(&motions);
    free(frame);
    free(samples);
    return err;
}
