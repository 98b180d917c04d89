/* SPDX-License-Identifier: MIT */
/* What a head says at several offsets of the sound, weighed, on two clips of two segments. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <string.h>

#include "trainer/eval/predict.h"

enum { CLIPS = 2, T = 2, K = 2, WIDE = K + 1, OFFSETS = 3 };

static const uint32_t len[CLIPS] = {2, 1};

/* Softmax scores of two classes and background, the sound as it came first. Of the second clip only
 * one segment is there: what stands behind it must speak for nothing. */
static const float said[OFFSETS][CLIPS][T][WIDE] = {
    {{{0.2f, 0.1f, 0.7f}, {0.1f, 0.1f, 0.8f}}, {{0.6f, 0.3f, 0.1f}, {0, 0, 0}}},
    {{{0.9f, 0.05f, 0.05f}, {0.8f, 0.1f, 0.1f}}, {{0.1f, 0.5f, 0.4f}, {0.9f, 0.1f, 0}}},
    {{{0.1f, 0.6f, 0.3f}, {0.3f, 0.3f, 0.4f}}, {{0.2f, 0.2f, 0.6f}, {0, 0, 0}}},
};
/* Sums over a clip's segments of the surest class, by hand; two segments more for the first. */
static const double evidence[CLIPS][OFFSETS] = {{0.3 + 2, 1.7, 0.9}, {0.6 + 2, 0.5, 0.2}};

static struct tyto_predictions predictions(float *scores, float *weight_audio)
{
    return (struct tyto_predictions){.num_clips = CLIPS,
                                     .num_segments = T,
                                     .num_classes = K,
                                     .num_logits = WIDE,
                                     .head = TYTO_HEAD_SOFTMAX,
                                     .scores = scores,
                                     .weight_audio = weight_audio};
}

static void offsets_count_by_how_much_is_heard_and_seen(void **state)
{
    float scores[OFFSETS][CLIPS][T][WIDE], weight_audio[OFFSETS][CLIPS][T];
    struct tyto_predictions at[OFFSETS];
    struct tyto_aligned aligned;

    (void)state;
    memcpy(scores, said, sizeof(scores));
    for (size_t i = 0; i < OFFSETS; i++) {
        for (size_t c = 0; c < CLIPS; c++)
            for (size_t t = 0; t < T; t++)
                weight_audio[i][c][t] = (float)i / 2;
        at[i] = predictions(scores[i][0][0], weight_audio[i][0]);
    }
    assert_int_equal(tyto_aligned_init(&at[0], len, &aligned), TYTO_OK);
    for (size_t i = 1; i < OFFSETS; i++)
        assert_int_equal(tyto_aligned_add(&aligned, &at[i], len), TYTO_OK);
    tyto_aligned_finish(&aligned);
    for (size_t c = 0; c < CLIPS; c++) {
        double weight[OFFSETS], all = 0, audio = 0;

        for (size_t i = 0; i < OFFSETS; i++)
            all += weight[i] = exp(evidence[c][i]);
        for (size_t i = 0; i < OFFSETS; i++)
            audio += weight[i] / all * (double)i / 2;
        assert_float_equal(weight_audio[0][c][0], audio, 1e-6);
        for (size_t t = 0; t < len[c]; t++)
            for (size_t k = 0; k < WIDE; k++) {
                double want = 0;

                for (size_t i = 0; i < OFFSETS; i++)
                    want += weight[i] / all * (double)said[i][c][t][k];
                assert_float_equal(scores[0][c][t][k], want, 1e-6);
            }
    }
}

static void another_heads_predictions_are_refused(void **state)
{
    float scores[2][CLIPS][T][WIDE] = {0}, weight_audio[2][CLIPS][T] = {0};
    struct tyto_predictions first = predictions(scores[0][0][0], weight_audio[0][0]);
    struct tyto_predictions other = predictions(scores[1][0][0], weight_audio[1][0]);
    struct tyto_aligned aligned;

    (void)state;
    other.num_clips = 1;
    assert_int_equal(tyto_aligned_init(&first, len, &aligned), TYTO_OK);
    assert_int_equal(tyto_aligned_add(&aligned, &other, len), TYTO_ERR_SHAPE);
    tyto_aligned_finish(&aligned);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(offsets_count_by_how_much_is_heard_and_seen),
        cmocka_unit_test(another_heads_predictions_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
