/* SPDX-License-Identifier: MIT */
/* The estimator of how far sound lies behind picture, in a made-up world: a square that lights up
 * with each stroke that is heard, another that lights up by itself, noise in both streams. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "pipeline/sync/sync.h"

#define S 1000000000ll
#define MS 1000000ll

enum {
    PIECE = 320, /* samples that come at once: 20 ms */
    SAME = 16,   /* that are equally loud: 1 ms */
    MAX_STROKES = 4000,
};

struct world {
    double offset_s;
    double step_at_s, step_s; /* from then on by so much more */
    double drift_ppm;
    double fps;              /* 0: 25 */
    double lost;             /* share of the pictures that do not come */
    double shown_s, every_s; /* pictures come for shown_s in every_s only; 0: always */
    double silent_from_s;    /* neither sound nor motion after; 0: never */
    bool is_unrelated, is_silent, is_frozen, has_nan;
    int hidden_from_x, hidden_to_x; /* columns of which nothing counts; both 0: all does */
    int64_t base_ns;                /* of both streams' times */
    uint64_t seed;
};

struct strokes {
    double times_s[MAX_STROKES];
    int num, at; /* at: the first that is not over */
};

static void draw_strokes(struct strokes *strokes, uint64_t seed, double seconds)
{
    uint64_t random = seed;
    double time_s = 0;
    strokes->num = strokes->at = 0;
    while (time_s < seconds && strokes->num < MAX_STROKES) {
        time_s += 0.15 - 0.6 * log(1 - tyto_random_share(&random));
        strokes->times_s[strokes->num++] = time_s;
    }
}

/* How strong what has begun still is. Times ascend, but for half a second. */
static double strength(struct strokes *strokes, double time_s)
{
    double sum = 0;
    while (strokes->at < strokes->num && strokes->times_s[strokes->at] < time_s - 2)
        strokes->at++;
    for (int i = strokes->at; i < strokes->num && strokes->times_s[i] <= time_s; i++)
        sum += exp((strokes->times_s[i] - time_s) / 0.08);
    return sum;
}

struct play {
    struct world world;
    struct tyto_sync *sync;
    struct strokes heard, seen, other;
    uint64_t random;
    int64_t num_samples, num_pictures;
};

static void begin(struct play *play, const struct world *world)
{
    *play = (struct play){.world = *world, .random = world->seed + 7};
    play->world.fps = world->fps > 0 ? world->fps : 25;
    draw_strokes(&play->heard, world->seed + 1, 3600);
    draw_strokes(&play->seen, world->seed + (world->is_unrelated ? 2 : 1), 3600);
    draw_strokes(&play->other, world->seed + 3, 3600);
    uint8_t hidden[TYTO_SYNC_GREY_BYTES];
    for (int i = 0; i < TYTO_SYNC_GREY_BYTES; i++)
        hidden[i] = i % TYTO_SYNC_GREY_WIDTH >= world->hidden_from_x &&
                    i % TYTO_SYNC_GREY_WIDTH < world->hidden_to_x;
    const struct tyto_sync_params params = {.hidden = world->hidden_to_x > 0 ? hidden : NULL};
    assert_int_equal(tyto_sync_create(&params, &play->sync), TYTO_OK);
}

static bool is_over(const struct world *world, double time_s)
{
    return world->silent_from_s > 0 && time_s > world->silent_from_s;
}

static void put_sound(struct play *play)
{
    const struct world *world = &play->world;
    float samples[PIECE];
    const double begin_s = (double)play->num_samples / TYTO_SYNC_RATE_HZ;
    double loud = 0;
    for (int i = 0; i < PIECE; i++) {
        const double time_s = begin_s + (double)i / TYTO_SYNC_RATE_HZ;
        if (i % SAME == 0)
            loud = world->is_silent || is_over(world, time_s)
                       ? 0
                       : 0.002 + 0.2 * strength(&play->heard, time_s);
        samples[i] = (float)(loud * (2 * tyto_random_share(&play->random) - 1));
    }
    if (world->has_nan && play->num_samples % 16000 == 0)
        samples[5] = NAN;
    const double late_s = world->offset_s + world->drift_ppm * 1e-6 * begin_s +
                          (world->step_s != 0 && begin_s >= world->step_at_s ? world->step_s : 0);
    tyto_sync_sound(play->sync, world->base_ns + (int64_t)((begin_s + late_s) * 1e9), samples,
                    PIECE);
    play->num_samples += PIECE;
}

