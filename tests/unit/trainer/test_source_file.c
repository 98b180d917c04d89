/* SPDX-License-Identifier: MIT */
/* Recordings: pictures and sounds come at their times, whatever the container; damaged files come
 * to an end with a reason. */
#include "tests/unit/made_clip.h"

#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "trainer/media/read.h"

extern char **environ;

static char dir[] = "/tmp/tyto-source-XXXXXX";

static const struct made_clip plain = {
    .length_s = 4.32, .beep_begin_s = 1.25, .beep_end_s = 2.75, .gop_frames = 250};

static const char *in_dir(const char *name)
{
    static char paths[8][96];
    static int next;
    char *path = paths[next++ % 8];
    snprintf(path, sizeof(paths[0]), "%s/%s", dir, name);
    return path;
}

static int make_dir(void **state)
{
    (void)state;
    if (!mkdtemp(dir))
        return -1;
    make_clip(in_dir("plain.mp4"), &plain);
    return 0;
}

static int remove_dir(void **state)
{
    (void)state;
    char *argv[] = {(char[]){"rm"}, (char[]){"-rf"}, dir, NULL};
    pid_t pid;
    return posix_spawnp(&pid, "rm", NULL, NULL, argv, environ) || waitpid(pid, NULL, 0) != pid;
}

