/* SPDX-License-Identifier: MIT */
/* What a run decides by, without a device: thresholds and scores, starting from another head,
 * options. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "trainer/loop/score.h"
#include "trainer/run/init.h"
#include "trainer/run/run.h"

enum { HEARD = TYTO_TRUTH_HEARD, SEEN = TYTO_TRUTH_SEEN, BOTH = TYTO_TRUTH_BOTH };

/* --- scores ---------------------------------------------------------------------------------- */

static void thresholds_are_those_of_the_best_f1(void **state)
{
    /* joint probabilities 0.3, 0.4, 0.6, 0.7 of which the first two are wrong */
    const float probs[] = {0.3f, 0.4f, 0.6f, 0.7f};
    const uint8_t truths[] = {0, HEARD, BOTH, BOTH};
    struct tyto_score score = {0};
    float threshold = 0;

    (void)state;
    assert_int_equal(tyto_score_init(TYTO_HEAD_MULTI_LABEL, TYTO_CMAN_JOINT, 1, 4, &score),
                     TYTO_OK);
    for (int i = 0; i < 4; i++) {
        const float logits[] = {logf(probs[i] / (1 - probs[i])), 9, -9};

        tyto_score_add(&score, logits, &truths[i]);
    }
    tyto_score_choose(&score, 0.2f, 0.9f, &threshold);
    assert_true(threshold > 0.45f && threshold < 0.55f); /* amidst the gap */
    assert_true(tyto_score_f1(&score, 0, threshold) == 1);
    assert_true(fabsf(tyto_score_f1(&score, 0, 0.35f) - 0.8f) < 1e-6f);
    assert_true(tyto_score_accuracy(&score) == 1);
    tyto_score_choose(&score, 0.65f, 0.9f, &threshold);
    assert_true(threshold >= 0.65f && threshold <= 0.7f);
    tyto_score_finish(&score);
}

static void average_precision_is_of_ranks(void **state)
{
    /* class 0 right at ranks 1 and 3 of 4: (1 + 2/3) / 2; class 1 never comes */
    const float logits[4][6] = {{4}, {3}, {2}, {1}};
    const uint8_t truths[4][2] = {{BOTH, 0}, {SEEN, 0}, {BOTH, HEARD}, {0, 0}};
    struct tyto_score score = {0};
    float map = 0;
    uint32_t num = 0;

    (void)state;
    assert_int_equal(tyto_score_init(TYTO_HEAD_MULTI_LABEL, TYTO_CMAN_JOINT, 2, 4, &score),
                     TYTO_OK);
    for (int i = 0; i < 4; i++)
        tyto_score_add(&score, logits[i], truths[i]);
    assert_int_equal(tyto_score_map(&score, &map, &num), TYTO_OK);
    assert_true(fabsf(map - 5.0f / 6) < 1e-6f && num == 1);
    score.probs[2] = score.probs[0]; /* a tie gains nothing: 1/2 and 2/3 */
    assert_int_equal(tyto_score_map(&score, &map, &num), TYTO_OK);
    assert_true(fabsf(map - 7.0f / 12) < 1e-6f);
    tyto_score_finish(&score);
}

static void each_task_has_its_own_logits_and_truth(void **state)
{
    const float logits[6] = {-1, -2, 3, -4, -5, 6}; /* joint, heard, seen of two classes */
    const uint8_t truth[2] = {HEARD, SEEN};
    const uint8_t wanted[TYTO_CMAN_NUM_TASKS][2] = {{0, 0}, {1, 0}, {0, 1}};

    (void)state;
    for (int task = 0; task < TYTO_CMAN_NUM_TASKS; task++) {
        struct tyto_score score = {0};

        assert_int_equal(
            tyto_score_init(TYTO_HEAD_MULTI_LABEL, (enum tyto_cman_task)task, 2, 1, &score),
            TYTO_OK);
        tyto_score_add(&score, logits, truth);
        assert_memory_equal(score.truths, wanted[task], 2);
        for (int k = 0; k < 2; k++)
            assert_true(fabsf(score.probs[k] - 1 / (1 + expf(-logits[2 * task + k]))) < 1e-6f);
        tyto_score_finish(&score);
    }
}

