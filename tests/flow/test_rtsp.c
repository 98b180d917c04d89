/* SPDX-License-Identifier: MIT */
/* A camera on loopback that comes, dies, stalls and returns. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "pipeline/source/source.h"
#include "tests/flow/rig.h"

#define MS 1000000ll

static const char *server_program;
static bool is_isolated;

/* port 0: any. */
static struct rig_server start_server(int port)
{
    char port_text[16];
    snprintf(port_text, sizeof(port_text), "%d", port);
    char *argv[] = {(char *)(uintptr_t)server_program, (char *)(uintptr_t)rig_path("camera.mp4"),
                    port_text, NULL};
    return rig_start_server(argv);
}

static void open_tapped(struct rig *rig, const struct rig_server *server, uint64_t stall_ns,
                        struct tyto_tap *tap)
{
    char uri[64];
    snprintf(uri, sizeof(uri), "rtsp://127.0.0.1:%d/camera", server->port);
    const struct tyto_camera_params camera = {
        .id = "cam", .uri = uri, .stall_ns = stall_ns, .tap = tap};
    rig_open(rig, &camera);
}

static void open_camera(struct rig *rig, const struct rig_server *server, uint64_t stall_ns)
{
    open_tapped(rig, server, stall_ns, NULL);
}

static uint32_t wanted_segments;

static bool has_segments(const struct rig *rig)
{
    return rig->num_segments >= wanted_segments;
}

static bool is_over(const struct rig *rig)
{
    return rig->num_over >= 1;
}

static bool is_told_lost(const struct rig *rig)
{
    return rig_state(rig)->status == TYTO_CAMERA_STATUS_LOST &&
           strstr(rig_state(rig)->text, "next try in") != NULL;
}

static bool is_told_unreachable(const struct rig *rig)
{
    return rig_state(rig)->status == TYTO_CAMERA_STATUS_CONNECTING &&
           strstr(rig_state(rig)->text, "never connected") != NULL;
}

static void a_camera_gives_both_streams_in_real_time(void **state)
{
    (void)state;
    struct rig rig;
    struct rig_server server = start_server(0);
    open_camera(&rig, &server, 0);
    wanted_segments = 8;
    assert_true(rig_run(&rig, 60, has_segments));
    for (uint32_t i = 1; i < rig.num_segments; i++) {
        assert_true(rig.segments[i].has_audio && rig.segments[i].has_video);
        assert_int_equal(rig.segments[i].idx, rig.segments[i - 1].idx + 1);
    }
    struct tyto_camera_counts counts;
    tyto_session_get_counts(rig.session, &counts);
    assert_int_equal(counts.num_dropped_audio + counts.num_dropped_video, 0);
    /* The server's sender reports give the time of capture. */
    assert_int_equal(tyto_session_clock_quality(rig.session), TYTO_CLOCK_QUALITY_CAMERA);
    rig_close(&rig);
    assert_int_equal(rig.over_reason, TYTO_EVENT_REASON_SHUTDOWN);
    rig_stop_server(&server, SIGKILL);
}

/* Keyframes alone are decoded, one a second, until one looks; segments do not notice. */
static void a_camera_that_is_looked_at_shows_every_picture(void **state)
{
    (void)state;
    struct rig rig;
    struct rig_server server = start_server(0);
    open_camera(&rig, &server, 0);
    wanted_segments = 6;
    assert_true(rig_run(&rig, 60, has_segments));
    assert_true(tyto_session_can_look(rig.session));
    assert_int_equal(tyto_session_alignment(rig.session)->estimate.time_ns, 0);
    tyto_session_set_looking(rig.session, true);
    wanted_segments = 24;
    assert_true(rig_run(&rig, 90, has_segments));
    tyto_session_set_looking(rig.session, false);
    const struct tyto_alignment *alignment = tyto_session_alignment(rig.session);
    assert_true(alignment->is_watched);
    assert_true(alignment->estimate.time_ns > 5000 * MS);
    for (uint32_t i = 1; i < rig.num_segments; i++) {
        assert_true(rig.segments[i].has_audio && rig.segments[i].has_video);
        assert_int_equal(rig.segments[i].idx, rig.segments[i - 1].idx + 1);
    }
    struct tyto_camera_counts counts;
    tyto_session_get_counts(rig.session, &counts);
    assert_int_equal(counts.num_dropped_audio + counts.num_dropped_video, 0);
    rig_close(&rig);
    rig_stop_server(&server, SIGKILL);
}

