/* SPDX-License-Identifier: MIT */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "shaders/log_mel/log_mel.h"
#include "tests/check/check.h"

struct mel_case {
    const char *sentence;
    struct tyto_log_mel_shape shape; /* tables are made */
    uint32_t num_segments;
    double tolerance; /* of the largest output, at least of 1 */
};

/* Triangles that widen, a third overlapping: as mel bands do. The upper bins belong to none. */
static float *make_bands(uint32_t num_bins, uint32_t num_mel)
{
    float *mel = check_floats((size_t)num_bins * num_mel);

    for (uint32_t m = 0; m < num_mel; m++) {
        const double centre = 1.0 + (double)(m + 1) * (0.9 * num_bins - 2.0) / (num_mel + 1);
        const double width = 1.5 + 0.05 * m;
        for (uint32_t k = 0; k < num_bins; k++) {
            const double weight = (1.0 - fabs(k - centre) / width) / width;
            mel[(size_t)k * num_mel + m] = weight > 0.0 ? (float)weight : 0.0f;
        }
    }
    return mel;
}

static float *make_window(uint32_t len)
{
    float *window = check_floats(len);

    for (uint32_t n = 0; n < len; n++)
        window[n] = (float)(0.5 - 0.5 * cos(2.0 * M_PI * (n + 0.5) / len));
    return window;
}

/* A sweep, a tone that starts half-way, some noise. */
static float *make_pcm(struct check *check, uint32_t num_segments, uint32_t num_samples)
{
    const size_t num = (size_t)num_segments * num_samples;
    float *pcm = check_floats(num);

    check_fill(check, pcm, num, 1e-3f);
    for (uint32_t s = 0; s < num_segments; s++)
        for (uint32_t n = 0; n < num_samples; n++) {
            const double sweep = 0.4 * sin(1e-5 * (s + 1) * n * n);
            const double tone = n > num_samples / 2 ? 0.3 * sin(0.05 * (s + 1) * n) : 0.0;
            pcm[(size_t)s * num_samples + n] += (float)(sweep + tone);
        }
    return pcm;
}

static void run_shape(struct check *check, const struct mel_case *mel_case, const float *pcm,
                      const struct tyto_log_mel_shape *shape)
{
    const uint32_t num_frames = tyto_log_mel_num_frames(shape);
    const size_t segment_out = (size_t)num_frames * shape->num_mel;
    const size_t num_out = mel_case->num_segments * segment_out;
    const size_t num_in = (size_t)mel_case->num_segments * shape->num_samples;
    float *want = check_floats(num_out), *got = check_floats(num_out);
    double *wide = calloc(num_out, sizeof(*wide));
    struct tyto_log_mel *mel = NULL;
    struct tyto_plan *plan = NULL;

    if (!wide)
        check_must(TYTO_ERR_NOMEM, "memory");
    struct tyto_buf *in = check_buf(check, pcm, num_in), *out = check_buf(check, NULL, num_out);
    const struct tyto_bind in_bind = {.buf = in}, out_bind = {.buf = out};
    check_must(tyto_log_mel_create(check->gpu, shape, mel_case->num_segments, &mel), "create");
    check_must(tyto_plan_create(check->gpu, "log_mel", &plan), "plan");
    check_must(tyto_log_mel_record(mel, plan, mel_case->num_segments, &in_bind, &out_bind),
               mel_case->sentence);
    check_must(tyto_plan_finish(plan), "finish");
    if (check->bench) {
        check_bench_plan(check, mel_case->sentence, plan, 0);
    } else {
        check_must(tyto_plan_run(plan), "run");
        check_must(tyto_buf_read(out, 0, got, num_out * sizeof(*got)), "read");
        for (uint32_t s = 0; s < mel_case->num_segments; s++)
            check_must(tyto_log_mel_ref(shape, pcm + (size_t)s * shape->num_samples,
                                        wide + s * segment_out),
                       "reference");
        for (size_t i = 0; i < num_out; i++)
            want[i] = (float)wide[i];
        check_close_to(check, got, want, num_out, mel_case->tolerance, mel_case->sentence);
    }
    tyto_plan_destroy(&plan);
    tyto_log_mel_destroy(&mel);
    tyto_buf_destroy(&in);
    tyto_buf_destroy(&out);
    free(want);
    free(got);
    free(wide);
}

