/* SPDX-License-Identifier: MIT */
/* tyto sync: how far a recording's or a camera's sound lies behind its picture. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/secret.h"
#include "cli/common/interrupt.h"
#include "cli/common/progress.h"
#include "cli/look/look.h"
#include "cli/sync/follow.h"
#include "cli/sync/plot.h"
#include "files/json.h"
#include "options/command.h"

enum { MAX_KEPT = 4096 /* estimates for the plot; then every second one goes */ };

struct options {
    bool json, no_progress;
    char *plot, *audio, *step;
    double audio_shift_s, audio_drift_ppm, end_s, every_s, memory_s;
};

#define AT(field) TYTO_OPTION_AT(struct options, field)
static const struct tyto_option rows[] = {
    {.key = "json",
     .type = TYTO_OPTION_FLAG,
     AT(json),
     .help = "a JSON object a line: estimates over time, then the result"},
    {.key = "plot",
     .type = TYTO_OPTION_TEXT,
     AT(plot),
     .is_place = true,
     .value = "FILE",
     .help = "write an HTML page: offset over time, how each lag agrees, a map of where"},
    {.key = "every_s",
     .type = TYTO_OPTION_F64,
     AT(every_s),
     .min = 1,
     .max = 3600,
     .unit = "s",
     .help = "how often an estimate is told"},
    {.key = "seconds",
     .type = TYTO_OPTION_F64,
     AT(end_s),
     .min = 0,
     .max = 1e7,
     .unit = "s",
     .help = "read no more than this; 0: all of it"},
    {.key = "memory_s",
     .type = TYTO_OPTION_F64,
     AT(memory_s),
     .min = 10,
     .max = 1e6,
     .unit = "s",
     .help = "evidence counts 1/e after so much more of it"},
    {.key = "audio",
     .type = TYTO_OPTION_TEXT,
     AT(audio),
     .is_place = true,
     .value = "FILE",
     .help = "take the sound of another file: what shares nothing should not be believed"},
    {.key = "audio_shift",
     .type = TYTO_OPTION_F64,
     AT(audio_shift_s),
     .min = -10,
     .max = 10,
     .unit = "s",
     .help = "move the sound by so much, for trying: it comes out as that much more offset"},
    {.key = "audio_step",
     .type = TYTO_OPTION_TEXT,
     AT(step),
     .value = "T:S",
     .help = "move the sound by S seconds more from second T on, for trying"},
    {.key = "audio_drift",
     .type = TYTO_OPTION_F64,
     AT(audio_drift_ppm),
     .min = -10000,
     .max = 10000,
     .unit = "ppm",
     .help = "move the sound by so many microseconds more each second, for trying"},
    {.key = "no_progress", .type = TYTO_OPTION_FLAG, AT(no_progress), .help = "no progress bar"},
};
#undef AT

static const struct tyto_command_argument arguments[] = {
    {"FILE", "a recording, or any URI that tytod takes; cameras are followed until Ctrl-C"},
    {NULL, NULL}};

static enum tyto_err init_options(void *memory)
{
    struct options *options = memory;
    options->every_s = 10;
    options->memory_s = 120;
    return TYTO_OK;
}

static const struct tyto_option_group groups[] = {
    {.title = "Options", .rows = rows, .num_rows = TYTO_NUM_ROWS(rows)}};

const struct tyto_command tyto_command_sync = {
    .name = "tyto sync",
    .summary = "how far sound lies behind picture, from what moves when it sounds",
    .usage = "tyto sync FILE|URI [OPTION...]",
    .text = "Onsets of sound are compared with motion in each part of the picture, at every lag up "
            "to 2.5 s either way, and with sound moved by many seconds, which shows what comes by "
            "chance. Every picture is decoded. Half a minute to two minutes in which something is "
            "both seen and heard are needed; streams that share nothing are said to be not "
            "synchronizable.",
    .arguments = arguments,
    .groups = groups,
    .num_groups = 1,
    .notes = "A positive offset is sound that comes late: av_offset_ms of a camera's configuration "
             "takes that number.\n\nExit status: 0 an offset is known, 1 it could not be read, "
             "2 wrong usage, 3 no offset is believed.",
    .examples = "tyto sync clip.mp4 --plot clip.html\n"
                "tyto sync rtsp://camera.local/stream --seconds 120\n"
                "tyto sync clip.mp4 --audio-shift 0.5 --json",
    .target_bytes = sizeof(struct options),
    .init = init_options,
};

