/* SPDX-License-Identifier: MIT */
/* tyto model fetch: a network from its public address. What comes is what was known before, to the
 * byte; tyto model import then makes an encoder of it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/common/fault.h"
#include "cli/common/interrupt.h"
#include "cli/common/options.h"
#include "cli/common/progress.h"
#include "cli/fetch/fetch.h"
#include "cli/model/internal.h"
#include "options/common.h"

enum { INTERRUPTED = 130 };

struct known {
    const char *name, *url, *sha256;
    uint64_t num_bytes;
    const char *license;
};

/* Google's YAMNet as a TFLite file with its front end inside, as TensorFlow's examples fetch it. */
static const struct known models[] = {
    {"yamnet",
     "https://storage.googleapis.com/download.tensorflow.org/models/tflite/task_library/"
     "audio_classification/android/lite-model_yamnet_classification_tflite_1.tflite",
     "10c95ea3eb9a7bb4cb8bddf6feb023250381008177ac162ce169694d05c317de", 4126810, "Apache-2.0"},
};

struct fetch_options {
    char *out, *url, *sha256; /* owned */
    double timeout_s, stall_s;
    bool without_progress;
    struct tyto_progress progress;
};

static enum tyto_err check_sha256(const char *text, struct tyto_fault *ret_fault)
{
    if (strlen(text) == 64 && strspn(text, "0123456789abcdef") == 64)
        return TYTO_OK;
    return tyto_fault_set(ret_fault, TYTO_ERR_INVALID, NULL, 0, NULL,
                          "'%.70s' must be 64 digits of 0-9 a-f", text);
}

/* clang-format off */
#define AT(field) TYTO_OPTION_AT(struct fetch_options, field)
static const struct tyto_option rows[] = {
    {.key = "out", .letter = 'o', .type = TYTO_OPTION_TEXT, AT(out), .value = "FILE",
     .absent = "audio.safetensors", .help = "the encoder; OUT.download is what came so far"},
    {.key = "url", .type = TYTO_OPTION_TEXT, AT(url), .value = "URL",
     .absent = "the public address", .help = "the same bytes from elsewhere: a mirror of your own"},
    {.key = "sha256", .type = TYTO_OPTION_TEXT, AT(sha256), .value = "DIGITS", .is_hidden = true,
     .check = check_sha256, .help = "of another version of the file"},
    {.key = "timeout_s", .type = TYTO_OPTION_F64, AT(timeout_s), .min = 1, .max = 86400,
     .unit = "s", .help = "give up after so long; what came stays, and the next call goes on"},
    {.key = "stall_s", .type = TYTO_OPTION_F64, AT(stall_s), .min = 1, .max = 3600, .unit = "s",
     .help = "without a byte, connect again"},
    TYTO_OPTION_NO_PROGRESS(struct fetch_options, without_progress),
};
#undef AT
/* clang-format on */

static enum tyto_err init_fetch(void *target)
{
    struct fetch_options *options = target;
    options->timeout_s = 600;
    options->stall_s = 30;
    return TYTO_OK;
}

static const struct tyto_option_group groups[] = {
    {.title = "Options", .rows = rows, .num_rows = TYTO_NUM_ROWS(rows)}};
static const struct tyto_command_argument arguments[] = {
    {"yamnet", "Google's encoder of sound, 521 classes (Apache-2.0)"}, {NULL, NULL}};

const struct tyto_command tyto_command_model_fetch = {
    .name = "tyto model fetch",
    .summary = "a network from its public address, as an encoder",
    .usage = "tyto model fetch yamnet [-o FILE] [OPTION...]",
    .arguments = arguments,
    .groups = groups,
    .num_groups = TYTO_NUM_ROWS(groups),
    .notes = "Size and SHA-256 are known before: anything else is refused. A head learns from one "
             "encoder: train one on this (tyto train --models DIR) before tytod hears with it.\n\n"
             "Exit status: 0 done, 1 failed, 2 wrong usage, 130 interrupted.",
    .examples = "tyto model fetch yamnet -o models/audio.safetensors\n",
    .target_bytes = sizeof(struct fetch_options),
    .init = init_fetch,
};

static bool on_progress(void *user, uint64_t num_done, uint64_t total)
{
    struct fetch_options *options = user;
    char amount[48];
    snprintf(amount, sizeof(amount), "%.1f MB", (double)num_done / 1e6);
    tyto_progress_put(&options->progress, (double)num_done, (double)total, "fetch", amount);
    return !tyto_interrupt_came();
}

static int fetch(struct fetch_options *options, const struct known *known,
                 struct tyto_model_fetched *ret_fetched)
{
    struct tyto_fault fault = {0};
    const struct tyto_fetch_params params = {
        .url = options->url ? options->url : known->url,
        .path = ret_fetched->path,
        .sha256 = options->sha256 ? options->sha256 : known->sha256,
        .max_bytes = known->num_bytes,
        .timeout_s = options->timeout_s,
        .stall_s = options->stall_s,
        .user = options,
        .on_progress = on_progress,
    };
    tyto_interrupt_catch(INTERRUPTED);
    tyto_progress_init(&options->progress, !options->without_progress);
    const enum tyto_err err = tyto_fetch(&params, &fault);
    tyto_progress_clear(&options->progress);
    if (err == TYTO_ERR_CLOSED)
        return INTERRUPTED;
    if (err)
        tyto_fault_tell("model fetch", &fault, err);
    ret_fetched->license = known->license;
    return err ? 1 : 0;
}

int tyto_model_fetch(int argc, char **argv, struct tyto_model_fetched *ret_fetched)
{
    const struct tyto_command *command = &tyto_command_model_fetch;
    struct fetch_options options = {0};
    const struct known *known = NULL;
    int status = 0, num_arguments = 0;
    *ret_fetched = (struct tyto_model_fetched){0};
    if (tyto_options_read(command, argc, argv, &options, &num_arguments, &status)) {
        for (size_t i = 0; num_arguments == 1 && i < sizeof(models) / sizeof(models[0]); i++)
            if (strcmp(argv[1], models[i].name) == 0)
                known = &models[i];
        const char *out = options.out ? options.out : "audio.safetensors";
        const int out_bytes = snprintf(ret_fetched->out, sizeof(ret_fetched->out), "%s", out);
        const int path_bytes =
            snprintf(ret_fetched->path, sizeof(ret_fetched->path), "%s.download", out);
        if (!known)
            status = tyto_options_complain(command, "which one? yamnet is known");
        else if (out_bytes >= (int)sizeof(ret_fetched->out) ||
                 path_bytes >= (int)sizeof(ret_fetched->path))
            status = tyto_options_complain(command, "the name is too long");
        else
            status = fetch(&options, known, ret_fetched);
        ret_fetched->is_there = known && status == 0;
    }
    tyto_command_finish(command, &options);
    return status;
}
