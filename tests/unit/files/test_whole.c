/* SPDX-License-Identifier: MIT */
/* Whether recordings are all there: each container made by hand, whole, cut at each of its bytes,
 * and with other bytes in it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "files/whole.h"

enum { MAX_BYTES = 60000 };

static uint8_t bytes[MAX_BYTES];
static size_t num_bytes;
static char path[] = "/tmp/tyto-whole-XXXXXX";

static void put(const void *more, size_t num)
{
    assert_true(num_bytes + num <= sizeof(bytes));
    memcpy(bytes + num_bytes, more, num);
    num_bytes += num;
}

static void put_zeros(size_t num)
{
    assert_true(num_bytes + num <= sizeof(bytes));
    memset(bytes + num_bytes, 0, num);
    num_bytes += num;
}

static void put_u32(uint32_t value, bool is_big_endian)
{
    uint8_t four[4];
    for (uint32_t i = 0; i < 4; i++)
        four[is_big_endian ? 3 - i : i] = (uint8_t)(value >> 8 * i);
    put(four, 4);
}

static void put_box(const char *type, uint32_t num_inside)
{
    put_u32(8 + num_inside, true);
    put(type, 4);
    put_zeros(num_inside);
}

static void put_chunk(const char *type, uint32_t num_inside)
{
    put(type, 4);
    put_u32(num_inside, false);
    put_zeros(num_inside);
}

/* Of the first bytes. */
static struct tyto_whole look(size_t num)
{
    struct tyto_whole whole;
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, num, file), num);
    fclose(file);
    tyto_whole_look(path, &whole);
    return whole;
}

static void assert_whole(size_t num)
{
    const struct tyto_whole whole = look(num);
    assert_false(whole.is_cut || whole.is_damaged || whole.lacks_index);
    assert_int_equal(whole.num_bytes, num);
}

static void assert_cut(size_t num, uint64_t asked_bytes)
{
    const struct tyto_whole whole = look(num);
    if (!whole.is_cut || whole.asked_bytes != asked_bytes)
        fail_msg("%zu bytes: cut %d, asked %llu", num, whole.is_cut,
                 (unsigned long long)whole.asked_bytes);
}

static void an_mp4_needs_its_index_and_all_its_boxes(void **state)
{
    (void)state;
    num_bytes = 0;
    put_box("ftyp", 16);
    put_box("moov", 100);
    put_box("mdat", 500);
    assert_whole(num_bytes);
    assert_true(look(num_bytes).tells_length);
    for (size_t num = 24 + 108 + 8; num < num_bytes; num += 7)
        assert_cut(num, num_bytes);
    assert_true(look(24).lacks_index);
    num_bytes = 0;
    put_box("ftyp", 16);
    put_box("mdat", 500);
    assert_true(look(num_bytes).lacks_index);
    put_box("moov", 100); /* as cameras write it: last */
    assert_whole(num_bytes);
    bytes[24] = bytes[25] = bytes[26] = bytes[27] = 0; /* a box that goes on to the file's end */
    assert_true(look(num_bytes).lacks_index);
    assert_false(look(num_bytes).is_cut);
}

static void a_wav_needs_the_samples_that_it_says_it_has(void **state)
{
    (void)state;
    num_bytes = 0;
    put("RIFF\x24\x4E\0\0WAVE", 12);
    put_chunk("fmt ", 16);
    put_chunk("data", 20000);
    assert_whole(num_bytes);
    assert_cut(10000, num_bytes);
    assert_whole(num_bytes - 44); /* a writer that counts its header, too */
    static const uint32_t unknown[] = {0, UINT32_MAX, 0x7FFFFFFF};
    for (size_t i = 0; i < sizeof(unknown) / sizeof(unknown[0]); i++) {
        memcpy(bytes + 40, &unknown[i], 4); /* as written to a pipe */
        assert_whole(10000);
        assert_false(look(10000).tells_length);
    }
}

