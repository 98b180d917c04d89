/* SPDX-License-Identifier: MIT */
/* Which pictures are decoded, how often cameras are called on, what URIs are taken. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "pipeline/session/limiter.h"
#include "pipeline/source/internal.h"
#include "pipeline/source/sampler.h"

#define S 1000000000ll
#define MS 1000000ll

struct tally {
    uint32_t num_coded;  /* decoded */
    uint32_t num_frames; /* and passed on */
};

/* A stream of num pictures at fps with a keyframe every gop of them. */
static struct tally feed(struct tyto_sampler *sampler, int64_t from_ns, uint32_t num,
                         int64_t every_ns, uint32_t gop)
{
    struct tally tally = {0};
    for (uint32_t i = 0; i < num; i++) {
        const int64_t ns = from_ns + i * every_ns;
        if (!tyto_sampler_wants_coded(sampler, ns, i % gop == 0))
            continue;
        tally.num_coded++;
        tally.num_frames += tyto_sampler_wants_decoded(sampler, ns, false);
    }
    return tally;
}

static void keyframes_each_second_are_all_that_is_decoded(void **state)
{
    (void)state;
    struct tyto_sampler sampler;
    tyto_sampler_init(&sampler, TYTO_KEYFRAMES_AUTO, S, S, false);
    const struct tally tally = feed(&sampler, 0, 250, 40 * MS, 25);
    assert_int_equal(tally.num_coded, 25 + 9); /* the first second shows the distance */
    assert_int_equal(tally.num_frames, 1 + 1 + 9);
}

static void rare_keyframes_mean_decoding_everything_but_passing_on_little(void **state)
{
    (void)state;
    struct tyto_sampler sampler;
    tyto_sampler_init(&sampler, TYTO_KEYFRAMES_AUTO, S, S, false);
    const struct tally tally = feed(&sampler, 0, 250, 40 * MS, 125);
    assert_int_equal(tally.num_coded, 250);
    assert_in_range(tally.num_frames, 10, 11);
}

static void more_keyframes_than_needed_are_left_out_too(void **state)
{
    (void)state;
    struct tyto_sampler sampler;
    tyto_sampler_init(&sampler, TYTO_KEYFRAMES_AUTO, S, S, false);
    const struct tally tally = feed(&sampler, 0, 1000, 20 * MS, 1); /* MJPEG at 50 fps */
    assert_in_range(tally.num_coded, 20, 23);
}

static void keyframes_that_grow_rare_are_noticed(void **state)
{
    (void)state;
    struct tyto_sampler sampler;
    tyto_sampler_init(&sampler, TYTO_KEYFRAMES_AUTO, S, S, false);
    (void)feed(&sampler, 0, 100, 40 * MS, 25);
    assert_true(sampler.only_keys);
    const struct tally tally = feed(&sampler, 4 * S, 500, 40 * MS, 100);
    assert_false(sampler.only_keys);
    assert_true(tally.num_coded >= 200); /* three groups of pictures were left out */
    /* ...and it takes more than one good one to be believed again. */
    (void)feed(&sampler, 24 * S, 100, 40 * MS, 25);
    assert_false(sampler.only_keys);
    (void)feed(&sampler, 28 * S, 250, 40 * MS, 25);
    assert_true(sampler.only_keys);
}

static void a_lost_keyframe_changes_nothing(void **state)
{
    (void)state;
    struct tyto_sampler sampler;
    tyto_sampler_init(&sampler, TYTO_KEYFRAMES_AUTO, S, S, true);
    for (int i = 0; i < 100; i++) {
        if (i % 5 == 4)
            continue;
        (void)tyto_sampler_wants_coded(&sampler, i * S, true);
        assert_int_equal(tyto_sampler_wants_coded(&sampler, i * S + 40 * MS, false), i == 0);
    }
}

/* A camera that makes keyframes rare when nothing moves: one that is half a minute away is not
 * waited for. */
