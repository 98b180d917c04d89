/* SPDX-License-Identifier: MIT */
/* tyto train: a head from labelled recordings. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/folder.h"
#include "cli/common/fault.h"
#include "cli/common/interrupt.h"
#include "cli/common/options.h"
#include "cli/learn/learn.h"
#include "cli/train/data.h"
#include "cli/train/folds.h"
#include "options/common.h"
#include "trainer/run/run.h"

enum { INTERRUPTED = 130 };

struct train_cmd {
    struct tyto_run_options options;
    struct tyto_progress progress;
    char *config;    /* owned */
    const char *run; /* the argument beside the options */
    bool resumes, overwrites, no_progress;
    struct tyto_gpu_params gpu_params;
    struct tyto_gpu *gpu;
    struct tyto_ranks *ranks;
    struct tyto_train_data data;
    uint64_t begin_ns;
    uint32_t begin_steps; /* of this process: 0 is not known yet */
    float accuracy;       /* of the last epoch */
};

/* --- options --------------------------------------------------------------------------------- */

#define AT(field) TYTO_OPTION_AT(struct train_cmd, field)
static const struct tyto_option own_rows[] = {
    {.key = "config",
     .type = TYTO_OPTION_TEXT,
     AT(config),
     .value = "FILE",
     .help = "options of an earlier run (its config.json); others win"},
    {.key = "resume",
     .type = TYTO_OPTION_FLAG,
     AT(resumes),
     .help = "go on with a run where it stopped"},
    {.key = "overwrite",
     .type = TYTO_OPTION_FLAG,
     AT(overwrites),
     .help = "begin anew in a folder that holds a run"},
    TYTO_OPTION_NO_PROGRESS(struct train_cmd, no_progress),
};
#undef AT
static const struct tyto_command_argument arguments[] = {{"RUN", "with --resume: the run's folder"},
                                                         {NULL, NULL}};
static struct tyto_option_group groups[TYTO_RUN_NUM_GROUPS + 1];

static enum tyto_err init_train(void *target)
{
    struct train_cmd *cmd = target;

    return tyto_run_options_init(&cmd->options);
}

const struct tyto_command tyto_command_train = {
    .name = "tyto train",
    .summary = "learn a model from labelled recordings",
    .usage = "tyto train --labels FILE [--labels FILE]... [--media DIR] --out RUN [OPTION...]\n"
             "tyto train --ave DIR --out RUN [OPTION...]\n"
             "tyto train RUN --resume",
    .text = "Sounds and pictures are encoded once and kept; the model then learns from what the "
            "encoders say of them. RUN gets config.json, metrics.csv and .json, the model "
            "(model.safetensors), its model card and a checkpoint, from which an interrupted run "
            "goes on to the same result.",
    .arguments = arguments,
    .groups = groups,
    .num_groups = TYTO_RUN_NUM_GROUPS + 1,
    .notes = "With --ave, what is not given is as in the literature: one class at a time, features "
             "and widths as published, no augmentation.\n\n"
             "Exit status: 0 done, 1 failed, 2 wrong usage, 130 interrupted (then a checkpoint was "
             "written).",
    .examples =
        "tyto train --labels labels.csv --media recordings/ --out first\n"
        "tyto train --labels labels.csv --out second --init first/model.safetensors --epochs 10\n"
        "tyto train --labels clips.csv --weak max --out weak       # labels without times\n"
        "tyto train --labels clips.csv --teacher weak/model.safetensors --out better\n"
        "tyto train --labels labels.csv --folds 5 --out folds      # how sure are the figures?\n"
        "tyto train first --resume                                 # after Ctrl-C\n"
        "mpirun -np 4 tyto train --labels labels.csv --out big     # four machines, or sockets\n"
        "tyto train --labels labels.csv --out ours --init share/tyto/models/head.safetensors\n"
        "tyto model push ours/model.safetensors                    # into the running daemon\n",
    .target_bytes = sizeof(struct train_cmd),
    .init = init_train,
};

/* The run's groups, moved to where the command has its options, and the command's own. */
void tyto_command_train_setup(void)
{
    for (int i = 0; i < TYTO_RUN_NUM_GROUPS; i++) {
        groups[i] = tyto_run_groups[i];
        groups[i].offset += offsetof(struct train_cmd, options);
        groups[i].marks += offsetof(struct train_cmd, options);
    }
    groups[TYTO_RUN_NUM_GROUPS] = (struct tyto_option_group){
        .title = "Running", .rows = own_rows, .num_rows = TYTO_NUM_ROWS(own_rows)};
}

