/* SPDX-License-Identifier: MIT */
/* The whole head on the device: against PyTorch's golden values, against the
 * plain reference, and against itself (streaming and fresh windows). */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/check/check.h"
#include "tests/check/network/cman_rig.h"
#include "tests/golden/cman_full.h"
#include "tests/golden/cman_small.h"
#include "tests/golden/fill.h"

#define NUM(array) (sizeof(array) / sizeof(*(array)))

static const double tolerance = 1e-4;       /* what the house promises */
static const double close_tolerance = 2e-5; /* what f32 gives against double here */

static const struct cman_spec small_spec = {
    .dims = {.num_segments = 6,
             .num_places = 9,
             .audio_in = 12,
             .visual_in = 20,
             .audio_width = 8,
             .visual_width = 16,
             .match_width = 10,
             .when_width = 8,
             .hidden_width = 12,
             .which_width = 6,
             .head_width = 14,
             .num_classes = 5,
             .look_ahead = UINT32_MAX,
             .head = TYTO_HEAD_MULTI_LABEL},
    .adapt_audio = true,
    .adapt_visual = true,
    .where_scale = 8.0f,
};

static const struct cman_spec full_spec = {
    .dims = {.num_segments = 10,
             .num_places = 49,
             .audio_in = 128,
             .visual_in = 512,
             .audio_width = 128,
             .visual_width = 512,
             .match_width = 128,
             .when_width = 128,
             .hidden_width = 128,
             .which_width = 128,
             .head_width = 64,
             .num_classes = 28,
             .look_ahead = UINT32_MAX,
             .head = TYTO_HEAD_SOFTMAX},
    .where_scale = 1.0f,
};

/* What the first head of tyto has. */
static const struct cman_spec house_spec = {
    .dims = {.num_segments = 10,
             .num_places = 49,
             .audio_in = 160,
             .visual_in = 1280,
             .audio_width = 128,
             .visual_width = 128,
             .match_width = 128,
             .when_width = 64,
             .hidden_width = 128,
             .which_width = 64,
             .head_width = 64,
             .num_classes = 12,
             .look_ahead = 1,
             .head = TYTO_HEAD_MULTI_LABEL},
    .adapt_audio = true,
    .adapt_visual = true,
    .where_scale = 10.0f,
};

/* No width is a multiple of anything; identity adapters, so that these are padded too. */
static const struct cman_spec odd_spec = {
    .dims = {.num_segments = 7,
             .num_places = 5,
             .audio_in = 13,
             .visual_in = 11,
             .audio_width = 13,
             .visual_width = 11,
             .match_width = 3,
             .when_width = 5,
             .hidden_width = 9,
             .which_width = 7,
             .head_width = 1,
             .num_classes = 3,
             .look_ahead = 2,
             .head = TYTO_HEAD_SOFTMAX},
    .where_scale = -2.0f,
};

/* The same with maps from the streams straight to the logits. */
static const struct cman_spec skip_spec = {
    .dims = {.num_segments = 7,
             .num_places = 5,
             .audio_in = 13,
             .visual_in = 11,
             .audio_width = 13,
             .visual_width = 11,
             .match_width = 3,
             .when_width = 5,
             .hidden_width = 9,
             .which_width = 7,
             .head_width = 1,
             .num_classes = 3,
             .look_ahead = 2,
             .head = TYTO_HEAD_MULTI_LABEL},
    .skip = true,
    .where_scale = -2.0f,
};

static const struct cman_spec tiny_spec = {
    .dims = {.num_segments = 1,
             .num_places = 1,
             .audio_in = 1,
             .visual_in = 1,
             .audio_width = 1,
             .visual_width = 1,
             .match_width = 1,
             .when_width = 1,
             .hidden_width = 1,
             .which_width = 1,
             .head_width = 1,
             .num_classes = 1,
             .look_ahead = 0,
             .head = TYTO_HEAD_MULTI_LABEL},
    .adapt_audio = true,
    .where_scale = 1.0f,
};

