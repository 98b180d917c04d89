/* SPDX-License-Identifier: MIT */
/* The trainer (libav) and the daemon (GStreamer) get the same pictures and the same sound out of a
 * file: else a head would be served something else than it was trained on. */
#include "tests/unit/made_clip.h"

#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/turn.h"
#include "tests/flow/rig.h"
#include "trainer/media/read.h"

enum { NUM_SAMPLES = 16000, MAX_SEGMENTS = 16 };

/* One segment as the daemon has it, compared with the trainer's next one. */
static void compare(const char *name, const struct tyto_segment *a,
                    const struct tyto_source_segment *b)
{
    assert_int_equal(a->begin_ns, b->begin_ns);
    assert_int_equal(a->has_audio, b->pcm != NULL);
    assert_int_equal(a->has_video, b->has_picture);
    if (a->has_video) {
        const struct tyto_frame *x = &a->picture->frame, *y = &b->frame;
        assert_true(llabs(a->picture->pts_ns - b->picture_ns) < 1000000);
        assert_true(x->format == y->format && x->width == y->width && x->height == y->height);
        if (x->bt709 != y->bt709 || x->full_range != y->full_range)
            fail_msg("%s: matrix or range differ", name);
        double sum = 0;
        for (uint32_t row = 0; row < x->height; row++) {
            for (uint32_t col = 0; col < x->width; col++)
                sum += abs(x->planes[0][row * x->strides_bytes[0] + col] -
                           y->planes[0][row * y->strides_bytes[0] + col]);
        }
        if (sum / (x->width * x->height) > 0.05)
            fail_msg("%s, segment %u: pictures differ", name, b->idx);
    }
    if (a->has_audio) {
        double difference = 0, power = 0;
        for (int i = 0; i < NUM_SAMPLES; i++) {
            difference += pow((double)a->pcm[i] - (double)b->pcm[i], 2);
            power += pow((double)b->pcm[i], 2);
        }
        /* Where a stream's first sample falls between two of 16 kHz either may be taken: half a
         * sample of shift makes (2 sin(pi 1000 / 32000))^2 of a tone of 1 kHz. */
        if (difference > 0.04 * power + 1e-6)
            fail_msg("%s, segment %u: sounds differ by %.2g of %.2g", name, b->idx,
                     sqrt(difference / NUM_SAMPLES), sqrt(power / NUM_SAMPLES));
    }
}

static void check_same(const char *name, uint32_t want_segments)
{
    const struct tyto_camera_params camera = {
        .id = "file", .uri = rig_path(name), .source = {.keyframes = TYTO_KEYFRAMES_NEVER}};
    const struct tyto_source_file_params params = {.path = camera.uri};
    struct tyto_source_file *source = NULL;
    struct tyto_fault fault = {0};
    struct rig rig;
    uint32_t num = 0;
    if (tyto_source_file_open(&params, &source, &fault))
        fail_msg("%s", fault.text);
    rig_open(&rig, &camera);
    const uint64_t until_ns = tyto_clock_mono_ns() + 60 * TYTO_NS_PER_S;
    while (!tyto_session_has_ended(rig.session) && tyto_clock_mono_ns() < until_ns) {
        struct tyto_segment segment;
        enum tyto_session_poll polled;
        while ((polled = tyto_session_poll(rig.session, tyto_clock_mono_ns(), &segment)) ==
               TYTO_SESSION_SEGMENT) {
            struct tyto_source_segment other;
            assert_int_equal(tyto_source_file_next(source, &other, &fault), TYTO_OK);
            compare(name, &segment, &other);
            tyto_source_segment_finish(&other);
            tyto_picture_unref(&segment.picture);
            num++;
        }
        if (polled == TYTO_SESSION_OVER)
            tyto_session_release(rig.session);
        struct tyto_camera_state state;
        (void)tyto_session_take_state(rig.session, &state);
        usleep(1000);
    }
    assert_true(tyto_session_has_ended(rig.session));
    assert_int_equal(num, want_segments);
    struct tyto_source_segment none;
    assert_int_equal(tyto_source_file_next(source, &none, &fault), TYTO_ERR_EMPTY);
    tyto_source_file_close(&source);
    rig_close(&rig);
}

