/* SPDX-License-Identifier: MIT */
/* Scores that are kept: packed, in the journal, asked for, and counted again. What is counted with
 * what was asked for then is what was published. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "client/query.h"
#include "daemon/journal/journal.h"
#include "daemon/publish/publisher.h"
#include "daemon/query/query.h"
#include "daemon/scores/block.h"
#include "daemon/scores/keep.h"
#include "pipeline/recount/recount.h"
#include "pipeline/track/tracker.h"

enum { NUM_CLASSES = 5, NUM_SEGMENTS = 3000, MAX_EVENTS = 8192 };
#define SECOND ((int64_t)TYTO_NS_PER_S)
#define BEGIN_UNIX_NS (1700000000 * SECOND)

static const char *const names[NUM_CLASSES] = {"dog", "cat", "owl", "car", "bell"};
static const char *const other_names[NUM_CLASSES] = {"dog", "cow", "owl", "car", "bell"};
static char folder[64], path[96], endpoint[108], query_endpoint[108];

static uint32_t chance = 1;
static uint32_t draw(void)
{
    chance = chance * 1664525u + 1013904223u;
    return chance >> 8;
}
static float draw_share(void)
{
    return (float)draw() / (float)(1u << 24);
}

/* --- codes ------------------------------------------------------------------------------------ */

static void a_code_lies_where_its_score_lies(void **state)
{
    (void)state;
    for (int i = 0; i < 200000; i++) {
        const float threshold =
            draw() % 20 == 0 ? (float)(draw() % 3) / 2.0f : 0.02f + 0.96f * draw_share();
        const float boundaries[] = {threshold, 0.7f * threshold};
        float score = draw_share();
        uint8_t code = 0;
        if (draw() % 4 == 0) /* just at a boundary */
            score = boundaries[draw() % 2];
        if (draw() % 8 == 0)
            score = nextafterf(score, draw() % 2 ? 1.0f : 0.0f);
        assert_true(tyto_score_code(score, boundaries, 2, &code));
        const float read = tyto_score_of(code);
        for (int b = 0; b < 2; b++)
            assert_int_equal(score >= boundaries[b], read >= boundaries[b]);
        if (score > 0.01f && score < 0.99f)
            assert_true(fabsf(logf(read / (1 - read)) - logf(score / (1 - score))) < 0.11f ||
                        code == 0 || code == 255);
    }
    uint8_t code = 7;
    assert_true(tyto_score_code(NAN, NULL, 0, &code));
    assert_int_equal(code, 0);
    for (int c = 0; c < 256; c++) {
        assert_true(tyto_score_code(tyto_score_of((uint8_t)c), NULL, 0, &code));
        assert_int_equal(code, c);
        assert_true(c == 0 || tyto_score_of((uint8_t)c) > tyto_score_of((uint8_t)(c - 1)));
    }
}

static void segments_come_out_as_they_went_in_and_cut_ones_do_not(void **state)
{
    (void)state;
    uint8_t codes[3 * 60], read_codes[3 * 60];
    const uint32_t num = 60;
    uint8_t *bytes = malloc(tyto_scores_segment_max(num));
    assert_non_null(bytes);
    for (int round = 0; round < 500; round++) {
        for (size_t i = 0; i < sizeof(codes); i++)
            codes[i] = draw() % 3 ? 0 : (uint8_t)draw();
        const struct tyto_segment_scores segment = {.begin_unix_ns = BEGIN_UNIX_NS + round,
                                                    .end_unix_ns = BEGIN_UNIX_NS + SECOND,
                                                    .begin_media_ns = round,
                                                    .has_audio = draw() % 2,
                                                    .has_video = draw() % 2,
                                                    .has_heard_seen = true,
                                                    .goes_on = draw() % 2,
                                                    .weight_audio = (uint8_t)draw(),
                                                    .has_av_offset = true,
                                                    .av_offset_ms = -round,
                                                    .joint = codes,
                                                    .heard = codes + num,
                                                    .seen = codes + 2 * num};
        struct tyto_segment_scores read;
        const size_t num_bytes = tyto_scores_segment_write(&segment, num, bytes);
        size_t at = 0;
        assert_true(num_bytes <= tyto_scores_segment_max(num));
        assert_true(tyto_scores_segment_read(bytes, num_bytes, num, &at, &read, read_codes));
        assert_int_equal(at, num_bytes);
        assert_memory_equal(codes, read_codes, sizeof(codes));
        assert_int_equal(read.begin_unix_ns, segment.begin_unix_ns);
        assert_int_equal(read.goes_on, segment.goes_on);
        assert_int_equal(read.av_offset_ms, -round);
        at = 0;
        assert_false(
            tyto_scores_segment_read(bytes, draw() % num_bytes, num, &at, &read, read_codes));
    }
    free(bytes);
}

