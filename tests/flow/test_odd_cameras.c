/* SPDX-License-Identifier: MIT */
/* Cameras on loopback that do what they should not, or leave out what they should do. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <gst/gst.h>

#include "base/clock.h"
#include "pipeline/source/source.h"
#include "tests/flow/rig.h"

#define S 1000000000ll

#define PICTURE(frames)                                                                            \
    "videotestsrc num-buffers=" #frames " pattern=ball ! "                                         \
    "video/x-raw,format=I420,width=320,height=240,framerate=10/1 ! x264enc "                       \
    "speed-preset=ultrafast tune=zerolatency key-int-max=10 option-string=scenecut=0 ! h264parse"
#define SOUND(buffers)                                                                             \
    "audiotestsrc samplesperbuffer=441 num-buffers=" #buffers " ! "                                \
    "audio/x-raw,rate=44100,channels=1 ! avenc_aac ! aacparse"

static const char *camera_program, *odd_program;
static const char *wanted_text;

static struct rig_server start_odd(const char *mode, const char *argument)
{
    char *argv[] = {(char *)(uintptr_t) "python3", (char *)(uintptr_t)odd_program,
                    (char *)(uintptr_t)mode, (char *)(uintptr_t)argument, NULL};
    return rig_start_server(argv);
}

/* option and value may be NULL. */
static struct rig_server start_camera(const char *option, const char *value)
{
    char *argv[] = {(char *)(uintptr_t)camera_program, (char *)(uintptr_t)rig_path("camera.mp4"),
                    (char *)(uintptr_t) "0",           (char *)(uintptr_t)option,
                    (char *)(uintptr_t)value,          NULL};
    return rig_start_server(argv);
}

static void open_uri(struct rig *rig, const char *uri, enum tyto_transport transport)
{
    const struct tyto_camera_params camera = {
        .id = "cam",
        .uri = uri,
        .stall_ns = 3 * S,
        .source = {.transport = transport},
    };
    rig_open(rig, &camera);
}

static void open_server(struct rig *rig, const struct rig_server *server,
                        enum tyto_transport transport)
{
    char uri[64];
    snprintf(uri, sizeof(uri), "rtsp://127.0.0.1:%d/camera", server->port);
    open_uri(rig, uri, transport);
}

static bool has_told(const struct rig *rig)
{
    for (uint32_t i = 0; i < rig->num_states; i++) {
        if (strstr(rig->states[i].text, wanted_text))
            return true;
    }
    return false;
}

static bool is_over(const struct rig *rig)
{
    return rig->num_over >= 1;
}

static bool has_segments(const struct rig *rig)
{
    return rig->num_segments >= 3;
}

static bool never(const struct rig *rig)
{
    (void)rig;
    return false;
}

static void a_description_of_many_streams_is_refused_with_their_number(void **state)
{
    (void)state;
    struct rig rig;
    struct rig_server server = start_odd("many", "3000");
    open_server(&rig, &server, TYTO_TRANSPORT_AUTO);
    wanted_text = "names 3000 streams";
    assert_true(rig_run(&rig, 30, has_told));
    (void)rig_run(&rig, 5, never); /* some more connections */
    assert_int_equal(rig.num_segments, 0);
    rig_close(&rig);
    rig_stop_server(&server, SIGKILL);
}

static uint64_t resident_bytes(void)
{
    char text[128] = "";
    FILE *file = fopen("/proc/self/statm", "r");
    assert_non_null(file);
    assert_non_null(fgets(text, sizeof(text), file));
    fclose(file);
    char *end;
    (void)strtoull(text, &end, 10);
    return strtoull(end, NULL, 10) * (uint64_t)sysconf(_SC_PAGESIZE);
}

static void a_description_of_a_gigabyte_is_not_read(void **state)
{
    (void)state;
    struct rig rig;
    struct rig_server server = start_odd("body", "1000000000");
    const uint64_t before = resident_bytes();
    open_server(&rig, &server, TYTO_TRANSPORT_AUTO);
    wanted_text = "next try";
    assert_true(rig_run(&rig, 30, has_told));
    assert_true(resident_bytes() < before + (64u << 20));
    rig_close(&rig);
    rig_stop_server(&server, SIGKILL);
}

