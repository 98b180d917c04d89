/* SPDX-License-Identifier: MIT */
/* tyto features: the encoders over recordings, ahead of training. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/common/fault.h"
#include "cli/common/interrupt.h"
#include "cli/common/media.h"
#include "cli/common/options.h"
#include "cli/common/progress.h"
#include "cli/learn/learn.h"
#include "options/common.h"
#include "trainer/data/features/features.h"
#include "trainer/labels/labels.h"

struct command {
    struct tyto_media_options media;
    struct tyto_progress progress;
    char *media_dir;
    bool only_labels, without_progress;
    char **paths; /* owned, texts too */
    uint32_t num_paths;
    bool has_faults;
};

#define AT(field) TYTO_OPTION_AT(struct command, field)
static const struct tyto_option rows[] = {
    {.key = "media",
     .type = TYTO_OPTION_TEXT,
     AT(media_dir),
     .value = "DIR",
     .absent = "beside them",
     .help = "where the recordings of label files are"},
    {.key = "labels",
     .type = TYTO_OPTION_FLAG,
     AT(only_labels),
     .help = "all FILEs are label files, whatever their names are"},
    TYTO_OPTION_NO_PROGRESS(struct command, without_progress),
};
#undef AT
static const struct tyto_option_group groups[] = {
    {.rows = rows, .num_rows = TYTO_NUM_ROWS(rows)},
    {.title = "How features are made",
     .rows = tyto_media_rows,
     .num_rows = TYTO_MEDIA_NUM_OPTIONS,
     .offset = offsetof(struct command, media)},
};
static const struct tyto_command_argument arguments[] = {
    {"FILE", "a recording, or a label file whose recordings are meant (as tyto train takes it)"},
    {NULL, NULL}};

static enum tyto_err init_command(void *target)
{
    struct command *command = target;
    command->media.num_jobs = TYTO_FEATURES_DEFAULT_JOBS;
    return TYTO_OK;
}

const struct tyto_command tyto_command_features = {
    .name = "tyto features",
    .summary = "compute the features of recordings once, into a cache",
    .usage = "tyto features FILE... [OPTION...]",
    .text = "tyto train does the same by itself where features are missing.",
    .arguments = arguments,
    .groups = groups,
    .num_groups = TYTO_NUM_ROWS(groups),
    .notes = "Exit status: 0 done, 1 a recording could not be read (or only in part) or it was "
             "interrupted, 2 wrong usage. An interrupted run goes on where it was when it is "
             "started again.",
    .examples = "tyto features labels.csv --media recordings\n"
                "tyto features *.mp4 --jobs 4 --keyframes\n",
    .target_bytes = sizeof(struct command),
    .init = init_command,
};

static void on_fault(void *user, const struct tyto_fault *fault, bool is_left_out)
{
    (void)is_left_out; /* the text says so */
    struct command *command = user;
    tyto_progress_clear(&command->progress);
    tyto_fault_list("", fault);
    command->has_faults = true;
}

static void on_label_fault(void *user, const struct tyto_fault *fault, bool is_error)
{
    on_fault(user, fault, is_error);
}

static void on_progress(void *user, const struct tyto_features_progress *progress)
{
    struct command *command = user;
    char before[64], after[64] = "";
    snprintf(before, sizeof(before), "%u of %u recordings", progress->num_done,
             progress->num_files);
    if (progress->took_s > 0 && progress->done_s > 0)
        snprintf(after, sizeof(after), "%.0f s, %.0f x real time", progress->done_s,
                 progress->done_s / progress->took_s);
    tyto_progress_put(&command->progress, progress->done_s, progress->total_s, before, after);
}

/* --- recordings ---------------------------------------------------------------------- */

static bool add_path(struct command *command, const char *path)
{
    for (uint32_t i = 0; i < command->num_paths; i++) {
        if (strcmp(command->paths[i], path) == 0)
            return true;
    }
    char **paths = realloc(command->paths, (command->num_paths + 1) * sizeof(*paths));
    if (!paths)
        return false;
    command->paths = paths;
    paths[command->num_paths] = strdup(path);
    return paths[command->num_paths] && ++command->num_paths;
}

