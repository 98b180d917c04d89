/* SPDX-License-Identifier: MIT */
/* Files that say of themselves what is not so, or change on the way: of odd shapes, with rates that
 * no sound has, with another coding in their middle, with nothing but names of others in them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "tests/flow/rig.h"

enum { TIMEOUT_S = 60, WAV_BYTES = 44, MAX_WAV_BYTES = WAV_BYTES + 32 * 1024 };

static void run_whole(struct rig *rig, const char *name)
{
    const struct tyto_camera_params camera = {.id = "file", .uri = rig_path(name)};
    rig_open(rig, &camera);
    assert_true(rig_run(rig, TIMEOUT_S, NULL));
    rig_close(rig);
}

static void assert_fails(const char *name, const char *text)
{
    struct rig rig;
    run_whole(&rig, name);
    assert_int_equal(rig_state(&rig)->status, TYTO_CAMERA_STATUS_FAILED);
    if (!strstr(rig_state(&rig)->text, text))
        fail_msg("%s: '%s'", name, rig_state(&rig)->text);
}

static void write_bytes(const char *name, const void *bytes, size_t num_bytes)
{
    FILE *file = fopen(rig_path(name), "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, num_bytes, file), num_bytes);
    fclose(file);
}

struct wav {
    uint16_t coding, bits, block_bytes;
    uint32_t rate_hz, bytes_a_second, num_data;
};

/* One channel of it; all data are zeros. */
static void write_wav(const char *name, const struct wav *wav)
{
    static uint8_t bytes[MAX_WAV_BYTES];
    const uint32_t fields[] = {36 + wav->num_data,     16,
                               wav->coding | 1u << 16, wav->rate_hz,
                               wav->bytes_a_second,    wav->block_bytes | (uint32_t)wav->bits << 16,
                               wav->num_data};
    static const uint8_t at[] = {4, 16, 20, 24, 28, 32, 40};
    assert_true(WAV_BYTES + wav->num_data <= MAX_WAV_BYTES);
    memset(bytes, 0, sizeof(bytes));
    memcpy(bytes, "RIFF....WAVEfmt ", 16);
    memcpy(bytes + 36, "data", 4);
    for (size_t i = 0; i < sizeof(at); i++)
        memcpy(bytes + at[i], &fields[i], 4);
    write_bytes(name, bytes, WAV_BYTES + wav->num_data);
}

/* audioresample asks for 500 GB to bring the highest to 16 kHz, which ends the process. */
static void a_rate_that_no_sound_has_is_refused(void **state)
{
    (void)state;
    static const uint32_t rates_hz[] = {1, 999, 768001, 2147483647};
    for (size_t i = 0; i < sizeof(rates_hz) / sizeof(rates_hz[0]); i++) {
        const struct wav wav = {1, 16, 2, rates_hz[i], 2 * rates_hz[i], 8000};
        write_wav("rate.wav", &wav);
        assert_fails("rate.wav", "samples a second, not 1000 to 768000");
    }
}

/* 32 blocks of 2,041 samples: 4.08 s. Writers reckon the bytes a second in several ways. */
static void coded_sound_in_a_wav_is_as_long_as_its_samples_are(void **state)
{
    (void)state;
    static const uint32_t bytes_a_second[] = {8000, 8021, 16000, 64000};
    for (size_t i = 0; i < sizeof(bytes_a_second) / sizeof(bytes_a_second[0]); i++) {
        const struct wav wav = {0x11, 4, 1024, 16000, bytes_a_second[i], 32 * 1024};
        struct rig rig;
        write_wav("adpcm.wav", &wav);
        run_whole(&rig, "adpcm.wav");
        assert_int_equal(rig_state(&rig)->status, TYTO_CAMERA_STATUS_ENDED);
        assert_int_equal(rig.num_segments, 4);
        for (uint32_t k = 0; k < rig.num_segments; k++)
            assert_true(rig.segments[k].has_audio);
    }
}

/* Wider than a frame may be; twice as wide as it has pixels; of odd sizes, in a coding that another
 * decoder takes only with transparency; one pixel. */
static void pictures_of_any_shape_are_seen_in_their_shape(void **state)
{
    (void)state;
    static const struct {
        const char *name, *caps, *rest;
        uint32_t width_px, height_px;
    } cases[] = {
        {"wide.mkv", "width=12288,height=96", "jpegenc ! matroskamux", 8192, 64},
        {"lying.mkv", "width=160,height=240,pixel-aspect-ratio=3/1",
         "x264enc speed-preset=ultrafast ! matroskamux", 480, 240},
        {"odd.webm", "width=321,height=241", "vp8enc deadline=1 ! webmmux", 321, 241},
        {"dot.mkv", "width=1,height=1", "jpegenc ! matroskamux", 1, 1},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char launch[320];
        struct rig rig;
        snprintf(launch, sizeof(launch),
                 "videotestsrc num-buffers=20 ! video/x-raw,format=I420,framerate=10/1,%s ! %s",
                 cases[i].caps, cases[i].rest);
        rig_make(cases[i].name, launch);
        run_whole(&rig, cases[i].name);
        if (rig_state(&rig)->status != TYTO_CAMERA_STATUS_ENDED || rig.num_segments != 2)
            fail_msg("%s: %u segments, '%s'", cases[i].name, rig.num_segments,
                     rig_state(&rig)->text);
        assert_int_equal(rig.width_px[0], cases[i].width_px);
        assert_int_equal(rig.height_px[0], cases[i].height_px);
    }
}

