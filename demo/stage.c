/* SPDX-License-Identifier: MIT */
#include "demo/stage.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/hash.h"
#include "trainer/compose/clip.h"
#include "trainer/compose/truth.h"

/* Raise it when the same seed would look or sound different. */
static const char stage_version[] = "2";

/* Of five events three are seen and heard, at once, one is only heard, one only seen. Between two
 * of them lie 2.5 s or more. */
static void set_options(struct tyto_compose_options *options,
                        const struct demo_stage_params *params)
{
    tyto_compose_options_default(options);
    options->seed = params->seed;
    options->seconds = params->seconds;
    options->fps = params->fps;
    options->width_px = 1280;
    options->height_px = 720;
    memset(options->shares, 0, sizeof(options->shares));
    options->shares[TYTO_COMPOSE_BOTH] = 0.6;
    options->shares[TYTO_COMPOSE_HEARD] = 0.2;
    options->shares[TYTO_COMPOSE_SEEN] = 0.2;
    options->min_snr_db = 15;
    options->max_snr_db = 30;
    options->min_height = 0.6;
    options->max_height = 0.85;
    options->lags = 0;
    options->quiet_s = 1.25;
    options->is_still = true;
}

static uint64_t key_of(const struct demo_stage *stage, const char *options_text)
{
    uint64_t hash = tyto_hash(TYTO_HASH_INIT, stage_version, sizeof(stage_version));
    hash = tyto_hash(hash, options_text, strlen(options_text));
    for (uint32_t i = 0; i < stage->assets.num_entries; i++) {
        const struct tyto_compose_entry *entry = &stage->assets.entries[i];
        struct stat file = {0};
        int64_t bytes = stat(entry->path, &file) == 0 ? (int64_t)file.st_size : -1;
        hash = tyto_hash(hash, entry->path, strlen(entry->path) + 1);
        hash = tyto_hash(hash, &entry->class_idx, sizeof(entry->class_idx));
        hash = tyto_hash(hash, &bytes, sizeof(bytes));
    }
    return hash;
}

enum tyto_err demo_stage_init(struct demo_stage *stage, const struct demo_stage_params *params)
{
    const struct tyto_compose_assets_params assets_params = {
        .manifest = params->manifest,
        .folder = params->stamps_dir,
        .split = "demo",
        .user = params->user,
        .on_fault = params->on_fault,
    };
    memset(stage, 0, sizeof(*stage));
    set_options(&stage->options, params);
    enum tyto_err err = tyto_compose_assets_read(&assets_params, &stage->assets);
    if (err) {
        return err;
    }
    err = tyto_compose_scene_init(&stage->scene, &stage->options, &stage->assets, 0);
    char *text = tyto_compose_options_print(&stage->options, &stage->assets, "", "demo", 1);
    if (!err && !text) {
        err = TYTO_ERR_NOMEM;
    }
    if (!err) {
        stage->key = key_of(stage, text);
    }
    free(text);
    if (err) {
        tyto_compose_assets_finish(&stage->assets);
    }
    return err;
}

void demo_stage_finish(struct demo_stage *stage)
{
    tyto_compose_assets_finish(&stage->assets);
}

struct progress {
    void *user;
    void (*on_progress)(void *user, double done);
};

static void on_frame(void *user, uint32_t frame, uint32_t num_frames, const uint8_t *i420)
{
    const struct progress *progress = user;
    (void)i420;
    if (progress->on_progress && frame % 16 == 0) {
        progress->on_progress(progress->user, (double)frame / (double)num_frames);
    }
}

enum tyto_err demo_stage_render(struct demo_stage *stage, const char *path, void *user,
                                void (*on_progress)(void *user, double done),
                                struct tyto_fault *ret_fault)
{
    struct progress progress = {user, on_progress};
    const struct tyto_compose_clip_params params = {
        .options = &stage->options,
        .pictures = tyto_compose_pictures_of(&stage->assets),
        .sounds = tyto_compose_sounds_of(&stage->assets),
        .path = path,
        .user = &progress,
        .on_frame = on_frame,
    };
    float gain;
    return tyto_compose_clip_make(&stage->scene, &params, &gain, ret_fault);
}

struct happening {
    const char *class_name;
    int64_t begin_ns, end_ns;
    bool is_seen, is_heard;
};

static void extend(struct happening *what, int64_t begin_ns, int64_t end_ns)
{
    bool is_first = !what->is_seen && !what->is_heard;
    what->begin_ns = is_first || begin_ns < what->begin_ns ? begin_ns : what->begin_ns;
    what->end_ns = is_first || end_ns > what->end_ns ? end_ns : what->end_ns;
}

static struct happening find_event(const struct demo_stage *stage, uint32_t event)
{
    const struct tyto_compose_scene *scene = &stage->scene;
    const struct tyto_compose_assets *assets = &stage->assets;
    struct happening what = {0};
    for (uint32_t i = 0; i < scene->num_objects; i++) {
        const struct tyto_compose_object *object = &scene->objects[i];
        if (object->event == event) {
            extend(&what, object->begin_ns, object->end_ns);
            what.class_name = assets->classes[assets->entries[object->entry_idx].class_idx].name;
            what.is_seen = true;
        }
    }
    for (uint32_t i = 0; i < scene->num_sounds; i++) {
        const struct tyto_compose_sound *sound = &scene->sounds[i];
        if (sound->event == event) {
            extend(&what, sound->begin_ns, sound->end_ns);
            what.class_name = assets->classes[assets->entries[sound->entry_idx].class_idx].name;
            what.is_heard = true;
        }
    }
    return what;
}

enum tyto_err demo_stage_write_truth(const struct demo_stage *stage, FILE *file)
{
    fprintf(file, "class,begin_s,end_s,modality\n");
    for (uint32_t e = 0; e < stage->scene.num_events; e++) {
        const struct happening what = find_event(stage, e);
        if (!what.class_name) {
            continue;
        }
        fprintf(file, "%s,%.3f,%.3f,%s\n", what.class_name, (double)what.begin_ns / 1e9,
                (double)what.end_ns / 1e9,
                !what.is_seen   ? "a"
                : what.is_heard ? "av"
                                : "v");
    }
    return fflush(file) == 0 && !ferror(file) ? TYTO_OK : TYTO_ERR_IO;
}