static void an_avi_needs_all_its_chunks(void **state)
{
    (void)state;
    num_bytes = 0;
    put("RIFF\0\0\0\0AVI ", 12);
    put_chunk("LIST", 100);
    put_chunk("LIST", 5000);
    put_chunk("idx1", 64);
    const uint32_t size = (uint32_t)num_bytes - 8;
    memcpy(bytes + 4, &size, 4);
    assert_whole(num_bytes);
    assert_cut(3000, num_bytes);
    bytes[12 + 108 + 5008] = 0xEE;
    assert_true(look(num_bytes).is_damaged);
}

static void a_matroska_file_is_as_long_as_its_elements_say(void **state)
{
    static const uint8_t header[] = {0x1A, 0x45, 0xDF, 0xA3, 0x82, 0, 0};
    static const uint8_t known[] = {0x18, 0x53, 0x80, 0x67, 0x01, 0, 0, 0, 0, 0, 0x10, 0};
    static const uint8_t live[] = {0x18, 0x53, 0x80, 0x67, 0x01, 255,  255,  255, 255,
                                   255,  255,  255,  0x1F, 0x43, 0xB6, 0x75, 0xFF};
    static const uint8_t block[] = {0xA3, 0x41, 0x00};
    static const uint8_t space[] = {0xEC, 0x01, 0, 0, 0, 0, 0, 0x07, 0xF7};
    (void)state;
    num_bytes = 0;
    put(header, sizeof(header));
    put(known, sizeof(known));
    const size_t begin = num_bytes;
    for (int i = 0; i < 2; i++) {
        put(space, sizeof(space));
        put_zeros(0x800 - sizeof(space));
    }
    assert_whole(num_bytes);
    assert_cut(2000, num_bytes);
    memset(bytes + begin + 0x700, 0, 0x800); /* written over */
    assert_true(look(num_bytes).is_damaged);
    num_bytes = 0;
    put(header, sizeof(header));
    put(live, sizeof(live));
    for (int i = 0; i < 4; i++) {
        put(block, sizeof(block));
        put_zeros(0x100);
    }
    assert_whole(num_bytes);
    assert_cut(num_bytes - 10, num_bytes);
}

static void an_ogg_file_says_which_page_is_its_last(void **state)
{
    uint8_t page[27 + 255] = "OggS";
    (void)state;
    page[26] = 255;
    memset(page + 27, 100, 255);
    num_bytes = 0;
    put(page, sizeof(page));
    put_zeros(25500);
    assert_cut(num_bytes, 0);
    page[5] = 4;
    put(page, sizeof(page));
    put_zeros(25500);
    assert_whole(num_bytes);
    assert_cut(num_bytes - 1, num_bytes);
}

static void what_is_no_ts_in_a_ts_is_damage(void **state)
{
    (void)state;
    num_bytes = 0;
    for (int i = 0; i < 300; i++) {
        put("\x47", 1);
        put_zeros(187);
    }
    assert_whole(num_bytes);
    assert_whole(num_bytes - 188); /* they end anywhere, but with a whole packet */
    assert_cut(num_bytes - 100, 0);
    assert_cut(num_bytes - 1, 0);
    memset(bytes + num_bytes / 2, 0, num_bytes / 8);
    assert_true(look(num_bytes).is_damaged);
}

/* With a time before each packet, as camcorders write it. */
static void an_m2ts_ends_with_a_whole_packet(void **state)
{
    (void)state;
    num_bytes = 0;
    for (int i = 0; i < 100; i++) {
        put("\0\0\0\1\x47", 5);
        put_zeros(187);
    }
    assert_whole(num_bytes);
    assert_cut(num_bytes - 100, 0);
}