static void append(FILE *file, const char *name)
{
    FILE *part = fopen(rig_path(name), "rb");
    assert_non_null(part);
    for (int byte; (byte = fgetc(part)) != EOF;)
        fputc(byte, file);
    fclose(part);
}

/* Demuxers drop a stream whose type changes in the programme's table. */
static void a_coding_that_changes_on_the_way_is_told(void **state)
{
    (void)state;
#define PICTURE                                                                                    \
    "videotestsrc num-buffers=40 ! video/x-raw,format=I420,width=320,height=240,framerate=10/1 ! " \
    "x264enc speed-preset=ultrafast key-int-max=10 ! m. audiotestsrc samplesperbuffer=441 "        \
    "num-buffers=400 ! audio/x-raw,rate=44100,channels=1 ! "
    rig_make("aac.ts", PICTURE "avenc_aac ! aacparse ! mpegtsmux name=m");
    rig_make("mp3.ts", PICTURE "lamemp3enc ! mpegaudioparse ! mpegtsmux name=m");
    FILE *file = fopen(rig_path("changes.ts"), "wb");
    assert_non_null(file);
    append(file, "aac.ts");
    append(file, "mp3.ts");
    fclose(file);
    assert_fails("changes.ts", "coded in another way from some time on");
}

/* What it names might be anywhere: on this machine, and on others. */
static void a_file_that_names_others_is_not_followed(void **state)
{
    (void)state;
    rig_make("piece.ts", "videotestsrc num-buffers=40 ! video/x-raw,width=320,height=240,"
                         "framerate=10/1 ! x264enc speed-preset=ultrafast ! mpegtsmux");
    static const char list[] = "#EXTM3U\n#EXT-X-TARGETDURATION:4\n#EXTINF:4,\npiece.ts\n"
                               "#EXT-X-ENDLIST\n";
    write_bytes("list.mp4", list, sizeof(list) - 1);
    assert_fails("list.mp4", "it holds names of other files");
}

static uint64_t num_bytes_of(const char *name)
{
    struct stat status;
    assert_int_equal(stat(rig_path(name), &status), 0);
    return (uint64_t)status.st_size;
}

static uint64_t noise_from;

static uint8_t to_noise(uint64_t idx, uint8_t byte)
{
    static uint32_t state = 1;
    state = state * 1664525u + 1013904223u;
    return idx < noise_from ? byte : (uint8_t)(state >> 24);
}

/* A copy that was broken off is read to its last byte; of a disk that fails, the rest is noise. */
static void a_file_of_which_a_part_is_missing_is_told(void **state)
{
    (void)state;
#define SOUND                                                                                      \
    "audiotestsrc samplesperbuffer=441 num-buffers=800 ! audio/x-raw,rate=44100,channels=1 "
#define MOVIE                                                                                      \
    "videotestsrc num-buffers=80 ! video/x-raw,format=I420,width=320,height=240,framerate=10/1 ! " \
    "x264enc speed-preset=ultrafast key-int-max=10 ! m. " SOUND "! avenc_aac ! m. "
    static const struct {
        const char *name, *launch;
        bool is_in_time; /* it says how long it is, and noise is no sound */
    } files[] = {
        {"early.mp4", MOVIE "mp4mux faststart=true name=m", true},
        {"movie.mkv", MOVIE "matroskamux name=m", true},
        {"sound.flac", SOUND "! flacenc", true},
        {"sound.ogg", SOUND "! vorbisenc ! oggmux", true},
        {"sound.wav", SOUND "! wavenc", false},
        {"movie.ts", MOVIE "mpegtsmux name=m", false},
        {"movie.flv", MOVIE "flvmux name=m", false},
        {"sound.aiff", SOUND "! audioconvert ! aiffmux", false},
    };
    char cut[64], noisy[64];
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        struct rig rig;
        rig_make(files[i].name, files[i].launch);
        run_whole(&rig, files[i].name);
        if (rig_state(&rig)->status != TYTO_CAMERA_STATUS_ENDED)
            fail_msg("%s: '%s'", files[i].name, rig_state(&rig)->text);
        snprintf(cut, sizeof(cut), "cut-%s", files[i].name);
        rig_copy(files[i].name, cut, num_bytes_of(files[i].name) / 2 + 10, NULL); /* in a packet */
        assert_fails(cut, "read in part: ");
        if (!files[i].is_in_time)
            continue;
        snprintf(noisy, sizeof(noisy), "noisy-%s", files[i].name);
        noise_from = num_bytes_of(files[i].name) / 2;
        rig_copy(files[i].name, noisy, 0, to_noise);
        assert_fails(noisy, "read in part: ");
    }
    rig_make("late.mp4", MOVIE "mp4mux name=m");
    rig_copy("late.mp4", "cut-late.mp4", num_bytes_of("late.mp4") / 2, NULL);
    assert_fails("cut-late.mp4", "it has no index (moov)");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_rate_that_no_sound_has_is_refused),
        cmocka_unit_test(coded_sound_in_a_wav_is_as_long_as_its_samples_are),
        cmocka_unit_test(pictures_of_any_shape_are_seen_in_their_shape),
        cmocka_unit_test(a_coding_that_changes_on_the_way_is_told),
        cmocka_unit_test(a_file_that_names_others_is_not_followed),
        cmocka_unit_test(a_file_of_which_a_part_is_missing_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, rig_remove_media);
}
