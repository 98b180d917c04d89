/* SPDX-License-Identifier: MIT */
/* The segmenter: what a segment has, what is waited for, and what is given up. */
#include "tests/unit/pipeline/segment_rig.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static void segments_are_cut_by_time_not_by_arrival(void **state)
{
    (void)state;
    struct tyto_segmenter *seg = make((struct tyto_segmenter_params){0});
    struct tyto_segment got[8];
    feed_audio(seg, 0, 3 * S, 0, 1); /* all the sound before any picture */
    assert_int_equal(drain(seg, 1, got, 8), 0);
    feed_video(seg, 0, 3 * S, 40 * MS, 0, 2);
    struct tyto_segment one;
    assert_int_equal(tyto_segmenter_poll(seg, 2, &one), TYTO_OK);
    assert_int_equal(one.begin_ns, 0);
    assert_int_equal(one.end_ns, S);
    assert_true(one.has_audio && one.has_video && one.restart);
    for (int i = 0; i < RATE; i++)
        assert_true(one.pcm[i] == (float)i / (float)(1 << 24));
    assert_int_equal(one.picture->pts_ns, 480 * MS); /* nearest to 500 ms at 40 ms steps */
    tyto_picture_unref(&one.picture);
    assert_int_equal(tyto_segmenter_poll(seg, 2, &one), TYTO_OK);
    assert_false(one.restart);
    assert_true(one.pcm[0] == (float)RATE / (float)(1 << 24));
    tyto_picture_unref(&one.picture);
    assert_int_equal(tyto_segmenter_poll(seg, 2, &one), TYTO_ERR_EMPTY);
    finish(seg);
}

static void a_half_second_hop_gives_overlapping_segments(void **state)
{
    (void)state;
    struct tyto_segmenter *seg = make((struct tyto_segmenter_params){.hop_ns = S / 2});
    struct tyto_segment got[16];
    feed_audio(seg, 0, 4 * S, 0, 1);
    feed_video(seg, 0, 4 * S + 1, 100 * MS, 0, 1);
    assert_int_equal(drain(seg, 1, got, 16), 7);
    for (int i = 0; i < 7; i++) {
        assert_int_equal(got[i].begin_ns, i * S / 2);
        assert_true(got[i].has_audio && got[i].has_video);
    }
    finish(seg);
}

static void a_missing_stream_is_stated_with_its_reason(void **state)
{
    (void)state;
    struct tyto_segmenter *seg = make((struct tyto_segmenter_params){0});
    struct tyto_segment got[8];
    tyto_segmenter_expect(seg, false, true);
    feed_video(seg, 0, 2 * S + 1, 100 * MS, 0, 1);
    assert_int_equal(drain(seg, 1, got, 8), 2);
    assert_false(got[0].has_audio);
    assert_null(got[0].pcm);
    assert_int_equal(got[0].audio_lack, TYTO_LACK_NO_STREAM);
    assert_int_equal(got[0].video_lack, TYTO_LACK_NONE);
    finish(seg);

    seg = make((struct tyto_segmenter_params){0});
    tyto_segmenter_expect(seg, true, false);
    feed_audio(seg, 0, 2 * S, 0, 1);
    assert_int_equal(drain(seg, 1, got, 8), 2);
    assert_true(got[1].has_audio && !got[1].has_video);
    assert_int_equal(got[1].video_lack, TYTO_LACK_NO_STREAM);
    finish(seg);
}

