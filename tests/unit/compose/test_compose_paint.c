/* SPDX-License-Identifier: MIT */
/* Pictures are resized, cut out and put where the scene says; the camera's faults do what they are
 * called. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "trainer/compose/paint.h"
#include "trainer/compose/place.h"

enum { WIDTH = 160, HEIGHT = 120, FRAME_BYTES = WIDTH * HEIGHT * 3 / 2 };
enum { GREY_PLACE, RED_DISC, BLUE_FULL, MISSING };

static void fill(struct tyto_compose_rgba *image, uint32_t width, uint32_t height, int r, int g,
                 int b)
{
    assert_int_equal(tyto_compose_rgba_create(width, height, image), TYTO_OK);
    for (uint32_t i = 0; i < width * height; i++) {
        image->pixels[4 * i] = (uint8_t)r;
        image->pixels[4 * i + 1] = (uint8_t)g;
        image->pixels[4 * i + 2] = (uint8_t)b;
        image->pixels[4 * i + 3] = 255;
    }
}

static void put_disc(struct tyto_compose_rgba *image, double x, double y, double radius, int r,
                     int g, int b)
{
    for (uint32_t j = 0; j < image->height_px; j++) {
        for (uint32_t i = 0; i < image->width_px; i++) {
            uint8_t *pixel = image->pixels + 4 * ((size_t)j * image->width_px + i);
            if (hypot(i + 0.5 - x, j + 0.5 - y) > radius)
                continue;
            pixel[0] = (uint8_t)r;
            pixel[1] = (uint8_t)g;
            pixel[2] = (uint8_t)b;
        }
    }
}

static enum tyto_err read_picture(void *user, uint32_t entry_idx,
                                  struct tyto_compose_rgba *ret_image, struct tyto_fault *ret_fault)
{
    (void)user;
    if (entry_idx == MISSING)
        return tyto_fault_set(ret_fault, TYTO_ERR_NOT_FOUND, "gone.jpg", 0, NULL, "is gone");
    if (entry_idx == BLUE_FULL) {
        fill(ret_image, 64, 48, 20, 20, 230);
        return TYTO_OK;
    }
    const int grey = entry_idx == RED_DISC ? 250 : 120;
    fill(ret_image, 200, 150, grey, grey, grey);
    if (entry_idx == RED_DISC)
        put_disc(ret_image, 70, 80, 40, 220, 20, 20);
    return TYTO_OK;
}

static const struct tyto_compose_pictures pictures = {.read = read_picture};

struct fixture {
    struct tyto_compose_options options;
    struct tyto_compose_scene scene;
    struct tyto_compose_painter *painter;
    uint8_t frame[FRAME_BYTES], other[FRAME_BYTES];
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    assert_non_null(f);
    tyto_compose_options_default(&f->options);
    f->options.width_px = WIDTH;
    f->options.height_px = HEIGHT;
    f->scene = (struct tyto_compose_scene){
        .seed = 1,
        .duration_ns = 10000000000,
        .num_acts = 1,
        .acts[0] = {.end_ns = 10000000000, .place_idx = GREY_PLACE, .zoom0 = 1.2f, .zoom1 = 1.2f},
        .num_objects = 1,
        .objects[0] = {.entry_idx = RED_DISC,
                       .begin_ns = 2000000000,
                       .end_ns = 6000000000,
                       .height = 0.5f,
                       .grow = 1,
                       .x0 = 0.25f,
                       .x1 = 0.75f,
                       .foot0 = 0.9f,
                       .max_width = 0.8f,
                       .aspect = 1},
        .camera = {.gain = 1, .gamma = 1, .saturation = 1},
    };
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    tyto_compose_painter_destroy(&f->painter);
    free(f);
    return 0;
}

static void start(struct fixture *f)
{
    struct tyto_fault fault;
    tyto_compose_painter_destroy(&f->painter);
    assert_int_equal(
        tyto_compose_painter_create(&f->scene, &f->options, &pictures, NULL, &f->painter, &fault),
        TYTO_OK);
}

static void paint(struct fixture *f, double time_s)
{
    tyto_compose_painter_paint(f->painter, (int64_t)(time_s * 1e9), f->frame);
}

/* Luma and colour at shares of the picture. */
static void at(const struct fixture *f, double x, double y, int ret_yuv[3])
{
    const int i = (int)(x * WIDTH), j = (int)(y * HEIGHT);
    const int half = WIDTH * HEIGHT + j / 2 * (WIDTH / 2) + i / 2;
    ret_yuv[0] = f->frame[j * WIDTH + i];
    ret_yuv[1] = f->frame[half];
    ret_yuv[2] = f->frame[half + WIDTH * HEIGHT / 4];
}

