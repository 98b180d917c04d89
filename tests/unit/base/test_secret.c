/* SPDX-License-Identifier: MIT */
/* Nothing of a password gets into what people see, however its URI is spelt. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "base/secret.h"

/* What is secret in each of them is CRET, sekr or 31415. */
static const struct {
    const char *uri;
    const char *shown;
    bool is_clear; /* it has one meaning */
} uris[] = {
    {"rtsp://host/stream", "rtsp://host/stream", true},
    {"rtsp://user:CRET@host:554/a/b", "rtsp://***@host:554/a/b", true},
    {"rtsp://CRET@host/s", "rtsp://***@host/s", true},
    {"rtsp://user:%53CRET%40@host/s", "rtsp://***@host/s", true},
    {"rtsp://user:CRET@[fe80::1]:554/s", "rtsp://***@[fe80::1]:554/s", true},
    {"rtsp://[fe80::1]/s", "rtsp://[fe80::1]/s", true},
    {"https://host/s?token=CRET&x=1", "https://host/s?***", true},
    {"https://host/s#CRET", "https://host/s#***", true},
    {"srt://host:9000?passphrase=CRET", "srt://host:9000?***", true},
    {"rtsp://host/mail@home", "rtsp://host/mail@home", true},
    {"http://host/@user/live", "http://host/@user/live", true},
    {"rtsp://host/user=admin&password=CRET&channel=1/s",
     "rtsp://host/user=admin&password=***&channel=1/s", true},
    {"rtsp://host/user=admin_Password=CRET_channel=1.sdp", "rtsp://host/user=admin_Password=***",
     true},
    {"/media/me/what?.mp4", "/media/me/what?.mp4", true},
    {"/media/a:b@c.mp4", "/media/a:b@c.mp4", true},
    {"file:///media/what#1.mp4", "file:///media/what#***", true},
    {"test://?live=1", "test://?***", true},
    /* Typed as they are. */
    {"rtsp://admin:SE@CRET@host/cam", "rtsp://***@host/cam", false},
    {"rtsp://admin:SE@CRET/word@127.0.0.1:1/cam", "rtsp://***@127.0.0.1:1/cam", false},
    {"rtsp://admin:a/SE@CRET@127.0.0.1:1/cam", "rtsp://***@127.0.0.1:1/cam", false},
    {"rtsp://admin:SE@CRET?x@127.0.0.1:1/cam", "rtsp://***@127.0.0.1:1/cam", false},
    {"rtsp://admin:CRET#x@host/cam", "rtsp://***@host/cam", false},
    {"rtsp://admin:CRET/x@host/cam", "rtsp://***@host/cam", false},
    {"rtsp://admin:31415/x@host/cam", "rtsp://***@host/cam", false},
    {"rtsp://admin:CRET", "rtsp://***", false},
    {"rtsp://admin:CRET/cam", "rtsp://***/cam", false},
    {"rtsp:///admin:CRET@host/cam", "rtsp://***@host/cam", false},
    /* Encoded with the '@' between them and the host. */
    {"rtsp://admin%3ACRET%40host/cam", "rtsp://***/cam", false},
    {"rtsp://admin:CRET%40host:554/cam", "rtsp://***/cam", false},
    {"rtsp%3A%2F%2Fadmin%3ACRET%40host%2Fcam", "***", true}, /* a file, likewise */
    {"rtsp//admin:CRET@host/cam", "***@host/cam", true},
    {"rtsp:/admin:CRET@host/cam", "***@host/cam", true},
    {"http://host/auth=CRET/cam", "http://host/auth=***/cam", true},
    {"http://host/cam;jsessionid=CRET", "http://host/cam;jsessionid=***", true},
    {"rtsp://host/cam;pw=CRET", "rtsp://host/cam;pw=***", true},
    {"http://host/token:CRET/cam", "http://host/token:***/cam", true},
    {"http://host/password%3DCRET/cam", "http://host/password%3D***/cam", true},
    {"http://[::1]:8080/keyboard", "http://[::1]:8080/keyboard", true},
    /* Folders and names as tokens are. */
    {"rtsp://host/live/8f3a9CRET2e4b5f60/ch1", "rtsp://host/live/***/ch1", true},
    {"http://host:8080/Yt6gGTCRETCDfPaq/stream.m3u8", "http://host:8080/***/stream.m3u8", true},
    {"rtsps://192.168.1.1:7441/kT9mCRET4vQzP2aB?enableSrtp", "rtsps://192.168.1.1:7441/***?***",
     true},
    {"http://host/3f2504e0-4f89-11d3-9a0c-0305e82c3301CRET4x7q/x", "http://host/***/x", true},
    {"http://host/a/8f3a9CRET2e4b5f60.m3u8", "http://host/a/***", true},
    {"http://host/%38f3a9CRET2e4b5%6660/x", "http://host/***/x", true},
    {"rtsp://me:CRET@host/live/8f3a9CRET2e4b5f60/x4k9q2CRETm7w1p5", "rtsp://***@host/live/***/***",
     true},
    {"rtsp://host/0/admin:CRET/main", "rtsp://host/0/***/main", true},
    {"rtsp://host/s3cr3t-t0k3n-CRET4711/ch1", "rtsp://host/***/ch1", true},
    /* And as cameras name theirs. */
    {"rtsp://host/h264Preview_01_main", "rtsp://host/h264Preview_01_main", true},
    {"rtsp://host/Streaming/Channels/101", "rtsp://host/Streaming/Channels/101", true},
    {"rtsp://host/cam/realmonitor", "rtsp://host/cam/realmonitor", true},
    {"rtsp://host/axis-media/media.amp", "rtsp://host/axis-media/media.amp", true},
    {"rtsp://host/LiveMediaH264Main1/x", "rtsp://host/LiveMediaH264Main1/x", true},
    {"http://host/1080p60_h265_2mbps_v2/index.m3u8", "http://host/1080p60_h265_2mbps_v2/index.m3u8",
     true},
    {"http://host/video_h264.m3u8", "http://host/video_h264.m3u8", true},
    {"http://host/2026-11-28T18-00-00/segment00012.ts",
     "http://host/2026-11-28T18-00-00/segment00012.ts", true},
    {"rtsp://host/mpeg4/ch01/main/av_stream", "rtsp://host/mpeg4/ch01/main/av_stream", true},
    {"rtsp://host/onvif-media/media.amp", "rtsp://host/onvif-media/media.amp", true},
    {"rtsp://host/front-entrance-parking-east", "rtsp://host/front-entrance-parking-east", true},
    {"/media/8f3a9c1d2e4b5f60/a.mp4", "/media/8f3a9c1d2e4b5f60/a.mp4", true},
    {"admin:CRET@host/cam", "***@host/cam", true}, /* a file, and told to be none */
};

