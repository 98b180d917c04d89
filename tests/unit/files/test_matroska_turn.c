/* SPDX-License-Identifier: MIT */
/* Matroska's way of saying how pictures lie: files made by hand, and cut at each of their bytes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "files/matroska_turn.h"

static char path[] = "/tmp/tyto-matroska-XXXXXX";
static int fd;
static uint8_t bytes[512];
static size_t num_bytes;

struct element {
    uint8_t id[4];
    size_t num_id;
};

static const struct element header = {{0x1A, 0x45, 0xDF, 0xA3}, 4},
                            segment = {{0x18, 0x53, 0x80, 0x67}, 4},
                            info = {{0x15, 0x49, 0xA9, 0x66}, 4},
                            tracks = {{0x16, 0x54, 0xAE, 0x6B}, 4}, track = {{0xAE}, 1},
                            type = {{0x83}, 1}, video = {{0xE0}, 1}, projection = {{0x76, 0x70}, 2},
                            yaw = {{0x76, 0x73}, 2}, roll = {{0x76, 0x75}, 2};

/* Puts an element around what has been made from begin on. */
static void wrap(const struct element *element, size_t begin)
{
    const size_t num_head = element->num_id + 2;
    memmove(bytes + begin + num_head, bytes + begin, num_bytes - begin);
    memcpy(bytes + begin, element->id, element->num_id);
    bytes[begin + element->num_id] = (uint8_t)(0x40 | (num_bytes - begin) >> 8);
    bytes[begin + element->num_id + 1] = (uint8_t)(num_bytes - begin);
    num_bytes += num_head;
}

static void put(const void *more, size_t num)
{
    memcpy(bytes + num_bytes, more, num);
    num_bytes += num;
}

static void put_degrees(const struct element *element, double degrees, bool is_single)
{
    const float single = (float)degrees;
    uint64_t bits = 0;
    uint32_t half = 0;
    memcpy(&bits, &degrees, sizeof(bits));
    memcpy(&half, &single, sizeof(half));
    const size_t begin = num_bytes;
    for (int i = is_single ? 3 : 7; i >= 0; i--) {
        const uint8_t byte = (uint8_t)((is_single ? half : bits) >> 8 * i);
        put(&byte, 1);
    }
    wrap(element, begin);
}

static void put_track(uint8_t kind, double yaw_degrees, double roll_degrees, bool is_single)
{
    const size_t begin = num_bytes;
    put(&kind, 1);
    wrap(&type, begin);
    const size_t begin_video = num_bytes;
    if (yaw_degrees != 0)
        put_degrees(&yaw, yaw_degrees, is_single);
    if (roll_degrees != 0)
        put_degrees(&roll, roll_degrees, is_single);
    wrap(&projection, begin_video);
    wrap(&video, begin_video);
    wrap(&track, begin);
}

/* A sound track that is turned, too, and the picture track. */
static void make_file(double yaw_degrees, double roll_degrees, bool is_single)
{
    num_bytes = 0;
    put("webm", 4);
    wrap(&header, 0);
    const size_t begin = num_bytes;
    put("name", 4);
    wrap(&info, begin);
    const size_t begin_tracks = num_bytes;
    put_track(2, 0, 180, is_single);
    put_track(1, yaw_degrees, roll_degrees, is_single);
    put_track(1, 0, 45, is_single);
    wrap(&tracks, begin_tracks);
    wrap(&segment, begin);
}

static enum tyto_turn look(size_t num)
{
    assert_int_equal(ftruncate(fd, 0), 0);
    assert_int_equal(pwrite(fd, bytes, num, 0), (int)num);
    return tyto_matroska_turn(path);
}

static void pictures_are_turned_as_their_track_says(void **state)
{
    static const struct {
        double yaw, roll;
        enum tyto_turn turn;
    } cases[] = {
        {0, 0, TYTO_TURN_NONE},         {0, 90, TYTO_TURN_LEFT},
        {0, -90, TYTO_TURN_RIGHT},      {0, 270, TYTO_TURN_RIGHT},
        {0, 180, TYTO_TURN_180},        {0, -180, TYTO_TURN_180},
        {0, 360, TYTO_TURN_NONE},       {0, 89.6, TYTO_TURN_LEFT},
        {180, 0, TYTO_TURN_MIRROR},     {-180, 180, TYTO_TURN_UPSIDE_DOWN},
        {180, 90, TYTO_TURN_TRANSPOSE}, {180, -90, TYTO_TURN_TRANSVERSE},
        {30, 90, TYTO_TURN_NONE},       {0, 1e300, TYTO_TURN_NONE},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        for (int is_single = 0; is_single < 2; is_single++) {
            make_file(cases[i].yaw, cases[i].roll, is_single);
            assert_int_equal(look(num_bytes), cases[i].turn);
        }
    }
}

static void what_is_cut_or_no_matroska_is_not_turned(void **state)
{
    (void)state;
    make_file(0, 90, false);
    const size_t num = num_bytes;
    assert_int_equal(look(num), TYTO_TURN_LEFT);
    for (size_t i = 0; i < num; i++) {
        const enum tyto_turn turn = look(i);
        assert_true(turn == TYTO_TURN_NONE || turn == TYTO_TURN_LEFT);
    }
    for (size_t i = 0; i < num; i++) {
        const uint8_t byte = bytes[i];
        bytes[i] ^= 0xFF;
        assert_in_range(look(num), TYTO_TURN_NONE, TYTO_TURN_LEFT);
        bytes[i] = byte;
    }
    assert_int_equal(tyto_matroska_turn("/nowhere"), TYTO_TURN_NONE);
    assert_int_equal(tyto_matroska_turn("/dev/zero"), TYTO_TURN_NONE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pictures_are_turned_as_their_track_says),
        cmocka_unit_test(what_is_cut_or_no_matroska_is_not_turned),
    };
    fd = mkstemp(path);
    const int status = fd >= 0 ? cmocka_run_group_tests(tests, NULL, NULL) : 1;
    unlink(path);
    return status;
}
