/* SPDX-License-Identifier: MIT */
/* What a training reads, without a device: targets, augmentation, batches, class weights, splits.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "trainer/data/dataset_memory.h"
#include "trainer/loop/batch.h"
#include "trainer/run/folds.h"

enum { HEARD = TYTO_TRUTH_HEARD, SEEN = TYTO_TRUTH_SEEN, BOTH = TYTO_TRUTH_BOTH };
enum { T = 5, L = 2, A = 3, V = 2, K = 2, CLIPS = 8 };

#define NONE 0xffffffffu

/* --- targets --------------------------------------------------------------------------------- */

static void multi_label_targets_are_joint_heard_seen(void **state)
{
    const struct tyto_targets targets = {TYTO_HEAD_MULTI_LABEL, 2, 6, 8, NULL, 0, 0};
    const uint8_t truth[2][2] = {{BOTH, HEARD}, {0, SEEN}};
    const float shares[] = {1, 0.5f};
    float yes[16] = {0}, no[16] = {0};
    const float want_yes[16] = {1, 0, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0.5f};
    const float want_no[16] = {0, 1, 0, 0, 0, 1, 0, 0, 0.5f, 0.5f, 0.5f, 0.5f, 0.5f, 0};

    (void)state;
    tyto_targets_add(&targets, &truth[0][0], 2, NULL, shares, yes, no);
    assert_memory_equal(yes, want_yes, sizeof(yes));
    assert_memory_equal(no, want_no, sizeof(no));
}

static void softmax_targets_are_the_first_class_or_background(void **state)
{
    const float weights[] = {2, 3, 5};
    const struct tyto_targets targets = {TYTO_HEAD_SOFTMAX, 2, 3, 4, weights, 0, 0};
    const uint8_t truth[3][2] = {{0, SEEN}, {HEARD, BOTH}, {0, 0}};
    const float shares[] = {1, 1, 1};
    float yes[12] = {0}, no[12] = {0};
    const float want[12] = {0, 3, 0, 0, 2, 0, 0, 0, 0, 0, 5, 0};

    (void)state;
    tyto_targets_add(&targets, &truth[0][0], 3, NULL, shares, yes, no);
    assert_memory_equal(yes, want, sizeof(yes));
    for (int i = 0; i < 12; i++)
        assert_true(no[i] == 0);
}

static void what_is_heard_moves_with_the_sound(void **state)
{
    const struct tyto_targets targets = {TYTO_HEAD_MULTI_LABEL, 1, 3, 4, NULL, 2, 3};
    const uint8_t truth[3] = {BOTH, 0, SEEN};
    const int32_t sounds[] = {-1, 0, 1}; /* one segment later */
    const float shares[] = {1, 1, 1};
    float yes[12] = {0}, no[12] = {0};

    (void)state;
    tyto_targets_add(&targets, truth, 3, sounds, shares, yes, no);
    /* heard: nothing is said of row 0; row 1 has row 0's sound */
    assert_true(yes[1] == 0 && no[1] == 0);
    assert_true(yes[5] == 2 && no[5] == 0); /* the task weighs 2 */
    assert_true(yes[9] == 0 && no[9] == 2);
    /* joint and seen stay with the picture */
    assert_true(yes[0] == 1 && yes[4] == 0 && yes[8] == 0);
    assert_true(yes[2] == 3 && yes[6] == 0 && yes[10] == 3);
}

/* --- a data set ------------------------------------------------------------------------------ */

struct rig {
    float audio[CLIPS * T * A], visual[CLIPS * T * L * V];
    bool has_audio[CLIPS * T], has_visual[CLIPS * T];
    struct tyto_dataset *data;
};

/* Values say where they come from: audio 1000 clip + 10 t + a, visual likewise, negative. */
static int make_rig(void **state)
{
    const struct tyto_dataset_shape shape = {CLIPS, T, A, L, V, K};
    struct rig *rig = calloc(1, sizeof(*rig));

    assert_non_null(rig);
    for (int i = 0; i < CLIPS * T; i++) {
        rig->has_audio[i] = rig->has_visual[i] = true;
        for (int a = 0; a < A; a++)
            rig->audio[i * A + a] = (float)(1000 * (i / T) + 10 * (i % T) + a);
        for (int v = 0; v < L * V; v++)
            rig->visual[i * L * V + v] = -(float)(1000 * (i / T) + 10 * (i % T) + v);
    }
    const struct tyto_dataset_memory memory = {rig->audio, rig->visual, rig->has_audio,
                                               rig->has_visual};

    assert_int_equal(tyto_dataset_memory_create(&shape, &memory, &rig->data), TYTO_OK);
    *state = rig;
    return 0;
}

