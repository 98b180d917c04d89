/* SPDX-License-Identifier: MIT */
/* tyto-demo-camera: a camera for trying tyto without one. Renders a scene once
 * into the cache, then serves it over RTSP or writes it to a file. */
#include <errno.h>
#include <gst/gst.h>
#include <inttypes.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/folder.h"
#include "base/hash.h"
#include "base/paths.h"
#include "base/standard_fds.h"
#include "demo/decode.h"
#include "demo/options.h"
#include "demo/render.h"
#include "demo/scene.h"
#include "demo/serve.h"

/* Part of the cache's key: raise it when the same seed would look or sound different. */
#define SCENE_VERSION "1"

enum { WIDTH_PX = 1280, HEIGHT_PX = 720, PATH_BYTES = PATH_MAX };

static bool format_path(char *out, const char *folder, const char *name)
{
    int len = snprintf(out, PATH_BYTES, "%s/%s", folder, name);

    return len > 0 && len < PATH_BYTES;
}

/* share/tyto/demo/stamps.csv of the installation this program is in. */
static bool find_table(char *out)
{
    return tyto_paths_program("../share/tyto/demo/stamps.csv", out, PATH_BYTES);
}

static int load_table(const struct demo_options *options, struct demo_stamp_table *table)
{
    char path[PATH_BYTES];
    uint32_t line = 0;

    if (options->table_path ? !format_path(path, ".", options->table_path) : !find_table(path)) {
        return demo_fail("path too long", options->table_path);
    }
    const char *opened = options->table_path ? options->table_path : path;
    FILE *file = fopen(opened, "re");
    if (!file) {
        return demo_fail(opened, strerror(errno));
    }
    enum tyto_err err = demo_stamp_table_read(file, table, &line);
    fclose(file);
    if (err) {
        fprintf(stderr, "tyto-demo-camera: %s:%" PRIu32 ": expected class,stamp,min,max\n", opened,
                line);
        return EXIT_FAILURE;
    }
    return EXIT_SUCCESS;
}

struct stamps {
    struct demo_picture pictures[DEMO_MAX_STAMPS];
    struct demo_sound sounds[DEMO_MAX_STAMPS];
};

static int load_pictures(const struct demo_options *options, struct demo_stamp_table *table,
                         struct stamps *stamps)
{
    for (uint32_t i = 0; i < table->num_rows; i++) {
        char path[PATH_BYTES];
        int len =
            snprintf(path, sizeof(path), "%s/%s.png", options->stamps_dir, table->rows[i].stamp);
        if (len < 0 || len >= (int)sizeof(path)) {
            return demo_fail("path too long", table->rows[i].stamp);
        }
        enum tyto_err err = demo_decode_picture(path, &stamps->pictures[i]);
        if (err == TYTO_ERR_NOT_FOUND) {
            demo_fail("no such stamp (is tuxpaint-stamps-default installed?)", path);
            return EXIT_FAILURE;
        }
        if (err) {
            return demo_fail(path, tyto_err_text(err));
        }
        table->rows[i].aspect =
            (float)stamps->pictures[i].width_px / (float)stamps->pictures[i].height_px;
    }
    return EXIT_SUCCESS;
}

static int load_sounds(const struct demo_options *options, const struct demo_stamp_table *table,
                       const struct demo_scene *scene, struct stamps *stamps)
{
    for (uint32_t e = 0; e < scene->num_events; e++) {
        uint32_t i = scene->events[e].row_idx;
        char path[PATH_BYTES];
        int len =
            snprintf(path, sizeof(path), "%s/%s.ogg", options->stamps_dir, table->rows[i].stamp);
        if (scene->events[e].modality == DEMO_MODALITY_V || stamps->sounds[i].samples) {
            continue;
        }
        if (len < 0 || len >= (int)sizeof(path)) {
            return demo_fail("path too long", table->rows[i].stamp);
        }
        enum tyto_err err = demo_decode_sound(path, &stamps->sounds[i]);
        if (err) {
            return demo_fail(path, tyto_err_text(err));
        }
    }
    return EXIT_SUCCESS;
}

static void free_stamps(struct stamps **stamps)
{
    for (uint32_t i = 0; *stamps && i < DEMO_MAX_STAMPS; i++) {
        free((*stamps)->pictures[i].rgba);
        free((*stamps)->sounds[i].samples);
    }
    free(*stamps);
    *stamps = NULL;
}

static void show_progress(void *user, double done)
{
    (void)user;
    fprintf(stderr, "\rtyto-demo-camera: rendering the scene, %2.0f %% ", 100.0 * done);
}

/* Over all that the scene is made of, so that a changed table is a new cache entry. */
static uint64_t digest_of(const struct demo_stamp_table *table, const struct demo_scene *scene)
{
    const struct {
        const void *data;
        size_t num_bytes;
    } parts[] = {{table->rows, table->num_rows * sizeof(table->rows[0])},
                 {scene->events, scene->num_events * sizeof(scene->events[0])}};
    uint64_t hash = TYTO_HASH_INIT;

    for (size_t p = 0; p < sizeof(parts) / sizeof(parts[0]); p++) {
        hash = tyto_hash(hash, parts[p].data, parts[p].num_bytes);
    }
    return hash;
}

