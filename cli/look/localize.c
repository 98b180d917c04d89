/* SPDX-License-Identifier: MIT */
/* tyto localize: the same pipeline as the daemon's, on files, as fast as they decode. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "cli/common/fault.h"
#include "cli/common/interrupt.h"
#include "cli/common/options.h"
#include "cli/common/progress.h"
#include "cli/localize/print.h"
#include "cli/look/look.h"
#include "model/paths/paths.h"
#include "options/common.h"
#include "pipeline/engine/options.h"
#include "pipeline/track/options.h"

enum { WAIT_MS = 100 };

struct localize {
    struct tyto_localize_print print;
    struct tyto_engine_params engine_params;
    struct tyto_source_options source;
    struct tyto_model_paths paths;
    char *models_dir, *weights, *device; /* owned */
    enum tyto_color color;
    bool with_segments, without_progress;
    struct tyto_progress progress;
    struct tyto_engine *engine;
    enum tyto_camera_status status; /* of the file */
    char text[TYTO_STATE_TEXT_MAX + 1];
    bool has_audio, has_video;
    enum tyto_err failure;
};

/* --- callbacks: the inference thread ------------------------------------------------ */

static void on_event(void *user, const struct tyto_event *event)
{
    struct localize *localize = user;
    if (event->phase == TYTO_EVENT_PHASE_END)
        tyto_localize_put_event(&localize->print, event);
}

static void on_segment(void *user, const struct tyto_segment_result *result)
{
    struct localize *localize = user;
    tyto_localize_put_segment(&localize->print, result);
}

static void on_state(void *user, const struct tyto_camera_state *state)
{
    struct localize *localize = user;
    localize->status = state->status;
    localize->has_audio = state->has_audio;
    localize->has_video = state->has_video;
    memcpy(localize->text, state->text, sizeof(localize->text));
}

static void on_failure(void *user, enum tyto_err err)
{
    struct localize *localize = user;
    localize->failure = err;
}

/* --- options --------------------------------------------------------------------------- */

/* N/M, into struct tyto_tracker_params. */
static enum tyto_err set_onset(void *value, const char *text, struct tyto_fault *ret_fault)
{
    struct tyto_tracker_params *tracker = value;
    char *end;
    const long num = strtol(text, &end, 10);
    const long window = *end == '/' ? strtol(end + 1, &end, 10) : 0;
    if (*end != '\0' || num < 1 || window < num || window > TYTO_TRACKER_MAX_WINDOW)
        return tyto_fault_set(ret_fault, TYTO_ERR_INVALID, NULL, 0, NULL,
                              "'%.40s' must be N/M with N <= M <= %d", text,
                              TYTO_TRACKER_MAX_WINDOW);
    tracker->onset_num = (uint32_t)num;
    tracker->onset_window = (uint32_t)window;
    return TYTO_OK;
}

static void print_onset(const void *value, char *ret_text, size_t text_bytes)
{
    struct tyto_tracker_params tracker = *(const struct tyto_tracker_params *)value;
    tyto_tracker_params_settle(&tracker);
    snprintf(ret_text, text_bytes, "%u/%u", tracker.onset_num, tracker.onset_window);
}

/* clang-format off */
#define AT(field) TYTO_OPTION_AT(struct localize, field)
static const struct tyto_option output_rows[] = {
    {.key = "json", .type = TYTO_OPTION_FLAG, AT(print.is_json),
     .help = "JSON lines: one per event, then one per file"},
    {.key = "segments", .type = TYTO_OPTION_FLAG, AT(with_segments),
     .help = "the class scores of each second, too"},
    {.key = "map", .type = TYTO_OPTION_FLAG, AT(print.style.map),
     .help = "the place map below each event"},
    {.key = "color", .type = TYTO_OPTION_WORD, AT(color), .words = TYTO_WORDS(TYTO_COLOR_LIST),
     .help = "coloured lines"},
    {.key = "ascii", .type = TYTO_OPTION_FLAG, AT(print.style.ascii),
     .help = "no block characters"},
    TYTO_OPTION_NO_PROGRESS(struct localize, without_progress),
};
static const struct tyto_option network_rows[] = {
    TYTO_OPTION_MODELS(struct localize, models_dir),
    {.key = "weights", .type = TYTO_OPTION_TEXT, AT(weights), .value = "FILE",
     .absent = "head.safetensors beside them", .help = "the model's weights"},
    TYTO_OPTION_DEVICE(TYTO_OPTION_TEXT, struct localize, device),
    TYTO_ENGINE_OPTION_EXEC(struct localize, engine_params.exec),
    TYTO_ENGINE_OPTION_HOP(struct localize, engine_params.hop_ns),
    TYTO_SOURCE_OPTION_KEYFRAMES(struct localize, source.keyframes),
};
static const struct tyto_option onset_rows[] = {
    {.key = "onset", .type = TYTO_OPTION_OTHER, AT(engine_params.tracker), .value = "N/M",
     .set = set_onset, .print = print_onset,
     .help = "N of M segments in a row open an event: --onset-num N --onset-window M"},
};
#undef AT
/* clang-format on */