/* --- the world -------------------------------------------------------------------------------- */

struct told {
    uint32_t num;
    struct one {
        char class_name[TYTO_ID_MAX + 1];
        enum tyto_event_phase phase;
        enum tyto_modality modality;
        int64_t begin_ns, end_ns;
    } items[MAX_EVENTS];
};

static void note_event(void *user, const struct tyto_event *event)
{
    struct told *told = user;
    if (event->phase == TYTO_EVENT_PHASE_UPDATE)
        return;
    assert_true(told->num < MAX_EVENTS);
    struct one *one = &told->items[told->num++];
    memset(one, 0, sizeof(*one));
    snprintf(one->class_name, sizeof(one->class_name), "%s", event->class_name);
    one->phase = event->phase;
    one->modality = event->modality;
    one->begin_ns = event->begin_unix_ns;
    one->end_ns = event->has_end ? event->end_unix_ns : 0;
}

struct rig {
    struct tyto_journal *journal;
    struct tyto_publisher *publisher;
    struct tyto_query_server *server;
    struct tyto_query *query;
    struct tyto_score_gatherer *gatherer;
};

static void tell_hello(void *user, struct tyto_hello *ret_hello)
{
    tyto_publisher_get_hello(user, ret_hello);
}

static void hand_on(void *user, struct tyto_journal_scores *scores)
{
    struct rig *rig = user;
    tyto_publisher_keep_scores(rig->publisher, scores);
}

static void start(struct rig *rig, uint64_t max_score_bytes)
{
    const char *endpoints[] = {endpoint}, *query_endpoints[] = {query_endpoint};
    struct tyto_fault fault = {.text = ""};
    const struct tyto_journal_params kept = {.path = path, .max_score_bytes = max_score_bytes};
    memset(rig, 0, sizeof(*rig));
    if (tyto_journal_open(&kept, &rig->journal, &fault) != TYTO_OK)
        fail_msg("%s", fault.text);
    const struct tyto_publisher_params params = {
        .endpoints = endpoints, .num_endpoints = 1, .heartbeat_ms = 100, .journal = rig->journal};
    const struct tyto_score_gatherer_params keeping = {
        .hand_on = hand_on, .user = rig, .max_cameras = 4};
    const struct tyto_query_params asking = {.query_endpoint = query_endpoint, .timeout_ms = 30000};
    if (tyto_publisher_create(&params, &rig->publisher, &fault) != TYTO_OK)
        fail_msg("%s", fault.text);
    const struct tyto_query_server_params answering = {.endpoints = query_endpoints,
                                                       .num_endpoints = 1,
                                                       .journal_path = path,
                                                       .hello = tell_hello,
                                                       .user = rig->publisher};
    if (tyto_query_server_create(&answering, &rig->server, &fault) != TYTO_OK)
        fail_msg("%s", fault.text);
    assert_int_equal(tyto_score_gatherer_create(&keeping, &rig->gatherer), TYTO_OK);
    assert_int_equal(tyto_query_create(&asking, &rig->query), TYTO_OK);
}

/* The publisher's end writes what waits; then it is there to be asked for. */
static void finish_writing(struct rig *rig)
{
    tyto_score_gatherer_destroy(&rig->gatherer);
    assert_true(tyto_publisher_finish(rig->publisher));
}

static void stop(struct rig *rig)
{
    tyto_query_destroy(&rig->query);
    assert_true(tyto_query_server_destroy(&rig->server));
    assert_true(tyto_publisher_destroy(&rig->publisher));
    tyto_journal_close(&rig->journal);
    static const char *const suffixes[] = {"", "-wal", "-shm", ".lock", ".reserve"};
    for (size_t i = 0; i < 5; i++) {
        char name[128];
        snprintf(name, sizeof(name), "%s%s", path, suffixes[i]);
        (void)unlink(name);
    }
}