/* ffmpeg -i FROM ARGS... TO */
static void ffmpeg(const char *from, const char *const *args, const char *to)
{
    const char *argv[32] = {"ffmpeg", "-v", "error", "-y", "-nostdin", "-i", from};
    int num = 7, status = -1;
    while (*args)
        argv[num++] = *args++;
    argv[num++] = to;
    pid_t pid;
    assert_int_equal(posix_spawnp(&pid, "ffmpeg", NULL, NULL, (char *const *)argv, environ), 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

/* What a recording gives, for one segment after the other. */
struct seen {
    uint32_t num;
    bool has_audio[64], has_picture[64];
    int64_t picture_ns[64];
    int grey[64];
    int64_t onset_idx; /* first loud sample of all; -1: none */
    int64_t loud;      /* samples that are loud (or between two loud ones of the tone) */
    uint64_t num_bad;
};

static enum tyto_err look(const struct tyto_source_file_params *params, struct seen *seen,
                          struct tyto_fault *ret_fault)
{
    struct tyto_source_file *source = NULL;
    *seen = (struct seen){.onset_idx = -1};
    enum tyto_err err = tyto_source_file_open(params, &source, ret_fault);
    if (err)
        return err;
    struct tyto_source_segment segment;
    while ((err = tyto_source_file_next(source, &segment, ret_fault)) == TYTO_OK) {
        const uint32_t i = seen->num++;
        assert_true(i < 64);
        assert_int_equal(segment.idx, i);
        seen->has_audio[i] = segment.pcm != NULL;
        seen->has_picture[i] = segment.has_picture;
        if (segment.has_picture) {
            assert_int_equal(tyto_frame_check(&segment.frame), TYTO_OK);
            const struct tyto_frame *frame = &segment.frame;
            seen->picture_ns[i] = segment.picture_ns;
            const int luma =
                frame->planes[0][frame->height / 2 * frame->strides_bytes[0] + frame->width / 2];
            seen->grey[i] = frame->full_range ? 16 + (luma * 219 + 127) / 255 : luma;
        }
        const int64_t num = (segment.end_ns - segment.begin_ns) * 16 / 1000000;
        for (int64_t k = 0; segment.pcm && k < num; k++) {
            const bool loud = fabsf(segment.pcm[k]) > 0.1f;
            if (loud && seen->onset_idx < 0)
                seen->onset_idx = segment.begin_ns * 16 / 1000000 + k;
            seen->loud += loud;
        }
        tyto_source_segment_finish(&segment);
    }
    seen->num_bad = tyto_source_file_num_bad(source);
    tyto_source_file_close(&source);
    assert_null(source);
    return err;
}

static void look_at(const char *path, struct seen *seen)
{
    const struct tyto_source_file_params params = {.path = path};
    struct tyto_fault fault = {0};
    const enum tyto_err err = look(&params, seen, &fault);
    if (err != TYTO_ERR_EMPTY)
        fail_msg("%s: %d %s", path, err, fault.text);
}

/* Segment i of plain.mp4, all of whose times are late by delay_ns: the picture nearest its middle.
 */
static void check_pictures(const struct seen *seen, int64_t delay_ns)
{
    for (uint32_t i = 0; i < seen->num; i++) {
        const int64_t middle_ns = i * 1000000000ll + 500000000 - delay_ns;
        int64_t n = (middle_ns + 20000000 - 1) / 40000000; /* a tie goes to the earlier one */
        const int64_t last = 107;
        n = n < last ? n : last;
        assert_true(seen->has_picture[i]);
        assert_true(llabs(seen->picture_ns[i] - delay_ns - n * 40000000) < 2000000);
        assert_in_range(seen->grey[i], made_grey((uint32_t)n) - 1, made_grey((uint32_t)n) + 1);
    }
}

static void each_segment_has_the_picture_nearest_its_middle(void **state)
{
    (void)state;
    struct seen seen;
    look_at(in_dir("plain.mp4"), &seen);
    assert_int_equal(seen.num, 4); /* 0.32 s are no segment */
    check_pictures(&seen, 0);
    assert_int_equal(seen.num_bad, 0);
}

static void sound_begins_and_ends_at_its_time(void **state)
{
    (void)state;
    struct seen seen;
    look_at(in_dir("plain.mp4"), &seen);
    /* amplitude 0.5 passes 0.1 within a tenth of a period; AAC smears a little */
    assert_in_range(seen.onset_idx, 20000 - 10, 20000 + 10);
    /* of a sine of 0.5 the share above 0.1 is 1 - 2 asin(0.2) / pi */
    const double want = 1.5 * 16000 * (1 - 2 * asin(0.2) / M_PI);
    assert_true(fabs((double)seen.loud - want) < 0.01 * want);
    for (int i = 0; i < 4; i++)
        assert_true(seen.has_audio[i]);
}

static void other_containers_and_codecs_keep_sound_and_picture_together(void **state)
{
    (void)state;
    static const char *const copy[] = {"-c", "copy", NULL};
    static const char *const vp8[] = {"-c:v", "libvpx", "-b:v", "2M", "-c:a", "libopus", NULL};
    static const char *const mpeg[] = {"-c:v", "mpeg2video", "-q:v", "2", "-bf",
                                       "2",    "-c:a",       "mp2",  NULL};
    static const char *const mjpeg[] = {"-c:v", "mjpeg", "-q:v", "2", "-c:a", "pcm_s16le", NULL};
    static const struct {
        const char *name, *const *args;
    } made[] = {{"copy.mkv", copy}, {"copy.ts", copy},   {"copy.mov", copy},
                {"vp8.webm", vp8},  {"mpeg2.mpg", mpeg}, {"mjpeg.avi", mjpeg},
                {"mpeg2.ts", mpeg}, {"mjpeg.mkv", mjpeg}};
    for (size_t i = 0; i < sizeof(made) / sizeof(made[0]); i++) {
        struct seen seen;
        ffmpeg(in_dir("plain.mp4"), made[i].args, in_dir(made[i].name));
        look_at(in_dir(made[i].name), &seen);
        assert_in_range(seen.num, 4, 5);
        seen.num = 4;
        /* Encoders' delays move both streams together, by less than a picture or two. */
        const double late_s = (double)seen.onset_idx / 16000 - plain.beep_begin_s;
        const int64_t delay_ns =
            seen.picture_ns[1] - (int64_t)((seen.grey[1] - 19) / MADE_STEP) * 40000000;
        if (fabs(late_s) > 0.08 || fabs(late_s - (double)delay_ns / 1e9) > 0.025)
            fail_msg("%s: sound %.4f s late, picture %.4f s", made[i].name, late_s,
                     (double)delay_ns / 1e9);
    }
}

static void a_stream_that_begins_later_or_ends_sooner_is_missing_there(void **state)
{
    (void)state;
    struct seen seen;
    static const char *const late[] = {"-itsoffset", "2",   "-i", NULL,   "-map", "0:v",
                                       "-map",       "1:a", "-c", "copy", NULL};
    const char *args[11];
    memcpy(args, late, sizeof(late));
    args[3] = in_dir("plain.mp4");
    ffmpeg(in_dir("plain.mp4"), args, in_dir("late.mkv"));
    look_at(in_dir("late.mkv"), &seen);
    assert_int_equal(seen.num, 6);
    assert_false(seen.has_audio[0] || seen.has_audio[1]);
    assert_true(seen.has_audio[2] && seen.has_audio[5]);
    assert_true(seen.has_picture[0] && seen.has_picture[3] && !seen.has_picture[5]);
    assert_in_range(seen.onset_idx, 52000 - 400, 52000 + 400); /* AAC's priming in Matroska */
}

static void a_hole_in_both_streams_stays_a_hole(void **state)
{
    (void)state;
    struct seen seen;
    static const char *const cut[] = {"-vf",       "select='not(between(t,1,2.99))'",
                                      "-af",       "aselect='not(between(t,1,2.99))'",
                                      "-fps_mode", "vfr",
                                      "-c:a",      "pcm_s16le",
                                      "-copyts",   NULL};
    ffmpeg(in_dir("plain.mp4"), cut, in_dir("hole.mkv"));
    look_at(in_dir("hole.mkv"), &seen);
    assert_int_equal(seen.num, 4);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(seen.has_audio[i], i == 0 || i == 3);
        assert_int_equal(seen.has_picture[i], i == 0 || i == 3);
    }
    assert_in_range(seen.grey[3], made_grey(87) - 1, made_grey(88) + 1);
}

static void keyframes_alone_are_taken_where_they_are_close(void **state)
{
    (void)state;
    const struct made_clip close = {.length_s = 3, .gop_frames = 10, .no_audio = true};
    struct tyto_source_file_params params = {.path = in_dir("close.mp4"),
                                             .pictures = TYTO_SOURCE_FILE_KEYFRAMES};
    struct tyto_fault fault;
    struct seen seen;
    make_clip(params.path, &close);
    assert_int_equal(look(&params, &seen, &fault), TYTO_ERR_EMPTY);
    assert_int_equal(seen.num, 3);
    for (uint32_t i = 0; i < 3; i++) { /* keyframes each 0.4 s: 0.4, 1.6, 2.4 */
        static const uint32_t want[] = {10, 40, 60};
        assert_int_equal(seen.picture_ns[i], want[i] * 40000000ll);
        assert_in_range(seen.grey[i], made_grey(want[i]) - 1, made_grey(want[i]) + 1);
    }
    params.path = in_dir("plain.mp4"); /* one keyframe in all: the others are decoded */
    assert_int_equal(look(&params, &seen, &fault), TYTO_ERR_EMPTY);
    assert_int_equal(seen.picture_ns[0], 0);
    for (uint32_t i = 1; i < 4; i++) {
        assert_true(seen.has_picture[i]);
        assert_int_equal(seen.picture_ns[i], (i * 25 + 12) * 40000000ll);
        assert_in_range(seen.grey[i], made_grey(i * 25 + 12) - 1, made_grey(i * 25 + 12) + 1);
    }
}

static void several_threads_and_other_hops_give_the_same_pictures(void **state)
{
    (void)state;
    struct tyto_source_file_params params = {.path = in_dir("plain.mp4"), .num_threads = 3};
    struct tyto_fault fault;
    struct seen seen;
    assert_int_equal(look(&params, &seen, &fault), TYTO_ERR_EMPTY);
    assert_int_equal(seen.num, 4);
    check_pictures(&seen, 0);
    params.hop_ns = 500000000;
    assert_int_equal(look(&params, &seen, &fault), TYTO_ERR_EMPTY);
    assert_int_equal(seen.num, 8);
    for (uint32_t i = 0; i < 8; i++) { /* middles 0.5, 1.0, ...: ties go to the earlier one */
        const int64_t middle_ns = 500000000ll + i * 500000000ll;
        assert_true(llabs(seen.picture_ns[i] - middle_ns) <= 20000000);
    }
    params.hop_ns = 1;
    assert_int_equal(look(&params, &seen, &fault), TYTO_ERR_INVALID);
}

static void sound_or_picture_alone_is_a_recording(void **state)
{
    (void)state;
    const struct made_clip silent = {.length_s = 2, .no_audio = true};
    const struct made_clip blind = {
        .length_s = 2, .no_video = true, .beep_begin_s = 0.5, .beep_end_s = 1};
    struct tyto_source_file_info info;
    struct tyto_fault fault;
    struct seen seen;
    make_clip(in_dir("silent.mp4"), &silent);
    look_at(in_dir("silent.mp4"), &seen);
    assert_int_equal(seen.num, 2);
    assert_true(seen.has_picture[1] && !seen.has_audio[1]);
    make_clip(in_dir("blind.mp4"), &blind);
    look_at(in_dir("blind.mp4"), &seen);
    assert_int_equal(seen.num, 2);
    assert_true(!seen.has_picture[1] && seen.has_audio[1]);
    assert_in_range(seen.onset_idx, 8000 - 10, 8000 + 10);

    assert_int_equal(tyto_source_file_probe(in_dir("blind.mp4"), &info, &fault), TYTO_OK);
    assert_true(info.has_audio && !info.has_video && info.rate_hz == MADE_RATE_HZ);
    assert_int_equal(tyto_source_file_probe(in_dir("plain.mp4"), &info, &fault), TYTO_OK);
    assert_true(info.has_audio && info.has_video && info.num_channels == 1);
    assert_true(info.width == MADE_WIDTH && info.height == MADE_HEIGHT &&
                fabs(info.fps - 25) < .01);
    assert_true(llabs(info.duration_ns - 4320000000) < 50000000);
}

static void stereo_becomes_its_mean_and_no_sample_is_lost(void **state)
{
    (void)state;
    enum { NUM = 48000 * 3 / 2 };
    static int16_t wav[22 + NUM * 2]; /* 44 bytes of head, 1.5 s of 48 kHz stereo */
    const uint32_t head[] = {0x46464952, 36 + NUM * 4, 0x45564157, 0x20746d66, 16,     0x00020001,
                             48000,      48000 * 4,    0x00100004, 0x61746164, NUM * 4};
    memcpy(wav, head, sizeof(head));
    for (int i = 0; i < NUM; i++) {
        wav[22 + 2 * i] = (int16_t)lround(16384 * sin(2 * M_PI * 440 * i / 48000));
        wav[23 + 2 * i] = 0;
    }
    FILE *file = fopen(in_dir("stereo.wav"), "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(wav, sizeof(wav), 1, file), 1);
    fclose(file);
    float *samples = NULL;
    uint64_t num = 0;
    struct tyto_fault fault;
    assert_int_equal(
        tyto_source_file_read_sound(in_dir("stereo.wav"), 60000000000, &samples, &num, &fault),
        TYTO_OK);
    assert_in_range(num, 24000 - 2, 24000 + 2);
    for (int i = 100; i < 23900; i++)
        assert_true(fabs(samples[i] - 0.25 * sin(2 * M_PI * 440 * i / 16000)) < 2e-3);
    free(samples);
    assert_int_equal(
        tyto_source_file_read_sound(in_dir("stereo.wav"), 500000000, &samples, &num, &fault),
        TYTO_OK);
    assert_int_equal(num, 8000);
    free(samples);
    assert_int_equal(
        tyto_source_file_read_sound(in_dir("silent.mp4"), 500000000, &samples, &num, &fault),
        TYTO_ERR_UNSUPPORTED);
}

static void still_pictures_come_as_rgb_with_their_transparency(void **state)
{
    (void)state;
    static const char *const red[] = {
        "-frames:v", "1", "-vf", "format=rgba,geq=r=200:g=30:b=10:a='if(lt(X,32),255,64)'", NULL};
    static const char *const jpeg[] = {"-frames:v", "1", "-q:v", "2", NULL};
    struct tyto_source_picture picture;
    struct tyto_fault fault;
    ffmpeg(in_dir("plain.mp4"), red, in_dir("red.png"));
    assert_int_equal(tyto_source_file_read_picture(in_dir("red.png"), &picture, &fault), TYTO_OK);
    assert_true(picture.width == MADE_WIDTH && picture.height == MADE_HEIGHT && picture.alpha);
    for (uint32_t i = 0; i < MADE_WIDTH * MADE_HEIGHT; i++) {
        assert_int_equal(picture.rgb[3 * i], 200);
        assert_int_equal(picture.rgb[3 * i + 1], 30);
        assert_int_equal(picture.rgb[3 * i + 2], 10);
        assert_int_equal(picture.alpha[i], i % MADE_WIDTH < 32 ? 255 : 64);
    }
    tyto_source_picture_finish(&picture);
    ffmpeg(in_dir("plain.mp4"), jpeg, in_dir("grey.jpg"));
    assert_int_equal(tyto_source_file_read_picture(in_dir("grey.jpg"), &picture, &fault), TYTO_OK);
    assert_null(picture.alpha);
    const double want = (made_grey(0) - 16) * 255 / 219.0;
    assert_true(fabs(picture.rgb[300] - want) < 3);
    tyto_source_picture_finish(&picture);
    assert_int_equal(tyto_source_file_read_picture(in_dir("plain.mp4"), &picture, &fault), TYTO_OK);
    assert_true(fabs(picture.rgb[300] - want) < 3); /* the first picture of a video */
    tyto_source_picture_finish(&picture);
}

static void what_is_no_recording_is_refused_with_a_reason(void **state)
{
    (void)state;
    struct tyto_source_file_info info;
    struct tyto_fault fault = {0};
    assert_int_equal(tyto_source_file_probe(in_dir("nowhere"), &info, &fault), TYTO_ERR_NOT_FOUND);
    assert_string_equal(fault.text, "No such file or directory");
    assert_int_equal(tyto_source_file_probe(dir, &info, &fault), TYTO_ERR_UNSUPPORTED);
    FILE *file = fopen(in_dir("list.m3u8"), "w");
    fprintf(file, "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nplain.mp4\n");
    fclose(file);
    assert_int_equal(tyto_source_file_probe(in_dir("list.m3u8"), &info, &fault),
                     TYTO_ERR_UNSUPPORTED);
    assert_non_null(strstr(fault.text, "'hls'"));
    file = fopen(in_dir("text"), "w");
    fprintf(file, "Once upon a time there was an owl that had no camera.\n");
    fclose(file);
    assert_int_equal(tyto_source_file_probe(in_dir("text"), &info, &fault), TYTO_ERR_FORMAT);
    assert_string_equal(fault.file, in_dir("text"));
    assert_int_equal(truncate(in_dir("text"), 0), 0);
    assert_int_equal(tyto_source_file_probe(in_dir("text"), &info, &fault), TYTO_ERR_FORMAT);
}

static void damaged_files_come_to_an_end(void **state)
{
    (void)state;
    static const char *const names[] = {"plain.mp4", "copy.mkv", "copy.ts", "mjpeg.avi"};
    static uint8_t bytes[1 << 20];
    uint32_t random = 1, num_read = 0;
    for (int round = 0; round < 48; round++) {
        FILE *file = fopen(in_dir(names[round % 4]), "rb");
        assert_non_null(file);
        size_t num = fread(bytes, 1, sizeof(bytes), file);
        fclose(file);
        if (round < 8)
            num = num * (size_t)(round / 4 + 1) / 3; /* cut off */
        for (int i = 0; round >= 8 && i < round * 4; i++) {
            random = random * 1664525u + 1013904223u;
            /* the first half of the changes hits the head */
            const size_t reach = i % 2 && num > 4096 ? 4096 : num;
            bytes[(random >> 8) % reach] ^= (uint8_t)(random >> 3);
        }
        file = fopen(in_dir("damaged"), "wb");
        assert_non_null(file);
        assert_int_equal(fwrite(bytes, num, 1, file), 1);
        fclose(file);
        const struct tyto_source_file_params params = {.path = in_dir("damaged")};
        struct tyto_source_file *source = NULL;
        struct tyto_source_segment segment;
        struct tyto_fault fault = {0};
        enum tyto_err err = tyto_source_file_open(&params, &source, &fault);
        for (int i = 0; !err && i < 100; i++) {
            err = tyto_source_file_next(source, &segment, &fault);
            if (!err) {
                num_read++;
                tyto_source_segment_finish(&segment);
            }
        }
        if (err && err != TYTO_ERR_EMPTY)
            assert_true(fault.text[0] != '\0');
        tyto_source_file_close(&source);
    }
    assert_true(num_read > 60); /* most of it can still be read */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_segment_has_the_picture_nearest_its_middle),
        cmocka_unit_test(sound_begins_and_ends_at_its_time),
        cmocka_unit_test(other_containers_and_codecs_keep_sound_and_picture_together),
        cmocka_unit_test(a_stream_that_begins_later_or_ends_sooner_is_missing_there),
        cmocka_unit_test(a_hole_in_both_streams_stays_a_hole),
        cmocka_unit_test(keyframes_alone_are_taken_where_they_are_close),
        cmocka_unit_test(several_threads_and_other_hops_give_the_same_pictures),
        cmocka_unit_test(sound_or_picture_alone_is_a_recording),
        cmocka_unit_test(stereo_becomes_its_mean_and_no_sample_is_lost),
        cmocka_unit_test(still_pictures_come_as_rgb_with_their_transparency),
        cmocka_unit_test(what_is_no_recording_is_refused_with_a_reason),
        cmocka_unit_test(damaged_files_come_to_an_end),
    };
    return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
