/* SPDX-License-Identifier: MIT */
/* tyto explain: why the events of a recording were told, as one page to look at. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "cli/common/fault.h"
#include "cli/common/interrupt.h"
#include "cli/common/options.h"
#include "cli/common/progress.h"
#include "cli/explain/data.h"
#include "cli/learn/learn.h"
#include "model/paths/paths.h"
#include "options/common.h"
#include "pipeline/engine/options.h"
#include "pipeline/track/options.h"

enum { WAIT_MS = 100, DEFAULT_SHOWN_S = 120, AROUND_EVENT_S = 8 };

struct explain {
    struct tyto_engine_params engine_params;
    struct tyto_source_options source;
    struct tyto_model_paths paths;
    char *models_dir, *weights, *device, *out, *labels_path; /* owned */
    enum tyto_label_format format;
    uint32_t event;
    int64_t begin_ns, shown_ns;
    bool without_progress;
    struct tyto_progress progress;
    struct tyto_engine *engine;
    enum tyto_camera_status status; /* of the file */
    char text[TYTO_STATE_TEXT_MAX + 1];
    enum tyto_err failure;
    struct tyto_explain_run *run; /* where what is told goes */
    struct tyto_explain_run runs[TYTO_EXPLAIN_NUM_WAYS];
    struct tyto_explain_looks *looks;
    float *thresholds; /* owned */
    struct tyto_labels labels;
    uint32_t file_idx;
};

/* --- callbacks: the inference thread ------------------------------------------------ */

static void on_event(void *user, const struct tyto_event *event)
{
    struct explain *explain = user;
    tyto_explain_run_put_event(explain->run, event);
}

static void on_segment(void *user, const struct tyto_segment_result *result)
{
    struct explain *explain = user;
    tyto_explain_run_put_segment(explain->run, result);
}

static void on_input(void *user, const struct tyto_segment_input *input)
{
    struct explain *explain = user;
    /* What is shown is known only when the first reading is over. */
    if (explain->run == &explain->runs[TYTO_EXPLAIN_WITHOUT_SOUND])
        tyto_explain_looks_put(explain->looks, input);
}

static void on_state(void *user, const struct tyto_camera_state *state)
{
    struct explain *explain = user;
    explain->status = state->status;
    memcpy(explain->text, state->text, sizeof(explain->text));
}

static void on_failure(void *user, enum tyto_err err)
{
    struct explain *explain = user;
    explain->failure = err;
}

/* --- options --------------------------------------------------------------------------- */

/* clang-format off */
#define AT(field) TYTO_OPTION_AT(struct explain, field)
static const struct tyto_option output_rows[] = {
    {.key = "out", .letter = 'o', .type = TYTO_OPTION_TEXT, AT(out), .is_place = true,
     .value = "PAGE", .help = "the page, ending in .html"},
    {.key = "event", .type = TYTO_OPTION_U32, AT(event), .value = "N", .min = 0,
     .max = TYTO_EXPLAIN_MAX_EVENTS,
     .help = "what is around the N-th event that tyto localize tells; 0: no event in particular"},
    {.key = "begin_s", .type = TYTO_OPTION_TIME, AT(begin_ns), .min = 0, .max = 1e6, .unit = "s",
     .help = "from here on"},
    {.key = "seconds", .type = TYTO_OPTION_TIME, AT(shown_ns), .min = 1,
     .max = TYTO_EXPLAIN_MAX_SHOWN, .unit = "s", .help = "as much is shown"},
    TYTO_OPTION_NO_PROGRESS(struct explain, without_progress),
};
static const struct tyto_option truth_rows[] = {
    {.key = "labels", .type = TYTO_OPTION_TEXT, AT(labels_path), .is_place = true,
     .value = "FILE", .absent = "the truth is not known", .help = "what is true of the recording"},
    {.key = "format", .type = TYTO_OPTION_WORD, AT(format),
     .words = TYTO_WORDS(TYTO_LABEL_FORMAT_LIST), .help = "of the labels"},
};
static const struct tyto_option network_rows[] = {
    TYTO_OPTION_MODELS(struct explain, models_dir),
    {.key = "weights", .type = TYTO_OPTION_TEXT, AT(weights), .value = "FILE",
     .absent = "head.safetensors beside them", .help = "the head's weights"},
    TYTO_OPTION_DEVICE(TYTO_OPTION_TEXT, struct explain, device),
    TYTO_ENGINE_OPTION_EXEC(struct explain, engine_params.exec),
    TYTO_ENGINE_OPTION_HOP(struct explain, engine_params.hop_ns),
    TYTO_SOURCE_OPTION_KEYFRAMES(struct explain, source.keyframes),
};
#undef AT
/* clang-format on */