static int drop_rig(void **state)
{
    struct rig *rig = *state;

    tyto_dataset_destroy(&rig->data);
    free(rig);
    return 0;
}

static const struct tyto_targets multi = {TYTO_HEAD_MULTI_LABEL, K, 3 * K, 8, NULL, 1, 1};

/* One batch of all clips. */
static struct tyto_prefetch *fill(struct rig *rig, const struct tyto_batch_source *like,
                                  const struct tyto_batch **ret_batch)
{
    struct tyto_batch_source source = *like;
    struct tyto_prefetch *prefetch = NULL;

    source.data = rig->data;
    source.targets = multi;
    source.batch = CLIPS;
    assert_int_equal(tyto_prefetch_create(&rig->data->shape, CLIPS, T, 8, source.fusion, &prefetch),
                     TYTO_OK);
    tyto_prefetch_begin(prefetch, &source, 0, 1);
    assert_int_equal(tyto_prefetch_next(prefetch, ret_batch), TYTO_OK);
    return prefetch;
}

static void a_batch_holds_clips_in_order_and_their_weights(void **state)
{
    struct rig *rig = *state;
    const uint32_t order[CLIPS] = {3, 1, 0, 2, 4, 5, 6, 7};
    const struct tyto_batch_source source = {.order = order};
    const struct tyto_batch *batch = NULL;
    struct tyto_prefetch *prefetch = NULL;
    double sum = 0;

    rig->data->len[3] = 2;
    rig->has_visual[1 * T + 4] = false;
    prefetch = fill(rig, &source, &batch);
    assert_true(batch->audio[0] == 3000 && batch->audio[T * A] == 1000);
    assert_true(batch->visual[0] == -3000);
    assert_int_equal(batch->len[0], 2);
    assert_int_equal(batch->has[0][1], 1);
    assert_int_equal(batch->has[0][2], NONE); /* past its length */
    assert_int_equal(batch->has[1][T + 4], NONE);
    assert_true(batch->visual[(T + 4) * L * V] == 0);
    for (int i = 0; i < CLIPS * T * 8; i++)
        sum += (double)batch->yes[i] + (double)batch->no[i];
    assert_true(fabs(sum - 1) < 1e-5);
    assert_true(batch->mass == (CLIPS * T - 3) * 3 * K);
    for (int i = 2 * 8; i < T * 8; i++)
        assert_true(batch->yes[i] == 0 && batch->no[i] == 0);
    tyto_prefetch_destroy(&prefetch);
}

static void batches_come_in_order_whoever_waits(void **state)
{
    struct rig *rig = *state;
    struct tyto_batch_source source = {.data = rig->data, .targets = multi, .batch = 3};
    const struct tyto_batch *batch = NULL;
    struct tyto_prefetch *prefetch = NULL;

    assert_int_equal(
        tyto_prefetch_create(&rig->data->shape, 3, T, 8, TYTO_CMAN_FUSION_CMAN, &prefetch),
        TYTO_OK);
    for (int round = 0; round < 20; round++) {
        tyto_prefetch_begin(prefetch, &source, 0, 3);
        for (uint32_t i = 0; i < 3; i++) {
            if (round % 3 == 1)
                usleep(500);
            if (round % 4 == 3 && i == 2)
                break; /* given up amidst it */
            assert_int_equal(tyto_prefetch_next(prefetch, &batch), TYTO_OK);
            assert_int_equal(batch->num, i < 2 ? 3 : 2);
            assert_true(batch->audio[0] == 3000 * (float)i);
            if (round % 5 == 2)
                usleep(500);
            assert_true(batch->audio[T * A] == 3000 * (float)i + 1000);
        }
    }
    tyto_prefetch_begin(prefetch, &source, 2, 3);
    assert_int_equal(tyto_prefetch_next(prefetch, &batch), TYTO_OK);
    assert_int_equal(tyto_prefetch_next(prefetch, &batch), TYTO_ERR_EMPTY);
    tyto_prefetch_destroy(&prefetch);
}

