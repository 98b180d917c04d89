/* SPDX-License-Identifier: MIT */
/* What a head that is to take over is fed with, must fit, and is held against. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "pipeline/networks/candidate.h"
#include "pipeline/networks/history.h"

/* --- history ------------------------------------------------------------------------------------
 */

static void expect(const struct tyto_history *history, uint32_t stream, uint32_t pos,
                   const float *want_audio, const float *want_visual)
{
    const float *audio, *visual;
    tyto_history_get(history, stream, pos, &audio, &visual);
    assert_int_equal(audio != NULL, want_audio != NULL);
    assert_int_equal(visual != NULL, want_visual != NULL);
    if (audio)
        assert_memory_equal(audio, want_audio, 2 * sizeof(float));
    if (visual)
        assert_memory_equal(visual, want_visual, 3 * sizeof(float));
}

static void the_last_segments_of_each_stream_are_kept_in_order(void **state)
{
    const struct tyto_history_params params = {
        .num_streams = 2, .num_segments = 3, .audio_floats = 2, .visual_floats = 3};
    static const float audio[5][2] = {{1, 2}, {3, 4}, {5, 6}, {7, 8}, {9, 10}};
    static const float visual[5][3] = {{1, 2, 3}, {4, 5, 6}, {7, 8, 9}, {10, 11, 12}, {13, 14, 15}};
    struct tyto_history *history = NULL;
    (void)state;
    assert_int_equal(tyto_history_create(&params, &history), TYTO_OK);
    assert_int_equal(tyto_history_len(history, 0), 0);
    for (int i = 0; i < 5; i++) {
        tyto_history_put(history, 1, false, i == 3 ? NULL : audio[i], i == 4 ? NULL : visual[i]);
        assert_int_equal(tyto_history_len(history, 1), i < 3 ? i + 1 : 3);
    }
    assert_int_equal(tyto_history_len(history, 0), 0);
    expect(history, 1, 0, audio[2], visual[2]);
    expect(history, 1, 1, NULL, visual[3]);
    expect(history, 1, 2, audio[4], NULL);
    tyto_history_put(history, 1, true, audio[0], visual[0]);
    tyto_history_put(history, 0, false, NULL, NULL);
    assert_int_equal(tyto_history_len(history, 1), 1);
    expect(history, 1, 0, audio[0], visual[0]);
    assert_int_equal(tyto_history_len(history, 0), 1);
    expect(history, 0, 0, NULL, NULL);
    tyto_history_destroy(&history);
    assert_null(history);
}

/* --- does it fit?
 * ---------------------------------------------------------------------------------- */

static struct tyto_head_fit make_fit(void)
{
    struct tyto_head_fit fit = {.num_places = 4,
                                .visual_in = 6,
                                .audio_in = 5,
                                .num_segments = 10,
                                .look_ahead = 1,
                                .audio = {.digest = "aa11", .layout = "cc", .path = "a.st"},
                                .visual = {.digest = "bb22", .path = "v.st"}};
    return fit;
}

static struct tyto_cman_weights make_weights(void)
{
    struct tyto_cman_weights weights = {
        .dims = {
            .num_places = 4, .visual_in = 6, .audio_in = 5, .num_segments = 10, .look_ahead = 1}};
    return weights;
}

static void assert_misfit(const struct tyto_head_fit *fit, const struct tyto_cman_weights *weights,
                          enum tyto_err err, const char *key)
{
    struct tyto_fault fault = {.text = ""};
    assert_int_equal(tyto_head_fit_check(fit, weights, "h.st", &fault), err);
    if (!err)
        return;
    assert_string_equal(fault.file, "h.st");
    assert_string_equal(fault.key, key);
    assert_true(strlen(fault.text) > 20);
}

static void a_head_must_fit_encoders_and_window(void **state)
{
    struct tyto_head_fit fit = make_fit();
    struct tyto_cman_weights weights = make_weights();
    (void)state;
    assert_misfit(&fit, &weights, TYTO_OK, NULL);
    weights.dims.num_places = 9;
    assert_misfit(&fit, &weights, TYTO_ERR_SHAPE, "tyto.config");
    weights = make_weights();
    weights.dims.audio_in = 7;
    assert_misfit(&fit, &weights, TYTO_ERR_SHAPE, "tyto.config");
    weights = make_weights();
    weights.dims.num_segments = 5;
    assert_misfit(&fit, &weights, TYTO_ERR_SHAPE, "tyto.config num_segments");
    fit.any_num_segments = true; /* the configuration says how many */
    assert_misfit(&fit, &weights, TYTO_OK, NULL);
    weights.dims.look_ahead = 2;
    assert_misfit(&fit, &weights, TYTO_ERR_SHAPE, "tyto.config look_ahead");
    fit.any_look_ahead = true;
    assert_misfit(&fit, &weights, TYTO_OK, NULL);
}

