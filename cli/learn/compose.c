/* SPDX-License-Identifier: MIT */
/* tyto compose: labelled footage out of a folder of sounds and pictures. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "cli/common/fault.h"
#include "cli/common/interrupt.h"
#include "cli/common/options.h"
#include "cli/common/progress.h"
#include "cli/learn/learn.h"
#include "options/common.h"
#include "trainer/compose/compose.h"

enum { MAX_CLASSES = 512, MAX_SHOWN_FAULTS = 30 };

struct command {
    struct tyto_compose_options options;
    struct tyto_compose_params params;
    char *split, *folder, *wanted; /* owned; wanted: class names with commas between */
    const char *classes[MAX_CLASSES];
    uint32_t num_classes, num_faults;
    bool without_progress;
    struct tyto_progress progress;
};

/* --- options --------------------------------------------------------------------------------- */

/* Width and height, which lie side by side. */
static enum tyto_err set_size(void *value, const char *text, struct tyto_fault *ret_fault)
{
    uint32_t *size = value;
    char *end;
    const unsigned long width = strtoul(text, &end, 10);
    const unsigned long height = *end == 'x' ? strtoul(end + 1, &end, 10) : 0;
    if (*end != '\0' || width < 64 || width > 1920 || height < 64 || height > 1920 ||
        (width | height) % 2 != 0)
        return tyto_fault_set(ret_fault, TYTO_ERR_INVALID, NULL, 0, NULL,
                              "'%.40s' must be WxH, even numbers from 64 to 1920", text);
    size[0] = (uint32_t)width;
    size[1] = (uint32_t)height;
    return TYTO_OK;
}

static void print_size(const void *value, char *ret_text, size_t text_bytes)
{
    const uint32_t *size = value;
    snprintf(ret_text, text_bytes, "%ux%u", size[0], size[1]);
}

static enum tyto_err set_shares(void *value, const char *text, struct tyto_fault *ret_fault)
{
    double shares[TYTO_COMPOSE_NUM_KINDS] = {0}, sum = 0;
    while (*text) {
        const size_t len = strcspn(text, "=,");
        int kind = 0;
        while (kind < TYTO_COMPOSE_NUM_KINDS &&
               (strlen(tyto_compose_kind_names[kind]) != len ||
                strncmp(tyto_compose_kind_names[kind], text, len) != 0))
            kind++;
        char *end = NULL;
        const double share = text[len] == '=' ? strtod(text + len + 1, &end) : -1;
        if (kind == TYTO_COMPOSE_NUM_KINDS || !(share >= 0 && share <= 1000) ||
            (*end != ',' && *end != '\0'))
            return tyto_fault_set(ret_fault, TYTO_ERR_INVALID, NULL, 0, NULL,
                                  "'%.60s' must be KIND=X,... with KIND both, heard, seen, "
                                  "mismatch, several or nothing",
                                  text);
        shares[kind] = share;
        sum += share;
        text = *end == ',' ? end + 1 : end;
    }
    if (!(sum > 0))
        return tyto_fault_set(ret_fault, TYTO_ERR_INVALID, NULL, 0, NULL,
                              "one kind at least must have a share above 0");
    memcpy(value, shares, sizeof(shares));
    return TYTO_OK;
}

static void print_shares(const void *value, char *ret_text, size_t text_bytes)
{
    const double *shares = value;
    size_t num = 0;
    ret_text[0] = '\0';
    for (int i = 0; i < TYTO_COMPOSE_NUM_KINDS && num < text_bytes; i++) {
        const int len = snprintf(ret_text + num, text_bytes - num, "%s%s=%g", i ? "," : "",
                                 tyto_compose_kind_names[i], shares[i]);
        num += len > 0 ? (size_t)len : 0;
    }
}

#define CORES_LIST(X) X(0, "cores", "one for each core")
/* clang-format off */
#define AT(field) TYTO_OPTION_AT(struct command, field)
#define F64(key_, field, min_, max_, help_)                                                        \
    {.key = key_, .type = TYTO_OPTION_F64, AT(field), .min = min_, .max = max_, .help = help_}
#define U32(key_, field, min_, max_, help_)                                                        \
    {.key = key_, .type = TYTO_OPTION_U32, AT(field), .min = min_, .max = max_, .help = help_}
#define RANGE(key_, field, min_, max_, help_)                                                      \
    {.key = key_, .type = TYTO_OPTION_RANGE, AT(field), .min = min_, .max = max_, .help = help_}
