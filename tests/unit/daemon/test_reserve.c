/* SPDX-License-Identifier: MIT */
/* The file of messages for which the journal had no space. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "daemon/journal/reserve.h"

static char folder[] = "/tmp/tyto-reserve-XXXXXX";
static char path[96], file[112];
static const uint8_t log_id[TYTO_UUID_BYTES] = {7}, other_id[TYTO_UUID_BYTES] = {8};

static int writes_to_go; /* the one that makes it 0 fails; 0: none does */

/* In a program that has one it takes the place of libc's. */
ssize_t pwrite(int fd, const void *bytes, size_t num, off_t offset)
{
    if (writes_to_go > 0 && --writes_to_go == 0) {
        errno = EIO;
        return -1;
    }
    return syscall(SYS_pwrite64, fd, bytes, num, offset);
}

static void open_it(struct tyto_reserve *self, const uint8_t id[TYTO_UUID_BYTES],
                    uint64_t committed_seq)
{
    assert_int_equal(tyto_reserve_open(self, path, id, committed_seq), TYTO_OK);
}

static enum tyto_err put(struct tyto_reserve *self, uint64_t seq, size_t num_bytes)
{
    uint8_t bytes[TYTO_ENVELOPE_MAX_BYTES];
    memset(bytes, (int)(seq & 0xff), sizeof(bytes));
    return tyto_reserve_put(self, seq, bytes, num_bytes);
}

struct found {
    uint32_t num;
    uint64_t first_seq, last_seq;
};

static enum tyto_err take(void *user, uint64_t seq, const uint8_t *bytes, size_t num_bytes)
{
    struct found *found = user;
    for (size_t i = 0; i < num_bytes; i++)
        assert_int_equal(bytes[i], seq & 0xff);
    if (found->num++ == 0)
        found->first_seq = seq;
    assert_true(seq > found->last_seq);
    found->last_seq = seq;
    return TYTO_OK;
}

static struct found all_of(struct tyto_reserve *self)
{
    struct found found = {0, 0, 0};
    assert_int_equal(tyto_reserve_each(self, take, &found), TYTO_OK);
    return found;
}

static int set_up(void **state)
{
    (void)state;
    (void)unlink(file);
    return 0;
}

static void what_is_set_aside_outlives_who_did_it(void **state)
{
    (void)state;
    struct tyto_reserve self;
    struct stat before, after;
    open_it(&self, log_id, 0);
    assert_int_equal(fstat(self.fd, &before), 0);
    for (uint64_t seq = 11; seq <= 310; seq++)
        assert_int_equal(put(&self, seq, 1 + seq * 7 % 900), TYTO_OK);
    assert_int_equal(fstat(self.fd, &after), 0);
    assert_int_equal(before.st_blocks, after.st_blocks); /* it took no space */
    tyto_reserve_close(&self);
    open_it(&self, log_id, 10);
    struct found found = all_of(&self);
    assert_int_equal(found.num, 300);
    assert_int_equal(found.first_seq, 11);
    assert_int_equal(self.last_seq, 310);
    assert_int_equal(put(&self, 311, 20), TYTO_OK); /* and goes on */
    tyto_reserve_close(&self);
    open_it(&self, log_id, 100);
    assert_int_equal(all_of(&self).num, 301);
    tyto_reserve_close(&self);
}

static void what_is_committed_or_of_another_log_is_forgotten(void **state)
{
    (void)state;
    struct tyto_reserve self;
    open_it(&self, log_id, 0);
    for (uint64_t seq = 1; seq <= 20; seq++)
        assert_int_equal(put(&self, seq, 100), TYTO_OK);
    tyto_reserve_close(&self);
    open_it(&self, other_id, 0);
    assert_int_equal(all_of(&self).num, 0);
    tyto_reserve_close(&self);
    open_it(&self, log_id, 20);
    assert_int_equal(all_of(&self).num, 0);
    /* Of those of before nothing comes back, as long as they stand behind the new ones. */
    assert_int_equal(put(&self, 21, 100), TYTO_OK);
    tyto_reserve_close(&self);
    open_it(&self, log_id, 20);
    const struct found found = all_of(&self);
    assert_int_equal(found.num, 1);
    assert_int_equal(found.first_seq, 21);
    tyto_reserve_empty(&self);
    assert_int_equal(all_of(&self).num, 0);
    tyto_reserve_close(&self);
}

