/* SPDX-License-Identifier: MIT */
/* tyto localize: the same pipeline as the daemon's, on files, as fast as they decode. */
#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "cli/cmd/cmd.h"
#include "cli/common/fault.h"
#include "cli/common/interrupt.h"
#include "cli/common/options.h"
#include "cli/common/progress.h"
#include "cli/localize/print.h"
#include "model/paths/paths.h"
#include "pipeline/engine/engine.h"

enum { WAIT_MS = 100 };

static const char help[] =
    "tyto localize: find the events in files.\n\n"
    "usage: tyto localize FILE... [OPTION...]\n\n"
    "  --json              JSON lines: one per event, then one per file\n"
    "  --segments          the class scores of each second, too\n"
    "  --threshold X       joint score from which on a class counts, 0..1 (default: the weights')\n"
    "  --single X          the same for a class that is only heard or only seen\n"
    "  --joint-only        only events that are both seen and heard\n"
    "  --onset N/M         N of M seconds in a row open an event (default 2/3)\n"
    "  --hop S             seconds from one segment to the next (default 1)\n"
    "  --keyframes WHEN    decode keyframes only: auto (default), always, never\n"
    "  --device NAME       auto, gpu, cpu or an index of `tyto devices`\n"
    "  --exec KIND         encoders by: auto (default), vulkan, cpu\n"
    "  --models DIR        where visual.safetensors and audio.safetensors are\n"
    "  --weights FILE      the head's weights\n"
    "  --map               the place map below each event\n"
    "  --color WHEN        auto (default), always, never\n"
    "  --ascii             no block characters\n"
    "  --no-progress       no progress bar\n"
    "  --help              this text\n\n"
    "A file may lack sound or picture: then what is left is scored, and said so.\n"
    "Exit status: 0 all files were read, 1 one could not be (or only in part), 2 wrong usage.\n\n"
    "examples:\n"
    "  tyto localize clip.mp4\n"
    "  tyto localize *.mp4 --json | jq -r 'select(.type==\"event\") | [.file,.class,.begin_s]'\n"
    "  tyto localize clip.mp4 --segments --threshold 0.3\n";

