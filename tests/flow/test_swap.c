/* SPDX-License-Identifier: MIT */
/* Another head while cameras run: nothing is lost, nothing comes twice, scores go on with full
 * windows, and what must not serve does not. All networks are made up here. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "pipeline/engine/engine.h"
#include "tests/flow/rig.h"
#include "tests/flow/small_models.h"

enum {
    MAX_SWAPS = 1000,
    MIN_SWAPS = 100, /* as many also where they take long */
    SWAPS_S = 30,
    MAX_CAMERAS = 4,
    MAX_OPEN = 64,
    MAX_KEPT = 128,
    WAIT_MS = 120000,
};

static const struct small_head head_a = {
    .seed = "a", .classes = "[\"dog\",\"cat\",\"car\"]", .num_classes = 3};
static const struct small_head head_b = {
    .seed = "b", .classes = "[\"owl\",\"dog\"]", .num_classes = 2};
static const struct small_head head_c = {
    .seed = "c", .classes = "[\"cat\"]", .num_classes = 1, .is_softmax = true};

struct seen_camera {
    char id[TYTO_ID_MAX + 1];
    uint32_t num_segments;
    bool is_in_order; /* each segment exactly once, one after the other */
};

struct seen_event {
    char id[TYTO_ULID_CHARS + 1];
    char class_name[TYTO_ID_MAX + 1];
};

/* What the callbacks saw; they come one at a time, on the inference thread. */
struct seen {
    pthread_mutex_t lock; /* guards all but what is atomic */
    struct seen_camera cameras[MAX_CAMERAS];
    struct seen_event open[MAX_OPEN];
    uint32_t num_open, num_new, num_end, num_bad, num_went_on, num_vanished;
    uint32_t num_heads;
    uint32_t generation; /* of the newest message of camera one: it never goes back */
    char digest[TYTO_DIGEST_MAX + 1];
    uint32_t num_classes;
    char classes[8][TYTO_ID_MAX + 1];
    /* Scores of the first camera's segments, and which head they are by. */
    float kept[MAX_KEPT][2];
    uint32_t kept_heads[MAX_KEPT];
    uint32_t slow_from; /* until there is another head each segment from here on takes a while */
    atomic_uint num_segments;
};

static struct seen seen;
static enum tyto_exec exec; /* of the encoders */

static bool knows(const char *class_name)
{
    bool found = false;
    for (uint32_t k = 0; k < seen.num_classes; k++)
        found |= strcmp(seen.classes[k], class_name) == 0;
    return found;
}

static void on_event(void *user, const struct tyto_event *event)
{
    (void)user;
    pthread_mutex_lock(&seen.lock);
    uint32_t i = 0;
    while (i < seen.num_open && strcmp(seen.open[i].id, event->id) != 0)
        i++;
    const bool is_new = event->phase == TYTO_EVENT_PHASE_NEW;
    if (strcmp(event->camera, "one") == 0) {
        seen.num_bad += event->config_generation < seen.generation;
        seen.generation = event->config_generation;
    }
    seen.num_bad += is_new != (i == seen.num_open); /* NEW twice, or something before NEW */
    if (is_new && seen.num_open < MAX_OPEN) {
        memcpy(seen.open[i].id, event->id, sizeof(event->id));
        memcpy(seen.open[i].class_name, event->class_name, sizeof(event->class_name));
        seen.num_open++;
        seen.num_new++;
        seen.num_bad += !knows(event->class_name); /* by a head that is gone */
    }
    if (!is_new && i < seen.num_open)
        seen.num_bad += strcmp(seen.open[i].class_name, event->class_name) != 0;
    if (event->phase == TYTO_EVENT_PHASE_END && i < seen.num_open) {
        seen.open[i] = seen.open[--seen.num_open];
        seen.num_end++;
        seen.num_vanished += event->reason == TYTO_EVENT_REASON_MODEL_CHANGED;
    }
    pthread_mutex_unlock(&seen.lock);
}

