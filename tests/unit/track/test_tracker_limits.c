/* SPDX-License-Identifier: MIT */
/* pipeline/track: where and when events may begin, and which zones they name. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "pipeline/track/tracker.h"

#define S 1000000000ll

enum { K = 2, MAX_EVENTS = 64 };

static const char *const names[K] = {"dog", "bell"};
static struct tyto_zone both[2];
static const struct tyto_zones zones = {.zones = both, .num_zones = 2};
static const struct tyto_box left = {0.1f, 0.1f, 0.4f, 0.4f}, right = {0.6f, 0.1f, 0.9f, 0.4f};
static const struct tyto_box across = {0.3f, 0.1f, 0.7f, 0.4f};
static int64_t begin_unix_ns;

struct log {
    uint32_t num;
    struct tyto_event events[MAX_EVENTS];
};

static void keep(void *user, const struct tyto_event *event)
{
    struct log *log = user;
    assert_true(log->num < MAX_EVENTS);
    log->events[log->num++] = *event;
}

static int set_up(void **state)
{
    (void)state;
    memset(both, 0, sizeof(both));
    snprintf(both[0].name, sizeof(both[0].name), "left");
    snprintf(both[1].name, sizeof(both[1].name), "right");
    begin_unix_ns = 1700000000 * S;
    return tyto_polygon_read("0,0 0.5,0 0.5,1 0,1", &both[0].polygon, NULL) ||
           tyto_polygon_read("0.5,0 1,0 1,1 0.5,1", &both[1].polygon, NULL);
}

static enum tyto_err try_make(struct tyto_tracker_params params, struct log *log,
                              struct tyto_tracker **ret_tracker)
{
    const struct tyto_tracker_context context = {
        .camera = "yard",
        .num_classes = K,
        .class_names = names,
        .hop_ns = S,
        .sink = keep,
        .user = log,
    };
    return tyto_tracker_create(&params, &context, ret_tracker);
}

static struct tyto_tracker *make(struct tyto_tracker_params params, struct log *log)
{
    struct tyto_tracker *tracker = NULL;
    memset(log, 0, sizeof(*log));
    assert_int_equal(try_make(params, log, &tracker), TYTO_OK);
    return tracker;
}

/* The second t, in which the first class has these scores and, unless box is NULL, that place. */
static void feed(struct tyto_tracker *tracker, int64_t t, float joint, float heard, float seen,
                 const struct tyto_box *box)
{
    const float j[K] = {joint}, h[K] = {heard}, v[K] = {seen};
    struct tyto_observation o = {
        .begin_ns = t * S,
        .end_ns = (t + 1) * S,
        .unix_offset_ns = begin_unix_ns,
        .evidence = {.has_audio = true,
                     .has_video = true,
                     .has_heard_seen = true,
                     .joint = j,
                     .heard = h,
                     .seen = v,
                     .weight_audio = 0.5f,
                     .weight_visual = 0.5f,
                     .has_box = box != NULL},
    };
    if (box)
        o.evidence.box = *box;
    tyto_tracker_update(tracker, &o);
}

static void finish(struct tyto_tracker *tracker)
{
    tyto_tracker_end(tracker, TYTO_EVENT_REASON_SHUTDOWN);
    tyto_tracker_destroy(&tracker);
}

static void an_event_names_the_zones_that_it_touched(void **state)
{
    (void)state;
    struct log log;
    struct tyto_tracker *tracker = make((struct tyto_tracker_params){.zones = &zones}, &log);
    feed(tracker, 0, 0.9f, 0, 0, &right);
    feed(tracker, 1, 0.9f, 0, 0, &right);
    feed(tracker, 2, 0.8f, 0, 0, &left);
    feed(tracker, 3, 0.8f, 0, 0, NULL);
    finish(tracker);
    assert_int_equal(log.num, 3); /* another zone is told at once */
    assert_int_equal(log.events[0].num_zones, 1);
    assert_string_equal(log.events[0].zones[0], "right");
    assert_int_equal(log.events[1].phase, TYTO_EVENT_PHASE_UPDATE);
    assert_int_equal(log.events[2].phase, TYTO_EVENT_PHASE_END);
    assert_int_equal(log.events[2].num_zones, 2);
    assert_string_equal(log.events[2].zones[0], "right");
    assert_string_equal(log.events[2].zones[1], "left");
}

