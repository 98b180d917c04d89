/* SPDX-License-Identifier: MIT */
/* What is alike: prints of events from kept scores, by sound, by picture, and a sound held against
 * pictures. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "cli/find/prints.h"

enum { NUM_CLASSES = 4, S = 1000000000, MAX = 8 };
enum { DOG, CAT, CAR, OWL };
static const char *const names[NUM_CLASSES] = {"dog", "cat", "car", "owl"};

static void add(struct tyto_prints *prints, const char *id, const char *camera, int class_id,
                int64_t begin_s, int64_t end_s)
{
    struct tyto_event event = {.begin_unix_ns = begin_s * S,
                               .begin_media_ns = begin_s * S,
                               .end_media_ns = end_s * S,
                               .has_end = true};
    snprintf(event.id, sizeof(event.id), "%s", id);
    snprintf(event.camera, sizeof(event.camera), "%s", camera);
    snprintf(event.class_name, sizeof(event.class_name), "%s", names[class_id]);
    assert_int_equal(tyto_prints_add(prints, &event), TYTO_OK);
}

/* One second of a camera, by a model that knows num_classes. */
static void take(struct tyto_prints *prints, const char *camera, int64_t at_s, uint32_t num_classes,
                 const uint8_t *heard, const uint8_t *seen)
{
    struct tyto_segment_scores segment = {.begin_unix_ns = at_s * S,
                                          .end_unix_ns = (at_s + 1) * S,
                                          .has_audio = heard != NULL,
                                          .has_video = seen != NULL,
                                          .has_heard_seen = true,
                                          .heard = heard,
                                          .seen = seen};
    struct tyto_reply page = {.kind = TYTO_REPLY_SCORES,
                              .num_segments = 1,
                              .num_classes = num_classes,
                              .segments = &segment};
    for (uint32_t i = 0; i < num_classes; i++)
        page.class_names[i] = names[i];
    tyto_prints_take(prints, camera, &page);
}

static uint32_t find(const struct tyto_prints *prints, const char *id, enum tyto_print by,
                     enum tyto_print among, struct tyto_print_match matches[MAX])
{
    uint32_t num = 0;
    assert_int_equal(tyto_prints_find(prints, id, by, among, MAX, matches, &num), TYTO_OK);
    return num;
}

static struct tyto_prints *make(void)
{
    /* Codes: 101 is a score of 0.5, 141 one of 0.88, 20 one of 0.02. */
    static const uint8_t bark[] = {161, 61, 20, 20}, low_bark[] = {111, 20, 20, 20},
                         meow[] = {51, 151, 20, 20}, motor[] = {20, 20, 161, 20},
                         quiet[] = {20, 20, 20, 20};
    struct tyto_prints *prints = NULL;
    assert_int_equal(tyto_prints_create(&prints), TYTO_OK);
    add(prints, "dog-heard", "yard", DOG, 10, 12);
    add(prints, "dog-both", "door", DOG, 50, 53);
    add(prints, "cat-both", "door", CAT, 100, 102);
    add(prints, "car-seen", "yard", CAR, 200, 202);
    add(prints, "same-moment", "yard", CAT, 11, 13);
    add(prints, "dog-both", "door", DOG, 50, 53); /* once more */
    add(prints, "unknown", "door", OWL, 300, 301);
    take(prints, "yard", 10, NUM_CLASSES, low_bark, quiet);
    take(prints, "yard", 11, NUM_CLASSES, bark, quiet);
    take(prints, "door", 51, NUM_CLASSES, bark, bark);
    take(prints, "door", 52, NUM_CLASSES, motor, quiet); /* not its loudest second */
    take(prints, "door", 101, NUM_CLASSES, meow, meow);
    take(prints, "yard", 200, NUM_CLASSES, quiet, motor);
    take(prints, "yard", 101, NUM_CLASSES, motor, motor); /* nobody's second */
    take(prints, "door", 300, 3, motor, motor);           /* of a model without owls */
    return prints;
}

static void test_what_sounds_and_looks_alike(void **state)
{
    (void)state;
    struct tyto_prints *prints = make();
    struct tyto_print_match matches[MAX];
    assert_int_equal(find(prints, "dog-heard", TYTO_PRINT_SOUND, TYTO_PRINT_SOUND, matches), 2);
    assert_string_equal(matches[0].event->id, "dog-both");
    assert_true(matches[0].similarity > 0.999f);
    assert_string_equal(matches[1].event->id, "cat-both");
    assert_true(matches[1].similarity > 0.1f && matches[1].similarity < 0.5f);
    /* A sound among pictures, and a picture among sounds. */
    assert_int_equal(find(prints, "dog-heard", TYTO_PRINT_SOUND, TYTO_PRINT_PICTURE, matches), 2);
    assert_string_equal(matches[0].event->id, "dog-both");
    assert_int_equal(find(prints, "cat-both", TYTO_PRINT_PICTURE, TYTO_PRINT_SOUND, matches), 3);
    assert_true(matches[0].similarity < 0.5f); /* barks, with a little of a cat in them */
    assert_int_equal(find(prints, "dog-both", TYTO_PRINT_ANY, TYTO_PRINT_ANY, matches), 3);
    assert_true(matches[0].similarity > 0.499f && matches[0].similarity < 0.501f); /* half of it */
    assert_int_equal(find(prints, "car-seen", TYTO_PRINT_PICTURE, TYTO_PRINT_PICTURE, matches), 0);
    tyto_prints_destroy(&prints);
}

static void test_what_cannot_be_found(void **state)
{
    (void)state;
    struct tyto_prints *prints = make();
    struct tyto_print_match matches[MAX];
    uint32_t num = 0;
    assert_int_equal(
        tyto_prints_find(prints, "nobody", TYTO_PRINT_ANY, TYTO_PRINT_ANY, MAX, matches, &num),
        TYTO_ERR_NOT_FOUND);
    assert_int_equal(
        tyto_prints_find(prints, "unknown", TYTO_PRINT_ANY, TYTO_PRINT_ANY, MAX, matches, &num),
        TYTO_ERR_EMPTY);
    assert_int_equal(tyto_prints_find(prints, "car-seen", TYTO_PRINT_SOUND, TYTO_PRINT_SOUND, MAX,
                                      matches, &num),
                     TYTO_ERR_EMPTY);
    assert_int_equal(
        tyto_prints_find(prints, "dog-both", TYTO_PRINT_SOUND, TYTO_PRINT_SOUND, 1, matches, &num),
        TYTO_OK);
    assert_int_equal(num, 1);
    tyto_prints_destroy(&prints);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_sounds_and_looks_alike),
        cmocka_unit_test(test_what_cannot_be_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