/* --- golden values -------------------------------------------------------------------------- */

struct golden {
    const char *sentence;
    const struct cman_spec *spec;
    const char *file;
    size_t file_floats, at; /* of the variant's logits; the other arrays follow */
    uint32_t num_clips, look_ahead;
    bool missing;
};

static const struct golden goldens[] = {
    {"PyTorch, small, no mask", &small_spec, "cman_small.f32", GOLDEN_CMAN_SMALL_NUM,
     GOLDEN_CMAN_SMALL_ALL_LOGITS_AT, 2, UINT32_MAX, false},
    {"PyTorch, small, look-ahead 0", &small_spec, "cman_small.f32", GOLDEN_CMAN_SMALL_NUM,
     GOLDEN_CMAN_SMALL_AHEAD0_LOGITS_AT, 2, 0, false},
    {"PyTorch, small, look-ahead 2", &small_spec, "cman_small.f32", GOLDEN_CMAN_SMALL_NUM,
     GOLDEN_CMAN_SMALL_AHEAD2_LOGITS_AT, 2, 2, false},
    {"PyTorch, small, parts missing", &small_spec, "cman_small.f32", GOLDEN_CMAN_SMALL_NUM,
     GOLDEN_CMAN_SMALL_MISSING_LOGITS_AT, 2, 1, true},
    {"PyTorch, full size, no mask", &full_spec, "cman_full.f32", GOLDEN_CMAN_FULL_NUM,
     GOLDEN_CMAN_FULL_ALL_LOGITS_AT, 1, UINT32_MAX, false},
    {"PyTorch, full size, look-ahead 0", &full_spec, "cman_full.f32", GOLDEN_CMAN_FULL_NUM,
     GOLDEN_CMAN_FULL_AHEAD0_LOGITS_AT, 1, 0, false},
    {"PyTorch, full size, look-ahead 2", &full_spec, "cman_full.f32", GOLDEN_CMAN_FULL_NUM,
     GOLDEN_CMAN_FULL_AHEAD2_LOGITS_AT, 1, 2, false},
};

/* The arrays of one variant come in this order, each (clips, ...). */
static struct cman_want golden_want(const struct golden *golden, const struct cman_rig *rig,
                                    float *values, uint32_t clip)
{
    const struct tyto_cman_dims *d = &rig->weights.dims;
    const size_t t = d->num_segments;
    const size_t sizes[] = {t * d->num_logits, t * d->num_places, t, t, t * t, t * t};
    float *parts[NUM(sizes)];
    float *at = values + golden->at;

    for (size_t i = 0; i < NUM(sizes); i++) {
        parts[i] = at + clip * sizes[i];
        at += golden->num_clips * sizes[i];
    }
    return (struct cman_want){(uint32_t)t, parts[0], parts[1], parts[2],
                              parts[3],    parts[4], parts[5]};
}