static void one_that_was_cut_ends_it(void **state)
{
    (void)state;
    struct tyto_reserve self;
    open_it(&self, log_id, 0);
    for (uint64_t seq = 1; seq <= 3; seq++)
        assert_int_equal(put(&self, seq, 50), TYTO_OK);
    const size_t end = self.end;
    assert_int_equal(pwrite(self.fd, "x", 1, (off_t)end - 1), 1);
    tyto_reserve_close(&self);
    open_it(&self, log_id, 0);
    assert_int_equal(all_of(&self).num, 2);
    tyto_reserve_close(&self);
}

static void it_has_an_end(void **state)
{
    (void)state;
    struct tyto_reserve self;
    uint64_t seq = 1;
    open_it(&self, log_id, 0);
    while (put(&self, seq, TYTO_ENVELOPE_MAX_BYTES) == TYTO_OK)
        seq++;
    assert_true(seq > 1000);
    assert_int_equal(put(&self, seq, TYTO_ENVELOPE_MAX_BYTES), TYTO_ERR_FULL);
    assert_int_equal(put(&self, seq, TYTO_ENVELOPE_MAX_BYTES + 1), TYTO_ERR_IO);
    tyto_reserve_close(&self);
    open_it(&self, log_id, 0);
    assert_int_equal(all_of(&self).num, seq - 1);
    tyto_reserve_close(&self);
}

static void a_file_of_something_else_is_made_anew(void **state)
{
    (void)state;
    struct tyto_reserve self;
    FILE *other = fopen(file, "we");
    assert_non_null(other);
    fputs("tytores", other);
    assert_int_equal(fclose(other), 0);
    open_it(&self, log_id, 0);
    assert_int_equal(all_of(&self).num, 0);
    assert_int_equal(put(&self, 5, 50), TYTO_OK);
    tyto_reserve_close(&self);
    assert_int_equal(tyto_reserve_open(&self, "/nowhere/at/all", log_id, 0), TYTO_ERR_IO);
    assert_int_equal(put(&self, 6, 50), TYTO_ERR_IO);
}

static void a_write_that_fails_once_is_made_again(void **state)
{
    (void)state;
    struct tyto_reserve self;
    writes_to_go = 7;
    open_it(&self, log_id, 0);
    for (uint64_t seq = 1; seq <= 9; seq++) {
        writes_to_go = 1;
        assert_int_equal(put(&self, seq, 100), TYTO_OK);
        assert_int_equal(writes_to_go, 0);
    }
    tyto_reserve_close(&self);
    open_it(&self, log_id, 0);
    assert_int_equal(all_of(&self).num, 9);
    tyto_reserve_close(&self);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(what_is_set_aside_outlives_who_did_it, set_up),
        cmocka_unit_test_setup(what_is_committed_or_of_another_log_is_forgotten, set_up),
        cmocka_unit_test_setup(one_that_was_cut_ends_it, set_up),
        cmocka_unit_test_setup(a_write_that_fails_once_is_made_again, set_up),
        cmocka_unit_test_setup(it_has_an_end, set_up),
        cmocka_unit_test_setup(a_file_of_something_else_is_made_anew, set_up),
    };
    if (!mkdtemp(folder))
        return 1;
    snprintf(path, sizeof(path), "%s/journal", folder);
    snprintf(file, sizeof(file), "%s.reserve", path);
    const int status = cmocka_run_group_tests(tests, NULL, NULL);
    (void)unlink(file);
    (void)rmdir(folder);
    return status;
}
