/* SPDX-License-Identifier: MIT */
/* The segmenter: times that jitter, jump, go back or are moved. */
#include "tests/unit/pipeline/segment_rig.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static void jitter_of_timestamps_leaves_no_holes(void **state)
{
    (void)state;
    struct tyto_segmenter *seg = make((struct tyto_segmenter_params){0});
    struct tyto_segment one;
    float samples[CHUNK];
    for (int i = 0; i < CHUNK; i++)
        samples[i] = 0.5f;
    tyto_segmenter_expect(seg, true, false);
    for (int i = 0; i < 55; i++)
        tyto_segmenter_audio(seg, i * 20 * MS + (i % 3) * 7 * MS, samples, CHUNK, 1);
    assert_int_equal(tyto_segmenter_poll(seg, 1, &one), TYTO_OK);
    assert_true(one.audio_share == 1.f);
    for (int i = 0; i < RATE; i++)
        assert_true(one.pcm[i] == 0.5f);
    finish(seg);
}

static void a_jump_of_both_clocks_is_repaired_once_and_keeps_them_aligned(void **state)
{
    (void)state;
    const int64_t jumps[] = {-3600 * S, 3600 * S, -5 * S};
    for (size_t j = 0; j < sizeof(jumps) / sizeof(jumps[0]); j++) {
        struct tyto_segmenter *seg = make((struct tyto_segmenter_params){.live = true});
        struct tyto_segment got[16];
        const int64_t t0 = 7200 * S;
        feed_audio(seg, 0, 3 * S, t0, 100 * S);
        feed_video(seg, 0, 3 * S, 100 * MS, t0, 100 * S);
        assert_int_equal(drain(seg, 100 * S, got, 16), 2);
        feed_audio(seg, 3 * S, 6 * S, t0 + jumps[j], 100 * S);
        feed_video(seg, 3 * S, 6 * S, 100 * MS, t0 + jumps[j], 100 * S);
        const uint32_t num = drain(seg, 100 * S, got, 16);
        assert_in_range(num, 2, 3);
        for (uint32_t i = 0; i < num; i++) {
            assert_true(got[i].has_audio && got[i].has_video);
            assert_int_equal(got[i].begin_ns, t0 + (2 + (int64_t)i) * S);
            assert_true(got[i].discontinuous);
            assert_false(got[i].restart);
        }
        struct tyto_segmenter_counts counts;
        tyto_segmenter_get_counts(seg, &counts);
        assert_int_equal(counts.num_jumps, 1);
        finish(seg);
    }
}

static void small_steps_back_are_late_data_not_jumps(void **state)
{
    (void)state;
    struct tyto_segmenter *seg = make((struct tyto_segmenter_params){.live = true});
    struct tyto_segment one;
    tyto_segmenter_expect(seg, true, false);
    feed_audio(seg, 0, 600 * MS, 0, 1);
    feed_audio(seg, 500 * MS, 1100 * MS, 0, 1); /* 100 ms said twice */
    assert_int_equal(tyto_segmenter_poll(seg, 1, &one), TYTO_OK);
    for (int i = 0; i < RATE; i++)
        assert_true(one.pcm[i] == (float)i / (float)(1 << 24));
    struct tyto_segmenter_counts counts;
    tyto_segmenter_get_counts(seg, &counts);
    assert_int_equal(counts.num_jumps, 0);
    assert_int_equal(counts.num_late[TYTO_STREAM_AUDIO], 1600);
    finish(seg);
}

static void the_av_offset_moves_the_sound(void **state)
{
    (void)state;
    struct tyto_segmenter *seg = make((struct tyto_segmenter_params){.av_offset_ns = 200 * MS});
    struct tyto_segment one;
    tyto_segmenter_expect(seg, true, false);
    feed_audio(seg, 0, 2 * S, 200 * MS, 1); /* stamped 200 ms too late */
    assert_int_equal(tyto_segmenter_poll(seg, 1, &one), TYTO_OK);
    assert_int_equal(one.begin_ns, 0);
    assert_true(one.pcm[100] == 100.f / (float)(1 << 24));
    finish(seg);
}

/* By up to two seconds: that is no jump of the camera's clock, and soon nothing is missing. */
static void another_offset_moves_the_sound_from_there_on(void **state)
{
    (void)state;
    const int64_t offsets_ns[] = {300 * MS, -300 * MS, 2 * S, -2 * S};
    for (int o = 0; o < 4; o++) {
        struct tyto_segmenter *seg = make((struct tyto_segmenter_params){.live = true});
        struct tyto_segment one;
        int num_whole = 0;
        for (int64_t t = 0; t < 20; t++) {
            const uint64_t now_ns = (uint64_t)((t + 1) * S);
            if (t == 8)
                tyto_segmenter_set_av_offset(seg, offsets_ns[o]);
            feed_video(seg, t * S, (t + 1) * S, 40 * MS, 0, now_ns);
            feed_audio(seg, t * S, (t + 1) * S, 0, now_ns);
            while (tyto_segmenter_poll(seg, now_ns, &one) == TYTO_OK) {
                tyto_picture_unref(&one.picture);
                num_whole += one.has_audio && one.has_video;
                if (one.begin_ns < 11 * S)
                    continue;
                assert_true(one.has_audio && one.has_video);
                const int64_t from_idx = (one.begin_ns + offsets_ns[o]) * RATE / S;
                assert_true(one.pcm[0] == (float)from_idx / (float)(1 << 24));
            }
        }
        assert_true(num_whole >= 14);
        struct tyto_segmenter_counts counts;
        tyto_segmenter_get_counts(seg, &counts);
        assert_int_equal(counts.num_jumps, 0);
        finish(seg);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(jitter_of_timestamps_leaves_no_holes),
        cmocka_unit_test(a_jump_of_both_clocks_is_repaired_once_and_keeps_them_aligned),
        cmocka_unit_test(small_steps_back_are_late_data_not_jumps),
        cmocka_unit_test(the_av_offset_moves_the_sound),
        cmocka_unit_test(another_offset_moves_the_sound_from_there_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
