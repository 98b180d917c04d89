/* SPDX-License-Identifier: MIT */
/* Measures against what NumPy computed from their definitions (scripts/golden/make_metrics.py),
 * and by hand where there is nothing to measure. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <string.h>

#include "tests/golden/fill.h"
#include "tests/golden/metrics.h"
#include "trainer/eval/metrics/metrics.h"
#include "trainer/eval/metrics/span.h"
#include "trainer/eval/metrics/sync.h"

enum { CLIPS = 24, T = 10, K = 5, RANKED = 300, TRUE_SPANS = 60, PRED_SPANS = 100, PAIRS = 40 };

static float *golden;
static uint32_t lens[CLIPS];

static int set_up(void **state)
{
    (void)state;
    golden = golden_read("metrics.f32", GOLDEN_METRICS_NUM);
    for (uint32_t c = 0; c < CLIPS; c++)
        lens[c] = c % 3 == 0 ? T - c % 4 : T;
    return golden ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    free(golden);
    return 0;
}

/* 0..1 */
static void uniform(const char *name, double *ret_values, size_t num)
{
    float values[CLIPS * T * K * 3];

    assert_true(num <= sizeof(values) / sizeof(*values));
    golden_fill(name, values, num, 1);
    for (size_t i = 0; i < num; i++)
        ret_values[i] = ((double)values[i] + 1) / 2;
}

static void assert_near(double got, float want, const char *what, size_t idx)
{
    if (!(fabs(got - (double)want) <= 2e-6 * fmax(1, fabs((double)want))))
        fail_msg("%s %zu is %.9g, not %.9g", what, idx, got, (double)want);
}

static void assert_all_near(const double *got, size_t at, size_t num, const char *what)
{
    for (size_t i = 0; i < num; i++)
        assert_near(got[i], golden[at + i], what, i);
}

/* --- one class for each segment ------------------------------------------------------------- */

static struct tyto_segments make_segments(uint32_t *truth, uint32_t *pred)
{
    double drawn[5][CLIPS * T];

    uniform("metrics.truth", drawn[0], (size_t)CLIPS * T);
    uniform("metrics.clip", drawn[1], CLIPS);
    uniform("metrics.keep", drawn[2], (size_t)CLIPS * T);
    uniform("metrics.wrong", drawn[3], (size_t)CLIPS * T);
    uniform("metrics.hit", drawn[4], (size_t)CLIPS * T);
    for (size_t i = 0; i < (size_t)CLIPS * T; i++) {
        truth[i] = (uint32_t)((drawn[2][i] < 0.6 ? drawn[1][i / T] : drawn[0][i]) * (K + 1));
        pred[i] = drawn[4][i] < 0.55 ? truth[i] : (uint32_t)(drawn[3][i] * (K + 1));
    }
    return (struct tyto_segments){.num_clips = CLIPS,
                                  .num_segments = T,
                                  .num_classes = K,
                                  .len = lens,
                                  .truth = truth,
                                  .pred = pred};
}

static void measures_of_segments_are_numpys(void **state)
{
    uint32_t truth[CLIPS * T], pred[CLIPS * T];
    const struct tyto_segments segments = make_segments(truth, pred);
    struct tyto_segment_measures m;
    uint64_t confusion[(K + 1) * (K + 1)];

    (void)state;
    tyto_measure_segments(&segments, &m, confusion);
    const double got[] = {m.accuracy,
                          m.cat_acc,
                          m.event_recall,
                          m.bg_recall,
                          m.bg_precision,
                          m.det_bal,
                          tyto_measure_flips_per_minute(&segments, 1)};
    assert_int_equal(sizeof(got) / sizeof(*got), GOLDEN_METRICS_SEGMENTS_NUM);
    assert_all_near(got, GOLDEN_METRICS_SEGMENTS_AT, GOLDEN_METRICS_SEGMENTS_NUM, "figure");
    for (size_t i = 0; i < GOLDEN_METRICS_CONFUSION_NUM; i++)
        assert_near((double)confusion[i], golden[GOLDEN_METRICS_CONFUSION_AT + i], "cell", i);
    for (uint32_t k = 0; k <= K; k++) {
        struct tyto_class_measures c;

        tyto_measure_class(confusion, K, k, &c);
        const double three[] = {c.precision, c.recall, c.f1};
        assert_all_near(three, GOLDEN_METRICS_CLASSES_AT + 3 * (size_t)k, 3, "class");
    }
}