static void what_is_only_heard_has_no_place(void **state)
{
    (void)state;
    struct log log;
    struct tyto_tracker *tracker = make((struct tyto_tracker_params){.zones = &zones}, &log);
    for (int t = 0; t < 3; t++)
        feed(tracker, t, 0.1f, 0.95f, 0.1f, &left);
    finish(tracker);
    assert_int_equal(log.num, 2);
    assert_int_equal(log.events[1].modality, TYTO_MODALITY_A);
    assert_int_equal(log.events[1].num_zones, 0);
}

static bool class_box(const void *user, uint32_t k, struct tyto_box *ret_box)
{
    *ret_box = *(const struct tyto_box *)user;
    return k == 0;
}

/* The box in which the class was seen goes before that of the sound, of whatever it is. */
static void the_box_of_the_class_goes_first(void **state)
{
    (void)state;
    struct log log;
    struct tyto_tracker *tracker = make((struct tyto_tracker_params){.zones = &zones}, &log);
    const float j[K] = {0.9f, 0.9f}, none[K] = {0};
    for (int t = 0; t < 2; t++) {
        const struct tyto_observation o = {
            .begin_ns = t * S,
            .end_ns = (t + 1) * S,
            .evidence = {.has_audio = true,
                         .has_video = true,
                         .has_heard_seen = true,
                         .joint = j,
                         .heard = none,
                         .seen = none,
                         .has_box = true,
                         .box = left},
            .box_of = class_box,
            .box_user = &right,
        };
        tyto_tracker_update(tracker, &o);
    }
    finish(tracker);
    assert_int_equal(log.num, 4);
    for (uint32_t i = 0; i < log.num; i++)
        assert_string_equal(log.events[i].zones[0],
                            strcmp(log.events[i].class_name, "dog") == 0 ? "right" : "left");
}

static void a_required_zone_is_where_events_begin(void **state)
{
    (void)state;
    const struct tyto_class_rule rule = {.class_name = "dog",
                                         .required_zones = {.num = 1, .names = {"left"}}};
    const struct tyto_tracker_params params = {.zones = &zones, .rules = &rule, .num_rules = 1};
    static const struct {
        const struct tyto_box *boxes[4];
        float heard; /* else joint */
        uint32_t num_events;
        int64_t begin_s;
    } cases[] = {
        {{&right, &right, &right, &right}, 0, 0, 0},
        {{&right, &right, &left, &left}, 0, 2, 2}, /* it begins where it is to be */
        {{&left, &left, &right, NULL}, 0, 3, 0},   /* and goes on wherever it goes */
        {{NULL, NULL, NULL, NULL}, 0, 0, 0},       /* nobody knows where */
        {{&across, &across, &across, &across}, 0, 2, 0},
        {{&left, &left, &left, &left}, 0.95f, 0, 0}, /* only heard: nowhere */
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct log log;
        struct tyto_tracker *tracker = make(params, &log);
        for (int t = 0; t < 4; t++)
            feed(tracker, t, cases[i].heard > 0 ? 0 : 0.9f, cases[i].heard, 0, cases[i].boxes[t]);
        finish(tracker);
        assert_int_equal(log.num, cases[i].num_events);
        if (log.num > 0) {
            assert_int_equal(log.events[0].begin_media_ns, cases[i].begin_s * S);
            assert_int_equal(log.events[log.num - 1].end_media_ns, 4 * S);
        }
    }
}

