/* SPDX-License-Identifier: MIT */
/* tyto compose: labelled footage out of a folder of sounds and pictures. */
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
#include "trainer/compose/compose.h"

enum { MAX_CLASSES = 512, MAX_SHOWN_FAULTS = 30 };

static const char help[] =
    "tyto compose: build labelled footage out of sounds and pictures.\n\n"
    "usage: tyto compose MANIFEST.csv --out DIR [OPTION...]\n\n"
    "MANIFEST.csv: path,kind,class,split[,source]; kind is audio or image; paths count from the\n"
    "manifest's folder. Images of class 'background' are places, sounds of class 'other' noises;\n"
    "classes that are not asked for appear as distractors, without a label.\n\n"
    "  --out DIR             where clips and labels go; made if it is not there\n"
    "  --split NAME          only lines of this split (default train): splits never mix\n"
    "  --clips N             how many (default 100)\n"
    "  --seconds S           of each clip, 2..600 (default 10)\n"
    "  --seed N              the same seed and options give the same clips (default 1)\n"
    "  --classes A,B,...     what gets labels (default: all with sounds and pictures)\n"
    "  --size WxH            of the picture (default 320x240)\n"
    "  --fps X               frames per second, 1..60 (default 12.5)\n"
    "  --snr LOW:HIGH        dB of each sound over the noise (default 0:20)\n"
    "  --height LOW:HIGH     of objects, share of the picture's height (default 0.35:0.9)\n"
    "  --share KIND=X,...    how often a clip is about what: both, heard, seen, mismatch, "
    "several,\n"
    "                        nothing; kinds not named are left out\n"
    "                        (default both=0.5,heard=0.12,seen=0.12,mismatch=0.08,several=0.12,\n"
    "                        nothing=0.06)\n"
    "  --offset-s X          sound and picture of a camera differ by up to X s (default 0)\n"
    "  --clips-per-camera N  clips in a row by one camera: its offset and its faults (default 1)\n"
    "  --whole-seconds X     share of events that begin and end on whole seconds (default 0.5)\n"
    "  --distractors X       share of clips with an object, and with a sound, of no label\n"
    "                        (default 0.25)\n"
    "  --sheet N             DIR/sheet.html shows the first N clips (default 24)\n"
    "  --jobs N              threads (default: one per core)\n"
    "  --force               replace what is in DIR\n"
    "  --no-progress         no progress bar\n"
    "  --help                this text\n\n"
    "DIR then holds clip-000001.mp4..., labels.csv (for tyto label, features, train, eval; the\n"
    "truth of each stream on its own timeline), Annotations.txt (AVE's form), scene.jsonl (all "
    "that\n"
    "was drawn: boxes, loudness, offsets), sources.csv and compose.json.\n"
    "Exit status: 0 done, 1 failed or interrupted, 2 wrong usage.\n\n"
    "examples:\n"
    "  tyto compose data/manifest.csv --out train --clips 600\n"
    "  tyto compose data/manifest.csv --out val --split val --clips 160 --seed 2\n"
    "  tyto compose data/manifest.csv --out hard --classes dog,cat,guitar --snr -5:5 --offset-s "
    "0.4\n"
    "  tyto compose data/manifest.csv --out quiz --share mismatch=1,both=1 --seconds 60\n";

struct command {
    struct tyto_compose_options options;
    struct tyto_compose_params params;
    char *names; /* owned: what classes point into */
    const char *classes[MAX_CLASSES];
    uint32_t num_classes, num_faults;
    bool with_progress;
    struct tyto_progress progress;
};

/* --- options --------------------------------------------------------------------------------- */

static bool read_size(const char *text, struct tyto_compose_options *options)
{
    char *end;
    const unsigned long width = strtoul(text, &end, 10);
    const unsigned long height = *end == 'x' ? strtoul(end + 1, &end, 10) : 0;
    if (*end == '\0' && width >= 64 && width <= 1920 && height >= 64 && height <= 1920 &&
        (width | height) % 2 == 0) {
        options->width_px = (uint32_t)width;
        options->height_px = (uint32_t)height;
        return true;
    }
    fprintf(stderr, "tyto compose: --size wants WxH, even numbers from 64 to 1920, not '%s'\n",
            text);
    return false;
}

/* LOW:HIGH, min <= LOW <= HIGH <= max. */
static bool read_range(const char *name, const char *text, double min, double max, double *ret_low,
                       double *ret_high)
{
    char *end;
    const double low = strtod(text, &end);
    const double high = *end == ':' && end != text ? strtod(end + 1, &end) : NAN;
    if (*end == '\0' && low >= min && high >= low && high <= max) {
        *ret_low = low;
        *ret_high = high;
        return true;
    }
    fprintf(stderr, "tyto compose: --%s wants LOW:HIGH, from %g to %g, not '%s'\n", name, min, max,
            text);
    return false;
}

