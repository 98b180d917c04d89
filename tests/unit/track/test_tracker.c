/* SPDX-License-Identifier: MIT */
/* pipeline/track: when events begin, go on and end, and what is told of them. */
#include "tests/unit/track/tracker_rig.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static void an_event_begins_at_its_first_positive_segment(void **state)
{
    (void)state;
    struct log log = {0};
    struct tyto_tracker *tracker = make((struct tyto_tracker_params){0}, keep, &log);
    const float joint[] = {0.1f, 0.9f, 0.1f, 0.8f, 0.9f, 0.1f, 0.1f, 0.1f};
    for (int t = 0; t < 8; t++)
        feed(tracker, t, joint[t], 0, 0);
    assert_int_equal(log.num, 2);
    const struct tyto_event *n = &log.events[0], *e = &log.events[1];
    assert_int_equal(n->phase, TYTO_EVENT_PHASE_NEW);
    assert_int_equal(n->begin_media_ns, S);
    assert_false(n->has_end);
    assert_int_equal(n->modality, TYTO_MODALITY_AV);
    assert_string_equal(n->class_name, "dog");
    assert_string_equal(n->camera, "yard");
    assert_int_equal(n->begin_unix_ns, 1700000001 * S);
    assert_true(tyto_event_id_is_valid(n->id));
    assert_int_equal(e->phase, TYTO_EVENT_PHASE_END);
    assert_int_equal(e->reason, TYTO_EVENT_REASON_OFFSET);
    assert_string_equal(e->id, n->id);
    assert_int_equal(e->end_media_ns, 5 * S);
    assert_true(e->rev > n->rev);
    assert_true(fabsf(e->weight_audio - 0.25f) < 1e-6f);
    tyto_tracker_destroy(&tracker);
}

static void begin_and_length_stay_as_told_when_a_clock_is_set(void **state)
{
    (void)state;
    static const int64_t steps[] = {300000000, 86400 * S, -86400 * S};
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        struct log log = {0};
        const int64_t before_ns = unix_offset_ns;
        struct tyto_tracker *tracker = make((struct tyto_tracker_params){0}, keep, &log);
        for (int t = 0; t < 10; t++) {
            if (t == 4)
                unix_offset_ns += steps[i];
            feed(tracker, t, t < 6 ? 0.9f : 0, 0, 0);
        }
        const struct tyto_event *last = &log.events[log.num - 1];
        for (uint32_t k = 0; k < log.num; k++) {
            assert_string_equal(log.events[k].id, last->id);
            assert_int_equal(log.events[k].begin_unix_ns, before_ns);
        }
        assert_int_equal(last->phase, TYTO_EVENT_PHASE_END);
        assert_int_equal(last->end_unix_ns, before_ns + 6 * S);
        unix_offset_ns = before_ns;
        tyto_tracker_destroy(&tracker);
    }
}

static void an_event_carries_what_it_sounds_and_looks_like(void **state)
{
    (void)state;
    struct log log = {0};
    struct tyto_tracker *tracker = make((struct tyto_tracker_params){0}, keep, &log);
    const float none[K] = {0}, heard[K] = {0.95f};
    for (int t = 0; t < 8; t++) {
        struct tyto_embeddings embeddings = {.space = 5, .has_sound = true, .has_picture = true};
        embeddings.sound[0] = 127;
        embeddings.sound[1] = t % 2 ? 127 : 0;
        embeddings.picture[2] = 127;
        const struct tyto_observation o = {
            .begin_ns = t * S,
            .end_ns = (t + 1) * S,
            .evidence = {.has_audio = true,
                         .has_video = true,
                         .has_heard_seen = true,
                         .joint = none,
                         .heard = t < 4 ? heard : none,
                         .seen = none},
            .embeddings = &embeddings,
        };
        tyto_tracker_update(tracker, &o);
    }
    const struct tyto_embeddings *got = &log.events[log.num - 1].embeddings;
    assert_int_equal(log.events[log.num - 1].phase, TYTO_EVENT_PHASE_END);
    assert_int_equal(got->space, 5);
    assert_true(got->has_sound);
    assert_false(got->has_picture); /* it was not seen */
    assert_int_equal(got->sound[0], 127);
    assert_true(got->sound[1] > 40 && got->sound[1] < 100);
    tyto_tracker_destroy(&tracker);
}