static void a_killed_camera_is_lost_and_found_again(void **state)
{
    (void)state;
    struct rig rig;
    struct rig_server server = start_server(0);
    open_camera(&rig, &server, 0);
    wanted_segments = 3;
    assert_true(rig_run(&rig, 60, has_segments));
    const int port = server.port;
    rig_stop_server(&server, SIGKILL);
    assert_true(rig_run(&rig, 30, is_over));
    assert_int_equal(rig.over_reason, TYTO_EVENT_REASON_SOURCE_LOST);
    assert_true(rig_run(&rig, 30, is_told_lost));
    const uint32_t before = rig.num_segments;
    const int64_t last_ns = rig.segments[before - 1].begin_ns;
    server = start_server(port);
    wanted_segments = before + 3;
    assert_true(rig_run(&rig, 90, has_segments));
    assert_true(rig.segments[before].restart);
    assert_true(rig.segments[before].begin_ns > last_ns); /* the media clock goes on */
    assert_int_equal(rig_state(&rig)->status, TYTO_CAMERA_STATUS_LIVE);
    assert_true(rig_state(&rig)->num_reconnects >= 1);
    rig_close(&rig);
    rig_stop_server(&server, SIGKILL);
}

static void a_camera_that_says_nothing_is_stalled_and_found_again(void **state)
{
    (void)state;
    struct rig rig;
    struct rig_server server = start_server(0);
    open_camera(&rig, &server, 3000 * MS);
    wanted_segments = 2;
    assert_true(rig_run(&rig, 60, has_segments));
    kill(server.pid, SIGSTOP);
    assert_true(rig_run(&rig, 30, is_over));
    assert_int_equal(rig.over_reason, TYTO_EVENT_REASON_SOURCE_LOST);
    bool stalled = false;
    for (uint32_t i = 0; i < rig.num_states; i++)
        stalled |= rig.states[i].status == TYTO_CAMERA_STATUS_STALLED;
    assert_true(stalled);
    kill(server.pid, SIGCONT);
    wanted_segments = rig.num_segments + 2;
    assert_true(rig_run(&rig, 120, has_segments));
    rig_close(&rig);
    rig_stop_server(&server, SIGKILL);
}

static void a_camera_never_reached_is_not_a_lost_one(void **state)
{
    (void)state;
    struct rig rig;
    struct rig_server server = start_server(0);
    rig_stop_server(&server, SIGKILL); /* now nobody listens there */
    open_camera(&rig, &server, 0);
    assert_true(rig_run(&rig, 60, is_told_unreachable));
    assert_int_equal(rig.num_segments, 0);
    rig_close(&rig);
}

static uint32_t num_blind(const struct rig *rig)
{
    uint32_t num = 0;
    for (uint32_t i = wanted_segments; i < rig->num_segments; i++)
        num += !rig->segments[i].has_video;
    return num;
}

static bool has_pictures_again(const struct rig *rig)
{
    return num_blind(rig) > 0 && rig->segments[rig->num_segments - 1].has_video;
}

/* As when other cameras fill every batch: its sound is kept, its pictures are left out before they
 * cost anything, and once it is served again they come back. */
static void a_camera_that_is_not_served_in_time_keeps_its_sound(void **state)
{
    (void)state;
    struct rig rig;
    struct rig_server server = start_server(0);
    open_camera(&rig, &server, 0);
    wanted_segments = 3;
    assert_true(rig_run(&rig, 60, has_segments));
    const uint32_t before = rig.num_segments;
    for (int i = 0; i < 50; i++) {
        usleep(100 * 1000);
        tyto_session_feed(rig.session, tyto_clock_mono_ns());
    }
    struct tyto_camera_counts counts;
    tyto_session_get_counts(rig.session, &counts);
    assert_true(counts.num_skipped >= 1);
    wanted_segments = before;
    assert_true(rig_run(&rig, 60, has_pictures_again));
    for (uint32_t i = before; i < rig.num_segments; i++) {
        assert_true(rig.segments[i].has_audio);
        assert_int_equal(rig.segments[i].idx, rig.segments[i - 1].idx + 1);
    }
    tyto_session_get_counts(rig.session, &counts);
    assert_int_equal(counts.num_dropped_audio + counts.num_dropped_video, 0);
    assert_int_equal(counts.segmenter.num_overrun, 0);
    rig_close(&rig);
    rig_stop_server(&server, SIGKILL);
}

/* --- a pipeline that hangs ---------------------------------------------------------------------
 */

static atomic_bool is_held; /* what the tap is given, it keeps its thread for */
static atomic_int num_held, num_refs;

