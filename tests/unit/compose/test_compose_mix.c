/* SPDX-License-Identifier: MIT */
/* Sounds are as loud over the noise as was asked for, begin and end where the scene says, decay in
 * their rooms, and have no long silences. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "trainer/compose/mix.h"

enum { RATE = TYTO_COMPOSE_RATE_HZ, SECONDS = 10, NUM = RATE * SECONDS, LEN = RATE * 2 };

/* A tone of two seconds, 440 Hz for entry 0, 1000 for 1; entry 2 is silent, 3 fails. */
static enum tyto_err read_tone(void *user, uint32_t entry_idx, float **ret_samples,
                               uint32_t *ret_num_samples, struct tyto_fault *ret_fault)
{
    (void)user;
    if (entry_idx == 3)
        return tyto_fault_set(ret_fault, TYTO_ERR_IO, "gone.flac", 0, NULL, "is gone");
    float *samples = calloc(LEN, sizeof(*samples));
    assert_non_null(samples);
    for (uint32_t i = 0; i < LEN && entry_idx != 2; i++)
        samples[i] =
            0.3f * sinf(2 * (float)M_PI * (entry_idx ? 1000.0f : 440.0f) * (float)i / RATE);
    *ret_samples = samples;
    *ret_num_samples = LEN;
    return TYTO_OK;
}

static const struct tyto_compose_sounds tones = {.read = read_tone};

struct fixture {
    struct tyto_compose_scene scene;
    float mix[NUM], bed[NUM];
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    assert_non_null(f);
    f->scene = (struct tyto_compose_scene){
        .seed = 7,
        .duration_ns = SECONDS * 1000000000LL,
        .noise = TYTO_COMPOSE_PINK,
        .noise_db = -40,
    };
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    free(*state);
    return 0;
}

static void add(struct fixture *f, uint32_t entry_idx, double begin_s, double end_s, double snr_db)
{
    f->scene.sounds[f->scene.num_sounds++] = (struct tyto_compose_sound){
        .entry_idx = entry_idx,
        .begin_ns = (int64_t)(begin_s * 1e9),
        .end_ns = (int64_t)(end_s * 1e9),
        .snr_db = (float)snr_db,
        .speed = 1,
        .seed = 3,
    };
}

static void mix(struct fixture *f, float *to)
{
    struct tyto_fault fault;
    float gain = 0;
    assert_int_equal(tyto_compose_mix(&f->scene, &tones, NULL, to, NUM, &gain, &fault), TYTO_OK);
    assert_true(gain > 0 && gain <= 1);
    for (int i = 0; i < NUM; i++) {
        assert_true(fabsf(to[i]) <= 1);
        to[i] /= gain;
    }
}

/* The mix without its sounds, then with; *alone is what they add. */
static void mix_alone(struct fixture *f, float *alone)
{
    const uint32_t num = f->scene.num_sounds;
    f->scene.num_sounds = 0;
    mix(f, f->bed);
    f->scene.num_sounds = num;
    mix(f, f->mix);
    for (int i = 0; i < NUM; i++)
        alone[i] = f->mix[i] - f->bed[i];
}

static double level_db(const float *samples, double begin_s, double end_s)
{
    double sum = 0;
    const int begin = (int)(begin_s * RATE), end = (int)(end_s * RATE);
    for (int i = begin; i < end; i++)
        sum += (double)samples[i] * (double)samples[i];
    return 10 * log10(sum / (end - begin) + 1e-30);
}

static void sounds_are_as_loud_as_asked_for(void **state)
{
    struct fixture *f = *state;
    static const double asked_db[] = {-10, 0, 7.5, 20, 45};
    float *alone = malloc(NUM * sizeof(*alone));
    assert_non_null(alone);
    for (int kind = 0; kind < TYTO_COMPOSE_NUM_NOISES; kind++) {
        f->scene.noise = (enum tyto_compose_noise)kind;
        f->scene.num_babble = kind == TYTO_COMPOSE_BABBLE ? 2 : 0;
        f->scene.babble[1] = 1;
        for (int i = 0; i < 5; i++) {
            f->scene.num_sounds = 0;
            add(f, 0, 2, 7, asked_db[i]);
            mix_alone(f, alone);
            assert_true(fabs(level_db(f->bed, 0, 10) - -40) < 0.5);
            const double snr_db = level_db(alone, 2, 7) - level_db(f->bed, 0, 10);
            assert_true(fabs(snr_db - asked_db[i]) < 0.5);
        }
    }
    free(alone);
}

static void sounds_begin_and_end_when_the_scene_says(void **state)
{
    struct fixture *f = *state;
    float *alone = malloc(NUM * sizeof(*alone));
    assert_non_null(alone);
    add(f, 0, 2.5, 7.25, 20);
    mix_alone(f, alone);
    assert_true(level_db(alone, 0, 2.5) < -120);
    assert_true(level_db(alone, 7.25, 10) < -120);
    for (double at_s = 2.55; at_s < 7.2; at_s += 0.1) /* no hole, though it is repeated */
        assert_true(level_db(alone, at_s, at_s + 0.05) > -26);
    free(alone);
}