/* The window of the network begins with the stream, and slides; sound answers the picture of two
 * seconds before. */
static void an_end_says_which_second_answered_which(void **state)
{
    (void)state;
    enum { WINDOW = 8, AHEAD = 2, LATE = 2, NUM = 20 };
    struct log log = {0};
    struct tyto_tracker *tracker =
        make((struct tyto_tracker_params){.hang_over_ns = 2 * S}, keep, &log);
    const float none[K] = {0}, on[K] = {0.95f};
    for (int t = 0; t < NUM; t++) {
        const uint32_t own = t < WINDOW - AHEAD ? (uint32_t)t : WINDOW - AHEAD - 1;
        float audio[WINDOW] = {0}, visual[WINDOW] = {0};
        audio[own >= LATE ? own - LATE : 0] = 1;
        visual[own] = visual[own + AHEAD] = 0.5f;
        const bool is_blind = t == NUM - 4; /* nothing is known of that second */
        const struct tyto_observation o = {
            .begin_ns = t * S,
            .end_ns = (t + 1) * S,
            .evidence = {.has_audio = true,
                         .has_video = true,
                         .has_heard_seen = true,
                         .joint = t < NUM - 2 ? on : none,
                         .heard = none,
                         .seen = none,
                         .weight_audio = 0.2f,
                         .weight_visual = 0.8f,
                         .num_align = is_blind ? 0 : WINDOW,
                         .align_own = own,
                         .align_audio = audio,
                         .align_visual = visual},
        };
        tyto_tracker_update(tracker, &o);
    }
    const struct tyto_event *end = &log.events[log.num - 1];
    const struct tyto_event_alignment *got = &end->alignment;
    assert_int_equal(log.events[0].alignment.rows, 0); /* NEW */
    assert_int_equal(end->phase, TYTO_EVENT_PHASE_END);
    assert_int_equal(got->rows, TYTO_ALIGNMENT_MAX_ROWS);
    assert_int_equal(got->before, LATE);
    assert_int_equal(got->cols, LATE + 1 + AHEAD);
    for (uint32_t row = 0; row < got->rows; row++) {
        const bool is_known = NUM - got->rows + row != NUM - 4;
        assert_int_equal(got->audio[row][0], is_known ? 255 : 0);
        assert_int_equal(got->audio[row][LATE], 0);
        assert_int_equal(got->visual[row][LATE], is_known ? 128 : 0);
        assert_int_equal(got->visual[row][LATE + AHEAD], is_known ? 128 : 0);
        assert_int_equal(got->trust[row], 51);
    }
    tyto_tracker_destroy(&tracker);
}

/* Knows where the first class is, while *user is true. */
static bool where(const void *user, uint32_t k, struct tyto_box *ret_box)
{
    const bool *knows = user;
    *ret_box = (struct tyto_box){.x0 = 0.5f, .y0 = 0.25f, .x1 = 0.75f, .y1 = 1};
    return k == 0 && *knows;
}

/* The box in which a detector saw the class stands against that of the place map, which is of any
 * class; the better segments that follow without one leave it. */
static void an_event_has_the_box_of_its_class(void **state)
{
    (void)state;
    struct log log = {0};
    struct tyto_tracker *tracker = make((struct tyto_tracker_params){0}, keep, &log);
    const float joint[6][K] = {{0.8f, 0.8f}, {0.8f, 0.8f}, {0.9f, 0.9f}, {0}, {0}, {0}};
    for (int t = 0; t < 6; t++) {
        const bool knows = t < 2;
        const struct tyto_observation o = {.begin_ns = t * S,
                                           .end_ns = (t + 1) * S,
                                           .evidence.has_audio = true,
                                           .evidence.has_video = true,
                                           .evidence.joint = joint[t],
                                           .evidence.has_box = true,
                                           .evidence.box = {.x1 = 0.1f, .y1 = 0.1f},
                                           .box_of = where,
                                           .box_user = &knows};
        tyto_tracker_update(tracker, &o);
    }
    assert_int_equal(log.num, 4);
    for (uint32_t i = 0; i < log.num; i++) {
        const struct tyto_event *event = &log.events[i];
        assert_true(event->has_box);
        assert_float_equal(event->box.x1, event->class_id == 0 ? 0.75f : 0.1f, 1e-6);
    }
    tyto_tracker_destroy(&tracker);
}

