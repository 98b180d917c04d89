/* SPDX-License-Identifier: MIT */
/* A camera in a process of its own: gives what it gives without one, and whatever becomes of the
 * process, or whatever it says, is that camera's trouble alone. As `tyto-source: ID` this program
 * is the process itself, which does what ID says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/clock.h"
#include "pipeline/isolate/isolate.h"
#include "pipeline/isolate/process.h"
#include "pipeline/isolate/wire.h"
#include "tests/flow/rig.h"

#define MS 1000000ll

enum { TIMEOUT_S = 60 };

static const char *server_program, *source_program;
static char own_program[4096];

/* --- processes that do wrong ------------------------------------------------------------------ */

static void say(enum tyto_wire_kind kind, const void *fixed, const void *body, size_t num_bytes)
{
    const struct iovec piece = {(void *)(uintptr_t)body, num_bytes};
    if (tyto_wire_send(TYTO_CHILD_SOCKET_FD, kind, fixed, &piece, body ? 1 : 0) != TYTO_OK)
        _exit(0);
}

static void say_media(struct tyto_wire_media media, size_t num_bytes)
{
    float *body = calloc(1, num_bytes + sizeof(float));
    if (!body)
        _exit(1);
    say(TYTO_WIRE_MEDIA, &media, body, num_bytes);
    free(body);
}

static void say_status(uint8_t has)
{
    struct tyto_source_status status;
    memset(&status, 0, sizeof(status));
    status.is_settled = true;
    memset(&status.has[0], has, 1);
    say(TYTO_WIRE_STATUS, &status, NULL, 0);
}

static void say_head(uint32_t kind, uint32_t num_bytes)
{
    const struct tyto_wire_head head = {kind, num_bytes};
    (void)!write(TYTO_CHILD_SOCKET_FD, &head, sizeof(head));
}

static const struct tyto_wire_media sound = {
    .stream = TYTO_STREAM_AUDIO, .kind = TYTO_MEDIA_SOUND, .num_samples = 16};

static void do_wrong(const char *how)
{
    struct tyto_wire_media media = sound;
    struct tyto_wire_position position = {.stream = TYTO_STREAM_AUDIO};
    const struct tyto_wire_coded coded = {.stream = TYTO_STREAM_VIDEO, .caps_bytes = 13};
    struct tyto_wire_over over;
    memset(&over, 0, sizeof(over));
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* a test that fails leaves none behind */
    if (strcmp(how, "unknown") == 0) {
        say_head(77, 4);
    } else if (strcmp(how, "endless") == 0) {
        say_head(TYTO_WIRE_MEDIA, UINT32_MAX);
    } else if (strcmp(how, "huge") == 0) { /* says more samples than its body has */
        media.num_samples = 17;
        say_media(media, 16 * sizeof(float));
    } else if (strcmp(how, "planes") == 0) { /* planes that do not make the picture */
        media = (struct tyto_wire_media){.stream = TYTO_STREAM_VIDEO,
                                         .kind = TYTO_MEDIA_PICTURE,
                                         .width = 8000,
                                         .height = 8000,
                                         .strides_bytes = {8000},
                                         .plane_bytes = {64}};
        say_media(media, 64);
    } else if (strcmp(how, "stream") == 0) {
        media.stream = 9;
        say_media(media, 16 * sizeof(float));
    } else if (strcmp(how, "time") == 0) {
        media.pts_ns = INT64_MAX;
        say_media(media, 16 * sizeof(float));
    } else if (strcmp(how, "bool") == 0) {
        say_status(7);
    } else if (strcmp(how, "end") == 0) { /* an error that there is not */
        over.err = 5;
        say(TYTO_WIRE_OVER, &over, NULL, 0);
    } else if (strcmp(how, "text") == 0) { /* without an end */
        over.err = TYTO_ERR_IO;
        memset(over.text, 'x', sizeof(over.text));
        say(TYTO_WIRE_OVER, &over, NULL, 0);
    } else if (strcmp(how, "greedy") == 0) { /* more than there is room for */
        media = (struct tyto_wire_media){.stream = TYTO_STREAM_VIDEO,
                                         .kind = TYTO_MEDIA_PICTURE,
                                         .format = TYTO_PIXEL_RGB,
                                         .width = 16,
                                         .height = 16,
                                         .strides_bytes = {48},
                                         .plane_bytes = {768}};
        for (;;)
            say_media(media, 768);
    } else if (strcmp(how, "caps") == 0) { /* nobody records */
        say(TYTO_WIRE_CODED, &coded, "video/x-h264", coded.caps_bytes);
    } else if (strcmp(how, "flood") == 0) {
        for (position.ns = 0;; position.ns++)
            say(TYTO_WIRE_POSITION, &position, NULL, 0);
    } else if (strcmp(how, "abort") == 0) {
        fprintf(stderr, "free(): of rtsp://me:geheim@127.0.0.1:9/x\n");
        abort();
    } else if (strcmp(how, "hold") == 0) { /* deaf and mute, and does not let go */
        raise(SIGSTOP);
    }
    for (;;)
        pause();
}

