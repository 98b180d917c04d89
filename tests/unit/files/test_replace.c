/* SPDX-License-Identifier: MIT */
/* Files that appear whole: a process that ends between any two steps, and any step that fails,
 * leaves the old file or the new one. Linked with --wrap for what the steps call. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "files/replace.h"
#include "tests/unit/fail_alloc.h"

enum { MAX_STEPS = 40, MAX_PATH = 200, CRASHED = 77 };

static const char old_text[] = "what was there\n", new_text[] = "and what comes instead of it\n";

static char folder[MAX_PATH], path[MAX_PATH + 16];

/* --- the steps ---------------------------------------------------------------------------------
 */

static char
    steps[MAX_STEPS + 1]; /* a letter for each: w(rite), f(lush), s(ync), r(ename), m(ode) */
static int crash_at = -1, fail_at = -1, fail_errno;

int __real_fsync(int fd);
int __real_rename(const char *from, const char *to);
int __real_fchmod(int fd, mode_t mode);
int __real_fflush(FILE *file);
ssize_t __real_write(int fd, const void *bytes, size_t num_bytes);
int __wrap_fsync(int fd);
int __wrap_rename(const char *from, const char *to);
int __wrap_fchmod(int fd, mode_t mode);
int __wrap_fflush(FILE *file);
ssize_t __wrap_write(int fd, const void *bytes, size_t num_bytes);

/* True: this step has to fail. */
static bool step(char name)
{
    const size_t n = strlen(steps);
    if (n < MAX_STEPS)
        steps[n] = name;
    if ((int)n == crash_at)
        _exit(CRASHED);
    if ((int)n == fail_at)
        errno = fail_errno;
    return (int)n == fail_at;
}

int __wrap_fsync(int fd)
{
    struct stat info;
    return step(fstat(fd, &info) == 0 && S_ISDIR(info.st_mode) ? 'S' : 's') ? -1 : __real_fsync(fd);
}

int __wrap_rename(const char *from, const char *to)
{
    return step('r') ? -1 : __real_rename(from, to);
}

int __wrap_fchmod(int fd, mode_t mode)
{
    return step('m') ? -1 : __real_fchmod(fd, mode);
}

int __wrap_fflush(FILE *file)
{
    return step('f') ? EOF : __real_fflush(file);
}

/* In pieces of five bytes, as a pipe or a signal would have it. */
ssize_t __wrap_write(int fd, const void *bytes, size_t num_bytes)
{
    return step('w') ? -1 : __real_write(fd, bytes, num_bytes < 5 ? num_bytes : 5);
}

static void forget_steps(void)
{
    memset(steps, 0, sizeof(steps));
    crash_at = fail_at = -1;
}

/* --- files -------------------------------------------------------------------------------------
 */

static void put(const char *name, const char *text)
{
    FILE *file = fopen(name, "w");
    assert_non_null(file);
    fputs(text, file);
    assert_int_equal(fclose(file), 0);
}

/* The text of a file; static. NULL: there is none. */
static const char *text_of(const char *name)
{
    static char text[1000];
    FILE *file = fopen(name, "r");
    if (!file)
        return NULL;
    text[fread(text, 1, sizeof(text) - 1, file)] = '\0';
    fclose(file);
    return text;
}

static mode_t mode_of(const char *name)
{
    struct stat info;
    assert_int_equal(lstat(name, &info), 0);
    return info.st_mode & 07777;
}

static int num_files(void)
{
    int num = 0;
    DIR *dir = opendir(folder);
    assert_non_null(dir);
    for (const struct dirent *entry; (entry = readdir(dir)) != NULL;)
        num += entry->d_name[0] != '.';
    closedir(dir);
    return num;
}

static int setup(void **state)
{
    (void)state;
    umask(022);
    forget_steps();
    snprintf(folder, sizeof(folder), "/tmp/tyto-replace-XXXXXX");
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof(path), "%s/a.txt", folder);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    DIR *dir = opendir(folder);
    for (const struct dirent *entry; dir && (entry = readdir(dir)) != NULL;) {
        char name[MAX_PATH + 300];
        snprintf(name, sizeof(name), "%s/%s", folder, entry->d_name);
        unlink(name);
    }
    closedir(dir);
    return rmdir(folder);
}