static void hold(struct tyto_tap *tap, enum tyto_stream stream, struct tyto_coded *coded)
{
    (void)tap, (void)stream;
    atomic_fetch_add(&num_held, 1);
    while (atomic_load(&is_held))
        usleep(1000);
    tyto_coded_unref(coded);
}

static void take_connected(struct tyto_tap *tap, bool is_connected)
{
    (void)tap, (void)is_connected;
}

static void take_shift(struct tyto_tap *tap, int64_t shift_ns)
{
    (void)tap, (void)shift_ns;
}

static void take_ref(struct tyto_tap *tap)
{
    (void)tap;
    atomic_fetch_add(&num_refs, 1);
}

static void give_ref(struct tyto_tap *tap)
{
    (void)tap;
    atomic_fetch_sub(&num_refs, 1);
}

static bool holds_thread(const struct rig *rig)
{
    (void)rig;
    return atomic_load(&num_held) > 0;
}

static bool is_let_go(const struct rig *rig)
{
    bool abandoned;
    return tyto_session_is_stopped(rig->session, &abandoned);
}

/* The whole daemon has four seconds to end, whenever the camera went. */
static void a_pipeline_that_hangs_is_left_behind_soon_once_the_end_is_asked_for(void **state)
{
    (void)state;
    if (is_isolated)
        skip(); /* its process is killed */
    for (int is_lost = 0; is_lost < 2; is_lost++) {
        struct tyto_tap tap = {.on_coded = hold,
                               .on_connected = take_connected,
                               .on_shift = take_shift,
                               .ref = take_ref,
                               .unref = give_ref};
        struct rig rig;
        struct rig_server server = start_server(0);
        atomic_store(&is_held, true);
        atomic_store(&num_held, 0);
        open_tapped(&rig, &server, 0, &tap);
        assert_true(rig_run(&rig, 60, holds_thread));
        if (is_lost) { /* its taking down is waited for already when the end is asked for */
            rig_stop_server(&server, SIGKILL);
            assert_true(rig_run(&rig, 30, is_over));
        }
        const uint64_t begin_ns = tyto_clock_mono_ns();
        tyto_session_stop(rig.session);
        assert_true(rig_run(&rig, 20, is_let_go));
        assert_true(tyto_clock_mono_ns() - begin_ns < 4000 * MS);
        struct tyto_camera_counts counts;
        tyto_session_get_counts(rig.session, &counts);
        assert_int_equal(counts.num_abandoned, 1);
        assert_int_equal(tyto_source_num_hanging(), 1);
        tyto_session_destroy(&rig.session);
        tyto_limiter_finish(&rig.limiter);
        assert_int_equal(atomic_load(&num_refs), 1); /* the pipeline's own */
        atomic_store(&is_held, false);
        for (int i = 0; i < 10000 && tyto_source_num_hanging() > 0; i++)
            usleep(1000);
        assert_int_equal(tyto_source_num_hanging(), 0);
        assert_int_equal(atomic_load(&num_refs), 0);
        if (!is_lost)
            rig_stop_server(&server, SIGKILL);
    }
}

static int make_media(void **state)
{
    (void)state;
    rig_make("camera.mp4", "videotestsrc num-buffers=600 pattern=ball ! "
                           "video/x-raw,format=I420,width=320,height=240,framerate=10/1 ! "
                           "x264enc speed-preset=ultrafast tune=zerolatency key-int-max=10 "
                           "option-string=scenecut=0 ! h264parse ! mp4mux name=m "
                           "audiotestsrc samplesperbuffer=441 num-buffers=6000 ! "
                           "audio/x-raw,rate=44100,channels=1 ! avenc_aac ! aacparse ! m. m.");
    return 0;
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_camera_gives_both_streams_in_real_time),
        cmocka_unit_test(a_camera_that_is_not_served_in_time_keeps_its_sound),
        cmocka_unit_test(a_camera_that_is_looked_at_shows_every_picture),
        cmocka_unit_test(a_killed_camera_is_lost_and_found_again),
        cmocka_unit_test(a_camera_that_says_nothing_is_stalled_and_found_again),
        cmocka_unit_test(a_camera_never_reached_is_not_a_lost_one),
        cmocka_unit_test(a_pipeline_that_hangs_is_left_behind_soon_once_the_end_is_asked_for),
    };
    const int num_args = argc;
    rig_take_isolate(&argc, argv);
    is_isolated = argc != num_args;
    if (argc != 2) {
        fprintf(stderr, "usage: test_rtsp RTSP_CAMERA_PROGRAM\n");
        return 2;
    }
    server_program = argv[1];
    return cmocka_run_group_tests(tests, make_media, rig_remove_media);
}