static void check_golden(struct check *check, const struct golden *golden)
{
    static bool has_audio[2][6] = {{1, 1, 0, 1, 1, 1}, {0, 1, 1, 1, 1, 0}};
    static bool has_visual[2][6] = {{1, 1, 1, 0, 0, 1}, {0, 1, 1, 1, 1, 1}};
    static const uint32_t streams[2] = {1, 0};
    const struct tyto_cman_dims *d = &golden->spec->dims;
    const struct cman_rig_params params = {
        .spec = golden->spec, .look_ahead = golden->look_ahead, .max_streams = 2, .max_batch = 2};
    const size_t num_audio = (size_t)d->num_segments * d->audio_in;
    const size_t num_visual = (size_t)d->num_segments * d->num_places * d->visual_in;
    float *audio = check_floats(golden->num_clips * num_audio);
    float *visual = check_floats(golden->num_clips * num_visual);
    float *values = golden_read(golden->file, golden->file_floats);
    struct tyto_cman_result results[2];
    struct cman_clip clips[2];
    struct cman_rig rig;

    if (!values)
        check_must(TYTO_ERR_NOT_FOUND, golden->file);
    golden_fill("in.audio", audio, golden->num_clips * num_audio, 2.0f);
    golden_fill("in.visual", visual, golden->num_clips * num_visual, 2.0f);
    cman_rig_open(&rig, check, &params);
    for (uint32_t i = 0; i < golden->num_clips; i++)
        clips[i] = (struct cman_clip){.num_segments = d->num_segments,
                                      .audio = audio + i * num_audio,
                                      .visual = visual + i * num_visual,
                                      .has_audio = golden->missing ? has_audio[i] : NULL,
                                      .has_visual = golden->missing ? has_visual[i] : NULL};
    for (uint32_t t = 0; t < d->num_segments; t++)
        cman_rig_feed(&rig, clips, streams, golden->num_clips, t, false, results);
    for (uint32_t i = 0; i < golden->num_clips; i++) {
        const struct cman_want want = golden_want(golden, &rig, values, i);
        struct cman_want ref =
            cman_rig_want(&rig, &clips[i], 0, d->num_segments, golden->look_ahead);
        const struct tyto_cman_result as_result = {
            ref.num_valid,   ref.logits,      ref.place,       ref.beta_audio,
            ref.beta_visual, ref.align_audio, ref.align_visual};
        char text[128];

        cman_rig_compare(&rig, &results[i], &want, tolerance, golden->sentence);
        snprintf(text, sizeof(text), "the reference itself, %s", golden->sentence);
        cman_rig_compare(&rig, &as_result, &want, close_tolerance, text);
        cman_want_free(&ref);
    }
    cman_rig_close(&rig);
    free(values);
    free(audio);
    free(visual);
}

/* --- against the reference ---------------------------------------------------------------- */

struct window_case {
    const char *sentence;
    const struct cman_spec *spec;
    uint32_t num_segments, look_ahead; /* 0 and FROM_WEIGHTS: the spec's */
    uint32_t num_streams, length;
    float scale;
    uint32_t num_spare; /* feature rows before those in use: each is adapted alone */
};

static const struct window_case window_cases[] = {
    {"one of everything", &tiny_spec, 0, TYTO_CMAN_LOOK_AHEAD_FROM_WEIGHTS, 1, 3, 2, 0},
    {"odd widths, no adapters", &odd_spec, 0, TYTO_CMAN_LOOK_AHEAD_FROM_WEIGHTS, 3, 12, 2, 0},
    {"odd widths, no mask, rows not in front", &odd_spec, 0, UINT32_MAX, 3, 9, 2, 4},
    {"odd widths, and the short way", &skip_spec, 0, TYTO_CMAN_LOOK_AHEAD_FROM_WEIGHTS, 3, 12, 2,
     0},
    {"the house's widths", &house_spec, 0, TYTO_CMAN_LOOK_AHEAD_FROM_WEIGHTS, 3, 13, 2, 0},
    {"a ring of 3", &small_spec, 3, 0, 5, 11, 2, 0},
    {"the longest window", &small_spec, TYTO_CMAN_MAX_SEGMENTS, UINT32_MAX, 2, 70, 2, 0},
    {"loud features", &small_spec, 0, 1, 2, 8, 1000, 0},
    {"a batch of 17", &small_spec, 0, 1, 17, 8, 2, 0},
};