static enum tyto_err replace_by_write(void)
{
    return tyto_replace_all(path, 0666, new_text, strlen(new_text));
}

static enum tyto_err replace_by_file(void)
{
    struct tyto_replace *replace = NULL;
    enum tyto_err err = tyto_replace_begin(path, 0666, &replace);
    if (err)
        return err;
    FILE *file = tyto_replace_file(replace);
    if (!file) {
        tyto_replace_abandon(&replace);
        return TYTO_ERR_NOMEM;
    }
    fputs(new_text, file);
    err = tyto_replace_commit(&replace);
    assert_null(replace);
    return err;
}

/* --- tests -------------------------------------------------------------------------------------
 */

static void the_data_is_synced_before_the_name_and_the_folder_once_after_it(void **state)
{
    (void)state;
    assert_int_equal(replace_by_write(), TYTO_OK);
    assert_string_equal(steps, "wwwwwwsrS");
    assert_string_equal(text_of(path), new_text);
    forget_steps();
    assert_int_equal(replace_by_file(), TYTO_OK);
    assert_string_equal(steps, "mfsrS"); /* mode: of the file that was there */
    assert_string_equal(text_of(path), new_text);
    assert_int_equal(num_files(), 1);
}

/* Ends a process before each step in turn. */
static void crash_everywhere(enum tyto_err (*replace)(void), bool is_there)
{
    bool was_old = false, was_new = false;
    for (int n = 0;; n++) {
        unlink(path);
        if (is_there)
            put(path, old_text);
        const pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            forget_steps();
            crash_at = n;
            _exit(replace() == TYTO_OK ? 0 : 1);
        }
        int status = 0;
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFEXITED(status));
        const char *text = text_of(path);
        const bool is_new = text && strcmp(text, new_text) == 0;
        assert_true(is_new || (is_there ? text && strcmp(text, old_text) == 0 : !text));
        was_old |= !is_new;
        was_new |= is_new;
        if (WEXITSTATUS(status) != CRASHED) {
            assert_int_equal(WEXITSTATUS(status), 0);
            assert_true(is_new && was_old && was_new && n >= 3);
            break;
        }
        assert_int_equal(replace(), TYTO_OK); /* uses up what was left */
        assert_int_equal(num_files(), 1);
    }
}

static void a_crash_leaves_the_old_file_or_the_new_one(void **state)
{
    (void)state;
    crash_everywhere(replace_by_write, true);
    crash_everywhere(replace_by_write, false);
    crash_everywhere(replace_by_file, true);
    crash_everywhere(replace_by_file, false);
}

static void fail_everywhere(enum tyto_err (*replace)(void), int reason)
{
    int n = 0;
    for (bool was_reached = true; was_reached; n++) {
        put(path, old_text);
        forget_steps();
        fail_at = n;
        fail_errno = reason;
        const enum tyto_err err = replace();
        const int error = errno;
        const char last = n < MAX_STEPS ? steps[n] : '\0';
        was_reached = last != '\0';
        assert_int_equal(err, was_reached ? TYTO_ERR_IO : TYTO_OK);
        if (was_reached)
            assert_int_equal(error, reason);
        /* what fails behind the rename cannot take it back */
        assert_string_equal(text_of(path), was_reached && last != 'S' ? old_text : new_text);
        assert_int_equal(num_files(), 1);
    }
    assert_true(n > 4);
}

static void a_step_that_fails_leaves_the_old_file_alone(void **state)
{
    (void)state;
    fail_everywhere(replace_by_write, ENOSPC);
    fail_everywhere(replace_by_write, EIO);
    fail_everywhere(replace_by_file, ENOSPC);
    fail_everywhere(replace_by_file, EIO);
}