static const struct tyto_option_group groups[] = {
    {.title = "Output", .rows = output_rows, .num_rows = TYTO_NUM_ROWS(output_rows)},
    {.title = "From scores to events, as in tytod.yaml",
     .rows = tyto_tracker_options,
     .num_rows = TYTO_TRACKER_NUM_OPTIONS,
     .offset = offsetof(struct localize, engine_params.tracker)},
    {.rows = onset_rows, .num_rows = TYTO_NUM_ROWS(onset_rows)},
    {.title = "Networks", .rows = network_rows, .num_rows = TYTO_NUM_ROWS(network_rows)},
};
static const struct tyto_command_argument arguments[] = {{"FILE", NULL}, {NULL, NULL}};

static enum tyto_err init_localize(void *target)
{
    struct localize *localize = target;
    localize->engine_params.tracker = tyto_tracker_params_default();
    localize->engine_params.hop_ns = TYTO_ENGINE_DEFAULT_HOP_NS;
    return TYTO_OK;
}

const struct tyto_command tyto_command_localize = {
    .name = "tyto localize",
    .summary = "find the events in files",
    .usage = "tyto localize FILE... [OPTION...]",
    .arguments = arguments,
    .groups = groups,
    .num_groups = TYTO_NUM_ROWS(groups),
    .notes = "A file may lack sound or picture: then what is left is scored, and said so.\n\nExit "
             "status: 0 all files were read, 1 one could not be (or only in part), 2 wrong usage.",
    .examples = "tyto localize clip.mp4\n"
                "tyto localize *.mp4 --json | jq -r 'select(.type==\"event\") | "
                "[.file,.class,.begin_s]'\n"
                "tyto localize clip.mp4 --segments --threshold 0.3\n",
    .target_bytes = sizeof(struct localize),
    .init = init_localize,
};

/* What follows from the options. False: they do not go together. */
static bool settle(struct localize *localize)
{
    struct tyto_engine_params *params = &localize->engine_params;
    struct tyto_fault fault = {.text = ""};
    tyto_tracker_params_settle(&params->tracker);
    if (tyto_tracker_params_check(&params->tracker, &fault) != TYTO_OK) {
        (void)tyto_command_complain(&tyto_command_localize, "%s: %s", fault.key, fault.text);
        return false;
    }
    params->look_ahead = TYTO_CMAN_LOOK_AHEAD_FROM_WEIGHTS;
    params->max_cameras = 1;
    params->device = localize->device;
    params->callbacks = (struct tyto_engine_callbacks){
        .user = localize,
        .on_event = on_event,
        .on_state = on_state,
        .on_segment = localize->with_segments ? on_segment : NULL,
        .on_failure = on_failure,
    };
    localize->print.style.color = tyto_color_is_wanted(localize->color);
    if (localize->weights)
        snprintf(localize->paths.head, sizeof(localize->paths.head), "%s", localize->weights);
    return true;
}

/* --- files ------------------------------------------------------------------------------ */

static void put_progress(struct localize *localize, const char *file)
{
    struct tyto_camera_counts counts;
    char seconds[64];
    if (tyto_engine_get_camera_counts(localize->engine, "file", &counts) != TYTO_OK)
        return;
    const double media_s = (double)counts.media_ns / 1e9;
    const double total_s = counts.duration_ns > 0 ? (double)counts.duration_ns / 1e9 : 0;
    if (total_s > 0)
        snprintf(seconds, sizeof(seconds), "%.0f of %.0f s", media_s, total_s);
    else
        snprintf(seconds, sizeof(seconds), "%.0f s", media_s);
    tyto_progress_put(&localize->progress, media_s, total_s, file, seconds);
}