static void
a_stream_is_waited_for_as_long_as_lateness_is_allowed_and_once_late_no_more(void **state)
{
    (void)state;
    struct tyto_segmenter *seg =
        make((struct tyto_segmenter_params){.lateness_ns = 2 * S, .live = true});
    struct tyto_segment got[8];
    const uint64_t t0 = 100 * S;
    feed_video(seg, 0, S + 1, 100 * MS, 0, t0);
    assert_int_equal(drain(seg, t0, got, 8), 0);
    assert_int_equal(drain(seg, t0 + 2 * S, got, 8), 0);
    assert_int_equal(drain(seg, t0 + 2 * S + 1, got, 8), 1);
    assert_int_equal(got[0].audio_lack, TYTO_LACK_LATE);
    /* Once found late it costs no further waiting... */
    feed_video(seg, S + 100 * MS, 3 * S + 1, 100 * MS, 0, t0 + 3 * S);
    assert_int_equal(drain(seg, t0 + 3 * S, got, 8), 2);
    /* ...until it is back. */
    feed_audio(seg, 3 * S, 4 * S, 0, t0 + 4 * S);
    feed_video(seg, 3 * S + 100 * MS, 5 * S + 1, 100 * MS, 0, t0 + 4 * S);
    assert_int_equal(drain(seg, t0 + 4 * S, got, 8), 1);
    assert_true(got[0].has_audio && got[0].has_video);
    assert_int_equal(drain(seg, t0 + 5 * S, got, 8), 0);
    struct tyto_segmenter_counts counts;
    tyto_segmenter_get_counts(seg, &counts);
    assert_int_equal(counts.num_missing[TYTO_STREAM_AUDIO], 3);
    assert_int_equal(counts.num_missing[TYTO_STREAM_VIDEO], 0);
    finish(seg);
}

static void progress_of_the_late_stream_renews_its_time(void **state)
{
    (void)state;
    struct tyto_segmenter *seg = make((struct tyto_segmenter_params){.lateness_ns = 2 * S});
    struct tyto_segment got[8];
    feed_video(seg, 0, S + 1, 100 * MS, 0, 10 * S);
    assert_int_equal(drain(seg, 10 * S, got, 8), 0);
    feed_audio(seg, 0, S / 2, 0, 11 * S + S / 2);
    assert_int_equal(drain(seg, 13 * S, got, 8), 0);
    feed_audio(seg, S / 2, S, 0, 13 * S);
    assert_int_equal(drain(seg, 13 * S, got, 8), 1);
    assert_true(got[0].has_audio);
    finish(seg);
}

static void audio_that_starts_late_is_missing_before_and_present_after(void **state)
{
    (void)state;
    struct tyto_segmenter *seg = make((struct tyto_segmenter_params){0});
    struct tyto_segment got[16];
    assert_true(tyto_segmenter_fits(seg, TYTO_STREAM_AUDIO, 4 * S));
    tyto_segmenter_pass(seg, TYTO_STREAM_AUDIO, 4 * S, 1); /* what a held first buffer says */
    feed_video(seg, 0, 3 * S + 1, 100 * MS, 0, 1);
    assert_int_equal(drain(seg, 1, got, 16), 3);
    assert_int_equal(got[2].audio_lack, TYTO_LACK_GAP);
    feed_audio(seg, 4 * S, 6 * S, 0, 1);
    feed_video(seg, 3 * S + 100 * MS, 6 * S + 1, 100 * MS, 0, 1);
    assert_int_equal(drain(seg, 1, got, 16), 3);
    assert_false(got[0].has_audio);
    assert_true(got[1].has_audio && got[2].has_audio);
    finish(seg);
}

static void a_partial_second_of_sound_is_filled_or_missing_by_its_share(void **state)
{
    (void)state;
    struct tyto_segmenter *seg = make((struct tyto_segmenter_params){.min_audio_share = 0.75f});
    struct tyto_segment one;
    tyto_segmenter_expect(seg, true, false);
    feed_audio(seg, 200 * MS, S, 0, 1);     /* 80 % of segment 0 */
    feed_audio(seg, S, S + 700 * MS, 0, 1); /* 70 % of segment 1 */
    feed_audio(seg, 2 * S, 3 * S, 0, 1);
    assert_int_equal(tyto_segmenter_poll(seg, 1, &one), TYTO_OK);
    assert_true(one.has_audio);
    assert_true(fabsf(one.audio_share - 0.8f) < 0.001f);
    assert_true(one.pcm[0] == 0 && one.pcm[3199] == 0 &&
                one.pcm[3200] == 3200.f / (float)(1 << 24));
    assert_int_equal(tyto_segmenter_poll(seg, 1, &one), TYTO_OK);
    assert_int_equal(one.begin_ns, 2 * S); /* 1 had neither stream and is no segment */
    assert_false(one.restart);
    finish(seg);
}