static void put_square(uint8_t *grey, int x0, int y0, double light)
{
    for (int y = y0; y < y0 + 6; y++) {
        for (int x = x0; x < x0 + 6; x++)
            grey[y * TYTO_SYNC_GREY_WIDTH + x] = (uint8_t)fmin(235, 60 + 100 * light);
    }
}

static void put_picture(struct play *play)
{
    const struct world *world = &play->world;
    const double time_s = (double)play->num_pictures++ / world->fps;
    uint8_t grey[TYTO_SYNC_GREY_BYTES];
    const double moved_s = world->is_frozen ? 1 : is_over(world, time_s) ? 1e6 : time_s;
    for (int i = 0; i < TYTO_SYNC_GREY_BYTES; i++)
        grey[i] = (uint8_t)(80u + (uint32_t)i % 90 +
                            (world->is_frozen || is_over(world, time_s)
                                 ? 0
                                 : tyto_random_below(&play->random, 2)));
    put_square(grey, 20, 12, strength(&play->seen, moved_s));
    put_square(grey, 40, 20, strength(&play->other, moved_s));
    const bool lost = tyto_random_share(&play->random) < world->lost;
    const bool shown = world->every_s <= 0 || fmod(time_s, world->every_s) < world->shown_s;
    if (shown && !lost)
        tyto_sync_picture(play->sync, world->base_ns + (int64_t)(time_s * 1e9), grey);
}

/* Both streams up to until_s, in the order of their times. */
static void go_on(struct play *play, double until_s, struct tyto_sync_estimate *ret_estimate)
{
    for (;;) {
        const double sound_s = (double)play->num_samples / TYTO_SYNC_RATE_HZ;
        const double picture_s = (double)play->num_pictures / play->world.fps;
        if (fmin(sound_s, picture_s) >= until_s)
            break;
        if (sound_s <= picture_s)
            put_sound(play);
        else
            put_picture(play);
    }
    tyto_sync_get(play->sync, ret_estimate);
}

static void run(const struct world *world, double seconds, struct tyto_sync_estimate *ret_estimate)
{
    struct play *play = malloc(sizeof(*play));
    assert_non_null(play);
    begin(play, world);
    go_on(play, seconds, ret_estimate);
    tyto_sync_destroy(&play->sync);
    free(play);
}

static void assert_found(const struct tyto_sync_estimate *estimate, double offset_s, double most_s)
{
    assert_int_equal(estimate->status, TYTO_SYNC_CONFIDENT);
    assert_true(fabs((double)estimate->offset_ns / 1e9 - offset_s) <= most_s);
    assert_true(estimate->low_ns <= estimate->offset_ns);
    assert_true(estimate->high_ns >= estimate->offset_ns);
    assert_true(estimate->confidence > 0.99);
}

/* --- offsets --------------------------------------------------------------------------------- */

static void sound_that_comes_late_is_positive(void **state)
{
    (void)state;
    struct tyto_sync_estimate estimate;
    run(&(struct world){.offset_s = 0.73, .seed = 1}, 60, &estimate);
    assert_found(&estimate, 0.73, 0.02);
}

/* What moves with the sound lies left of the middle, something else right of it. Behind a mask it
 * tells nothing; beside one it tells what it tells without. */
static void what_moves_behind_a_mask_does_not_count(void **state)
{
    (void)state;
    struct tyto_sync_estimate estimate;
    run(&(struct world){.offset_s = 0.73, .seed = 1, .hidden_to_x = 32}, 60, &estimate);
    assert_int_not_equal(estimate.status, TYTO_SYNC_CONFIDENT);
    run(&(struct world){.offset_s = 0.73, .seed = 1, .hidden_from_x = 32, .hidden_to_x = 64}, 60,
        &estimate);
    assert_found(&estimate, 0.73, 0.02);
}

static void sound_that_comes_early_is_negative(void **state)
{
    (void)state;
    struct tyto_sync_estimate estimate;
    run(&(struct world){.offset_s = -1.91, .seed = 2}, 60, &estimate);
    assert_found(&estimate, -1.91, 0.02);
}