static void a_zone_has_thresholds_of_its_own(void **state)
{
    (void)state;
    struct tyto_zone_class strict = {.class_name = "dog", .threshold = 0.95f};
    struct tyto_zone_class mild = {.class_name = "dog", .threshold = 0.2f, .threshold_seen = 0.3f};
    both[0].classes = &strict;
    both[1].classes = &mild;
    both[0].num_classes = both[1].num_classes = 1;
    static const struct {
        const struct tyto_box *box;
        float joint, seen;
        uint32_t num_events;
    } cases[] = {
        {&left, 0.9f, 0, 0},    {&left, 0.96f, 0, 2}, {&right, 0.25f, 0, 2}, {&right, 0.15f, 0, 0},
        {&right, 0, 0.35f, 2},  {&left, 0, 0.9f, 0}, /* its seen-alone threshold follows */
        {&across, 0.25f, 0, 2},                      /* the lowest of both */
        {NULL, 0.6f, 0, 2},                          /* the class's own */
        {NULL, 0.25f, 0, 0},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct log log;
        struct tyto_tracker *tracker = make((struct tyto_tracker_params){.zones = &zones}, &log);
        for (int t = 0; t < 2; t++)
            feed(tracker, t, cases[i].joint, 0, cases[i].seen, cases[i].box);
        finish(tracker);
        assert_int_equal(log.num, cases[i].num_events);
    }
}

static void a_zone_is_for_the_classes_it_names(void **state)
{
    (void)state;
    char *bell[] = {(char[]){"bell"}};
    both[0].only = (struct tyto_texts){.texts = bell, .num = 1};
    struct log log;
    struct tyto_tracker *tracker = make((struct tyto_tracker_params){.zones = &zones}, &log);
    for (int t = 0; t < 2; t++)
        feed(tracker, t, 0.9f, 0, 0, &across);
    finish(tracker);
    assert_int_equal(log.events[1].num_zones, 1);
    assert_string_equal(log.events[1].zones[0], "right");
}

/* Tuesday 2023-11-14 22:13:20 UTC is when it begins. */
static void in_quiet_hours_events_do_not_begin(void **state)
{
    (void)state;
    char *dog[] = {(char[]){"dog"}};
    struct tyto_quiet quiet = {.hours = {.begin_min = 22 * 60, .end_min = 6 * 60},
                               .classes = {.texts = dog, .num = 1}};
    const struct tyto_tracker_params params = {.quiet = &quiet, .num_quiet = 1, .time_zone = "UTC"};
    struct log log;
    struct tyto_tracker *tracker = make(params, &log);
    for (int t = 0; t < 4; t++)
        feed(tracker, t, 1, 1, 1, NULL);
    finish(tracker);
    assert_int_equal(log.num, 0);
    quiet.threshold = 0.9f; /* or with a higher score, by whatever sense */
    static const struct {
        float joint, heard, seen;
        uint32_t num_events;
    } cases[] = {{0.85f, 0.85f, 0.85f, 0}, {0.95f, 0, 0, 2}, {0, 0.95f, 0, 2}, {0, 0, 0.95f, 2}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        tracker = make(params, &log);
        for (int t = 0; t < 3; t++)
            feed(tracker, t, cases[i].joint, cases[i].heard, cases[i].seen, NULL);
        finish(tracker);
        assert_int_equal(log.num, cases[i].num_events);
    }
}

/* What began before goes on through them; what begins in them begins when they are over. */
static void quiet_hours_decide_about_the_begin(void **state)
{
    (void)state;
    const struct tyto_quiet quiet = {.hours = {.begin_min = 22 * 60, .end_min = 6 * 60}};
    const struct tyto_tracker_params params = {.quiet = &quiet, .num_quiet = 1, .time_zone = "UTC"};
    struct log log;
    begin_unix_ns = 1699999200 * S - 10 * S; /* ten seconds before 22:00 */
    struct tyto_tracker *tracker = make(params, &log);
    for (int t = 0; t < 20; t++)
        feed(tracker, t, 0.9f, 0, 0, NULL);
    finish(tracker);
    assert_int_equal(log.events[0].begin_media_ns, 0);
    assert_int_equal(log.events[log.num - 1].end_media_ns, 20 * S);
    begin_unix_ns = 1700028000 * S - 10 * S; /* before 06:00 */
    tracker = make(params, &log);
    for (int t = 0; t < 20; t++)
        feed(tracker, t, 0.9f, 0, 0, NULL);
    finish(tracker);
    assert_int_equal(log.events[0].begin_media_ns, 10 * S);
    /* A clock that is set takes the hours with it, from the next second on. */
    begin_unix_ns = 1700000000 * S;
    tracker = make(params, &log);
    for (int t = 0; t < 20; t++) {
        begin_unix_ns = (t < 8 ? 1700000000 : 1700040000) * S;
        feed(tracker, t, 0.9f, 0, 0, NULL);
    }
    finish(tracker);
    assert_int_equal(log.events[0].begin_media_ns, 8 * S);
}