static void check_window(struct check *check, const struct window_case *window)
{
    const struct cman_rig_params params = {.spec = window->spec,
                                           .num_segments = window->num_segments,
                                           .look_ahead = window->look_ahead,
                                           .max_streams = window->num_streams,
                                           .max_batch = window->num_streams + window->num_spare};
    struct tyto_cman_result *results = calloc(window->num_streams, sizeof(*results));
    struct cman_clip *clips = calloc(window->num_streams, sizeof(*clips));
    uint32_t *streams = calloc(window->num_streams, sizeof(*streams));
    struct cman_rig rig;

    if (!results || !clips || !streams)
        check_must(TYTO_ERR_NOMEM, "memory");
    cman_rig_open(&rig, check, &params);
    for (uint32_t i = 0; i < window->num_streams; i++) {
        clips[i] = cman_clip_random(&rig, window->length, window->scale);
        streams[i] = i;
    }
    for (uint32_t t = 0; t < window->length; t++) {
        const uint32_t num = t + 1 < rig.num_segments ? t + 1 : rig.num_segments;

        cman_rig_feed(&rig, clips, streams, window->num_streams, t, false, results);
        if (t > 1 && t + 1 < window->length)
            continue; /* the first windows, and the last */
        for (uint32_t i = 0; i < window->num_streams; i++) {
            struct cman_want want = cman_rig_want(&rig, &clips[i], t + 1 - num, num,
                                                  tyto_cman_get_dims(rig.cman)->look_ahead);

            cman_rig_compare(&rig, &results[i], &want, close_tolerance, window->sentence);
            cman_want_free(&want);
        }
    }
    for (uint32_t i = 0; i < window->num_streams; i++)
        cman_clip_free(&clips[i]);
    cman_rig_close(&rig);
    free(results);
    free(clips);
    free(streams);
}

/* --- streaming ------------------------------------------------------------------------------ */

static struct cman_want keep(const struct cman_rig *rig, const struct tyto_cman_result *result)
{
    const struct tyto_cman_dims *d = &rig->weights.dims;
    const size_t n = result->num_valid;
    const float *from[] = {result->logits,      result->place,       result->beta_audio,
                           result->beta_visual, result->align_audio, result->align_visual};
    const size_t sizes[] = {n * d->num_logits,     n * d->num_places,    n, n,
                            n * rig->num_segments, n * rig->num_segments};
    float *to[NUM(from)];

    for (size_t i = 0; i < NUM(from); i++) {
        to[i] = check_floats(sizes[i]);
        memcpy(to[i], from[i], sizes[i] * sizeof(float));
    }
    return (struct cman_want){result->num_valid, to[0], to[1], to[2], to[3], to[4], to[5]};
}

static void streams_do_not_mix(struct check *check)
{
    static const uint32_t streams[] = {3, 1, 0};
    const struct cman_rig_params params = {.spec = &house_spec,
                                           .look_ahead = TYTO_CMAN_LOOK_AHEAD_FROM_WEIGHTS,
                                           .max_streams = 5,
                                           .max_batch = 4};
    const uint32_t fresh = 4;
    struct tyto_cman_result results[3];
    struct cman_clip clips[3];
    struct cman_rig rig;

    cman_rig_open(&rig, check, &params);
    for (uint32_t i = 0; i < 3; i++)
        clips[i] = cman_clip_random(&rig, 25, 2.0f);
    for (uint32_t t = 0; t < 25; t++)
        cman_rig_feed(&rig, clips, streams, t % 2 ? 3 : 2, t, false, results);
    cman_rig_feed(&rig, clips, streams, 2, 24, true, results);
    check_that(check, results[0].num_valid == 1 && results[1].num_valid == 1,
               "a restart begins an empty window");

    for (uint32_t t = 0; t < 25; t++)
        cman_rig_feed(&rig, clips, streams, 1, t, t == 0, results);
    struct cman_want long_one = keep(&rig, &results[0]);
    for (uint32_t t = 15; t < 25; t++)
        cman_rig_feed(&rig, clips, &fresh, 1, t, false, results);
    cman_rig_compare(&rig, &results[0], &long_one, 1e-6,
                     "a stream of 25 ends like a fresh one of the last 10");
    cman_want_free(&long_one);
    for (uint32_t i = 0; i < 3; i++)
        cman_clip_free(&clips[i]);
    cman_rig_close(&rig);
}