/* --- what they are ---------------------------------------------------------------------------- */

static void open_uri(struct rig *rig, const char *id, const char *uri)
{
    const struct tyto_camera_params camera = {.id = id, .uri = uri};
    rig_open(rig, &camera);
}

static uint32_t wanted_segments;

static bool has_segments(const struct rig *rig)
{
    return rig->num_segments >= wanted_segments;
}

static bool is_told_failed(const struct rig *rig)
{
    return strstr(rig_state(rig)->text, "next try in") != NULL;
}

static bool has_live_again(const struct rig *rig)
{
    return rig_state(rig)->num_reconnects > 0 && rig_state(rig)->status == TYTO_CAMERA_STATUS_LIVE;
}

static struct tyto_camera_counts counts_of(const struct rig *rig)
{
    struct tyto_camera_counts counts;
    tyto_session_get_counts(rig->session, &counts);
    return counts;
}

static void run_file(struct rig *rig, const char *name, const char *program)
{
    rig_isolate(program);
    open_uri(rig, "file", rig_path(name));
    assert_true(rig_run(rig, TIMEOUT_S, NULL));
    rig_close(rig);
}

static void a_file_gives_the_same_segments_to_the_last_bit(void **state)
{
    (void)state;
    const char *const names[] = {"camera.mp4", "one-key.mkv"};
    for (int n = 0; n < 2; n++) {
        static struct rig here, there;
        run_file(&here, names[n], NULL);
        run_file(&there, names[n], source_program);
        assert_int_equal(here.num_segments, there.num_segments);
        assert_true(here.num_segments >= 10);
        assert_string_equal(rig_state(&here)->text, rig_state(&there)->text);
        for (uint32_t i = 0; i < here.num_segments; i++) {
            /* The sound of a file may be over a little before its last second is. */
            const bool is_last = i + 1 == here.num_segments;
            assert_true((here.segments[i].has_audio || is_last) && here.segments[i].has_video);
            assert_int_equal(here.segments[i].has_audio, there.segments[i].has_audio);
            assert_int_equal(here.segments[i].has_video, there.segments[i].has_video);
            assert_int_equal(here.segments[i].begin_ns, there.segments[i].begin_ns);
            assert_int_equal(here.picture_off_ns[i], there.picture_off_ns[i]);
            assert_true(here.sums[i] == there.sums[i]);
        }
    }
}

static struct rig_server start_server(void)
{
    char *argv[] = {(char *)(uintptr_t)server_program, (char *)(uintptr_t)rig_path("camera.mp4"),
                    (char *)(uintptr_t) "0", NULL};
    return rig_start_server(argv);
}

static void open_camera(struct rig *rig, const struct rig_server *server)
{
    char uri[64];
    snprintf(uri, sizeof(uri), "rtsp://127.0.0.1:%d/camera", server->port);
    open_uri(rig, "cam", uri);
}

/* As a decoder does that a camera's data lead astray. */
static void a_process_that_crashes_is_a_camera_that_comes_back(void **state)
{
    (void)state;
    struct rig rig;
    struct rig_server server = start_server();
    rig_isolate(source_program);
    open_camera(&rig, &server);
    wanted_segments = 3;
    assert_true(rig_run(&rig, TIMEOUT_S, has_segments));
    const int pid = counts_of(&rig).pid;
    assert_true(pid > 0);
    assert_int_equal(kill(pid, SIGSEGV), 0);
    assert_true(rig_run(&rig, TIMEOUT_S, is_told_failed));
    assert_non_null(strstr(rig_state(&rig)->text, "its process was ended by signal 11"));
    assert_int_equal(rig.over_reason, TYTO_EVENT_REASON_SOURCE_LOST);
    assert_true(rig_run(&rig, TIMEOUT_S, has_live_again));
    wanted_segments = rig.num_segments + 2;
    assert_true(rig_run(&rig, TIMEOUT_S, has_segments));
    assert_int_equal(counts_of(&rig).num_processes, 2);
    assert_int_not_equal(counts_of(&rig).pid, pid);
    rig_close(&rig);
    rig_stop_server(&server, SIGKILL);
    assert_int_equal(kill(pid, 0), -1);
}

