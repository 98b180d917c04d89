/* SPDX-License-Identifier: MIT */
/* Whole and broken files through source, feeder, segmenter and session. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "tests/flow/rig.h"

#define MS 1000000ll

enum { TIMEOUT_S = 60 };

#define VIDEO(frames, gop)                                                                         \
    "videotestsrc num-buffers=" #frames " pattern=ball ! "                                         \
    "video/x-raw,format=I420,width=320,height=240,framerate=10/1 ! "                               \
    "x264enc speed-preset=ultrafast key-int-max=" #gop " option-string=scenecut=0 bframes=2 ! "    \
    "h264parse"
#define AUDIO(buffers, more)                                                                       \
    "audiotestsrc samplesperbuffer=441 num-buffers=" #buffers " " more " ! "                       \
    "audio/x-raw,rate=44100,channels=2 ! avenc_aac ! aacparse"

static void open_file(struct rig *rig, const char *name)
{
    const struct tyto_camera_params camera = {.id = "file", .uri = rig_path(name)};
    rig_open(rig, &camera);
}

static void run_whole(struct rig *rig, const char *name)
{
    open_file(rig, name);
    assert_true(rig_run(rig, TIMEOUT_S, NULL));
    rig_close(rig);
}

static void every_second_of_a_file_has_sound_and_picture(void **state)
{
    (void)state;
    rig_make("av.mp4", VIDEO(60, 60) " ! mp4mux name=m " AUDIO(600, "") " ! m. m.");
    rig_make("av.mkv", VIDEO(60, 10) " ! matroskamux name=m " AUDIO(600, "") " ! m. m.");
    const char *const names[] = {"av.mp4", "av.mkv"};
    for (int n = 0; n < 2; n++) {
        struct rig rig;
        run_whole(&rig, names[n]);
        assert_int_equal(rig_state(&rig)->status, TYTO_CAMERA_STATUS_ENDED);
        assert_int_equal(rig.over_reason, TYTO_EVENT_REASON_SOURCE_ENDED);
        assert_true(rig_state(&rig)->has_audio && rig_state(&rig)->has_video);
        assert_int_equal(rig.num_segments, 6);
        for (uint32_t i = 0; i < 6; i++) {
            assert_int_equal(rig.segments[i].begin_ns, i * 1000 * MS);
            assert_true(rig.segments[i].has_audio && rig.segments[i].has_video);
        }
    }
}

static void the_picture_is_the_one_nearest_to_the_middle(void **state)
{
    (void)state;
    struct rig rig;
    run_whole(&rig, "av.mp4"); /* one keyframe: everything is decoded */
    for (uint32_t i = 0; i < rig.num_segments; i++)
        assert_int_equal(rig.picture_off_ns[i], 500 * MS);
}

static void keyframes_alone_do_when_they_come_each_second(void **state)
{
    (void)state;
    struct rig rig;
    run_whole(&rig, "av.mkv");
    for (uint32_t i = 1; i < rig.num_segments; i++)
        assert_in_range(rig.picture_off_ns[i], 0, 1 * MS);
}

/* As of cameras that make keyframes rare when nothing moves: five seconds with one each second,
 * then ten with one at their begin. What cannot be had back is the time until that is noticed. */
static void keyframes_that_stay_away_are_not_waited_for(void **state)
{
    (void)state;
    struct rig rig;
    rig_make("rare.ts",
             VIDEO(50, 10) " ! c. " VIDEO(100, 1000) " ! c. concat name=c ! h264parse ! mpegtsmux");
    run_whole(&rig, "rare.ts");
    assert_int_equal(rig_state(&rig)->status, TYTO_CAMERA_STATUS_ENDED);
    uint32_t num_seen = 0;
    int64_t last_ns = 0;
    for (uint32_t i = 0; i < rig.num_segments; i++) {
        num_seen += rig.segments[i].has_video;
        last_ns = rig.segments[i].has_video ? rig.segments[i].begin_ns : last_ns;
    }
    assert_in_range(num_seen, 12, 15);
    assert_in_range((uint64_t)last_ns, 13 * 1000 * MS, 15 * 1000 * MS);
}