static void one_positive_segment_is_no_event(void **state)
{
    (void)state;
    struct log log = {0};
    struct tyto_tracker *tracker = make((struct tyto_tracker_params){0}, keep, &log);
    for (int t = 0; t < 30; t++)
        feed(tracker, t, t % 4 == 0 ? 0.99f : 0, 0, 0);
    tyto_tracker_end(tracker, TYTO_EVENT_REASON_SHUTDOWN);
    assert_int_equal(log.num, 0);
    tyto_tracker_destroy(&tracker);
}

static void an_open_event_lives_on_lower_scores(void **state)
{
    (void)state;
    struct log log = {0};
    struct tyto_tracker *tracker =
        make((struct tyto_tracker_params){.off_ratio = 0.5f}, keep, &log);
    const float joint[] = {0.6f, 0.6f, 0.4f, 0.4f, 0.26f, 0.24f, 0.24f, 0.24f};
    for (int t = 0; t < 8; t++)
        feed(tracker, t, joint[t], 0, 0);
    assert_true(log.num >= 2);
    assert_int_equal(log.events[log.num - 1].phase, TYTO_EVENT_PHASE_END);
    assert_int_equal(log.events[log.num - 1].end_media_ns, 5 * S); /* 0.26 >= 0.5 * 0.5 > 0.24 */
    tyto_tracker_destroy(&tracker);
}

static void heard_alone_and_seen_alone_are_said_so(void **state)
{
    (void)state;
    struct log log = {0};
    struct tyto_tracker *tracker = make((struct tyto_tracker_params){0}, keep, &log);
    for (int t = 0; t < 3; t++)
        feed(tracker, t, 0.1f, 0.9f, 0.1f);
    assert_int_equal(log.num, 1);
    assert_int_equal(log.events[0].modality, TYTO_MODALITY_A);
    feed(tracker, 3, 0.9f, 0.9f, 0.9f); /* now it is seen, too: told at once */
    assert_int_equal(log.num, 2);
    assert_int_equal(log.events[1].phase, TYTO_EVENT_PHASE_UPDATE);
    assert_int_equal(log.events[1].modality, TYTO_MODALITY_AV);
    tyto_tracker_end(tracker, TYTO_EVENT_REASON_SOURCE_LOST);
    assert_int_equal(log.events[2].reason, TYTO_EVENT_REASON_SOURCE_LOST);
    assert_int_equal(log.events[2].phase, TYTO_EVENT_PHASE_END);
    assert_int_equal(tyto_tracker_num_open(tracker), 0);
    tyto_tracker_destroy(&tracker);

    log.num = 0;
    tracker = make((struct tyto_tracker_params){.only_joint = true}, keep, &log);
    for (int t = 0; t < 5; t++)
        feed(tracker, t, 0.1f, 0.9f, 0.9f);
    assert_int_equal(log.num, 0);
    tyto_tracker_destroy(&tracker);
}

/* What is only seen raises joint, too, and far enough where a class's joint threshold is low. */
static void joint_alone_does_not_claim_a_sense(void **state)
{
    (void)state;
    struct log log = {0};
    struct tyto_tracker *tracker = make((struct tyto_tracker_params){0}, keep, &log);
    for (int t = 0; t < 4; t++)
        feed(tracker, t, 0.6f, 0.05f, 0.9f);
    assert_int_equal(log.num, 1);
    assert_int_equal(log.events[0].modality, TYTO_MODALITY_V);
    feed(tracker, 4, 0.6f, 0.7f, 0.9f); /* less than begins an event, enough to hold one */
    assert_int_equal(log.events[log.num - 1].modality, TYTO_MODALITY_AV);
    tyto_tracker_end(tracker, TYTO_EVENT_REASON_SOURCE_LOST);
    tyto_tracker_destroy(&tracker);

    log.num = 0;
    tracker = make((struct tyto_tracker_params){0}, keep, &log);
    for (int t = 0; t < 4; t++)
        feed(tracker, t, 0.9f, 0.05f, 0.05f); /* neither says by what */
    assert_int_equal(log.events[0].modality, TYTO_MODALITY_AV);
    tyto_tracker_destroy(&tracker);

    log.num = 0;
    tracker = make((struct tyto_tracker_params){.only_joint = true}, keep, &log);
    for (int t = 0; t < 4; t++)
        feed(tracker, t, 0.6f, 0.05f, 0.9f);
    assert_int_equal(log.num, 0);
    feed(tracker, 4, 0.6f, 0.9f, 0.9f);
    assert_int_equal(log.num, 1);
    assert_int_equal(log.events[0].begin_media_ns, 0);
    tyto_tracker_destroy(&tracker);
}