static void a_loud_mix_becomes_quieter_as_a_whole(void **state)
{
    struct fixture *f = *state;
    struct tyto_fault fault;
    float gain = 1;
    f->scene.noise_db = -20;
    add(f, 0, 0, 10, 30);
    assert_int_equal(tyto_compose_mix(&f->scene, &tones, NULL, f->mix, NUM, &gain, &fault),
                     TYTO_OK);
    assert_true(gain < 0.5f);
    float loudest = 0;
    for (int i = 0; i < NUM; i++)
        loudest = fmaxf(loudest, fabsf(f->mix[i]));
    assert_true(loudest <= 1 && loudest > 0.9f);
}

static void a_mix_is_a_function_of_its_scene(void **state)
{
    struct fixture *f = *state;
    add(f, 0, 1, 4, 10);
    add(f, 1, 3, 9, 5);
    f->scene.sounds[1].room_s = 0.5f;
    mix(f, f->mix);
    mix(f, f->bed);
    assert_memory_equal(f->mix, f->bed, sizeof(f->mix));
    f->scene.seed++;
    mix(f, f->bed);
    assert_memory_not_equal(f->mix, f->bed, sizeof(f->mix));
}

static void a_room_decays_by_sixty_db_in_its_time(void **state)
{
    struct fixture *f = *state;
    static const float rooms_s[] = {0.2f, 0.5f, 0.8f};
    for (int r = 0; r < 3; r++) {
        memset(f->mix, 0, sizeof(f->mix));
        f->mix[0] = 1;
        assert_int_equal(tyto_compose_reverberate(f->mix, RATE, rooms_s[r], -5, 11), TYTO_OK);
        assert_true(fabsf(f->mix[0] - 1) < 1e-6f);
        const double room_s = (double)rooms_s[r];
        /* the tail's power is what was asked for, and a straight line in dB */
        const double tail = level_db(f->mix + 1, 0, 0.99) + 10 * log10(0.99 * RATE);
        assert_true(fabs(tail - -5) < 0.3);
        const double first = level_db(f->mix, 0.1 * room_s, 0.3 * room_s);
        const double last = level_db(f->mix, 0.7 * room_s, 0.9 * room_s);
        assert_true(fabs(first - last - 36) < 4);
        assert_true(level_db(f->mix, room_s + 0.001, room_s + 0.1) < -120);
    }
}

static void a_room_keeps_the_ratio_to_the_noise(void **state)
{
    struct fixture *f = *state;
    float *alone = malloc(NUM * sizeof(*alone));
    assert_non_null(alone);
    add(f, 0, 2, 7, 12);
    f->scene.sounds[0].room_s = 0.6f;
    f->scene.sounds[0].wet_db = -3;
    mix_alone(f, alone);
    assert_true(fabs(level_db(alone, 2, 7) - -28) < 0.5);
    assert_true(level_db(alone, 7, 7.1) > level_db(alone, 7.4, 7.5) + 10);
    assert_true(level_db(alone, 7.7, 10) < -120);
    free(alone);
}

static void long_silences_are_taken_out(void **state)
{
    struct fixture *f = *state;
    /* half a second of nothing, tone, a pause of 0.2 s, tone, a pause of 2 s, tone, nothing */
    static const double on_s[3][2] = {{0.5, 1}, {1.2, 1.7}, {3.7, 4.2}};
    memset(f->mix, 0, sizeof(f->mix));
    for (int t = 0; t < 3; t++) {
        for (int i = (int)(on_s[t][0] * RATE); i < (int)(on_s[t][1] * RATE); i++)
            f->mix[i] = sinf(0.3f * (float)i);
    }
    const uint32_t num = tyto_compose_tighten(f->mix, NUM);
    const double left_s = (double)num / RATE;
    /* three tones, the short pause, and some of the long one */
    assert_true(left_s > 1.5 + 0.2 + 0.1 && left_s < 1.5 + 0.2 + 0.2);
    assert_true(level_db(f->mix, 0, 0.4) > -4);
    assert_true(level_db(f->mix, left_s - 0.4, left_s - 0.02) > -4);
    memset(f->mix, 0, sizeof(f->mix));
    assert_int_equal(tyto_compose_tighten(f->mix, NUM), 0);
    assert_int_equal(tyto_compose_tighten(f->mix, 0), 0);
}

static void a_recording_with_nothing_in_it_is_a_fault(void **state)
{
    struct fixture *f = *state;
    struct tyto_fault fault = {0};
    float gain;
    add(f, 2, 1, 3, 10);
    assert_int_equal(tyto_compose_mix(&f->scene, &tones, NULL, f->mix, NUM, &gain, &fault),
                     TYTO_ERR_FORMAT);
    assert_true(fault.text[0] != '\0');
    f->scene.sounds[0].entry_idx = 3;
    assert_int_equal(tyto_compose_mix(&f->scene, &tones, NULL, f->mix, NUM, &gain, &fault),
                     TYTO_ERR_IO);
    assert_string_equal(fault.file, "gone.flac");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        TEST(sounds_are_as_loud_as_asked_for),
        TEST(sounds_begin_and_end_when_the_scene_says),
        TEST(a_loud_mix_becomes_quieter_as_a_whole),
        TEST(a_mix_is_a_function_of_its_scene),
        TEST(a_room_decays_by_sixty_db_in_its_time),
        TEST(a_room_keeps_the_ratio_to_the_noise),
        TEST(long_silences_are_taken_out),
        TEST(a_recording_with_nothing_in_it_is_a_fault),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