static void ten_to_thirty_pictures_a_second_will_do(void **state)
{
    (void)state;
    const double rates[] = {10, 12.5, 15, 30};
    for (int i = 0; i < 4; i++) {
        struct tyto_sync_estimate estimate;
        run(&(struct world){.offset_s = 0.21, .fps = rates[i], .seed = 3}, 60, &estimate);
        assert_found(&estimate, 0.21, fmax(0.02, 0.5 / rates[i])); /* half a picture's time */
    }
}

static void lost_pictures_do_no_harm(void **state)
{
    (void)state;
    struct tyto_sync_estimate estimate;
    run(&(struct world){.offset_s = -0.4, .lost = 0.3, .seed = 4}, 60, &estimate);
    assert_found(&estimate, -0.4, 0.025);
}

static void samples_that_are_no_numbers_do_no_harm(void **state)
{
    (void)state;
    struct tyto_sync_estimate estimate;
    run(&(struct world){.offset_s = 0.1, .has_nan = true, .seed = 5}, 60, &estimate);
    assert_found(&estimate, 0.1, 0.02);
}

/* A live camera's duty: twenty seconds decoded in every minute. */
static void stretches_of_pictures_add_up(void **state)
{
    (void)state;
    struct tyto_sync_estimate estimate;
    run(&(struct world){.offset_s = 0.9, .shown_s = 20, .every_s = 60, .seed = 6}, 200, &estimate);
    assert_found(&estimate, 0.9, 0.02);
}

static void another_timeline_may_begin(void **state)
{
    (void)state;
    struct tyto_sync_estimate estimate;
    struct play *play = malloc(sizeof(*play));
    assert_non_null(play);
    begin(play, &(struct world){.offset_s = 0.3, .base_ns = 5000 * S, .seed = 7});
    go_on(play, 40, &estimate);
    play->world.base_ns = -100 * S;
    go_on(play, 100, &estimate);
    assert_found(&estimate, 0.3, 0.02);
    assert_true(estimate.time_ns < 100 * S);
    tyto_sync_destroy(&play->sync);
    free(play);
}

/* --- what is not there is not told ----------------------------------------------------------- */

static void streams_that_share_nothing_are_not_synchronizable(void **state)
{
    (void)state;
    for (uint64_t seed = 10; seed < 14; seed++) {
        struct tyto_sync_estimate estimate;
        run(&(struct world){.is_unrelated = true, .seed = seed}, 120, &estimate);
        assert_int_equal(estimate.status, TYTO_SYNC_UNRELATED);
        assert_string_equal(tyto_sync_status_text(estimate.status), "not synchronizable");
        assert_true(estimate.score < 2.5);
    }
}

static void silence_tells_nothing(void **state)
{
    (void)state;
    struct tyto_sync_estimate estimate;
    run(&(struct world){.is_silent = true, .seed = 15}, 90, &estimate);
    assert_int_equal(estimate.status, TYTO_SYNC_LISTENING);
    assert_true(estimate.evidence_s < 1);
}

static void a_frozen_picture_tells_nothing(void **state)
{
    (void)state;
    struct tyto_sync_estimate estimate;
    run(&(struct world){.is_frozen = true, .seed = 16}, 90, &estimate);
    assert_int_equal(estimate.status, TYTO_SYNC_LISTENING);
    assert_true(estimate.evidence_s < 1);
}

static void a_quiet_night_makes_nothing_forgotten(void **state)
{
    (void)state;
    struct tyto_sync_estimate estimate;
    run(&(struct world){.offset_s = 0.5, .silent_from_s = 60, .seed = 17}, 400, &estimate);
    assert_found(&estimate, 0.5, 0.02);
}

/* --- what changes is followed ---------------------------------------------------------------- */

static void a_step_is_followed_within_half_a_minute(void **state)
{
    (void)state;
    struct tyto_sync_estimate estimate;
    struct play *play = malloc(sizeof(*play));
    assert_non_null(play);
    begin(play, &(struct world){.offset_s = -0.2, .step_at_s = 100, .step_s = 0.62, .seed = 18});
    go_on(play, 100, &estimate);
    assert_found(&estimate, -0.2, 0.02);
    assert_int_equal(estimate.num_steps, 0);
    go_on(play, 130, &estimate);
    assert_found(&estimate, 0.42, 0.03);
    assert_int_equal(estimate.num_steps, 1);
    tyto_sync_destroy(&play->sync);
    free(play);
}