static void run_case(struct check *check, const struct mel_case *mel_case, bool silent)
{
    struct tyto_log_mel_shape shape = mel_case->shape;
    float *window = make_window(shape.window_len);
    float *mel = make_bands(shape.fft / 2 + 1, shape.num_mel);
    float *pcm = silent ? check_floats((size_t)mel_case->num_segments * shape.num_samples)
                        : make_pcm(check, mel_case->num_segments, shape.num_samples);

    shape.window = window;
    shape.mel = mel;
    run_shape(check, mel_case, pcm, &shape);
    free(window);
    free(mel);
    free(pcm);
}

#define DB                                                                                         \
    .form = TYTO_LOG_FORM_DB_POWER, .pcm_scale = 32768, .floor = 1e-10f, .top_db = 80,             \
    .post_scale = 0.1f, .post_shift = 2
#define LN .form = TYTO_LOG_FORM_LN_MAGNITUDE, .pcm_scale = 1, .floor = 1e-3f, .post_scale = 1
#define SOUND(samples, n, len, step, bands)                                                        \
    .num_samples = samples, .fft = n, .window_len = len, .hop = step, .num_mel = bands

static const struct mel_case mel_cases[] = {
    {"decibels of a second, as the sound encoder hears it",
     {SOUND(16000, 512, 512, 160, 32), DB},
     1,
     2e-4},
    {"the same for three segments", {SOUND(16000, 512, 512, 160, 32), DB}, 3, 2e-4},
    {"ln of magnitude, as YAMNet hears it", {SOUND(15600, 512, 400, 160, 64), LN}, 2, 2e-4},
    {"smallest: one frame, one band, 64 points", {SOUND(64, 64, 64, 1, 1), LN}, 1, 1e-4},
    {"a window of one sample", {SOUND(100, 64, 1, 7, 3), LN}, 2, 1e-4},
    {"largest transform, most bands", {SOUND(4096, 2048, 2048, 512, 256), LN}, 1, 2e-4},
    {"odd counts everywhere", {SOUND(3001, 256, 251, 77, 19), DB}, 3, 2e-4},
};

static const struct mel_case silence = {
    "silence is the floor, not infinity", {SOUND(2000, 512, 512, 160, 32), DB}, 1, 1e-6};

/* Samples that are no numbers count as 0: the result is that of silence. */
static void check_hostile(struct check *check)
{
    const struct mel_case hostile = {
        "nan and inf count as silence", {SOUND(600, 256, 256, 64, 8), DB}, 1, 1e-6};
    struct tyto_log_mel_shape shape = hostile.shape;
    float *window = make_window(256), *bands = make_bands(129, 8), *pcm = check_floats(600);
    float *got = check_floats(6 * 8), *want = check_floats(6 * 8);
    struct tyto_log_mel *mel = NULL;
    struct tyto_plan *plan = NULL;

    shape.window = window;
    shape.mel = bands;
    for (int i = 0; i < 600; i++)
        pcm[i] = i % 3 == 0 ? NAN : i % 3 == 1 ? INFINITY : -INFINITY;
    for (int i = 0; i < 6 * 8; i++)
        want[i] = -100.0f * 0.1f + 2.0f;
    struct tyto_buf *in = check_buf(check, pcm, 600), *out = check_buf(check, NULL, 6 * 8);
    const struct tyto_bind in_bind = {.buf = in}, out_bind = {.buf = out};
    check_must(tyto_log_mel_create(check->gpu, &shape, 1, &mel), "create");
    check_must(tyto_plan_create(check->gpu, "log_mel", &plan), "plan");
    check_must(tyto_log_mel_record(mel, plan, 1, &in_bind, &out_bind), "record");
    check_must(tyto_plan_finish(plan), "finish");
    check_must(tyto_plan_run(plan), "run");
    check_must(tyto_buf_read(out, 0, got, 6 * 8 * sizeof(*got)), "read");
    check_close_to(check, got, want, 6 * 8, 1e-6, hostile.sentence);
    tyto_plan_destroy(&plan);
    tyto_log_mel_destroy(&mel);
    tyto_buf_destroy(&in);
    tyto_buf_destroy(&out);
    free(window);
    free(bands);
    free(pcm);
    free(got);
    free(want);
}