static void take_head(const struct tyto_engine_head *head)
{
    memcpy(seen.digest, head->digest, sizeof(seen.digest));
    seen.num_classes = head->num_classes;
    for (uint32_t k = 0; k < head->num_classes && k < 8; k++)
        memcpy(seen.classes[k], head->class_names[k], sizeof(seen.classes[k]));
    seen.num_heads++;
}

static void on_head(void *user, const struct tyto_engine_head *head)
{
    (void)user;
    pthread_mutex_lock(&seen.lock);
    take_head(head);
    /* What is open now is what both heads know. */
    for (uint32_t i = 0; i < seen.num_open; i++) {
        seen.num_bad += !knows(seen.open[i].class_name);
        seen.num_went_on++;
    }
    pthread_mutex_unlock(&seen.lock);
}

static void on_segment(void *user, const struct tyto_segment_result *result)
{
    (void)user;
    pthread_mutex_lock(&seen.lock);
    uint32_t i = 0;
    while (i + 1 < MAX_CAMERAS && seen.cameras[i].id[0] &&
           strcmp(seen.cameras[i].id, result->camera) != 0)
        i++;
    struct seen_camera *camera = &seen.cameras[i];
    if (!camera->id[0]) {
        snprintf(camera->id, sizeof(camera->id), "%s", result->camera);
        camera->is_in_order = true;
    }
    if (result->begin_ns != camera->num_segments * 1000000000ll) {
        if (camera->is_in_order)
            fprintf(stderr, "camera %s: segment %u begins at %.3f s\n", camera->id,
                    camera->num_segments, (double)result->begin_ns / 1e9);
        camera->is_in_order = false;
    }
    if (i == 0 && camera->num_segments < MAX_KEPT) {
        seen.kept[camera->num_segments][0] = result->evidence.joint[0];
        seen.kept[camera->num_segments][1] = result->evidence.weight_audio;
        seen.kept_heads[camera->num_segments] = seen.num_heads;
    }
    const bool is_slow =
        seen.slow_from && camera->num_segments >= seen.slow_from && seen.num_heads == 1;
    camera->num_segments++;
    seen.num_bad += result->num_classes != seen.num_classes;
    for (uint32_t k = 0; k < result->num_classes; k++)
        seen.num_bad += !(result->evidence.joint[k] >= 0 && result->evidence.joint[k] <= 1) ||
                        strcmp(result->class_names[k], seen.classes[k]) != 0;
    pthread_mutex_unlock(&seen.lock);
    atomic_fetch_add(&seen.num_segments, 1);
    if (is_slow)
        usleep(200000);
}

static const struct tyto_tracker_params eager = {
    .threshold = 0.001f, .threshold_single = 0.001f, .onset_num = 1, .onset_window = 1};

static struct tyto_engine *make_engine(const char *head, const struct tyto_tracker_params *tracker,
                                       uint32_t slow_from)
{
    struct tyto_fault fault = {0};
    struct tyto_engine *engine = NULL;
    struct tyto_engine_head first;
    const struct tyto_engine_params params = {
        .visual_path = rig_path("visual.safetensors"),
        .audio_path = rig_path("audio.safetensors"),
        .head_path = rig_path(head),
        .device = getenv("TYTO_DEVICE"),
        .exec = exec,
        .look_ahead = TYTO_CMAN_LOOK_AHEAD_FROM_WEIGHTS,
        .max_cameras = MAX_CAMERAS,
        .connects_per_s = 100,
        .tracker = *tracker,
        .callbacks = {.on_event = on_event, .on_segment = on_segment, .on_head = on_head},
    };
    memset(&seen, 0, sizeof(seen));
    pthread_mutex_init(&seen.lock, NULL);
    seen.slow_from = slow_from;
    if (tyto_engine_create(&params, &engine, &fault) != TYTO_OK)
        fail_msg("%s: %s: %s", fault.file, fault.key, fault.text);
    assert_int_equal(tyto_engine_get_head(engine, &first), TYTO_OK);
    take_head(&first);
    tyto_engine_head_finish(&first);
    return engine;
}

