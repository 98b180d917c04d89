/* SPDX-License-Identifier: MIT */
/* From logits and attention to scores, place, weights and offset. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "pipeline/track/decode.h"

enum { K = 2, T = 4, ROWS = 3, COLS = 3, L = 9 };

static struct {
    float logits[T][3 * K];
    float place[T][L];
    float beta_audio[T], beta_visual[T];
    float align_audio[T][T], align_visual[T][T];
} window;

static struct tyto_cman_dims dims = {
    .num_segments = T, .num_places = L, .num_classes = K, .num_logits = 3 * K};

static struct tyto_picture_fit fit; /* of all pictures read */

static struct tyto_polygon mask; /* likewise; no corners: none */

static struct tyto_reading read_at(uint32_t pos_idx, bool has_audio, bool has_video)
{
    const struct tyto_reader reader = {.dims = &dims, .hop_ns = 1000000000};
    const struct tyto_sight sight = {
        .fit = fit, .rows = ROWS, .cols = COLS, .masks = &mask, .num_masks = mask.num > 0};
    const struct tyto_cman_result result = {
        .num_valid = T,
        .logits = window.logits[0],
        .place = window.place[0],
        .beta_audio = window.beta_audio,
        .beta_visual = window.beta_visual,
        .align_audio = window.align_audio[0],
        .align_visual = window.align_visual[0],
    };
    struct tyto_reading reading;
    assert_int_equal(tyto_reading_init(&reading, K), TYTO_OK);
    tyto_reading_take(&reading, &reader, &result, pos_idx, has_audio, has_video, &sight);
    return reading;
}

static int reset(void **state)
{
    (void)state;
    memset(&window, 0, sizeof(window));
    for (int t = 0; t < T; t++) {
        for (int i = 0; i < L; i++)
            window.place[t][i] = 1.f / L;
        for (int i = 0; i < T; i++)
            window.align_audio[t][i] = window.align_visual[t][i] = 1.f / T;
    }
    dims.head = TYTO_HEAD_MULTI_LABEL;
    dims.num_logits = 3 * K;
    fit = (struct tyto_picture_fit){.width = 1, .height = 1};
    mask.num = 0;
    return 0;
}

static void close_to(float value, float wanted)
{
    if (fabsf(value - wanted) > 1e-5f)
        fail_msg("%g is not %g", (double)value, (double)wanted);
}

static void multi_label_logits_are_joint_heard_and_seen(void **state)
{
    (void)state;
    const float logits[3 * K] = {0, 2, -2, 4, 1, -30};
    memcpy(window.logits[2], logits, sizeof(logits));
    struct tyto_reading reading = read_at(2, true, true);
    assert_true(reading.evidence.has_heard_seen);
    for (int i = 0; i < 3 * K; i++)
        close_to(reading.scores[i], 1 / (1 + expf(-logits[i])));
    tyto_reading_finish(&reading);
}

static void softmax_logits_leave_the_background_out(void **state)
{
    (void)state;
    dims.head = TYTO_HEAD_SOFTMAX;
    dims.num_logits = K + 1;
    float *logits = window.logits[0]; /* rows are K + 1 wide now */
    const float row[] = {1000, 1001, 1001};
    memcpy(logits + 3, row, sizeof(row));
    struct tyto_reading reading = read_at(1, true, true);
    assert_false(reading.evidence.has_heard_seen);
    const float sum = expf(-1) + 2;
    close_to(reading.scores[0], expf(-1) / sum);
    close_to(reading.scores[1], 1 / sum);
    tyto_reading_finish(&reading);
}

static void weights_are_what_each_stream_takes_from_the_other(void **state)
{
    (void)state;
    window.beta_audio[1] = 0.7f; /* audio takes 0.3 of the picture */
    window.beta_visual[1] = 0.1f;
    struct tyto_reading reading = read_at(1, true, true);
    close_to(reading.evidence.weight_visual, 0.3f / 1.2f);
    close_to(reading.evidence.weight_audio, 0.9f / 1.2f);
    tyto_reading_finish(&reading);
    reading = read_at(1, true, false);
    close_to(reading.evidence.weight_audio, 1);
    tyto_reading_finish(&reading);
    reading = read_at(1, false, true);
    close_to(reading.evidence.weight_audio, 0);
    tyto_reading_finish(&reading);
}

static void an_even_map_points_nowhere(void **state)
{
    (void)state;
    struct tyto_reading reading = read_at(0, true, true);
    assert_int_equal(reading.evidence.place.rows, ROWS);
    assert_false(reading.evidence.has_box);
    tyto_reading_finish(&reading);
    reading = read_at(0, false, true); /* without a sound there is nothing to look for */
    assert_int_equal(reading.evidence.place.rows, 0);
    tyto_reading_finish(&reading);
}