/* What the options lack, or NULL. */
static const char *find_wrong(const struct train_cmd *cmd)
{
    const struct tyto_run_options *o = &cmd->options;

    if (cmd->resumes && !cmd->run && !o->out)
        return "--resume wants the run's folder";
    if (cmd->resumes)
        return NULL;
    if (cmd->run)
        return "a folder beside the options is for --resume; labels are given by --labels";
    if (!o->out)
        return "where to? --out RUN is missing";
    if (o->labels.num == 0 && !o->ave && !cmd->config)
        return "learn from what? --labels FILE is missing";
    if (o->labels.num > 0 && o->ave)
        return "--labels and --ave exclude each other";
    if (o->teacher && o->weak != TYTO_STEP_POOL_NONE)
        return "--teacher gives segments labels, so it does without --weak";
    if (o->folds == 1)
        return "--folds wants at least 2";
    if (o->folds > 0 && o->val_labels.num > 0)
        return "--folds validates on the labels themselves: leave out --val-labels";
    return NULL;
}

static enum tyto_err set_option(struct train_cmd *cmd, const char *key, const char *text)
{
    if (tyto_run_options_is_set(&cmd->options, key))
        return TYTO_OK;
    return tyto_run_options_set(&cmd->options, key, text, NULL);
}

/* AVE is a task of its own: one class at a time, features and widths as published, and no
 * augmentation, as in the literature. */
static enum tyto_err set_ave_options(struct train_cmd *cmd)
{
    static const char *const pairs[][2] = {
        {"head", "softmax"}, {"basis", "none"},         {"width", "none"},    {"match", "128"},
        {"when", "128"},     {"hidden", "128"},         {"which", "128"},     {"look_ahead", "all"},
        {"batch", "64"},     {"rate", "1e-3"},          {"best", "accuracy"}, {"decay", "0.01"},
        {"shift", "0"},      {"modality_dropout", "0"}, {"mixup", "0"},       {"noise", "0"},
    };
    enum tyto_err err = TYTO_OK;

    for (size_t i = 0; i < sizeof(pairs) / sizeof(*pairs) && !err; i++)
        err = set_option(cmd, pairs[i][0], pairs[i][1]);
    return err;
}

/* Options of config.json, and what follows from others. */
static enum tyto_err complete_options(struct train_cmd *cmd, struct tyto_fault *ret_fault)
{
    char path[TYTO_RUN_PATH_MAX];
    const char *config = cmd->config;
    enum tyto_err err = TYTO_OK;

    if (cmd->run)
        err = set_option(cmd, "out", cmd->run);
    if (cmd->resumes && !err) {
        const size_t num = (size_t)snprintf(path, sizeof(path), "%s/config.json", cmd->options.out);

        if (num >= sizeof(path))
            return TYTO_ERR_INVALID;
        config = path;
    }
    if (config && !err)
        err = tyto_run_read_config(config, &cmd->options, ret_fault);
    if (!err && cmd->options.ave && !config)
        err = set_ave_options(cmd);
    /* What was learnt before is moved, not drowned: at the rate of a fresh head it got worse. */
    if (!err && cmd->options.init && !config)
        err = set_option(cmd, "rate", "3e-4");
    return err;
}

/* --- what is printed ------------------------------------------------------------------------- */

static void on_note(void *user, const char *text)
{
    struct train_cmd *cmd = user;

    tyto_progress_clear(&cmd->progress);
    printf("%s\n", text);
    fflush(stdout);
}

static void on_work(void *user, const char *what, uint32_t num_done, uint32_t num)
{
    struct train_cmd *cmd = user;

    if (num_done <= 1)
        tyto_progress_restart(&cmd->progress);
    tyto_progress_put(&cmd->progress, num_done, num, what, NULL);
}

static void on_step(void *user, const struct tyto_train_progress *progress)
{
    struct train_cmd *cmd = user;
    const uint32_t epochs = cmd->options.epochs, done = progress->epoch - 1;
    const double steps = (double)done * progress->num_steps + progress->step;
    char before[64], after[96];

    if (cmd->begin_ns == 0) {
        tyto_progress_restart(&cmd->progress);
        cmd->begin_ns = tyto_clock_mono_ns();
        cmd->begin_steps = (uint32_t)steps;
    }
    const double took_s = (double)(tyto_clock_mono_ns() - cmd->begin_ns) / 1e9;
    const double clips = (steps - cmd->begin_steps) * cmd->options.batch;

    snprintf(before, sizeof(before), "epoch %u of %u", progress->epoch, epochs);
    snprintf(after, sizeof(after), "loss %.4f  val %.1f %%  %.0f clips/s", (double)progress->loss,
             100 * (double)cmd->accuracy, took_s > 0 ? clips / took_s : 0);
    tyto_progress_put(&cmd->progress, steps, (double)epochs * progress->num_steps, before, after);
}

