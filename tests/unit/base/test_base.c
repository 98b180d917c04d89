/* SPDX-License-Identifier: MIT */
/* base/: error texts, faults, folders and the ring between threads. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
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

#include "base/clock.h"
#include "base/err.h"
#include "base/fault.h"
#include "base/folder.h"
#include "base/local_socket.h"
#include "base/ring.h"
#include "base/standard_fds.h"
#include "base/thread.h"

static void an_unknown_code_still_has_a_text(void **state)
{
    (void)state;
    assert_string_equal(tyto_err_text((enum tyto_err)12345), "unknown error");
    assert_string_equal(tyto_err_text(TYTO_ERR_FULL), "full");
}

static void a_fault_says_file_line_and_key(void **state)
{
    (void)state;
    struct tyto_fault fault;
    char text[512];
    const enum tyto_err err =
        tyto_fault_set(&fault, TYTO_ERR_INVALID, "t.yaml", 7, "hop", "%d is too small", 0);
    assert_int_equal(err, TYTO_ERR_INVALID);
    tyto_fault_print(&fault, text, sizeof(text));
    assert_string_equal(text, "t.yaml:7: hop: 0 is too small");
    (void)tyto_fault_set(&fault, TYTO_ERR_INVALID, "rtsp://me:pass@host/x?y=z", 0, NULL, "is live");
    tyto_fault_print(&fault, text, sizeof(text));
    assert_string_equal(text, "rtsp://***@host/x?***: is live");
}

static void a_fault_without_a_place_is_just_its_text(void **state)
{
    (void)state;
    struct tyto_fault fault;
    char text[512];
    tyto_fault_set(&fault, TYTO_ERR_IO, NULL, 0, NULL, "no room");
    tyto_fault_print(&fault, text, sizeof(text));
    assert_string_equal(text, "no room");
}

static void over_long_fault_parts_are_cut_not_overrun(void **state)
{
    (void)state;
    struct tyto_fault fault;
    char long_text[2000];
    memset(long_text, 'x', sizeof(long_text) - 1);
    long_text[sizeof(long_text) - 1] = 0;
    tyto_fault_set(&fault, TYTO_ERR_IO, long_text, 1, long_text, "%s", long_text);
    assert_int_equal(strlen(fault.text), sizeof(fault.text) - 1);
    assert_int_equal(strlen(fault.file), sizeof(fault.file) - 1);
}

static void a_full_ring_refuses_or_gives_its_oldest_back(void **state)
{
    (void)state;
    struct tyto_ring *ring;
    int items[3];
    void *item = NULL;
    assert_int_equal(tyto_ring_create(2, &ring), TYTO_OK);
    assert_int_equal(tyto_ring_push(ring, &items[0]), TYTO_OK);
    assert_int_equal(tyto_ring_push(ring, &items[1]), TYTO_OK);
    assert_int_equal(tyto_ring_push(ring, &items[2]), TYTO_ERR_FULL);
    assert_int_equal(tyto_ring_push_drop_oldest(ring, &items[2], &item), TYTO_OK);
    assert_ptr_equal(item, &items[0]);
    assert_int_equal(tyto_ring_num_dropped(ring), 1);
    assert_int_equal(tyto_ring_pop(ring, &item), TYTO_OK);
    assert_ptr_equal(item, &items[1]);
    assert_int_equal(tyto_ring_pop(ring, &item), TYTO_OK);
    assert_int_equal(tyto_ring_pop(ring, &item), TYTO_ERR_EMPTY);
    tyto_ring_destroy(&ring);
    assert_null(ring);
}

static void a_closed_ring_drains_and_then_says_so(void **state)
{
    (void)state;
    struct tyto_ring *ring;
    int item = 0;
    void *popped;
    assert_int_equal(tyto_ring_create(4, &ring), TYTO_OK);
    assert_int_equal(tyto_ring_wait(ring, 0), TYTO_ERR_TIMEOUT);
    assert_int_equal(tyto_ring_push(ring, &item), TYTO_OK);
    tyto_ring_close(ring);
    assert_int_equal(tyto_ring_push(ring, &item), TYTO_ERR_CLOSED);
    assert_int_equal(tyto_ring_pop(ring, &popped), TYTO_OK);
    assert_int_equal(tyto_ring_pop(ring, &popped), TYTO_ERR_CLOSED);
    assert_int_equal(tyto_ring_wait(ring, 0), TYTO_OK);
    tyto_ring_destroy(&ring);
}

enum { NUM_PUSHED = 20000 };

static void *push_numbers(void *user)
{
    struct tyto_ring *ring = user;
    for (uintptr_t i = 1; i <= NUM_PUSHED; i++)
        while (tyto_ring_push(ring, (void *)i) == TYTO_ERR_FULL)
            ;
    return NULL;
}

static void two_pushers_lose_nothing(void **state)
{
    (void)state;
    struct tyto_ring *ring;
    pthread_t threads[2];
    uint64_t sum = 0, num_popped = 0;
    assert_int_equal(tyto_ring_create(64, &ring), TYTO_OK);
    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, push_numbers, ring), 0);
    while (num_popped < 2 * NUM_PUSHED) {
        void *item;
        assert_int_equal(tyto_ring_wait(ring, 5000), TYTO_OK);
        while (tyto_ring_pop(ring, &item) == TYTO_OK) {
            sum += (uintptr_t)item;
            num_popped++;
        }
    }
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(sum, (uint64_t)NUM_PUSHED * (NUM_PUSHED + 1));
    tyto_ring_destroy(&ring);
}

static void the_monotonic_clock_does_not_go_back(void **state)
{
    (void)state;
    const uint64_t first_ns = tyto_clock_mono_ns();
    assert_true(tyto_clock_mono_ns() >= first_ns);
    assert_true(tyto_clock_unix_ns() > 1600000000ull * TYTO_NS_PER_S);
}

static void a_folder_is_made_with_those_above_it(void **state)
{
    (void)state;
    char dir[] = "/tmp/tyto-base-XXXXXX", path[64], file[80];
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof(path), "%s/a/b/c", dir);
    snprintf(file, sizeof(file), "%s/a/x/file", dir);
    assert_int_equal(tyto_folder_make(path, 0777), TYTO_OK);
    assert_int_equal(access(path, W_OK), 0);
    assert_int_equal(tyto_folder_make(path, 0777), TYTO_OK);
    assert_int_equal(tyto_folder_make_for(file), TYTO_OK);
    fclose(fopen(file, "w"));
    assert_int_equal(tyto_folder_make(file, 0777), TYTO_ERR_IO);
    assert_int_equal(errno, ENOTDIR);
    assert_int_equal(tyto_folder_make("", 0777), TYTO_ERR_INVALID);
    assert_int_equal(tyto_folder_make_for("bare"), TYTO_OK);
    assert_int_equal(tyto_folder_make_for("/bare"), TYTO_OK);
    unlink(file);
    for (const char *const *at = (const char *const[]){"/a/x", "/a/b/c", "/a/b", "/a", "", NULL};
         *at; at++) {
        snprintf(path, sizeof(path), "%s%s", dir, *at);
        assert_int_equal(rmdir(path), 0);
    }
}

static void a_socket_is_taken_over_from_the_dead_alone_and_a_full_backlog_is_alive(void **state)
{
    (void)state;
    char dir[] = "/tmp/tyto-local-XXXXXX", path[64];
    struct tyto_fault fault;
    struct stat stat_buf;
    int fds[64], num = 0, fd = -1, second = -1;
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof(path), "%s/in/here.sock", dir);
    const mode_t mask = umask(0);
    assert_int_equal(tyto_local_connect(path, 0, &second, &fault), TYTO_ERR_NOT_FOUND);
    assert_int_equal(tyto_local_listen(path, 0, 0, &fd, &fault), TYTO_OK);
    umask(mask);
    assert_int_equal(stat(path, &stat_buf), 0);
    assert_int_equal(stat_buf.st_mode & 0777, 0660);
    /* Nobody accepts: from here on a connect() that waits would wait for ever. */
    enum tyto_err err = TYTO_OK;
    while (num < 64 && !err) {
        err = tyto_local_connect(path, 50 * TYTO_NS_PER_MS, &fds[num], &fault);
        num += !err;
    }
    assert_int_equal(err, TYTO_ERR_TIMEOUT);
    assert_non_null(strstr(fault.text, "accepts nothing"));
    const uint64_t begin_ns = tyto_clock_mono_ns();
    assert_int_equal(tyto_local_listen(path, 1, 100 * TYTO_NS_PER_MS, &second, &fault),
                     TYTO_ERR_EXISTS);
    assert_non_null(strstr(fault.text, "another process listens there"));
    assert_true(tyto_clock_mono_ns() - begin_ns < 2 * TYTO_NS_PER_S);
    while (num > 0)
        close(fds[--num]);
    close(fd); /* dead: the file stays */
    assert_int_equal(tyto_local_listen(path, 1, 0, &fd, &fault), TYTO_OK);
    assert_int_equal(tyto_local_connect(path, 0, &second, &fault), TYTO_OK);
    close(second);
    close(fd);
    unlink(path);
    *strrchr(path, '/') = '\0';
    assert_int_equal(rmdir(path) + rmdir(dir), 0);
    assert_int_equal(tyto_local_listen("here.sock", 1, 0, &fd, &fault), TYTO_ERR_INVALID);
}

