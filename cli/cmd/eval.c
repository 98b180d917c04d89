/* SPDX-License-Identifier: MIT */
/* tyto eval: how good a head is, or what a daemon told. */
#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cmd/cmd.h"
#include "cli/common/fault.h"
#include "cli/common/interrupt.h"
#include "cli/common/options.h"
#include "cli/eval/data.h"
#include "cli/eval/print.h"
#include "trainer/eval/report/report.h"

enum { MAX_LABEL_PATHS = 64 };

static const char help[] =
    "tyto eval: how good is a head, beside what is trivial? Or: what did a daemon tell?\n\n"
    "usage: tyto eval MODEL --labels FILE [--media DIR] [OPTION...]\n"
    "       tyto eval MODEL --ave DIR [--split test] [OPTION...]\n"
    "       tyto eval --events FILE.jsonl --labels FILE [OPTION...]\n\n"
    "MODEL is a head's file (RUN/model.safetensors). The second column of figures is what one "
    "gets\n"
    "by never predicting anything, the third by knowing a clip's class, but not when it comes.\n\n"
    "  --labels FILE      labels, in any format of `tyto label`; may be given again\n"
    "  --media DIR        where the recordings are (default: beside the labels)\n"
    "  --format F         of the labels (default: by name and content)\n"
    "  --skip-unknown     labels of classes that the head does not know are background\n"
    "  --ave DIR          AVE's HDF5 files instead of labels\n"
    "  --split S          of AVE: train, val, test (default) or all\n"
    "  --late OTHER       late fusion: the mean of the scores of MODEL and of this head\n"
    "  --shift A:B        accuracy with the sound shifted by A..B segments (-4:4)\n"
    "  --edge HOW         sound shifted in from outside: repeat (default) the edge, or missing\n"
    "  --drop             accuracy without sound, and without picture\n"
    "  --events FILE      JSON lines of `tyto watch --json` or `tyto localize --json "
    "[--segments]`\n"
    "  --seconds S        with --events: how long was listened (default: as far as lines reach)\n"
    "  --offset-ms X      with --events: by how much sound really lags, to judge what was told\n"
    "  --report FILE      an HTML page with curves, confusions and timelines; with --shift and\n"
    "                     --drop these, too\n"
    "  --csv FILE         the figures as CSV\n"
    "  --json             one JSON object instead of the table\n" TYTO_MEDIA_HELP
    "  --no-progress      no progress bar\n"
    "  --help             this text\n\n"
    "Right is, for a multi-label head: the class with the largest joint score that reaches its\n"
    "threshold is heard and seen, or none does and none is. For a softmax head: the largest is\n"
    "the class, or background.\n\n"
    "Exit status: 0 done, 1 failed or interrupted, 2 wrong usage.\n\n"
    "examples:\n"
    "  tyto eval run/model.safetensors --labels test.csv --media recordings --report test.html\n"
    "  tyto eval run/model.safetensors --ave AVE/ --shift -4:4 --drop\n"
    "  tyto eval sound.safetensors --late sight.safetensors --labels test.csv --json\n"
    "  tyto localize yard.mp4 --json --segments > told.jsonl\n"
    "  tyto eval --events told.jsonl --labels yard.csv\n";

struct command {
    struct tyto_eval_data data;
    struct tyto_progress progress;
    const char *label_paths[MAX_LABEL_PATHS];
    const char *model, *late, *events, *report, *csv;
    double seconds, offset_ms; /* 0 and NAN: not said */
    int32_t min_shift, max_shift;
    bool edge_is_missing, drops, is_json, without_progress;
};

static int fail(struct command *command, enum tyto_err err, const struct tyto_fault *fault)
{
    tyto_progress_clear(&command->progress);
    if (tyto_interrupt_came())
        fprintf(stderr, "tyto eval: interrupted\n");
    else
        tyto_fault_tell("eval", fault, err);
    return 1;
}

/* --- options ---------------------------------------------------------------------------------- */

