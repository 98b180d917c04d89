/* SPDX-License-Identifier: MIT */
/* test_engine MODELS_DIR: cameras of all sorts through the real networks. SKIPs
 * (77) when scripts/setup has not brought the networks in. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "model/paths/paths.h"
#include "pipeline/engine/engine.h"
#include "tests/flow/rig.h"

enum { MAX_OPEN = 4096, WAIT_MS = 120000 };

static const char *models_dir;

/* What the callbacks saw; they come one at a time, on the inference thread. */
struct seen {
    uint32_t num_new, num_end, num_open;
    char open_ids[MAX_OPEN][TYTO_ULID_CHARS + 1];
    enum tyto_event_reason last_reason;
    uint32_t num_segments, num_audio, num_video;
    bool scores_in_range;
    char failed_camera[TYTO_ID_MAX + 1];
    pthread_mutex_t lock; /* guards all */
};

static void on_event(void *user, const struct tyto_event *event)
{
    struct seen *seen = user;
    pthread_mutex_lock(&seen->lock);
    uint32_t i = 0;
    while (i < seen->num_open && strcmp(seen->open_ids[i], event->id) != 0)
        i++;
    if (event->phase == TYTO_EVENT_PHASE_NEW) {
        assert_int_equal(i, seen->num_open);
        assert_true(seen->num_open < MAX_OPEN);
        memcpy(seen->open_ids[seen->num_open++], event->id, sizeof(event->id));
        seen->num_new++;
    } else {
        assert_true(i < seen->num_open);
    }
    if (event->phase == TYTO_EVENT_PHASE_END) {
        seen->num_open--;
        memmove(seen->open_ids[i], seen->open_ids[seen->num_open], sizeof(event->id));
        seen->num_end++;
        seen->last_reason = event->reason;
    }
    pthread_mutex_unlock(&seen->lock);
}

static void on_state(void *user, const struct tyto_camera_state *state)
{
    struct seen *seen = user;
    pthread_mutex_lock(&seen->lock);
    if (state->status == TYTO_CAMERA_STATUS_FAILED)
        memcpy(seen->failed_camera, state->camera, sizeof(seen->failed_camera));
    pthread_mutex_unlock(&seen->lock);
}

static void on_segment(void *user, const struct tyto_segment_result *result)
{
    struct seen *seen = user;
    pthread_mutex_lock(&seen->lock);
    seen->num_segments++;
    seen->num_audio += result->evidence.has_audio;
    seen->num_video += result->evidence.has_video;
    for (uint32_t k = 0; k < result->num_classes; k++)
        seen->scores_in_range &= result->evidence.joint[k] >= 0 && result->evidence.joint[k] <= 1;
    pthread_mutex_unlock(&seen->lock);
}

static struct tyto_engine *make_engine(struct seen *seen, struct tyto_engine_params params)
{
    struct tyto_model_paths paths = {{0}, {0}, {0}};
    struct tyto_fault fault = {0};
    struct tyto_engine *engine = NULL;
    *seen = (struct seen){.scores_in_range = true};
    pthread_mutex_init(&seen->lock, NULL);
    assert_int_equal(tyto_model_paths_find(models_dir, &paths, &fault), TYTO_OK);
    params.visual_path = paths.visual;
    params.audio_path = paths.audio;
    params.head_path = paths.head;
    params.look_ahead = TYTO_CMAN_LOOK_AHEAD_FROM_WEIGHTS;
    params.callbacks = (struct tyto_engine_callbacks){
        .user = seen, .on_event = on_event, .on_state = on_state, .on_segment = on_segment};
    if (tyto_engine_create(&params, &engine, &fault) != TYTO_OK)
        fail_msg("%s: %s", fault.file, fault.text);
    return engine;
}

static void add(struct tyto_engine *engine, const char *id, const char *uri)
{
    const struct tyto_camera_params camera = {.id = id, .uri = uri};
    struct tyto_fault fault = {0};
    if (tyto_engine_add_camera(engine, &camera, &fault) != TYTO_OK)
        fail_msg("%s: %s", uri, fault.text);
}

/* Everything is an event when any score is enough. */
static const struct tyto_tracker_params eager = {.threshold = 0.001f, .threshold_single = 0.001f};