static void a_file_without_sound_says_so(void **state)
{
    (void)state;
    struct rig rig;
    rig_make("silent.mp4", VIDEO(40, 10) " ! mp4mux");
    run_whole(&rig, "silent.mp4");
    assert_int_equal(rig_state(&rig)->status, TYTO_CAMERA_STATUS_ENDED);
    assert_true(!rig_state(&rig)->has_audio && rig_state(&rig)->has_video);
    assert_int_equal(rig.num_segments, 4);
    for (uint32_t i = 0; i < 4; i++) {
        assert_true(rig.segments[i].has_video && !rig.segments[i].has_audio);
        assert_int_equal(rig.segments[i].audio_lack, TYTO_LACK_NO_STREAM);
    }
}

static void a_file_without_picture_says_so(void **state)
{
    (void)state;
    struct rig rig;
    rig_make("blind.mp4", AUDIO(400, "") " ! mp4mux");
    run_whole(&rig, "blind.mp4");
    assert_true(rig_state(&rig)->has_audio && !rig_state(&rig)->has_video);
    assert_in_range(rig.num_segments, 4, 5);
    for (uint32_t i = 0; i < 4; i++) {
        assert_true(rig.segments[i].has_audio && !rig.segments[i].has_video);
        assert_int_equal(rig.segments[i].video_lack, TYTO_LACK_NO_STREAM);
    }
}

static void sound_that_starts_late_is_missing_until_then(void **state)
{
    (void)state;
    rig_make("late.mkv", VIDEO(100, 10) " ! matroskamux name=m " AUDIO(
                             300, "timestamp-offset=7000000000") " ! queue ! m. m.");
    rig_make("late.mp4", VIDEO(100, 10) " ! mp4mux name=m " AUDIO(
                             300, "timestamp-offset=7000000000") " ! queue ! m. m.");
    const char *const names[] = {"late.mkv", "late.mp4"};
    for (int n = 0; n < 2; n++) {
        struct rig rig;
        run_whole(&rig, names[n]);
        assert_int_equal(rig_state(&rig)->status, TYTO_CAMERA_STATUS_ENDED);
        assert_int_equal(rig.num_segments, 10);
        for (uint32_t i = 0; i < 10; i++) {
            assert_true(rig.segments[i].has_video);
            assert_int_equal(rig.segments[i].has_audio, i >= 7);
        }
    }
}

/* Its parser shows the pad before it knows the layer, which decides the decoder. */
static void mp3_sound_is_heard(void **state)
{
    (void)state;
    struct rig rig;
    rig_make("mp3.mp4", VIDEO(30, 10) " ! mp4mux name=m audiotestsrc samplesperbuffer=441 "
                                      "num-buffers=300 ! audio/x-raw,rate=44100,channels=2 ! "
                                      "lamemp3enc ! mpegaudioparse ! m. m.");
    run_whole(&rig, "mp3.mp4");
    assert_int_equal(rig_state(&rig)->status, TYTO_CAMERA_STATUS_ENDED);
    assert_int_equal(rig.num_segments, 3);
    for (uint32_t i = 0; i < 3; i++)
        assert_true(rig.segments[i].has_audio && rig.segments[i].has_video);
}

static uint8_t flip_some(uint64_t idx, uint8_t byte)
{
    const uint64_t mix = (idx + 1) * 0x9e3779b97f4a7c15ull;
    return mix >> 54 == 0 && idx > 2000 ? (uint8_t)(byte ^ (mix >> 8)) : byte;
}

static uint8_t flip_many(uint64_t idx, uint8_t byte)
{
    const uint64_t mix = (idx + 1) * 0x9e3779b97f4a7c15ull;
    return mix >> 60 == 0 ? (uint8_t)(byte ^ (mix >> 8)) : byte;
}