static void a_keyframe_that_stays_away_is_not_waited_for(void **state)
{
    (void)state;
    struct tyto_sampler sampler;
    tyto_sampler_init(&sampler, TYTO_KEYFRAMES_AUTO, S, S, true);
    (void)feed(&sampler, 0, 101, 40 * MS, 25); /* the last keyframe comes at 4 s */
    for (int64_t ns = 4 * S + 40 * MS; ns < 6 * S + 500 * MS; ns += 40 * MS) {
        assert_false(tyto_sampler_wants_coded(&sampler, ns, false));
        assert_false(tyto_sampler_lacks_key(&sampler, ns)); /* one may have been lost */
    }
    assert_true(tyto_sampler_lacks_key(&sampler, 6 * S + 520 * MS));
    tyto_sampler_decode_all(&sampler);
    assert_int_equal(feed(&sampler, 7 * S, 100, 40 * MS, 1000).num_coded, 100);
    assert_false(tyto_sampler_lacks_key(&sampler, 60 * S));
    (void)feed(&sampler, 40 * S, 300, 40 * MS, 25); /* and is believed again after a while */
    assert_true(sampler.only_keys);
    tyto_sampler_init(&sampler, TYTO_KEYFRAMES_ALWAYS, S, S, true);
    (void)feed(&sampler, 0, 25, 40 * MS, 25);
    assert_false(tyto_sampler_lacks_key(&sampler, 60 * S));
}

/* Joined 5 s after a keyframe, the next one comes after 30 s. */
static void a_live_stream_is_seen_from_its_first_keyframe_on(void **state)
{
    (void)state;
    struct tyto_sampler sampler;
    tyto_sampler_init(&sampler, TYTO_KEYFRAMES_AUTO, S, S, true);
    assert_false(tyto_sampler_waits_for_key(&sampler)); /* nothing came yet */
    for (int64_t ns = 5 * S; ns < 30 * S; ns += 100 * MS) {
        assert_false(tyto_sampler_wants_coded(&sampler, ns, false));
        assert_true(tyto_sampler_waits_for_key(&sampler));
    }
    const struct tally tally = feed(&sampler, 30 * S, 300, 100 * MS, 300);
    assert_false(tyto_sampler_waits_for_key(&sampler));
    assert_int_equal(tally.num_coded, 300);
    assert_in_range(tally.num_frames, 30, 31);
    /* Keyframes each second cost one second of decoding more. */
    tyto_sampler_init(&sampler, TYTO_KEYFRAMES_AUTO, S, S, true);
    assert_int_equal(feed(&sampler, 0, 250, 40 * MS, 25).num_coded, 25 + 9);
}

static void a_live_stream_that_has_no_keyframes_is_decoded_after_a_minute(void **state)
{
    (void)state;
    struct tyto_sampler sampler;
    tyto_sampler_init(&sampler, TYTO_KEYFRAMES_AUTO, S, S, true);
    uint32_t num = 0;
    for (int64_t ns = 0; ns < 70 * S; ns += 100 * MS)
        num += tyto_sampler_wants_coded(&sampler, ns, false);
    assert_in_range(num, 98, 100);
}

static void the_policy_is_obeyed(void **state)
{
    (void)state;
    struct tyto_sampler sampler;
    tyto_sampler_init(&sampler, TYTO_KEYFRAMES_NEVER, S, S, false);
    assert_int_equal(feed(&sampler, 0, 250, 40 * MS, 25).num_coded, 250);
    tyto_sampler_init(&sampler, TYTO_KEYFRAMES_ALWAYS, S, S, false);
    assert_int_equal(feed(&sampler, 0, 250, 40 * MS, 125).num_coded, 2);
}

static void the_nearest_picture_to_each_middle_is_picked(void **state)
{
    (void)state;
    const int64_t intervals[] = {33 * MS, 40 * MS, 100 * MS, 250 * MS};
    for (size_t i = 0; i < sizeof(intervals) / sizeof(intervals[0]); i++) {
        struct tyto_sampler sampler;
        tyto_sampler_init(&sampler, TYTO_KEYFRAMES_NEVER, S, S, false);
        uint32_t num = 0;
        for (int64_t ns = 7 * MS; ns < 20 * S; ns += intervals[i]) {
            if (!tyto_sampler_wants_decoded(&sampler, ns, false) || ns < S)
                continue;
            num++;
            assert_true(llabs(ns % S - S / 2) <= intervals[i] / 2);
        }
        assert_int_equal(num, 19);
    }
}