static void a_single_sense_needs_more_than_the_joint_threshold(void **state)
{
    (void)state;
    struct log log = {0};
    struct tyto_tracker *tracker = make((struct tyto_tracker_params){0}, keep, &log);
    for (int t = 0; t < 5; t++)
        feed(tracker, t, 0.4f, 0.65f, 0.65f); /* below 0.5 + 0.5 * 0.4 */
    assert_int_equal(log.num, 0);
    tyto_tracker_destroy(&tracker);
}

static void the_longest_duration_ends_and_begins_anew(void **state)
{
    (void)state;
    struct log log = {0};
    struct tyto_tracker *tracker =
        make((struct tyto_tracker_params){.max_duration_ns = 5 * S, .update_every_ns = 100 * S},
             keep, &log);
    for (int t = 0; t < 12; t++)
        feed(tracker, t, 0.9f, 0, 0);
    assert_true(log.num >= 3);
    assert_int_equal(log.events[1].reason, TYTO_EVENT_REASON_MAX_DURATION);
    assert_int_equal(log.events[1].end_media_ns, 5 * S);
    assert_int_equal(log.events[2].phase, TYTO_EVENT_PHASE_NEW);
    assert_int_equal(log.events[2].begin_media_ns, 5 * S);
    assert_string_not_equal(log.events[2].id, log.events[1].id);
    tyto_tracker_destroy(&tracker);
}

static void events_shorter_than_the_minimum_are_not_told(void **state)
{
    (void)state;
    struct log log = {0};
    struct tyto_tracker *tracker =
        make((struct tyto_tracker_params){.min_duration_ns = 4 * S}, keep, &log);
    for (int t = 0; t < 10; t++)
        feed(tracker, t, t < 3 ? 0.9f : 0, 0, 0);
    assert_int_equal(log.num, 0);
    for (int t = 10; t < 20; t++)
        feed(tracker, t, t < 15 ? 0.9f : 0, 0, 0);
    assert_true(log.num >= 2);
    assert_int_equal(log.events[0].begin_media_ns, 10 * S);
    assert_int_equal(log.events[log.num - 1].end_media_ns, 15 * S);
    tyto_tracker_destroy(&tracker);
}

static void a_hole_in_the_stream_ends_an_event_where_it_was_last_there(void **state)
{
    (void)state;
    struct log log = {0};
    struct tyto_tracker *tracker = make((struct tyto_tracker_params){0}, keep, &log);
    feed(tracker, 0, 0.9f, 0, 0);
    feed(tracker, 1, 0.9f, 0, 0);
    feed(tracker, 100, 0.9f, 0, 0);
    assert_int_equal(log.num, 2);
    assert_int_equal(log.events[1].phase, TYTO_EVENT_PHASE_END);
    assert_int_equal(log.events[1].end_media_ns, 2 * S);
    feed(tracker, 101, 0.9f, 0, 0);
    assert_int_equal(log.events[2].begin_media_ns, 100 * S);
    tyto_tracker_destroy(&tracker);
}