static void an_mp4_is_the_same_to_both(void **state)
{
    (void)state;
    const struct made_clip made = {
        .length_s = 4.32, .beep_begin_s = 1.25, .beep_end_s = 2.75, .gop_frames = 250};
    make_clip(rig_path("made.mp4"), &made);
    check_same("made.mp4", 4);
}

static void stereo_at_48_khz_in_matroska_is_the_same_to_both(void **state)
{
    (void)state;
    rig_make("stereo.mkv",
             "videotestsrc num-buffers=50 pattern=ball ! "
             "video/x-raw,format=I420,width=800,height=600,framerate=25/1 ! "
             "x264enc speed-preset=ultrafast key-int-max=50 bframes=2 ! h264parse ! matroskamux "
             "name=m audiotestsrc samplesperbuffer=480 num-buffers=200 freq=440 ! "
             "audio/x-raw,rate=48000,channels=2 ! flacenc ! m. m.");
    check_same("stereo.mkv", 2);
}

static void put_u32(FILE *file, uint32_t value, int num_bytes)
{
    for (int i = 0; i < num_bytes; i++)
        fputc((int)(value >> 8 * i & 0xFF), file);
}

/* A field recorder's: more channels than there are names for, and none is said. */
static void ten_channels_without_places_are_the_same_to_both(void **state)
{
    (void)state;
    enum { CHANNELS = 10, RATE_HZ = 16000, SECONDS = 3, BLOCK = 2 * CHANNELS };
    const uint32_t num_bytes = SECONDS * RATE_HZ * BLOCK;
    FILE *file = fopen(rig_path("ten.wav"), "wb");
    assert_non_null(file);
    fputs("RIFF", file);
    put_u32(file, 36 + num_bytes, 4);
    fputs("WAVEfmt ", file);
    put_u32(file, 16, 4);
    put_u32(file, 1, 2);
    put_u32(file, CHANNELS, 2);
    put_u32(file, RATE_HZ, 4);
    put_u32(file, RATE_HZ * BLOCK, 4);
    put_u32(file, BLOCK, 2);
    put_u32(file, 16, 2);
    fputs("data", file);
    put_u32(file, num_bytes, 4);
    for (int i = 0; i < SECONDS * RATE_HZ; i++) {
        for (int c = 0; c < CHANNELS; c++) /* the last one is heard, too */
            put_u32(file, c < CHANNELS - 1 ? 0 : (uint32_t)(int32_t)(20000 * sin(i * 0.17)), 2);
    }
    fclose(file);
    check_same("ten.wav", SECONDS);
}

/* The matrix of the first track's header: 40 bytes behind the box's type. */
static void set_matrix(const char *name, const int32_t way[4])
{
    uint8_t bytes[65536];
    FILE *file = fopen(rig_path(name), "r+b");
    assert_non_null(file);
    const size_t num = fread(bytes, 1, sizeof(bytes), file);
    const uint8_t *header = memmem(bytes, num, "tkhd", 4);
    assert_non_null(header);
    const int32_t matrix[9] = {way[0], way[1], 0, way[2], way[3], 0, 0, 0, 16384};
    uint8_t written[36];
    for (int i = 0; i < 9; i++) {
        const uint32_t value = (uint32_t)matrix[i] << 16;
        for (int k = 0; k < 4; k++)
            written[4 * i + k] = (uint8_t)(value >> (24 - 8 * k));
    }
    assert_int_equal(fseek(file, (long)(header - bytes) + 44, SEEK_SET), 0);
    assert_int_equal(fwrite(written, 1, sizeof(written), file), sizeof(written));
    fclose(file);
}

/* The first segment's picture by the reader of files. */
static void check_upright(const char *name, const char *plain, enum tyto_turn turn)
{
    struct tyto_source_segment segments[2];
    const char *const names[2] = {name, plain};
    struct tyto_fault fault;
    struct tyto_frame upright;
    void *memory = NULL;
    for (int i = 0; i < 2; i++) {
        const struct tyto_source_file_params params = {.path = rig_path(names[i])};
        struct tyto_source_file *source = NULL;
        assert_int_equal(tyto_source_file_open(&params, &source, &fault), TYTO_OK);
        assert_int_equal(tyto_source_file_next(source, &segments[i], &fault), TYTO_OK);
        tyto_source_file_close(&source);
    }
    assert_int_equal(tyto_turn_frame_copy(&segments[1].frame, turn, &memory, &upright), TYTO_OK);
    const struct tyto_frame *frame = &segments[0].frame;
    assert_int_equal(frame->width, upright.width);
    assert_int_equal(frame->height, upright.height);
    for (uint32_t row = 0; row < frame->height; row++)
        assert_memory_equal(frame->planes[0] + row * frame->strides_bytes[0],
                            upright.planes[0] + row * upright.strides_bytes[0], frame->width);
    free(memory);
    tyto_source_segment_finish(&segments[0]);
    tyto_source_segment_finish(&segments[1]);
}

