/* SPDX-License-Identifier: MIT */
/* Decisions, baselines and shifts on clips small enough to count by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "trainer/eval/measure.h"

enum { T = 4, K = 2, H = TYTO_TRUTH_HEARD, S = TYTO_TRUTH_SEEN, B = TYTO_TRUTH_BOTH };

static const float thresholds[K] = {0.5f, 0.8f};

static void nothing(struct tyto_dataset *dataset)
{
    (void)dataset;
}

static struct tyto_dataset *make_dataset(const uint8_t *truth, uint32_t num_clips)
{
    static const struct tyto_dataset_ops ops = {.destroy = nothing};
    const struct tyto_dataset_shape shape = {.num_clips = num_clips,
                                             .num_segments = T,
                                             .audio_in = 1,
                                             .num_places = 1,
                                             .visual_in = 1,
                                             .num_classes = K};
    struct tyto_dataset *dataset;

    assert_int_equal(tyto_dataset_create(&shape, &dataset), TYTO_OK);
    dataset->ops = &ops;
    memcpy(dataset->truth, truth, (size_t)num_clips * T * K);
    for (size_t i = 0; i < (size_t)num_clips * T * K; i++)
        dataset->clip_truth[i / (T * K) * K + i % K] |= truth[i];
    return dataset;
}

static struct tyto_predictions make_predictions(float *scores, uint32_t num_clips,
                                                enum tyto_head_kind head)
{
    static float weights[3 * T];

    return (struct tyto_predictions){.num_clips = num_clips,
                                     .num_segments = T,
                                     .num_classes = K,
                                     .num_logits = head == TYTO_HEAD_SOFTMAX ? K + 1 : 3 * K,
                                     .head = head,
                                     .scores = scores,
                                     .weight_audio = weights};
}

static void assert_equals(double got, double want)
{
    if (!(fabs(got - want) < 1e-6))
        fail_msg("%.9g is not %.9g", got, want);
}

/* One clip: class 0 heard and seen at 0 and 1, class 1 too at 1, then only heard, then nothing. */
static const uint8_t two_classes[T * K] = {B, 0, B, B, 0, H, 0, 0};

static void a_decision_for_any_true_class_is_right(void **state)
{
    float scores[T * 3 * K] = {
        0.9f, 0.1f, 0.9f, 0, 0.9f, 0, /* 0: right */
        0.6f, 0.9f, 0,    0, 0,    0, /* 1, which is true, too */
        0.4f, 0.7f, 0,    1, 0,    0, /* neither reaches its threshold: right */
        0.5f, 0.7f, 0,    0, 0,    0, /* 0 does by a hair: wrong */
    };
    struct tyto_dataset *dataset = make_dataset(two_classes, 1);
    const struct tyto_predictions p = make_predictions(scores, 1, TYTO_HEAD_MULTI_LABEL);
    const uint32_t want_pred[] = {0, 1, 2, 0}, want_truth[] = {0, 1, 2, 2};
    struct tyto_measurement j;

    (void)state;
    assert_int_equal(tyto_measure(dataset, &p, thresholds, &j), TYTO_OK);
    assert_memory_equal(j.pred, want_pred, sizeof(want_pred));
    assert_memory_equal(j.truth, want_truth, sizeof(want_truth));
    assert_equals(j.model.segments.accuracy, 0.75);
    assert_equals(j.clip_accuracy[0], 0.75);
    assert_equals(j.background.segments.accuracy, 0.5);
    assert_equals(j.all_event.segments.accuracy, 0.5); /* class 0 throughout */
    /* joint: class 0 true at 0 1, predicted 0 1 3: F 0.8; class 1 true 1, predicted 1: F 1 */
    assert_equals(j.model.seg_f.joint, 0.9);
    /* heard: class 0 true 0 1, predicted 0: 2/3; class 1 true 1 2, predicted 2: 2/3 */
    assert_equals(j.model.seg_f.heard, 2.0 / 3);
    assert_equals(j.model.map_joint, (1 + 1.0) / 2);
    assert_equals(j.classes[1].measures.recall, 1);
    assert_equals(j.model.reliability.brier,
                  (0.01 + 0.01 + 0.7 * 0.7 + 0.25) / 4); /* background: 1 - 0.7 */
    tyto_measurement_finish(&j);
    tyto_dataset_destroy(&dataset);
}