static void add(struct tyto_engine *engine, const char *id, const char *uri)
{
    const struct tyto_camera_params camera = {.id = id, .uri = uri};
    struct tyto_fault fault = {0};
    if (tyto_engine_add_camera(engine, &camera, &fault) != TYTO_OK)
        fail_msg("%s: %s", uri, fault.text);
}

static void swap(struct tyto_engine *engine, const char *head, struct tyto_swap_result *ret_result)
{
    struct tyto_fault fault = {0};
    if (tyto_engine_swap_head(engine, rig_path(head), ret_result, &fault) != TYTO_OK)
        fail_msg("%s: %s: %s", fault.file, fault.key, fault.text);
}

static void wait_for_segments(uint32_t num)
{
    for (int ms = 0; atomic_load(&seen.num_segments) < num; ms++) {
        if (ms > WAIT_MS)
            fail_msg("only %u segments", atomic_load(&seen.num_segments));
        usleep(1000);
    }
}

static double resident_mib(void)
{
    char line[128] = "", *rest = line;
    FILE *file = fopen("/proc/self/statm", "re");
    assert_non_null(file);
    assert_non_null(fgets(line, sizeof(line), file));
    fclose(file);
    (void)strtoul(line, &rest, 10);
    const unsigned long resident = strtoul(rest, NULL, 10);
    return (double)resident * (double)sysconf(_SC_PAGESIZE) / (1 << 20);
}

/* --- many swaps --------------------------------------------------------------------------------
 */

static void a_thousand_swaps_under_load_lose_no_segment(void **state)
{
    static const char *const heads[] = {"b.safetensors", "c.safetensors", "a.safetensors"};
    (void)state;
    struct tyto_engine *engine = make_engine("a.safetensors", &eager, 0);
    struct tyto_swap_result result;
    uint64_t sum_ns = 0, worst_ns = 0;
    uint32_t num_ended = 0, num_went_on = 0;
    double early_mib = 0;
    add(engine, "one", "test://?live=0&seconds=900000&width=32&height=32&fps=2");
    add(engine, "two", "test://?live=0&seconds=900000&width=32&height=32&fps=2&audio=0");
    add(engine, "three", "test://?live=0&seconds=500&video=0");
    wait_for_segments(100);
    const uint64_t until_ns = tyto_clock_mono_ns() + SWAPS_S * TYTO_NS_PER_S;
    uint32_t num_swaps = 0;
    while (num_swaps < MAX_SWAPS && (num_swaps < MIN_SWAPS || tyto_clock_mono_ns() < until_ns)) {
        swap(engine, heads[num_swaps++ % 3], &result);
        assert_false(result.is_same);
        sum_ns += result.stop_ns;
        worst_ns = result.stop_ns > worst_ns ? result.stop_ns : worst_ns;
        num_ended += result.num_ended;
        num_went_on += result.num_went_on;
        if (num_swaps == 2 * MIN_SWAPS)
            early_mib = resident_mib();
        wait_for_segments(atomic_load(&seen.num_segments) + 1);
    }
    const double late_mib = resident_mib();
    const uint32_t during = atomic_load(&seen.num_segments);
    wait_for_segments(during + 100);
    assert_int_equal(tyto_engine_remove_camera(engine, "one"), TYTO_OK);
    assert_int_equal(tyto_engine_remove_camera(engine, "two"), TYTO_OK);
    assert_int_equal(tyto_engine_wait_ended(engine, WAIT_MS), TYTO_OK);
    printf("%u swaps: batches stopped for %.2f ms each, at most %.2f ms; %u segments came "
           "meanwhile; resident %.1f MiB after %d, %.1f at the end\n",
           num_swaps, (double)sum_ns / num_swaps / 1e6, (double)worst_ns / 1e6, during, early_mib,
           2 * MIN_SWAPS, late_mib);
    uint32_t num_told = 0;
    for (uint32_t i = 0; i < 3; i++) {
        const struct seen_camera *camera = &seen.cameras[i];
        num_told += camera->num_segments;
        if (!camera->is_in_order)
            fail_msg("camera %s: of %u segments, not each came once and in order", camera->id,
                     camera->num_segments);
        if (strcmp(camera->id, "three") == 0)
            assert_int_equal(camera->num_segments, 500);
    }
    struct tyto_engine_counts counts;
    for (int ms = 0; ms < WAIT_MS; ms++) { /* they are published once a round */
        tyto_engine_get_counts(engine, &counts);
        if (counts.num_segments == num_told)
            break;
        usleep(1000);
    }
    assert_int_equal(counts.num_segments, num_told);
    assert_int_equal(counts.num_heads, 1 + num_swaps);
    assert_int_equal(seen.num_heads, 1 + num_swaps);
    assert_true(during > num_swaps);
    assert_int_equal(seen.num_bad, 0);
    assert_int_equal(seen.num_open, 0);
    assert_int_equal(seen.num_new, seen.num_end);
    assert_true(seen.num_vanished > 0 && seen.num_went_on > 0);
    assert_int_equal(seen.num_vanished, num_ended);
    assert_int_equal(seen.num_went_on, num_went_on);
    assert_true(num_swaps < 4 * MIN_SWAPS || late_mib - early_mib < 4);
    tyto_engine_destroy(&engine);
}