static void where_nothing_is_background_its_recall_is_not_a_number(void **state)
{
    const uint32_t truth[] = {0, 0, 1}, pred[] = {0, 1, 1};
    const struct tyto_segments segments = {
        .num_clips = 1, .num_segments = 3, .num_classes = 2, .truth = truth, .pred = pred};
    const struct tyto_segments none = {.num_segments = 3, .num_classes = 2};
    struct tyto_segment_measures m;

    (void)state;
    tyto_measure_segments(&segments, &m, NULL);
    assert_true(isnan(m.bg_recall) && isnan(m.bg_precision) && isnan(m.det_bal));
    assert_true(m.event_recall == 1);
    assert_true(m.cat_acc == 0); /* predicted: 0 once, 1 twice */
    tyto_measure_segments(&none, &m, NULL);
    assert_true(isnan(m.accuracy) && isnan(m.cat_acc) && m.num == 0);
}

/* --- grids ------------------------------------------------------------------------------------ */

static void make_grids(uint8_t *truth, uint8_t *pred)
{
    double heard[CLIPS * T / 2 * K], seen[CLIPS * T / 2 * K], flip[CLIPS * T * K * 3];

    uniform("metrics.heard", heard, sizeof(heard) / sizeof(*heard));
    uniform("metrics.seen", seen, sizeof(seen) / sizeof(*seen));
    uniform("metrics.flip", flip, sizeof(flip) / sizeof(*flip));
    for (size_t i = 0; i < (size_t)CLIPS * T * K; i++) {
        const size_t clip = i / (T * K), row = i / K, half = row / 2 * K + i % K;
        const bool h = clip != 3 && heard[half] < 0.25, s = clip != 3 && seen[half] < 0.25;
        const bool is[] = {h, s, h && s};

        truth[i] = pred[i] = 0;
        for (size_t b = 0; b < 3; b++) {
            truth[i] = (uint8_t)(truth[i] | (is[b] << b));
            pred[i] = (uint8_t)(pred[i] | ((is[b] != (flip[i * 3 + b] < 0.12)) << b));
        }
        if (clip == 3 || clip == 5)
            pred[i] = 0;
    }
}

static void f_scores_are_numpys(void **state)
{
    static uint8_t truth[CLIPS * T * K], pred[CLIPS * T * K];
    const struct tyto_grids grids = {.num_clips = CLIPS,
                                     .num_segments = T,
                                     .num_classes = K,
                                     .len = lens,
                                     .truth = truth,
                                     .pred = pred};
    size_t at = GOLDEN_METRICS_F_AT;

    (void)state;
    make_grids(truth, pred);
    for (int events = 0; events < 2; events++)
        for (int background = 0; background < 2; background++, at += 5) {
            struct tyto_f_scores f;

            tyto_measure_f(&grids, events ? 0.5 : 0, background, &f);
            const double got[] = {f.heard, f.seen, f.joint, f.type_av, f.event_av};
            assert_all_near(got, at, 5, events ? "event F" : "segment F");
        }
}

static void an_empty_clip_predicted_empty_is_perfect_and_else_worthless(void **state)
{
    const uint8_t none[] = {0, 0, 0, 0}, some[] = {0, 4, 4, 0};
    struct tyto_grids grids = {
        .num_clips = 1, .num_segments = 4, .num_classes = 1, .truth = none, .pred = none};
    struct tyto_f_scores f;

    (void)state;
    tyto_measure_f(&grids, 0, false, &f);
    assert_true(f.joint == 1 && f.heard == 1 && f.event_av == 1);
    grids.pred = some;
    tyto_measure_f(&grids, 0.5, false, &f);
    assert_true(f.joint == 0 && f.heard == 1);
    tyto_measure_f(&grids, 0, true, &f); /* background: 2 of 4 right: F = 4 / 6; class: 0 */
    assert_true(fabs(f.joint - 1.0 / 3) < 1e-12);
}

/* --- rankings --------------------------------------------------------------------------------- */

static void rankings_and_calibration_are_numpys(void **state)
{
    double drawn[RANKED], positive[RANKED], ap, auroc;
    float scores[RANKED];
    bool truth[RANKED];
    struct tyto_reliability reliability = {0};

    (void)state;
    uniform("metrics.scores", drawn, RANKED);
    uniform("metrics.positive", positive, RANKED);
    for (size_t i = 0; i < RANKED; i++) {
        const double score = nearbyint(drawn[i] * 40) / 40;

        scores[i] = (float)score;
        truth[i] = positive[i] < 0.2 + 0.5 * score;
        tyto_reliability_add(&reliability, (double)scores[i], truth[i]);
    }
    tyto_reliability_finish(&reliability);
    assert_int_equal(tyto_average_precision(scores, truth, RANKED, &ap), TYTO_OK);
    assert_int_equal(tyto_auroc(scores, truth, RANKED, &auroc), TYTO_OK);
    const double got[] = {ap, auroc, reliability.ece, reliability.brier};
    assert_all_near(got, GOLDEN_METRICS_RANK_AT, 4, "ranking");
}