static void softmax_follows_the_first_class_with_any_bit(void **state)
{
    float scores[T * (K + 1)] = {
        0.6f, 0.3f, 0.1f, /* 0: right */
        0.3f, 0.6f, 0.1f, /* 1, but 0 comes first: wrong */
        0.3f, 0.4f, 0.3f, /* 1, which is heard: right */
        0.2f, 0.2f, 0.6f, /* background: right */
    };
    struct tyto_dataset *dataset = make_dataset(two_classes, 1);
    const struct tyto_predictions p = make_predictions(scores, 1, TYTO_HEAD_SOFTMAX);
    struct tyto_measurement j;

    (void)state;
    assert_int_equal(tyto_measure(dataset, &p, NULL, &j), TYTO_OK);
    assert_equals(j.model.segments.accuracy, 0.75);
    assert_equals(j.model.segments.bg_recall, 1);
    assert_equals(j.background.segments.accuracy, 0.25);
    assert_equals(j.all_event.segments.accuracy, 0.5);
    assert_true(isnan(j.model.map_heard) && isnan(j.model.seg_f.seen));
    assert_true(j.model.seg_f.joint >= 0);
    tyto_measurement_finish(&j);
    tyto_dataset_destroy(&dataset);
}

static void weak_clips_and_what_is_past_the_end_do_not_count(void **state)
{
    uint8_t truth[3 * T * K] = {0};
    float scores[3 * T * 3 * K] = {0};
    const struct tyto_predictions p = make_predictions(scores, 3, TYTO_HEAD_MULTI_LABEL);
    struct tyto_measurement j;

    (void)state;
    memcpy(truth + T * K, two_classes, sizeof(two_classes));
    struct tyto_dataset *dataset = make_dataset(truth, 3);
    dataset->is_weak[0] = true;
    dataset->clip_truth[0] = B;
    dataset->len[1] = 3;
    dataset->len[2] = 2;
    scores[0] = 0.4f; /* clip 0, class 0: below clip 1's */
    for (size_t t = 0; t < T; t++)
        scores[(T + t) * 3 * K] = 0.9f;      /* clip 1: class 0 throughout */
    scores[(2 * T + 3) * 3 * K + 1] = 0.99f; /* clip 2, past its end */
    assert_int_equal(tyto_measure(dataset, &p, thresholds, &j), TYTO_OK);
    assert_int_equal(j.num_clips, 2);
    assert_int_equal(j.clip_idx[0], 1);
    assert_int_equal(j.model.segments.num, 5);
    assert_equals(j.model.segments.accuracy, 4.0 / 5);
    assert_equals(j.model.clip_map, (1 + 1.0 / 3) / 2); /* class 1: all alike, one of three */
    tyto_measurement_finish(&j);
    tyto_dataset_destroy(&dataset);
}

static void shifted_sound_is_measured_by_the_picture_and_by_both(void **state)
{
    /* class 0 heard and seen in 1 and 2; predicted in 1 and 2 */
    const uint8_t truth[T * K] = {0, 0, B, 0, B, 0, 0, 0};
    float scores[T * 3 * K] = {0};
    struct tyto_dataset *dataset = make_dataset(truth, 1);
    const struct tyto_predictions p = make_predictions(scores, 1, TYTO_HEAD_MULTI_LABEL);
    struct tyto_predict_change change = {.audio_shift = 1};
    struct tyto_shift_point points[2];

    (void)state;
    scores[3 * K] = scores[2 * 3 * K] = 0.9f;
    assert_int_equal(tyto_measure_shift(dataset, &p, thresholds, &change, &points[0]), TYTO_OK);
    assert_equals(points[0].on_video, 1);
    assert_equals(points[0].on_both, 0.75); /* both at 2 only */
    change.audio_shift = 0;
    scores[0] = 0.9f;
    assert_int_equal(tyto_measure_shift(dataset, &p, thresholds, &change, &points[1]), TYTO_OK);
    assert_equals(points[1].on_video, 0.75);
    assert_equals(points[1].on_both, 0.75);
    assert_equals(tyto_shift_retention(points, 2), 1 / 0.75);
    assert_true(isnan(tyto_shift_retention(points, 1)));
    tyto_dataset_destroy(&dataset);
}