static void a_shift_moves_rows_and_what_is_heard_exactly(void **state)
{
    struct rig *rig = *state;
    const struct tyto_augment_params augment = {.max_shift = 2, .shift_share = 1};
    const struct tyto_batch_source source = {.augment = &augment, .seed = 5, .epoch = 2};
    const struct tyto_batch *batch = NULL;
    struct tyto_prefetch *prefetch = NULL;
    uint32_t num_edges = 0;

    for (int i = 0; i < CLIPS; i++)
        rig->data->truth[(i * T + 1) * K] = BOTH;
    prefetch = fill(rig, &source, &batch);
    for (uint32_t b = 0; b < CLIPS; b++) {
        struct tyto_augment did;

        tyto_augment_draw(&augment, 5, 2, b, CLIPS, &did);
        assert_true(did.shift != 0 && abs(did.shift) <= 2);
        num_edges += did.repeats_edge;
        for (int32_t t = 0; t < T; t++) {
            const size_t row = b * T + (size_t)t;
            int32_t from = t - did.shift;
            const bool is_in = from >= 0 && from < T;

            from = from < 0 ? 0 : from >= T ? T - 1 : from;
            assert_true(batch->visual[row * L * V] == -(float)(1000 * b + 10 * (uint32_t)t));
            assert_int_equal(batch->has[0][row], is_in || did.repeats_edge ? row : NONE);
            if (is_in || did.repeats_edge)
                assert_true(batch->audio[row * A] == (float)(1000 * (int)b + 10 * from));
            /* joint and seen with the picture, heard with the sound */
            assert_true((batch->yes[row * 8] > 0) == (t == 1));
            assert_true((batch->yes[row * 8 + 2 * K] > 0) == (t == 1));
            assert_true((batch->yes[row * 8 + K] > 0) ==
                        ((is_in || did.repeats_edge) && from == 1));
            assert_true((batch->yes[row * 8 + K] + batch->no[row * 8 + K] > 0) ==
                        (is_in || did.repeats_edge));
        }
    }
    assert_true(num_edges > 0 && num_edges < CLIPS);
    tyto_prefetch_destroy(&prefetch);
}

static void mixup_mixes_features_and_targets_by_one_share(void **state)
{
    struct rig *rig = *state;
    const struct tyto_augment_params augment = {.mixup = 1};
    const struct tyto_batch_source source = {.augment = &augment, .seed = 1};
    const struct tyto_batch *batch = NULL;
    struct tyto_prefetch *prefetch = NULL;
    uint32_t num_mixed = 0;

    for (int i = 0; i < CLIPS; i++) /* clips 4.. have class 1 throughout */
        for (int t = 0; t < T; t++)
            rig->data->truth[(i * T + t) * K + 1] = i < 4 ? 0 : BOTH;
    prefetch = fill(rig, &source, &batch);
    for (uint32_t b = 0; b < CLIPS; b++) {
        struct tyto_augment did;
        const size_t row = b * T;

        tyto_augment_draw(&augment, 1, 0, b, CLIPS, &did);
        assert_true(did.share >= 0.5f && did.share <= 1 && did.partner < CLIPS);
        num_mixed += did.partner != b;
        const float own = did.partner == b ? 1 : did.share;
        const float is = (b >= 4 ? own : 0) + (did.partner >= 4 ? 1 - own : 0);
        const float audio = own * 1000 * (float)b + (1 - own) * 1000 * (float)did.partner;
        const float yes = (float)(batch->yes[row * 8 + 1] * batch->mass);
        const float no = (float)(batch->no[row * 8 + 1] * batch->mass);

        assert_true(fabsf(batch->audio[row * A] - audio) < 0.01f);
        assert_true(fabsf(batch->visual[row * L * V] + audio) < 0.01f);
        assert_true(fabsf(yes - is) < 1e-4f && fabsf(no - (1 - is)) < 1e-4f);
    }
    assert_true(num_mixed > 4);
    tyto_prefetch_destroy(&prefetch);
}

static void mixup_draws_its_share_by_beta(void **state)
{
    const struct tyto_augment_params augment = {.mixup = 0.4f};
    double sum = 0;
    enum { NUM = 4000 };

    (void)state;
    for (uint32_t i = 0; i < NUM; i++) {
        struct tyto_augment did;

        tyto_augment_draw(&augment, 9, 1, i, NUM, &did);
        sum += (2 * (double)did.share - 1) * (2 * (double)did.share - 1) / 4;
    }
    /* the variance of Beta(a, a) is 1 / (4 (2 a + 1)): 0.1389 */
    assert_true(fabs(sum / NUM - 0.25 / 1.8) < 0.006);
}

