/* SPDX-License-Identifier: MIT */
/* What is composed: scenes are a function of seed and clip, inside their bounds, and their labels
 * say what is in them. */
#include "tests/unit/compose/compose_rig.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* --- scenes ------------------------------------------------------------------------------------
 */

static void a_scene_is_a_function_of_seed_and_number(void **state)
{
    struct fixture *f = *state;
    for (uint64_t clip = 0; clip < 50; clip++) {
        make(f, &f->scene, clip);
        make(f, &f->other, clip + 1);
        assert_memory_not_equal(&f->scene.camera, &f->other.camera, sizeof(f->scene.camera));
        make(f, &f->other, clip);
        assert_memory_equal(&f->scene, &f->other, sizeof(f->scene));
    }
    f->options.seed = 2;
    make(f, &f->other, 49);
    assert_memory_not_equal(&f->scene, &f->other, sizeof(f->scene));
}

static void kinds_have_their_shares_after_few_clips(void **state)
{
    struct fixture *f = *state;
    uint32_t counts[TYTO_COMPOSE_NUM_KINDS] = {0};
    for (uint64_t clip = 0; clip < 200; clip++) {
        make(f, &f->scene, clip);
        counts[f->scene.acts[0].kind]++;
    }
    for (int i = 0; i < TYTO_COMPOSE_NUM_KINDS; i++)
        assert_true(fabs(counts[i] - 200 * f->options.shares[i]) <= 3);
}

static void classes_and_recordings_take_turns(void **state)
{
    struct fixture *f = *state;
    memset(f->options.shares, 0, sizeof(f->options.shares));
    f->options.shares[TYTO_COMPOSE_BOTH] = 3;
    f->options.distractors = 0;
    uint32_t uses[256] = {0};
    assert_true(f->assets.num_entries < 256);
    for (uint64_t clip = 0; clip < 4 * (PER_CLASS - 1) * 5; clip++) {
        make(f, &f->scene, clip);
        assert_int_equal(f->scene.num_objects, 1);
        assert_int_equal(f->scene.num_sounds, 1);
        uses[f->scene.objects[0].entry_idx]++;
        uses[f->scene.sounds[0].entry_idx]++;
    }
    for (uint32_t c = 0; c < f->assets.num_wanted; c++) {
        const struct tyto_compose_class *class = &f->assets.classes[f->assets.wanted[c]];
        for (uint32_t i = 0; i < class->pictures.num; i++) {
            assert_int_equal(uses[class->pictures.idxs[i]], 5);
            assert_int_equal(uses[class->sounds.idxs[i]], 5);
        }
    }
}

static bool is_whole_frames(const struct tyto_compose_options *options, int64_t time_ns)
{
    const double frames = (double)time_ns / 1e9 * options->fps;
    return fabs(frames - round(frames)) < 1e-6;
}

static void check_bounds(const struct fixture *f, const struct tyto_compose_scene *scene)
{
    for (uint32_t i = 0; i < scene->num_objects; i++) {
        const struct tyto_compose_object *object = &scene->objects[i];
        assert_true(object->begin_ns >= 0 && object->end_ns <= scene->duration_ns);
        assert_true(object->end_ns > object->begin_ns);
        assert_true(is_whole_frames(&f->options, object->begin_ns));
        const double least = f->options.min_height * /* distractors are smaller */
                             (object->event == TYTO_COMPOSE_NO_EVENT ? 0.8 : 1);
        assert_true((double)object->height >= least - 1e-6);
        assert_true((double)object->height <= f->options.max_height + 1e-6);
        assert_true(object->event == TYTO_COMPOSE_NO_EVENT || object->event < scene->num_events);
        assert_false(f->assets.entries[object->entry_idx].is_audio);
        const int64_t middle_ns = (object->begin_ns + object->end_ns) / 2;
        const struct tyto_compose_box box = tyto_compose_object_box(object, 4 / 3.0f, middle_ns);
        assert_true(box.opacity > 0.9f);
        assert_true(box.x1 > 0.1f && box.x0 < 0.9f && box.y1 > 0.3f && box.y0 < 0.7f);
        assert_true(tyto_compose_object_box(object, 4 / 3.0f, object->begin_ns).opacity > 0);
        assert_true(tyto_compose_object_box(object, 4 / 3.0f, object->end_ns).opacity <= 0);
    }
    for (uint32_t i = 0; i < scene->num_sounds; i++) {
        const struct tyto_compose_sound *sound = &scene->sounds[i];
        assert_true(sound->begin_ns >= 0 && sound->end_ns <= scene->duration_ns);
        assert_true(sound->end_ns > sound->begin_ns);
        assert_true((double)sound->snr_db >= f->options.min_snr_db - 1e-3 &&
                    (double)sound->snr_db <= f->options.max_snr_db + 1e-3);
        assert_true(f->assets.entries[sound->entry_idx].is_audio);
    }
}

