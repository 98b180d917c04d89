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
#include "base/paths.h"
#include "base/standard_fds.h"
#include "demo/options.h"
#include "demo/serve.h"
#include "demo/stage.h"

enum { PATH_BYTES = PATH_MAX };

static int fail_with(const struct tyto_fault *fault, enum tyto_err err)
{
    char text[sizeof(*fault)];

    tyto_fault_print(fault, text, sizeof(text));
    return demo_fail(text[0] ? text : tyto_err_text(err), NULL);
}

static void on_fault(void *user, const struct tyto_fault *fault)
{
    (void)user;
    fail_with(fault, TYTO_ERR_FORMAT);
}

static void show_progress(void *user, double done)
{
    (void)user;
    fprintf(stderr, "\rtyto-demo-camera: rendering the scene, %2.0f %% ", 100.0 * done);
}

static int prepare(const struct demo_options *options, struct demo_stage *stage)
{
    char beside[PATH_BYTES];
    struct demo_stage_params params = {
        .manifest = options->table_path,
        .stamps_dir = options->stamps_dir,
        .seed = options->seed,
        .seconds = options->seconds,
        .fps = options->fps,
        .on_fault = on_fault,
    };

    if (!params.manifest) {
        /* that of the installation this program is in */
        if (!tyto_paths_program("../share/tyto/demo/stamps.csv", beside, sizeof(beside))) {
            return demo_fail("cannot find the program's own folder", NULL);
        }
        params.manifest = beside;
    }
    enum tyto_err err = demo_stage_init(stage, &params);
    if (err == TYTO_ERR_NOT_FOUND) {
        return demo_fail("no scene without its stamps: is tuxpaint-stamps-default installed?",
                         NULL);
    }
    return err ? demo_fail("no scene", tyto_err_text(err)) : EXIT_SUCCESS;
}

static bool cache_path(const struct demo_options *options, uint64_t key, char *out)
{
    char folder[PATH_BYTES];

    if (options->cache_dir) {
        snprintf(folder, sizeof(folder), "%s", options->cache_dir);
    } else if (!tyto_paths_cache("demo", folder, sizeof(folder))) {
        snprintf(folder, sizeof(folder), "/tmp/.cache/tyto/demo");
    }
    int len = snprintf(out, PATH_BYTES, "%s/scene-%" PRIu64 "-%.0fs-%ufps-%016" PRIx64 ".mp4",
                       folder, options->seed, options->seconds, options->fps, key);
    return tyto_folder_make(folder, 0777) == TYTO_OK && len > 0 && len < PATH_BYTES;
}

static int render_to(const struct demo_options *options, struct demo_stage *stage, const char *path)
{
    struct tyto_fault fault = {0};
    enum tyto_err err =
        demo_stage_render(stage, path, NULL, options->quiet ? NULL : show_progress, &fault);

    if (!options->quiet) {
        fputs("\r\033[K", stderr);
    }
    return err ? fail_with(&fault, err) : EXIT_SUCCESS;
}

static int write_truth(const struct demo_stage *stage, const char *path)
{
    FILE *file = fopen(path, "we");

    if (!file) {
        return demo_fail(path, strerror(errno));
    }
    enum tyto_err err = demo_stage_write_truth(stage, file);
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

static int show(const struct demo_options *options, struct demo_stage *stage)
{
    char cached[PATH_BYTES];
    struct stat stat_buf;

    if (options->list) {
        return demo_stage_write_truth(stage, stdout) == TYTO_OK ? EXIT_SUCCESS : EXIT_FAILURE;
    }
    if (options->truth_path && write_truth(stage, options->truth_path) != EXIT_SUCCESS) {
        return EXIT_FAILURE;
    }
    if (options->write_path) {
        return render_to(options, stage, options->write_path);
    }
    if (!cache_path(options, stage->key, cached)) {
        return demo_fail("cannot make the cache folder (see --cache)", strerror(errno));
    }
    if (stat(cached, &stat_buf) != 0 && render_to(options, stage, cached) != EXIT_SUCCESS) {
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
    gst_init(NULL, NULL);
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
    struct demo_stage *stage = calloc(1, sizeof(*stage));
    options.quiet = options.quiet || !isatty(STDERR_FILENO);
    status = stage ? prepare(&options, stage) : demo_fail(tyto_err_text(TYTO_ERR_NOMEM), NULL);
    if (status == EXIT_SUCCESS) {
        status = show(&options, stage);
        demo_stage_finish(stage);
    }
    free(stage);
    demo_options_finish(&options);
    return status;
}
