/* SPDX-License-Identifier: MIT */
/* pipeline/track: which parameters are taken, how high an event must rise to be told, and what goes
 * on when another head takes over. */
#include "tests/unit/track/tracker_rig.h"

#include <math.h>
#include <string.h>

static void parameters_out_of_range_are_refused(void **state)
{
    (void)state;
    const struct tyto_tracker_params bad[] = {
        {.threshold = -1},
        {.threshold = NAN},
        {.off_ratio = 2},
        {.peak = -0.1f},
        {.peak = NAN},
        {.onset_window = 17},
        {.onset_num = 4, .onset_window = 3},
        {.hang_over_ns = -1},
        {.max_duration_ns = -1},
        {.update_every_ns = -1},
        {.min_duration_ns = -1},
    };
    struct tyto_tracker_context context = {
        .camera = "yard", .num_classes = K, .class_names = names, .hop_ns = S, .sink = keep};
    struct tyto_tracker *tracker = NULL;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(tyto_tracker_create(&bad[i], &context, &tracker), TYTO_ERR_INVALID);
    context.camera = "Not An Id";
    assert_int_equal(tyto_tracker_create(&(struct tyto_tracker_params){0}, &context, &tracker),
                     TYTO_ERR_INVALID);
    assert_null(tracker);
}

/* As feed(), for a head of two classes. */
static void feed_two(struct tyto_tracker *tracker, int64_t t, float first, float second)
{
    const float j[2] = {first, second}, none[2] = {0};
    const struct tyto_observation o = {
        .begin_ns = t * S,
        .end_ns = (t + 1) * S,
        .unix_offset_ns = 1700000000 * S,
        .clock_quality = TYTO_CLOCK_QUALITY_CAMERA,
        .evidence.has_audio = true,
        .evidence.has_video = true,
        .evidence.has_heard_seen = true,
        .evidence.joint = j,
        .evidence.heard = none,
        .evidence.seen = none,
    };
    tyto_tracker_update(tracker, &o);
}

static void another_head_goes_on_with_the_events_whose_class_it_knows(void **state)
{
    static const char *const others[2] = {"owl", "bell"};
    static const float thresholds[3 * 2] = {0.5f, 0.9f};
    (void)state;
    struct log log = {0};
    struct tyto_tracker *before = make((struct tyto_tracker_params){.off_ratio = 0.5f}, keep, &log);
    struct tyto_tracker *tracker = NULL;
    for (int t = 0; t < 2; t++) { /* dog and bell begin; a guitar was there once */
        const float j[K] = {0.9f, t == 1 ? 0.9f : 0, 0.95f}, none[K] = {0};
        const struct tyto_observation o = {.begin_ns = t * S,
                                           .end_ns = (t + 1) * S,
                                           .unix_offset_ns = 1700000000 * S,
                                           .clock_quality = TYTO_CLOCK_QUALITY_CAMERA,
                                           .evidence.has_audio = true,
                                           .evidence.has_video = true,
                                           .evidence.has_heard_seen = true,
                                           .evidence.joint = j,
                                           .evidence.heard = none,
                                           .evidence.seen = none};
        tyto_tracker_update(before, &o);
    }
    assert_int_equal(log.num, 2);
    const struct tyto_event dog = log.events[0], bell = log.events[1];
    assert_string_equal(dog.class_name, "dog");
    assert_int_equal(tyto_tracker_create_like(before, 2, others, thresholds, "def", &tracker),
                     TYTO_OK);
    tyto_tracker_adopt(tracker, before);
    assert_int_equal(tyto_tracker_num_open(before), 0);
    assert_int_equal(tyto_tracker_num_open(tracker), 1);
    tyto_tracker_destroy(&before);
    assert_int_equal(log.num, 3);
    assert_string_equal(log.events[2].id, dog.id);
    assert_int_equal(log.events[2].phase, TYTO_EVENT_PHASE_END);
    assert_int_equal(log.events[2].reason, TYTO_EVENT_REASON_MODEL_CHANGED);
    assert_int_equal(log.events[2].end_media_ns, 2 * S);
    assert_string_equal(log.events[2].model_digest, "abc");

    feed_two(tracker, 2, 0.6f, 0.5f);  /* bells live on half of 0.9 */
    feed_two(tracker, 3, 0.6f, 0.42f); /* and not on less */
    feed_two(tracker, 4, 0.0f, 0.42f);
    feed_two(tracker, 5, 0.0f, 0.42f);
    assert_int_equal(log.num, 5);
    assert_string_equal(log.events[3].class_name, "owl");
    assert_int_equal(log.events[3].class_id, 0);
    assert_string_equal(log.events[4].id, bell.id);
    assert_string_equal(log.events[4].class_name, "bell");
    assert_int_equal(log.events[4].class_id, 1);
    assert_int_equal(log.events[4].reason, TYTO_EVENT_REASON_OFFSET);
    assert_int_equal(log.events[4].begin_media_ns, 0);
    assert_int_equal(log.events[4].end_media_ns, 3 * S);
    assert_int_equal(log.events[4].num_segments, 5); /* scores of both heads */
    assert_true(log.events[4].rev > bell.rev);
    assert_string_equal(log.events[4].model_digest, "def");
    tyto_tracker_end(tracker, TYTO_EVENT_REASON_SHUTDOWN);
    tyto_tracker_destroy(&tracker);
}

