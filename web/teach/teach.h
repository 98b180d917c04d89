/* SPDX-License-Identifier: MIT */
/* A model that learns from corrections: `tyto adapt` as a child process, one at a time, each in a
 * folder of its own, and what came of it kept there. Called, and calling back, on the main loop's
 * thread.
 *
 *   DIR/run-N/labels.csv         the corrections that were chosen
 *   DIR/run-N/model/             what `tyto adapt --out` writes
 *   DIR/run-N/result.json        what the page shows of it, once it is over */
#ifndef TYTO_WEB_TEACH_TEACH_H
#define TYTO_WEB_TEACH_TEACH_H

#include <stdbool.h>
#include <stdint.h>

#include "base/fault.h"
#include "files/json.h"

enum { TYTO_TEACH_MAX_RUNS = 40, TYTO_TEACH_MAX_EPOCHS = 1000, TYTO_TEACH_PATH_MAX = 4096 };

struct tyto_teach_params {
    const char *dir;          /* of the runs; made where it is not there */
    const char *corrections;  /* folder with labels.csv and recordings */
    const char *program;      /* tyto */
    const char *const *extra; /* (num_extra) more arguments for `tyto adapt` */
    uint32_t num_extra;
    uint32_t max_s;                /* of a run */
    void (*on_change)(void *user); /* the state is another one */
    void *user;
};

struct tyto_teach;

/* params and what they point to are borrowed until free. IO with *ret_fault: there can be no such
 * folder. Runs that a server's end cut off are marked so. */
TYTO_MUST_CHECK
enum tyto_err tyto_teach_new(const struct tyto_teach_params *params, struct tyto_teach **ret_teach,
                             struct tyto_fault *ret_fault);
/* Kills what runs. */
void tyto_teach_free(struct tyto_teach *teach);
/* Begins to learn from the corrections of these recordings ("CAMERA/NAME.mkv"). EXISTS: one runs
 * already; INVALID: there are no corrections of them; FULL: too many runs are kept; IO; all with
 * *ret_fault. */
TYTO_MUST_CHECK
enum tyto_err tyto_teach_start(struct tyto_teach *teach, const char *const *clips,
                               uint32_t num_clips, struct tyto_fault *ret_fault);
void tyto_teach_cancel(struct tyto_teach *teach);
/* The model that a run has made; false: there is none. */
bool tyto_teach_model(const struct tyto_teach *teach, uint32_t run, char *ret_path,
                      size_t path_bytes);
/* {"run": N, "state": "none" | "running" | "done" | "failed" | "stopped", "what", "share", "notes":
 * [TEXT], "epochs": [[loss, held-back loss, map]], "camera": [before, after] or null, "kept": the
 * same, "error", "clips", "begin", "took_s"} of the run that goes on or was the last one. Owned. */
struct tyto_json *tyto_teach_view(const struct tyto_teach *teach);
/* [{"run", "state", "camera", "kept", "clips", "begin", "took_s"}]: of runs that are over, the
 * newest first. Owned. */
struct tyto_json *tyto_teach_runs(const struct tyto_teach *teach);

#endif