/* Scores that are right as often as sigmoid(2 x - 1) says, where x are their log-odds. */
static void calibration_finds_the_line_that_scores_are_off_by(void **state)
{
    enum { STEPS = 41, EACH = 200 };
    struct tyto_score score = {0};
    double scale = 0, shift = 0;

    (void)state;
    assert_int_equal(
        tyto_score_init(TYTO_HEAD_MULTI_LABEL, TYTO_CMAN_HEARD, 1, STEPS * EACH, &score), TYTO_OK);
    for (int i = 0; i < STEPS; i++) {
        const double x = -2 + 4.0 * i / (STEPS - 1);
        const double right = EACH / (1 + exp(-(2 * x - 1)));

        for (int j = 0; j < EACH; j++) {
            const float logits[3] = {0, (float)x, 0};
            const uint8_t truth = j < lround(right) ? HEARD : 0;

            tyto_score_add(&score, logits, &truth);
        }
    }
    tyto_score_fit(&score, &scale, &shift);
    assert_true(fabs(scale - 2) < 0.02 && fabs(shift + 1) < 0.02);
    tyto_score_bend(&score, scale, shift);
    assert_true(fabs((double)score.probs[0] - 1 / (1 + exp(5.0))) < 1e-3);
    tyto_score_fit(&score, &scale, &shift); /* nothing is left to bend */
    assert_true(fabs(scale - 1) < 0.01 && fabs(shift) < 0.01);
    tyto_score_finish(&score);
}

static void a_task_that_never_comes_is_left_as_it_is(void **state)
{
    const float logits[3] = {3, 3, 3};
    const uint8_t truth = 0;
    struct tyto_score score = {0};
    double scale = 0, shift = 9;

    (void)state;
    assert_int_equal(tyto_score_init(TYTO_HEAD_MULTI_LABEL, TYTO_CMAN_SEEN, 1, 1, &score), TYTO_OK);
    tyto_score_add(&score, logits, &truth);
    tyto_score_fit(&score, &scale, &shift);
    assert_true(scale == 1 && shift == 0);
    tyto_score_finish(&score);
}

static void softmax_is_right_by_its_largest_logit(void **state)
{
    const float logits[3][3] = {{2, 1, 0}, {0, 1, 2}, {0, 2, 1}};
    const uint8_t truths[3][2] = {{SEEN, BOTH}, {0, 0}, {HEARD, 0}};
    struct tyto_score score = {0};

    (void)state;
    assert_int_equal(tyto_score_init(TYTO_HEAD_SOFTMAX, TYTO_CMAN_JOINT, 2, 3, &score), TYTO_OK);
    for (int i = 0; i < 3; i++)
        tyto_score_add(&score, logits[i], truths[i]);
    assert_true(fabsf(tyto_score_accuracy(&score) - 2.0f / 3) < 1e-6f);
    assert_true(fabsf(tyto_score_f1(&score, 0, 0) - 2.0f / 3) < 1e-6f);
    tyto_score_finish(&score);
}

/* --- starting from another head -------------------------------------------------------------- */

static float *numbered(size_t num, float first)
{
    float *values = calloc(num, sizeof(*values));

    assert_non_null(values);
    for (size_t i = 0; i < num; i++)
        values[i] = first + (float)i;
    return values;
}