static bool ends_with(const char *text, const char *end)
{
    const size_t len = strlen(text), end_len = strlen(end);
    return len >= end_len && strcasecmp(text + len - end_len, end) == 0;
}

static bool is_label_file(const char *path)
{
    static const char *const ends[] = {".csv", ".txt", ".eaf", ".xml", ".json", ".jsonl"};
    for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
        if (ends_with(path, ends[i]))
            return true;
    }
    return false;
}

static int add_labels(struct command *command, const char *const *paths, uint32_t num_paths)
{
    const struct tyto_labels_params params = {
        .paths = paths,
        .num_paths = num_paths,
        .media_dir = command->media_dir,
        .needs_media = true,
        .user = command,
        .on_fault = on_label_fault,
    };
    struct tyto_labels labels;
    const enum tyto_err err = tyto_labels_read(&params, &labels);
    if (err) {
        if (!command->has_faults)
            fprintf(stderr, "tyto features: %s: %s\n", paths[0], tyto_err_text(err));
        return 1;
    }
    bool ok = true;
    for (uint32_t i = 0; ok && i < labels.num_files; i++)
        ok = add_path(command, labels.files[i]);
    tyto_labels_finish(&labels);
    return ok ? 0 : 1;
}

static int collect(struct command *command, char **files, int num_files)
{
    const char **label_paths = calloc((size_t)num_files, sizeof(*label_paths));
    uint32_t num_labels = 0;
    int status = label_paths ? 0 : 1;
    for (int i = 0; status == 0 && i < num_files; i++) {
        if (command->only_labels || is_label_file(files[i]))
            label_paths[num_labels++] = files[i];
        else if (!add_path(command, files[i]))
            status = 1;
    }
    if (status == 0 && num_labels > 0)
        status = add_labels(command, label_paths, num_labels);
    free(label_paths);
    return status;
}

/* --- the command ------------------------------------------------------------------------ */

static int run(struct command *command)
{
    struct tyto_features_params params;
    struct tyto_features *features = NULL;
    struct tyto_features_progress done = {0};
    struct tyto_fault fault = {0};
    enum tyto_err err = tyto_media_options_get(&command->media, &params, &fault);
    params.user = command;
    params.on_progress = on_progress;
    params.on_fault = on_fault;
    params.should_stop = tyto_interrupt_should_stop;
    if (!err)
        err = tyto_features_create(&params, (const char *const *)command->paths, command->num_paths,
                                   &features, &fault);
    if (!err)
        err = tyto_features_run(features, &done, &fault);
    tyto_progress_clear(&command->progress);
    tyto_features_destroy(&features);
    if (err && err != TYTO_ERR_CLOSED) {
        tyto_fault_tell("features", &fault, err);
        return 1;
    }
    printf("%u of %u recordings are in %s (%u were there already)\n", done.num_done - done.num_bad,
           done.num_files, params.cache_dir, done.num_cached);
    if (done.done_s > 0)
        printf("%.0f s of footage in %.1f s: %.1f x real time\n", done.done_s, done.took_s,
               done.done_s / done.took_s);
    if (err == TYTO_ERR_CLOSED)
        fprintf(stderr, "tyto features: interrupted; start it again to go on\n");
    return !err && done.num_bad + done.num_part == 0 ? 0 : 1;
}

int tyto_cmd_features(int argc, char **argv)
{
    static struct command command; /* big: paths of models */
    int status = 0, num_files = 0;
    if (tyto_options_read(&tyto_command_features, argc, argv, &command, &num_files, &status)) {
        tyto_interrupt_catch(0);
        tyto_progress_init(&command.progress, !command.without_progress);
        status = num_files > 0 ? collect(&command, argv + 1, num_files)
                               : tyto_options_complain(&tyto_command_features, "no file was named");
        if (status == 0)
            status = run(&command);
    }
    for (uint32_t i = 0; i < command.num_paths; i++)
        free(command.paths[i]);
    free(command.paths);
    tyto_command_finish(&tyto_command_features, &command);
    return status;
}