static void a_ranking_without_a_positive_is_not_a_number(void **state)
{
    const float scores[] = {0.5f, 0.25f};
    const bool none[] = {false, false}, all[] = {true, true};
    double value;

    (void)state;
    assert_int_equal(tyto_average_precision(scores, none, 2, &value), TYTO_OK);
    assert_true(isnan(value));
    assert_int_equal(tyto_average_precision(scores, all, 2, &value), TYTO_OK);
    assert_true(value == 1);
    assert_int_equal(tyto_auroc(scores, all, 2, &value), TYTO_OK);
    assert_true(isnan(value));
    assert_int_equal(tyto_average_precision(scores, none, 0, &value), TYTO_OK);
    assert_true(isnan(value));
}

/* --- spans ------------------------------------------------------------------------------------ */

static void make_spans(struct tyto_span *truth, struct tyto_span *pred)
{
    double class_idx[TRUE_SPANS], begin[TRUE_SPANS], length[TRUE_SPANS];
    double score[PRED_SPANS], late[PRED_SPANS];
    float on[PRED_SPANS], off[PRED_SPANS];

    uniform("metrics.span_class", class_idx, TRUE_SPANS);
    uniform("metrics.span_begin", begin, TRUE_SPANS);
    uniform("metrics.span_length", length, TRUE_SPANS);
    uniform("metrics.span_score", score, PRED_SPANS);
    uniform("metrics.span_late", late, PRED_SPANS);
    golden_fill("metrics.span_on", on, PRED_SPANS, 1);
    golden_fill("metrics.span_off", off, PRED_SPANS, 1);
    for (uint32_t i = 0; i < TRUE_SPANS; i++) {
        const double from = floor(begin[i] * 120);

        truth[i] = (struct tyto_span){.recording_idx = i % 4,
                                      .class_idx = (uint32_t)(class_idx[i] * K),
                                      .begin_s = from,
                                      .end_s = from + 1 + floor(length[i] * 12)};
    }
    for (size_t i = 0; i < PRED_SPANS; i++) {
        pred[i] = truth[i / 2];
        pred[i].begin_s += nearbyint((double)on[i] * 8) / 4;
        pred[i].end_s += nearbyint((double)off[i] * 8) / 4;
        pred[i].end_s = fmax(pred[i].end_s, pred[i].begin_s + 0.25);
        if (i % 9 == 0)
            pred[i].class_idx = (pred[i].class_idx + 1) % K;
        pred[i].score = (float)(nearbyint(score[i] * 1024) / 1024);
        pred[i].emitted_s = pred[i].begin_s + 1 + nearbyint(late[i] * 16) / 4;
    }
}

static void measures_of_spans_are_numpys(void **state)
{
    struct tyto_span truth[TRUE_SPANS], pred[PRED_SPANS];
    const struct tyto_spans spans = {.truth = truth,
                                     .pred = pred,
                                     .num_truth = TRUE_SPANS,
                                     .num_pred = PRED_SPANS,
                                     .num_classes = K,
                                     .media_s = 480};
    struct tyto_span_measures m;
    double got[GOLDEN_METRICS_SPANS_NUM];
    size_t n = 0;

    (void)state;
    make_spans(truth, pred);
    assert_int_equal(tyto_measure_spans(&spans, &m), TYTO_OK);
    for (size_t i = 0; i < TYTO_SPAN_NUM_TIOUS; i++) {
        got[n++] = m.at[i].precision;
        got[n++] = m.at[i].recall;
        got[n++] = m.at[i].f1;
    }
    for (size_t i = 0; i < TYTO_SPAN_NUM_AP_TIOUS; i++)
        got[n++] = m.map[i];
    got[n++] = m.mean_map;
    got[n++] = m.onset_f1[0];
    got[n++] = m.onset_f1[1];
    got[n++] = (double)m.num_matched;
    got[n++] = m.onset_median_s;
    got[n++] = m.onset_p90_s;
    got[n++] = m.offset_median_s;
    got[n++] = m.offset_p90_s;
    got[n++] = (double)m.num_detected;
    got[n++] = m.miss_rate;
    got[n++] = m.latency_median_s;
    got[n++] = m.latency_p95_s;
    got[n++] = m.false_per_hour;
    assert_int_equal(n, GOLDEN_METRICS_SPANS_NUM);
    assert_all_near(got, GOLDEN_METRICS_SPANS_AT, n, "figure");
}