static void a_long_hole_in_both_streams_restarts(void **state)
{
    (void)state;
    struct tyto_segmenter *seg = make((struct tyto_segmenter_params){0});
    struct tyto_segment got[8];
    tyto_segmenter_expect(seg, true, false);
    feed_audio(seg, 0, S, 0, 1);
    assert_int_equal(drain(seg, 1, got, 8), 1);
    feed_audio(seg, 40 * S, 41 * S, 0, 1);
    assert_int_equal(drain(seg, 1, got, 8), 1);
    assert_int_equal(got[0].begin_ns, 40 * S);
    assert_true(got[0].restart);
    struct tyto_segmenter_counts counts;
    tyto_segmenter_get_counts(seg, &counts);
    assert_int_equal(counts.num_overrun, 0);
    finish(seg);
}

static void the_end_gives_what_is_left_but_no_stub(void **state)
{
    (void)state;
    struct tyto_segmenter *seg = make((struct tyto_segmenter_params){0});
    struct tyto_segment got[8], one;
    feed_audio(seg, 0, 2 * S + 100 * MS, 0, 1);
    feed_video(seg, 0, 2 * S + 100 * MS, 40 * MS, 0, 1);
    tyto_segmenter_end(seg, TYTO_STREAM_AUDIO);
    assert_int_equal(drain(seg, 1, got, 8), 2);
    tyto_segmenter_end(seg, TYTO_STREAM_VIDEO);
    assert_int_equal(tyto_segmenter_poll(seg, 1, &one), TYTO_ERR_CLOSED);
    finish(seg);

    seg = make((struct tyto_segmenter_params){0}); /* a still: one picture and no more */
    feed_video(seg, 0, 1, S, 0, 1);
    tyto_segmenter_end(seg, TYTO_STREAM_VIDEO);
    tyto_segmenter_end(seg, TYTO_STREAM_AUDIO);
    assert_int_equal(drain(seg, 1, got, 8), 1);
    assert_int_equal(got[0].audio_lack, TYTO_LACK_NO_STREAM);
    finish(seg);
}

static void a_live_stream_far_ahead_gives_up_the_oldest_and_counts(void **state)
{
    (void)state;
    struct tyto_segmenter *seg = make(
        (struct tyto_segmenter_params){.live = true, .window_ns = 6 * S, .lateness_ns = 60 * S});
    struct tyto_segment got[32];
    feed_audio(seg, 0, 20 * S, 0, 1); /* never polled, the other stream silent */
    assert_true(tyto_segmenter_is_ahead(seg, TYTO_STREAM_AUDIO));
    struct tyto_segmenter_counts counts;
    tyto_segmenter_get_counts(seg, &counts);
    assert_in_range(counts.num_overrun, 12, 14);
    tyto_segmenter_end(seg, TYTO_STREAM_AUDIO);
    tyto_segmenter_end(seg, TYTO_STREAM_VIDEO);
    const uint32_t num = drain(seg, 1, got, 32);
    assert_in_range(num, 6, 8);
    assert_int_equal(got[num - 1].begin_ns, 19 * S);
    finish(seg);
}

/* As of a camera that gives a picture every few seconds, and a moment of sound before a hole: the
 * window is full before the picture has had its time. */
static void a_full_window_does_not_renew_the_time_of_a_late_stream(void **state)
{
    (void)state;
    struct tyto_segmenter *seg = make((struct tyto_segmenter_params){.live = true});
    struct tyto_segment got[8];
    uint32_t num = 0;
    feed_audio(seg, 0, S / 2, 0, 1);
    for (int64_t t = 7; t < 20; t++) {
        const uint64_t now_ns = (uint64_t)((t + 1) * S);
        feed_audio(seg, t * S, (t + 1) * S, 0, now_ns);
        num += drain(seg, now_ns, got, 8);
    }
    assert_in_range(num, 8, 20);
    assert_true(got[0].has_audio && !got[0].has_video);
    finish(seg);
}

