/* SPDX-License-Identifier: MIT */
#include "tests/flow/rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <gst/gst.h>

#include "base/clock.h"
#include "base/hash.h"
#include "pipeline/isolate/isolate.h"
#include "pipeline/isolate/wire.h"
#include "tests/folder.h"

#define SEGMENT_NS 1000000000ll

extern char **environ;

static char media_dir[FOLDER_MAX];

const char *rig_media_dir(void)
{
    if (!media_dir[0])
        assert_int_equal(folder_make(media_dir, "flow"), 0);
    return media_dir;
}

void rig_finish_media(void)
{
    if (media_dir[0])
        (void)folder_remove(media_dir);
    media_dir[0] = '\0';
}

int rig_remove_media(void **state)
{
    (void)state;
    rig_finish_media();
    return 0;
}

const char *rig_path(const char *name)
{
    static char paths[8][512];
    static unsigned turn;
    char *path = paths[turn++ % 8];
    snprintf(path, sizeof(paths[0]), "%s/%s", rig_media_dir(), name);
    return path;
}

void rig_make(const char *name, const char *launch)
{
    gst_init(NULL, NULL);
    gchar *text = g_strdup_printf("%s ! filesink location=%s", launch, rig_path(name));
    GError *error = NULL;
    GstElement *pipeline = gst_parse_launch(text, &error);
    if (error)
        fail_msg("%s: %s", text, error->message);
    gst_element_set_state(pipeline, GST_STATE_PLAYING);
    GstBus *bus = gst_element_get_bus(pipeline);
    GstMessage *message =
        gst_bus_timed_pop_filtered(bus, 60 * GST_SECOND, GST_MESSAGE_EOS | GST_MESSAGE_ERROR);
    if (!message || GST_MESSAGE_TYPE(message) != GST_MESSAGE_EOS)
        fail_msg("could not make %s by: %s", name, text);
    gst_message_unref(message);
    gst_object_unref(bus);
    gst_element_set_state(pipeline, GST_STATE_NULL);
    gst_object_unref(pipeline);
    g_free(text);
}

static uint8_t *read_all(const char *name, size_t *ret_bytes)
{
    FILE *file = fopen(rig_path(name), "rb");
    assert_non_null(file);
    fseek(file, 0, SEEK_END);
    const long num = ftell(file);
    rewind(file);
    uint8_t *bytes = malloc((size_t)num + 1);
    assert_non_null(bytes);
    assert_int_equal(fread(bytes, 1, (size_t)num, file), num);
    fclose(file);
    *ret_bytes = (size_t)num;
    return bytes;
}

static void write_all(const char *name, const uint8_t *bytes, size_t num_bytes)
{
    FILE *file = fopen(rig_path(name), "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, num_bytes, file), num_bytes);
    fclose(file);
}

void rig_copy(const char *from, const char *to, uint64_t keep_bytes,
              uint8_t (*edit)(uint64_t idx, uint8_t byte))
{
    size_t num_bytes;
    uint8_t *bytes = read_all(from, &num_bytes);
    if (keep_bytes != 0 && keep_bytes < num_bytes)
        num_bytes = (size_t)keep_bytes;
    for (size_t i = 0; edit && i < num_bytes; i++)
        bytes[i] = edit(i, bytes[i]);
    write_all(to, bytes, num_bytes);
    free(bytes);
}

void rig_patch(const char *name, const char *old_text, const char *new_text)
{
    size_t num_bytes;
    uint8_t *bytes = read_all(name, &num_bytes);
    const size_t num_chars = strlen(old_text);
    uint32_t num_found = 0;
    assert_int_equal(strlen(new_text), num_chars);
    for (size_t i = 0; i + num_chars <= num_bytes; i++) {
        if (memcmp(bytes + i, old_text, num_chars) == 0) {
            memcpy(bytes + i, new_text, num_chars);
            num_found++;
        }
    }
    assert_true(num_found > 0);
    write_all(name, bytes, num_bytes);
    free(bytes);
}

struct rig_server rig_start_server(char *const argv[])
{
    struct rig_server server = {0};
    char line[64] = "";
    int out[2];
    assert_int_equal(pipe(out), 0);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, out[1], STDOUT_FILENO);
    posix_spawn_file_actions_addclose(&actions, out[0]);
    assert_int_equal(posix_spawnp(&server.pid, argv[0], &actions, NULL, argv, environ), 0);
    posix_spawn_file_actions_destroy(&actions);
    close(out[1]);
    for (size_t i = 0; i + 1 < sizeof(line) && read(out[0], line + i, 1) == 1; i++) {
        if (line[i] == '\n')
            break;
    }
    assert_int_equal(strncmp(line, "ready ", 6), 0);
    server.port = (int)strtol(line + 6, NULL, 10);
    server.out_fd = out[0];
    assert_int_equal(fcntl(server.out_fd, F_SETFL, O_NONBLOCK), 0);
    return server;
}

void rig_stop_server(struct rig_server *server, int number)
{
    kill(server->pid, SIGCONT);
    kill(server->pid, number);
    waitpid(server->pid, NULL, 0);
    close(server->out_fd);
}

uint32_t rig_num_lines(const struct rig_server *server)
{
    uint32_t num = 0;
    for (char letter; read(server->out_fd, &letter, 1) == 1;)
        num += letter == '\n';
    return num;
}

/* --- a camera --------------------------------------------------------------------------------- */

