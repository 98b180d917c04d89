/* SPDX-License-Identifier: MIT */
/* The file of the two maps: what fits is computed as it says, what does not is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "files/safetensors.h"
#include "pipeline/networks/embedder.h"

enum { A = 11, V = 3, L = 4, D = TYTO_EMBEDDING_NUM };

static char path[] = "/tmp/tyto-embedder-XXXXXX";
static float sound_weight[D * A], sound_bias[D], picture_weight[D * 2 * V], picture_bias[D];

static struct tyto_head_fit fit_of(const char *digest)
{
    struct tyto_head_fit fit = {.num_places = L, .visual_in = V, .audio_in = A};
    snprintf(fit.audio.digest, sizeof(fit.audio.digest), "%s", digest);
    snprintf(fit.visual.digest, sizeof(fit.visual.digest), "bbbb");
    fit.audio.path = "audio.safetensors";
    fit.visual.path = "visual.safetensors";
    return fit;
}

static void write_file(uint64_t audio_in)
{
    const struct tyto_tensor tensors[] = {
        {"sound.weight", TYTO_DTYPE_F32, 2, {D, audio_in}, 0, 0, sound_weight},
        {"sound.bias", TYTO_DTYPE_F32, 1, {D}, 0, 0, sound_bias},
        {"picture.weight", TYTO_DTYPE_F32, 2, {D, 2 * V}, 0, 0, picture_weight},
        {"picture.bias", TYTO_DTYPE_F32, 1, {D}, 0, 0, picture_bias},
    };
    const struct tyto_meta metas[] = {
        {"tyto.format", "embedding/1"},
        {"tyto.encoders", "{\"audio\":\"aaaa\",\"visual\":\"bbbb\"}"}};
    struct tyto_fault fault;
    if (tyto_weights_write(path, tensors, 4, metas, 2, &fault) != TYTO_OK)
        fail_msg("%s", fault.text);
}

static void a_second_is_mapped_as_the_file_says(void **state)
{
    (void)state;
    const struct tyto_head_fit fit = fit_of("aaaa");
    struct tyto_embedder *embedder = NULL;
    struct tyto_embeddings got;
    struct tyto_fault fault;
    const float audio[A] = {[0] = 1, [10] = 2};
    const float visual[L * V] = {1, 0, 0, 3, 0, 0, 0, 0, 4, 0, 0, 0};
    sound_weight[0] = 0.5f;           /* first number: half of the first column */
    sound_weight[1 * A + 10] = -0.5f; /* second: minus half of the last */
    sound_bias[2] = 0.25f;
    picture_weight[0] = 1;                 /* the highest of column 0: 3 */
    picture_weight[1 * 2 * V + 2 + V] = 1; /* the mean of column 2: 1 */
    write_file(A);
    if (tyto_embedder_open(path, &fit, &embedder, &fault) != TYTO_OK)
        fail_msg("%s", fault.text);
    tyto_embedder_run(embedder, audio, visual, &got);
    assert_true(got.space != 0 && got.has_sound && got.has_picture);
    assert_int_equal(got.sound[0], 64); /* 0.5, -1 and 0.25 of 1 */
    assert_int_equal(got.sound[1], -127);
    assert_int_equal(got.sound[2], 32);
    assert_int_equal(got.sound[3], 0);
    assert_int_equal(got.picture[0], 127);
    assert_int_equal(got.picture[1], 42);
    tyto_embedder_run(embedder, audio, NULL, &got);
    assert_true(got.has_sound && !got.has_picture);
    tyto_embedder_run(embedder, NULL, NULL, &got);
    assert_false(got.has_sound || got.has_picture);
    tyto_embedder_close(&embedder);
}

static void another_encoder_or_shape_is_refused(void **state)
{
    (void)state;
    struct tyto_head_fit fit = fit_of("cccc");
    struct tyto_embedder *embedder = NULL;
    struct tyto_fault fault;
    write_file(A);
    assert_int_equal(tyto_embedder_open(path, &fit, &embedder, &fault), TYTO_ERR_FORMAT);
    assert_non_null(strstr(fault.text, "other encoders"));
    fit = fit_of("aaaa");
    write_file(A - 1);
    assert_int_equal(tyto_embedder_open(path, &fit, &embedder, &fault), TYTO_ERR_SHAPE);
    assert_null(embedder);
    (void)unlink(path);
    assert_int_equal(tyto_embedder_open(path, &fit, &embedder, &fault), TYTO_ERR_NOT_FOUND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_second_is_mapped_as_the_file_says),
        cmocka_unit_test(another_encoder_or_shape_is_refused),
    };
    const int fd = mkstemp(path);
    if (fd < 0 || close(fd) != 0)
        return 1;
    const int status = cmocka_run_group_tests(tests, NULL, NULL);
    (void)unlink(path);
    return status;
}