static void a_uri_is_shown_without_its_secrets_and_refused_when_it_may_mean_two_things(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(uris) / sizeof(uris[0]); i++) {
        char shown[256], text[512];
        tyto_secret_redact(uris[i].uri, shown, sizeof(shown));
        if (strcmp(shown, uris[i].shown) != 0)
            print_error("%s\n", uris[i].uri);
        assert_string_equal(shown, uris[i].shown);
        tyto_secret_redact(shown, text, sizeof(text)); /* what is redacted stays as it is */
        assert_string_equal(text, shown);
        const char *doubt = tyto_secret_doubt(uris[i].uri);
        if (!doubt != uris[i].is_clear)
            print_error("%s: %s\n", uris[i].uri, doubt ? doubt : "");
        assert_int_equal(!doubt, uris[i].is_clear);
        if (doubt)
            assert_non_null(strstr(doubt, "@ as %40, / as %2F"));
    }
}

static void a_command_line_shows_no_secret_and_keeps_its_length(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(uris) / sizeof(uris[0]); i++) {
        char argument[256];
        snprintf(argument, sizeof(argument), "door=%s", uris[i].uri);
        const size_t length = strlen(argument);
        tyto_secret_blank(argument);
        assert_int_equal(strlen(argument), length);
        assert_null(strstr(argument, "CRET"));
        assert_null(strstr(argument, "31415"));
    }
    char plain[] = "--config";
    tyto_secret_blank(plain);
    assert_string_equal(plain, "--config");
}