/* --- other thresholds, and cameras that come and go
 * ------------------------------------------------
 */

static void tune(struct tyto_engine *engine, const char *head,
                 const struct tyto_tracker_params *tracker, uint32_t generation)
{
    const struct tyto_engine_camera_tuning one = {.id = "one", .tracker = tracker};
    const struct tyto_engine_tuning tuning = {
        .tracker = tracker, .cameras = &one, .num_cameras = 1, .config_generation = generation};
    struct tyto_swap_result result;
    struct tyto_fault fault = {0};
    const enum tyto_err err =
        tyto_engine_change(engine, head ? rig_path(head) : NULL, &tuning, &result, &fault);
    if (err)
        fail_msg("%s: %s: %s", fault.file, fault.key, fault.text);
    assert_int_equal(result.is_same, !head);
}

static void a_camera_that_stays_loses_no_segment_while_others_come_and_go(void **state)
{
    enum { NUM_ROUNDS = 20 };
    struct tyto_tracker_params strict = eager;
    const struct tyto_class_rule no_dogs = {.class_name = "dog", .off = true};
    float thresholds[3 * 8];
    (void)state;
    struct tyto_engine *engine = make_engine("a.safetensors", &eager, 0);
    strict.rules = &no_dogs;
    strict.num_rules = 1;
    add(engine, "one", "test://?live=0&seconds=900000&width=32&height=32&fps=2");
    wait_for_segments(20);
    for (uint32_t i = 0; i < NUM_ROUNDS; i++) {
        char id[16];
        snprintf(id, sizeof(id), "guest%u", i % 2);
        add(engine, id, "test://?live=0&seconds=900000&width=32&height=32&fps=2");
        tune(engine, i % 4 == 3 ? (i % 8 == 3 ? "b.safetensors" : "a.safetensors") : NULL,
             i % 2 ? &strict : &eager, 2 + i);
        wait_for_segments(atomic_load(&seen.num_segments) + 5);
        assert_int_equal(tyto_engine_get_thresholds(engine, "one", thresholds), TYTO_OK);
        const bool has_dogs_first = seen.num_classes == 3;
        assert_int_equal(thresholds[has_dogs_first ? 0 : 1] == 2.0f, i % 2);
        assert_int_equal(tyto_engine_stop_camera(engine, id), TYTO_OK);
        const enum tyto_err err = tyto_engine_remove_camera(engine, id);
        assert_true(!err || err == TYTO_ERR_NOT_FOUND);
        pthread_mutex_lock(&seen.lock);
        for (uint32_t k = 1; k < MAX_CAMERAS; k++) /* its name may come again, from zero */
            seen.cameras[k] = (struct seen_camera){.num_segments = 0};
        pthread_mutex_unlock(&seen.lock);
    }
    /* What cannot be is refused, and changes nothing. */
    const struct tyto_class_rule no_foxes = {.class_name = "fox", .off = true};
    strict.rules = &no_foxes;
    const struct tyto_engine_tuning tuning = {.tracker = &strict, .config_generation = 99};
    struct tyto_swap_result result;
    struct tyto_fault fault = {0};
    assert_int_equal(tyto_engine_change(engine, NULL, &tuning, &result, &fault), TYTO_ERR_INVALID);
    assert_non_null(strstr(fault.text, "rule"));
    assert_int_equal(tyto_engine_stop_camera(engine, "nobody"), TYTO_ERR_NOT_FOUND);
    assert_int_equal(tyto_engine_remove_camera(engine, "one"), TYTO_OK);
    assert_string_equal(seen.cameras[0].id, "one");
    assert_true(seen.cameras[0].is_in_order);
    assert_int_equal(seen.num_bad, 0);
    assert_int_equal(seen.num_open, 0);
    assert_int_equal(seen.num_new, seen.num_end);
    assert_int_equal(seen.generation, 1 + NUM_ROUNDS);
    tyto_engine_destroy(&engine);
}