static void files_of_all_sorts_are_evaluated_together(void **state)
{
    (void)state;
    struct seen seen;
    struct tyto_engine *engine = make_engine(&seen, (struct tyto_engine_params){.tracker = eager});
    add(engine, "both", "test://?live=0&seconds=7");
    add(engine, "sound", "test://?live=0&seconds=5&video=0");
    add(engine, "picture", "test://?live=0&seconds=6&audio=0&fps=5");
    add(engine, "absent", "/nonexistent/clip.mp4");
    assert_int_equal(tyto_engine_wait_ended(engine, WAIT_MS), TYTO_OK);
    assert_int_equal(seen.num_segments, 7 + 5 + 6);
    assert_int_equal(seen.num_audio, 7 + 5);
    assert_int_equal(seen.num_video, 7 + 6);
    assert_true(seen.scores_in_range);
    assert_string_equal(seen.failed_camera, "absent");
    assert_true(seen.num_new > 0);
    assert_int_equal(seen.num_new, seen.num_end);
    assert_int_equal(seen.last_reason, TYTO_EVENT_REASON_SOURCE_ENDED);
    struct tyto_engine_counts counts;
    tyto_engine_get_counts(engine, &counts);
    assert_int_equal(counts.num_segments, 18);
    assert_int_equal(counts.num_cameras, 4);
    tyto_engine_destroy(&engine);
}

static void cameras_come_and_go_while_others_run(void **state)
{
    (void)state;
    struct seen seen;
    struct tyto_engine *engine =
        make_engine(&seen, (struct tyto_engine_params){.tracker = eager, .max_cameras = 2});
    const struct tyto_camera_params extra = {.id = "third", .uri = "test://"};
    const struct tyto_camera_params twice = {.id = "first", .uri = "test://"};
    const struct tyto_camera_params bad = {.id = "Bad Id", .uri = "test://"};
    const struct tyto_camera_params odd = {.id = "odd", .uri = "gopher://x"};
    add(engine, "first", "test://?width=64&height=48");
    assert_int_equal(tyto_engine_add_camera(engine, &twice, NULL), TYTO_ERR_EXISTS);
    assert_int_equal(tyto_engine_add_camera(engine, &bad, NULL), TYTO_ERR_INVALID);
    assert_int_equal(tyto_engine_add_camera(engine, &odd, NULL), TYTO_ERR_UNSUPPORTED);
    add(engine, "second", "test://?width=64&height=48");
    assert_int_equal(tyto_engine_add_camera(engine, &extra, NULL), TYTO_ERR_FULL);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(tyto_engine_remove_camera(engine, "second"), TYTO_OK);
        assert_int_equal(tyto_engine_remove_camera(engine, "second"), TYTO_ERR_NOT_FOUND);
        add(engine, "second", "test://?width=64&height=48");
        usleep(300000);
    }
    uint32_t num_segments = 0;
    for (int tenth = 0; num_segments < 4 && tenth < 300; tenth++) {
        usleep(100000);
        pthread_mutex_lock(&seen.lock);
        num_segments = seen.num_segments;
        pthread_mutex_unlock(&seen.lock);
    }
    assert_true(num_segments >= 4);
    tyto_engine_destroy(&engine);
    assert_true(seen.num_new > 0);
    assert_int_equal(seen.num_open, 0);
    assert_int_equal(seen.last_reason, TYTO_EVENT_REASON_SHUTDOWN);
}

static void what_does_not_fit_is_refused_with_a_reason(void **state)
{
    (void)state;
    struct seen seen = {0};
    struct tyto_model_paths paths = {{0}, {0}, {0}};
    struct tyto_engine *engine = NULL;
    assert_int_equal(tyto_model_paths_find(models_dir, &paths, NULL), TYTO_OK);
    struct tyto_engine_params params = {
        .visual_path = paths.visual,
        .audio_path = paths.audio,
        .head_path = paths.visual, /* no head */
        .look_ahead = TYTO_CMAN_LOOK_AHEAD_FROM_WEIGHTS,
        .callbacks = {.user = &seen, .on_event = on_event},
    };
    struct tyto_fault fault = {0};
    assert_int_not_equal(tyto_engine_create(&params, &engine, &fault), TYTO_OK);
    assert_true(strlen(fault.text) > 0);
    const struct tyto_class_rule rule = {.class_name = "no-such-class"};
    params.head_path = paths.head;
    params.tracker = (struct tyto_tracker_params){.rules = &rule, .num_rules = 1};
    assert_int_equal(tyto_engine_create(&params, &engine, &fault), TYTO_ERR_INVALID);
    assert_string_equal(fault.key, "no-such-class");
    params.tracker = (struct tyto_tracker_params){0};
    params.head_path = "/nonexistent/head.safetensors";
    assert_int_equal(tyto_engine_create(&params, &engine, &fault), TYTO_ERR_NOT_FOUND);
    assert_null(engine);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_of_all_sorts_are_evaluated_together),
        cmocka_unit_test(cameras_come_and_go_while_others_run),
        cmocka_unit_test(what_does_not_fit_is_refused_with_a_reason),
    };
    struct tyto_model_paths paths = {{0}, {0}, {0}};
    models_dir = argc == 2 ? argv[1] : "";
    if (tyto_model_paths_find(models_dir, &paths, NULL) != TYTO_OK) {
        printf("SKIP: no networks in %s (scripts/setup brings them in)\n", models_dir);
        return 77;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