static bool read_shares(const char *text, struct tyto_compose_options *options)
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
            (*end != ',' && *end != '\0')) {
            fprintf(stderr,
                    "tyto compose: --share wants KIND=X,... with KIND both, heard, seen, mismatch, "
                    "several or nothing, not '%s'\n",
                    text);
            return false;
        }
        shares[kind] = share;
        sum += share;
        text = *end == ',' ? end + 1 : end;
    }
    if (sum > 0) {
        memcpy(options->shares, shares, sizeof(shares));
        return true;
    }
    fprintf(stderr, "tyto compose: --share: one kind at least has a share above 0\n");
    return false;
}

static bool read_classes(const char *text, struct command *command)
{
    free(command->names);
    command->num_classes = 0;
    command->names = strdup(text);
    for (char *at = command->names; at && *at;) {
        const size_t len = strcspn(at, ",");
        const bool is_last = at[len] == '\0';
        at[len] = '\0';
        if (len > 0 && command->num_classes < MAX_CLASSES)
            command->classes[command->num_classes++] = at;
        at += is_last ? len : len + 1;
    }
    if (command->num_classes > 0)
        return true;
    fprintf(stderr, "tyto compose: --classes wants names with commas between\n");
    return false;
}

enum opt {
    OPT_OUT = 256,
    OPT_SPLIT,
    OPT_CLIPS,
    OPT_SECONDS,
    OPT_SEED,
    OPT_CLASSES,
    OPT_SIZE,
    OPT_FPS,
    OPT_SNR,
    OPT_HEIGHT,
    OPT_SHARE,
    OPT_OFFSET,
    OPT_CLIPS_PER_CAMERA,
    OPT_WHOLE_SECONDS,
    OPT_DISTRACTORS,
    OPT_SHEET,
    OPT_JOBS,
    OPT_FORCE,
    OPT_NO_PROGRESS,
    OPT_HELP,
};

static const struct option options[] = {
    {"out", required_argument, NULL, OPT_OUT},
    {"split", required_argument, NULL, OPT_SPLIT},
    {"clips", required_argument, NULL, OPT_CLIPS},
    {"seconds", required_argument, NULL, OPT_SECONDS},
    {"seed", required_argument, NULL, OPT_SEED},
    {"classes", required_argument, NULL, OPT_CLASSES},
    {"size", required_argument, NULL, OPT_SIZE},
    {"fps", required_argument, NULL, OPT_FPS},
    {"snr", required_argument, NULL, OPT_SNR},
    {"height", required_argument, NULL, OPT_HEIGHT},
    {"share", required_argument, NULL, OPT_SHARE},
    {"offset-s", required_argument, NULL, OPT_OFFSET},
    {"clips-per-camera", required_argument, NULL, OPT_CLIPS_PER_CAMERA},
    {"whole-seconds", required_argument, NULL, OPT_WHOLE_SECONDS},
    {"distractors", required_argument, NULL, OPT_DISTRACTORS},
    {"sheet", required_argument, NULL, OPT_SHEET},
    {"jobs", required_argument, NULL, OPT_JOBS},
    {"force", no_argument, NULL, OPT_FORCE},
    {"no-progress", no_argument, NULL, OPT_NO_PROGRESS},
    {"help", no_argument, NULL, OPT_HELP},
    {NULL, 0, NULL, 0},
};

static bool take_count(struct command *command, enum opt option, const char *text)
{
    uint64_t value = 0;
    bool ok;
    if (option == OPT_CLIPS) {
        ok = tyto_option_count("compose", "clips", text, 1, 999999, &value);
        command->params.num_clips = (uint32_t)value;
    } else if (option == OPT_SEED) {
        ok = tyto_option_count("compose", "seed", text, 0, INT64_MAX, &command->options.seed);
    } else if (option == OPT_CLIPS_PER_CAMERA) {
        ok = tyto_option_count("compose", "clips-per-camera", text, 1, 999999, &value);
        command->options.clips_per_camera = (uint32_t)value;
    } else if (option == OPT_SHEET) {
        ok = tyto_option_count("compose", "sheet", text, 0, 1000, &value);
        command->params.num_shown = (uint32_t)value;
    } else {
        ok = tyto_option_count("compose", "jobs", text, 1, 64, &value);
        command->params.num_jobs = (uint32_t)value;
    }
    return ok;
}