static struct tyto_tracker *make_tracker(const float *thresholds, const char *const *class_names,
                                         const char *digest, struct told *told)
{
    struct tyto_class_rule off = {.class_name = "bell", .off = true};
    struct tyto_tracker_params params = tyto_tracker_params_default();
    params.min_duration_ns = SECOND * 3 / 2;
    params.max_duration_ns = 20 * SECOND;
    params.rules = &off;
    params.num_rules = 1;
    const struct tyto_tracker_context context = {.camera = "yard",
                                                 .num_classes = NUM_CLASSES,
                                                 .class_names = class_names,
                                                 .weights_thresholds = thresholds,
                                                 .model_digest = digest,
                                                 .hop_ns = SECOND,
                                                 .sink = note_event,
                                                 .user = told};
    struct tyto_tracker *tracker = NULL;
    assert_int_equal(tyto_tracker_create(&params, &context, &tracker), TYTO_OK);
    return tracker;
}

struct counting {
    struct tyto_recount *recount;
    uint64_t num_segments, num_pages;
};

static bool count_page(void *user, const struct tyto_reply *page)
{
    struct counting *counting = user;
    counting->num_segments += page->num_segments;
    counting->num_pages++;
    assert_int_equal(tyto_recount_take(counting->recount, page), TYTO_OK);
    return true;
}

static struct counting recount(struct rig *rig, float threshold, const char *class_name,
                               struct told *told)
{
    const struct tyto_query_scores which = {
        .camera = "yard", .classes = &class_name, .num_classes = class_name != NULL};
    const struct tyto_recount_params params = {.camera = "yard",
                                               .wishes = {.threshold = threshold},
                                               .wished = threshold > 0, /* the first row */
                                               .sink = note_event,
                                               .user = told};
    struct counting counting = {.num_segments = 0};
    told->num = 0;
    assert_int_equal(tyto_recount_create(&params, &counting.recount), TYTO_OK);
    const enum tyto_err err = tyto_query_scores(rig->query, &which, count_page, &counting);
    if (err)
        fail_msg("%s: %s", tyto_err_text(err), tyto_query_error_text(rig->query));
    tyto_recount_end(counting.recount);
    tyto_recount_destroy(&counting.recount);
    return counting;
}

/* Scores that wander about the thresholds, holes, streams that stop and begin again, one modality
 * alone, another model in the middle. */
static void what_is_counted_again_is_what_was_published(void **state)
{
    (void)state;
    static struct told told, counted, others;
    static float thresholds[3 * NUM_CLASSES], renewed[3 * NUM_CLASSES];
    float scores[3 * NUM_CLASSES] = {0};
    struct rig rig;
    start(&rig, 64 << 20);
    for (int i = 0; i < 3 * NUM_CLASSES; i++) {
        thresholds[i] = 0.15f + 0.7f * draw_share();
        renewed[i] = 0.15f + 0.7f * draw_share();
    }
    told.num = 0;
    struct tyto_tracker *tracker = make_tracker(thresholds, names, "aa", &told);
    const char *const *class_names = names;
    int64_t at_ns = 5 * SECOND;
    for (int i = 0; i < NUM_SEGMENTS; i++) {
        if (i == NUM_SEGMENTS / 2) {
            struct tyto_tracker *next = make_tracker(renewed, other_names, "bb", &told);
            tyto_tracker_adopt(next, tracker);
            tyto_tracker_destroy(&tracker);
            tracker = next;
            class_names = other_names;
        }
        if (draw() % 97 == 0)
            at_ns += draw() % 5 * SECOND; /* a hole */
        if (draw() % 211 == 0) {
            tyto_tracker_end(tracker, TYTO_EVENT_REASON_SOURCE_LOST);
            tyto_score_gatherer_break(rig.gatherer, "yard");
            at_ns += draw() % 3 * SECOND / 4;
        }
        for (int k = 0; k < 3 * NUM_CLASSES; k++) {
            scores[k] = 0.7f * scores[k] + 0.3f * draw_share();
            if (draw() % 16 == 0) /* at the threshold itself, or just beside it */
                scores[k] = nextafterf((i < NUM_SEGMENTS / 2 ? thresholds : renewed)[k],
                                       (float)(draw() % 2));
        }
        const bool has_audio = draw() % 20 != 0, has_video = draw() % 20 != 0;
        const struct tyto_evidence evidence = {.has_audio = has_audio,
                                               .has_video = has_video,
                                               .has_heard_seen = i % 500 < 450,
                                               .joint = scores,
                                               .heard = scores + NUM_CLASSES,
                                               .seen = scores + 2 * NUM_CLASSES,
                                               .weight_audio = 0.25f,
                                               .weight_visual = 0.75f};
        const struct tyto_scored_segment segment = {.camera = "yard",
                                                    .begin_ns = at_ns,
                                                    .end_ns = at_ns + SECOND,
                                                    .unix_offset_ns = BEGIN_UNIX_NS,
                                                    .evidence = &evidence,
                                                    .num_classes = NUM_CLASSES,
                                                    .class_names = class_names,
                                                    .tracker = tracker};
        const struct tyto_observation observation = {.begin_ns = at_ns,
                                                     .end_ns = at_ns + SECOND,
                                                     .unix_offset_ns = BEGIN_UNIX_NS,
                                                     .evidence = evidence};
        tyto_score_gatherer_take(rig.gatherer, &segment);
        tyto_tracker_update(tracker, &observation);
        at_ns += SECOND;
    }
    tyto_tracker_end(tracker, TYTO_EVENT_REASON_SHUTDOWN);
    tyto_tracker_destroy(&tracker);
    finish_writing(&rig);

    struct counting counting = recount(&rig, 0, NULL, &counted);
    assert_int_equal(counting.num_segments, NUM_SEGMENTS);
    assert_true(counting.num_pages >= 3);
    assert_true(told.num > 200);
    assert_int_equal(counted.num, told.num);
    for (uint32_t i = 0; i < told.num; i++) {
        if (memcmp(&counted.items[i], &told.items[i], sizeof(told.items[i])) != 0)
            fail_msg("event %u: %s at %lld, not %s at %lld", i, counted.items[i].class_name,
                     (long long)counted.items[i].begin_ns, told.items[i].class_name,
                     (long long)told.items[i].begin_ns);
    }
    /* A higher threshold tells less; one class alone is as it was among all. */
    (void)recount(&rig, 0.9f, NULL, &others);
    assert_true(others.num < told.num / 2);
    uint32_t num_dogs = 0;
    for (uint32_t i = 0; i < told.num; i++)
        num_dogs += strcmp(told.items[i].class_name, "dog") == 0;
    (void)recount(&rig, 0, "dog", &others);
    assert_int_equal(others.num, num_dogs);
    stop(&rig);
}