/* A decoder that hangs with all its locks: SIGSTOP is worse. */
static void a_process_that_stands_still_is_ended(void **state)
{
    (void)state;
    struct rig rig;
    struct rig_server server = start_server();
    rig_isolate(source_program);
    open_camera(&rig, &server);
    wanted_segments = 2;
    assert_true(rig_run(&rig, TIMEOUT_S, has_segments));
    const int pid = counts_of(&rig).pid;
    const uint64_t begin_ns = tyto_clock_mono_ns();
    assert_int_equal(kill(pid, SIGSTOP), 0);
    assert_true(rig_run(&rig, TIMEOUT_S, has_live_again));
    assert_true(tyto_clock_mono_ns() - begin_ns < 30 * TYTO_NS_PER_S);
    assert_int_equal(kill(pid, 0), -1);
    assert_int_equal(counts_of(&rig).num_abandoned, 0);
    /* One that stands still while the camera is taken out does not hold that up either. */
    assert_int_equal(kill(counts_of(&rig).pid, SIGSTOP), 0);
    rig_close(&rig);
    rig_stop_server(&server, SIGKILL);
}

static void what_a_process_says_is_not_believed(void **state)
{
    static const char *const ways[] = {"unknown", "endless", "huge", "planes", "stream", "time",
                                       "bool",    "end",     "text", "greedy", "caps",   "flood"};
    (void)state;
    rig_isolate(own_program);
    for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
        struct rig rig;
        open_uri(&rig, ways[i], "rtsp://127.0.0.1:9/x");
        if (!rig_run(&rig, TIMEOUT_S, is_told_failed))
            fail_msg("%s: nobody minds", ways[i]);
        const char *text = rig_state(&rig)->text;
        if (!strstr(text, strcmp(ways[i], "flood") == 0 ? "sends more than there can be"
                                                        : "says what cannot be"))
            fail_msg("%s: %s", ways[i], text);
        rig_close(&rig);
    }
}

static bool has_line(const struct rig *rig)
{
    (void)rig;
    return rig_num_process_lines() > 0;
}

static void what_a_process_writes_is_told_without_its_secrets(void **state)
{
    (void)state;
    struct rig rig;
    rig_isolate(own_program);
    open_uri(&rig, "abort", "rtsp://me:geheim@127.0.0.1:9/x");
    assert_true(rig_run(&rig, TIMEOUT_S, has_line));
    assert_true(rig_run(&rig, TIMEOUT_S, is_told_failed));
    assert_non_null(strstr(rig_state(&rig)->text, "signal 6"));
    assert_non_null(strstr(rig_process_line(), "abort: free(): of rtsp://"));
    assert_null(strstr(rig_process_line(), "geheim"));
    rig_close(&rig);
}

static void a_process_that_never_answers_is_ended(void **state)
{
    (void)state;
    struct rig rig;
    rig_isolate(own_program);
    open_uri(&rig, "hold", "rtsp://127.0.0.1:9/x");
    assert_true(rig_run(&rig, TIMEOUT_S, is_told_failed));
    assert_non_null(strstr(rig_state(&rig)->text, "says nothing"));
    rig_close(&rig);
}

static void a_program_that_is_missing_is_told(void **state)
{
    (void)state;
    struct rig rig;
    rig_isolate("/nonexistent/tyto-source");
    open_uri(&rig, "cam", "rtsp://127.0.0.1:9/x");
    assert_true(rig_run(&rig, TIMEOUT_S, is_told_failed));
    assert_non_null(strstr(rig_state(&rig)->text, "a process of its own cannot be begun"));
    rig_close(&rig);
}

/* --- what it is given ------------------------------------------------------------------------- */

static uint32_t read_file(int pid, const char *name, char *ret_bytes, uint32_t num_bytes)
{
    char path[64];
    snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
    FILE *file = fopen(path, "rb");
    const size_t num = file ? fread(ret_bytes, 1, num_bytes - 1, file) : 0;
    if (file)
        fclose(file);
    ret_bytes[num] = '\0';
    return (uint32_t)num;
}

