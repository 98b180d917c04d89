/* SPDX-License-Identifier: MIT */
/* tyto eval: how good a head is, or what a daemon told. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/common/fault.h"
#include "cli/common/interrupt.h"
#include "cli/common/options.h"
#include "cli/eval/data.h"
#include "cli/eval/print.h"
#include "cli/learn/learn.h"
#include "options/common.h"
#include "trainer/eval/report/report.h"

enum { MAX_LABEL_PATHS = 64 };

#define EDGE_LIST(X)                                                                               \
    X(EDGE_REPEAT, "repeat", "what lies outside is the edge again")                                \
    X(EDGE_MISSING, "missing", "what lies outside is not there")
enum edge { EDGE_LIST(TYTO_WORD_ENUM) };

struct command {
    struct tyto_eval_data data;
    struct tyto_progress progress;
    struct tyto_texts labels;
    char *model, *media_dir, *ave_dir, *late, *events, *report, *csv; /* owned, but for model */
    double seconds, offset_ms; /* 0 and not a number: not said */
    double shift[2];           /* segments; 0 and 0: none */
    uint32_t align;            /* segments; 0: none */
    enum edge edge;
    bool drops, is_json, without_progress;
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

/* clang-format off */
#define AT(field) TYTO_OPTION_AT(struct command, field)
#define TEXT(key_, field, value_, help_, absent_)                                                  \
    {.key = key_, .type = TYTO_OPTION_TEXT, AT(field), .value = value_, .help = help_,             \
     .absent = absent_}
static const struct tyto_option data_rows[] = {
    {.key = "labels", .type = TYTO_OPTION_TEXTS, AT(labels), .max = MAX_LABEL_PATHS,
     .value = "FILE", .help = "labels, in any format of `tyto label`; may be given again"},
    TEXT("media", media_dir, "DIR", "where the recordings are", "beside the labels"),
    {.key = "format", .type = TYTO_OPTION_WORD, AT(data.format),
     .words = TYTO_WORDS(TYTO_LABEL_FORMAT_LIST), .help = "what the labels are"},
    {.key = "skip_unknown", .type = TYTO_OPTION_FLAG, AT(data.skips_unknown),
     .help = "labels of classes that the model does not know are background"},
    TEXT("ave", ave_dir, "DIR", "AVE's HDF5 files instead of labels", NULL),
    {.key = "split", .type = TYTO_OPTION_WORD, AT(data.split),
     .words = TYTO_WORDS(TYTO_AVE_SPLIT_LIST), .help = "of AVE"},
};
static const struct tyto_option model_rows[] = {
    TEXT("late", late, "FILE",
         "late fusion: the mean of the scores of MODEL and of this model", NULL),
    {.key = "shift", .type = TYTO_OPTION_RANGE, AT(shift), .min = -TYTO_EVALUATE_MAX_SHIFT,
     .max = TYTO_EVALUATE_MAX_SHIFT, .value = "A:B",
     .help = "accuracy with the sound shifted by A..B segments, as -4:4; 0:0: not at all"},
    {.key = "edge", .type = TYTO_OPTION_WORD, AT(edge), .words = TYTO_WORDS(EDGE_LIST),
     .help = "sound that is shifted in"},
    {.key = "align", .type = TYTO_OPTION_U32, AT(align), .max = TYTO_EVALUATE_MAX_SHIFT,
     .unit = "segments",
     .help = "look for the offset of each clip's sound so far either way, and weigh what the model "
             "says at each by how much is heard and seen at once there; 0: sound is taken as it comes"},
    {.key = "drop", .type = TYTO_OPTION_FLAG, AT(drops),
     .help = "accuracy without sound, and without picture"},
};
static const struct tyto_option event_rows[] = {
    TEXT("events", events, "FILE",
         "JSON lines of `tyto watch --json` or `tyto localize --json [--segments]`", NULL),
    {.key = "seconds", .type = TYTO_OPTION_F64, AT(seconds), .min = 0.1, .max = 1e9, .unit = "s",
     .absent = "as far as lines reach", .help = "how long was listened"},
    {.key = "offset_ms", .type = TYTO_OPTION_F64, AT(offset_ms), .min = -60000, .max = 60000,
     .unit = "ms", .absent = "not said",
     .help = "by how much sound really lags, to measure what was told"},
};
static const struct tyto_option output_rows[] = {
    TEXT("report", report, "FILE", "an HTML page with curves, confusions and timelines; with --shift "
         "and --drop these, too", NULL),
    TEXT("csv", csv, "FILE", "the figures as CSV", NULL),
    {.key = "json", .type = TYTO_OPTION_FLAG, AT(is_json),
     .help = "one JSON object instead of the table"},
    TYTO_OPTION_NO_PROGRESS(struct command, without_progress),
};
#undef AT
#define GROUP(title_, rows_)                                                                       \
    {.title = title_, .rows = rows_, .num_rows = TYTO_NUM_ROWS(rows_)}