struct localize {
    struct tyto_localize_print print;
    struct tyto_engine_params engine_params;
    struct tyto_source_options source;
    struct tyto_model_paths paths;
    const char *models_dir;
    bool with_progress;
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

static bool read_onset(const char *text, struct tyto_tracker_params *tracker)
{
    char *end;
    const long num = strtol(text, &end, 10);
    const long window = *end == '/' ? strtol(end + 1, &end, 10) : 0;
    if (*end != '\0' || num < 1 || window < num || window > TYTO_TRACKER_MAX_WINDOW) {
        fprintf(stderr, "tyto localize: --onset wants N/M with N <= M <= %d, not '%s'\n",
                TYTO_TRACKER_MAX_WINDOW, text);
        return false;
    }
    tracker->onset_num = (uint32_t)num;
    tracker->onset_window = (uint32_t)window;
    return true;
}

enum opt {
    OPT_JSON = 256,
    OPT_SEGMENTS,
    OPT_THRESHOLD,
    OPT_SINGLE,
    OPT_JOINT_ONLY,
    OPT_ONSET,
    OPT_HOP,
    OPT_KEYFRAMES,
    OPT_DEVICE,
    OPT_EXEC,
    OPT_MODELS,
    OPT_WEIGHTS,
    OPT_MAP,
    OPT_COLOR,
    OPT_ASCII,
    OPT_NO_PROGRESS,
    OPT_HELP,
};

static const struct option options[] = {
    {"json", no_argument, NULL, OPT_JSON},
    {"segments", no_argument, NULL, OPT_SEGMENTS},
    {"threshold", required_argument, NULL, OPT_THRESHOLD},
    {"single", required_argument, NULL, OPT_SINGLE},
    {"joint-only", no_argument, NULL, OPT_JOINT_ONLY},
    {"onset", required_argument, NULL, OPT_ONSET},
    {"hop", required_argument, NULL, OPT_HOP},
    {"keyframes", required_argument, NULL, OPT_KEYFRAMES},
    {"device", required_argument, NULL, OPT_DEVICE},
    {"exec", required_argument, NULL, OPT_EXEC},
    {"models", required_argument, NULL, OPT_MODELS},
    {"weights", required_argument, NULL, OPT_WEIGHTS},
    {"map", no_argument, NULL, OPT_MAP},
    {"color", required_argument, NULL, OPT_COLOR},
    {"ascii", no_argument, NULL, OPT_ASCII},
    {"no-progress", no_argument, NULL, OPT_NO_PROGRESS},
    {"help", no_argument, NULL, OPT_HELP},
    {NULL, 0, NULL, 0},
};

static bool take_text_option(struct localize *localize, enum opt option, const char *text)
{
    static const char *const whens[] = {"auto", "always", "never", NULL};
    static const char *const execs[] = {"auto", "vulkan", "cpu", NULL};
    struct tyto_tracker_params *tracker = &localize->engine_params.tracker;
    double value = 0;
    int idx = 0;
    bool ok = true;
    if (option == OPT_THRESHOLD) {
        ok = tyto_option_number("localize", "threshold", text, 0.01, 1, &value);
        tracker->threshold = (float)value;
    } else if (option == OPT_SINGLE) {
        ok = tyto_option_number("localize", "single", text, 0.01, 1, &value);
        tracker->threshold_single = (float)value;
    } else if (option == OPT_HOP) {
        ok = tyto_option_number("localize", "hop", text, 0.1, 60, &value);
        localize->engine_params.hop_ns = (int64_t)(value * 1000 + 0.5) * 1000000;
    } else if (option == OPT_ONSET) {
        ok = read_onset(text, tracker);
    } else if (option == OPT_KEYFRAMES) {
        ok = tyto_option_choice("localize", "keyframes", text, whens, &idx);
        localize->source.keyframes = (enum tyto_keyframes)idx;
    } else if (option == OPT_EXEC) {
        ok = tyto_option_choice("localize", "exec", text, execs, &idx);
        localize->engine_params.exec = (enum tyto_exec)idx;
    } else if (option == OPT_COLOR) {
        ok = tyto_option_choice("localize", "color", text, whens, &idx);
        localize->print.style.color = idx == 1 || (idx == 0 && isatty(STDOUT_FILENO));
    } else if (option == OPT_DEVICE) {
        localize->engine_params.device = text;
    } else if (option == OPT_MODELS) {
        localize->models_dir = text;
    } else {
        snprintf(localize->paths.head, sizeof(localize->paths.head), "%s", text);
    }
    return ok;
}

/* 0: go on; else the exit status + 1. */
static int read_options(struct localize *localize, int argc, char **argv)
{
    opterr = 0;
    optind = 0;
    for (int option; (option = getopt_long(argc, argv, ":h", options, NULL)) != -1;) {
        switch (option) {
        case OPT_JSON:
            localize->print.is_json = true;
            break;
        case OPT_SEGMENTS:
            localize->engine_params.callbacks.on_segment = on_segment;
            break;
        case OPT_JOINT_ONLY:
            localize->engine_params.tracker.only_joint = true;
            break;
        case OPT_MAP:
            localize->print.style.map = true;
            break;
        case OPT_ASCII:
            localize->print.style.ascii = true;
            break;
        case OPT_NO_PROGRESS:
            localize->with_progress = false;
            break;
        case OPT_HELP:
        case 'h':
            fputs(help, stdout);
            return 1;
        case ':':
        case '?':
            tyto_option_unknown("localize", option, argv[optind - 1]);
            return 3;
        default:
            if (!take_text_option(localize, (enum opt)option, optarg))
                return 3;
        }
    }
    if (optind >= argc) {
        fprintf(stderr, "tyto localize: no file was named. See tyto localize --help.\n");
        return 3;
    }
    return 0;
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
    if (err == TYTO_OK && !is_file)
        err = tyto_fault_set(&fault, TYTO_ERR_UNSUPPORTED, NULL, 0, NULL,
                             "is a live source: watch it with tytod");
    if (err == TYTO_OK)
        err = tyto_engine_add_camera(localize->engine, &camera, &fault);
    if (err != TYTO_OK) {
        fprintf(stderr, "%s: %s\n", localize->print.shown_file, fault.text);
        return false;
    }
    const uint64_t begin_ns = tyto_clock_mono_ns();
    tyto_progress_init(&localize->progress, localize->with_progress);
    while (tyto_engine_wait_ended(localize->engine, WAIT_MS) != TYTO_OK && !tyto_interrupt_came() &&
           localize->failure == TYTO_OK)
        put_progress(localize, file);
    tyto_progress_clear(&localize->progress);
    struct tyto_camera_counts counts = {0};
    err = tyto_engine_get_camera_counts(localize->engine, "file", &counts);
    if (err == TYTO_OK)
        err = tyto_engine_remove_camera(localize->engine, "file");
    const bool ok = err == TYTO_OK && localize->status == TYTO_CAMERA_STATUS_ENDED;
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
    if (err == TYTO_OK) {
        params->visual_path = localize->paths.visual;
        params->audio_path = localize->paths.audio;
        params->head_path = localize->paths.head;
        err = tyto_engine_create(params, &localize->engine, &fault);
    }
    if (err != TYTO_OK)
        tyto_fault_tell("localize", &fault, err);
    return err;
}

int tyto_cmd_localize(int argc, char **argv)
{
    static struct localize localize; /* big: three paths */
    localize = (struct localize){
        .print = {.style = {.color = isatty(STDOUT_FILENO) != 0}},
        .engine_params =
            {
                .look_ahead = TYTO_CMAN_LOOK_AHEAD_FROM_WEIGHTS,
                .max_cameras = 1,
                .callbacks = {.user = &localize,
                              .on_event = on_event,
                              .on_state = on_state,
                              .on_failure = on_failure},
            },
        .with_progress = isatty(STDERR_FILENO) != 0,
    };
    const int status = read_options(&localize, argc, argv);
    if (status > 0)
        return status - 1;
    tyto_interrupt_catch(0);
    if (start(&localize) != TYTO_OK)
        return 1;
    localize.print.engine = localize.engine;
    bool all_ok = true;
    for (int i = optind; i < argc && !tyto_interrupt_came() && localize.failure == TYTO_OK; i++)
        all_ok &= run_file(&localize, argv[i]);
    tyto_engine_destroy(&localize.engine);
    return all_ok && !localize.print.failed && !tyto_interrupt_came() ? 0 : 1;
}