static bool is_red(const struct fixture *f, double x, double y)
{
    int yuv[3];
    at(f, x, y, yuv);
    return yuv[2] > 190 && yuv[1] < 128;
}

static bool is_grey(const struct fixture *f, double x, double y)
{
    int yuv[3];
    at(f, x, y, yuv);
    return abs(yuv[0] - 119) < 3 && abs(yuv[1] - 128) < 3 && abs(yuv[2] - 128) < 3;
}

/* --- pictures ------------------------------------------------------------------------------- */

static void a_smaller_picture_holds_the_means_of_the_larger(void **state)
{
    (void)state;
    struct tyto_compose_rgba image, small;
    fill(&image, 8, 8, 0, 100, 200);
    for (uint32_t i = 0; i < 64; i += 2)
        memset(image.pixels + 4 * i, 100, 3); /* every other column */
    const double all[4] = {0, 0, 8, 8};
    assert_int_equal(tyto_compose_resize(&image, all, 4, 2, &small), TYTO_OK);
    for (uint32_t i = 0; i < 8; i++) {
        assert_int_equal(small.pixels[4 * i], 50);
        assert_int_equal(small.pixels[4 * i + 1], 100);
        assert_int_equal(small.pixels[4 * i + 2], 150);
        assert_int_equal(small.pixels[4 * i + 3], 255);
    }
    tyto_compose_rgba_finish(&small);
    /* what is transparent lends no colour */
    for (uint32_t i = 0; i < 64; i += 2)
        image.pixels[4 * i + 3] = 0;
    assert_int_equal(tyto_compose_resize(&image, all, 4, 2, &small), TYTO_OK);
    assert_int_equal(small.pixels[0], 0);
    assert_int_equal(small.pixels[2], 200);
    assert_int_equal(small.pixels[3], 128);
    tyto_compose_rgba_finish(&small);
    assert_int_equal(tyto_compose_resize(&image, all, 0, 2, &small), TYTO_ERR_SHAPE);
    assert_int_equal(tyto_compose_resize(&image, all, 9000, 2, &small), TYTO_ERR_SHAPE);
    tyto_compose_rgba_finish(&image);
}

static void an_enlarged_picture_is_interpolated(void **state)
{
    (void)state;
    struct tyto_compose_rgba image, large;
    fill(&image, 2, 1, 0, 0, 0);
    memset(image.pixels + 4, 200, 3);
    const double all[4] = {0, 0, 2, 1};
    assert_int_equal(tyto_compose_resize(&image, all, 8, 3, &large), TYTO_OK);
    for (uint32_t i = 1; i < 8; i++)
        assert_true(large.pixels[4 * i] >= large.pixels[4 * (i - 1)]);
    assert_int_equal(large.pixels[0], 0);
    assert_int_equal(large.pixels[4 * 7], 200);
    assert_true(abs(large.pixels[4 * 3] - 75) < 8); /* at 0.875 of the way from 0.5 to 1.5 */
    tyto_compose_rgba_finish(&large);
    tyto_compose_rgba_finish(&image);
}