static void rules_hold_for_another_head_or_are_in_its_way(void **state)
{
    static const char *const without[2] = {"owl", "bell"};
    static const char *const with[2] = {"owl", "dog"};
    (void)state;
    struct log log = {0};
    struct tyto_class_rule rule = {.class_name = "dog", .off = true};
    struct tyto_tracker *first =
        make((struct tyto_tracker_params){.rules = &rule, .num_rules = 1}, keep, &log);
    struct tyto_tracker *second = NULL;
    memset(&rule, 'x', sizeof(rule)); /* was borrowed until create returned */
    assert_int_equal(tyto_tracker_create_like(first, 2, without, NULL, "def", &second),
                     TYTO_ERR_INVALID);
    assert_null(second);
    assert_int_equal(tyto_tracker_create_like(first, 2, with, NULL, "def", &second), TYTO_OK);
    tyto_tracker_adopt(second, first);
    for (int t = 0; t < 3; t++)
        feed_two(second, t, 0, 0.99f);
    assert_int_equal(log.num, 0); /* dogs are not told of */
    tyto_tracker_destroy(&first);
    tyto_tracker_destroy(&second);
}

static void what_hovers_about_its_threshold_is_not_told(void **state)
{
    (void)state;
    struct log log = {0};
    const struct tyto_tracker_params params = {.threshold = 0.5f, .peak = 0.5f};
    struct tyto_tracker *tracker = make(params, keep, &log);
    for (int t = 0; t < 30; t++)
        feed(tracker, t, t < 20 ? 0.74f : 0, 0, 0);
    assert_int_equal(log.num, 0);
    assert_int_equal(tyto_tracker_num_open(tracker), 0);
    tyto_tracker_destroy(&tracker);
}

static void what_comes_to_its_peak_later_is_told_from_its_faint_begin(void **state)
{
    (void)state;
    struct log log = {0};
    const struct tyto_tracker_params params = {
        .threshold = 0.5f, .peak = 0.5f, .hang_over_ns = 2 * S};
    struct tyto_tracker *tracker = make(params, keep, &log);
    const float joint[] = {0.6f, 0.6f, 0.6f, 0.8f, 0.6f, 0.6f, 0, 0, 0, 0.6f, 0.6f, 0.6f};
    for (int t = 0; t < 12; t++) {
        feed(tracker, t, joint[t], 0, 0);
        assert_int_equal(log.num, t < 3 ? 0 : t < 7 ? 1 : 2); /* no peak for the next one */
    }
    assert_int_equal(log.events[0].phase, TYTO_EVENT_PHASE_NEW);
    assert_int_equal(log.events[0].begin_media_ns, 0);
    assert_int_equal(log.events[1].phase, TYTO_EVENT_PHASE_END);
    assert_int_equal(log.events[1].end_media_ns, 6 * S);
    tyto_tracker_destroy(&tracker);
}

static void a_peak_before_the_onset_counts(void **state)
{
    (void)state;
    struct log log = {0};
    const struct tyto_tracker_params params = {.threshold = 0.5f, .peak = 0.5f};
    struct tyto_tracker *tracker = make(params, keep, &log);
    feed(tracker, 0, 0.9f, 0, 0);
    feed(tracker, 1, 0.6f, 0, 0);
    assert_int_equal(log.num, 1);
    tyto_tracker_destroy(&tracker);
}

static void each_sense_has_a_peak_of_its_own(void **state)
{
    (void)state;
    struct log log = {0};
    const struct tyto_tracker_params params = {
        .threshold = 0.4f, .threshold_single = 0.6f, .peak = 0.5f};
    struct tyto_tracker *tracker = make(params, keep, &log);
    feed(tracker, 0, 0, 0.75f, 0); /* would be joint's peak, 0.7 */
    feed(tracker, 1, 0, 0.75f, 0);
    assert_int_equal(log.num, 0);
    feed(tracker, 2, 0, 0.81f, 0);
    assert_int_equal(log.num, 1);
    assert_int_equal(log.events[0].modality, TYTO_MODALITY_A);
    tyto_tracker_destroy(&tracker);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_hovers_about_its_threshold_is_not_told),
        cmocka_unit_test(what_comes_to_its_peak_later_is_told_from_its_faint_begin),
        cmocka_unit_test(a_peak_before_the_onset_counts),
        cmocka_unit_test(each_sense_has_a_peak_of_its_own),
        cmocka_unit_test(parameters_out_of_range_are_refused),
        cmocka_unit_test(another_head_goes_on_with_the_events_whose_class_it_knows),
        cmocka_unit_test(rules_hold_for_another_head_or_are_in_its_way),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