/* --- what the scores are -------------------------------------------------------------------------
 */

static const char *const clip = "test://?live=0&seconds=100&width=32&height=32&fps=2&pattern=18";

static void assert_scores_go_on(enum tyto_exec with)
{
    exec = with;
    static float want[MAX_KEPT][2];
    struct tyto_swap_result result;
    struct tyto_engine *engine = make_engine("b.safetensors", &eager, 0);
    add(engine, "one", clip);
    assert_int_equal(tyto_engine_wait_ended(engine, WAIT_MS), TYTO_OK);
    memcpy(want, seen.kept, sizeof(want));
    tyto_engine_destroy(&engine);

    engine = make_engine("a.safetensors", &eager, 15);
    add(engine, "one", clip);
    wait_for_segments(15);
    swap(engine, "b.safetensors", &result);
    assert_int_equal(tyto_engine_wait_ended(engine, WAIT_MS), TYTO_OK);
    assert_int_equal(seen.cameras[0].num_segments, 100);
    uint32_t num_by_b = 0, num_other = 0;
    for (uint32_t i = 0; i < 100; i++) {
        num_other += seen.kept_heads[i] == 1 && fabsf(seen.kept[i][0] - want[i][0]) > 1e-3f;
        if (seen.kept_heads[i] == 1)
            continue;
        num_by_b++;
        for (int v = 0; v < 2; v++)
            if (!(fabsf(seen.kept[i][v] - want[i][v]) < 1e-5f))
                fail_msg("segment %u: %g, by a head that had always been there %g", i,
                         (double)seen.kept[i][v], (double)want[i][v]);
    }
    assert_true(num_by_b > 5 && num_other > 5); /* and the heads do differ */
    tyto_engine_destroy(&engine);
}

static void after_a_swap_scores_are_those_of_a_head_that_had_always_been_there(void **state)
{
    (void)state;
    assert_scores_go_on(TYTO_EXEC_VULKAN);
    assert_scores_go_on(TYTO_EXEC_CPU);
    exec = TYTO_EXEC_AUTO;
}