static void a_clock_set_back_does_not_silence_a_stream(void **state)
{
    (void)state;
    struct tyto_sampler sampler;
    tyto_sampler_init(&sampler, TYTO_KEYFRAMES_NEVER, S, S, false);
    (void)feed(&sampler, 1000 * S, 100, 40 * MS, 25);
    assert_in_range(feed(&sampler, 0, 100, 40 * MS, 25).num_frames, 4, 5);
}

static void connects_are_limited_for_all_together(void **state)
{
    (void)state;
    struct tyto_limiter limiter;
    tyto_limiter_init(&limiter, 4);
    uint64_t taken_ms[64] = {0};
    uint32_t num = 0;
    for (uint64_t ms = 0; ms < 10000; ms++) { /* everyone asks all the time */
        if (tyto_limiter_take(&limiter, 1000 * (uint64_t)S + ms * (uint64_t)MS) == 0)
            taken_ms[num++] = ms;
    }
    assert_int_equal(num, 40);
    for (uint32_t i = 4; i < num; i++) /* within any second, the first one among them */
        assert_true(taken_ms[i] - taken_ms[i - 4] >= 1000);
    const uint64_t wait_ns = tyto_limiter_take(&limiter, 1009500 * (uint64_t)MS);
    assert_int_equal(wait_ns, S / 2);
    tyto_limiter_set(&limiter, 1);
    assert_int_equal(tyto_limiter_take(&limiter, 1010500 * (uint64_t)MS), 0);
    assert_int_equal(tyto_limiter_take(&limiter, 1011 * (uint64_t)S), S / 2);
    tyto_limiter_set(&limiter, 1000);
    for (uint32_t i = 0; i < TYTO_LIMITER_MAX_PER_S; i++)
        assert_int_equal(tyto_limiter_take(&limiter, 2000 * (uint64_t)S), 0);
    assert_int_equal(tyto_limiter_take(&limiter, 2000 * (uint64_t)S), S);
    tyto_limiter_finish(&limiter);
}

static void waiting_grows_with_failures_within_its_bounds(void **state)
{
    (void)state;
    for (uint32_t n = 0; n < 40; n++) {
        const uint64_t top = n < 6 ? (1ull << n) * (uint64_t)S : 60 * (uint64_t)S;
        assert_in_range(tyto_backoff_ns(n, 0), S / 2, S / 2);
        assert_in_range(tyto_backoff_ns(n, UINT32_MAX), top - MS, top);
        assert_in_range(tyto_backoff_ns(n, UINT32_MAX / 2), S / 2, top);
    }
}