static void the_edge_of_shifted_sound_repeats_or_is_silent(void **state)
{
    const uint8_t truth[T * K] = {B, 0, B, 0, 0, 0, 0, 0};
    float scores[T * 3 * K] = {0};
    struct tyto_dataset *dataset = make_dataset(truth, 1);
    const struct tyto_predictions p = make_predictions(scores, 1, TYTO_HEAD_MULTI_LABEL);
    struct tyto_predict_change change = {.audio_shift = 1, .repeats_edge = true};
    struct tyto_shift_point point;

    (void)state;
    scores[0] = scores[3 * K] = 0.9f;
    assert_int_equal(tyto_measure_shift(dataset, &p, thresholds, &change, &point), TYTO_OK);
    assert_equals(point.on_both, 1);
    change.repeats_edge = false;
    assert_int_equal(tyto_measure_shift(dataset, &p, thresholds, &change, &point), TYTO_OK);
    assert_equals(point.on_both, 0.75);
    tyto_dataset_destroy(&dataset);
}

static void a_run_is_found_in_the_other_stream(void **state)
{
    const uint8_t truth[T * K] = {0, 0, B, 0, B, 0, 0, 0};
    float scores[T * 3 * K] = {0}, match[T * T];
    struct tyto_dataset *dataset = make_dataset(truth, 1);
    struct tyto_predictions p = make_predictions(scores, 1, TYTO_HEAD_MULTI_LABEL);
    struct tyto_measurement j;

    (void)state;
    for (size_t i = 0; i < (size_t)T * T; i++) /* sounds are like the picture before them */
        match[i] = i / T == i % T + 1 ? 0.1f : 0.7f;
    p.match = match;
    assert_int_equal(tyto_measure(dataset, &p, thresholds, &j), TYTO_OK);
    assert_int_equal(j.model.cml.num_clips, 1);
    assert_equals(j.model.cml.a2v, 0); /* sounds 1 and 2 belong to pictures 0 and 1 */
    assert_equals(j.model.cml.a2v_error_s, 1);
    assert_equals(j.model.cml.v2a, 0); /* pictures 1 and 2 to sounds 2 and 3 */
    assert_equals(j.model.cml.chance, 1.0 / 3);
    assert_equals(j.model.offset.median_error_ms, 1000); /* and so it says, whatever the shift */
    assert_true(j.model.offset.acc_1 > j.model.offset.acc);
    tyto_measurement_finish(&j);
    match[T + 1] = match[2 * T + 2] = 0; /* now both know better */
    assert_int_equal(tyto_measure(dataset, &p, thresholds, &j), TYTO_OK);
    assert_equals(j.model.cml.a2v, 1);
    assert_equals(j.model.cml.v2a, 1);
    tyto_measurement_finish(&j);
    p.num_clips = 2;
    assert_int_equal(tyto_measure(dataset, &p, thresholds, &j), TYTO_ERR_INVALID);
    tyto_dataset_destroy(&dataset);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_decision_for_any_true_class_is_right),
        cmocka_unit_test(softmax_follows_the_first_class_with_any_bit),
        cmocka_unit_test(weak_clips_and_what_is_past_the_end_do_not_count),
        cmocka_unit_test(shifted_sound_is_measured_by_the_picture_and_by_both),
        cmocka_unit_test(the_edge_of_shifted_sound_repeats_or_is_silent),
        cmocka_unit_test(a_run_is_found_in_the_other_stream),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