static void the_head_that_serves_already_is_not_swapped(void **state)
{
    struct tyto_swap_result result;
    struct tyto_engine_head head;
    (void)state;
    struct tyto_engine *engine = make_engine("a.safetensors", &eager, 0);
    swap(engine, "a.safetensors", &result);
    assert_true(result.is_same);
    assert_string_equal(result.old_digest, result.new_digest);
    assert_int_equal(seen.num_heads, 1);
    swap(engine, "b.safetensors", &result);
    assert_false(result.is_same);
    assert_int_equal(tyto_engine_get_head(engine, &head), TYTO_OK);
    assert_string_equal(head.digest, result.new_digest);
    assert_int_equal(head.num_classes, 2);
    assert_string_equal(head.class_names[0], "owl");
    assert_string_equal(tyto_engine_class_name(engine, 1), "dog");
    tyto_engine_head_finish(&head);
    tyto_engine_destroy(&engine);
}

/* --- what is refused
 * ------------------------------------------------------------------------------ */

static void write_broken_heads(void)
{
    struct small_head head = head_b;
    head.visual = SMALL_VISUAL + 3;
    assert_int_equal(small_head_write(rig_path("wide.safetensors"), &head), TYTO_OK);
    head = head_b;
    head.num_segments = SMALL_SEGMENTS + 2;
    assert_int_equal(small_head_write(rig_path("long.safetensors"), &head), TYTO_OK);
    head = head_b;
    head.encoders = "{\"audio\":\"0123456789abcdef\"}";
    assert_int_equal(small_head_write(rig_path("stranger.safetensors"), &head), TYTO_OK);
    head = head_b;
    head.fusion = "early";
    assert_int_equal(small_head_write(rig_path("early.safetensors"), &head), TYTO_OK);
    head = head_b;
    head.scale = NAN;
    assert_int_equal(small_head_write(rig_path("nan.safetensors"), &head), TYTO_OK);
    head = head_b;
    head.scale = 0x1p127f; /* every weight is finite, what comes of them is not */
    assert_int_equal(small_head_write(rig_path("loud.safetensors"), &head), TYTO_OK);
    head = head_b;
    head.classes = "[\"owl\",\"dog\",\"fox\"]"; /* one more than the tensors have */
    assert_int_equal(small_head_write(rig_path("odd.safetensors"), &head), TYTO_OK);
    rig_copy("b.safetensors", "short.safetensors", 2000, NULL);
    rig_copy("b.safetensors", "empty.safetensors", 1, NULL);
    assert_int_equal(mkdir(rig_path("folder.safetensors"), 0700), 0);
    assert_int_equal(mkfifo(rig_path("pipe.safetensors"), 0600), 0);
}

static void what_must_not_serve_is_refused_and_the_old_head_goes_on(void **state)
{
    static const struct {
        const char *file;
        enum tyto_err err;
        const char *key, *text;
    } cases[] = {
        {"absent.safetensors", TYTO_ERR_NOT_FOUND, "", "No such file"},
        {"folder.safetensors", TYTO_ERR_FORMAT, "", "regular file"},
        {"pipe.safetensors", TYTO_ERR_FORMAT, "", "regular file"},
        {"empty.safetensors", TYTO_ERR_FORMAT, "", ""},
        {"short.safetensors", TYTO_ERR_FORMAT, "", ""},
        {"visual.safetensors", TYTO_ERR_FORMAT, "tyto.format", "head/1"},
        {"wide.safetensors", TYTO_ERR_SHAPE, "tyto.config", "other encoders"},
        {"long.safetensors", TYTO_ERR_SHAPE, "tyto.config num_segments", "8 segments"},
        {"stranger.safetensors", TYTO_ERR_FORMAT, "tyto.encoders audio", "0123456789ab"},
        {"early.safetensors", TYTO_ERR_UNSUPPORTED, "tyto.fusion", "baseline"},
        {"nan.safetensors", TYTO_ERR_FORMAT, "head.0.weight", "finite"},
        {"odd.safetensors", TYTO_ERR_SHAPE, "head.1.weight", ""},
        {"loud.safetensors", TYTO_ERR_INVALID, "self-check", ""},
    };
    struct tyto_swap_result result = {.load_ns = 42};
    struct tyto_engine_head head;
    (void)state;
    write_broken_heads();
    struct tyto_engine *engine = make_engine("a.safetensors", &eager, 0);
    add(engine, "one", "test://?live=0&seconds=400&width=32&height=32&fps=1");
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct tyto_fault fault = {0};
        const enum tyto_err err =
            tyto_engine_swap_head(engine, rig_path(cases[i].file), &result, &fault);
        if (err != cases[i].err || !strstr(fault.file, cases[i].file) ||
            (cases[i].key[0] && strcmp(fault.key, cases[i].key) != 0) ||
            !strstr(fault.text, cases[i].text) || !fault.text[0])
            fail_msg("%s: %s; %s: %s: %s", cases[i].file, tyto_err_text(err), fault.file, fault.key,
                     fault.text);
        assert_int_equal(result.load_ns, 42); /* untouched */
    }
    assert_int_equal(tyto_engine_get_head(engine, &head), TYTO_OK);
    assert_string_equal(head.digest, seen.digest);
    assert_int_equal(seen.num_heads, 1);
    tyto_engine_head_finish(&head);
    assert_int_equal(tyto_engine_wait_ended(engine, WAIT_MS), TYTO_OK);
    assert_int_equal(seen.cameras[0].num_segments, 400);
    assert_true(seen.cameras[0].is_in_order);
    assert_int_equal(seen.num_bad, 0);
    tyto_engine_destroy(&engine);
    unlink(rig_path("pipe.safetensors"));
    rmdir(rig_path("folder.safetensors"));
}