static void an_object_is_cut_out_of_a_plain_background(void **state)
{
    (void)state;
    struct tyto_compose_rgba image;
    fill(&image, 120, 100, 240, 240, 235);
    put_disc(&image, 50, 60, 30, 30, 90, 160);
    assert_true(tyto_compose_cut_out(&image));
    /* the disc's bounds, but for the soft edge */
    assert_true(abs((int)image.width_px - 60) <= 6 && abs((int)image.height_px - 60) <= 6);
    size_t opaque = 0;
    for (size_t i = 0; i < (size_t)image.width_px * image.height_px; i++)
        opaque += image.pixels[4 * i + 3] > 128;
    assert_true(fabs((double)opaque - M_PI * 900) < 0.12 * M_PI * 900);
    assert_int_equal(image.pixels[3], 0);
    const size_t middle = (size_t)(image.height_px / 2) * image.width_px + image.width_px / 2;
    assert_int_equal(image.pixels[4 * middle + 3], 255);
    assert_int_equal(image.pixels[4 * middle + 2], 160);
    tyto_compose_rgba_finish(&image);
}

/* As stickers are: the border's colours, which nobody sees, do not count. */
static void what_is_cut_out_already_is_only_cropped(void **state)
{
    (void)state;
    struct tyto_compose_rgba image;
    fill(&image, 100, 80, 20, 160, 20);
    for (uint32_t i = 0; i < 100 * 80; i++) {
        const bool is_object = i % 100 >= 30 && i % 100 < 60 && i / 100 >= 20 && i / 100 < 50;
        image.pixels[4 * i + 3] = is_object ? 200 : 0;
    }
    assert_true(tyto_compose_cut_out(&image));
    assert_int_equal(image.width_px, 30);
    assert_int_equal(image.height_px, 30);
    for (uint32_t i = 0; i < 30 * 30; i++)
        assert_int_equal(image.pixels[4 * i + 3], 200);
    tyto_compose_rgba_finish(&image);
    fill(&image, 100, 80, 20, 160, 20);
    for (uint32_t i = 0; i < 100 * 80; i++)
        image.pixels[4 * i + 3] = 0; /* nothing at all */
    assert_false(tyto_compose_cut_out(&image));
    tyto_compose_rgba_finish(&image);
}

static void where_there_is_no_object_nothing_is_cut(void **state)
{
    (void)state;
    struct tyto_compose_rgba image;
    fill(&image, 100, 80, 90, 90, 90); /* nothing in it */
    struct tyto_compose_rgba kept = image;
    bool was_cut = tyto_compose_cut_out(&image);
    if (!was_cut)
        assert_memory_equal(&image, &kept, sizeof(image));
    assert_false(was_cut);
    tyto_compose_rgba_finish(&image);
    fill(&image, 100, 80, 250, 250, 250);
    put_disc(&image, 50, 40, 4, 0, 0, 0); /* hardly anything */
    assert_false(tyto_compose_cut_out(&image));
    tyto_compose_rgba_finish(&image);
    fill(&image, 10, 10, 250, 250, 250);
    assert_false(tyto_compose_cut_out(&image));
    tyto_compose_rgba_finish(&image);
}

static void a_made_place_is_the_same_for_its_seed(void **state)
{
    (void)state;
    struct tyto_compose_rgba a, b;
    assert_int_equal(tyto_compose_make_place(5, 64, 48, &a), TYTO_OK);
    assert_int_equal(tyto_compose_make_place(5, 64, 48, &b), TYTO_OK);
    assert_memory_equal(a.pixels, b.pixels, 64 * 48 * 4);
    tyto_compose_rgba_finish(&b);
    assert_int_equal(tyto_compose_make_place(6, 64, 48, &b), TYTO_OK);
    assert_memory_not_equal(a.pixels, b.pixels, 64 * 48 * 4);
    tyto_compose_rgba_finish(&a);
    tyto_compose_rgba_finish(&b);
}

/* --- frames --------------------------------------------------------------------------------------
 */