static void check_refusals(struct check *check)
{
    float *window = make_window(512), *bands = make_bands(257, 4);
    const struct tyto_log_mel_shape good = {SOUND(1600, 512, 512, 160, 4), DB, .window = window,
                                            .mel = bands};
    struct tyto_log_mel_shape bad;
    struct tyto_log_mel *mel = NULL;

#define REFUSE(member, value, want, sentence)                                                      \
    bad = good;                                                                                    \
    bad.member = value;                                                                            \
    check_err(check, tyto_log_mel_create(check->gpu, &bad, 1, &mel), want, sentence)
    REFUSE(fft, 500, TYTO_ERR_SHAPE, "no power of two is refused");
    REFUSE(fft, 4096, TYTO_ERR_SHAPE, "too long a transform is refused");
    REFUSE(window_len, 513, TYTO_ERR_SHAPE, "a window longer than the transform is refused");
    REFUSE(num_samples, 511, TYTO_ERR_SHAPE, "a segment shorter than a window is refused");
    REFUSE(hop, 0, TYTO_ERR_SHAPE, "hop 0 is refused");
    REFUSE(num_samples, 160 * 40000, TYTO_ERR_SHAPE, "a segment of too many samples is refused");
    REFUSE(num_mel, 257, TYTO_ERR_SHAPE, "too many bands are refused");
    REFUSE(floor, 0, TYTO_ERR_INVALID, "floor 0 is refused");
    REFUSE(floor, NAN, TYTO_ERR_INVALID, "a floor that is no number is refused");
    REFUSE(window, NULL, TYTO_ERR_INVALID, "no window is refused");

    bad = good;
    bad.num_samples = 1000000;
    bad.hop = 20;
    check_err(check, tyto_log_mel_create(check->gpu, &bad, 1, &mel), TYTO_ERR_SHAPE,
              "more values a segment than lavapipe's loops have are refused");

    struct tyto_plan *plan = NULL;
    struct tyto_buf *in = check_buf(check, NULL, 1600), *out = check_buf(check, NULL, 7 * 4);
    const struct tyto_bind in_bind = {.buf = in}, out_bind = {.buf = out};
    check_must(tyto_log_mel_create(check->gpu, &good, 2, &mel), "create");
    check_must(tyto_plan_create(check->gpu, "log_mel", &plan), "plan");
    check_err(check, tyto_log_mel_record(mel, plan, 0, &in_bind, &out_bind), TYTO_ERR_SHAPE,
              "no segments are refused");
    check_err(check, tyto_log_mel_record(mel, plan, 3, &in_bind, &out_bind), TYTO_ERR_SHAPE,
              "more segments than scratch are refused");
    check_err(check, tyto_log_mel_record(mel, plan, 2, &in_bind, &out_bind), TYTO_ERR_SHAPE,
              "a small input is refused");
    check_err(check, tyto_log_mel_record(mel, plan, 1, &out_bind, &in_bind), TYTO_ERR_SHAPE,
              "input and output the wrong way round are refused");
    tyto_plan_destroy(&plan);
    tyto_log_mel_destroy(&mel);
    tyto_buf_destroy(&in);
    tyto_buf_destroy(&out);
    free(window);
    free(bands);
}

int main(int argc, char **argv)
{
    struct check check;
    int code = 0;

    if (!check_open(&check, argc, argv, &code))
        return code;
    if (check.bench) {
        run_case(&check, &mel_cases[0], false);
        run_case(&check, &mel_cases[2], false);
    } else {
        for (size_t i = 0; i < sizeof(mel_cases) / sizeof(*mel_cases); i++)
            run_case(&check, &mel_cases[i], false);
        run_case(&check, &silence, true);
        check_hostile(&check);
        check_refusals(&check);
    }
    return check_close(&check);
}