static void a_rule_for_a_class_that_would_vanish_is_in_the_way(void **state)
{
    const struct tyto_class_rule rule = {.class_name = "cat", .threshold = 0.5f};
    const struct tyto_tracker_params params = {.rules = &rule, .num_rules = 1};
    struct tyto_swap_result result;
    struct tyto_fault fault = {0};
    (void)state;
    struct tyto_engine *engine = make_engine("a.safetensors", &params, 0);
    assert_int_equal(tyto_engine_swap_head(engine, rig_path("b.safetensors"), &result, &fault),
                     TYTO_ERR_INVALID);
    assert_non_null(strstr(fault.text, "the configuration has a rule for class 'cat'"));
    swap(engine, "c.safetensors", &result); /* knows cats */
    add(engine, "one", "test://?live=0&seconds=3&width=32&height=32&fps=1");
    assert_int_equal(tyto_engine_wait_ended(engine, WAIT_MS), TYTO_OK);
    fault = (struct tyto_fault){0};
    assert_int_equal(tyto_engine_swap_head(engine, rig_path("b.safetensors"), &result, &fault),
                     TYTO_ERR_INVALID);
    assert_non_null(strstr(fault.text, "camera one has a rule for class 'cat'"));
    tyto_engine_destroy(&engine);
}

static int make_models(void **state)
{
    (void)state;
    return small_visual_write(rig_path("visual.safetensors")) != TYTO_OK ||
           small_audio_write(rig_path("audio.safetensors")) != TYTO_OK ||
           small_head_write(rig_path("a.safetensors"), &head_a) != TYTO_OK ||
           small_head_write(rig_path("b.safetensors"), &head_b) != TYTO_OK ||
           small_head_write(rig_path("c.safetensors"), &head_c) != TYTO_OK;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(after_a_swap_scores_are_those_of_a_head_that_had_always_been_there),
        cmocka_unit_test(the_head_that_serves_already_is_not_swapped),
        cmocka_unit_test(what_must_not_serve_is_refused_and_the_old_head_goes_on),
        cmocka_unit_test(a_rule_for_a_class_that_would_vanish_is_in_the_way),
        cmocka_unit_test(a_camera_that_stays_loses_no_segment_while_others_come_and_go),
        cmocka_unit_test(a_thousand_swaps_under_load_lose_no_segment),
    };
    return cmocka_run_group_tests(tests, make_models, rig_remove_media);
}