/* A limit of the process stands for a full disk: here it is the kernel that refuses. */
static void a_buffer_that_the_disk_does_not_take_is_found(void **state)
{
    (void)state;
    struct rlimit limit;
    put(path, old_text);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    const struct rlimit small = {.rlim_cur = 4096, .rlim_max = limit.rlim_max};
    const struct sigaction ignored = {.sa_handler = SIG_IGN};
    struct sigaction before;
    assert_int_equal(sigaction(SIGXFSZ, &ignored, &before), 0);
    for (int num = 4097; num < 70000; num += 21001) { /* the last of them, or some before */
        struct tyto_replace *replace = NULL;
        assert_int_equal(tyto_replace_begin(path, 0666, &replace), TYTO_OK);
        FILE *file = tyto_replace_file(replace);
        assert_non_null(file);
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
        for (int i = 0; i < num; i++)
            fputc('x', file);
        const enum tyto_err err = tyto_replace_commit(&replace);
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
        assert_int_equal(err, TYTO_ERR_IO);
        assert_null(replace);
        assert_string_equal(text_of(path), old_text);
        assert_int_equal(num_files(), 1);
    }
    assert_int_equal(sigaction(SIGXFSZ, &before, NULL), 0);
}

static void giving_up_leaves_nothing(void **state)
{
    (void)state;
    struct tyto_replace *replace = NULL;
    tyto_replace_abandon(&replace);
    assert_int_equal(tyto_replace_commit(&replace), TYTO_OK);
    assert_int_equal(tyto_replace_begin(path, 0666, &replace), TYTO_OK);
    assert_int_equal(tyto_replace_write(replace, "abc", 3), TYTO_OK);
    assert_int_equal(num_files(), 1); /* beside its place */
    assert_null(text_of(path));
    errno = EDOM;
    tyto_replace_abandon(&replace);
    assert_int_equal(errno, EDOM);
    assert_null(replace);
    assert_int_equal(num_files(), 0);
}

static void a_new_file_has_the_mode_asked_for_less_the_umask(void **state)
{
    (void)state;
    umask(027);
    assert_int_equal(tyto_replace_all(path, 0666, "a", 1), TYTO_OK);
    umask(022);
    assert_int_equal(mode_of(path), 0640);
}

static void a_file_that_was_there_hands_its_mode_on(void **state)
{
    (void)state;
    put(path, old_text);
    assert_int_equal(chmod(path, 0604), 0);
    assert_int_equal(replace_by_write(), TYTO_OK);
    assert_int_equal(mode_of(path), 0604);
}

static void behind_a_link_the_file_that_it_leads_to_is_replaced(void **state)
{
    (void)state;
    char link[MAX_PATH + 16], second[MAX_PATH + 16];
    snprintf(link, sizeof(link), "%s/link", folder);
    snprintf(second, sizeof(second), "%s/second", folder);
    assert_int_equal(symlink("a.txt", link), 0); /* relative to its folder */
    assert_int_equal(symlink(link, second), 0);
    for (int i = 0; i < 2; i++) { /* first it leads nowhere */
        assert_int_equal(tyto_replace_all(second, 0666, new_text, strlen(new_text)), TYTO_OK);
        assert_string_equal(text_of(path), new_text);
        char target[MAX_PATH] = "";
        assert_int_equal(readlink(link, target, sizeof(target) - 1), 5);
        put(path, old_text);
    }
    assert_int_equal(num_files(), 3);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(symlink("second", path), 0); /* in a circle */
    assert_int_equal(tyto_replace_all(second, 0666, "a", 1), TYTO_ERR_IO);
    assert_int_equal(errno, ELOOP);
}

static void what_is_no_file_is_not_replaced(void **state)
{
    (void)state;
    struct stat info;
    assert_int_equal(tyto_replace_all(folder, 0666, "a", 1), TYTO_ERR_IO);
    assert_int_equal(errno, EISDIR);
    assert_int_equal(mkfifo(path, 0666), 0);
    assert_int_equal(tyto_replace_all(path, 0666, "a", 1), TYTO_ERR_IO);
    assert_int_equal(errno, EOPNOTSUPP);
    assert_int_equal(stat(path, &info), 0);
    assert_true(S_ISFIFO(info.st_mode));
    assert_int_equal(num_files(), 1);
    snprintf(path, sizeof(path), "%s/no/a.txt", folder);
    assert_int_equal(tyto_replace_all(path, 0666, "a", 1), TYTO_ERR_IO);
    assert_int_equal(errno, ENOENT);
}