static void names_that_nobody_knows_are_refused(void **state)
{
    (void)state;
    struct log log;
    struct tyto_tracker *tracker = NULL;
    char *cat[] = {(char[]){"cat"}};
    const struct tyto_quiet quiet = {.hours = {.end_min = 60}, .classes = {.texts = cat, .num = 1}};
    struct tyto_tracker_params params = {.quiet = &quiet, .num_quiet = 1};
    assert_int_equal(try_make(params, &log, &tracker), TYTO_ERR_INVALID);
    const struct tyto_class_rule rule = {.class_name = "dog",
                                         .required_zones = {.num = 1, .names = {"roof"}}};
    params = (struct tyto_tracker_params){.zones = &zones, .rules = &rule, .num_rules = 1};
    assert_int_equal(try_make(params, &log, &tracker), TYTO_ERR_INVALID);
    both[0].only = (struct tyto_texts){.texts = cat, .num = 1};
    params = (struct tyto_tracker_params){.zones = &zones};
    assert_int_equal(try_make(params, &log, &tracker), TYTO_ERR_INVALID);
}

/* Another head's tracker has the same zones and hours, and an event that goes on keeps its own. */
static void another_head_keeps_zones_and_hours(void **state)
{
    (void)state;
    static const char *const others[] = {"bell", "dog"};
    struct tyto_tracker *next = NULL;
    struct log log;
    const struct tyto_quiet quiet = {.hours = {.begin_min = 22 * 60, .end_min = 23 * 60}};
    const struct tyto_tracker_params params = {
        .zones = &zones, .quiet = &quiet, .num_quiet = 1, .time_zone = "UTC"};
    begin_unix_ns = 1700010000 * S;
    struct tyto_tracker *tracker = make(params, &log);
    for (int t = 0; t < 2; t++)
        feed(tracker, t, 0.9f, 0, 0, &left);
    assert_int_equal(tyto_tracker_create_like(tracker, K, others, NULL, "def", &next), TYTO_OK);
    tyto_tracker_adopt(next, tracker);
    tyto_tracker_destroy(&tracker);
    const float j[K] = {0.1f, 0.9f}, none[K] = {0};
    const struct tyto_observation o = {
        .begin_ns = 2 * S,
        .end_ns = 3 * S,
        .evidence = {.has_audio = true,
                     .has_video = true,
                     .has_heard_seen = true,
                     .joint = j,
                     .heard = none,
                     .seen = none,
                     .has_box = true,
                     .box = right},
    };
    tyto_tracker_update(next, &o);
    finish(next);
    assert_int_equal(log.events[log.num - 1].num_zones, 2);
    assert_string_equal(log.events[log.num - 1].zones[1], "right");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(an_event_names_the_zones_that_it_touched, set_up),
        cmocka_unit_test_setup(what_is_only_heard_has_no_place, set_up),
        cmocka_unit_test_setup(the_box_of_the_class_goes_first, set_up),
        cmocka_unit_test_setup(a_required_zone_is_where_events_begin, set_up),
        cmocka_unit_test_setup(a_zone_has_thresholds_of_its_own, set_up),
        cmocka_unit_test_setup(a_zone_is_for_the_classes_it_names, set_up),
        cmocka_unit_test_setup(in_quiet_hours_events_do_not_begin, set_up),
        cmocka_unit_test_setup(quiet_hours_decide_about_the_begin, set_up),
        cmocka_unit_test_setup(names_that_nobody_knows_are_refused, set_up),
        cmocka_unit_test_setup(another_head_keeps_zones_and_hours, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