static void on_epoch(void *user, const struct tyto_run_epoch *epoch)
{
    struct train_cmd *cmd = user;
    const struct tyto_train_epoch *e = &epoch->figures;

    cmd->accuracy = e->val_accuracy;
    tyto_progress_clear(&cmd->progress);
    printf("epoch %3u  loss %.4f", e->epoch, (double)e->train_loss);
    if (tyto_train_data_val(&cmd->data))
        printf("  val loss %.4f  right %5.1f %%  F1 %.3f  mAP %.3f", (double)e->val_loss,
               100 * (double)e->val_accuracy, (double)e->val_f1, (double)e->val_map);
    printf("  %.1f s%s\n", epoch->took_s, e->is_best ? "  best" : "");
    fflush(stdout);
}

/* --- running --------------------------------------------------------------------------------- */

static enum tyto_err make_dir(const char *dir)
{
    if (tyto_folder_make(dir, 0777) == TYTO_OK)
        return TYTO_OK;
    fprintf(stderr, "tyto train: %s cannot be made: %s\n", dir, strerror(errno));
    return TYTO_ERR_IO;
}

/* A run that is there already is not overwritten by accident. */
static enum tyto_err check_dir(const struct train_cmd *cmd)
{
    char path[TYTO_RUN_PATH_MAX + 32];

    snprintf(path, sizeof(path), "%s/config.json", cmd->options.out);
    if (cmd->resumes || cmd->overwrites || access(path, F_OK) != 0)
        return TYTO_OK;
    fprintf(stderr,
            "tyto train: %s holds a run already: --resume goes on with it, --overwrite begins "
            "anew, or give another --out\n",
            cmd->options.out);
    return TYTO_ERR_EXISTS;
}

static enum tyto_err run_one(struct train_cmd *cmd, const char *dir,
                             struct tyto_run_result *ret_result)
{
    const struct tyto_run_params params = {
        .options = &cmd->options,
        .gpu = cmd->gpu,
        .gpu_params = &cmd->gpu_params,
        .ranks = cmd->ranks,
        .train = tyto_train_data_train(&cmd->data),
        .val = tyto_train_data_val(&cmd->data),
        .dir = dir,
        .visual_path = cmd->data.visual_path[0] ? cmd->data.visual_path : NULL,
        .audio_path = cmd->data.audio_path[0] ? cmd->data.audio_path : NULL,
        .resumes = cmd->resumes,
        .user = cmd,
        .on_note = on_note,
        .on_work = on_work,
        .on_step = on_step,
        .on_epoch = on_epoch,
        .should_stop = tyto_interrupt_should_stop,
    };
    struct tyto_fault fault = {0};
    enum tyto_err err = make_dir(dir);

    if (err)
        return err;
    cmd->begin_ns = 0;
    cmd->accuracy = 0;
    err = tyto_run(&params, ret_result, &fault);
    tyto_progress_clear(&cmd->progress);
    if (err && err != TYTO_ERR_CLOSED)
        tyto_fault_tell("train", &fault, err);
    if (err)
        return err;
    if (params.val)
        printf("%s: best epoch %u: %.1f %% of %u right, F1 %.3f\n", dir, ret_result->best_epoch,
               100 * (double)ret_result->accuracy, ret_result->num_rows,
               (double)ret_result->macro_f1);
    printf("%s/model.safetensors and model-card.md are written\n", dir);
    return TYTO_OK;
}

static enum tyto_err run_folds(struct train_cmd *cmd)
{
    const struct tyto_run_options *o = &cmd->options;
    struct tyto_train_folds folds = {.num = o->folds};
    struct tyto_fault fault = {0};
    char path[TYTO_RUN_PATH_MAX + 32];
    enum tyto_err err = make_dir(o->out);

    snprintf(path, sizeof(path), "%s/config.json", o->out);
    if (!err && !cmd->resumes) {
        err = tyto_run_write_options(path, o, &fault);
        if (err)
            tyto_fault_tell("train", &fault, err);
    }

    for (uint32_t i = 0; i < o->folds && !err; i++) {
        char dir[TYTO_RUN_PATH_MAX];
        struct tyto_run_result result = {0};

        if (snprintf(dir, sizeof(dir), "%s/fold-%u", o->out, i + 1) >= (int)sizeof(dir))
            return TYTO_ERR_INVALID;
        if (!cmd->resumes || tyto_run_read_result(dir, &result)) {
            printf("\nfold %u of %u\n", i + 1, o->folds);
            err = tyto_train_data_fold(&cmd->data, o->folds, i, o->seed);
            if (!err)
                err = run_one(cmd, dir, &result);
        }
        folds.figures[0][i] = (double)result.accuracy;
        folds.figures[1][i] = (double)result.macro_f1;
    }
    if (err)
        return err;
    tyto_train_folds_print(&folds);
    err = tyto_train_folds_write(&folds, o->out, &fault);
    if (err)
        tyto_fault_tell("train", &fault, err);
    return err;
}