static void a_broken_stream_harms_no_other(struct check *check)
{
    static const uint32_t streams[] = {0, 1};
    const struct cman_rig_params params = {
        .spec = &small_spec, .look_ahead = 1, .max_streams = 2, .max_batch = 2};
    struct tyto_cman_result results[2];
    struct cman_clip clips[2];
    struct cman_rig rig;

    cman_rig_open(&rig, check, &params);
    for (uint32_t i = 0; i < 2; i++)
        clips[i] = cman_clip_random(&rig, 8, 2.0f);
    for (uint32_t i = 0; i < 12; i++) {
        clips[0].audio[i] = i % 2 ? NAN : INFINITY;
        clips[0].visual[i] = i % 2 ? -INFINITY : 3e38f;
    }
    for (uint32_t t = 0; t < 8; t++)
        cman_rig_feed(&rig, clips, streams, 2, t, false, results);
    struct cman_want want = cman_rig_want(&rig, &clips[1], 2, 6, 1);
    cman_rig_compare(&rig, &results[1], &want, close_tolerance, "beside a stream of NaN");
    cman_want_free(&want);
    want = cman_rig_want(&rig, &clips[0], 2, 6, 1);
    cman_rig_compare(&rig, &results[0], &want, close_tolerance, "once NaN has left the window");
    cman_want_free(&want);
    for (uint32_t i = 0; i < 2; i++)
        cman_clip_free(&clips[i]);
    cman_rig_close(&rig);
}

static void fed_is_as_good_as_stepped(struct check *check)
{
    const uint32_t stream = 1;
    const struct cman_rig_params params = {
        .spec = &small_spec, .look_ahead = 1, .max_streams = 2, .max_batch = 2};
    struct tyto_cman_result result, other_result;
    struct tyto_cman *other = NULL;
    struct cman_want want = {0};
    struct cman_rig rig;

    cman_rig_open(&rig, check, &params);
    const struct tyto_cman_params like = {.weights_path = rig.path,
                                          .gpu = check->gpu,
                                          .like = rig.cman,
                                          .look_ahead = 1,
                                          .max_streams = 2,
                                          .max_batch = 2,
                                          .audio_features = rig.audio,
                                          .visual_features = rig.visual};
    struct cman_clip clip = cman_clip_random(&rig, 25, 2.0f);
    check_must(tyto_cman_create(&like, &other, NULL), "a second head");
    for (uint32_t t = 0; t < 25; t++) {
        /* the row that cman_rig_feed() fills */
        const struct tyto_cman_item item = {.stream_idx = stream,
                                            .audio_row = 1,
                                            .visual_row = 1,
                                            .has_audio = true,
                                            .has_visual = true,
                                            .restart = t == 3};

        cman_rig_feed(&rig, &clip, &stream, 1, t, t == 3, &result);
        if (t < 24) {
            check_must(tyto_cman_feed(other, &item, 1), "feeding");
            continue;
        }
        want = keep(&rig, &result);
        tyto_cman_destroy(&rig.cman); /* the kernels that both use stay */
        check_must(tyto_cman_step(other, &item, 1, &other_result), "a step");
        cman_rig_compare(&rig, &other_result, &want, 0.0, "fed is as good as stepped");
    }
    tyto_cman_destroy(&other);
    cman_want_free(&want);
    cman_clip_free(&clip);
    cman_rig_close(&rig);
}