/* Alone, rtspsrc would connect some dozen times at once, and libsoup 20 times. */
static void a_camera_that_redirects_to_itself_is_connected_to_at_our_own_pace(void **state)
{
    (void)state;
    static const char *const modes[][3] = {{"redirect", "self", "rtsp://127.0.0.1:%d/camera"},
                                           {"web", "302:/again", "http://127.0.0.1:%d/camera"},
                                           {"web", "301:again", "http://me:pw@127.0.0.1:%d/again"}};
    for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
        struct rig rig;
        char uri[64];
        struct rig_server server = start_odd(modes[i][0], modes[i][1]);
        const char *host = strstr(modes[i][2], "127.0.0.1:%d");
        snprintf(uri, sizeof(uri), "%.*s127.0.0.1:%d%s", (int)(host - modes[i][2]), modes[i][2],
                 server.port, host + strlen("127.0.0.1:%d"));
        open_uri(&rig, uri, TYTO_TRANSPORT_AUTO);
        wanted_text = "round in a circle";
        assert_true(rig_run(&rig, 30, has_told));
        const uint64_t begin_ns = tyto_clock_mono_ns();
        (void)rig_num_lines(&server);
        (void)rig_run(&rig, 6, never);
        const double seconds = (double)(tyto_clock_mono_ns() - begin_ns) / 1e9;
        assert_in_range(rig_num_lines(&server), 0, (uintmax_t)(seconds / 0.5) + 1);
        rig_close(&rig);
        rig_stop_server(&server, SIGKILL);
    }
}

static void what_a_web_server_refuses_is_told_by_its_number(void **state)
{
    (void)state;
    static const char *const cases[][2] = {{"403:", "with an error (403)"},
                                           {"404:", "(404)"},
                                           {"401:", "refused (401)"},
                                           {"503:", "with an error (503)"},
                                           {"302:file:///etc/hostname", "next try"}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct rig rig;
        char uri[64];
        struct rig_server server = start_odd("web", cases[i][0]);
        snprintf(uri, sizeof(uri), "http://127.0.0.1:%d/camera", server.port);
        open_uri(&rig, uri, TYTO_TRANSPORT_AUTO);
        wanted_text = cases[i][1];
        assert_true(rig_run(&rig, 30, has_told));
        assert_int_equal(rig.num_segments, 0);
        rig_close(&rig);
        rig_stop_server(&server, SIGKILL);
    }
}

/* GStreamer's newer demuxer asks for some 60 a second, without a word, until the process ends; the
 * older one asks for one after the other, or for no more after a few. */
static void a_playlist_of_what_is_not_there_is_told_and_left_alone(void **state)
{
    (void)state;
    struct rig rig;
    char uri[64];
    struct rig_server server = start_odd("playlist", "5");
    snprintf(uri, sizeof(uri), "http://127.0.0.1:%d/live.m3u8", server.port);
    open_uri(&rig, uri, TYTO_TRANSPORT_AUTO);
    wanted_text = "what its playlist names is refused (404); next try";
    assert_true(rig_run(&rig, 60, has_told));
    rig_close(&rig);
    rig_stop_server(&server, SIGKILL);
}

static void a_camera_that_redirects_to_a_good_one_is_watched_there(void **state)
{
    (void)state;
    struct rig rig;
    char uri[64];
    struct rig_server camera = start_camera(NULL, NULL);
    snprintf(uri, sizeof(uri), "rtsp://127.0.0.1:%d/camera", camera.port);
    struct rig_server server = start_odd("redirect", uri);
    open_server(&rig, &server, TYTO_TRANSPORT_AUTO);
    assert_true(rig_run(&rig, 60, has_segments));
    assert_int_equal(rig_num_lines(&server), 1);
    rig_close(&rig);
    rig_stop_server(&server, SIGKILL);
    rig_stop_server(&camera, SIGKILL);
}

static void a_camera_may_send_us_to_a_camera_only(void **state)
{
    (void)state;
    struct rig rig;
    struct rig_server server = start_odd("redirect", "file:///etc/hostname");
    open_server(&rig, &server, TYTO_TRANSPORT_AUTO);
    wanted_text = "next try";
    assert_true(rig_run(&rig, 30, has_told));
    (void)rig_run(&rig, 3, never);
    assert_int_equal(rig.num_segments, 0);
    rig_close(&rig);
    rig_stop_server(&server, SIGKILL);
}

static void a_stream_that_stops_is_told_and_called_for_again(const char *name, const char *text)
{
    struct rig rig;
    struct rig_server server = start_camera("--no", name);
    open_server(&rig, &server, TYTO_TRANSPORT_AUTO);
    wanted_text = text;
    assert_true(rig_run(&rig, 60, has_told));
    assert_true(rig_run(&rig, 30, is_over));
    const struct tyto_camera_state *told = NULL;
    for (uint32_t i = 0; i < rig.num_states && !told; i++) {
        if (strstr(rig.states[i].text, text))
            told = &rig.states[i];
    }
    assert_non_null(told);
    assert_int_equal(told->has_video, strcmp(name, "video") != 0);
    assert_int_equal(told->has_audio, strcmp(name, "audio") != 0);
    rig_close(&rig);
    rig_stop_server(&server, SIGKILL);
}

