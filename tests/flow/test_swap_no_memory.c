/* SPDX-License-Identifier: MIT */
/* Each allocation of a swap fails in turn, on the thread that asks and on the inference thread:
 * the old head goes on and no segment is lost. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "pipeline/engine/internal.h"
#include "tests/flow/rig.h"
#include "tests/flow/small_models.h"
#include "tests/unit/fail_alloc.h"

enum { MAX_ALLOCATIONS = 5000 };

static struct tyto_engine *engine;
static atomic_long fail_at = -1; /* of the inference thread's allocations, once a swap waits */
static atomic_uint num_segments, num_out_of_order;
static atomic_bool was_reached; /* the allocation that was to fail, by a swap that took place */

static void on_event(void *user, const struct tyto_event *event)
{
    (void)user;
    (void)event;
}

static void on_head(void *user, const struct tyto_engine_head *head)
{
    (void)user;
    (void)head;
    atomic_store(&was_reached, num_until_failure < 0);
    num_until_failure = -1;
}

/* The last that happens on the inference thread before a swap has its turn. */
static void on_segment(void *user, const struct tyto_segment_result *result)
{
    (void)user;
    const unsigned idx = atomic_fetch_add(&num_segments, 1);
    if (result->begin_ns != idx * 1000000000ll || !result->evidence.has_video ||
        !result->evidence.has_audio)
        atomic_fetch_add(&num_out_of_order, 1);
    if (!engine || atomic_load(&fail_at) < 0)
        return;
    usleep(2000); /* time for the swap to be asked for */
    pthread_mutex_lock(&engine->lock);
    const bool is_asked = engine->swap != NULL;
    pthread_mutex_unlock(&engine->lock);
    if (is_asked)
        num_until_failure = atomic_exchange(&fail_at, -1);
}

static int start(void **state)
{
    static const struct small_head a = {.seed = "a", .classes = "[\"dog\"]", .num_classes = 1};
    static const struct small_head b = {
        .seed = "b", .classes = "[\"owl\",\"dog\"]", .num_classes = 2};
    const struct tyto_class_rule rule = {.class_name = "dog", .threshold = 0.2f};
    const struct tyto_engine_params params = {
        .visual_path = rig_path("visual.safetensors"),
        .audio_path = rig_path("audio.safetensors"),
        .head_path = rig_path("a.safetensors"),
        .device = getenv("TYTO_DEVICE"),
        .look_ahead = TYTO_CMAN_LOOK_AHEAD_FROM_WEIGHTS,
        .max_cameras = 2,
        .max_batch = 1, /* a segment, and then the swap */
        .tracker = {.rules = &rule, .num_rules = 1},
        .callbacks = {.on_event = on_event, .on_segment = on_segment, .on_head = on_head},
    };
    const struct tyto_camera_params camera = {
        .id = "one", .uri = "test://?live=0&seconds=900000&width=32&height=32&fps=2"};
    (void)state;
    return small_visual_write(params.visual_path) != TYTO_OK ||
           small_audio_write(params.audio_path) != TYTO_OK ||
           small_head_write(params.head_path, &a) != TYTO_OK ||
           small_head_write(rig_path("b.safetensors"), &b) != TYTO_OK ||
           tyto_engine_create(&params, &engine, NULL) != TYTO_OK ||
           tyto_engine_add_camera(engine, &camera, NULL) != TYTO_OK;
}

static int stop(void **state)
{
    (void)state;
    tyto_engine_destroy(&engine);
    rig_finish_media();
    return 0;
}

static void assert_goes_on(void)
{
    const unsigned before = atomic_load(&num_segments);
    for (int ms = 0; atomic_load(&num_segments) < before + 2; ms++) {
        assert_true(ms < 60000);
        usleep(1000);
    }
    assert_int_equal(atomic_load(&num_out_of_order), 0);
}

static void swap_back(void)
{
    struct tyto_swap_result result;
    assert_int_equal(tyto_engine_swap_head(engine, rig_path("a.safetensors"), &result, NULL),
                     TYTO_OK);
}

static void assert_refused(long n, enum tyto_err err, const struct tyto_fault *fault)
{
    const struct tyto_engine_head *head = &engine->head; /* nobody swaps now */
    if (head->num_classes != 1 || strcmp(head->class_names[0], "dog") != 0)
        fail_msg("allocation %ld: the old head does not go on", n);
    if (err != TYTO_ERR_NOMEM || !strstr(fault->file, "b.safetensors") || !fault->text[0])
        fail_msg("allocation %ld: %s: %s: %s", n, tyto_err_text(err), fault->file, fault->text);
}

/* Fails allocation n of a swap to b, on this thread or on the inference thread. False when there
 * are not that many. A swap that can do without is undone. */
static bool try_swap(long n, bool here)
{
    for (;;) {
        struct tyto_swap_result result;
        struct tyto_fault fault = {.text = ""};
        atomic_store(&fail_at, here ? -1 : n);
        num_until_failure = here ? n : -1;
        const enum tyto_err err =
            tyto_engine_swap_head(engine, rig_path("b.safetensors"), &result, &fault);
        const bool was_reached_here = num_until_failure < 0;
        /* Else its turn came without a segment in between: nothing was made to fail. */
        const bool was_armed = here || atomic_exchange(&fail_at, -1) < 0;
        num_until_failure = -1;
        if (err) {
            assert_refused(n, err, &fault);
            return true;
        }
        const bool was_failed = here ? was_reached_here : atomic_load(&was_reached);
        swap_back();
        if (was_armed)
            return was_failed;
    }
}

static void fail_all(bool here)
{
    long n = 0;
    assert_goes_on();
    for (; n < MAX_ALLOCATIONS && try_swap(n, here); n++) {
        if (n % 16 == 0)
            assert_goes_on();
    }
    printf("%ld allocations failed in turn\n", n);
    assert_true(n > 20 && n < MAX_ALLOCATIONS);
    assert_goes_on();
}

static void reading_a_head_survives_each_failed_allocation(void **state)
{
    (void)state;
    fail_all(true);
}

static void setting_a_head_up_survives_each_failed_allocation(void **state)
{
    (void)state;
    fail_all(false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reading_a_head_survives_each_failed_allocation),
        cmocka_unit_test(setting_a_head_up_survives_each_failed_allocation),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