static void modality_dropout_takes_one_stream_of_its_share(void **state)
{
    const struct tyto_augment_params augment = {.modality_dropout = 0.3f};
    uint32_t audio = 0, visual = 0;
    enum { NUM = 5000 };

    (void)state;
    for (uint32_t i = 0; i < NUM; i++) {
        struct tyto_augment did;

        tyto_augment_draw(&augment, 2, 7, i, NUM, &did);
        assert_false(did.drops_audio && did.drops_visual);
        audio += did.drops_audio;
        visual += did.drops_visual;
    }
    assert_true(abs((int)audio - 750) < 100 && abs((int)visual - 750) < 100);
}

static void a_clip_keeps_its_only_stream(void **state)
{
    struct rig *rig = *state;
    const struct tyto_augment_params augment = {.modality_dropout = 1};
    const struct tyto_batch_source source = {.augment = &augment};
    const struct tyto_batch *batch = NULL;
    struct tyto_prefetch *prefetch = NULL;

    memset(rig->has_visual, 0, sizeof(rig->has_visual)); /* sound alone */
    prefetch = fill(rig, &source, &batch);
    for (uint32_t i = 0; i < CLIPS * T; i++) {
        assert_int_equal(batch->has[0][i], i);
        assert_int_equal(batch->has[1][i], NONE);
    }
    tyto_prefetch_destroy(&prefetch);
}

static void early_fusion_puts_the_mean_picture_beside_the_sound(void **state)
{
    struct rig *rig = *state;
    const struct tyto_batch_source source = {.fusion = TYTO_CMAN_FUSION_EARLY};
    const struct tyto_batch *batch = NULL;
    struct tyto_prefetch *prefetch = NULL;

    rig->has_audio[1] = rig->has_audio[2] = rig->has_visual[2] = false;
    prefetch = fill(rig, &source, &batch);
    const float *row = batch->audio + T * (A + V); /* clip 1, segment 0 */

    assert_true(row[0] == 1000 && row[A] == -1001 && row[A + 1] == -1002);
    assert_int_equal(batch->has[0][1], 1); /* a picture is enough */
    assert_true(batch->audio[A + V] == 0 && batch->audio[2 * A + V] == -11);
    assert_int_equal(batch->has[0][2], NONE);
    assert_int_equal(batch->has[1][0], NONE);
    tyto_prefetch_destroy(&prefetch);
}

static void what_happens_to_a_clip_depends_on_seed_epoch_and_clip_alone(void **state)
{
    const struct tyto_augment_params params = {4, 0.5f, 0.2f, 0.2f, 0.1f};
    struct tyto_augment first, again, other;

    (void)state;
    memset(&first, 0, sizeof(first));
    memset(&again, 0, sizeof(again));
    memset(&other, 0, sizeof(other));
    tyto_augment_draw(&params, 1, 2, 3, 100, &first);
    tyto_augment_draw(&params, 1, 2, 4, 100, &other);
    tyto_augment_draw(&params, 1, 2, 3, 100, &again);
    assert_true(first.noise_state == again.noise_state && first.shift == again.shift &&
                first.share == again.share && first.partner == again.partner);
    assert_true(first.noise_state != other.noise_state);
}

static void noise_has_the_deviation_asked_for(void **state)
{
    enum { NUM = 20001 };
    struct tyto_augment augment = {.noise = 0.5f, .noise_state = 3};
    static float values[NUM];
    double sum = 0, squares = 0;

    (void)state;
    memset(values, 0, sizeof(values));
    tyto_augment_add_noise(&augment, values, NUM);
    for (int i = 0; i < NUM; i++) {
        sum += (double)values[i];
        squares += (double)values[i] * (double)values[i];
    }
    assert_true(fabs(sum / NUM) < 0.02);
    assert_true(fabs(sqrt(squares / NUM) - 0.5) < 0.02);
}

/* --- class weights, splits ------------------------------------------------------------------- */