static bool cache_path(const struct demo_options *options, const struct demo_stamp_table *table,
                       const struct demo_scene *scene, char *out)
{
    char folder[PATH_BYTES], name[128];

    if (options->cache_dir) {
        snprintf(folder, sizeof(folder), "%s", options->cache_dir);
    } else if (!tyto_paths_cache("demo", folder, sizeof(folder))) {
        snprintf(folder, sizeof(folder), "/tmp/.cache/tyto/demo");
    }
    snprintf(name, sizeof(name), "scene%s-%" PRIu64 "-%.0fs-%ufps-%016" PRIx64 ".mp4",
             SCENE_VERSION, options->seed, options->seconds, options->fps, digest_of(table, scene));
    return tyto_folder_make(folder, 0777) == TYTO_OK && format_path(out, folder, name);
}

static int render_to(const struct demo_options *options, const struct demo_stamp_table *table,
                     const struct demo_scene *scene, struct stamps *stamps, const char *path)
{
    struct demo_render_params params = {
        .scene = scene,
        .pictures = stamps->pictures,
        .sounds = stamps->sounds,
        .width_px = WIDTH_PX,
        .height_px = HEIGHT_PX,
        .rate_fps = options->fps,
        .path = path,
        .progress = options->quiet ? NULL : show_progress,
    };

    if (load_sounds(options, table, scene, stamps) != EXIT_SUCCESS) {
        return EXIT_FAILURE;
    }
    enum tyto_err err = demo_render(&params);
    if (!options->quiet) {
        fputs("\r\033[K", stderr);
    }
    return !err ? EXIT_SUCCESS : demo_fail(path, tyto_err_text(err));
}

static int write_truth(const struct demo_scene *scene, const struct demo_stamp_table *table,
                       const char *path)
{
    FILE *file = fopen(path, "we");

    if (!file) {
        return demo_fail(path, strerror(errno));
    }
    enum tyto_err err = demo_scene_write_truth(scene, table, file);
    if (fclose(file) != 0 || err) {
        return demo_fail(path, "cannot be written");
    }
    return EXIT_SUCCESS;
}

static void say_ready(void *user, uint16_t port)
{
    const struct demo_options *options = user;

    if (options->num_cameras == 1) {
        printf("rtsp://127.0.0.1:%u/camera\n", port);
    }
    for (uint32_t i = 1; options->num_cameras > 1 && i <= options->num_cameras; i++) {
        printf("rtsp://127.0.0.1:%u/camera%u\n", port, i);
    }
    fflush(stdout);
}

static int serve(const struct demo_options *options, const char *path)
{
    struct demo_serve_params params = {
        .path = path,
        .port = (uint16_t)options->port,
        .num_cameras = options->num_cameras,
        .seconds = options->seconds,
        .once = options->once,
        .ready = say_ready,
        .user = (void *)options,
    };
    char port[16];

    snprintf(port, sizeof(port), "%u", options->port);
    return demo_serve(&params) == TYTO_OK ? EXIT_SUCCESS : demo_fail("cannot listen on port", port);
}

static int run(const struct demo_options *options, struct demo_stamp_table *table,
               struct demo_scene *scene, struct stamps *stamps)
{
    struct demo_scene_params params = {
        .seed = options->seed,
        .seconds = options->seconds,
        .picture_aspect = (float)WIDTH_PX / (float)HEIGHT_PX,
    };
    char cached[PATH_BYTES];
    struct stat stat_buf;

    if (load_table(options, table) != EXIT_SUCCESS ||
        load_pictures(options, table, stamps) != EXIT_SUCCESS) {
        return EXIT_FAILURE;
    }
    if (demo_scene_init(scene, &params, table) != TYTO_OK) {
        return demo_fail("no event fits: longer scene or more stamps, please", NULL);
    }
    if (options->list) {
        return demo_scene_write_truth(scene, table, stdout) == TYTO_OK ? EXIT_SUCCESS
                                                                       : EXIT_FAILURE;
    }
    if (options->truth_path && write_truth(scene, table, options->truth_path) != EXIT_SUCCESS) {
        return EXIT_FAILURE;
    }
    if (options->write_path) {
        return render_to(options, table, scene, stamps, options->write_path);
    }
    if (!cache_path(options, table, scene, cached)) {
        return demo_fail("cannot make the cache folder (see --cache)", strerror(errno));
    }
    if (stat(cached, &stat_buf) != 0 &&
        render_to(options, table, scene, stamps, cached) != EXIT_SUCCESS) {
        return EXIT_FAILURE;
    }
    if (options->link_path) {
        if (lstat(options->link_path, &stat_buf) == 0 && S_ISLNK(stat_buf.st_mode)) {
            unlink(options->link_path);
        }
        if (symlink(cached, options->link_path) != 0) {
            return demo_fail(options->link_path, strerror(errno));
        }
    }
    return serve(options, cached);
}

int main(int argc, char **argv)
{
    struct demo_options options;
    int status = EXIT_FAILURE;
    tyto_standard_fds_open();
    if (!demo_options_read(argc, argv, &options, &status)) {
        demo_options_finish(&options);
        return status;
    }
    struct demo_stamp_table *table = calloc(1, sizeof(*table));
    struct demo_scene *scene = calloc(1, sizeof(*scene));
    struct stamps *stamps = calloc(1, sizeof(*stamps));
    if (!table || !scene || !stamps) {
        status = demo_fail(tyto_err_text(TYTO_ERR_NOMEM), NULL);
    } else {
        options.quiet = options.quiet || !isatty(STDERR_FILENO);
        gst_init(NULL, NULL);
        status = run(&options, table, scene, stamps);
    }
    free_stamps(&stamps);
    free(scene);
    free(table);
    demo_options_finish(&options);
    return status;
}