static void everything_stays_within_its_bounds(void **state)
{
    struct fixture *f = *state;
    for (uint64_t clip = 0; clip < 400; clip++) {
        make(f, &f->scene, clip);
        check_bounds(f, &f->scene);
    }
    f->options.seconds = 600;
    f->options.fps = 29.97;
    f->options.max_offset_s = 2;
    f->options.distractors = 1;
    for (uint64_t clip = 0; clip < 20; clip++) {
        make(f, &f->scene, clip);
        assert_int_equal(f->scene.num_acts, 60);
        check_bounds(f, &f->scene);
    }
}

static void streams_of_one_camera_differ_by_one_offset(void **state)
{
    struct fixture *f = *state;
    f->options.max_offset_s = 0.5;
    f->options.clips_per_camera = 10;
    bool any = false;
    for (uint64_t clip = 0; clip < 30; clip += 10) {
        make(f, &f->scene, clip);
        make(f, &f->other, clip + 9);
        assert_memory_equal(&f->scene.camera, &f->other.camera, sizeof(f->scene.camera));
        assert_true(llabs(f->scene.camera.offset_ns) <= 500000000);
        any |= f->scene.camera.offset_ns != 0;
        make(f, &f->other, clip + 10);
        assert_int_not_equal(f->scene.camera.offset_ns, f->other.camera.offset_ns);
    }
    assert_true(any);
}

static void bad_options_are_refused(void **state)
{
    struct fixture *f = *state;
    const struct tyto_compose_options good = f->options;
    for (int i = 0; i < 8; i++) {
        f->options = good;
        switch (i) {
        case 0:
            f->options.seconds = NAN;
            break;
        case 1:
            f->options.fps = 0;
            break;
        case 2:
            f->options.width_px = 321;
            break;
        case 3:
            f->options.max_snr_db = -1;
            break;
        case 4:
            f->options.shares[0] = -1;
            break;
        case 5:
            memset(f->options.shares, 0, sizeof(f->options.shares));
            break;
        case 6:
            f->options.max_offset_s = 6;
            break;
        default:
            f->options.height_px = 4000;
        }
        assert_int_equal(tyto_compose_scene_init(&f->scene, &f->options, &f->assets, 0),
                         TYTO_ERR_INVALID);
    }
}

/* --- labels --------------------------------------------------------------------------------------
 */

/* Seconds of labels in a modality's rows, `both` counting for both. */
static double sum_labels(const char *rows, const char *modality)
{
    double sum = 0;
    char *copy = strdup(rows), *rest = NULL;
    assert_non_null(copy);
    for (char *row = strtok_r(copy, "\n", &rest); row; row = strtok_r(NULL, "\n", &rest)) {
        const char *fields[5] = {row};
        int num = 1;
        for (char *at = row; *at; at++) {
            if (*at == ',' && num < 5) {
                fields[num++] = at + 1;
            }
        }
        assert_int_equal(num, 5);
        if (strcmp(fields[4], modality) == 0 || strcmp(fields[4], "both") == 0)
            sum += strtod(fields[3], NULL) - strtod(fields[2], NULL);
    }
    free(copy);
    return sum;
}

static void labels_say_what_is_in_the_scene(void **state)
{
    struct fixture *f = *state;
    f->options.max_offset_s = 0.3;
    uint32_t num_both = 0, num_ave = 0;
    for (uint64_t clip = 0; clip < 100; clip++) {
        struct tyto_compose_truth truth;
        double seen_s = 0, heard_s = 0;
        f->options.max_offset_s = clip < 50 ? 0 : 0.3;
        make(f, &f->scene, clip);
        assert_int_equal(
            tyto_compose_truth_make(&f->scene, &f->options, &f->assets, "c.mp4", 1, &truth),
            TYTO_OK);
        for (uint32_t i = 0; i < f->scene.num_objects; i++) {
            if (f->scene.objects[i].event != TYTO_COMPOSE_NO_EVENT)
                seen_s += (double)(f->scene.objects[i].end_ns - f->scene.objects[i].begin_ns) / 1e9;
        }
        for (uint32_t i = 0; i < f->scene.num_sounds; i++) {
            if (f->scene.sounds[i].event != TYTO_COMPOSE_NO_EVENT)
                heard_s += (double)(f->scene.sounds[i].end_ns - f->scene.sounds[i].begin_ns) / 1e9;
        }
        assert_true(fabs(sum_labels(truth.labels, "seen") - seen_s) < 0.01);
        assert_true(fabs(sum_labels(truth.labels, "heard") - heard_s) < 0.01);
        assert_int_equal(truth.labels[0] == 'c', 1);
        if (truth.num_labels == 0)
            assert_string_equal(truth.labels, "c.mp4,,,,\n");
        num_both += strstr(truth.labels, "both") != NULL;
        num_ave += truth.annotation[0] != '\0';
        assert_true(f->scene.acts[0].kind == TYTO_COMPOSE_BOTH || truth.annotation[0] == '\0' ||
                    f->scene.acts[0].kind == TYTO_COMPOSE_SEVERAL);
        assert_null(strchr(truth.scene, '\n'));
        tyto_compose_truth_finish(&truth);
    }
    assert_true(num_both >= 10 && num_ave >= 30);
}