static void rare_classes_weigh_more_up_to_the_cap(void **state)
{
    struct rig *rig = *state;
    float weights[3 * K], softmax[K + 1];

    rig->data->truth[0] = BOTH; /* class 0: once; class 1: 3 times */
    for (int i = 0; i < 3; i++)
        rig->data->truth[(T + i) * K + 1] = HEARD;
    tyto_targets_balance(rig->data, TYTO_HEAD_MULTI_LABEL, false, 10, weights);
    assert_true(weights[0] == 1 && weights[1] == 1); /* joint: class 1 never comes */
    assert_true(weights[2] == 2 && fabsf(weights[3] - 2.0f / 3) < 1e-6f);
    tyto_targets_balance(rig->data, TYTO_HEAD_SOFTMAX, false, 10, softmax);
    /* 1, 3 and 36 of 40; the mean is 40 / 3 */
    assert_true(softmax[0] == 10 && fabsf(softmax[1] - 40.0f / 9) < 1e-5f &&
                fabsf(softmax[2] - 40.0f / 108) < 1e-5f);
}

static void folds_keep_recordings_whole_and_classes_even(void **state)
{
    struct rig *rig = *state;
    uint32_t folds[CLIPS], again[CLIPS], other[CLIPS];
    uint32_t sizes[2] = {0, 0}, of_class[2] = {0, 0};
    bool differs = false;

    for (uint32_t i = 0; i < CLIPS; i++) {
        rig->data->groups[i] = 100 - i / 2; /* two clips a recording */
        rig->data->clip_truth[i * K + i / 4] = BOTH;
    }
    assert_int_equal(tyto_folds_assign(rig->data, 2, 4, folds), TYTO_OK);
    assert_int_equal(tyto_folds_assign(rig->data, 2, 4, again), TYTO_OK);
    assert_memory_equal(folds, again, sizeof(folds));
    for (uint32_t i = 0; i < CLIPS; i++) {
        assert_int_equal(folds[i], folds[i ^ 1]);
        sizes[folds[i]]++;
        of_class[folds[i]] += i < 4;
    }
    assert_true(sizes[0] == 4 && of_class[0] == 2);
    for (uint64_t seed = 0; seed < 20; seed++) {
        assert_int_equal(tyto_folds_assign(rig->data, 2, seed, other), TYTO_OK);
        differs |= memcmp(folds, other, sizeof(folds)) != 0;
    }
    assert_true(differs);
    assert_int_equal(tyto_folds_assign(rig->data, 5, 4, folds), TYTO_ERR_INVALID);
}

static void holding_out_leaves_both_sides_something(void **state)
{
    struct rig *rig = *state;
    bool is_val[CLIPS];

    for (int percent = 1; percent < 100; percent += 7) {
        uint32_t num = 0;

        assert_int_equal(tyto_folds_hold_out(rig->data, (float)percent / 100, 3, is_val), TYTO_OK);
        for (int i = 0; i < CLIPS; i++)
            num += is_val[i];
        assert_true(num >= 1 && num < CLIPS);
        assert_true(fabs(num - CLIPS * percent / 100.0) <= 1);
    }
    memset(rig->data->groups, 0, sizeof(*rig->data->groups) * CLIPS);
    assert_int_equal(tyto_folds_hold_out(rig->data, 0.5f, 3, is_val), TYTO_ERR_INVALID);
}

int main(void)
{
#define WITH_RIG(test) cmocka_unit_test_setup_teardown(test, make_rig, drop_rig)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(multi_label_targets_are_joint_heard_seen),
        cmocka_unit_test(softmax_targets_are_the_first_class_or_background),
        cmocka_unit_test(what_is_heard_moves_with_the_sound),
        WITH_RIG(a_batch_holds_clips_in_order_and_their_weights),
        WITH_RIG(batches_come_in_order_whoever_waits),
        WITH_RIG(a_shift_moves_rows_and_what_is_heard_exactly),
        WITH_RIG(mixup_mixes_features_and_targets_by_one_share),
        cmocka_unit_test(mixup_draws_its_share_by_beta),
        cmocka_unit_test(modality_dropout_takes_one_stream_of_its_share),
        WITH_RIG(a_clip_keeps_its_only_stream),
        WITH_RIG(early_fusion_puts_the_mean_picture_beside_the_sound),
        cmocka_unit_test(what_happens_to_a_clip_depends_on_seed_epoch_and_clip_alone),
        cmocka_unit_test(noise_has_the_deviation_asked_for),
        WITH_RIG(rare_classes_weigh_more_up_to_the_cap),
        WITH_RIG(folds_keep_recordings_whole_and_classes_even),
        WITH_RIG(holding_out_leaves_both_sides_something),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