static void a_picture_that_stops_while_sound_goes_on_is_told(void **state)
{
    (void)state;
    a_stream_that_stops_is_told_and_called_for_again("video", "no picture for");
}

static void sound_that_stops_while_the_picture_goes_on_is_told(void **state)
{
    (void)state;
    a_stream_that_stops_is_told_and_called_for_again("audio", "no sound for");
}

static const char *const aac_decoders[] = {"avdec_aac", "avdec_aac_fixed", "avdec_aac_latm", "faad",
                                           "fdkaacdec"};
enum { NUM_AAC_DECODERS = 5 };

/* Gives the ranks that they had. */
static void rank_decoders(guint ranks[NUM_AAC_DECODERS])
{
    for (int i = 0; i < NUM_AAC_DECODERS; i++) {
        GstPluginFeature *feature =
            gst_registry_lookup_feature(gst_registry_get(), aac_decoders[i]);
        if (!feature)
            continue;
        const guint before = gst_plugin_feature_get_rank(feature);
        gst_plugin_feature_set_rank(feature, ranks[i]);
        ranks[i] = before;
        gst_object_unref(feature);
    }
}

/* What cannot be decoded is not missed: else such a camera would be connected to again and again.
 */
static void a_stream_without_decoder_is_not_waited_for(void **state)
{
    (void)state;
    guint ranks[NUM_AAC_DECODERS] = {GST_RANK_NONE};
    struct rig_server server = start_camera(NULL, NULL);
    char uri[64], text[160];
    snprintf(uri, sizeof(uri), "rtsp://127.0.0.1:%d/camera", server.port);
    const struct tyto_source_params params = {.uri = uri, .hop_ns = S, .length_ns = S};
    struct tyto_source *source = NULL;
    rank_decoders(ranks);
    assert_int_equal(tyto_source_create(&params, &source, NULL), TYTO_OK);
    for (int i = 0; i < 300 && !(tyto_source_last_data_ns(source, TYTO_STREAM_VIDEO) != 0 &&
                                 tyto_source_note(source)[0]);
         i++)
        if (tyto_source_wait(source, 100, text, sizeof(text)) != TYTO_ERR_TIMEOUT)
            fail_msg("%s", text);
    assert_non_null(strstr(tyto_source_note(source), "audio/mpeg"));
    for (int i = 0; i < 20; i++) { /* and the picture goes on */
        if (tyto_source_wait(source, 100, text, sizeof(text)) != TYTO_ERR_TIMEOUT)
            fail_msg("%s", text);
    }
    assert_true(tyto_clock_mono_ns() - tyto_source_last_data_ns(source, TYTO_STREAM_VIDEO) < S);
    assert_true(tyto_source_expects(source, TYTO_STREAM_VIDEO));
    assert_false(tyto_source_expects(source, TYTO_STREAM_AUDIO));
    assert_true(tyto_source_destroy(&source, 5 * S));
    rank_decoders(ranks);
    rig_stop_server(&server, SIGKILL);
}

static void a_camera_that_refuses_tcp_is_watched_by_udp(void **state)
{
    (void)state;
    struct rig rig;
    struct rig_server server = start_camera("--udp", NULL);
    open_server(&rig, &server, TYTO_TRANSPORT_AUTO);
    assert_true(rig_run(&rig, 60, has_segments));
    rig_close(&rig);
    rig_stop_server(&server, SIGKILL);
}

static void a_camera_that_refuses_the_transport_that_was_set_says_what_to_set(void **state)
{
    (void)state;
    struct rig rig;
    struct rig_server server = start_camera("--udp", NULL);
    open_server(&rig, &server, TYTO_TRANSPORT_TCP);
    wanted_text = "refuses TCP (461): set transport: udp or auto; next try";
    assert_true(rig_run(&rig, 30, has_told));
    rig_close(&rig);
    rig_stop_server(&server, SIGKILL);
}