static void corrupted_bytes_end_with_what_was_good_or_an_error(void **state)
{
    (void)state;
    rig_copy("av.mkv", "bent.mkv", 0, flip_some);
    rig_copy("av.mp4", "bent.mp4", 0, flip_some);
    rig_copy("av.mkv", "broken.mkv", 0, flip_many);
    rig_copy("av.mp4", "broken.mp4", 0, flip_many);
    rig_copy("av.mkv", "cut.mkv", 9000, NULL);
    rig_copy("av.mp4", "cut.mp4", 9000, NULL);
    const char *const names[] = {"bent.mkv",   "bent.mp4", "broken.mkv",
                                 "broken.mp4", "cut.mkv",  "cut.mp4"};
    for (size_t n = 0; n < sizeof(names) / sizeof(names[0]); n++) {
        struct rig rig;
        run_whole(&rig, names[n]);
        const struct tyto_camera_state *last = rig_state(&rig);
        if (last->status == TYTO_CAMERA_STATUS_FAILED)
            assert_true(strlen(last->text) > 0);
        else
            assert_int_equal(last->status, TYTO_CAMERA_STATUS_ENDED);
        assert_in_range(rig.num_segments, 0, 12);
    }
}

static void a_codec_without_decoder_leaves_the_other_stream(void **state)
{
    (void)state;
    struct rig rig;
    rig_copy("av.mkv", "odd.mkv", 0, NULL);
    rig_patch("odd.mkv", "V_MPEG4/ISO/AVC", "V_MPEG4/ISO/ZZZ");
    run_whole(&rig, "odd.mkv");
    assert_int_equal(rig_state(&rig)->status, TYTO_CAMERA_STATUS_ENDED);
    assert_true(rig_state(&rig)->has_audio && !rig_state(&rig)->has_video);
    assert_in_range(rig.num_segments, 5, 7);
    for (uint32_t i = 0; i < rig.num_segments; i++)
        assert_true(rig.segments[i].has_audio && !rig.segments[i].has_video);

    rig_patch("odd.mkv", "A_AAC", "A_QQQ");
    run_whole(&rig, "odd.mkv");
    assert_int_equal(rig_state(&rig)->status, TYTO_CAMERA_STATUS_FAILED);
    assert_true(strlen(rig_state(&rig)->text) > 0);
    assert_int_equal(rig.num_segments, 0);
}