static void an_object_is_where_its_box_is_and_only_then(void **state)
{
    struct fixture *f = *state;
    start(f);
    assert_int_equal(f->scene.objects[0].look, TYTO_COMPOSE_CUT_OUT);
    assert_true(fabsf(f->scene.objects[0].aspect - 1) < 0.1f); /* a disc */
    static const double times_s[] = {2, 2.48, 3.04, 4, 5.2, 5.92};
    for (size_t i = 0; i < sizeof(times_s) / sizeof(times_s[0]); i++) {
        const struct tyto_compose_box box = tyto_compose_object_box(
            &f->scene.objects[0], (float)WIDTH / HEIGHT, (int64_t)(times_s[i] * 1e9));
        const double x0 = (double)box.x0, x1 = (double)box.x1, y0 = (double)box.y0,
                     y1 = (double)box.y1;
        paint(f, times_s[i]);
        assert_true(is_red(f, (x0 + x1) / 2, (y0 + y1) / 2));
        assert_true(is_red(f, x0 + 0.1 * (x1 - x0), (y0 + y1) / 2));
        assert_true(is_red(f, (x0 + x1) / 2, y1 - 0.1 * (y1 - y0)));
        assert_true(is_grey(f, x0 - 0.03, (y0 + y1) / 2));
        assert_true(is_grey(f, x1 + 0.03, (y0 + y1) / 2));
        assert_true(is_grey(f, (x0 + x1) / 2, y0 - 0.04));
        assert_true(is_grey(f, x0 + 0.02, y0 + 0.02)); /* cut out: not its corner */
    }
    for (int i = 0; i < 2; i++) {
        paint(f, i ? 6 : 1.92);
        for (double x = 0.05; x < 1; x += 0.1) {
            assert_true(is_grey(f, x, 0.65));
        }
    }
}

static void a_rectangle_keeps_its_corners_and_a_filling_picture_the_frame(void **state)
{
    struct fixture *f = *state;
    f->scene.objects[0].entry_idx = BLUE_FULL;
    f->scene.objects[0].look = TYTO_COMPOSE_RECTANGLE;
    start(f);
    paint(f, 4);
    assert_false(is_grey(f, 0.5 - 0.22, 0.9 - 0.46)); /* aspect 4:3, half as high */
    assert_true(is_grey(f, 0.1, 0.1));
    f->scene.objects[0].look = TYTO_COMPOSE_FILLING;
    start(f);
    paint(f, 4);
    for (double x = 0.02; x < 1; x += 0.12) {
        int yuv[3];
        at(f, x, x, yuv);
        assert_true(yuv[1] > 200);
    }
    paint(f, 6);
    assert_true(is_grey(f, 0.5, 0.5));
}

static void an_object_slides_in_and_fades_in(void **state)
{
    struct fixture *f = *state;
    f->scene.objects[0].x1 = 0.25f;
    f->scene.objects[0].entrance = TYTO_COMPOSE_SLIDE;
    start(f);
    paint(f, 2);
    assert_false(is_red(f, 0.25, 0.65));
    assert_true(is_red(f, 0.01, 0.65)); /* a part of it is there at once */
    paint(f, 2.56);
    assert_true(is_red(f, 0.25, 0.65));
    f->scene.objects[0].entrance = TYTO_COMPOSE_FADE;
    start(f);
    int first[3], later[3];
    paint(f, 2);
    at(f, 0.25, 0.65, first);
    paint(f, 2.56);
    at(f, 0.25, 0.65, later);
    assert_true(first[2] > 135 && later[2] > first[2] + 40);
}

static double deviation(const uint8_t *luma)
{
    double sum = 0, squares = 0;
    const int num = WIDTH * HEIGHT;
    for (int i = 0; i < num; i++) {
        sum += luma[i];
        squares += (double)luma[i] * luma[i];
    }
    return sqrt(fmax(0, squares / num - sum / num * (sum / num)));
}