static void words_of_others_lose_what_is_secret_in_them(void **state)
{
    (void)state;
    static const struct {
        const char *uri, *text, *hidden;
    } cases[] = {
        {"rtsp://me:sekret@h/s", "cannot open rtsp://me:sekret@h/s", "cannot open rtsp://***@h/s"},
        {"rtsp://me:sekr%40t@h/s", "user me, password sekr@t", "user me, password ***"},
        {"rtsp://me:sekr%40t@h/s", "user me, password sekr%40t", "user me, password ***"},
        {"http://h/s?token=sekret", "GET /s?token=sekret failed", "GET /s?*** failed"},
        {"rtsp://me:pw@h/s", "powered off", "powered off"}, /* no more than that can be told */
        {"rtsp://h/user=a_password=sekret_x", "DESCRIBE /user=a_password=sekret_x",
         "DESCRIBE /user=a_password=***"},
        {"rtsp://h/s", "no such stream", "no such stream"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char hidden[256], scrubbed[256];
        tyto_secret_hide(cases[i].uri, cases[i].text, hidden, sizeof(hidden));
        tyto_secret_scrub(hidden, scrubbed, sizeof(scrubbed));
        assert_string_equal(scrubbed, cases[i].hidden);
    }
}

static void any_text_is_scrubbed_and_says_the_same_otherwise(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"'rtsp://me:CRET@h/s' must be 1 to 64 characters",
         "'rtsp://***@h/s' must be 1 to 64 characters"},
        {"door=rtsp://me:CRET@h/s is no number", "door=rtsp://***@h/s is no number"},
        {"cannot open rtsp://me:\"CR ET' <CRET@h/s (401)", "cannot open rtsp://***@h/s (401)"},
        {"rtsp://h/s is what a@b has, rtsp://h:554/s, too",
         "rtsp://h/s is what a@b has, rtsp://h:554/s, too"},
        {"no file rtsp%3A%2F%2Fme%3ACRET%40h: gone", "no file ***: gone"},
        {"cut: 'rtsp://me:CRETandmor' is", "cut: 'rtsp://***' is"},
        {"cannot bind tcp://127.0.0.1:5571: in use (try again)",
         "cannot bind tcp://127.0.0.1:5571: in use (try again)"},
        {"tcp://127.0.0.1:abc: the port must be 1..65535",
         "tcp://127.0.0.1:abc: the port must be 1..65535"},
        {"/tmp/a@b/ev.sock: another process", "/tmp/a@b/ev.sock: another process"},
        {"  two  spaces, and a dot.", "  two  spaces, and a dot."},
        {"what?is://this", "what?is://this"},
        {"://@:?#", "://***@:?***"},
        {"", ""},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char shown[256];
        tyto_secret_scrub(cases[i][0], shown, sizeof(shown));
        assert_string_equal(shown, cases[i][1]);
        tyto_secret_scrub(cases[i][0], shown, 8); /* cut, never overrun */
        assert_true(strlen(shown) < 8);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(
            a_uri_is_shown_without_its_secrets_and_refused_when_it_may_mean_two_things),
        cmocka_unit_test(a_command_line_shows_no_secret_and_keeps_its_length),
        cmocka_unit_test(words_of_others_lose_what_is_secret_in_them),
        cmocka_unit_test(any_text_is_scrubbed_and_says_the_same_otherwise),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