/* Two acts that touch would be one event if their classes are the same. */
static void between_events_it_is_quiet_where_that_is_asked_for(void **state)
{
    struct fixture *f = *state;
    const int64_t quiet_ns = 1250000000, frame_ns = 80000000;
    f->options.seconds = 60;
    f->options.quiet_s = 1.25;
    for (uint64_t clip = 0; clip < 50; clip++) {
        make(f, &f->scene, clip);
        assert_true(f->scene.num_events > 0);
        for (uint32_t i = 0; i < f->scene.num_objects; i++) {
            const struct tyto_compose_object *object = &f->scene.objects[i];
            const int64_t act_ns = object->begin_ns / 10000000000 * 10000000000;
            assert_true(object->begin_ns - act_ns >= quiet_ns - frame_ns);
            assert_true(act_ns + 10000000000 - object->end_ns >= quiet_ns - frame_ns);
        }
        for (uint32_t i = 0; i < f->scene.num_sounds; i++) {
            const struct tyto_compose_sound *sound = &f->scene.sounds[i];
            const int64_t act_ns = sound->begin_ns / 10000000000 * 10000000000;
            assert_true(sound->begin_ns - act_ns >= quiet_ns - frame_ns);
            assert_true(act_ns + 10000000000 - sound->end_ns >= quiet_ns - frame_ns);
        }
    }
    f->options.quiet_s = 4.5;
    assert_int_equal(tyto_compose_scene_init(&f->scene, &f->options, &f->assets, 0),
                     TYTO_ERR_INVALID);
}

static void without_lags_the_streams_agree(void **state)
{
    struct fixture *f = *state;
    uint32_t num_both = 0, num_apart = 0;
    for (int with = 0; with < 2; with++) {
        f->options.lags = with ? 0.3 : 0;
        for (uint64_t clip = 0; clip < 100; clip++) {
            make(f, &f->scene, clip);
            for (uint32_t i = 0; i < f->scene.num_objects; i++) {
                const struct tyto_compose_object *object = &f->scene.objects[i];
                for (uint32_t j = 0; j < f->scene.num_sounds; j++) {
                    const struct tyto_compose_sound *sound = &f->scene.sounds[j];
                    if (object->event == TYTO_COMPOSE_NO_EVENT || object->event != sound->event)
                        continue;
                    const bool is_apart =
                        object->begin_ns != sound->begin_ns || object->end_ns != sound->end_ns;
                    assert_false(is_apart && !with);
                    num_both++;
                    num_apart += is_apart;
                }
            }
        }
    }
    assert_true(num_both > 50);
    assert_true(num_apart > 0);
}

static void a_camera_that_stands_still_sees_one_place(void **state)
{
    struct fixture *f = *state;
    f->options.seconds = 60;
    make(f, &f->other, 3);
    f->options.is_still = true;
    make(f, &f->scene, 3);
    for (uint32_t i = 0; i < f->scene.num_acts; i++) {
        const struct tyto_compose_act *act = &f->scene.acts[i], *first = &f->scene.acts[0];
        assert_int_equal(act->place_idx, first->place_idx);
        assert_int_equal(act->seed, first->seed);
        assert_true(act->zoom0 == first->zoom0 && act->zoom1 == first->zoom0);
        assert_true(act->x1 == first->x0 && act->y1 == first->y0);
        assert_int_equal(act->kind, f->other.acts[i].kind); /* all else is the same */
    }
    for (uint32_t i = 0; i < f->scene.num_objects; i++) {
        assert_int_not_equal(f->scene.objects[i].look, TYTO_COMPOSE_FILLING);
        assert_int_equal(f->scene.objects[i].begin_ns, f->other.objects[i].begin_ns);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_scene_is_a_function_of_seed_and_number),
        TEST(kinds_have_their_shares_after_few_clips),
        TEST(classes_and_recordings_take_turns),
        TEST(everything_stays_within_its_bounds),
        TEST(streams_of_one_camera_differ_by_one_offset),
        TEST(bad_options_are_refused),
        TEST(labels_say_what_is_in_the_scene),
        TEST(between_events_it_is_quiet_where_that_is_asked_for),
        TEST(without_lags_the_streams_agree),
        TEST(a_camera_that_stands_still_sees_one_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