static void rules_set_thresholds_and_silence_classes(void **state)
{
    (void)state;
    struct log log = {0};
    const struct tyto_class_rule rules[] = {{.class_name = "dog", .threshold = 0.95f}};
    struct tyto_tracker *tracker =
        make((struct tyto_tracker_params){.rules = rules, .num_rules = 1}, keep, &log);
    for (int t = 0; t < 5; t++)
        feed(tracker, t, 0.9f, 0.9f, 0.9f);
    assert_int_equal(log.num, 0);
    tyto_tracker_destroy(&tracker);

    const struct tyto_class_rule off[] = {{.class_name = "dog", .off = true}};
    tracker = make((struct tyto_tracker_params){.rules = off, .num_rules = 1}, keep, &log);
    for (int t = 0; t < 5; t++)
        feed(tracker, t, 1, 1, 1);
    assert_int_equal(log.num, 0);
    tyto_tracker_destroy(&tracker);

    const struct tyto_class_rule unknown[] = {{.class_name = "cat"}};
    const struct tyto_tracker_params params = {.rules = unknown, .num_rules = 1};
    const struct tyto_tracker_context context = {
        .camera = "yard", .num_classes = K, .class_names = names, .hop_ns = S, .sink = keep};
    assert_int_equal(tyto_tracker_create(&params, &context, &tracker), TYTO_ERR_INVALID);
}

static void a_missing_stream_cannot_be_the_reason(void **state)
{
    (void)state;
    struct log log = {0};
    struct tyto_tracker *tracker = make((struct tyto_tracker_params){0}, keep, &log);
    const float scores[K] = {0.99f};
    for (int t = 0; t < 4; t++) {
        const struct tyto_observation o = {
            .begin_ns = t * S,
            .end_ns = (t + 1) * S,
            .clock_quality = TYTO_CLOCK_QUALITY_FILE,
            .evidence.has_video = true,
            .evidence.has_heard_seen = true,
            .evidence.joint = scores,
            .evidence.heard = scores,
            .evidence.seen = scores,
        };
        tyto_tracker_update(tracker, &o);
    }
    assert_int_equal(log.num, 1);
    assert_int_equal(log.events[0].modality, TYTO_MODALITY_V);
    tyto_tracker_destroy(&tracker);
}

/* --- whatever the scores, the story told is a sound one ------------------------- */

struct story {
    bool open[K];
    char id[K][TYTO_ULID_CHARS + 1];
    uint32_t rev[K];
    int64_t begin_ns[K], end_ns[K];
    uint32_t num_new, num_end;
    int64_t now_ns;
};

static void follow(void *user, const struct tyto_event *event)
{
    struct story *story = user;
    const uint32_t k = event->class_id;
    assert_true(k < K);
    assert_string_equal(event->class_name, names[k]);
    if (event->phase == TYTO_EVENT_PHASE_NEW) {
        assert_false(story->open[k]);
        assert_true(event->begin_media_ns >= story->end_ns[k]); /* no overlap */
        story->open[k] = true;
        memcpy(story->id[k], event->id, sizeof(story->id[k]));
        story->begin_ns[k] = event->begin_media_ns;
        story->num_new++;
    } else {
        assert_true(story->open[k]);
        assert_string_equal(event->id, story->id[k]);
        assert_true(event->rev == story->rev[k] + 1);
        assert_int_equal(event->begin_media_ns, story->begin_ns[k]);
    }
    story->rev[k] = event->rev;
    assert_int_equal(event->has_end, event->phase == TYTO_EVENT_PHASE_END);
    if (event->phase == TYTO_EVENT_PHASE_END) {
        assert_true(event->end_media_ns > event->begin_media_ns);
        assert_true(event->end_media_ns <= story->now_ns);
        assert_true(event->end_media_ns - event->begin_media_ns <= 24 * S);
        story->end_ns[k] = event->end_media_ns;
        story->open[k] = false;
        story->num_end++;
    }
    assert_true(event->scores.joint >= 0 && event->scores.joint <= 1);
    assert_true(event->onset_confidence >= 0 && event->onset_confidence <= 1);
    assert_true(event->num_segments >= 1 && event->num_segments <= TYTO_EVENT_MAX_SEGMENTS);
    assert_true(fabsf(event->weight_audio + event->weight_visual - 1) < 1e-6f);
    /* What is told can be sent. */
    uint8_t bytes[TYTO_ENVELOPE_MAX_BYTES];
    size_t num_bytes;
    struct tyto_envelope envelope = {.kind = TYTO_ENVELOPE_EVENT, .seq = 1, .cam_seq = 1};
    envelope.body.event = *event;
    assert_int_equal(tyto_envelope_pack(&envelope, bytes, sizeof(bytes), &num_bytes), TYTO_OK);
}