static const struct tyto_option_group groups[] = {
    {.title = "Page", .rows = output_rows, .num_rows = TYTO_NUM_ROWS(output_rows)},
    {.title = "Truth", .rows = truth_rows, .num_rows = TYTO_NUM_ROWS(truth_rows)},
    {.title = "From scores to events, as in tytod.yaml",
     .rows = tyto_tracker_options,
     .num_rows = TYTO_TRACKER_NUM_OPTIONS,
     .offset = offsetof(struct explain, engine_params.tracker)},
    {.title = "Networks", .rows = network_rows, .num_rows = TYTO_NUM_ROWS(network_rows)},
};
static const struct tyto_command_argument arguments[] = {{"FILE", NULL}, {NULL, NULL}};

static enum tyto_err init_explain(void *target)
{
    struct explain *explain = target;
    explain->engine_params.tracker = tyto_tracker_params_default();
    explain->engine_params.hop_ns = TYTO_ENGINE_DEFAULT_HOP_NS;
    explain->shown_ns = DEFAULT_SHOWN_S * (int64_t)TYTO_NS_PER_S;
    return TYTO_OK;
}

const struct tyto_command tyto_command_explain = {
    .name = "tyto explain",
    .summary = "show why events were told, as a page",
    .usage = "tyto explain FILE -o PAGE [OPTION...]",
    .arguments = arguments,
    .groups = groups,
    .num_groups = TYTO_NUM_ROWS(groups),
    .notes =
        "The page needs nothing else. It shows each second's picture and sound as the networks got "
        "them, where in the picture the sound was found, which second of sound answered which "
        "second of picture, every class's scores beside what they are held against, and what is "
        "told when the networks get no sound, or no picture: the file is read three times.\n\n"
        "Exit status: 0 the page was written, 1 it could not be, 2 wrong usage.",
    .examples = "tyto explain clip.mp4 -o why.html\n"
                "tyto explain clip.mp4 --event 2 --labels truth.csv -o why.html\n",
    .target_bytes = sizeof(struct explain),
    .init = init_explain,
};

static bool settle(struct explain *explain)
{
    struct tyto_engine_params *params = &explain->engine_params;
    struct tyto_fault fault = {.text = ""};
    tyto_tracker_params_settle(&params->tracker);
    if (tyto_tracker_params_check(&params->tracker, &fault) != TYTO_OK) {
        (void)tyto_command_complain(&tyto_command_explain, "%s: %s", fault.key, fault.text);
        return false;
    }
    params->look_ahead = TYTO_CMAN_LOOK_AHEAD_FROM_WEIGHTS;
    params->max_cameras = 1;
    params->device = explain->device;
    params->callbacks = (struct tyto_engine_callbacks){
        .user = explain,
        .on_event = on_event,
        .on_state = on_state,
        .on_segment = on_segment,
        .on_input = on_input,
        .on_failure = on_failure,
    };
    if (explain->weights)
        snprintf(explain->paths.head, sizeof(explain->paths.head), "%s", explain->weights);
    return true;
}

/* --- truth ------------------------------------------------------------------------------ */

static void on_label_fault(void *user, const struct tyto_fault *fault, bool is_error)
{
    (void)user;
    if (is_error)
        tyto_fault_list("", fault);
}

/* The labels' recording that is this file: the same one on disk, or else one of the same name. */
static bool find_file(const struct tyto_labels *labels, const char *file, uint32_t *ret_idx)
{
    struct stat own, other;
    const char *slash = strrchr(file, '/');
    const char *name = slash ? slash + 1 : file;
    const bool is_there = stat(file, &own) == 0;
    for (uint32_t i = 0; i < labels->num_files && is_there; i++) {
        if (labels->is_found[i] && stat(labels->files[i], &other) == 0 &&
            own.st_dev == other.st_dev && own.st_ino == other.st_ino) {
            *ret_idx = i;
            return true;
        }
    }
    for (uint32_t i = 0; i < labels->num_files; i++) {
        slash = strrchr(labels->files[i], '/');
        if (strcmp(slash ? slash + 1 : labels->files[i], name) == 0) {
            *ret_idx = i;
            return true;
        }
    }
    return false;
}

