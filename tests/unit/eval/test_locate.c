/* SPDX-License-Identifier: MIT */
/* Where in a clip its classes are, on scores small enough to see by eye. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "trainer/eval/locate.h"

enum { T = 4, K = 2, H = TYTO_TRUTH_HEARD, S = TYTO_TRUTH_SEEN, B = TYTO_TRUTH_BOTH };

static void heard_and_seen_are_where_their_own_scores_say(void **state)
{
    /* joint, heard and seen of two classes */
    static const float scores[T][3 * K] = {
        {0, 0, 0.9f, 0.9f, 0.02f, 0.9f},
        {0, 0, 0.5f, 0.9f, 0.04f, 0.9f},
        {0, 0, 0.4f, 0.9f, 0.01f, 0.9f},
        {0, 0, 0.9f, 0.9f, 0.90f, 0.9f}, /* past the clip's end */
    };
    static const uint8_t clip_truth[K] = {B, 0};
    static const uint8_t want[T - 1][K] = {{B, 0}, {B, 0}, {0, 0}};
    uint8_t truth[T - 1][K];

    (void)state;
    memset(truth, 0xff, sizeof(truth));
    tyto_locate_clip(scores[0], TYTO_HEAD_MULTI_LABEL, K, T - 1, clip_truth, truth[0]);
    assert_memory_equal(truth, want, sizeof(want));
}

static void one_sense_marks_no_other(void **state)
{
    static const float scores[T][3 * K] = {
        {1, 1, 1, 1, 1, 1}, {1, 1, 0, 1, 1, 0.2f}, {1, 1, 0, 1, 1, 0.6f}, {1, 1, 0, 1, 1, 0}};
    static const uint8_t clip_truth[K] = {H, S};
    static const uint8_t want[T][K] = {{H, S}, {0, 0}, {0, S}, {0, 0}};
    uint8_t truth[T][K];

    (void)state;
    tyto_locate_clip(scores[0], TYTO_HEAD_MULTI_LABEL, K, T, clip_truth, truth[0]);
    assert_memory_equal(truth, want, sizeof(want));
}

static void a_softmax_class_stands_against_background_alone(void **state)
{
    /* the first class of the clip, another that is surer, background */
    static const float scores[T][K + 1] = {
        {0.1f, 0.8f, 0.1f}, {0.05f, 0.9f, 0.05f}, {0.1f, 0.2f, 0.7f}, {0, 0, 0}};
    static const uint8_t clip_truth[K] = {B, 0};
    static const uint8_t want[T][K] = {{B, 0}, {B, 0}, {0, 0}, {0, 0}};
    uint8_t truth[T][K];

    (void)state;
    tyto_locate_clip(scores[0], TYTO_HEAD_SOFTMAX, K, T, clip_truth, truth[0]);
    assert_memory_equal(truth, want, sizeof(want));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(heard_and_seen_are_where_their_own_scores_say),
        cmocka_unit_test(one_sense_marks_no_other),
        cmocka_unit_test(a_softmax_class_stands_against_background_alone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
