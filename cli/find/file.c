/* SPDX-License-Identifier: MIT */
#include "cli/find/file.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "model/paths/paths.h"
#include "pipeline/engine/engine.h"

enum { WAIT_MS = 100 };

struct reading {
    struct tyto_event *best; /* id "": none yet */
    float confidence;        /* of best */
    enum tyto_camera_status status;
    char text[TYTO_STATE_TEXT_MAX + 1];
    enum tyto_err failure;
};

/* --- callbacks: the inference thread ------------------------------------------------ */

static void on_event(void *user, const struct tyto_event *event)
{
    struct reading *reading = user;
    const struct tyto_scores *scores = &event->scores;
    const float confidence = fmaxf(scores->joint, fmaxf(scores->heard, scores->seen));
    if (event->phase != TYTO_EVENT_PHASE_END || event->embeddings.space == 0 ||
        confidence <= reading->confidence)
        return;
    *reading->best = *event;
    reading->confidence = confidence;
}

static void on_state(void *user, const struct tyto_camera_state *state)
{
    struct reading *reading = user;
    reading->status = state->status;
    memcpy(reading->text, state->text, sizeof(reading->text));
}

static void on_failure(void *user, enum tyto_err err)
{
    struct reading *reading = user;
    reading->failure = err;
}

/* --- the file ----------------------------------------------------------------------- */

static enum tyto_err read_whole(struct tyto_engine *engine, const struct tyto_find_file *params,
                                const struct reading *reading, struct tyto_fault *ret_fault)
{
    const struct tyto_camera_params camera = {.id = "file", .uri = params->path};
    bool is_file = false, goes_on = true;
    enum tyto_err err = tyto_source_check_uri(params->path, &is_file, ret_fault);
    if (!err && !is_file)
        err = tyto_fault_set(ret_fault, TYTO_ERR_UNSUPPORTED, NULL, 0, NULL,
                             "is a live source, not a file");
    if (!err)
        err = tyto_engine_add_camera(engine, &camera, ret_fault);
    if (err)
        return err;
    while (tyto_engine_wait_ended(engine, WAIT_MS) != TYTO_OK && !reading->failure && goes_on)
        goes_on = params->go_on();
    err = tyto_engine_remove_camera(engine, "file");
    if (!err && !goes_on)
        err = tyto_fault_set(ret_fault, TYTO_ERR_CLOSED, params->path, 0, NULL, "interrupted");
    if (!err && reading->failure)
        err = tyto_fault_set(ret_fault, reading->failure, params->path, 0, NULL, "%s",
                             tyto_err_text(reading->failure));
    if (!err && reading->status != TYTO_CAMERA_STATUS_ENDED)
        err = tyto_fault_set(ret_fault, TYTO_ERR_IO, params->path, 0, NULL, "%s", reading->text);
    return err;
}

enum tyto_err tyto_find_file(const struct tyto_find_file *params, struct tyto_event *ret_event,
                             struct tyto_fault *ret_fault)
{
    struct tyto_model_paths *paths = calloc(1, sizeof(*paths)); /* big */
    struct reading reading = {.best = ret_event, .confidence = -1};
    struct tyto_engine *engine = NULL;
    memset(ret_event, 0, sizeof(*ret_event));
    if (!paths)
        return tyto_fault_set(ret_fault, TYTO_ERR_NOMEM, NULL, 0, NULL, "out of memory");
    enum tyto_err err = tyto_model_paths_find(params->models_dir, paths, ret_fault);
    const struct tyto_engine_params engine_params = {
        .visual_path = paths->visual,
        .audio_path = paths->audio,
        .head_path = paths->head,
        .device = params->device,
        .hop_ns = TYTO_ENGINE_DEFAULT_HOP_NS,
        .look_ahead = TYTO_CMAN_LOOK_AHEAD_FROM_WEIGHTS,
        .max_cameras = 1,
        .tracker = tyto_tracker_params_default(),
        .callbacks = {.user = &reading,
                      .on_event = on_event,
                      .on_state = on_state,
                      .on_failure = on_failure},
    };
    if (!err)
        err = tyto_engine_create(&engine_params, &engine, ret_fault);
    if (!err)
        err = read_whole(engine, params, &reading, ret_fault);
    (void)tyto_engine_destroy(&engine);
    free(paths);
    if (!err && !ret_event->id[0])
        err = tyto_fault_set(ret_fault, TYTO_ERR_EMPTY, params->path, 0, NULL,
                             "the model finds no event in it, or has no embedding for one");
    return err;
}