static const struct tyto_option rows[] = {
    {.key = "out", .type = TYTO_OPTION_TEXT, AT(folder), .value = "DIR", .is_needed = true,
     .help = "where clips and labels go; made if it is not there"},
    {.key = "split", .type = TYTO_OPTION_TEXT, AT(split), .value = "NAME",
     .help = "only lines of this split: splits never mix"},
    U32("clips", params.num_clips, 1, 999999, "how many"),
    F64("seconds", options.seconds, 2, 600, "of each clip"),
    {.key = "seed", .type = TYTO_OPTION_U64, AT(options.seed), .max = 9e18,
     .help = "the same seed and options give the same clips"},
    {.key = "classes", .type = TYTO_OPTION_TEXT, AT(wanted), .value = "A,B,...",
     .absent = "all with sounds and pictures", .help = "what gets labels"},
    {.key = "jobs", .type = TYTO_OPTION_U32, AT(params.num_jobs), .min = 1, .max = 64,
     .words = TYTO_WORDS(CORES_LIST), .help = "threads"},
    {.key = "force", .type = TYTO_OPTION_FLAG, AT(params.replaces), .help = "replace what is in DIR"},
    U32("sheet", params.num_shown, 0, 1000, "DIR/sheet.html shows so many clips, the first ones"),
    TYTO_OPTION_NO_PROGRESS(struct command, without_progress),
};
static const struct tyto_option scene_rows[] = {
    {.key = "size", .type = TYTO_OPTION_OTHER, AT(options.width_px), .value = "WxH",
     .set = set_size, .print = print_size, .help = "of the picture"},
    F64("fps", options.fps, 1, 60, "frames per second"),
    RANGE("snr", options.min_snr_db, -40, 80, "dB of each sound over the noise"),
    RANGE("height", options.min_height, 0.02, 1, "of objects, share of the picture's height"),
    {.key = "share", .type = TYTO_OPTION_OTHER, AT(options.shares), .value = "KIND=X,...",
     .set = set_shares, .print = print_shares,
     .help = "how often a clip is about what: both, heard, seen, mismatch, several, nothing; kinds "
             "not named are left out"},
    F64("offset_s", options.max_offset_s, 0, 5,
        "sound and picture of a camera differ by up to so many seconds"),
    U32("clips_per_camera", options.clips_per_camera, 1, 999999,
        "clips in a row by one camera: its offset and its faults"),
    F64("whole_seconds", options.whole_seconds, 0, 1,
        "share of events that begin and end on whole seconds"),
    F64("lags", options.lags, 0, 1,
        "share of events that begin, and that end, up to 1.5 s apart in the two streams"),
    F64("moving", options.moving, 0, 1,
        "share of objects that move with the loudness of their own sound, or, silent ones, to a "
        "rhythm of their own"),
    F64("distractors", options.distractors, 0, 1,
        "share of clips with an object, and with a sound, of no label"),
    {.key = "still", .type = TYTO_OPTION_FLAG, AT(options.is_still),
     .help = "the camera stands still before one place for a whole clip"},
    F64("quiet_s", options.quiet_s, 0, 4,
        "nothing happens for so many seconds at the begin and at the end of each ten"),
};
#undef AT
/* clang-format on */

static const struct tyto_option_group groups[] = {
    {.rows = rows, .num_rows = TYTO_NUM_ROWS(rows)},
    {.title = "What the clips show", .rows = scene_rows, .num_rows = TYTO_NUM_ROWS(scene_rows)},
};
static const struct tyto_command_argument arguments[] = {
    {"MANIFEST", "path,kind,class,split[,source]; kind is audio or image; paths count from its "
                 "folder. Images of class 'background' are places, sounds of class 'other' noises; "
                 "classes that are not asked for appear as distractors, without a label"},
    {NULL, NULL}};

static enum tyto_err init_command(void *target)
{
    struct command *command = target;
    command->params.num_clips = 100;
    command->params.num_shown = 24;
    command->split = strdup("train");
    tyto_compose_options_default(&command->options);
    return command->split ? TYTO_OK : TYTO_ERR_NOMEM;
}

const struct tyto_command tyto_command_compose = {
    .name = "tyto compose",
    .summary = "build labelled footage out of sounds and pictures",
    .usage = "tyto compose MANIFEST.csv --out DIR [OPTION...]",
    .arguments = arguments,
    .groups = groups,
    .num_groups = TYTO_NUM_ROWS(groups),
    .notes =
        "DIR then holds clip-000001.mp4..., labels.csv (for tyto label, features, train, eval; the "
        "truth of each stream on its own timeline), Annotations.txt (AVE's form), scene.jsonl (all "
        "that was drawn: boxes, loudness, offsets), sources.csv and compose.json.\n\n"
        "Exit status: 0 done, 1 failed or interrupted, 2 wrong usage.",
    .examples =
        "tyto compose data/manifest.csv --out train --clips 600\n"
        "tyto compose data/manifest.csv --out val --split val --clips 160 --seed 2\n"
        "tyto compose data/manifest.csv --out hard --classes dog,cat,guitar --snr -5:5 "
        "--offset-s 0.4\n"
        "tyto compose data/manifest.csv --out quiz --share mismatch=1,both=1 --seconds 60\n",
    .target_bytes = sizeof(struct command),
    .init = init_command,
};