static void a_peak_and_what_touches_it_make_the_box(void **state)
{
    (void)state;
    const float place[L] = {0.4f, 0.35f, 0, 0, 0.02f, 0, 0, 0, 0.23f};
    memcpy(window.place[3], place, sizeof(place));
    struct tyto_reading reading = read_at(3, true, true);
    assert_true(reading.evidence.has_box);
    close_to(reading.evidence.box.x0, 0);
    close_to(reading.evidence.box.x1, 2.f / 3);
    close_to(reading.evidence.box.y0, 0);
    close_to(reading.evidence.box.y1, 1.f / 3); /* the far corner does not touch */
    assert_int_equal(reading.evidence.place.cells[0], 255);
    assert_int_equal(reading.evidence.place.cells[8], (int)(0.23f / 0.4f * 255 + 0.5f));
    close_to(reading.evidence.place.peak, 0.4f);
    tyto_reading_finish(&reading);
}

static void a_map_that_is_no_distribution_is_not_given(void **state)
{
    (void)state;
    const float bad[] = {NAN, INFINITY, -1};
    for (int i = 0; i < 3; i++) {
        window.place[0][4] = bad[i];
        struct tyto_reading reading = read_at(0, true, true);
        assert_int_equal(reading.evidence.place.rows, 0);
        assert_false(reading.evidence.has_box);
        tyto_reading_finish(&reading);
    }
}

static void sound_that_lags_has_a_positive_offset(void **state)
{
    (void)state;
    struct tyto_reading reading = read_at(2, true, true);
    assert_false(reading.evidence.has_av_offset); /* even attention says nothing */
    tyto_reading_finish(&reading);
    memset(window.align_audio[2], 0, sizeof(window.align_audio[2]));
    memset(window.align_visual[2], 0, sizeof(window.align_visual[2]));
    window.align_audio[2][1] = 1;  /* the sound of 2 belongs to the picture of 1 */
    window.align_visual[2][3] = 1; /* the picture of 2 to the sound of 3 */
    reading = read_at(2, true, true);
    assert_true(reading.evidence.has_av_offset);
    close_to(reading.evidence.av_offset_ms, 1000);
    assert_int_equal(reading.evidence.num_align, T);
    assert_int_equal(reading.evidence.align_own, 2);
    for (int t = 0; t < T; t++) {
        close_to(reading.evidence.align_audio[t], t == 1);
        close_to(reading.evidence.align_visual[t], t == 3);
    }
    tyto_reading_finish(&reading);
    reading = read_at(2, false, true);
    assert_int_equal(reading.evidence.num_align, 0);
    tyto_reading_finish(&reading);
}

/* The outer columns are stripes beside the picture: what lies in them is left out. */
static void a_letterboxed_picture_has_the_map_of_itself(void **state)
{
    (void)state;
    const float place[L] = {0.1f, 0.6f, 0, 0.1f, 0, 0, 0.2f, 0, 0};
    memcpy(window.place[3], place, sizeof(place));
    fit = (struct tyto_picture_fit){.left = 1.f / 3, .width = 1.f / 3, .height = 1};
    struct tyto_reading reading = read_at(3, true, true);
    assert_int_equal(reading.evidence.place.cols, COLS);
    for (int i = 0; i < L; i++)
        assert_int_equal(reading.evidence.place.cells[i], i < COLS ? 255 : 0);
    close_to(reading.evidence.place.peak, 1.f / 3);
    tyto_reading_finish(&reading);
}

/* The peak behind the mask goes, the next highest takes its place; where all is hidden there is
 * none. */
static void places_behind_a_mask_do_not_count(void **state)
{
    (void)state;
    for (int i = 0; i < L; i++)
        window.place[0][i] = i == 0 ? 0.6f : i == 8 ? 0.33f : 0.01f;
    assert_int_equal(tyto_polygon_read("0,0 0.4,0 0.4,0.4 0,0.4", &mask, NULL), TYTO_OK);
    struct tyto_reading reading = read_at(0, true, true);
    assert_int_equal(reading.evidence.place.cells[0], 0);
    assert_int_equal(reading.evidence.place.cells[8], 255);
    assert_true(fabsf(reading.evidence.place.peak - 0.33f / 0.4f) < 1e-5f);
    assert_true(reading.evidence.has_box && reading.evidence.box.x0 > 0.5f);
    tyto_reading_finish(&reading);
    assert_int_equal(tyto_polygon_read("0,0 1,0 1,1 0,1", &mask, NULL), TYTO_OK);
    reading = read_at(0, true, true);
    assert_int_equal(reading.evidence.place.rows, 0);
    assert_false(reading.evidence.has_box);
    tyto_reading_finish(&reading);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(places_behind_a_mask_do_not_count, reset),
        cmocka_unit_test_setup(multi_label_logits_are_joint_heard_and_seen, reset),
        cmocka_unit_test_setup(softmax_logits_leave_the_background_out, reset),
        cmocka_unit_test_setup(weights_are_what_each_stream_takes_from_the_other, reset),
        cmocka_unit_test_setup(an_even_map_points_nowhere, reset),
        cmocka_unit_test_setup(a_peak_and_what_touches_it_make_the_box, reset),
        cmocka_unit_test_setup(a_letterboxed_picture_has_the_map_of_itself, reset),
        cmocka_unit_test_setup(a_map_that_is_no_distribution_is_not_given, reset),
        cmocka_unit_test_setup(sound_that_lags_has_a_positive_offset, reset),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