static void a_drift_is_followed_and_told(void **state)
{
    (void)state;
    struct tyto_sync_estimate estimate;
    run(&(struct world){.offset_s = 0.1, .drift_ppm = 100, .seed = 19}, 480, &estimate);
    assert_found(&estimate, 0.1 + 0.048, 0.04);
    assert_int_equal(estimate.num_steps, 0);
    assert_true(estimate.has_drift);
    assert_true(fabs(estimate.drift_ppm - 100) < 60);
}

/* --- parts ----------------------------------------------------------------------------------- */

static void the_map_shows_where_it_agrees(void **state)
{
    (void)state;
    struct tyto_sync_estimate estimate;
    struct play *play = malloc(sizeof(*play));
    float cells[TYTO_SYNC_NUM_PLACES], curve[TYTO_SYNC_NUM_LAGS], null;
    assert_non_null(play);
    begin(play, &(struct world){.offset_s = 0.4, .seed = 20});
    go_on(play, 60, &estimate);
    tyto_sync_get_cells(play->sync, cells);
    const float here = cells[3 * TYTO_SYNC_COLS + 5], other = cells[5 * TYTO_SYNC_COLS + 10];
    assert_true(here > 6 && here > 2 * other);
    tyto_sync_get_curve(play->sync, curve, &null);
    assert_true(curve[TYTO_SYNC_REACH + 20] > null);
    assert_true(curve[TYTO_SYNC_REACH - 60] < null);
    tyto_sync_destroy(&play->sync);
    free(play);
}

static void a_frame_becomes_small(void **state)
{
    (void)state;
    enum { W = 320, H = 180 };
    static uint8_t plane[W * H];
    uint8_t grey[TYTO_SYNC_GREY_BYTES];
    for (int i = 0; i < W * H; i++)
        plane[i] = (uint8_t)(i % W / 5 * 2 + i / W / 5);
    const struct tyto_frame frame = {.format = TYTO_PIXEL_NV12,
                                     .width = W,
                                     .height = H,
                                     .planes = {plane},
                                     .strides_bytes = {W}};
    tyto_sync_shrink(&frame, grey);
    for (int y = 0; y < TYTO_SYNC_GREY_HEIGHT; y++) {
        for (int x = 0; x < TYTO_SYNC_GREY_WIDTH; x++)
            assert_int_equal(grey[y * TYTO_SYNC_GREY_WIDTH + x], 2 * x + y);
    }
}

static void its_size_is_what_the_header_says(void **state)
{
    (void)state;
    assert_true(tyto_sync_bytes() < 5000000);
    struct tyto_sync *sync = NULL;
    const struct tyto_sync_params bad = {.memory_s = 0.1};
    assert_int_equal(tyto_sync_create(&bad, &sync), TYTO_ERR_INVALID);
    assert_null(sync);
}

/* With a sanitizer they take sixteen times as long: the long ones are left to builds without. */
static bool is_sanitized(void)
{
#ifdef __SANITIZE_ADDRESS__
    return true;
#else
    return false;
#endif
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sound_that_comes_late_is_positive),
        cmocka_unit_test(what_moves_behind_a_mask_does_not_count),
        cmocka_unit_test(samples_that_are_no_numbers_do_no_harm),
        cmocka_unit_test(another_timeline_may_begin),
        cmocka_unit_test(a_frozen_picture_tells_nothing),
        cmocka_unit_test(a_step_is_followed_within_half_a_minute),
        cmocka_unit_test(the_map_shows_where_it_agrees),
        cmocka_unit_test(a_frame_becomes_small),
        cmocka_unit_test(its_size_is_what_the_header_says),
    };
    const struct CMUnitTest long_tests[] = {
        cmocka_unit_test(sound_that_comes_early_is_negative),
        cmocka_unit_test(ten_to_thirty_pictures_a_second_will_do),
        cmocka_unit_test(lost_pictures_do_no_harm),
        cmocka_unit_test(stretches_of_pictures_add_up),
        cmocka_unit_test(streams_that_share_nothing_are_not_synchronizable),
        cmocka_unit_test(silence_tells_nothing),
        cmocka_unit_test(a_quiet_night_makes_nothing_forgotten),
        cmocka_unit_test(a_drift_is_followed_and_told),
    };
    const int num_failed = cmocka_run_group_tests(tests, NULL, NULL);
    return num_failed + (is_sanitized() ? 0 : cmocka_run_group_tests(long_tests, NULL, NULL));
}