static void a_head_must_have_been_trained_with_the_encoders_that_run(void **state)
{
    const struct tyto_head_fit fit = make_fit();
    struct tyto_cman_weights weights = make_weights();
    (void)state;
    snprintf(weights.audio_encoder, sizeof(weights.audio_encoder), "aa11");
    snprintf(weights.visual_encoder, sizeof(weights.visual_encoder), "bb22");
    assert_misfit(&fit, &weights, TYTO_OK, NULL);
    snprintf(weights.audio_encoder, sizeof(weights.audio_encoder), "cc"); /* its layout will do */
    assert_misfit(&fit, &weights, TYTO_OK, NULL);
    snprintf(weights.audio_encoder, sizeof(weights.audio_encoder), "bb22");
    assert_misfit(&fit, &weights, TYTO_ERR_FORMAT, "tyto.encoders audio");
    weights.audio_encoder[0] = '\0';
    snprintf(weights.visual_encoder, sizeof(weights.visual_encoder), "cc");
    assert_misfit(&fit, &weights, TYTO_ERR_FORMAT, "tyto.encoders visual");
}

/* --- the self-check
 * -------------------------------------------------------------------------------- */

static void what_the_device_makes_must_be_what_plain_c_makes(void **state)
{
    enum { N = 2, LOGITS = 3, PLACES = 2 };
    float logits[N * LOGITS] = {0, 1, -20, 3, 4000, 5},
                     place[N * PLACES] = {0.5f, 0.5f, 0.1f, 0.9f};
    float beta_audio[N] = {0.1f, 0.2f}, beta_visual[N] = {0.3f, 0.4f};
    char path[] = "h.st";
    const struct tyto_new_head head = {.path = path,
                                       .num_checks = N,
                                       .logits = logits,
                                       .place = place,
                                       .beta_audio = beta_audio,
                                       .beta_visual = beta_visual};
    const struct tyto_cman_dims dims = {.num_logits = LOGITS, .num_places = PLACES};
    float got_logits[N * LOGITS], got_place[N * PLACES], got_beta[N];
    struct tyto_cman_result result = {.num_valid = N,
                                      .logits = got_logits,
                                      .place = got_place,
                                      .beta_audio = got_beta,
                                      .beta_visual = beta_visual};
    struct tyto_fault fault = {.text = ""};
    (void)state;
    memcpy(got_logits, logits, sizeof(logits));
    memcpy(got_place, place, sizeof(place));
    memcpy(got_beta, beta_audio, sizeof(beta_audio));
    got_logits[0] = 9e-4f;
    got_logits[4] = 4003; /* within 1e-3 of its size */
    assert_int_equal(tyto_new_head_compare(&head, &dims, &result, &fault), TYTO_OK);
    got_logits[0] = 2e-3f;
    assert_int_equal(tyto_new_head_compare(&head, &dims, &result, &fault), TYTO_ERR_INVALID);
    assert_string_equal(fault.key, "self-check");
    assert_non_null(strstr(fault.text, "logit 0"));
    got_logits[0] = 0;
    got_place[3] = NAN;
    assert_int_equal(tyto_new_head_compare(&head, &dims, &result, &fault), TYTO_ERR_INVALID);
    assert_non_null(strstr(fault.text, "place 3"));
    got_place[3] = place[3];
    got_beta[1] = INFINITY;
    assert_int_equal(tyto_new_head_compare(&head, &dims, &result, &fault), TYTO_ERR_INVALID);
    got_beta[1] = beta_audio[1];
    logits[1] = got_logits[1] = INFINITY; /* both the same, and still nothing to serve */
    assert_int_equal(tyto_new_head_compare(&head, &dims, &result, &fault), TYTO_ERR_INVALID);
    logits[1] = got_logits[1] = 1;
    result.num_valid = 1;
    assert_int_equal(tyto_new_head_compare(&head, &dims, &result, &fault), TYTO_ERR_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_last_segments_of_each_stream_are_kept_in_order),
        cmocka_unit_test(a_head_must_fit_encoders_and_window),
        cmocka_unit_test(a_head_must_have_been_trained_with_the_encoders_that_run),
        cmocka_unit_test(what_the_device_makes_must_be_what_plain_c_makes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