struct run {
    const struct options *options;
    const char *file; /* as it is shown */
    struct tyto_progress progress;
    struct tyto_sync_estimate *kept; /* owned, (MAX_KEPT) */
    uint32_t num_kept, keep_every, num_told;
};

/* --- telling --------------------------------------------------------------------------------- */

static void put_json(const struct run *run, const char *type,
                     const struct tyto_sync_estimate *estimate)
{
    const bool known = estimate->status == TYTO_SYNC_CONFIDENT;
    struct tyto_json *json = tyto_json_new_object();
    bool ok = tyto_json_set(json, "type", tyto_json_new_string(type));
    ok &= tyto_json_set(json, "file", tyto_json_new_string(run->file));
    ok &= tyto_json_set(json, "time_s", tyto_json_new_f64((double)estimate->time_ns / 1e9));
    ok &= tyto_json_set(json, "status",
                        tyto_json_new_string(tyto_sync_status_text(estimate->status)));
    ok &= tyto_json_set(json, known ? "offset_ms" : "best_ms",
                        tyto_json_new_f64((double)estimate->offset_ns / 1e6));
    ok &= tyto_json_set(json, "low_ms", tyto_json_new_f64((double)estimate->low_ns / 1e6));
    ok &= tyto_json_set(json, "high_ms", tyto_json_new_f64((double)estimate->high_ns / 1e6));
    ok &= tyto_json_set(json, "confidence", tyto_json_new_f64(estimate->confidence));
    ok &= tyto_json_set(json, "score", tyto_json_new_f64(estimate->score));
    ok &= tyto_json_set(json, "evidence_s", tyto_json_new_f64(estimate->evidence_s));
    if (estimate->has_drift) {
        ok &= tyto_json_set(json, "drift_ppm", tyto_json_new_f64(estimate->drift_ppm));
        ok &= tyto_json_set(json, "drift_error_ppm", tyto_json_new_f64(estimate->drift_error_ppm));
    }
    ok &= tyto_json_set(json, "steps", tyto_json_new_u64(estimate->num_steps));
    char *text = ok ? tyto_json_print(json) : NULL;
    if (text)
        puts(text);
    free(text);
    tyto_json_destroy(&json);
}

static void put_line(const struct tyto_sync_estimate *estimate)
{
    printf("%7.1f s  %-18s", (double)estimate->time_ns / 1e9,
           tyto_sync_status_text(estimate->status));
    if (estimate->status == TYTO_SYNC_CONFIDENT)
        printf("  %+7.0f ms (%+.0f to %+.0f)  confidence %.4f", (double)estimate->offset_ns / 1e6,
               (double)estimate->low_ns / 1e6, (double)estimate->high_ns / 1e6,
               estimate->confidence);
    if (estimate->has_drift)
        printf("  drift %+.0f \xc2\xb1 %.0f ppm", estimate->drift_ppm, estimate->drift_error_ppm);
    if (estimate->num_steps > 0)
        printf("  %u step%s", estimate->num_steps, estimate->num_steps > 1 ? "s" : "");
    putchar('\n');
}

static void keep(struct run *run, const struct tyto_sync_estimate *estimate)
{
    if (run->num_told++ % run->keep_every != 0)
        return;
    if (run->num_kept == MAX_KEPT) {
        for (uint32_t i = 0; i < MAX_KEPT / 2; i++)
            run->kept[i] = run->kept[2 * i];
        run->num_kept = MAX_KEPT / 2;
        run->keep_every *= 2;
    }
    run->kept[run->num_kept++] = *estimate;
}

static void on_estimate(void *user, const struct tyto_sync *sync)
{
    struct run *run = user;
    struct tyto_sync_estimate estimate;
    tyto_sync_get(sync, &estimate);
    keep(run, &estimate);
    tyto_progress_clear(&run->progress);
    if (run->options->json)
        put_json(run, "estimate", &estimate);
    else
        put_line(&estimate);
    fflush(stdout);
    tyto_progress_put(&run->progress, (double)estimate.time_ns / 1e9, 0, run->file, NULL);
}