static void without_any_span_nothing_is_claimed(void **state)
{
    const struct tyto_span one = {.begin_s = 1, .end_s = 3, .score = 1, .emitted_s = (double)NAN};
    struct tyto_spans spans = {.num_classes = 2, .media_s = 3600};
    struct tyto_span_measures m;

    (void)state;
    assert_int_equal(tyto_measure_spans(&spans, &m), TYTO_OK);
    assert_true(isnan(m.at[0].f1) && isnan(m.mean_map) && isnan(m.miss_rate));
    spans.pred = &one;
    spans.num_pred = 1;
    assert_int_equal(tyto_measure_spans(&spans, &m), TYTO_OK);
    assert_true(m.false_per_hour == 1 && m.at[0].precision == 0 && isnan(m.at[0].recall));
    spans.truth = &one;
    spans.num_truth = 1;
    assert_int_equal(tyto_measure_spans(&spans, &m), TYTO_OK);
    assert_true(m.at[2].f1 == 1 && m.miss_rate == 0 && isnan(m.latency_median_s));
    assert_true(m.mean_map == 1 && m.onset_median_s == 0);
}

/* --- in step ---------------------------------------------------------------------------------- */

static void starts_are_found_as_numpy_finds_them(void **state)
{
    static float distances[2][CLIPS * T * T];
    double drawn[CLIPS * T * T], length[CLIPS], at[CLIPS];
    uint32_t begins[CLIPS], nums[CLIPS];
    struct tyto_cml_measures m;

    (void)state;
    uniform("metrics.cml_num", length, CLIPS);
    uniform("metrics.cml_begin", at, CLIPS);
    for (size_t way = 0; way < 2; way++) {
        uniform(way == 0 ? "metrics.cml_a2v" : "metrics.cml_v2a", drawn, (size_t)CLIPS * T * T);
        for (size_t i = 0; i < (size_t)CLIPS * T * T; i++)
            distances[way][i] = (float)drawn[i];
        for (uint32_t c = 0; c < CLIPS; c++) {
            nums[c] = (uint32_t)(length[c] * 9) + 2;
            begins[c] = (uint32_t)(at[c] * (T - nums[c] + 1));
            for (uint32_t i = 0; i < nums[c] && c % 2 == 1; i++)
                distances[way][(c * T + begins[c] + i) * T + begins[c] + i] *= 0.25f;
        }
    }
    tyto_measure_cml(distances[0], distances[1], begins, nums, CLIPS, T, 1, &m);
    const double got[] = {m.a2v, m.a2v_error_s, m.v2a, m.v2a_error_s, m.chance, m.num_clips};
    assert_all_near(got, GOLDEN_METRICS_CML_AT, GOLDEN_METRICS_CML_NUM, "figure");
}

static void offsets_are_measured_as_numpy_measures_them(void **state)
{
    double truth[PAIRS], guess[PAIRS], sure[PAIRS];
    float error[PAIRS], confidence[PAIRS];
    struct tyto_offset_measures m;

    (void)state;
    uniform("metrics.offset", truth, PAIRS);
    uniform("metrics.offset_sure", sure, PAIRS);
    golden_fill("metrics.offset_error", error, PAIRS, 1);
    for (size_t i = 0; i < PAIRS; i++) {
        truth[i] = floor(truth[i] * 9) - 4;
        guess[i] = i % 11 == 0 ? (double)NAN : truth[i] + nearbyint((double)error[i] * 8) / 4;
        confidence[i] = (float)sure[i];
    }
    assert_int_equal(tyto_measure_offsets(guess, truth, confidence, PAIRS, 1, &m), TYTO_OK);
    const double got[] = {m.acc, m.acc_1, m.median_error_ms, m.auroc};
    assert_all_near(got, GOLDEN_METRICS_OFFSETS_AT, GOLDEN_METRICS_OFFSETS_NUM, "figure");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(measures_of_segments_are_numpys),
        cmocka_unit_test(where_nothing_is_background_its_recall_is_not_a_number),
        cmocka_unit_test(f_scores_are_numpys),
        cmocka_unit_test(an_empty_clip_predicted_empty_is_perfect_and_else_worthless),
        cmocka_unit_test(rankings_and_calibration_are_numpys),
        cmocka_unit_test(a_ranking_without_a_positive_is_not_a_number),
        cmocka_unit_test(measures_of_spans_are_numpys),
        cmocka_unit_test(without_any_span_nothing_is_claimed),
        cmocka_unit_test(starts_are_found_as_numpy_finds_them),
        cmocka_unit_test(offsets_are_measured_as_numpy_measures_them),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