/* Somebody takes our socket away and puts his own thing there: it is not ours to delete. */
static void a_socket_file_is_taken_away_by_whose_it_is(void **state)
{
    (void)state;
    char dir[] = "/tmp/tyto-local-XXXXXX", path[64];
    struct tyto_fault fault;
    int fd = -1, second = -1, told[2];
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof(path), "%s/here.sock", dir);
    assert_int_equal(tyto_local_listen(path, 1, 0, &fd, &fault), TYTO_OK);
    tyto_local_unlink(path);
    assert_int_equal(access(path, F_OK), -1);
    close(fd);
    assert_int_equal(tyto_local_listen(path, 1, 0, &fd, &fault), TYTO_OK);
    close(fd); /* nobody's */
    tyto_local_unlink(path);
    assert_int_equal(access(path, F_OK), -1);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fclose(file);
    tyto_local_unlink(path);
    assert_int_equal(access(path, F_OK), 0);
    unlink(path);
    assert_int_equal(pipe(told), 0);
    const pid_t child = fork();
    if (child == 0) { /* another process listens there until it is killed */
        const bool listens = tyto_local_listen(path, 1, 0, &second, &fault) == TYTO_OK;
        (void)!write(told[1], &listens, 1);
        pause();
        _exit(0);
    }
    bool listens = false;
    assert_true(child > 0 && read(told[0], &listens, 1) == 1 && listens);
    tyto_local_unlink(path);
    assert_int_equal(access(path, F_OK), 0);
    kill(child, SIGKILL);
    assert_int_equal(waitpid(child, NULL, 0), child);
    tyto_local_unlink(path);
    assert_int_equal(access(path, F_OK), -1);
    close(told[0]);
    close(told[1]);
    assert_int_equal(rmdir(dir), 0);
}

