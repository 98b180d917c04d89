/* SPDX-License-Identifier: MIT */
/* Files that not everybody may touch: who may do too much is refused, and nothing of what is in a
 * file is told. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "files/guarded.h"
#include "tests/folder.h"

enum { TEXT_BYTES = 32 };

static char folder[FOLDER_MAX], path[64];

static void put(const char *bytes, size_t num_bytes, mode_t mode)
{
    const int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, num_bytes), num_bytes);
    assert_int_equal(fchmod(fd, mode), 0);
    close(fd);
}

static enum tyto_err read_it(enum tyto_guard guard, char *text, struct tyto_fault *ret_fault)
{
    *ret_fault = (struct tyto_fault){.text = ""};
    return tyto_guarded_read(path, guard, "a password", text, TEXT_BYTES, ret_fault);
}

static void each_guard_refuses_just_what_it_says(void **state)
{
    static const struct {
        mode_t mode;
        enum tyto_err errs[4]; /* by guard */
    } cases[] = {
        {0600, {TYTO_OK, TYTO_OK, TYTO_OK, TYTO_OK}},
        {0640, {TYTO_OK, TYTO_OK, TYTO_OK, TYTO_ERR_INVALID}},
        {0644, {TYTO_OK, TYTO_OK, TYTO_ERR_INVALID, TYTO_ERR_INVALID}},
        {0602, {TYTO_OK, TYTO_ERR_INVALID, TYTO_ERR_INVALID, TYTO_ERR_INVALID}},
    };
    char text[TEXT_BYTES];
    struct tyto_fault fault;
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        put("hush-hush\n", 10, cases[i].mode);
        for (int guard = TYTO_GUARD_NONE; guard <= TYTO_GUARD_ALL; guard++) {
            assert_int_equal(read_it((enum tyto_guard)guard, text, &fault), cases[i].errs[guard]);
            assert_null(strstr(fault.text, "hush"));
            if (!cases[i].errs[guard])
                assert_string_equal(text, "hush-hush\n");
        }
    }
}

static void what_is_no_small_text_is_refused(void **state)
{
    char text[TEXT_BYTES];
    const char bytes[TEXT_BYTES] = "thirty-one bytes of it are fine";
    struct tyto_fault fault;
    (void)state;
    put(bytes, TEXT_BYTES - 1, 0600);
    assert_int_equal(read_it(TYTO_GUARD_ALL, text, &fault), TYTO_OK);
    assert_string_equal(text, bytes);
    put(bytes, TEXT_BYTES, 0600);
    assert_int_equal(read_it(TYTO_GUARD_ALL, text, &fault), TYTO_ERR_FORMAT);
    assert_string_equal(fault.text, "is longer than 31 bytes");
    put("a\0b", 3, 0600);
    assert_int_equal(read_it(TYTO_GUARD_ALL, text, &fault), TYTO_ERR_FORMAT);
    assert_string_equal(fault.text, "is no text");
    assert_int_equal(unlink(path), 0);
    assert_int_equal(read_it(TYTO_GUARD_ALL, text, &fault), TYTO_ERR_NOT_FOUND);
    assert_int_equal(mkfifo(path, 0600), 0); /* and is not waited for */
    assert_int_equal(read_it(TYTO_GUARD_ALL, text, &fault), TYTO_ERR_FORMAT);
    assert_string_equal(fault.text, "is no regular file");
    assert_string_equal(fault.file, path);
}

static int make_folder(void **state)
{
    (void)state;
    if (folder_make(folder, "guarded") != 0)
        return -1;
    snprintf(path, sizeof(path), "%s/file", folder);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    return folder_remove(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_guard_refuses_just_what_it_says),
        cmocka_unit_test(what_is_no_small_text_is_refused),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