static uint32_t num_process_lines;
static char process_line[512];

static void on_line(void *user, const char *camera, const char *text)
{
    (void)user;
    if (getenv("TYTO_RIG_VERBOSE"))
        fprintf(stderr, "%s says: %s\n", camera, text);
    snprintf(process_line, sizeof(process_line), "%s: %s", camera, text);
    num_process_lines++;
}

uint32_t rig_num_process_lines(void)
{
    return num_process_lines;
}

const char *rig_process_line(void)
{
    return process_line;
}

static struct tyto_isolation isolation; /* no program: none */

void rig_isolate(const char *program)
{
    isolation = (struct tyto_isolation){.program = program, .env = environ, .on_line = on_line};
}

void rig_take_isolate(int *argc, char **argv)
{
    if (*argc < 3 || strcmp(argv[*argc - 2], "--isolate") != 0)
        return;
    rig_isolate(argv[*argc - 1]);
    *argc -= 2;
}

static uint64_t sum_of(const struct tyto_segment *segment)
{
    uint64_t sum = TYTO_HASH_INIT;
    if (segment->pcm)
        sum = tyto_hash(sum, segment->pcm, 16000 * sizeof(*segment->pcm));
    if (!segment->picture)
        return sum;
    const struct tyto_frame *frame = &segment->picture->frame;
    uint32_t row_bytes[3] = {0}, rows[3] = {0};
    assert_true(tyto_wire_planes(frame->format, frame->width, frame->height, row_bytes, rows));
    for (int i = 0; i < 3; i++) {
        for (uint32_t y = 0; y < rows[i]; y++)
            sum = tyto_hash(sum, frame->planes[i] + (size_t)y * frame->strides_bytes[i],
                            row_bytes[i]);
    }
    return sum;
}

void rig_open(struct rig *rig, const struct tyto_camera_params *from)
{
    struct tyto_camera_params isolated = *from, *camera = &isolated;
    camera->isolation = isolation.program ? &isolation : NULL;
    *rig = (struct rig){0};
    tyto_limiter_init(&rig->limiter, 4);
    struct tyto_session_params params = {
        .camera = camera,
        .hop_ns = SEGMENT_NS,
        .length_ns = SEGMENT_NS,
        .limiter = &rig->limiter,
    };
    assert_int_equal(tyto_source_check_uri(camera->uri, &params.is_file, NULL), TYTO_OK);
    assert_int_equal(tyto_session_create(&params, &rig->session), TYTO_OK);
}

static void keep_segment(struct rig *rig, struct tyto_segment *segment)
{
    assert_int_equal(segment->has_audio, segment->pcm != NULL);
    assert_int_equal(segment->has_video, segment->picture != NULL);
    if (rig->num_segments < RIG_MAX_SEGMENTS) {
        if (segment->picture) {
            assert_int_equal(tyto_frame_check(&segment->picture->frame), TYTO_OK);
            rig->picture_off_ns[rig->num_segments] = segment->picture->pts_ns - segment->begin_ns;
            rig->width_px[rig->num_segments] = segment->picture->frame.width;
            rig->height_px[rig->num_segments] = segment->picture->frame.height;
        }
        rig->sums[rig->num_segments] = sum_of(segment);
        rig->segments[rig->num_segments] = *segment;
        rig->segments[rig->num_segments].pcm = NULL;
        rig->segments[rig->num_segments].picture = NULL;
        rig->num_segments++;
    }
    tyto_picture_unref(&segment->picture);
}

static void turn(struct rig *rig)
{
    struct tyto_segment segment;
    enum tyto_session_poll polled;
    while ((polled = tyto_session_poll(rig->session, tyto_clock_mono_ns(), &segment)) ==
           TYTO_SESSION_SEGMENT)
        keep_segment(rig, &segment);
    if (polled == TYTO_SESSION_OVER) {
        rig->num_over++;
        rig->over_reason = tyto_session_over_reason(rig->session);
        tyto_session_release(rig->session);
    }
    struct tyto_camera_state state;
    if (tyto_session_take_state(rig->session, &state)) {
        if (getenv("TYTO_RIG_VERBOSE"))
            fprintf(stderr, "%s: %s\n", tyto_camera_status_name(state.status), state.text);
        if (rig->num_states < RIG_MAX_STATES)
            rig->states[rig->num_states++] = state;
    }
    usleep(2000);
}

bool rig_run(struct rig *rig, double timeout_s, bool (*done)(const struct rig *rig))
{
    const uint64_t until_ns = tyto_clock_mono_ns() + (uint64_t)(timeout_s * 1e9);
    while (tyto_clock_mono_ns() < until_ns) {
        turn(rig);
        if (done ? done(rig) : tyto_session_has_ended(rig->session))
            return true;
    }
    return false;
}

static bool is_gone(const struct rig *rig)
{
    bool abandoned;
    const bool stopped = tyto_session_is_stopped(rig->session, &abandoned);
    if (stopped)
        assert_false(abandoned);
    return stopped;
}

void rig_close(struct rig *rig)
{
    tyto_session_stop(rig->session);
    assert_true(rig_run(rig, 20, is_gone));
    tyto_session_destroy(&rig->session);
    tyto_limiter_finish(&rig->limiter);
}

const struct tyto_camera_state *rig_state(const struct rig *rig)
{
    static const struct tyto_camera_state none;
    return rig->num_states > 0 ? &rig->states[rig->num_states - 1] : &none;
}