static const struct tyto_option_group groups[] = {
    GROUP("Data", data_rows),
    GROUP("Of a MODEL", model_rows),
    GROUP("Of a daemon's events", event_rows),
    GROUP("Output", output_rows),
    {.title = "How features are made", .rows = tyto_media_rows, .num_rows = TYTO_MEDIA_NUM_OPTIONS,
     .offset = offsetof(struct command, data.media)},
};
/* clang-format on */

static const struct tyto_command_argument arguments[] = {
    {"MODEL", "a model's file, RUN/model.safetensors"}, {NULL, NULL}};

static enum tyto_err init_command(void *target)
{
    struct command *command = target;
    command->data.split = TYTO_AVE_TEST;
    command->data.media.num_jobs = TYTO_FEATURES_DEFAULT_JOBS;
    command->offset_ms = (double)NAN;
    return TYTO_OK;
}

const struct tyto_command tyto_command_eval = {
    .name = "tyto eval",
    .summary = "how good is a model, beside what is trivial; or: what did a daemon tell",
    .usage = "tyto eval MODEL --labels FILE [--media DIR] [OPTION...]\n"
             "tyto eval MODEL --ave DIR [--split test] [OPTION...]\n"
             "tyto eval --events FILE.jsonl --labels FILE [OPTION...]",
    .text = "The second column of figures is what one gets by never predicting anything, the third "
            "by knowing a clip's class, but not when it comes.",
    .arguments = arguments,
    .groups = groups,
    .num_groups = TYTO_NUM_ROWS(groups),
    .notes =
        "Right is, for a multi-label head: the class with the largest joint score that reaches its "
        "threshold is heard and seen, or none does and none is. For a softmax head: the largest is "
        "the class, or background.\n\nExit status: 0 done, 1 failed or interrupted, 2 wrong usage.",
    .examples =
        "tyto eval run/model.safetensors --labels test.csv --media recordings --report test.html\n"
        "tyto eval run/model.safetensors --ave AVE/ --shift -4:4 --drop\n"
        "tyto eval sound.safetensors --late sight.safetensors --labels test.csv --json\n"
        "tyto localize yard.mp4 --json --segments > told.jsonl\n"
        "tyto eval --events told.jsonl --labels yard.csv\n",
    .target_bytes = sizeof(struct command),
    .init = init_command,
};

static bool has_shift(const struct command *command)
{
    return command->shift[0] < 0 || command->shift[1] > 0;
}

/* NULL: usable. */
static const char *find_contradiction(const struct command *command)
{
    const bool has_labels = command->labels.num > 0;

    if (command->shift[0] > 0 || command->shift[1] < 0)
        return "--shift wants A:B with A <= 0 <= B";

    if (command->events && (command->model || command->late || command->ave_dir))
        return "--events is measured against --labels alone, without MODEL";
    if (command->events && !has_labels)
        return "--events needs --labels";
    if (command->events && (command->report || command->drops || has_shift(command)))
        return "--report, --shift and --drop need a MODEL";
    if (command->events)
        return NULL;
    if (!command->model)
        return "which MODEL? (or --events)";
    if (has_labels == (command->ave_dir != NULL))
        return "give --labels or --ave";
    return command->seconds > 0 || !isnan(command->offset_ms)
               ? "--seconds and --offset-ms go with --events"
               : NULL;
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
    const char *data = command->ave_dir ? command->ave_dir : command->labels.texts[0];
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
        .measurement = &e->measurement,
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
        .min_shift = (int32_t)command->shift[0],
        .max_shift = (int32_t)command->shift[1],
        .repeats_edge = command->edge == EDGE_REPEAT,
        .align = command->align,
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
    int status = 0, num_arguments = 0;

    if (tyto_options_read(&tyto_command_eval, argc, argv, &command, &num_arguments, &status)) {
        struct tyto_eval_data *data = &command.data;
        const char *wrong = NULL;

        data->label_paths = (const char *const *)command.labels.texts;
        data->num_label_paths = command.labels.num;
        data->media_dir = command.media_dir;
        data->ave_dir = command.ave_dir;
        data->progress = &command.progress;
        data->should_stop = tyto_interrupt_should_stop;
        command.model = num_arguments > 0 ? argv[1] : NULL;
        wrong = num_arguments > 1 ? "one MODEL at a time" : find_contradiction(&command);
        if (wrong) {
            status = tyto_options_complain(&tyto_command_eval, wrong);
        } else {
            tyto_interrupt_catch(0);
            tyto_progress_init(&command.progress, !command.without_progress);
            status = command.events ? run_events(&command) : run_head(&command);
        }
    }
    tyto_command_finish(&tyto_command_eval, &command);
    return status;
}