/* As phones store them. */
static void pictures_that_lie_on_their_side_stand_upright_to_both(void **state)
{
    (void)state;
    static const int32_t ways[8][4] = {{1, 0, 0, 1}, {-1, 0, 0, 1}, {-1, 0, 0, -1}, {1, 0, 0, -1},
                                       {0, 1, 1, 0}, {0, 1, -1, 0}, {0, -1, -1, 0}, {0, -1, 1, 0}};
    rig_make("plain.mp4", "videotestsrc num-buffers=20 pattern=smpte ! "
                          "video/x-raw,format=I420,width=162,height=90,framerate=10/1 ! "
                          "x264enc speed-preset=ultrafast key-int-max=10 ! h264parse ! "
                          "mp4mux faststart=true");
    for (int i = 0; i < 8; i++) {
        char name[32];
        snprintf(name, sizeof(name), "turned%d.mp4", i + 1);
        rig_copy("plain.mp4", name, 0, NULL);
        set_matrix(name, ways[i]);
        check_same(name, 2);
        check_upright(name, "plain.mp4", (enum tyto_turn)(i + 1));
    }
}

/* A projection, turned counter-clockwise by so many degrees, in the place of the colours. */
static void set_roll(const char *name, float degrees)
{
    static const uint8_t colours[] = {0x55, 0xB0, 0x01, 0, 0, 0, 0, 0, 0, 16};
    static uint8_t bytes[4096];
    uint8_t written[26] = {0x76, 0x70, 0x01, 0, 0, 0, 0, 0, 0, 16, 0x76, 0x75, 0x84};
    uint32_t bits;
    FILE *file = fopen(rig_path(name), "r+b");
    assert_non_null(file);
    const size_t num = fread(bytes, 1, sizeof(bytes), file);
    const uint8_t *at = memmem(bytes, num, colours, sizeof(colours));
    assert_non_null(at);
    memcpy(&bits, &degrees, sizeof(bits));
    for (int i = 0; i < 4; i++)
        written[13 + i] = (uint8_t)(bits >> (24 - 8 * i));
    written[17] = 0xEC; /* nothing, in the 9 bytes that are left */
    written[18] = 0x87;
    assert_int_equal(fseek(file, (long)(at - bytes), SEEK_SET), 0);
    assert_int_equal(fwrite(written, 1, sizeof(written), file), sizeof(written));
    fclose(file);
}

static void so_they_do_in_matroska(void **state)
{
    (void)state;
    static const struct {
        float degrees;
        enum tyto_turn turn;
    } ways[] = {{90, TYTO_TURN_LEFT}, {-90, TYTO_TURN_RIGHT}, {180, TYTO_TURN_180}};
    rig_make("plain.mkv", "videotestsrc num-buffers=20 pattern=smpte ! "
                          "video/x-raw,format=I420,width=162,height=90,framerate=10/1 ! "
                          "x264enc speed-preset=ultrafast key-int-max=10 ! h264parse ! "
                          "matroskamux");
    for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
        rig_copy("plain.mkv", "turned.mkv", 0, NULL);
        set_roll("turned.mkv", ways[i].degrees);
        check_same("turned.mkv", 2);
        check_upright("turned.mkv", "plain.mkv", ways[i].turn);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_mp4_is_the_same_to_both),
        cmocka_unit_test(stereo_at_48_khz_in_matroska_is_the_same_to_both),
        cmocka_unit_test(ten_channels_without_places_are_the_same_to_both),
        cmocka_unit_test(pictures_that_lie_on_their_side_stand_upright_to_both),
        cmocka_unit_test(so_they_do_in_matroska),
    };
    return cmocka_run_group_tests(tests, NULL, rig_remove_media);
}