static void classes_are_kept_by_name_and_the_rest_by_shape(void **state)
{
    struct tyto_cman_dims old = {.num_segments = 2,
                                 .num_places = 1,
                                 .audio_in = 4,
                                 .visual_in = 4,
                                 .audio_width = 4,
                                 .visual_width = 4,
                                 .match_width = 4,
                                 .when_width = 4,
                                 .hidden_width = 4,
                                 .which_width = 4,
                                 .head_width = 2,
                                 .num_classes = 2,
                                 .num_logits = 6,
                                 .head = TYTO_HEAD_MULTI_LABEL};
    struct tyto_cman_dims dims = old;
    char olds[2][TYTO_CMAN_CLASS_BYTES] = {"dog", "cat"};
    char news[3][TYTO_DATASET_NAME_BYTES] = {"cat", "cow", "dog"};
    struct tyto_cman_weights from = {.dims = old, .classes = olds};
    struct tyto_cman_tensor_info infos[TYTO_CMAN_NUM_TENSORS];
    float *tensors[TYTO_CMAN_NUM_TENSORS];
    struct tyto_init_report report;

    (void)state;
    dims.num_classes = 3;
    dims.num_logits = 9;
    dims.match_width = 8; /* where does not fit */
    tyto_cman_list_tensors(&old, infos);
    for (uint32_t i = 0; i < TYTO_CMAN_NUM_TENSORS; i++)
        from.tensors[i] = numbered(infos[i].rows * (infos[i].cols > 0 ? infos[i].cols : 1), 1000);
    tyto_cman_list_tensors(&dims, infos);
    for (uint32_t i = 0; i < TYTO_CMAN_NUM_TENSORS; i++)
        tensors[i] = numbered(infos[i].rows * (infos[i].cols > 0 ? infos[i].cols : 1), -500);
    tyto_init_tensors(&from, &dims, news, tensors, &report);
    assert_int_equal(report.num_classes_kept, 2);
    assert_int_equal(report.num_tensors - report.num_kept, 4); /* where's four with a width */
    assert_string_equal(report.first_misfit, "where.audio.weight");
    assert_true(tensors[TYTO_CMAN_WHERE_AUDIO_WEIGHT][0] == -500);
    assert_true(tensors[TYTO_CMAN_WHEN_AUDIO_Q][5] == 1005);
    const float *bias = tensors[TYTO_CMAN_HEAD_1_BIAS];
    const float *weight = tensors[TYTO_CMAN_HEAD_1_WEIGHT];

    /* joint, heard, seen of cat, cow, dog from those of dog, cat */
    assert_true(bias[0] == 1001 && bias[1] == -499 && bias[2] == 1000);
    assert_true(bias[3] == 1003 && bias[5] == 1002 && bias[6] == 1005 && bias[8] == 1004);
    assert_true(weight[2 * 8] == 1008 && weight[2 * 8 + 1] == 1009 && weight[2 * 4] == -492);
    for (uint32_t i = 0; i < TYTO_CMAN_NUM_TENSORS; i++) {
        free(from.tensors[i]);
        free(tensors[i]);
    }
}

/* --- options --------------------------------------------------------------------------------- */

static void options_come_back_from_json_and_given_ones_win(void **state)
{
    struct tyto_run_options one, two;
    struct tyto_fault fault = {0};
    struct tyto_json *json = NULL;

    (void)state;
    assert_int_equal(tyto_run_options_init(&one), TYTO_OK);
    assert_int_equal(tyto_run_options_init(&two), TYTO_OK);
    assert_int_equal(tyto_run_options_set(&one, "rate", "0.003", &fault), TYTO_OK);
    assert_int_equal(tyto_run_options_set(&one, "seed", "12345678901234567", &fault), TYTO_OK);
    assert_int_equal(tyto_run_options_set(&one, "labels", "a.csv", &fault), TYTO_OK);
    assert_int_equal(tyto_run_options_set(&one, "labels", "b.csv", &fault), TYTO_OK);
    assert_int_equal(tyto_run_options_set(&one, "look_ahead", "all", &fault), TYTO_OK);
    assert_int_equal(tyto_run_options_set(&one, "fusion", "early", &fault), TYTO_OK);
    assert_int_equal(tyto_run_options_set(&one, "basis", "none", &fault), TYTO_OK);
    assert_int_equal(tyto_run_options_set(&two, "epochs", "7", &fault), TYTO_OK);
    json = tyto_run_options_to_json(&one);
    assert_non_null(json);
    assert_int_equal(tyto_run_options_from_json(&two, json, "config.json", &fault), TYTO_OK);
    assert_true(two.rate == 0.003f && two.seed == 12345678901234567u && two.labels.num == 2);
    assert_string_equal(two.labels.texts[1], "b.csv");
    assert_true(two.look_ahead == UINT32_MAX && two.basis == 0 && two.epochs == 7);
    assert_int_equal(two.fusion, TYTO_CMAN_FUSION_EARLY);
    tyto_json_destroy(&json);
    tyto_run_options_finish(&one);
    tyto_run_options_finish(&two);
}

