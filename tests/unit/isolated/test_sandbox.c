/* SPDX-License-Identifier: MIT */
/* What the process of a camera may still do, and what it may not: each in a process that is
 * confined and says by its status what came of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include "daemon/isolated/sandbox.h"
#include "tests/folder.h"

enum { WENT, REFUSED, OTHERWISE };

/* The status of a process that is confined and then does it; a signal's number and 128 where that
 * ended it. */
static int try(int (*act)(const char *folder), const char *folder)
{
    const pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        tyto_sandbox_enter();
        _exit(act(folder));
    }
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

static int answer(bool is_done)
{
    if (is_done)
        return WENT;
    return errno == EPERM || errno == EACCES ? REFUSED : OTHERWISE;
}

static int run_program(const char *folder)
{
    char *const argv[] = {(char *)(uintptr_t) "true", NULL};
    (void)folder;
    return answer(execv("/bin/true", argv) == 0);
}

static int begin_process(const char *folder)
{
    (void)folder;
    const pid_t pid = fork();
    if (pid == 0)
        _exit(0);
    return answer(pid > 0);
}

static int signal_parent(const char *folder)
{
    (void)folder;
    return answer(kill(getppid(), SIGCONT) == 0);
}

static int look_into_parent(const char *folder)
{
    (void)folder;
    return answer(ptrace(PTRACE_ATTACH, getppid(), NULL, NULL) == 0);
}

static int write_file(const char *folder)
{
    char path[FOLDER_MAX + 8];
    snprintf(path, sizeof(path), "%s/new", folder);
    return answer(open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600) >= 0);
}

static int spoil_file(const char *folder)
{
    char path[FOLDER_MAX + 8];
    snprintf(path, sizeof(path), "%s/old", folder);
    return answer(open(path, O_WRONLY | O_CLOEXEC) >= 0 || unlink(path) == 0);
}

static int read_file(const char *folder)
{
    char path[FOLDER_MAX + 8];
    snprintf(path, sizeof(path), "%s/old", folder);
    return answer(open(path, O_RDONLY | O_CLOEXEC) >= 0);
}

static int write_to_device(const char *folder)
{
    (void)folder;
    return answer(open("/dev/null", O_WRONLY | O_CLOEXEC) >= 0);
}

static void *nothing(void *arg)
{
    return arg;
}

static int begin_thread(const char *folder)
{
    pthread_t thread;
    (void)folder;
    errno = pthread_create(&thread, NULL, nothing, NULL);
    return answer(errno == 0 && pthread_join(thread, NULL) == 0);
}

static int end_itself(const char *folder)
{
    (void)folder;
    abort();
}

static void what_a_decoder_has_no_use_for_is_refused(void **state)
{
    const char *folder = *state;
    assert_int_equal(try(run_program, folder), REFUSED);
    assert_int_equal(try(begin_process, folder), REFUSED);
    assert_int_equal(try(signal_parent, folder), REFUSED);
    assert_int_equal(try(look_into_parent, folder), REFUSED);
}

static void files_are_read_and_not_written(void **state)
{
    const char *folder = *state;
    assert_int_equal(try(read_file, folder), WENT);
    assert_int_equal(try(write_to_device, folder), WENT);
    const int status = try(write_file, folder);
    if (status == WENT)
        skip(); /* a kernel without Landlock */
    assert_int_equal(status, REFUSED);
    assert_int_equal(try(spoil_file, folder), REFUSED);
}

static void threads_begin_and_a_crash_is_one(void **state)
{
    assert_int_equal(try(begin_thread, *state), WENT);
    assert_int_equal(try(end_itself, *state), 128 + SIGABRT);
}

static int make_folder(void **state)
{
    static char folder[FOLDER_MAX];
    char path[FOLDER_MAX + 8];
    if (folder_make(folder, "sandbox") != 0)
        return 1;
    snprintf(path, sizeof(path), "%s/old", folder);
    FILE *file = fopen(path, "w");
    if (!file)
        return 1;
    *state = folder;
    return fclose(file);
}

static int remove_folder(void **state)
{
    return folder_remove(*state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_a_decoder_has_no_use_for_is_refused),
        cmocka_unit_test(files_are_read_and_not_written),
        cmocka_unit_test(threads_begin_and_a_crash_is_one),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
