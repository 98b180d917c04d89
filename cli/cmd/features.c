/* SPDX-License-Identifier: MIT */
/* tyto features: the encoders over recordings, ahead of training. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cmd/cmd.h"
#include "cli/common/fault.h"
#include "cli/common/interrupt.h"
#include "cli/common/media.h"
#include "cli/common/options.h"
#include "cli/common/progress.h"
#include "trainer/data/features/features.h"
#include "trainer/labels/labels.h"

static const char help[] =
    "tyto features: compute the features of recordings once, into a cache.\n\n"
    "usage: tyto features FILE... [OPTION...]\n\n"
    "A FILE is a recording, or a label file whose recordings are meant (as tyto train takes it).\n"
    "tyto train does the same by itself where features are missing.\n\n"
    "  --media DIR        where the recordings of label files are (default: beside them)\n"
    "  --labels           all FILEs are label files, whatever their names are\n" TYTO_MEDIA_HELP
    "  --no-progress      no progress bar\n"
    "  --help             this text\n\n"
    "Exit status: 0 done, 1 a recording could not be read or it was interrupted, 2 wrong usage.\n"
    "An interrupted run goes on where it was when it is started again.\n\n"
    "examples:\n"
    "  tyto features labels.csv --media recordings\n"
    "  tyto features *.mp4 --jobs 4 --keyframes\n";

struct command {
    struct tyto_media_options media;
    struct tyto_progress progress;
    const char *media_dir;
    bool only_labels, with_progress;
    char **paths; /* owned, texts too */
    uint32_t num_paths;
    bool has_faults;
};

static void on_fault(void *user, const struct tyto_fault *fault)
{
    struct command *command = user;
    tyto_progress_clear(&command->progress);
    tyto_fault_list("", fault);
    command->has_faults = true;
}

static void on_label_fault(void *user, const struct tyto_fault *fault, bool is_error)
{
    (void)is_error;
    on_fault(user, fault);
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
    if (err != TYTO_OK) {
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

enum opt { OPT_MEDIA = 1, OPT_LABELS, OPT_NO_PROGRESS, OPT_HELP };

static const struct option options[] = {
    TYTO_MEDIA_LONG_OPTIONS,
    {"media", required_argument, NULL, OPT_MEDIA},
    {"labels", no_argument, NULL, OPT_LABELS},
    {"no-progress", no_argument, NULL, OPT_NO_PROGRESS},
    {"help", no_argument, NULL, OPT_HELP},
    {NULL, 0, NULL, 0},
};

/* 0: go on; else the exit status + 1. */
static int read_options(struct command *command, int argc, char **argv)
{
    opterr = 0;
    optind = 0;
    for (int option; (option = getopt_long(argc, argv, ":h", options, NULL)) != -1;) {
        if (option == OPT_MEDIA) {
            command->media_dir = optarg;
        } else if (option == OPT_LABELS) {
            command->only_labels = true;
        } else if (option == OPT_NO_PROGRESS) {
            command->with_progress = false;
        } else if (option == OPT_HELP || option == 'h') {
            fputs(help, stdout);
            return 1;
        } else if (option == ':' || option == '?') {
            tyto_option_unknown("features", option, argv[optind - 1]);
            return 3;
        } else if (!tyto_media_options_take(&command->media, "features", option, optarg)) {
            return 3;
        }
    }
    if (optind >= argc) {
        fprintf(stderr, "tyto features: no file was named. See tyto features --help.\n");
        return 3;
    }
    return 0;
}

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
    if (err == TYTO_OK)
        err = tyto_features_create(&params, (const char *const *)command->paths, command->num_paths,
                                   &features, &fault);
    if (err == TYTO_OK)
        err = tyto_features_run(features, &done, &fault);
    tyto_progress_clear(&command->progress);
    tyto_features_destroy(&features);
    if (err != TYTO_OK && err != TYTO_ERR_CLOSED) {
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
    return err == TYTO_OK && done.num_bad == 0 ? 0 : 1;
}

int tyto_cmd_features(int argc, char **argv)
{
    static struct command command; /* big: paths of models */
    command = (struct command){.with_progress = true};
    const int status = read_options(&command, argc, argv);
    if (status > 0)
        return status - 1;
    tyto_interrupt_catch(0);
    tyto_progress_init(&command.progress, command.with_progress);
    int result = collect(&command, argv + optind, argc - optind);
    if (result == 0)
        result = run(&command);
    for (uint32_t i = 0; i < command.num_paths; i++)
        free(command.paths[i]);
    free(command.paths);
    return result;
}