enum opt {
    OPT_LABELS = 1,
    OPT_MEDIA,
    OPT_FORMAT,
    OPT_SKIP_UNKNOWN,
    OPT_AVE,
    OPT_SPLIT,
    OPT_LATE,
    OPT_SHIFT,
    OPT_EDGE,
    OPT_DROP,
    OPT_EVENTS,
    OPT_SECONDS,
    OPT_OFFSET_MS,
    OPT_REPORT,
    OPT_CSV,
    OPT_JSON,
    OPT_NO_PROGRESS,
    OPT_HELP,
};

static const struct option options[] = {
    TYTO_MEDIA_LONG_OPTIONS,
    {"labels", required_argument, NULL, OPT_LABELS},
    {"media", required_argument, NULL, OPT_MEDIA},
    {"format", required_argument, NULL, OPT_FORMAT},
    {"skip-unknown", no_argument, NULL, OPT_SKIP_UNKNOWN},
    {"ave", required_argument, NULL, OPT_AVE},
    {"split", required_argument, NULL, OPT_SPLIT},
    {"late", required_argument, NULL, OPT_LATE},
    {"shift", required_argument, NULL, OPT_SHIFT},
    {"edge", required_argument, NULL, OPT_EDGE},
    {"drop", no_argument, NULL, OPT_DROP},
    {"events", required_argument, NULL, OPT_EVENTS},
    {"seconds", required_argument, NULL, OPT_SECONDS},
    {"offset-ms", required_argument, NULL, OPT_OFFSET_MS},
    {"report", required_argument, NULL, OPT_REPORT},
    {"csv", required_argument, NULL, OPT_CSV},
    {"json", no_argument, NULL, OPT_JSON},
    {"no-progress", no_argument, NULL, OPT_NO_PROGRESS},
    {"help", no_argument, NULL, OPT_HELP},
    {NULL, 0, NULL, 0},
};

static bool take_shift(struct command *command, const char *text)
{
    char *end = NULL;
    const long first = strtol(text, &end, 10);
    const bool has_two = end != text && *end == ':';
    const char *rest = has_two ? end + 1 : "";
    const long last = strtol(rest, &end, 10);

    if (!has_two || end == rest || *end || first > 0 || last < 0 || first == last ||
        first < -TYTO_EVALUATE_MAX_SHIFT || last > TYTO_EVALUATE_MAX_SHIFT) {
        fprintf(stderr, "tyto eval: --shift wants A:B with -%d <= A <= 0 <= B <= %d, not '%s'\n",
                TYTO_EVALUATE_MAX_SHIFT, TYTO_EVALUATE_MAX_SHIFT, text);
        return false;
    }
    command->min_shift = (int32_t)first;
    command->max_shift = (int32_t)last;
    return true;
}

static bool take_labels(struct command *command, const char *path)
{
    if (command->data.num_label_paths == MAX_LABEL_PATHS) {
        fprintf(stderr, "tyto eval: at most %d label files\n", MAX_LABEL_PATHS);
        return false;
    }
    command->label_paths[command->data.num_label_paths++] = path;
    return true;
}

static bool take_option(struct command *command, int option, const char *value)
{
    static const char *const splits[] = {"train", "val", "test", "all", NULL};
    static const char *const edges[] = {"repeat", "missing", NULL};
    int idx = 0;

    switch (option) {
    case OPT_LABELS:
        return take_labels(command, value);
    case OPT_MEDIA:
        command->data.media_dir = value;
        return true;
    case OPT_FORMAT:
        return tyto_option_format("eval", value, &command->data.format);
    case OPT_AVE:
        command->data.ave_dir = value;
        return true;
    case OPT_SPLIT:
        if (!tyto_option_choice("eval", "split", value, splits, &idx))
            return false;
        command->data.split = (enum tyto_ave_split)idx;
        return true;
    case OPT_LATE:
        command->late = value;
        return true;
    case OPT_SHIFT:
        return take_shift(command, value);
    case OPT_EDGE:
        if (!tyto_option_choice("eval", "edge", value, edges, &idx))
            return false;
        command->edge_is_missing = idx == 1;
        return true;
    case OPT_EVENTS:
        command->events = value;
        return true;
    case OPT_SECONDS:
        return tyto_option_number("eval", "seconds", value, 0.1, 1e9, &command->seconds);
    case OPT_OFFSET_MS:
        return tyto_option_number("eval", "offset-ms", value, -60000, 60000, &command->offset_ms);
    case OPT_REPORT:
        command->report = value;
        return true;
    case OPT_CSV:
        command->csv = value;
        return true;
    default:
        return tyto_media_options_take(&command->data.media, "eval", option, value);
    }
}