static void what_waits_for_its_turn_is_told_from_what_waits_for_data(void **state)
{
    (void)state;
    struct tyto_segmenter *seg = make((struct tyto_segmenter_params){.live = true});
    struct tyto_segment got[8];
    assert_int_equal(tyto_segmenter_backlog_ns(seg), 0);
    feed_audio(seg, 0, 5 * S, 0, 1);
    assert_int_equal(tyto_segmenter_backlog_ns(seg), 0); /* the picture may still come */
    feed_video(seg, 0, 4 * S, 100 * MS, 0, 1);
    assert_int_equal(tyto_segmenter_backlog_ns(seg), 2900 * MS); /* up to 3.9 s, beyond 1 s */
    struct tyto_segment one;
    assert_int_equal(tyto_segmenter_poll(seg, 1, &one), TYTO_OK);
    tyto_picture_unref(&one.picture);
    assert_int_equal(tyto_segmenter_backlog_ns(seg), 1900 * MS);
    drain(seg, 1, got, 8);
    assert_int_equal(tyto_segmenter_backlog_ns(seg), 0);
    finish(seg);
}

static void a_picture_a_second_at_the_edge_serves_every_segment(void **state)
{
    (void)state;
    struct tyto_segmenter *seg = make((struct tyto_segmenter_params){.live = true});
    const int64_t jitter[] = {5, -7, 3, 9, -4, -2, 8, -6};
    uint32_t num = 0;
    for (int i = 0; i < 8; i++) { /* keyframes at whole seconds, more or less */
        struct tyto_segment got[8];
        feed_audio(seg, i * S, (i + 1) * S, 0, 1);
        tyto_segmenter_video(seg, make_picture(i * S + jitter[i] * MS + 10 * MS * (i == 0)), 1);
        tyto_segmenter_pass(seg, TYTO_STREAM_VIDEO, i * S + 300 * MS, 1);
        const uint32_t num_got = drain(seg, 1, got, 8);
        for (uint32_t k = 0; k < num_got; k++)
            assert_true(got[k].has_audio && got[k].has_video);
        num += num_got;
    }
    assert_int_equal(num, 7);
    finish(seg);
}

static void times_that_are_nonsense_do_no_harm(void **state)
{
    (void)state;
    const int64_t bad[] = {INT64_MAX, INT64_MIN, INT64_MAX / 2, -INT64_MAX / 2, INT64_MAX / 4};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        for (int live = 0; live < 2; live++) {
            struct tyto_segmenter *seg = make((struct tyto_segmenter_params){.live = live != 0});
            struct tyto_segment got[64];
            feed_audio(seg, 0, S, 0, 1);
            feed_video(seg, bad[i], bad[i] == INT64_MAX ? bad[i] : bad[i] + 1, S, 0, 1);
            tyto_segmenter_pass(seg, TYTO_STREAM_AUDIO, bad[i], 1);
            tyto_segmenter_pass(seg, TYTO_STREAM_VIDEO, bad[i], 1);
            feed_audio(seg, S, 2 * S, bad[i] / 2, 1);
            (void)tyto_segmenter_fits(seg, TYTO_STREAM_AUDIO, bad[i]);
            (void)drain(seg, 1, got, 64);
            finish(seg);
        }
    }
}

/* 0..n-1 of a plain congruential generator. A function, so that two draws in one initializer are
 * sequenced. */
static int64_t draw(uint32_t *seed, uint32_t n)
{
    *seed = *seed * 1664525u + 1013904223u;
    return (int64_t)((*seed >> 8) % n);
}