static void two_at_once_do_not_mix(void **state)
{
    (void)state;
    struct tyto_replace *first = NULL, *second = NULL;
    assert_int_equal(tyto_replace_begin(path, 0666, &first), TYTO_OK);
    assert_int_equal(tyto_replace_begin(path, 0666, &second), TYTO_OK);
    assert_string_not_equal(tyto_replace_part(first), tyto_replace_part(second));
    assert_int_equal(tyto_replace_write(second, "second", 6), TYTO_OK);
    assert_int_equal(tyto_replace_write(first, "first", 5), TYTO_OK);
    assert_int_equal(tyto_replace_commit(&first), TYTO_OK);
    assert_string_equal(text_of(path), "first");
    assert_int_equal(tyto_replace_commit(&second), TYTO_OK);
    assert_string_equal(text_of(path), "second");
    assert_int_equal(num_files(), 1);
}

/* Somebody may have put a link where the new file is written. */
static void nothing_is_written_through_a_link_beside_the_file(void **state)
{
    (void)state;
    char part[MAX_PATH + 32], victim[MAX_PATH + 16];
    snprintf(part, sizeof(part), "%s.part", path);
    snprintf(victim, sizeof(victim), "%s/victim", folder);
    put(victim, old_text);
    assert_int_equal(symlink(victim, part), 0);
    assert_int_equal(replace_by_write(), TYTO_OK);
    assert_string_equal(text_of(victim), old_text);
    assert_int_equal(unlink(part), 0);
    assert_int_equal(link(victim, part), 0);
    assert_int_equal(replace_by_write(), TYTO_OK);
    assert_string_equal(text_of(victim), old_text);
    assert_string_equal(text_of(path), new_text);
}

static void what_another_has_written_is_put_in_place(void **state)
{
    (void)state;
    char part[MAX_PATH + 32];
    snprintf(part, sizeof(part), "%s.made", path);
    assert_int_equal(tyto_replace_with(path, part), TYTO_ERR_IO);
    assert_int_equal(errno, ENOENT);
    put(part, new_text);
    put(path, old_text);
    forget_steps();
    fail_at = 0;
    fail_errno = EIO;
    assert_int_equal(tyto_replace_with(path, part), TYTO_ERR_IO);
    assert_int_equal(errno, EIO);
    assert_string_equal(text_of(path), old_text);
    forget_steps();
    assert_int_equal(tyto_replace_with(path, part), TYTO_OK);
    assert_string_equal(steps, "srS");
    assert_string_equal(text_of(path), new_text);
    assert_int_equal(num_files(), 1);
}

static void no_memory_leaves_the_old_file_alone(void **state)
{
    (void)state;
    put(path, old_text);
    num_until_failure = 0;
    assert_int_equal(replace_by_file(), TYTO_ERR_NOMEM);
    assert_string_equal(text_of(path), old_text);
    fail_each(replace_by_file, 2);
    assert_string_equal(text_of(path), new_text);
    assert_int_equal(num_files(), 1);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(the_data_is_synced_before_the_name_and_the_folder_once_after_it),
        TEST(a_crash_leaves_the_old_file_or_the_new_one),
        TEST(a_step_that_fails_leaves_the_old_file_alone),
        TEST(a_buffer_that_the_disk_does_not_take_is_found),
        TEST(giving_up_leaves_nothing),
        TEST(a_new_file_has_the_mode_asked_for_less_the_umask),
        TEST(a_file_that_was_there_hands_its_mode_on),
        TEST(behind_a_link_the_file_that_it_leads_to_is_replaced),
        TEST(what_is_no_file_is_not_replaced),
        TEST(two_at_once_do_not_mix),
        TEST(nothing_is_written_through_a_link_beside_the_file),
        TEST(what_another_has_written_is_put_in_place),
        TEST(no_memory_leaves_the_old_file_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
