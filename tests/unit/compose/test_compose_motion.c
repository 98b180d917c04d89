/* SPDX-License-Identifier: MIT */
/* Objects move when, and as much as, their own sound is loud on the pictures' timeline. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "trainer/compose/mix.h"
#include "trainer/compose/motion.h"

enum { RATE = TYTO_COMPOSE_RATE_HZ, SECONDS = 10, NUM = RATE * SECONDS };
enum { HOPS, FLASHES, ALONE, STILL, NUM_OBJECTS };

#define MS 1000000ll

struct fixture {
    struct tyto_compose_scene scene;
    struct tyto_compose_motions motions;
    float samples[NUM];
};

/* Sound number 1 is a tone from 2 s to 2.3 s of a track that is written half a second late. */
static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    assert_non_null(f);
    f->scene = (struct tyto_compose_scene){
        .duration_ns = SECONDS * 1000 * MS,
        .num_objects = NUM_OBJECTS,
        .num_sounds = 2,
        .camera = {.offset_ns = 500 * MS},
        .objects = {[HOPS] = {.motion = TYTO_COMPOSE_HOP, .sound_idx = 1, .reach = 0.1f},
                    [FLASHES] = {.motion = TYTO_COMPOSE_FLASH, .sound_idx = 1, .reach = 0.2f},
                    [ALONE] = {.motion = TYTO_COMPOSE_SWELL,
                               .sound_idx = TYTO_COMPOSE_NO_ENTRY,
                               .reach = 0.1f,
                               .motion_seed = 5},
                    [STILL] = {.motion = TYTO_COMPOSE_STILL, .sound_idx = 1, .reach = 0.1f}},
    };
    assert_int_equal(tyto_compose_motions_init(&f->motions, &f->scene), TYTO_OK);
    for (int i = 2 * RATE; i < 2 * RATE + RATE * 3 / 10; i++)
        f->samples[i] = 0.5f * sinf(2 * (float)M_PI * 440 * (float)i / RATE);
    tyto_compose_motions_hear(&f->motions, 1, f->samples, RATE, 4 * RATE);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    tyto_compose_motions_finish(&f->motions);
    free(f);
    return 0;
}

/* How far up the box of 100 x 100 pixels goes at a time. */
static double height_at(const struct fixture *f, uint32_t object, int64_t time_ns)
{
    double box[4] = {100, 100, 200, 200};
    (void)tyto_compose_motions_apply(&f->motions, object, time_ns, box);
    return 100 - box[1];
}

static void an_object_moves_when_its_sound_is_made_not_when_it_is_written(void **state)
{
    const struct fixture *f = *state;
    assert_true(fabs(height_at(f, HOPS, 1650 * MS) - 10) < 0.5); /* heard at 2.15 s */
    assert_true(height_at(f, HOPS, 1400 * MS) == 0);
    assert_true(height_at(f, HOPS, 1900 * MS) == 0);
    assert_true(height_at(f, HOPS, 2150 * MS) == 0);
    /* the edge is where the tone begins, to a hundredth of a second */
    assert_true(fabs(height_at(f, HOPS, 1500 * MS) - 5) < 2.5);
}

static void it_moves_by_its_kind(void **state)
{
    const struct fixture *f = *state;
    double box[4] = {100, 100, 200, 200};
    const float light = tyto_compose_motions_apply(&f->motions, FLASHES, 1650 * MS, box);
    assert_true(fabsf(light - 1.2f) < 0.01f);
    assert_true(box[1] == 100 && box[3] == 200);
    assert_true(tyto_compose_motions_apply(&f->motions, HOPS, 1650 * MS, box) == 1);
    assert_true(fabs(box[3] - box[1] - 100) < 1e-9); /* it keeps its size */
    assert_true(height_at(f, STILL, 1650 * MS) == 0);
}

static void a_silent_object_has_a_rhythm_of_its_own(void **state)
{
    const struct fixture *f = *state;
    int num_moved = 0, num_at_rest = 0;
    for (int64_t t = 0; t < SECONDS * 100; t++) {
        num_moved += height_at(f, ALONE, t * 10 * MS) > 1;
        num_at_rest += height_at(f, ALONE, t * 10 * MS) < 0.5;
    }
    assert_true(num_moved > 50 && num_at_rest > 50);
}

static void another_sound_moves_nothing(void **state)
{
    struct fixture *f = *state;
    tyto_compose_motions_hear(&f->motions, 0, f->samples, 0, NUM);
    assert_true(height_at(f, HOPS, 3650 * MS) == 0);
    assert_true(fabs(height_at(f, HOPS, 1650 * MS) - 10) < 0.5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            an_object_moves_when_its_sound_is_made_not_when_it_is_written, setup, teardown),
        cmocka_unit_test_setup_teardown(it_moves_by_its_kind, setup, teardown),
        cmocka_unit_test_setup_teardown(a_silent_object_has_a_rhythm_of_its_own, setup, teardown),
        cmocka_unit_test_setup_teardown(another_sound_moves_nothing, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