static bool take_option(struct command *command, enum opt option, const char *text)
{
    struct tyto_compose_options *chosen = &command->options;
    if (option == OPT_SECONDS)
        return tyto_option_number("compose", "seconds", text, 2, 600, &chosen->seconds);
    if (option == OPT_OFFSET)
        return tyto_option_number("compose", "offset-s", text, 0, 5, &chosen->max_offset_s);
    if (option == OPT_WHOLE_SECONDS)
        return tyto_option_number("compose", "whole-seconds", text, 0, 1, &chosen->whole_seconds);
    if (option == OPT_DISTRACTORS)
        return tyto_option_number("compose", "distractors", text, 0, 1, &chosen->distractors);
    if (option == OPT_FPS) {
        const bool ok = tyto_option_number("compose", "fps", text, 1, 60, &chosen->fps);
        chosen->fps = round(chosen->fps * 1000) / 1000;
        return ok;
    }
    if (option == OPT_SIZE)
        return read_size(text, chosen);
    if (option == OPT_SNR)
        return read_range("snr", text, -40, 80, &chosen->min_snr_db, &chosen->max_snr_db);
    if (option == OPT_HEIGHT)
        return read_range("height", text, 0.02, 1, &chosen->min_height, &chosen->max_height);
    if (option == OPT_SHARE)
        return read_shares(text, chosen);
    if (option == OPT_CLASSES)
        return read_classes(text, command);
    return take_count(command, option, text);
}

/* 0: go on; else the exit status + 1. */
static int read_options(struct command *command, int argc, char **argv)
{
    opterr = 0;
    optind = 0;
    for (int option; (option = getopt_long(argc, argv, ":h", options, NULL)) != -1;) {
        switch (option) {
        case OPT_OUT:
            command->params.folder = optarg;
            break;
        case OPT_SPLIT:
            command->params.split = optarg;
            break;
        case OPT_FORCE:
            command->params.replaces = true;
            break;
        case OPT_NO_PROGRESS:
            command->with_progress = false;
            break;
        case OPT_HELP:
        case 'h':
            fputs(help, stdout);
            return 1;
        case ':':
        case '?':
            tyto_option_unknown("compose", option, argv[optind - 1]);
            return 3;
        default:
            if (!take_option(command, (enum opt)option, optarg))
                return 3;
        }
    }
    if (optind + 1 != argc || !command->params.folder) {
        fprintf(stderr, "tyto compose: %s. See tyto compose --help.\n",
                optind >= argc      ? "no manifest was named"
                : optind + 1 < argc ? "one manifest only"
                                    : "no folder was named (--out DIR)");
        return 3;
    }
    command->params.manifest = argv[optind];
    return 0;
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

static void print_result(const struct command *command, const struct tyto_compose_result *result,
                         double took_s)
{
    uint32_t num_acts = 0;
    for (int i = 0; i < TYTO_COMPOSE_NUM_KINDS; i++)
        num_acts += result->num_acts[i];
    printf("%u clips of %g s in %s (%.1f s, %.1f x real time), %u labels of %u classes\n",
           result->num_clips, command->options.seconds, command->params.folder, took_s,
           result->num_clips * command->options.seconds / fmax(took_s, 1e-3), result->num_labels,
           command->params.stock->num_wanted);
    for (int i = 0; i < TYTO_COMPOSE_NUM_KINDS && num_acts > 0; i++)
        printf("  %-9s %5u  %4.1f %%\n", tyto_compose_kind_names[i], result->num_acts[i],
               100.0 * result->num_acts[i] / num_acts);
}

static int compose(struct command *command, const struct tyto_compose_stock *stock)
{
    struct tyto_compose_result result;
    struct tyto_fault fault = {0};
    command->params.stock = stock;
    tyto_progress_init(&command->progress, command->with_progress);
    const uint64_t begin_ns = tyto_clock_mono_ns();
    const enum tyto_err err = tyto_compose(&command->params, &result, &fault);
    tyto_progress_clear(&command->progress);
    if (err != TYTO_OK) {
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
    struct tyto_compose_stock stock = {0};
    const struct tyto_compose_stock_params stock_params = {
        .manifest = command->params.manifest,
        .split = command->params.split,
        .classes = command->num_classes ? command->classes : NULL,
        .num_classes = command->num_classes,
        .user = command,
        .on_fault = on_fault,
    };
    const enum tyto_err err = tyto_compose_stock_read(&stock_params, &stock);
    if (err != TYTO_OK) {
        if (command->num_faults > MAX_SHOWN_FAULTS)
            fprintf(stderr, "... and %u more\n", command->num_faults - MAX_SHOWN_FAULTS);
        fprintf(stderr, "tyto compose: nothing was made: %s\n", tyto_err_text(err));
        return 1;
    }
    const int status = compose(command, &stock);
    tyto_compose_stock_finish(&stock);
    return status;
}

int tyto_cmd_compose(int argc, char **argv)
{
    const long num_cores = sysconf(_SC_NPROCESSORS_ONLN);
    struct command command = {
        .params = {.split = "train",
                   .num_clips = 100,
                   .num_jobs = num_cores < 1    ? 1
                               : num_cores > 64 ? 64
                                                : (uint32_t)num_cores,
                   .num_shown = 24,
                   .stop = tyto_interrupt_flag(),
                   .user = &command,
                   .on_progress = on_progress},
        .with_progress = true,
    };
    command.params.options = &command.options;
    tyto_compose_options_default(&command.options);
    int status = read_options(&command, argc, argv) - 1;
    if (status < 0) {
        tyto_interrupt_catch(0);
        status = run(&command);
    }
    free(command.names);
    return status;
}