static enum tyto_err read_labels(struct explain *explain, const char *file,
                                 struct tyto_fault *ret_fault)
{
    const char *paths[] = {explain->labels_path};
    const struct tyto_labels_params params = {
        .paths = paths,
        .num_paths = 1,
        .format = explain->format,
        .on_fault = on_label_fault,
    };
    const enum tyto_err err = tyto_labels_read(&params, &explain->labels);
    if (err)
        return tyto_fault_set(ret_fault, err, paths[0], 0, NULL,
                              "the labels cannot be used: %s (tyto label check tells all)",
                              tyto_err_text(err));
    if (!find_file(&explain->labels, file, &explain->file_idx))
        return tyto_fault_set(ret_fault, TYTO_ERR_NOT_FOUND, paths[0], 0, NULL,
                              "says nothing of '%.200s'", file);
    return TYTO_OK;
}

/* --- readings --------------------------------------------------------------------------- */

static void put_progress(struct explain *explain, enum tyto_explain_way way)
{
    static const char *const names[] = {"as it is", "without sound", "without picture"};
    struct tyto_camera_counts counts;
    if (tyto_engine_get_camera_counts(explain->engine, "file", &counts) != TYTO_OK)
        return;
    const double total_s = (double)counts.duration_ns / 1e9;
    tyto_progress_put(&explain->progress, (double)counts.media_ns / 1e9 + total_s * (double)way,
                      total_s * TYTO_EXPLAIN_NUM_WAYS, names[way], NULL);
}

/* The whole file in one of the ways. */
static enum tyto_err read_file(struct explain *explain, const char *file, enum tyto_explain_way way,
                               struct tyto_fault *ret_fault)
{
    const struct tyto_camera_params camera = {
        .id = "file",
        .uri = file,
        .source = explain->source,
        .is_deaf = way == TYTO_EXPLAIN_WITHOUT_SOUND,
        .is_blind = way == TYTO_EXPLAIN_WITHOUT_PICTURE,
    };
    explain->run = &explain->runs[way];
    explain->status = TYTO_CAMERA_STATUS_CONNECTING;
    enum tyto_err err = tyto_engine_add_camera(explain->engine, &camera, ret_fault);
    if (err)
        return err;
    if (way == TYTO_EXPLAIN_BOTH)
        err = tyto_engine_get_thresholds(explain->engine, "file", explain->thresholds);
    while (!err && tyto_engine_wait_ended(explain->engine, WAIT_MS) != TYTO_OK &&
           !tyto_interrupt_came() && explain->failure == TYTO_OK)
        put_progress(explain, way);
    if (!err)
        err = tyto_engine_remove_camera(explain->engine, "file");
    if (!err)
        err = explain->failure ? explain->failure : explain->run->err;
    if (err == TYTO_ERR_FULL)
        return tyto_fault_set(ret_fault, err, file, 0, NULL,
                              "more than %d seconds or %d events: cut it before",
                              TYTO_EXPLAIN_MAX_SEGMENTS, TYTO_EXPLAIN_MAX_EVENTS);
    if (!err && tyto_interrupt_came())
        err = TYTO_ERR_CLOSED;
    if (!err && explain->status != TYTO_CAMERA_STATUS_ENDED)
        return tyto_fault_set(ret_fault, TYTO_ERR_FORMAT, file, 0, NULL, "%s", explain->text);
    return err;
}

/* What is to be seen: around an event, or as the options say. */
static enum tyto_err choose(struct explain *explain, const char *file, struct tyto_fault *ret_fault)
{
    const struct tyto_explain_run *run = &explain->runs[TYTO_EXPLAIN_BOTH];
    if (run->num_segments == 0)
        return tyto_fault_set(ret_fault, TYTO_ERR_EMPTY, file, 0, NULL, "it has no whole second");
    if (explain->event > run->num_events)
        return tyto_fault_set(ret_fault, TYTO_ERR_NOT_FOUND, file, 0, "--event",
                              "there is no event %u: %u were told", explain->event,
                              run->num_events);
    if (explain->event > 0) {
        const struct tyto_event *event = &run->events[explain->event - 1];
        const int64_t around_ns = AROUND_EVENT_S * (int64_t)TYTO_NS_PER_S;
        const int64_t max_ns = TYTO_EXPLAIN_MAX_SHOWN * (int64_t)TYTO_NS_PER_S;
        explain->begin_ns =
            event->begin_media_ns > around_ns ? event->begin_media_ns - around_ns : 0;
        explain->shown_ns = event->end_media_ns + around_ns - explain->begin_ns;
        if (explain->shown_ns > max_ns)
            explain->shown_ns = max_ns;
    }
    const int64_t over_ns = run->segments[run->num_segments - 1].result.end_ns;
    if (explain->begin_ns >= over_ns)
        return tyto_fault_set(ret_fault, TYTO_ERR_INVALID, file, 0, "--begin",
                              "lies behind the recording's end");
    if (explain->shown_ns > over_ns - explain->begin_ns)
        explain->shown_ns = over_ns - explain->begin_ns;
    return tyto_explain_looks_create(explain->begin_ns, explain->begin_ns + explain->shown_ns,
                                     &explain->looks);
}