/* 0..n-1 of a plain congruential generator. A function, so that two draws in one initializer are
 * sequenced. */
static uint32_t draw(uint32_t *seed, uint32_t n)
{
    *seed = *seed * 1664525u + 1013904223u;
    return (*seed >> 8) % n;
}

static void random_scores_tell_a_sound_story(void **state)
{
    (void)state;
    uint32_t seed = 99;
#define NEXT(n) draw(&seed, n)
    uint32_t num_events = 0;
    for (int round = 0; round < 80; round++) {
        struct story story = {0};
        const struct tyto_tracker_params params = {
            .onset_window = 1 + NEXT(6),
            .onset_num = 1,
            .hang_over_ns = (1 + NEXT(3)) * S,
            .min_duration_ns = NEXT(3) * S,
            .max_duration_ns = 20 * S,
            .update_every_ns = (1 + NEXT(5)) * S,
        };
        struct tyto_tracker *tracker = make(params, follow, &story);
        const uint32_t bias = NEXT(100);
        int64_t t = 0;
        for (int step = 0; step < 300; step++) {
            float scores[3][K];
            for (int i = 0; i < 3 * K; i++) {
                const uint32_t r = NEXT(50);
                scores[i / K][i % K] = r == 0   ? NAN
                                       : r == 1 ? INFINITY
                                       : r == 2 ? -3
                                                : (float)(NEXT(100) + bias) / 200.f;
            }
            struct tyto_observation o = {
                .begin_ns = t * S / 2, /* segments overlap by half */
                .end_ns = t * S / 2 + S,
                .clock_quality = TYTO_CLOCK_QUALITY_ARRIVAL,
                .unix_offset_ns = 1700000000 * S,
                .evidence.has_audio = NEXT(10) != 0,
                .evidence.has_video = NEXT(10) != 0,
                .evidence.has_heard_seen = NEXT(4) != 0,
                .evidence.joint = scores[0],
                .evidence.heard = scores[1],
                .evidence.seen = scores[2],
                .evidence.weight_audio = 0.5f,
                .evidence.weight_visual = 0.5f,
            };
            story.now_ns = o.end_ns;
            tyto_tracker_update(tracker, &o);
            t += NEXT(40) == 0 ? 1 + NEXT(60) : 1;
            if (NEXT(60) == 0)
                tyto_tracker_end(tracker, TYTO_EVENT_REASON_SOURCE_LOST);
        }
        tyto_tracker_end(tracker, TYTO_EVENT_REASON_SHUTDOWN);
        assert_int_equal(tyto_tracker_num_open(tracker), 0);
        assert_int_equal(story.num_new, story.num_end);
        num_events += story.num_new;
        tyto_tracker_destroy(&tracker);
    }
    assert_true(num_events > 500);
#undef NEXT
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_event_begins_at_its_first_positive_segment),
        cmocka_unit_test(begin_and_length_stay_as_told_when_a_clock_is_set),
        cmocka_unit_test(an_end_says_which_second_answered_which),
        cmocka_unit_test(an_event_has_the_box_of_its_class),
        cmocka_unit_test(one_positive_segment_is_no_event),
        cmocka_unit_test(an_open_event_lives_on_lower_scores),
        cmocka_unit_test(heard_alone_and_seen_alone_are_said_so),
        cmocka_unit_test(joint_alone_does_not_claim_a_sense),
        cmocka_unit_test(a_single_sense_needs_more_than_the_joint_threshold),
        cmocka_unit_test(the_longest_duration_ends_and_begins_anew),
        cmocka_unit_test(events_shorter_than_the_minimum_are_not_told),
        cmocka_unit_test(a_hole_in_the_stream_ends_an_event_where_it_was_last_there),
        cmocka_unit_test(rules_set_thresholds_and_silence_classes),
        cmocka_unit_test(a_missing_stream_cannot_be_the_reason),
        cmocka_unit_test(random_scores_tell_a_sound_story),
        cmocka_unit_test(an_event_carries_what_it_sounds_and_looks_like),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