static void what_a_camera_answers_is_told_in_words(void **state)
{
    (void)state;
    static const struct {
        const char *code, *text;
    } cases[] = {{"401", "asks for a user name"}, {"404", "check the URI's path"}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct rig rig;
        struct rig_server server = start_odd("status", cases[i].code);
        open_server(&rig, &server, TYTO_TRANSPORT_AUTO);
        wanted_text = cases[i].text;
        assert_true(rig_run(&rig, 30, has_told));
        rig_close(&rig);
        rig_stop_server(&server, SIGKILL);
    }
}

static bool is_heard(const struct rig *rig)
{
    return rig->num_over >= 1 && rig->num_segments > 0 &&
           rig->segments[rig->num_segments - 1].has_audio;
}

static void sound_that_a_camera_names_later_is_connected_to_again(void **state)
{
    (void)state;
    struct rig rig;
    char names[512], uri[64];
    rig_make("first.ts", PICTURE(100) " ! mpegtsmux");
    rig_make("then.ts", PICTURE(100) " ! mpegtsmux name=m " SOUND(1000) " ! m. m.");
    snprintf(names, sizeof(names), "%s:%s", rig_path("first.ts"), rig_path("then.ts"));
    struct rig_server server = start_odd("later", names);
    snprintf(uri, sizeof(uri), "http://127.0.0.1:%d/live.ts", server.port);
    open_uri(&rig, uri, TYTO_TRANSPORT_AUTO);
    wanted_text = "sound has come later";
    assert_true(rig_run(&rig, 30, has_told));
    assert_true(rig_run(&rig, 30, is_heard));
    rig_close(&rig);
    rig_stop_server(&server, SIGKILL);
}

static void a_coding_that_changes_is_connected_to_again(void **state)
{
    (void)state;
    struct rig rig;
    char names[512], uri[64];
    rig_make("old.ts", PICTURE(100) " ! mpegtsmux name=m " SOUND(1000) " ! m. m.");
    rig_make("new.ts", PICTURE(100) " ! mpegtsmux name=m audiotestsrc samplesperbuffer=441 "
                                    "num-buffers=1000 ! audio/x-raw,rate=44100,channels=1 ! "
                                    "lamemp3enc ! mpegaudioparse ! m. m.");
    snprintf(names, sizeof(names), "%s:%s", rig_path("old.ts"), rig_path("new.ts"));
    struct rig_server server = start_odd("later", names);
    snprintf(uri, sizeof(uri), "http://127.0.0.1:%d/live.ts", server.port);
    open_uri(&rig, uri, TYTO_TRANSPORT_AUTO);
    wanted_text = "its sound has ended, or is another one now";
    assert_true(rig_run(&rig, 30, has_told));
    assert_true(rig_run(&rig, 30, is_heard));
    rig_close(&rig);
    rig_stop_server(&server, SIGKILL);
}

static int make_media(void **state)
{
    (void)state;
    rig_make("camera.mp4", PICTURE(600) " ! mp4mux name=m " SOUND(6000) " ! m. m.");
    return 0;
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_description_of_many_streams_is_refused_with_their_number),
        cmocka_unit_test(a_description_of_a_gigabyte_is_not_read),
        cmocka_unit_test(a_camera_that_redirects_to_itself_is_connected_to_at_our_own_pace),
        cmocka_unit_test(what_a_web_server_refuses_is_told_by_its_number),
        cmocka_unit_test(a_playlist_of_what_is_not_there_is_told_and_left_alone),
        cmocka_unit_test(a_camera_that_redirects_to_a_good_one_is_watched_there),
        cmocka_unit_test(a_camera_may_send_us_to_a_camera_only),
        cmocka_unit_test(a_picture_that_stops_while_sound_goes_on_is_told),
        cmocka_unit_test(sound_that_stops_while_the_picture_goes_on_is_told),
        cmocka_unit_test(a_stream_without_decoder_is_not_waited_for),
        cmocka_unit_test(a_camera_that_refuses_tcp_is_watched_by_udp),
        cmocka_unit_test(a_camera_that_refuses_the_transport_that_was_set_says_what_to_set),
        cmocka_unit_test(what_a_camera_answers_is_told_in_words),
        cmocka_unit_test(sound_that_a_camera_names_later_is_connected_to_again),
        cmocka_unit_test(a_coding_that_changes_is_connected_to_again),
    };
    rig_take_isolate(&argc, argv);
    if (argc != 3) {
        fprintf(stderr, "usage: test_odd_cameras RTSP_CAMERA_PROGRAM ODD_CAMERA_PROGRAM\n");
        return 2;
    }
    camera_program = argv[1];
    odd_program = argv[2];
    return cmocka_run_group_tests(tests, make_media, rig_remove_media);
}