/* Kinds that say of each part how long it is: a head, and size bytes of it behind. */
static void what_says_how_long_each_part_is_ends_with_a_whole_one(void **state)
{
    static const uint8_t flv[] = {'F', 'L', 'V', 1, 5,    0, 0, 0, 9, 0, 0, 0,
                                  0,   9,   0,   3, 0xE8, 0, 0, 0, 0, 0, 0, 0};
    static const uint8_t aiff[] = {'F', 'O', 'R', 'M', 0, 0, 3, 0xE8};
    static const uint8_t caf[] = {'c', 'a', 'f', 'f', 0, 1, 0, 0, 'd', 'a',
                                  't', 'a', 0,   0,   0, 0, 0, 0, 3,   0xE8};
    static const uint8_t au[] = {'.', 's', 'n', 'd', 0, 0, 0, 12, 0, 0, 3, 0xE8};
    static const uint8_t asf[] = {0x30, 0x26, 0xB2, 0x75, 0x8E, 0x66, 0xCF, 0x11,
                                  0xA6, 0xD9, 0,    0xAA, 0,    0x62, 0xCE, 0x6C,
                                  0,    4,    0,    0,    0,    0,    0,    0};
    static const uint8_t adts[] = {0xFF, 0xF1, 0x50, 0x80, 0x7E, 0x1F, 0xFC};
    static const struct {
        const uint8_t *head;
        size_t num_head, num_rest;
    } kinds[] = {
        {flv, sizeof(flv), 1000},
        {aiff, sizeof(aiff), 1000},
        {caf, sizeof(caf), 1000},
        {au, sizeof(au), 1000},
        {asf, sizeof(asf), 1024 - sizeof(asf)},
        {adts, sizeof(adts), 1008 - sizeof(adts)},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        num_bytes = 0;
        put(kinds[i].head, kinds[i].num_head);
        put_zeros(kinds[i].num_rest);
        assert_whole(num_bytes);
        assert_cut(num_bytes - 1, num_bytes);
        assert_cut(num_bytes / 2, num_bytes);
        put("more", 4); /* what stands behind is somebody else's */
        assert_whole(num_bytes);
    }
}

static void what_is_wrong_is_said_with_what_to_do(void **state)
{
    static const struct {
        struct tyto_whole whole;
        const char *text;
    } cases[] = {
        {{.num_bytes = 9}, ""},
        {{.lacks_index = true}, "untrunc"},
        {{.is_cut = true, .num_bytes = 9, .asked_bytes = 20},
         "of 20 bytes it should have, 9 are there: copy or record it again"},
        {{.is_cut = true}, "its last part is missing: copy or record it again"},
        {{.is_damaged = true}, "copy it again"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char text[192];
        tyto_whole_text(&cases[i].whole, text, sizeof(text));
        assert_non_null(strstr(text, cases[i].text));
        assert_int_equal(text[0] == '\0', cases[i].text[0] == '\0');
    }
}

static void an_mp3_may_say_how_many_bytes_it_has(void **state)
{
    static const uint8_t frame[] = {0xFF, 0xFB, 0x90, 0, 0, 0, 0, 0, 'I', 'n', 'f',  'o',
                                    0,    0,    0,    3, 0, 0, 0, 9, 0,   0,   0x10, 0};
    (void)state;
    num_bytes = 0;
    put(frame, sizeof(frame));
    put_zeros(0x1000 - sizeof(frame));
    assert_whole(num_bytes);
    assert_true(look(num_bytes).tells_length);
    assert_cut(0x800, 0x1000);
}

static void of_other_kinds_nothing_is_said(void **state)
{
    (void)state;
    num_bytes = 0;
    put("what is this? ", 14);
    put_zeros(1000);
    for (size_t num = 0; num < 64; num++) {
        assert_whole(num);
        assert_false(look(num).tells_length);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_mp4_needs_its_index_and_all_its_boxes),
        cmocka_unit_test(a_wav_needs_the_samples_that_it_says_it_has),
        cmocka_unit_test(an_avi_needs_all_its_chunks),
        cmocka_unit_test(a_matroska_file_is_as_long_as_its_elements_say),
        cmocka_unit_test(an_ogg_file_says_which_page_is_its_last),
        cmocka_unit_test(what_is_no_ts_in_a_ts_is_damage),
        cmocka_unit_test(an_m2ts_ends_with_a_whole_packet),
        cmocka_unit_test(what_says_how_long_each_part_is_ends_with_a_whole_one),
        cmocka_unit_test(what_is_wrong_is_said_with_what_to_do),
        cmocka_unit_test(an_mp3_may_say_how_many_bytes_it_has),
        cmocka_unit_test(of_other_kinds_nothing_is_said),
    };
    const int fd = mkstemp(path);
    if (fd >= 0)
        close(fd);
    const int status = cmocka_run_group_tests(tests, NULL, NULL);
    unlink(path);
    return status;
}