static void refusals(struct check *check)
{
    const struct cman_rig_params params = {
        .spec = &small_spec, .look_ahead = 1, .max_streams = 2, .max_batch = 2};
    struct tyto_cman_item items[3] = {{.stream_idx = 0}, {.stream_idx = 1}, {.stream_idx = 0}};
    struct tyto_cman_result results[3];
    struct cman_rig rig;

    cman_rig_open(&rig, check, &params);
    check_err(check, tyto_cman_step(rig.cman, items, 3, results), TYTO_ERR_SHAPE, "a full batch");
    items[1].stream_idx = 0;
    check_err(check, tyto_cman_step(rig.cman, items, 2, results), TYTO_ERR_INVALID,
              "a stream twice in a step");
    items[1].stream_idx = 2;
    check_err(check, tyto_cman_step(rig.cman, items, 2, results), TYTO_ERR_SHAPE,
              "a stream that is not there");
    items[1] = (struct tyto_cman_item){.stream_idx = 1, .has_audio = true, .audio_row = 2};
    check_err(check, tyto_cman_step(rig.cman, items, 2, results), TYTO_ERR_SHAPE,
              "an audio row that is not there");
    items[1] = (struct tyto_cman_item){.stream_idx = 1, .has_visual = true, .visual_row = 2};
    check_err(check, tyto_cman_step(rig.cman, items, 2, results), TYTO_ERR_SHAPE,
              "a visual row that is not there");
    check_err(check, tyto_cman_step(rig.cman, items, 0, results), TYTO_OK, "an empty step");
    items[1] = (struct tyto_cman_item){.stream_idx = 1};
    check_err(check, tyto_cman_step(rig.cman, items, 2, results), TYTO_OK, "both missing");
    check_that(check, results[1].num_valid == 1, "a refused step leaves no segment behind");

    struct tyto_cman_params again = {.weights_path = rig.path,
                                     .gpu = check->gpu,
                                     .num_segments = TYTO_CMAN_MAX_SEGMENTS + 1,
                                     .max_streams = 1,
                                     .max_batch = 1,
                                     .audio_features = rig.audio,
                                     .visual_features = rig.visual};
    struct tyto_cman *cman = NULL;
    struct tyto_fault fault = {0};

    check_err(check, tyto_cman_create(&again, &cman, &fault), TYTO_ERR_SHAPE, "T = 65");
    again.num_segments = 0;
    again.visual_features = rig.audio;
    check_err(check, tyto_cman_create(&again, &cman, &fault), TYTO_ERR_SHAPE,
              "features of another encoder");
    check_that(check, strstr(fault.text, "(9, 20) visual") != NULL, "the fault names the shape: %s",
               fault.text);
    check_that(check, cman == NULL, "a refused creation gives nothing");
    cman_rig_close(&rig);
}

/* --- bench ------------------------------------------------------------------------------------ */

struct bench {
    struct cman_rig rig;
    struct tyto_cman_item items[64];
    struct tyto_cman_result results[64];
    uint32_t num_items;
};

static void bench_step(void *user)
{
    struct bench *bench = user;

    check_must(tyto_cman_step(bench->rig.cman, bench->items, bench->num_items, bench->results),
               "a step");
}

static void bench(struct check *check, const char *name, uint32_t num_items, bool has_visual)
{
    const struct cman_rig_params params = {.spec = &house_spec,
                                           .look_ahead = TYTO_CMAN_LOOK_AHEAD_FROM_WEIGHTS,
                                           .max_streams = num_items,
                                           .max_batch = num_items};
    static struct bench bench;

    bench.num_items = num_items;
    cman_rig_open(&bench.rig, check, &params);
    for (uint32_t i = 0; i < num_items; i++)
        bench.items[i] = (struct tyto_cman_item){.stream_idx = i,
                                                 .audio_row = i,
                                                 .visual_row = i,
                                                 .has_audio = true,
                                                 .has_visual = has_visual};
    (void)check_bench_call(name, bench_step, &bench, 0);
    cman_rig_close(&bench.rig);
}

int main(int argc, char **argv)
{
    struct check check;
    int code = 0;

    if (!check_open(&check, argc, argv, &code))
        return code;
    if (check.bench) {
        bench(&check, "a step of 24 streams", 24, true);
        bench(&check, "24 streams without pictures", 24, false);
        bench(&check, "a step of 1 stream", 1, true);
        return check_close(&check);
    }
    for (size_t i = 0; i < NUM(goldens); i++)
        check_golden(&check, &goldens[i]);
    for (size_t i = 0; i < NUM(window_cases); i++)
        check_window(&check, &window_cases[i]);
    streams_do_not_mix(&check);
    a_broken_stream_harms_no_other(&check);
    fed_is_as_good_as_stepped(&check);
    refusals(&check);
    return check_close(&check);
}