static void put_result(const struct run *run, const struct tyto_sync_estimate *estimate)
{
    if (run->options->json) {
        put_json(run, "result", estimate);
        return;
    }
    const double ms = (double)estimate->offset_ns / 1e6;
    if (estimate->status == TYTO_SYNC_CONFIDENT)
        printf("%s: the sound is %.0f ms %s the picture (av_offset_ms: %.0f)\n", run->file,
               fabs(ms), ms < 0 ? "ahead of" : "behind", ms);
    else if (estimate->status == TYTO_SYNC_UNRELATED)
        printf("%s: not synchronizable: nothing moves when it sounds, in %.0f s of sound and "
               "motion\n",
               run->file, estimate->evidence_s);
    else
        printf("%s: too little is both seen and heard to tell (%.0f s so far)\n", run->file,
               estimate->evidence_s);
}

/* --- running --------------------------------------------------------------------------------- */

static void complain(const char *file, const struct tyto_fault *fault, enum tyto_err err)
{
    char text[1024];
    tyto_fault_print(fault, text, sizeof(text));
    fprintf(stderr, "tyto sync: %s: %s\n", file, text[0] ? text : tyto_err_text(err));
}

static bool read_step(const char *text, struct tyto_sync_follow_params *params)
{
    char *end;
    params->step_at_s = strtod(text, &end);
    if (*end != ':' || end == text)
        return false;
    const char *by = end + 1;
    params->step_s = strtod(by, &end);
    return *end == '\0' && end != by && params->step_at_s >= 0 && fabs(params->step_s) <= 10;
}

static int follow(struct run *run, struct tyto_sync_follow_params *params, struct tyto_sync *sync)
{
    struct tyto_fault fault = {0};
    struct tyto_sync_estimate estimate;
    tyto_progress_init(&run->progress, !run->options->no_progress);
    enum tyto_err err = tyto_sync_follow(params, sync, &fault);
    tyto_progress_clear(&run->progress);
    if (!err) {
        tyto_sync_get(sync, &estimate);
        put_result(run, &estimate);
        if (run->options->plot)
            err = tyto_sync_plot(run->options->plot, run->file, sync, run->kept, run->num_kept,
                                 &fault);
    }
    if (err) {
        complain(run->file, &fault, err);
        return 1;
    }
    return estimate.status == TYTO_SYNC_CONFIDENT ? 0 : 3;
}

static int run_options(const struct options *options, const char *file)
{
    char shown[2048];
    struct run run = {.options = options, .file = shown, .keep_every = 1};
    const struct tyto_sync_params sync_params = {.memory_s = options->memory_s};
    struct tyto_sync *sync = NULL;
    struct tyto_sync_follow_params params = {
        .uri = file,
        .audio_uri = options->audio,
        .shift_s = options->audio_shift_s,
        .drift_ppm = options->audio_drift_ppm,
        .end_s = options->end_s,
        .every_s = options->every_s,
        .user = &run,
        .on_estimate = on_estimate,
        .should_stop = tyto_interrupt_should_stop,
    };
    if (options->step && !read_step(options->step, &params)) {
        (void)tyto_command_complain(&tyto_command_sync,
                                    "--audio-step must be T:S in seconds, not '%s'", options->step);
        return 2;
    }
    tyto_secret_redact(file, shown, sizeof(shown));
    run.kept = malloc(MAX_KEPT * sizeof(*run.kept));
    enum tyto_err err = run.kept ? tyto_sync_create(&sync_params, &sync) : TYTO_ERR_NOMEM;
    int status = 1;
    if (!err)
        status = follow(&run, &params, sync);
    else
        fprintf(stderr, "tyto sync: %s\n", tyto_err_text(err));
    tyto_sync_destroy(&sync);
    free(run.kept);
    return status;
}

int tyto_cmd_sync(int argc, char **argv)
{
    struct options options = {0};
    int num_files = 0, status = 2;
    (void)init_options(&options);
    const enum tyto_command_result result =
        tyto_command_read(&tyto_command_sync, argc, argv, &options, &num_files);
    if (result == TYTO_COMMAND_DONE) {
        status = 0;
    } else if (result == TYTO_COMMAND_RUN && num_files != 1) {
        (void)tyto_command_complain(&tyto_command_sync, num_files ? "one file or URI at a time"
                                                                  : "no file and no URI was named");
    } else if (result == TYTO_COMMAND_RUN) {
        char *file = strdup(argv[1]);
        tyto_interrupt_catch(130);
        tyto_secret_blank(argv[1]); /* it was copied: others need not see it, as with ps */
        status = file ? run_options(&options, file) : 1;
        free(file);
    }
    tyto_command_finish(&tyto_command_sync, &options);
    return status;
}
