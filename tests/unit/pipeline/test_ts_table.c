/* SPDX-License-Identifier: MIT */
/* Tables of MPEG-TS that name a stream later, and what is put in their place. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "pipeline/container/ts_table.h"

enum { TABLE_PID = 0x1000, MAX_PACKETS = 64 };

struct file {
    uint32_t stride_bytes, lead_bytes;
    size_t num_bytes;
    uint8_t bytes[MAX_PACKETS * 192];
};

static uint8_t *add_packet(struct file *file, uint16_t pid, bool begins)
{
    uint8_t *at = file->bytes + file->num_bytes;
    memset(at, 0xFF, file->stride_bytes);
    at += file->lead_bytes;
    at[0] = 0x47;
    at[1] = (uint8_t)((begins ? 0x40 : 0) | pid >> 8);
    at[2] = (uint8_t)pid;
    at[3] = (uint8_t)(0x10 | (file->num_bytes / file->stride_bytes % 16));
    at[4] = 0; /* the section begins at once */
    file->num_bytes += file->stride_bytes;
    return at + 5;
}

static void add_programmes(struct file *file, uint16_t first_pid, uint16_t second_pid)
{
    uint8_t *at = add_packet(file, 0, true);
    const uint8_t num = second_pid ? 2 : 1;
    const uint8_t head[] = {0, 0xB0, (uint8_t)(5 + 4 * num + 4), 0, 1, 0xC1, 0, 0};
    memcpy(at, head, sizeof(head));
    const uint8_t programmes[] = {0, 1, (uint8_t)(0xE0 | first_pid >> 8),  (uint8_t)first_pid,
                                  0, 2, (uint8_t)(0xE0 | second_pid >> 8), (uint8_t)second_pid};
    memcpy(at + sizeof(head), programmes, 4u * num);
}

/* Streams of these types at pids 256, 257, ... */
static uint8_t *add_table(struct file *file, const char *types)
{
    uint8_t *packet = add_packet(file, TABLE_PID, true), *at = packet;
    const size_t num = strlen(types);
    const uint8_t head[] = {2,    0xB0, (uint8_t)(9 + 5 * num + 4), 0, 1, 0xC1, 0, 0, 0xE1, 0,
                            0xF0, 0};
    memcpy(at, head, sizeof(head));
    at += sizeof(head);
    for (size_t i = 0; i < num; i++, at += 5) {
        const uint8_t stream[] = {(uint8_t)types[i], 0xE1, (uint8_t)i, 0xF0, 0};
        memcpy(at, stream, sizeof(stream));
    }
    memset(at, 0xCC, 4); /* its checksum */
    return packet;
}

static struct file *begin_file(bool is_m2ts)
{
    struct file *file = calloc(1, sizeof(*file));
    assert_non_null(file);
    file->stride_bytes = is_m2ts ? 192 : 188;
    file->lead_bytes = is_m2ts ? 4 : 0;
    return file;
}

static void tables_are_exchanged_for_the_one_that_names_all(void **state)
{
    (void)state;
    for (int is_m2ts = 0; is_m2ts < 2; is_m2ts++) {
        struct file *file = begin_file(is_m2ts != 0);
        struct tyto_ts_table table;
        add_programmes(file, TABLE_PID, 0);
        uint8_t *first = add_table(file, "\x1b");
        for (int i = 0; i < 8; i++)
            (void)add_packet(file, 256, i == 0);
        const uint8_t *later = add_table(file, "\x1b\x0f");
        uint8_t *last = add_table(file, "\x1b");
        assert_true(tyto_ts_table_find_in(file->bytes, file->num_bytes, &table));
        assert_int_equal(table.all.num, 2);
        struct file *same = malloc(sizeof(*same));
        assert_non_null(same);
        *same = *file;
        /* In pieces that begin anywhere: all that lie whole in one. */
        tyto_ts_table_exchange(&table, 100, file->bytes + 100, file->num_bytes - 100);
        assert_memory_equal(first, later, TYTO_TS_PACKET_BYTES - 5);
        assert_memory_equal(last, later, TYTO_TS_PACKET_BYTES - 5);
        assert_int_equal(first[-2], same->bytes[first - 2 - file->bytes]); /* its own counter */
        tyto_ts_table_exchange(&table, 0, same->bytes, same->num_bytes);
        assert_memory_equal(same->bytes, file->bytes, file->num_bytes);
        free(same);
        free(file);
    }
}

static void what_needs_nothing_or_cannot_be_helped_is_left(void **state)
{
    (void)state;
    struct tyto_ts_table table;
    static const struct {
        const char *tables[3];
        uint16_t second_pid;
    } cases[] = {
        {{"\x1b\x0f", "\x1b\x0f", "\x1b"}, 0},      /* the first names all */
        {{"\x1b", "\x0f", "\x1b\x0f"}, 0},          /* one names another at the same pid */
        {{"\x1b", "\x1b\x0f", "\x1b\x0f"}, 0x1001}, /* two programmes */
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct file *file = begin_file(false);
        add_programmes(file, TABLE_PID, cases[i].second_pid);
        for (int k = 0; k < 3; k++)
            (void)add_table(file, cases[i].tables[k]);
        assert_false(tyto_ts_table_find_in(file->bytes, file->num_bytes, &table));
        free(file);
    }
    assert_false(tyto_ts_table_find_in((const uint8_t *)"no", 2, &table));
    assert_false(tyto_ts_table_find("/nonexistent", &table));
}

static void any_bytes_are_survived(void **state)
{
    (void)state;
    struct file *file = begin_file(false);
    struct tyto_ts_table table;
    add_programmes(file, TABLE_PID, 0);
    (void)add_table(file, "\x1b");
    (void)add_table(file, "\x1b\x0f");
    for (int i = 0; i < 8; i++)
        (void)add_packet(file, 256, false);
    srand(1);
    for (int round = 0; round < 20000; round++) {
        struct file *changed = malloc(sizeof(*changed));
        assert_non_null(changed);
        *changed = *file;
        for (int i = 0; i < 4; i++)
            changed->bytes[(size_t)rand() % (3 * 188)] = (uint8_t)rand();
        for (int i = 0; i < 4; i++)
            changed->bytes[i * 188] = 0x47;
        if (tyto_ts_table_find_in(changed->bytes, changed->num_bytes, &table))
            tyto_ts_table_exchange(&table, 0, changed->bytes, changed->num_bytes);
        free(changed);
    }
    free(file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tables_are_exchanged_for_the_one_that_names_all),
        cmocka_unit_test(what_needs_nothing_or_cannot_be_helped_is_left),
        cmocka_unit_test(any_bytes_are_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