static void no_more_is_kept_than_there_is_room_for(void **state)
{
    (void)state;
    static struct told told, counted;
    static float thresholds[3 * NUM_CLASSES];
    float scores[3 * NUM_CLASSES];
    struct rig rig;
    start(&rig, 20000);
    for (int i = 0; i < 3 * NUM_CLASSES; i++)
        thresholds[i] = scores[i] = 0.5f;
    struct tyto_tracker *tracker = make_tracker(thresholds, names, "aa", &told);
    for (int i = 0; i < NUM_SEGMENTS; i++) {
        const struct tyto_evidence evidence = {.has_audio = true,
                                               .has_video = true,
                                               .has_heard_seen = true,
                                               .joint = scores,
                                               .heard = scores + NUM_CLASSES,
                                               .seen = scores + 2 * NUM_CLASSES};
        const struct tyto_scored_segment segment = {.camera = "yard",
                                                    .begin_ns = i * SECOND,
                                                    .end_ns = (i + 1) * SECOND,
                                                    .unix_offset_ns = BEGIN_UNIX_NS,
                                                    .evidence = &evidence,
                                                    .num_classes = NUM_CLASSES,
                                                    .class_names = names,
                                                    .tracker = tracker};
        tyto_score_gatherer_take(rig.gatherer, &segment);
    }
    tyto_tracker_destroy(&tracker);
    finish_writing(&rig);
    while (tyto_journal_tend(rig.journal))
        ;
    usleep(1100000); /* it looks once a second */
    while (tyto_journal_tend(rig.journal))
        ;
    const struct counting counting = recount(&rig, 0, NULL, &counted);
    assert_true(counting.num_segments > 0 && counting.num_segments <= 20000 / 30);
    stop(&rig);
}

static int make_world(void **state)
{
    (void)state;
    snprintf(folder, sizeof(folder), "/tmp/tyto-scores-XXXXXX");
    if (!mkdtemp(folder))
        return 1;
    snprintf(path, sizeof(path), "%s/journal", folder);
    snprintf(endpoint, sizeof(endpoint), "ipc://%s/events", folder);
    snprintf(query_endpoint, sizeof(query_endpoint), "ipc://%s/query", folder);
    return 0;
}

static int remove_world(void **state)
{
    (void)state;
    return rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_code_lies_where_its_score_lies),
        cmocka_unit_test(segments_come_out_as_they_went_in_and_cut_ones_do_not),
        cmocka_unit_test(what_is_counted_again_is_what_was_published),
        cmocka_unit_test(no_more_is_kept_than_there_is_room_for),
    };
    return cmocka_run_group_tests(tests, make_world, remove_world);
}
