/* SPDX-License-Identifier: MIT */
#include "tests/check/check.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/random.h"

static void print_message(void *user, enum tyto_log_level level, const char *room, const char *text)
{
    (void)user;
    (void)level;
    if (strncmp(text, "validation:", 11) == 0)
        fprintf(stderr, "%s: %s\n", room, text);
}

/* A line of the results, there for good even when the next case hangs. */
static void tell(const char *fmt, ...) TYTO_PRINTF(1, 2);
static void tell(const char *fmt, ...)
{
    static FILE *results;
    const char *path = getenv("TYTO_CHECK_RESULTS");
    va_list args;

    if (!path)
        return;
    if (!results)
        results = fopen(path, "ae");
    if (!results) {
        perror(path);
        exit(1);
    }
    va_start(args, fmt);
    vfprintf(results, fmt, args);
    va_end(args);
    fputc('\n', results);
    fflush(results);
}

static const struct tyto_log message_log = {.sink = print_message, .max_level = TYTO_LOG_DEBUG};

bool check_open(struct check *check, int argc, char **argv, int *ret_exit)
{
    const char *require = getenv("TYTO_REQUIRE_GPU"), *minimal = getenv("TYTO_CHECK_MINIMAL");
    const char *as_gpu = getenv("TYTO_CHECK_AS_GPU");
    struct tyto_gpu_params params = {.device = getenv("TYTO_DEVICE"), .log = &message_log};
    enum tyto_err err = TYTO_OK;

    *check = (struct check){.random = 1};
    check->bench = argc > 1 && strcmp(argv[1], "--bench") == 0;
    params.validate = !check->bench;
    params.timestamps = check->bench;
    params.as_gpu = as_gpu && strcmp(as_gpu, "1") == 0;
    params.minimal = minimal && strcmp(minimal, "1") == 0;
    err = tyto_gpu_create(&params, &check->gpu);
    if (err == TYTO_ERR_NO_DEVICE && !(require && strcmp(require, "1") == 0)) {
        printf("SKIP: %s\n", tyto_err_text(err));
        *ret_exit = 77;
        return false;
    }
    if (err) {
        printf("FAILED to open a device: %s\n", tyto_err_text(err));
        *ret_exit = 1;
        return false;
    }
    const struct tyto_gpu_info *info = tyto_gpu_get_info(check->gpu);
    printf("device %s, %s, subgroup %u, validation %s\n", info->name, info->driver,
           info->subgroup_size, tyto_gpu_is_validating(check->gpu) ? "on" : "off");
    tell("device\t%s\t%s\t%u\t%s\t%s", info->name, info->driver, info->subgroup_size,
         tyto_gpu_is_validating(check->gpu) ? "on" : "off",
         info->kind == TYTO_GPU_KIND_CPU ? "software" : "gpu");
    return true;
}

int check_close(struct check *check)
{
    uint64_t num_messages = tyto_gpu_num_validation_messages(check->gpu);

    check_that(check, num_messages == 0, "%llu validation messages",
               (unsigned long long)num_messages);
    tyto_gpu_destroy(&check->gpu);
    if (!check->bench)
        printf("%u passed, %u failed\n", check->num_passed, check->num_failed);
    return check->num_failed ? 1 : 0;
}

void check_fill(struct check *check, float *values, size_t num, float scale)
{
    for (size_t i = 0; i < num; i++) {
        const uint64_t z = tyto_random_bits(&check->random);

        values[i] = ((float)(z >> 40) / 8388608.0f - 1.0f) * scale;
    }
}

/* One case's end: counted, told, and printed when it failed. error < 0: a yes or no. */
static void settle(struct check *check, bool good, double error, double allowed, const char *text)
{
    tell("case\t%s\t%.4g\t%.4g\t%s", good ? "pass" : "FAIL", error, allowed, text);
    if (good)
        check->num_passed++;
    else
        check->num_failed++;
    if (!good && error < 0)
        printf("FAILED: %s\n", text);
    else if (!good)
        printf("FAILED: %s; error %.3g of %.3g allowed\n", text, error, allowed);
}

