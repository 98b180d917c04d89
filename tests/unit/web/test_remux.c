/* SPDX-License-Identifier: MIT */
/* Recordings for browsers: what is asked too much, what is no recording, and damaged ones. The
 * recording itself is ffmpeg's; without it what needs one is skipped. */
#include <fcntl.h>
#include <setjmp.h>
#include <spawn.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/folder.h"
#include "web/media/remux.h"

enum { MAX_RECORDING = 1 << 20, NUM_DAMAGED = 48 };

struct rig {
    char dir[FOLDER_MAX], whole[FOLDER_MAX + 16], other[FOLDER_MAX + 16];
    uint8_t bytes[MAX_RECORDING];
    size_t num_bytes; /* 0: there is no ffmpeg */
};

/* False: there is no ffmpeg. */
static bool record(const char *path)
{
    char *const command[] = {"ffmpeg",
                             "-v",
                             "error",
                             "-f",
                             "lavfi",
                             "-i",
                             "testsrc=size=160x96:rate=10",
                             "-f",
                             "lavfi",
                             "-i",
                             "sine=440",
                             "-t",
                             "4",
                             "-pix_fmt",
                             "yuv420p",
                             "-c:v",
                             "libx264",
                             "-g",
                             "10",
                             "-c:a",
                             "aac",
                             (char *)(uintptr_t)path,
                             NULL};
    pid_t child;
    int status = 1;
    return posix_spawnp(&child, command[0], NULL, NULL, command, environ) == 0 &&
           waitpid(child, &status, 0) == child && status == 0;
}

static int set_up(void **state)
{
    struct rig *rig = calloc(1, sizeof(*rig));
    if (!rig || folder_make(rig->dir, "remux") != 0)
        return -1;
    snprintf(rig->whole, sizeof(rig->whole), "%s/whole.mkv", rig->dir);
    snprintf(rig->other, sizeof(rig->other), "%s/other.mkv", rig->dir);
    FILE *file = record(rig->whole) ? fopen(rig->whole, "rb") : NULL;
    if (file) {
        rig->num_bytes = fread(rig->bytes, 1, sizeof(rig->bytes), file);
        (void)fclose(file);
    }
    *state = rig;
    return 0;
}

static int tear_down(void **state)
{
    struct rig *rig = *state;
    const int status = folder_remove(rig->dir);
    free(rig);
    return status;
}

static void put(const char *path, const uint8_t *bytes, size_t num)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, num, file), num);
    assert_int_equal(fclose(file), 0);
}

struct way {
    const char *path, *to; /* to NULL: a file */
    uint64_t max_bytes;    /* 0: plenty */
    bool is_over, is_late;
};

static enum tyto_err remux(const struct way *way, struct tyto_remux_info *ret_info)
{
    char to[] = "/tmp/tyto-remuxed-XXXXXX";
    struct tyto_fault fault = {.text = ""};
    const int fd = way->to ? open(way->to, O_RDWR | O_CLOEXEC) : mkstemp(to);
    atomic_bool is_over = way->is_over;
    const struct tyto_remux_params params = {.path = way->path,
                                             .fd = fd,
                                             .max_bytes = way->max_bytes ? way->max_bytes : 1 << 26,
                                             .max_ms = way->is_late ? 0 : 20000,
                                             .is_over = &is_over};
    assert_true(fd >= 0);
    const enum tyto_err err = tyto_remux(&params, ret_info, &fault);
    struct stat info = {0};
    assert_int_equal(fstat(fd, &info), 0);
    if (!err && S_ISREG(info.st_mode))
        assert_int_equal(info.st_size, ret_info->num_bytes);
    assert_true(!err || err == TYTO_ERR_NOMEM || fault.text[0]);
    (void)close(fd);
    if (!way->to)
        (void)unlink(to);
    return err;
}

static void what_is_no_recording_is_refused(void **state)
{
    struct rig *rig = *state;
    struct tyto_remux_info info;
    assert_int_equal(remux(&(struct way){.path = "/nonexistent/a.mkv"}, &info), TYTO_ERR_NOT_FOUND);
    assert_int_equal(remux(&(struct way){.path = rig->dir}, &info), TYTO_ERR_FORMAT);
    assert_int_equal(remux(&(struct way){.path = "/dev/zero"}, &info), TYTO_ERR_FORMAT);
    static const char text[] = "#EXTM3U\nfile:///etc/passwd\n";
    put(rig->other, (const uint8_t *)text, sizeof(text));
    assert_int_equal(remux(&(struct way){.path = rig->other}, &info), TYTO_ERR_FORMAT);
    put(rig->other, rig->bytes, 0);
    assert_int_equal(remux(&(struct way){.path = rig->other}, &info), TYTO_ERR_FORMAT);
}

static void it_ends_when_it_is_to(void **state)
{
    struct rig *rig = *state;
    struct tyto_remux_info info;
    if (rig->num_bytes == 0)
        skip();
    assert_int_equal(remux(&(struct way){.path = rig->whole, .is_over = true}, &info),
                     TYTO_ERR_CLOSED);
    assert_int_equal(remux(&(struct way){.path = rig->whole, .is_late = true}, &info),
                     TYTO_ERR_TIMEOUT);
    assert_int_equal(
        remux(&(struct way){.path = rig->whole, .max_bytes = rig->num_bytes - 1}, &info),
        TYTO_ERR_FULL);
    assert_int_equal(remux(&(struct way){.path = rig->whole, .to = "/dev/full"}, &info),
                     TYTO_ERR_IO);
}

static void a_recording_is_whole_afterwards(void **state)
{
    struct rig *rig = *state;
    struct tyto_remux_info info;
    if (rig->num_bytes == 0)
        skip();
    assert_int_equal(remux(&(struct way){.path = rig->whole}, &info), TYTO_OK);
    assert_true(info.video.plays && info.audio.plays);
    assert_string_equal(info.video.codec, "H.264");
    assert_string_equal(info.audio.codec, "AAC");
    assert_in_range(info.duration_ms, 3900, 4200);
    assert_in_range(info.num_bytes, rig->num_bytes / 2, rig->num_bytes * 2);
}

/* Whatever comes of them: nothing is read or written beyond what is there. */
static void damaged_ones_do_no_harm(void **state)
{
    struct rig *rig = *state;
    struct tyto_remux_info info;
    if (rig->num_bytes == 0)
        skip();
    uint8_t *bytes = malloc(rig->num_bytes);
    uint32_t random = 12345;
    assert_non_null(bytes);
    for (int turn = 0; turn < NUM_DAMAGED; turn++) {
        memcpy(bytes, rig->bytes, rig->num_bytes);
        for (int i = 0; i < 1 + turn % 16; i++) {
            random = random * 1664525u + 1013904223u;
            /* Half of them where the container says what is in it. */
            const size_t within = turn % 2 ? rig->num_bytes : 1024;
            bytes[(random >> 8) % within] ^= (uint8_t)(1u << (random & 7));
        }
        const size_t num =
            turn % 3 == 0 ? rig->num_bytes * (size_t)turn / NUM_DAMAGED : rig->num_bytes;
        put(rig->other, bytes, num);
        (void)!remux(&(struct way){.path = rig->other}, &info);
    }
    free(bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_no_recording_is_refused),
        cmocka_unit_test(it_ends_when_it_is_to),
        cmocka_unit_test(a_recording_is_whole_afterwards),
        cmocka_unit_test(damaged_ones_do_no_harm),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