/* One file from beginning to end; true when all of it was read. */
static bool run_file(struct localize *localize, const char *file)
{
    const struct tyto_camera_params camera = {
        .id = "file",
        .uri = file,
        .source = localize->source,
    };
    struct tyto_fault fault = {0};
    tyto_localize_begin_file(&localize->print, file);
    localize->status = TYTO_CAMERA_STATUS_CONNECTING;
    bool is_file;
    enum tyto_err err = tyto_source_check_uri(file, &is_file, &fault);
    if (!err && !is_file)
        err = tyto_fault_set(&fault, TYTO_ERR_UNSUPPORTED, NULL, 0, NULL,
                             "is a live source: watch it with tytod");
    if (!err)
        err = tyto_engine_add_camera(localize->engine, &camera, &fault);
    if (err) {
        fprintf(stderr, "%s: %s\n", localize->print.shown_file, fault.text);
        return false;
    }
    const uint64_t begin_ns = tyto_clock_mono_ns();
    tyto_progress_init(&localize->progress, !localize->without_progress);
    while (tyto_engine_wait_ended(localize->engine, WAIT_MS) != TYTO_OK && !tyto_interrupt_came() &&
           localize->failure == TYTO_OK)
        put_progress(localize, file);
    tyto_progress_clear(&localize->progress);
    struct tyto_camera_counts counts = {0};
    err = tyto_engine_get_camera_counts(localize->engine, "file", &counts);
    if (!err)
        err = tyto_engine_remove_camera(localize->engine, "file");
    const bool ok = !err && localize->status == TYTO_CAMERA_STATUS_ENDED;
    const struct tyto_localize_file result = {
        .ok = ok,
        .text = ok                             ? ""
                : localize->failure != TYTO_OK ? tyto_err_text(localize->failure)
                : tyto_interrupt_came()        ? "interrupted"
                                               : localize->text,
        .has_audio = localize->has_audio,
        .has_video = localize->has_video,
        .num_segments = counts.segmenter.num_segments,
        .num_missing_audio = counts.segmenter.num_missing[TYTO_STREAM_AUDIO],
        .num_missing_video = counts.segmenter.num_missing[TYTO_STREAM_VIDEO],
        .took_ns = tyto_clock_mono_ns() - begin_ns,
    };
    tyto_localize_end_file(&localize->print, &result);
    return ok;
}

static enum tyto_err start(struct localize *localize)
{
    struct tyto_fault fault = {0};
    struct tyto_engine_params *params = &localize->engine_params;
    enum tyto_err err = tyto_model_paths_find(localize->models_dir, &localize->paths, &fault);
    if (!err) {
        params->visual_path = localize->paths.visual;
        params->audio_path = localize->paths.audio;
        params->head_path = localize->paths.head;
        err = tyto_engine_create(params, &localize->engine, &fault);
    }
    if (err)
        tyto_fault_tell("localize", &fault, err);
    return err;
}

static int run(struct localize *localize, char **files, int num_files)
{
    bool all_ok = true;
    tyto_interrupt_catch(0);
    if (start(localize) != TYTO_OK)
        return 1;
    localize->print.engine = localize->engine;
    for (int i = 0; i < num_files && !tyto_interrupt_came() && localize->failure == TYTO_OK; i++)
        all_ok &= run_file(localize, files[i]);
    tyto_engine_destroy(&localize->engine);
    return all_ok && !localize->print.failed && !tyto_interrupt_came() ? 0 : 1;
}

int tyto_cmd_localize(int argc, char **argv)
{
    static struct localize localize; /* big: three paths */
    int status = 0, num_files = 0;
    if (tyto_options_read(&tyto_command_localize, argc, argv, &localize, &num_files, &status)) {
        if (num_files == 0)
            status = tyto_options_complain(&tyto_command_localize, "no file was named");
        else
            status = settle(&localize) ? run(&localize, argv + 1, num_files) : 2;
    }
    tyto_command_finish(&tyto_command_localize, &localize);
    return status;
}