void check_that(struct check *check, bool good, const char *fmt, ...)
{
    char text[512];
    va_list args;

    va_start(args, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    settle(check, good, -1, -1, text);
}

void check_error(struct check *check, double error, double allowed, const char *fmt, ...)
{
    char text[512];
    va_list args;

    va_start(args, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    if (!(error >= 0)) /* a NaN */
        error = INFINITY;
    settle(check, error <= allowed, error, allowed, text);
}

void check_err(struct check *check, enum tyto_err got, enum tyto_err want, const char *sentence)
{
    check_that(check, got == want, "%s: got \"%s\", wanted \"%s\"", sentence, tyto_err_text(got),
               tyto_err_text(want));
}

void check_close_to(struct check *check, const float *got, const float *want, size_t num,
                    double tolerance, const char *sentence)
{
    double scale = 1, worst = -1;
    size_t at = 0;

    for (size_t i = 0; i < num; i++)
        if (isfinite(want[i]) && fabs((double)want[i]) > scale)
            scale = fabs((double)want[i]);
    for (size_t i = 0; i < num; i++) {
        double error = fabs((double)got[i] - (double)want[i]);

        if (!isfinite(want[i]))
            error = got[i] == want[i] || (isnan(got[i]) && isnan(want[i])) ? 0 : INFINITY;
        else if (!isfinite(got[i]))
            error = INFINITY;
        if (error > worst) {
            worst = error;
            at = i;
        }
    }
    check_error(check, worst, tolerance * scale, "%s: element %zu is %.9g, should be %.9g",
                sentence, at, (double)got[at], (double)want[at]);
}

void check_must(enum tyto_err err, const char *what)
{
    if (!err)
        return;
    printf("FAILED: %s: %s\n", what, tyto_err_text(err));
    tell("case\tFAIL\t-1\t-1\t%s: %s", what, tyto_err_text(err));
    exit(1);
}

float *check_floats(size_t num)
{
    float *values = calloc(num, sizeof(*values));

    if (!values)
        check_must(TYTO_ERR_NOMEM, "memory for values");
    return values;
}

struct tyto_buf *check_buf(struct check *check, const float *data, size_t num)
{
    struct tyto_buf *buf = NULL;

    check_must(tyto_buf_create(check->gpu, TYTO_BUF_DEVICE, num * sizeof(*data), &buf), "buffer");
    check->buf_bytes += num * sizeof(*data);
    if (data)
        check_must(tyto_buf_write(buf, 0, data, num * sizeof(*data)), "write");
    return buf;
}

/* --- timing --------------------------------------------------------------------- */

enum { MIN_RUNS = 20, MAX_RUNS = 2000 };

static int compare(const void *a, const void *b)
{
    double left = *(const double *)a, right = *(const double *)b;

    return (left > right) - (left < right);
}

/* CPU time of all threads of the process: what other processes cannot stretch. */
static double cpu_s(void)
{
    struct timespec ts = {0};

    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec * 1e-9;
}

struct timed {
    const char *name;
    void (*call)(void *user);
    void *user;
    const struct tyto_plan *plan; /* NULL: a plain function */
    double flop, bytes;           /* 0: not known */
};

static double time_it(const struct timed *timed)
{
    static double times[MAX_RUNS];
    double total = 0, begin_cpu = 0, device_s = 0;
    size_t num = 0;

    timed->call(timed->user);
    timed->call(timed->user);
    begin_cpu = cpu_s();
    while (num < MAX_RUNS && (num < MIN_RUNS || total < 0.2)) {
        uint64_t begin_ns = tyto_clock_mono_ns();

        timed->call(timed->user);
        times[num] = (double)(tyto_clock_mono_ns() - begin_ns) * 1e-9;
        total += times[num++];
        const double s = timed->plan ? (double)tyto_plan_device_ns(timed->plan) * 1e-9 : 0;
        device_s = device_s <= 0 || s < device_s ? s : device_s;
    }
    qsort(times, num, sizeof(*times), compare);
    const double best_s = device_s > 0 ? device_s : times[0];
    printf("%-36s best %9.4f ms  median %9.4f ms  mean CPU %9.4f ms", timed->name, times[0] * 1e3,
           times[num / 2] * 1e3, (cpu_s() - begin_cpu) / (double)num * 1e3);
    if (device_s > 0)
        printf("  on the device %9.4f ms", device_s * 1e3);
    if (timed->flop > 0)
        printf("  %7.1f GFLOP/s", timed->flop / best_s * 1e-9);
    else if (timed->bytes > 0)
        printf("  %7.1f GB/s", timed->bytes / best_s * 1e-9);
    printf("\n");
    tell("bench\t%s\t%.5f\t%.5f\t%.5f\t%.6g\t%.6g", timed->name, times[0] * 1e3,
         times[num / 2] * 1e3, device_s * 1e3, timed->flop, timed->bytes);
    return times[0];
}

double check_bench_call(const char *name, void (*call)(void *user), void *user, double flop)
{
    return time_it(&(struct timed){.name = name, .call = call, .user = user, .flop = flop});
}

void check_tell_time(const char *name, double ms)
{
    tell("bench\t%s\t%.5f\t%.5f\t0\t0\t0", name, ms, ms);
}

static void run_plan(void *user)
{
    check_must(tyto_plan_run(user), "run of a plan");
}

double check_bench_plan(struct check *check, const char *name, struct tyto_plan *plan, double flop)
{
    const struct timed timed = {.name = name,
                                .call = run_plan,
                                .user = plan,
                                .plan = plan,
                                .flop = flop,
                                .bytes = (double)check->buf_bytes};

    check->buf_bytes = 0;
    return time_it(&timed);
}