static void the_camera_adds_noise_and_drifts(void **state)
{
    struct fixture *f = *state;
    f->scene.num_objects = 0;
    start(f);
    paint(f, 0);
    assert_true(deviation(f->frame) < 0.5);
    f->scene.camera.noise = 5;
    start(f);
    paint(f, 0);
    assert_true(fabs(deviation(f->frame) - 5) < 0.4);
    memcpy(f->other, f->frame, sizeof(f->other));
    paint(f, 0);
    assert_memory_not_equal(f->frame, f->other, sizeof(f->other)); /* the next frame's noise */
    f->scene.camera.noise = 0;
    f->scene.camera.drift = 0.1f;
    f->scene.camera.drift_hz = 0.5f;
    start(f);
    int darkest = 255, brightest = 0;
    for (double time_s = 0; time_s < 2; time_s += 0.1) {
        paint(f, time_s);
        darkest = f->frame[0] < darkest ? f->frame[0] : darkest;
        brightest = f->frame[0] > brightest ? f->frame[0] : brightest;
    }
    assert_true(abs(brightest - darkest - 21) <= 3); /* a tenth of 103 up and down */
}

static void a_shaking_camera_moves_place_and_object(void **state)
{
    struct fixture *f = *state;
    f->scene.camera.shake = 0.02f;
    f->scene.objects[0].x1 = 0.25f;
    start(f);
    int moved = 0;
    paint(f, 3);
    for (double time_s = 3.2; time_s < 5; time_s += 0.2) {
        memcpy(f->other, f->frame, sizeof(f->other));
        paint(f, time_s);
        moved += memcmp(f->frame, f->other, sizeof(f->other)) != 0;
        assert_true(is_red(f, 0.25, 0.65));
    }
    assert_true(moved >= 8);
}

static void blur_softens_an_edge(void **state)
{
    struct fixture *f = *state;
    int steepest[2] = {0};
    for (int blurs = 0; blurs < 2; blurs++) {
        f->scene.camera.num_blurs = (uint32_t)blurs * 2;
        start(f);
        paint(f, 4);
        for (int i = 0; i < WIDTH - 1; i++) {
            const uint8_t *row = f->frame + HEIGHT * 65 / 100 * WIDTH;
            const int step = abs(row[i + 1] - row[i]);
            steepest[blurs] = step > steepest[blurs] ? step : steepest[blurs];
        }
    }
    assert_true(steepest[1] > 2 && steepest[1] < steepest[0]);
}

static void a_picture_that_cannot_be_read_is_a_fault(void **state)
{
    struct fixture *f = *state;
    struct tyto_fault fault = {0};
    f->scene.objects[0].entry_idx = MISSING;
    assert_int_equal(
        tyto_compose_painter_create(&f->scene, &f->options, &pictures, NULL, &f->painter, &fault),
        TYTO_ERR_NOT_FOUND);
    assert_null(f->painter);
    assert_string_equal(fault.file, "gone.jpg");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        cmocka_unit_test(a_smaller_picture_holds_the_means_of_the_larger),
        cmocka_unit_test(an_enlarged_picture_is_interpolated),
        cmocka_unit_test(an_object_is_cut_out_of_a_plain_background),
        cmocka_unit_test(what_is_cut_out_already_is_only_cropped),
        cmocka_unit_test(where_there_is_no_object_nothing_is_cut),
        cmocka_unit_test(a_made_place_is_the_same_for_its_seed),
        TEST(an_object_is_where_its_box_is_and_only_then),
        TEST(a_rectangle_keeps_its_corners_and_a_filling_picture_the_frame),
        TEST(an_object_slides_in_and_fades_in),
        TEST(the_camera_adds_noise_and_drifts),
        TEST(a_shaking_camera_moves_place_and_object),
        TEST(blur_softens_an_edge),
        TEST(a_picture_that_cannot_be_read_is_a_fault),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