/* The names in `wanted`, which is cut at its commas. */
static void list_classes(struct command *command)
{
    for (char *at = command->wanted; at && *at;) {
        const size_t len = strcspn(at, ",");
        const bool is_last = at[len] == '\0';
        at[len] = '\0';
        if (len > 0 && command->num_classes < MAX_CLASSES)
            command->classes[command->num_classes++] = at;
        at += is_last ? len : len + 1;
    }
}

/* --- running ------------------------------------------------------------------------------------
 */

static void on_fault(void *user, const struct tyto_fault *fault)
{
    struct command *command = user;
    if (command->num_faults++ < MAX_SHOWN_FAULTS)
        tyto_fault_list("", fault);
}

static void on_progress(void *user, uint32_t num_done)
{
    struct command *command = user;
    tyto_progress_put(&command->progress, num_done, command->params.num_clips, "clips", NULL);
}

/* What follows from the options; NULL, or what is wrong with them. */
static const char *settle(struct command *command, char **files, int num_arguments)
{
    const long num_cores = sysconf(_SC_NPROCESSORS_ONLN);
    struct tyto_compose_params *params = &command->params;
    list_classes(command);
    if (num_arguments != 1)
        return num_arguments == 0 ? "no manifest was named" : "one manifest only";
    if (!command->folder)
        return "no folder was named (--out DIR)";
    if (command->wanted && command->num_classes == 0)
        return "--classes wants names with commas between";
    command->options.fps = round(command->options.fps * 1000) / 1000;
    params->manifest = files[0];
    params->folder = command->folder;
    params->split = command->split;
    params->options = &command->options;
    params->stop = tyto_interrupt_flag();
    params->user = command;
    params->on_progress = on_progress;
    if (params->num_jobs == 0)
        params->num_jobs = num_cores < 1 ? 1 : num_cores > 64 ? 64 : (uint32_t)num_cores;
    return NULL;
}

static void print_result(const struct command *command, const struct tyto_compose_result *result,
                         double took_s)
{
    uint32_t num_acts = 0;
    for (int i = 0; i < TYTO_COMPOSE_NUM_KINDS; i++)
        num_acts += result->num_acts[i];
    printf("%u clips of %g s in %s (%.1f s, %.1f x real time), %u labels of %u classes\n",
           result->num_clips, command->options.seconds, command->params.folder, took_s,
           result->num_clips * command->options.seconds / fmax(took_s, 1e-3), result->num_labels,
           command->params.assets->num_wanted);
    for (int i = 0; i < TYTO_COMPOSE_NUM_KINDS && num_acts > 0; i++)
        printf("  %-9s %5u  %4.1f %%\n", tyto_compose_kind_names[i], result->num_acts[i],
               100.0 * result->num_acts[i] / num_acts);
}

static int compose(struct command *command, const struct tyto_compose_assets *assets)
{
    struct tyto_compose_result result;
    struct tyto_fault fault = {0};
    command->params.assets = assets;
    tyto_progress_init(&command->progress, !command->without_progress);
    const uint64_t begin_ns = tyto_clock_mono_ns();
    const enum tyto_err err = tyto_compose(&command->params, &result, &fault);
    tyto_progress_clear(&command->progress);
    if (err) {
        tyto_fault_tell("compose", &fault, err);
        return 1;
    }
    print_result(command, &result, (double)(tyto_clock_mono_ns() - begin_ns) / 1e9);
    if (result.was_stopped)
        fprintf(stderr, "tyto compose: interrupted; what was made is labelled\n");
    return result.was_stopped ? 1 : 0;
}

static int run(struct command *command)
{
    struct tyto_compose_assets assets = {0};
    const struct tyto_compose_assets_params assets_params = {
        .manifest = command->params.manifest,
        .split = command->params.split,
        .classes = command->num_classes ? command->classes : NULL,
        .num_classes = command->num_classes,
        .user = command,
        .on_fault = on_fault,
    };
    const enum tyto_err err = tyto_compose_assets_read(&assets_params, &assets);
    if (err) {
        if (command->num_faults > MAX_SHOWN_FAULTS)
            fprintf(stderr, "... and %u more\n", command->num_faults - MAX_SHOWN_FAULTS);
        if (command->num_faults > 0)
            fprintf(stderr, "tyto compose: nothing was made: mend what is said above first\n");
        else
            fprintf(stderr, "tyto compose: nothing was made: %s\n", tyto_err_text(err));
        return 1;
    }
    const int status = compose(command, &assets);
    tyto_compose_assets_finish(&assets);
    return status;
}

int tyto_cmd_compose(int argc, char **argv)
{
    static struct command command;
    int status = 0, num_arguments = 0;
    if (tyto_options_read(&tyto_command_compose, argc, argv, &command, &num_arguments, &status)) {
        const char *wrong = settle(&command, argv + 1, num_arguments);
        if (wrong) {
            status = tyto_options_complain(&tyto_command_compose, wrong);
        } else {
            tyto_interrupt_catch(0);
            status = run(&command);
        }
    }
    tyto_command_finish(&tyto_command_compose, &command);
    return status;
}