/* NULL: usable. */
static const char *find_contradiction(const struct command *command)
{
    const bool has_labels = command->data.num_label_paths > 0;

    if (command->events && (command->model || command->late || command->data.ave_dir))
        return "--events is measured against --labels alone, without MODEL";
    if (command->events && !has_labels)
        return "--events needs --labels";
    if (command->events &&
        (command->report || command->drops || command->max_shift != 0 || command->min_shift != 0))
        return "--report, --shift and --drop need a MODEL";
    if (command->events)
        return NULL;
    if (!command->model)
        return "which MODEL? (or --events)";
    if (has_labels == (command->data.ave_dir != NULL))
        return "give --labels or --ave";
    return command->seconds > 0 || !isnan(command->offset_ms)
               ? "--seconds and --offset-ms go with --events"
               : NULL;
}

/* 0: go on; else the exit status + 1. */
static int read_options(struct command *command, int argc, char **argv)
{
    opterr = 0;
    optind = 0;
    for (int option; (option = getopt_long(argc, argv, ":h", options, NULL)) != -1;) {
        if (option == OPT_HELP || option == 'h') {
            fputs(help, stdout);
            return 1;
        }
        if (option == ':' || option == '?') {
            tyto_option_unknown("eval", option, argv[optind - 1]);
            return 3;
        }
        if (option == OPT_SKIP_UNKNOWN)
            command->data.skips_unknown = true;
        else if (option == OPT_DROP)
            command->drops = true;
        else if (option == OPT_JSON)
            command->is_json = true;
        else if (option == OPT_NO_PROGRESS)
            command->without_progress = true;
        else if (!take_option(command, option, optarg))
            return 3;
    }
    command->model = optind < argc ? argv[optind++] : NULL;
    const char *wrong = optind < argc ? "one MODEL at a time" : find_contradiction(command);
    if (wrong)
        fprintf(stderr, "tyto eval: %s. See tyto eval --help.\n", wrong);
    return wrong ? 3 : 0;
}

/* --- the daemon's events ---------------------------------------------------------------------- */

static void on_event_fault(void *user, const struct tyto_fault *fault)
{
    (void)user;
    tyto_fault_list("", fault);
}

static int run_events(struct command *command)
{
    struct tyto_events_measures measures;
    struct tyto_labels labels = {0};
    struct tyto_fault fault = {0};
    bool ok = true;
    enum tyto_err err = tyto_eval_data_labels(&command->data, false, &labels, &fault);

    if (!err) {
        const struct tyto_events_params params = {.labels = &labels,
                                                  .path = command->events,
                                                  .media_s = command->seconds,
                                                  .offset_ms = command->offset_ms,
                                                  .on_fault = on_event_fault};
        err = tyto_measure_events(&params, &measures, &fault);
    }
    tyto_labels_finish(&labels);
    if (!err && command->csv)
        err = tyto_eval_print_events_csv(&measures, command->csv, &fault);
    if (err)
        return fail(command, err, &fault);
    if (command->is_json)
        ok = tyto_eval_print_events_json(&measures);
    else
        tyto_eval_print_events(&measures);
    return ok && fflush(stdout) == 0 ? 0 : 1;
}

/* --- a head ----------------------------------------------------------------------------------- */

static bool on_progress(void *user, uint64_t num_done, uint64_t num)
{
    struct command *command = user;

    tyto_progress_put(&command->progress, (double)num_done, (double)num, "clips", NULL);
    return !tyto_interrupt_came();
}