struct starter {
    const char *path;
    int fd;
};

static void *start_listening(void *user)
{
    struct starter *starter = user;
    struct tyto_fault fault;
    starter->fd = -1;
    (void)!tyto_local_listen(starter->path, 8, 50 * TYTO_NS_PER_MS, &starter->fd, &fault);
    return NULL;
}

static void of_many_that_start_together_one_alone_gets_the_socket(void **state)
{
    (void)state;
    enum { NUM = 8 };
    char dir[] = "/tmp/tyto-local-XXXXXX", path[64];
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof(path), "%s/s", dir);
    for (int round = 0; round < 10; round++) {
        struct starter starters[NUM];
        pthread_t threads[NUM];
        int num_won = 0;
        for (int i = 0; i < NUM; i++) {
            starters[i].path = path;
            assert_int_equal(pthread_create(&threads[i], NULL, start_listening, &starters[i]), 0);
        }
        for (int i = 0; i < NUM; i++) {
            pthread_join(threads[i], NULL);
            num_won += starters[i].fd >= 0;
        }
        assert_int_equal(num_won, 1);
        for (int i = 0; i < NUM; i++) {
            if (starters[i].fd >= 0)
                close(starters[i].fd);
        }
    }
    unlink(path);
    assert_int_equal(rmdir(dir), 0);
}

static void *wait_a_second(void *user)
{
    (void)user;
    usleep(1000000);
    return NULL;
}

static void a_thread_is_not_waited_for_longer_than_said(void **state)
{
    (void)state;
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, wait_a_second, NULL), 0);
    const uint64_t begin_ns = tyto_clock_mono_ns();
    assert_false(tyto_thread_join(thread, 20 * TYTO_NS_PER_MS));
    assert_true(tyto_clock_mono_ns() - begin_ns >= 20 * TYTO_NS_PER_MS);
    assert_true(tyto_thread_join(thread, 60 * TYTO_NS_PER_S));
}

/* Started without them, as some service managers and cron jobs do. */
static void standard_descriptors_that_are_closed_take_no_file_s_place(void **state)
{
    (void)state;
    for (int closed = 0; closed < 8; closed++) {
        const pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            for (int fd = 0; fd < 3; fd++) {
                if (closed >> fd & 1)
                    close(fd);
            }
            tyto_standard_fds_open();
            const int next = open("/dev/null", O_RDONLY | O_CLOEXEC);
            const bool is_standing = fcntl(0, F_GETFD) >= 0 && fcntl(1, F_GETFD) >= 0 &&
                                     fcntl(2, F_GETFD) >= 0 && next > STDERR_FILENO;
            _exit(is_standing ? 0 : 1);
        }
        int status = -1;
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_int_equal(status, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_unknown_code_still_has_a_text),
        cmocka_unit_test(a_fault_says_file_line_and_key),
        cmocka_unit_test(a_fault_without_a_place_is_just_its_text),
        cmocka_unit_test(over_long_fault_parts_are_cut_not_overrun),
        cmocka_unit_test(a_full_ring_refuses_or_gives_its_oldest_back),
        cmocka_unit_test(a_closed_ring_drains_and_then_says_so),
        cmocka_unit_test(two_pushers_lose_nothing),
        cmocka_unit_test(the_monotonic_clock_does_not_go_back),
        cmocka_unit_test(a_folder_is_made_with_those_above_it),
        cmocka_unit_test(a_socket_is_taken_over_from_the_dead_alone_and_a_full_backlog_is_alive),
        cmocka_unit_test(a_socket_file_is_taken_away_by_whose_it_is),
        cmocka_unit_test(of_many_that_start_together_one_alone_gets_the_socket),
        cmocka_unit_test(a_thread_is_not_waited_for_longer_than_said),
        cmocka_unit_test(standard_descriptors_that_are_closed_take_no_file_s_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