/* As the version before wrote it: numbers for words, "no" for a flag. */
static void a_config_of_the_release_before_is_read(void **state)
{
    static const char text[] =
        "{\"labels\":[\"a.csv\"],\"media\":\"\",\"head\":\"softmax\",\"weak\":\"max\",\"basis\":0,"
        "\"look_ahead\":\"all\",\"workers\":0,\"tune_visual\":\"no\",\"rate\":0.003,"
        "\"class_weights\":\"balanced\",\"seed\":12345678901234567,\"device\":\"auto\"}";
    struct tyto_run_options options;
    struct tyto_fault fault = {0};
    struct tyto_json *json = NULL;

    (void)state;
    assert_int_equal(tyto_run_options_init(&options), TYTO_OK);
    assert_int_equal(tyto_json_parse(text, sizeof(text) - 1, &json, NULL, 0), TYTO_OK);
    assert_int_equal(tyto_run_options_from_json(&options, json, "config.json", &fault), TYTO_OK);
    assert_int_equal(options.head, TYTO_HEAD_SOFTMAX);
    assert_int_equal(options.weak, TYTO_STEP_POOL_MAX);
    assert_int_equal(options.class_weights, TYTO_RUN_BALANCE_BALANCED);
    assert_true(options.basis == 0 && options.look_ahead == UINT32_MAX && options.workers == 0);
    assert_true(!options.tune_visual && options.seed == 12345678901234567u);
    assert_null(options.media);
    tyto_json_destroy(&json);
    tyto_run_options_finish(&options);
}

static void bad_options_say_what_is_wanted(void **state)
{
    static const char bad[] = "{\"epohcs\":3}";
    struct tyto_run_options options;
    struct tyto_fault fault = {0};
    struct tyto_json *json = NULL;

    (void)state;
    assert_int_equal(tyto_run_options_init(&options), TYTO_OK);
    assert_int_equal(tyto_run_options_set(&options, "rate", "fast", &fault), TYTO_ERR_INVALID);
    assert_string_equal(fault.key, "rate");
    assert_int_equal(tyto_run_options_set(&options, "epochs", "0", &fault), TYTO_ERR_INVALID);
    assert_int_equal(tyto_run_options_set(&options, "epochs", "2.5", &fault), TYTO_ERR_INVALID);
    assert_int_equal(tyto_run_options_set(&options, "head", "hydra", &fault), TYTO_ERR_INVALID);
    assert_non_null(strstr(fault.text, "softmax, multi_label"));
    assert_int_equal(tyto_json_parse(bad, sizeof(bad) - 1, &json, NULL, 0), TYTO_OK);
    assert_int_equal(tyto_run_options_from_json(&options, json, "config.json", &fault),
                     TYTO_ERR_FORMAT);
    assert_non_null(strstr(fault.text, "epochs"));
    tyto_json_destroy(&json);
    tyto_run_options_finish(&options);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(thresholds_are_those_of_the_best_f1),
        cmocka_unit_test(average_precision_is_of_ranks),
        cmocka_unit_test(each_task_has_its_own_logits_and_truth),
        cmocka_unit_test(calibration_finds_the_line_that_scores_are_off_by),
        cmocka_unit_test(a_task_that_never_comes_is_left_as_it_is),
        cmocka_unit_test(softmax_is_right_by_its_largest_logit),
        cmocka_unit_test(classes_are_kept_by_name_and_the_rest_by_shape),
        cmocka_unit_test(options_come_back_from_json_and_given_ones_win),
        cmocka_unit_test(a_config_of_the_release_before_is_read),
        cmocka_unit_test(bad_options_say_what_is_wanted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
