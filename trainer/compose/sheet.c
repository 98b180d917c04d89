/* SPDX-License-Identifier: MIT */
#include "trainer/compose/sheet.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "files/page.h"
#include "trainer/compose/sheet_html.h"
#include "trainer/media/write.h"

enum { NUM_FRAMES = 6, JPEG_QUALITY = 7 };

struct shown_clip {
    uint8_t *jpegs[NUM_FRAMES]; /* owned */
    size_t bytes[NUM_FRAMES];
    struct tyto_json *truth; /* owned */
};

struct tyto_compose_sheet {
    uint32_t num_clips, width_px, height_px;
    struct shown_clip clips[];
};

enum tyto_err tyto_compose_sheet_create(const struct tyto_compose_options *options,
                                        uint32_t num_clips, struct tyto_compose_sheet **ret_sheet)
{
    struct tyto_compose_sheet *sheet =
        calloc(1, sizeof(*sheet) + (size_t)num_clips * sizeof(*sheet->clips));
    if (!sheet)
        return TYTO_ERR_NOMEM;
    sheet->num_clips = num_clips;
    sheet->width_px = options->width_px;
    sheet->height_px = options->height_px;
    *ret_sheet = sheet;
    return TYTO_OK;
}

void tyto_compose_sheet_destroy(struct tyto_compose_sheet **sheet)
{
    for (uint32_t i = 0; *sheet && i < (*sheet)->num_clips; i++) {
        for (uint32_t f = 0; f < NUM_FRAMES; f++)
            free((*sheet)->clips[i].jpegs[f]);
        tyto_json_destroy(&(*sheet)->clips[i].truth);
    }
    free(*sheet);
    *sheet = NULL;
}

void tyto_compose_sheet_put_frame(struct tyto_compose_sheet *sheet, uint32_t clip, uint32_t frame,
                                  uint32_t num_frames, const uint8_t *i420)
{
    for (uint32_t f = 0; f < NUM_FRAMES; f++) {
        struct shown_clip *shown = &sheet->clips[clip];
        if (frame != (2 * f + 1) * num_frames / (2 * NUM_FRAMES) || shown->jpegs[f])
            continue;
        if (tyto_sink_jpeg(i420, sheet->width_px, sheet->height_px, JPEG_QUALITY, &shown->jpegs[f],
                           &shown->bytes[f]) != TYTO_OK)
            shown->jpegs[f] = NULL;
    }
}

/* --- truth ---------------------------------------------------------------------------------- */

static struct tyto_json *seconds(int64_t ns)
{
    return tyto_json_new_f64((double)ns / 1e9);
}

static struct tyto_json *make_bar(const char *kind, const char *class_name, int64_t begin_ns,
                                  int64_t end_ns)
{
    struct tyto_json *bar = tyto_json_new_object();
    bool ok = tyto_json_set(bar, "kind", tyto_json_new_string(kind));
    ok &= tyto_json_set(bar, "class", tyto_page_text(class_name));
    ok &= tyto_json_set(bar, "begin_s", seconds(begin_ns));
    ok &= tyto_json_set(bar, "end_s", seconds(end_ns));
    if (!ok)
        tyto_json_destroy(&bar);
    return bar;
}

static const char *class_of(const struct tyto_compose_assets *assets, uint32_t entry_idx)
{
    return assets->classes[assets->entries[entry_idx].class_idx].name;
}

static struct tyto_json *make_bars(const struct tyto_compose_scene *scene,
                                   const struct tyto_compose_assets *assets)
{
    struct tyto_json *bars = tyto_json_new_array();
    bool ok = bars != NULL;
    for (uint32_t i = 0; i < scene->num_objects && ok; i++) {
        const struct tyto_compose_object *object = &scene->objects[i];
        ok = tyto_json_append(
            bars, make_bar(object->event != TYTO_COMPOSE_NO_EVENT ? "seen" : "none",
                           class_of(assets, object->entry_idx), object->begin_ns, object->end_ns));
    }
    for (uint32_t i = 0; i < scene->num_sounds && ok; i++) {
        const struct tyto_compose_sound *sound = &scene->sounds[i];
        struct tyto_json *bar =
            make_bar(sound->event != TYTO_COMPOSE_NO_EVENT ? "heard" : "none",
                     class_of(assets, sound->entry_idx), sound->begin_ns, sound->end_ns);
        ok = tyto_json_set(bar, "snr_db", tyto_page_number((double)sound->snr_db));
        ok &= tyto_json_append(bars, bar);
    }
    if (!ok)
        tyto_json_destroy(&bars);
    return bars;
}

void tyto_compose_sheet_put_scene(struct tyto_compose_sheet *sheet, uint32_t clip, const char *name,
                                  const struct tyto_compose_scene *scene,
                                  const struct tyto_compose_assets *assets)
{
    struct tyto_json *truth = tyto_json_new_object(), *kinds = tyto_json_new_array();
    bool ok = true;
    for (uint32_t i = 0; i < scene->num_acts; i++)
        ok &= tyto_json_append(kinds,
                               tyto_json_new_string(tyto_compose_kind_names[scene->acts[i].kind]));
    ok &= tyto_json_set(truth, "name", tyto_page_text(name));
    ok &= tyto_json_set(truth, "kinds", kinds);
    ok &=
        tyto_json_set(truth, "noise", tyto_json_new_string(tyto_compose_noise_names[scene->noise]));
    ok &= tyto_json_set(truth, "noise_db", tyto_page_number((double)scene->noise_db));
    ok &= tyto_json_set(truth, "offset_s", seconds(scene->camera.offset_ns));
    ok &= tyto_json_set(truth, "duration_s", seconds(scene->duration_ns));
    ok &= tyto_json_set(truth, "bars", make_bars(scene, assets));
    if (!ok)
        tyto_json_destroy(&truth);
    tyto_json_destroy(&sheet->clips[clip].truth);
    sheet->clips[clip].truth = truth;
}

/* --- the page -------------------------------------------------------------------------------- */

enum tyto_err tyto_compose_sheet_write(struct tyto_compose_sheet *sheet, const char *path,
                                       struct tyto_fault *ret_fault)
{
    struct tyto_json *data = tyto_json_new_object(), *clips = tyto_json_new_array();
    bool ok = true;
    for (uint32_t i = 0; i < sheet->num_clips; i++) {
        struct shown_clip *clip = &sheet->clips[i];
        struct tyto_json *frames = tyto_json_new_array(), *truth = clip->truth;
        if (!truth) { /* the clip was not made, or there was no memory for it */
            tyto_json_destroy(&frames);
            continue;
        }
        clip->truth = NULL;
        for (uint32_t f = 0; f < NUM_FRAMES; f++)
            ok &= tyto_json_append(
                frames, clip->jpegs[f]
                            ? tyto_page_data_url("image/jpeg", clip->jpegs[f], clip->bytes[f])
                            : tyto_json_new_null());
        ok &= tyto_json_set(truth, "frames", frames);
        ok &= tyto_json_append(clips, truth);
    }
    ok &= tyto_json_set(data, "clips", clips);
    if (!ok)
        tyto_json_destroy(&data);
    return tyto_page_write(path, sheet_html, sheet_html_bytes, data, ret_fault);
}
