/* SPDX-License-Identifier: MIT */
/* The demo camera's script: the same for the same seed, without overlaps, and
 * inside the picture; tables that are not tables are refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "demo/scene.h"

static const char good_table[] = "# a comment\n"
                                 "dog,animals/dog,0.5,0.7\n"
                                 "\n"
                                 "cow,animals/cow,0.5,0.6\n"
                                 "cow,animals/cow2,0.35,0.35\n";

static enum tyto_err read_table(const char *text, struct demo_stamp_table *table, uint32_t *line)
{
    FILE *file = fmemopen((void *)text, strlen(text), "r");

    assert_non_null(file);
    enum tyto_err err = demo_stamp_table_read(file, table, line);
    fclose(file);
    return err;
}

struct fixture {
    struct demo_stamp_table table;
    struct demo_scene scene, other;
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    uint32_t line = 0;

    assert_non_null(f);
    assert_int_equal(read_table(good_table, &f->table, &line), TYTO_OK);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    free(*state);
    return 0;
}

static void make(struct demo_scene *scene, const struct fixture *f, uint64_t seed, double seconds)
{
    struct demo_scene_params params = {.seed = seed, .seconds = seconds, .picture_aspect = 1.78f};

    assert_int_equal(demo_scene_init(scene, &params, &f->table), TYTO_OK);
}

static void a_table_is_read_with_its_comments_skipped(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(f->table.num_rows, 3);
    assert_string_equal(f->table.rows[1].class_name, "cow");
    assert_string_equal(f->table.rows[2].stamp, "animals/cow2");
    assert_float_equal(f->table.rows[0].max_height, 0.7f, 1e-6f);
}

static void a_bad_table_is_refused_with_its_line(void **state)
{
    static const char *const bad[] = {
        "dog,a,0.5,0.7\ndog\n",         "dog,a,0.5,0.7\ndog,a,x,0.7\n",
        "dog,a,0.5,0.7\ndog,a,0.5\n",   "dog,a,0.5,0.7\ndog,a,0.7,0.5\n",
        "dog,a,0.5,0.7\ndog,a,0,2\n",   "dog,a,0.5,0.7\n,a,0.5,0.7\n",
        "dog,a,0.5,0.7\ndog,a,0.5,0.7",
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        uint32_t line = 0;
        assert_int_equal(read_table(bad[i], &f->table, &line), TYTO_ERR_FORMAT);
        assert_int_equal(line, 2);
    }
}

static void the_same_seed_gives_the_same_scene(void **state)
{
    struct fixture *f = *state;

    make(&f->scene, f, 7, 300.0);
    make(&f->other, f, 7, 300.0);
    assert_memory_equal(&f->scene, &f->other, sizeof(f->scene));
    make(&f->other, f, 8, 300.0);
    assert_memory_not_equal(f->scene.events, f->other.events, sizeof(f->scene.events));
}

static void events_never_overlap_and_stay_inside(void **state)
{
    struct fixture *f = *state;

    for (uint64_t seed = 0; seed < 50; seed++) {
        double last_end_s = 0.0;
        make(&f->scene, f, seed, 120.0);
        for (uint32_t i = 0; i < f->scene.num_events; i++) {
            const struct demo_event *event = &f->scene.events[i];
            assert_true(event->begin_s >= last_end_s + 2.0);
            assert_true(event->end_s > event->begin_s && event->end_s < 120.0);
            assert_true(event->x0 >= 0.0f && event->x1 <= 1.0f && event->x0 <= event->x1);
            assert_true(event->y0 >= 0.0f && event->y1 <= 1.0f && event->y0 <= event->y1);
            last_end_s = event->end_s;
        }
    }
}

static void of_five_events_three_are_seen_and_heard(void **state)
{
    struct fixture *f = *state;
    uint32_t counts[3] = {0};

    make(&f->scene, f, 1, 3000.0);
    assert_true(f->scene.num_events > 200);
    for (uint32_t i = 0; i < 200; i++) {
        counts[f->scene.events[i].modality]++;
    }
    assert_int_equal(counts[DEMO_MODALITY_AV], 120);
    assert_int_equal(counts[DEMO_MODALITY_A], 40);
    assert_int_equal(counts[DEMO_MODALITY_V], 40);
}

static void a_scene_without_room_or_stamps_is_refused(void **state)
{
    struct fixture *f = *state;
    struct demo_scene_params params = {.seed = 1, .seconds = 6.0, .picture_aspect = 1.78f};

    assert_int_equal(demo_scene_init(&f->scene, &params, &f->table), TYTO_ERR_INVALID);
    f->table.num_rows = 0;
    params.seconds = 100.0;
    assert_int_equal(demo_scene_init(&f->scene, &params, &f->table), TYTO_ERR_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_table_is_read_with_its_comments_skipped, setup, teardown),
        cmocka_unit_test_setup_teardown(a_bad_table_is_refused_with_its_line, setup, teardown),
        cmocka_unit_test_setup_teardown(the_same_seed_gives_the_same_scene, setup, teardown),
        cmocka_unit_test_setup_teardown(events_never_overlap_and_stay_inside, setup, teardown),
        cmocka_unit_test_setup_teardown(of_five_events_three_are_seen_and_heard, setup, teardown),
        cmocka_unit_test_setup_teardown(a_scene_without_room_or_stamps_is_refused, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