/* Descriptors of files that this test has open, in the process. */
static uint32_t num_leaked(int pid, const char *name)
{
    char folder[64], path[400], target[512];
    uint32_t num = 0;
    snprintf(folder, sizeof(folder), "/proc/%d/fd", pid);
    DIR *list = opendir(folder);
    assert_non_null(list);
    for (const struct dirent *entry = readdir(list); entry; entry = readdir(list)) {
        snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
        const ssize_t num_chars = readlink(path, target, sizeof(target) - 1);
        target[num_chars > 0 ? num_chars : 0] = '\0';
        num += strstr(target, name) != NULL;
    }
    closedir(list);
    return num;
}

static void a_process_is_confined_gets_no_descriptor_and_shows_no_secret(void **state)
{
    (void)state;
    struct rig rig;
    char text[8192], uri[128];
    FILE *kept = fopen(rig_path("kept"), "wb"); /* as of a library: not closed by exec */
    assert_non_null(kept);
    struct rig_server server = start_server();
    rig_isolate(source_program);
    snprintf(uri, sizeof(uri), "rtsp://me:geheim@127.0.0.1:%d/camera", server.port);
    open_uri(&rig, "cam", uri);
    wanted_segments = 2;
    assert_true(rig_run(&rig, TIMEOUT_S, has_segments));
    const int pid = counts_of(&rig).pid;
    assert_int_equal(num_leaked(pid, "/kept"), 0);
    (void)read_file(pid, "cmdline", text, sizeof(text));
    assert_string_equal(text, "tyto-source: cam");
    (void)read_file(pid, "status", text, sizeof(text));
    assert_non_null(strstr(text, "NoNewPrivs:\t1"));
    assert_non_null(strstr(text, "Seccomp:\t2"));
    const uint32_t num = read_file(pid, "environ", text, sizeof(text));
    assert_null(memmem(text, num, "geheim", 6));
    fclose(kept);
    rig_close(&rig);
    rig_stop_server(&server, SIGKILL);
    assert_int_equal(kill(pid, 0), -1);
}

static int make_media(void **state)
{
    (void)state;
    rig_make("camera.mp4", "videotestsrc num-buffers=200 pattern=ball ! "
                           "video/x-raw,format=I420,width=322,height=242,framerate=10/1 ! "
                           "x264enc speed-preset=ultrafast tune=zerolatency key-int-max=10 "
                           "option-string=scenecut=0 ! h264parse ! mp4mux name=m "
                           "audiotestsrc samplesperbuffer=441 num-buffers=2000 ! "
                           "audio/x-raw,rate=44100,channels=1 ! avenc_aac ! aacparse ! m. m.");
    rig_make("one-key.mkv",
             "videotestsrc num-buffers=100 pattern=ball ! "
             "video/x-raw,format=I420,width=320,height=240,framerate=10/1 ! "
             "x264enc speed-preset=ultrafast key-int-max=1000 bframes=2 ! h264parse ! "
             "matroskamux name=m "
             "audiotestsrc wave=ticks samplesperbuffer=441 num-buffers=1000 ! "
             "audio/x-raw,rate=44100,channels=2 ! avenc_aac ! aacparse ! m. m.");
    return 0;
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_gives_the_same_segments_to_the_last_bit),
        cmocka_unit_test(a_process_that_crashes_is_a_camera_that_comes_back),
        cmocka_unit_test(a_process_that_stands_still_is_ended),
        cmocka_unit_test(what_a_process_says_is_not_believed),
        cmocka_unit_test(what_a_process_writes_is_told_without_its_secrets),
        cmocka_unit_test(a_process_that_never_answers_is_ended),
        cmocka_unit_test(a_program_that_is_missing_is_told),
        cmocka_unit_test(a_process_is_confined_gets_no_descriptor_and_shows_no_secret),
    };
    if (argc == 1 && strncmp(argv[0], "tyto-source: ", 13) == 0)
        do_wrong(argv[0] + 13);
    if (argc != 3) {
        fprintf(stderr, "usage: test_isolate RTSP_CAMERA_PROGRAM TYTO_SOURCE_PROGRAM\n");
        return 2;
    }
    server_program = argv[1];
    source_program = argv[2];
    const ssize_t num = readlink("/proc/self/exe", own_program, sizeof(own_program) - 1);
    if (num <= 0)
        return 1;
    return cmocka_run_group_tests(tests, make_media, rig_remove_media);
}