/* Random feeding: whatever comes, segments are in order, whole, and memory bounded. */
static void random_streams_keep_the_order(void **state)
{
    (void)state;
    uint32_t seed = 12345;
#define NEXT(n) draw(&seed, n)
    for (int round = 0; round < 60; round++) {
        const bool live = NEXT(2) != 0;
        struct tyto_segmenter *seg =
            make((struct tyto_segmenter_params){.live = live, .hop_ns = (1 + NEXT(15)) * 100 * MS});
        int64_t pts[2] = {NEXT(5000) * MS, NEXT(5000) * MS};
        int64_t last_begin_ns = INT64_MIN;
        uint64_t now_ns = 1000 * S;
        float samples[CHUNK] = {0};
        for (int step = 0; step < 2000; step++) {
            const int which = (int)NEXT(2);
            now_ns += (uint64_t)NEXT(30) * MS;
            if (which == 0)
                tyto_segmenter_audio(seg, pts[0], samples, CHUNK, now_ns);
            else
                tyto_segmenter_video(seg, make_picture(pts[1]), now_ns);
            pts[which] += (which == 0 ? 20 : 40) * MS;
            if (NEXT(100) == 0)
                pts[which] += (NEXT(400) - 200) * 100 * MS;
            assert_in_range(num_live_pictures, 0, 200);
            struct tyto_segment one;
            while (tyto_segmenter_poll(seg, now_ns, &one) == TYTO_OK) {
                assert_true(one.begin_ns > last_begin_ns);
                assert_true(one.has_audio || one.has_video);
                assert_int_equal(one.has_audio, one.pcm != NULL);
                assert_int_equal(one.has_video, one.picture != NULL);
                assert_int_equal(one.has_audio, one.audio_lack == TYTO_LACK_NONE);
                if (one.picture)
                    assert_true(one.picture->pts_ns >= one.begin_ns - 250 * MS &&
                                one.picture->pts_ns < one.end_ns + 250 * MS);
                last_begin_ns = one.begin_ns;
                tyto_picture_unref(&one.picture);
            }
        }
        finish(seg);
    }
#undef NEXT
}

static void parameters_out_of_range_are_refused(void **state)
{
    (void)state;
    const struct tyto_segmenter_params bad[] = {
        {.hop_ns = 1},
        {.hop_ns = -S},
        {.length_ns = 5 * S},
        {.window_ns = 61 * S},
        {.lateness_ns = -1},
        {.min_audio_share = 1.5f},
        {.min_audio_share = NAN},
        {.av_offset_ns = 11 * S},
        {.sample_rate_hz = 1000000},
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct tyto_segmenter *seg = NULL;
        assert_int_equal(tyto_segmenter_create(&bad[i], &seg), TYTO_ERR_INVALID);
        assert_null(seg);
    }
    assert_string_equal(tyto_lack_text((enum tyto_lack)99), "unknown");
    assert_string_equal(tyto_lack_text(TYTO_LACK_GAP), "gap");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(segments_are_cut_by_time_not_by_arrival),
        cmocka_unit_test(a_half_second_hop_gives_overlapping_segments),
        cmocka_unit_test(a_missing_stream_is_stated_with_its_reason),
        cmocka_unit_test(
            a_stream_is_waited_for_as_long_as_lateness_is_allowed_and_once_late_no_more),
        cmocka_unit_test(progress_of_the_late_stream_renews_its_time),
        cmocka_unit_test(audio_that_starts_late_is_missing_before_and_present_after),
        cmocka_unit_test(a_partial_second_of_sound_is_filled_or_missing_by_its_share),
        cmocka_unit_test(a_long_hole_in_both_streams_restarts),
        cmocka_unit_test(the_end_gives_what_is_left_but_no_stub),
        cmocka_unit_test(a_live_stream_far_ahead_gives_up_the_oldest_and_counts),
        cmocka_unit_test(a_full_window_does_not_renew_the_time_of_a_late_stream),
        cmocka_unit_test(what_waits_for_its_turn_is_told_from_what_waits_for_data),
        cmocka_unit_test(a_picture_a_second_at_the_edge_serves_every_segment),
        cmocka_unit_test(times_that_are_nonsense_do_no_harm),
        cmocka_unit_test(random_streams_keep_the_order),
        cmocka_unit_test(parameters_out_of_range_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