static void write_text(const char *name, const char *text)
{
    FILE *file = fopen(rig_path(name), "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static void what_is_no_media_fails_with_a_reason(void **state)
{
    (void)state;
    write_text("empty.mp4", "");
    write_text("words.mp4", "It was a dark and stormy night; the rain fell in torrents.\n");
    assert_int_equal(mkdir(rig_path("folder.mp4"), 0700), 0);
    const struct {
        const char *name, *text;
    } cases[] = {
        {"absent.mp4", "No such file"},
        {"empty.mp4", "empty"},
        {"words.mp4", "not a kind of media"},
        {"folder.mp4", "directory"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct rig rig;
        run_whole(&rig, cases[i].name);
        assert_int_equal(rig_state(&rig)->status, TYTO_CAMERA_STATUS_FAILED);
        if (!strstr(rig_state(&rig)->text, cases[i].text))
            fail_msg("%s: '%s'", cases[i].name, rig_state(&rig)->text);
        assert_int_equal(rig.num_segments, 0);
    }
    assert_int_equal(remove(rig_path("folder.mp4")), 0);
}

static void write_bytes(const char *name, const void *bytes, size_t num_bytes)
{
    FILE *file = fopen(rig_path(name), "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, num_bytes, file), num_bytes);
    fclose(file);
}

/* GStreamer's demuxer never comes back from the end of a GIF. */
static void a_moving_gif_is_refused_at_once_with_what_to_do(void **state)
{
    (void)state;
    static const uint8_t gif[] = {
        'G', 'I', 'F',  '8',  '9', 'a',  1,  0, 1,    0,    0x80, 0,    0,  0, 0,   0, 255,
        255, 255, 0x21, 0xF9, 4,   0,    20, 0, 0,    0,    0x2C, 0,    0,  0, 0,   1, 0,
        1,   0,   0,    2,    2,   0x44, 1,  0, 0x21, 0xF9, 4,    0,    20, 0, 0,   0, 0x2C,
        0,   0,   0,    0,    1,   0,    1,  0, 0,    2,    2,    0x44, 1,  0, 0x3B};
    write_bytes("moving.gif", gif, sizeof(gif));
    struct rig rig;
    const uint64_t begin_ns = tyto_clock_mono_ns();
    run_whole(&rig, "moving.gif");
    assert_int_equal(rig_state(&rig)->status, TYTO_CAMERA_STATUS_FAILED);
    assert_non_null(strstr(rig_state(&rig)->text, "reads image/gif: convert it"));
    assert_true(tyto_clock_mono_ns() - begin_ns < 15 * TYTO_NS_PER_S);
}

static void assert_fails(const char *name, const char *text)
{
    struct rig rig;
    run_whole(&rig, name);
    assert_int_equal(rig_state(&rig)->status, TYTO_CAMERA_STATUS_FAILED);
    if (!strstr(rig_state(&rig)->text, text))
        fail_msg("%s: '%s'", name, rig_state(&rig)->text);
}

/* GStreamer reads the first of them and says nothing of the others. */
static void moving_pictures_that_are_not_read_are_told(void **state)
{
    (void)state;
    static const char png[] = "\x89PNG\r\n\x1A\n\0\0\0\rIHDR\0\0\0\1\0\0\0\1\x8\6\0\0\0\0\0\0\0"
                              "\0\0\0\x8"
                              "acTL\0\0\0\2\0\0\0\0\0\0\0\0\0\0\0\0IDAT";
    write_bytes("moving.png", png, sizeof(png) - 1);
    assert_fails("moving.png", "moving PNG: convert it");
    rig_make("many.jpg", "videotestsrc num-buffers=20 ! jpegenc");
    assert_fails("many.jpg", "do not say when they are; convert it");
    rig_make("one.jpg", "videotestsrc num-buffers=1 ! jpegenc");
    struct rig rig;
    run_whole(&rig, "one.jpg");
    assert_int_equal(rig_state(&rig)->status, TYTO_CAMERA_STATUS_ENDED);
}

/* num_samples of each channel, of 16 bits, at 8 kHz. */
static void write_wav(const char *name, uint16_t num_channels, uint16_t num_samples)
{
    enum { HEAD_BYTES = 44, MAX_BYTES = HEAD_BYTES + 2 * 100 * 800 };
    static uint8_t wav[MAX_BYTES];
    const uint32_t num_data = 2u * num_channels * num_samples, rate = 8000;
    const uint32_t fields[] = {36 + num_data,
                               16,
                               1u | (uint32_t)num_channels << 16,
                               rate,
                               2 * rate * num_channels,
                               2u * num_channels | 16u << 16,
                               num_data};
    assert_true(num_data + HEAD_BYTES <= MAX_BYTES);
    memset(wav, 1, sizeof(wav));
    static const uint8_t at[] = {4, 16, 20, 24, 28, 32, 40};
    memcpy(wav, "RIFF....WAVEfmt ", 16);
    memcpy(wav + 36, "data", 4);
    for (size_t i = 0; i < sizeof(at); i++)
        memcpy(wav + at[i], &fields[i], 4);
    write_bytes(name, wav, HEAD_BYTES + num_data);
}

/* audioconvert ends the process when it is to mix 64 channels or more. */
static void channels_are_mixed_or_there_are_too_many_of_them(void **state)
{
    (void)state;
    static const uint16_t mixed[] = {9, 10, 32, 63};
    for (size_t i = 0; i < sizeof(mixed) / sizeof(mixed[0]); i++) {
        struct rig rig;
        write_wav("mixed.wav", mixed[i], 800);
        run_whole(&rig, "mixed.wav");
        assert_int_equal(rig_state(&rig)->status, TYTO_CAMERA_STATUS_ENDED);
        assert_true(rig_state(&rig)->has_audio);
    }
    write_wav("many.wav", 64, 800);
    assert_fails("many.wav", "has 64 channels, more than 63");
    write_wav("none.wav", 0, 800);
    assert_fails("none.wav", ""); /* its demuxer and decodebin both say why: whichever is first */
    write_wav("nothing.wav", 10, 0);
    assert_fails("nothing.wav", "ends before any sound or picture");
}

static void what_is_no_regular_file_is_not_opened(void **state)
{
    (void)state;
    assert_int_equal(mkfifo(rig_path("pipe.mp4"), 0600), 0); /* opening it would wait for ever */
    struct rig rig;
    run_whole(&rig, "pipe.mp4");
    assert_int_equal(rig_state(&rig)->status, TYTO_CAMERA_STATUS_FAILED);
    assert_non_null(strstr(rig_state(&rig)->text, "regular file"));
}

static void a_name_may_have_anything_in_it(void **state)
{
    (void)state;
    static const char *const names[] = {"two\nlines.wav", "a #1 %41 ?x=1.wav", "\xFFlatin.wav"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        rig_make("plain.wav", "audiotestsrc num-buffers=100 samplesperbuffer=480 ! "
                              "audio/x-raw,rate=16000,channels=1 ! wavenc");
        rig_copy("plain.wav", names[i], 0, NULL);
        struct rig rig;
        run_whole(&rig, names[i]);
        assert_int_equal(rig_state(&rig)->status, TYTO_CAMERA_STATUS_ENDED);
        assert_int_equal(rig.num_segments, 3);
    }
}

/* Its programme's table names the sound from the fourth second on. */
static void sound_that_is_named_later_is_heard_from_there_on(void **state)
{
    (void)state;
    rig_make("first.ts", VIDEO(40, 10) " ! mpegtsmux");
    rig_make("then.ts", VIDEO(60, 10) " ! mpegtsmux name=m " AUDIO(600, "") " ! m. m.");
    FILE *file = fopen(rig_path("later.ts"), "wb");
    assert_non_null(file);
    static const char *const parts[] = {"first.ts", "then.ts"};
    for (size_t i = 0; i < 2; i++) {
        FILE *part = fopen(rig_path(parts[i]), "rb");
        assert_non_null(part);
        for (int byte; (byte = fgetc(part)) != EOF;)
            fputc(byte, file);
        fclose(part);
    }
    fclose(file);
    struct rig rig;
    run_whole(&rig, "later.ts");
    assert_int_equal(rig_state(&rig)->status, TYTO_CAMERA_STATUS_ENDED);
    assert_true(rig_state(&rig)->has_audio && rig_state(&rig)->has_video);
    uint32_t num_heard = 0, num_seen = 0;
    for (uint32_t i = 0; i < rig.num_segments; i++) {
        num_heard += rig.segments[i].has_audio;
        num_seen += rig.segments[i].has_video;
    }
    assert_in_range(num_heard, 5, 7);
    assert_in_range(num_seen, 9, 11);
}

static bool has_one(const struct rig *rig)
{
    return rig->num_segments >= 1;
}

static void a_file_can_be_left_in_the_middle(void **state)
{
    (void)state;
    struct rig rig;
    const struct tyto_camera_params camera = {
        .id = "file", .uri = "test://?live=0&seconds=100000&width=64&height=48"};
    rig_open(&rig, &camera);
    assert_true(rig_run(&rig, TIMEOUT_S, has_one));
    rig_close(&rig);
    assert_int_equal(rig.num_over, 1);
    assert_int_equal(rig.over_reason, TYTO_EVENT_REASON_SHUTDOWN);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_second_of_a_file_has_sound_and_picture),
        cmocka_unit_test(the_picture_is_the_one_nearest_to_the_middle),
        cmocka_unit_test(keyframes_alone_do_when_they_come_each_second),
        cmocka_unit_test(keyframes_that_stay_away_are_not_waited_for),
        cmocka_unit_test(a_file_without_sound_says_so),
        cmocka_unit_test(a_file_without_picture_says_so),
        cmocka_unit_test(sound_that_starts_late_is_missing_until_then),
        cmocka_unit_test(mp3_sound_is_heard),
        cmocka_unit_test(corrupted_bytes_end_with_what_was_good_or_an_error),
        cmocka_unit_test(a_codec_without_decoder_leaves_the_other_stream),
        cmocka_unit_test(what_is_no_media_fails_with_a_reason),
        cmocka_unit_test(a_moving_gif_is_refused_at_once_with_what_to_do),
        cmocka_unit_test(moving_pictures_that_are_not_read_are_told),
        cmocka_unit_test(channels_are_mixed_or_there_are_too_many_of_them),
        cmocka_unit_test(what_is_no_regular_file_is_not_opened),
        cmocka_unit_test(a_name_may_have_anything_in_it),
        cmocka_unit_test(sound_that_is_named_later_is_heard_from_there_on),
        cmocka_unit_test(a_file_can_be_left_in_the_middle),
    };
    rig_take_isolate(&argc, argv);
    return cmocka_run_group_tests(tests, NULL, rig_remove_media);
}