static void uris_are_told_apart_before_anything_is_opened(void **state)
{
    (void)state;
    const struct {
        const char *uri;
        enum tyto_err err;
        bool is_file;
    } cases[] = {
        {"clip.mp4", TYTO_OK, true},
        {"/a/b c/clip.mp4", TYTO_OK, true},
        {"file:///a/clip.mp4", TYTO_OK, true},
        {"dir/odd://name.mp4", TYTO_OK, true},
        {"rtsp://user:secret@host/path", TYTO_OK, false},
        {"https://host/live.ts", TYTO_OK, false},
        {"srt://host:9000", TYTO_OK, false},
        {"v4l2:///dev/video0", TYTO_OK, false},
        {"test://", TYTO_OK, false},
        {"test://?live=0&seconds=3", TYTO_OK, true},
        {"ftp://host/clip", TYTO_ERR_UNSUPPORTED, false},
        {"rtsp://", TYTO_ERR_INVALID, false},
        {"", TYTO_ERR_INVALID, false},
        {"two\nlines.wav", TYTO_OK, true}, /* a path may have anything in it */
        {"what is this://name.mp4", TYTO_OK, true},
        {"RTSP://host/path", TYTO_OK, false}, /* schemes do not mind case */
        {"Https://host/live.ts", TYTO_OK, false},
        {"FILE:///a/clip.mp4", TYTO_OK, true},
        {"Test://?live=0&seconds=3", TYTO_OK, true},
        {"FTP://host/clip", TYTO_ERR_UNSUPPORTED, false},
        {"rtsp://host/a\nb", TYTO_ERR_INVALID, false},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        bool is_file = !cases[i].is_file;
        struct tyto_fault fault = {0};
        assert_int_equal(tyto_source_check_uri(cases[i].uri, &is_file, &fault), cases[i].err);
        if (!cases[i].err)
            assert_int_equal(is_file, cases[i].is_file);
        else
            assert_true(strlen(fault.text) > 0);
    }
    bool is_file;
    struct tyto_fault fault = {0};
    assert_int_equal(tyto_source_check_uri("gopher://me:secret@host", &is_file, &fault),
                     TYTO_ERR_UNSUPPORTED);
    assert_null(strstr(fault.text, "secret"));
    char uri[] = "RTSP://User:SECRET@Host/Path", path[] = "A/B://c";
    tyto_uri_lower_scheme(uri);
    tyto_uri_lower_scheme(path);
    assert_string_equal(uri, "rtsp://User:SECRET@Host/Path");
    assert_string_equal(path, "A/B://c");
    assert_true(tyto_uri_number("test://?a=1.5&b=x&c=", "a", 9) == 1.5);
    assert_true(tyto_uri_number("test://?a=1.5&b=x&c=", "b", 9) == 9);
    assert_true(tyto_uri_number("test://?a=1.5&b=x&c=", "c", 9) == 9);
    assert_true(tyto_uri_number("test://?aa=1", "a", 9) == 9);
}

static void a_redirect_within_one_host_keeps_the_user(void **state)
{
    (void)state;
    static const char *const cases[][3] = {
        {"rtsp://me:pw@h/a", "rtsp://h/b", "rtsp://me:pw@h/b"},
        {"rtsp://me:pw@h:554/a", "rtsp://H:8554/b@c", "rtsp://me:pw@H:8554/b@c"},
        {"rtsp://me:p@w@[fe80::1]:5/a", "rtsp://[fe80::1]/b", "rtsp://me:p@w@[fe80::1]/b"},
        {"rtsp://me:pw@h/a", "rtsp://you:pw2@h/b", "rtsp://you:pw2@h/b"},
        {"rtsp://me:pw@h/a", "rtsp://h2/b", "rtsp://h2/b"},
        {"rtsp://me:pw@h.org/a", "rtsp://h/b", "rtsp://h/b"},
        {"https://me:pw@h/a", "http://h/b", "http://h/b"},
        {"http://me:pw@h/a", "https://h/b", "https://h/b"},
        {"rtsp://h/a", "rtsp://h/b", "rtsp://h/b"},
        {"rtsp://me:pw@h/a", "", ""},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char uri[64];
        tyto_uri_keep_user(cases[i][0], cases[i][1], uri, sizeof(uri));
        assert_string_equal(uri, cases[i][2]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keyframes_each_second_are_all_that_is_decoded),
        cmocka_unit_test(rare_keyframes_mean_decoding_everything_but_passing_on_little),
        cmocka_unit_test(more_keyframes_than_needed_are_left_out_too),
        cmocka_unit_test(keyframes_that_grow_rare_are_noticed),
        cmocka_unit_test(a_lost_keyframe_changes_nothing),
        cmocka_unit_test(a_keyframe_that_stays_away_is_not_waited_for),
        cmocka_unit_test(a_live_stream_is_seen_from_its_first_keyframe_on),
        cmocka_unit_test(a_live_stream_that_has_no_keyframes_is_decoded_after_a_minute),
        cmocka_unit_test(the_policy_is_obeyed),
        cmocka_unit_test(the_nearest_picture_to_each_middle_is_picked),
        cmocka_unit_test(a_clock_set_back_does_not_silence_a_stream),
        cmocka_unit_test(connects_are_limited_for_all_together),
        cmocka_unit_test(waiting_grows_with_failures_within_its_bounds),
        cmocka_unit_test(uris_are_told_apart_before_anything_is_opened),
        cmocka_unit_test(a_redirect_within_one_host_keeps_the_user),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