static enum tyto_err write_report(const struct command *command, const struct tyto_dataset *dataset,
                                  const struct tyto_evaluation *e, struct tyto_fault *ret_fault)
{
    char title[300], count[64];
    const char *data = command->data.ave_dir ? command->data.ave_dir : command->label_paths[0];
    const struct tyto_report_pair pairs[] = {{"model", command->model},
                                             {"data", data},
                                             {"clips", count},
                                             {"late fusion with", command->late}};
    const struct tyto_report report = {
        .title = title,
        .pairs = pairs,
        .num_pairs = command->late ? 4 : 3,
        .dataset = dataset,
        .predictions = &e->predictions,
        .judgement = &e->judgement,
        .shifts = e->shifts,
        .num_shifts = e->num_shifts,
        .no_audio = e->has_drops ? &e->no_audio : NULL,
        .no_visual = e->has_drops ? &e->no_visual : NULL,
    };

    snprintf(title, sizeof(title), "%.140s on %.140s", command->model, data);
    snprintf(count, sizeof(count), "%u", dataset->shape.num_clips);
    return tyto_report_write(command->report, &report, ret_fault);
}

static enum tyto_err put_results(const struct command *command, const struct tyto_dataset *dataset,
                                 const struct tyto_evaluation *evaluation,
                                 struct tyto_fault *ret_fault)
{
    const struct tyto_eval_print print = {.model = command->model,
                                          .late = command->late,
                                          .dataset = dataset,
                                          .evaluation = evaluation};
    enum tyto_err err = TYTO_OK;

    if (command->is_json)
        err = tyto_eval_print_json(&print) ? TYTO_OK : TYTO_ERR_IO;
    else
        tyto_eval_print_table(&print);
    if (!err && command->csv)
        err = tyto_eval_print_csv(&print, command->csv, ret_fault);
    if (!err && command->report)
        err = write_report(command, dataset, evaluation, ret_fault);
    return err;
}

static enum tyto_err evaluate(struct command *command, struct tyto_gpu *gpu,
                              struct tyto_dataset *dataset, struct tyto_fault *ret_fault)
{
    const struct tyto_evaluate_params params = {
        .head_path = command->model,
        .late_path = command->late,
        .gpu = gpu,
        .dataset = dataset,
        .min_shift = command->min_shift,
        .max_shift = command->max_shift,
        .repeats_edge = !command->edge_is_missing,
        .drops = command->drops,
        .user = command,
        .on_progress = on_progress,
    };
    struct tyto_evaluation evaluation;
    enum tyto_err err = tyto_evaluate(&params, &evaluation, ret_fault);

    tyto_progress_clear(&command->progress);
    if (err)
        return err;
    err = put_results(command, dataset, &evaluation, ret_fault);
    tyto_evaluation_finish(&evaluation);
    return err;
}

static int run_head(struct command *command)
{
    const struct tyto_gpu_params gpu_params = {.device = command->data.media.device};
    struct tyto_cman_weights head = {0};
    struct tyto_dataset *dataset = NULL;
    struct tyto_gpu *gpu = NULL;
    struct tyto_fault fault = {0};
    enum tyto_err err = tyto_cman_weights_load(command->model, &head, &fault);

    if (!err)
        err = tyto_eval_data_open(&command->data, &head, command->model, &dataset, &fault);
    tyto_cman_weights_finish(&head);
    if (!err)
        err = tyto_gpu_create(&gpu_params, &gpu);
    if (!err) {
        tyto_progress_restart(&command->progress);
        err = evaluate(command, gpu, dataset, &fault);
    }
    tyto_gpu_destroy(&gpu);
    tyto_dataset_destroy(&dataset);
    if (err)
        return fail(command, err, &fault);
    return fflush(stdout) == 0 ? 0 : 1;
}

int tyto_cmd_eval(int argc, char **argv)
{
    static struct command command; /* big: paths */

    command = (struct command){
        .data = {.split = TYTO_AVE_TEST, .should_stop = tyto_interrupt_should_stop},
        .offset_ms = (double)NAN};
    command.data.label_paths = command.label_paths;
    command.data.progress = &command.progress;
    const int status = read_options(&command, argc, argv);
    if (status > 0)
        return status - 1;
    tyto_interrupt_catch(0);
    tyto_progress_init(&command.progress, !command.without_progress);
    return command.events ? run_events(&command) : run_head(&command);
}
