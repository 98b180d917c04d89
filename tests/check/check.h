/* SPDX-License-Identifier: MIT */
/* What every kernel check shares. A check is a program:
 *   check_NAME           runs its cases; exit 0 good, 1 failed, 77 no device (a failure when
 *                        TYTO_REQUIRE_GPU=1)
 *   check_NAME --bench   times its bench lines instead
 * With TYTO_CHECK_MINIMAL=1 no optional feature of the device is used; with TYTO_CHECK_AS_GPU=1 a
 * software driver runs what a real GPU would.
 * The validation layer is on; one message fails the run (it is off in --bench).
 * With TYTO_CHECK_RESULTS=FILE each case and each time is appended to FILE as it comes, a line of
 * fields between tabs, for scripts/gpu-check:
 *   device NAME DRIVER SUBGROUP_LANES on|off (validation) gpu|software
 *   case pass|FAIL ERROR ALLOWED SENTENCE         (errors -1 where the case is a yes or no)
 *   bench NAME BEST_MS MEDIAN_MS DEVICE_MS FLOP BYTES         (0 where not known) */
#ifndef TYTO_TESTS_CHECK_H
#define TYTO_TESTS_CHECK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shaders/runtime/gpu.h"

struct check {
    struct tyto_gpu *gpu;
    bool bench;
    uint32_t num_failed, num_passed;
    uint64_t buf_bytes; /* of the check_bufs since the last time taken */
    uint64_t random;    /* state of check_fill */
};

/* Opens the device (TYTO_DEVICE or auto). False: stop, *ret_exit is what main returns. */
bool check_open(struct check *check, int argc, char **argv, int *ret_exit);
/* Prints the totals, closes the device; gives what main returns. */
int check_close(struct check *check);

/* Uniform in [-scale, scale); the same on every run. */
void check_fill(struct check *check, float *values, size_t num, float scale);

/* A case by a sentence: prints it when it failed. */
void check_that(struct check *check, bool good, const char *fmt, ...) TYTO_PRINTF(3, 4);
/* A case for a call that must give exactly this error. */
void check_err(struct check *check, enum tyto_err got, enum tyto_err want, const char *sentence);
/* A case: a NaN or more than allowed is wrong. Prints the sentence and both when it failed. */
void check_error(struct check *check, double error, double allowed, const char *fmt, ...)
    TYTO_PRINTF(4, 5);
/* A case: |got - want| <= tolerance * max(1, max |want|) for all, and all finite where want is.
 * Prints the worst element when it failed. */
void check_close_to(struct check *check, const float *got, const float *want, size_t num,
                    double tolerance, const char *sentence);
/* Setting up must succeed: prints and exits otherwise. */
void check_must(enum tyto_err err, const char *what);

/* Memory and buffers or exit; check_buf is DEVICE and filled from data unless NULL. */
float *check_floats(size_t num);
struct tyto_buf *check_buf(struct check *check, const float *data, size_t num);

/* Runs a finished plan some 20 times (at least 0.2 s) after two warm-ups, and prints best and
 * median time, the mean CPU time of the process, the best time by the device's own clock where it
 * has one and, when flop > 0, GFLOP/s; without flop GB/s, taking it that the plan touches each
 * check_buf made since the last time once. Gives the best seconds by the host's clock. */
double check_bench_plan(struct check *check, const char *name, struct tyto_plan *plan, double flop);
/* The same for a plain function (what to compare with). */
double check_bench_call(const char *name, void (*call)(void *user), void *user, double flop);
/* A time taken otherwise, for the results alone. */
void check_tell_time(const char *name, double ms);

#endif