static enum tyto_err write_page(struct explain *explain, const char *file,
                                struct tyto_fault *ret_fault)
{
    const uint32_t num = tyto_engine_num_classes(explain->engine);
    const char **classes = calloc(num, sizeof(*classes));
    if (!classes)
        return TYTO_ERR_NOMEM;
    for (uint32_t k = 0; k < num; k++)
        classes[k] = tyto_engine_class_name(explain->engine, k);
    const struct tyto_explain page = {
        .file = file,
        .model_digest = tyto_engine_digest(explain->engine),
        .device = tyto_engine_device_name(explain->engine),
        .num_classes = num,
        .classes = classes,
        .thresholds = explain->thresholds,
        .begin_ns = explain->begin_ns,
        .end_ns = explain->begin_ns + explain->shown_ns,
        .event = explain->event,
        .runs = explain->runs,
        .looks = explain->looks,
        .labels = explain->labels_path ? &explain->labels : NULL,
        .file_idx = explain->file_idx,
    };
    const enum tyto_err err = tyto_explain_write(explain->out, &page, ret_fault);
    free((void *)classes);
    return err;
}

static enum tyto_err start(struct explain *explain, const char *file, struct tyto_fault *ret_fault)
{
    struct tyto_engine_params *params = &explain->engine_params;
    bool is_file = false;
    enum tyto_err err = tyto_source_check_uri(file, &is_file, ret_fault);
    if (!err && !is_file)
        err = tyto_fault_set(ret_fault, TYTO_ERR_UNSUPPORTED, file, 0, NULL,
                             "is a live source: record it first");
    if (!err && explain->labels_path)
        err = read_labels(explain, file, ret_fault);
    if (!err)
        err = tyto_model_paths_find(explain->models_dir, &explain->paths, ret_fault);
    if (err)
        return err;
    params->visual_path = explain->paths.visual;
    params->audio_path = explain->paths.audio;
    params->head_path = explain->paths.head;
    err = tyto_engine_create(params, &explain->engine, ret_fault);
    if (!err) {
        explain->thresholds =
            calloc((size_t)TYTO_CMAN_NUM_TASKS * tyto_engine_num_classes(explain->engine),
                   sizeof(*explain->thresholds));
        err = explain->thresholds ? TYTO_OK : TYTO_ERR_NOMEM;
    }
    return err;
}

static int run(struct explain *explain, const char *file)
{
    struct tyto_fault fault = {0};
    tyto_interrupt_catch(0);
    enum tyto_err err = start(explain, file, &fault);
    tyto_progress_init(&explain->progress, !explain->without_progress);
    for (int way = 0; way < TYTO_EXPLAIN_NUM_WAYS && !err; way++) {
        err = read_file(explain, file, (enum tyto_explain_way)way, &fault);
        if (!err && way == TYTO_EXPLAIN_BOTH)
            err = choose(explain, file, &fault);
    }
    tyto_progress_clear(&explain->progress);
    if (!err)
        err = write_page(explain, file, &fault);
    if (err)
        tyto_fault_tell("explain", &fault, err);
    else
        printf("%s: %u events told, %.0f s shown\n", explain->out,
               explain->runs[TYTO_EXPLAIN_BOTH].num_events, (double)explain->shown_ns / 1e9);
    tyto_engine_destroy(&explain->engine);
    tyto_explain_looks_destroy(&explain->looks);
    tyto_labels_finish(&explain->labels);
    free(explain->thresholds);
    for (int way = 0; way < TYTO_EXPLAIN_NUM_WAYS; way++)
        tyto_explain_run_finish(&explain->runs[way]);
    return err ? 1 : 0;
}

int tyto_cmd_explain(int argc, char **argv)
{
    static struct explain explain; /* big: three paths */
    int status = 0, num_files = 0;
    if (tyto_options_read(&tyto_command_explain, argc, argv, &explain, &num_files, &status)) {
        if (num_files != 1 || !explain.out)
            status = tyto_options_complain(&tyto_command_explain, "needs one file and -o PAGE");
        else
            status = settle(&explain) ? run(&explain, argv[1]) : 2;
    }
    tyto_command_finish(&tyto_command_explain, &explain);
    return status;
}