static enum tyto_err open_gpu(struct train_cmd *cmd)
{
    enum tyto_err err = TYTO_OK;

    cmd->gpu_params = (struct tyto_gpu_params){.device = cmd->options.device};
    err = tyto_gpu_create(&cmd->gpu_params, &cmd->gpu);
    if (err)
        fprintf(stderr, "tyto train: --device %s: %s (tyto devices lists what there is)\n",
                cmd->options.device, tyto_err_text(err));
    return err;
}

static enum tyto_err wait_for_all(struct train_cmd *cmd)
{
    float nothing = 0;

    return tyto_ranks_sum(cmd->ranks, &nothing, 1);
}

/* Joins the processes of an mpirun; only the first one speaks. */
static enum tyto_err join(struct train_cmd *cmd)
{
    const enum tyto_err err = tyto_ranks_create(&cmd->ranks);

    if (err) {
        fprintf(stderr, "tyto train: the processes cannot work together: %s%s\n",
                tyto_err_text(err),
                err == TYTO_ERR_UNSUPPORTED ? " (this program was built without MPI)" : "");
        return err;
    }
    if (tyto_ranks_num(cmd->ranks) > 1 && cmd->options.folds > 0) {
        fprintf(stderr, "tyto train: --folds is for one process: leave out mpirun\n");
        return TYTO_ERR_INVALID;
    }
    if (tyto_ranks_rank(cmd->ranks) > 0) {
        cmd->no_progress = true;
        if (!freopen("/dev/null", "w", stdout))
            return TYTO_ERR_IO;
    }
    return TYTO_OK;
}

static void tell_interrupted(const struct train_cmd *cmd)
{
    char path[TYTO_RUN_PATH_MAX + 32];

    snprintf(path, sizeof(path), "%s/config.json", cmd->options.out);
    if (access(path, F_OK) == 0)
        fprintf(stderr, "tyto train: interrupted; go on with: tyto train %s --resume\n",
                cmd->options.out);
    else
        fprintf(stderr, "tyto train: interrupted; features made so far are kept: give the same "
                        "command again\n");
}

static enum tyto_err run(struct train_cmd *cmd)
{
    struct tyto_train_data_params data = {.options = &cmd->options,
                                          .progress = &cmd->progress,
                                          .should_stop = tyto_interrupt_should_stop,
                                          .user = cmd};
    struct tyto_run_result result = {0};
    const bool is_first = tyto_ranks_rank(cmd->ranks) == 0;
    enum tyto_err err = is_first ? check_dir(cmd) : TYTO_OK;

    if (!err)
        err = open_gpu(cmd);
    data.gpu = cmd->gpu;
    /* The first makes the features that are missing, before the others look for them. */
    if (!err && is_first)
        err = tyto_train_data_open(&data, &cmd->data);
    if (!err)
        err = wait_for_all(cmd);
    if (!err && !is_first)
        err = tyto_train_data_open(&data, &cmd->data);
    if (!err && cmd->options.folds > 0)
        err = run_folds(cmd);
    else if (!err)
        err = run_one(cmd, cmd->options.out, &result);
    tyto_progress_clear(&cmd->progress);
    if (err == TYTO_ERR_CLOSED && is_first)
        tell_interrupted(cmd);
    tyto_train_data_close(&cmd->data);
    tyto_gpu_destroy(&cmd->gpu);
    return err;
}

static int train(struct train_cmd *cmd)
{
    struct tyto_fault fault = {0};
    enum tyto_err err = complete_options(cmd, &fault);

    if (err)
        tyto_fault_tell("train", &fault, err);
    else
        err = join(cmd);
    tyto_interrupt_catch(INTERRUPTED); /* the second one means it */
    tyto_progress_init(&cmd->progress, !cmd->no_progress);
    if (!err)
        err = run(cmd);
    if (err && err != TYTO_ERR_CLOSED && cmd->ranks && tyto_ranks_num(cmd->ranks) > 1)
        tyto_ranks_abort(cmd->ranks, 1); /* the others would wait */
    tyto_ranks_destroy(&cmd->ranks);
    return !err ? 0 : err == TYTO_ERR_CLOSED ? INTERRUPTED : 1;
}

int tyto_cmd_train(int argc, char **argv)
{
    struct train_cmd cmd = {0};
    int status = 0, num_arguments = 0;

    if (tyto_options_read(&tyto_command_train, argc, argv, &cmd, &num_arguments, &status)) {
        const char *wrong = NULL;

        cmd.run = num_arguments > 0 ? argv[1] : NULL;
        wrong = num_arguments > 1 ? "one folder at a time" : find_wrong(&cmd);
        status = wrong ? tyto_options_complain(&tyto_command_train, wrong) : train(&cmd);
    }
    tyto_command_finish(&tyto_command_train, &cmd);
    return status;
}
