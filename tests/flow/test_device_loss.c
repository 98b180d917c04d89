/* SPDX-License-Identifier: MIT */
/* A device that is lost, or whose work comes to no end: it is set up anew, then the CPU takes over,
 * then it is over. No segment is told twice, each is told or counted, and a lost device is never
 * given work again. The driver's calls go through here; the networks are made up. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <vulkan/vulkan.h>

#include "base/clock.h"
#include "pipeline/engine/engine.h"
#include "tests/flow/rig.h"
#include "tests/flow/small_models.h"

enum { NUM_SEGMENTS = 40, NUM_CAMERAS = 2, WAIT_MS = 120000 };

static const struct small_head head = {
    .seed = "a", .classes = "[\"dog\",\"cat\",\"car\"]", .num_classes = 3};

/* --- the driver ------------------------------------------------------------------------------- */

enum fate { FATE_WELL, FATE_LOST, FATE_HANGS };

static atomic_uint num_submits, num_work_for_lost, num_creates_to_fail;
static atomic_uint fail_at; /* the submit of that number, counted from 1; 0: none */
static enum fate fate;      /* of that one */
static atomic_bool hangs_next;
static _Atomic(VkQueue) lost_queue; /* until its device is gone */

VkResult __real_vkQueueSubmit(VkQueue queue, uint32_t num, const VkSubmitInfo *infos,
                              VkFence fence);
VkResult __real_vkWaitForFences(VkDevice device, uint32_t num, const VkFence *fences, VkBool32 all,
                                uint64_t timeout_ns);
VkResult __real_vkCreateDevice(VkPhysicalDevice physical, const VkDeviceCreateInfo *info,
                               const VkAllocationCallbacks *callbacks, VkDevice *ret_device);
void __real_vkDestroyDevice(VkDevice device, const VkAllocationCallbacks *callbacks);
VkResult __wrap_vkQueueSubmit(VkQueue queue, uint32_t num, const VkSubmitInfo *infos,
                              VkFence fence);
VkResult __wrap_vkWaitForFences(VkDevice device, uint32_t num, const VkFence *fences, VkBool32 all,
                                uint64_t timeout_ns);
VkResult __wrap_vkCreateDevice(VkPhysicalDevice physical, const VkDeviceCreateInfo *info,
                               const VkAllocationCallbacks *callbacks, VkDevice *ret_device);
void __wrap_vkDestroyDevice(VkDevice device, const VkAllocationCallbacks *callbacks);

VkResult __wrap_vkQueueSubmit(VkQueue queue, uint32_t num, const VkSubmitInfo *infos, VkFence fence)
{
    const uint32_t number = atomic_fetch_add(&num_submits, 1) + 1;
    const bool is_it = number == atomic_load(&fail_at);
    if (atomic_load(&lost_queue) == queue)
        atomic_fetch_add(&num_work_for_lost, 1);
    if (is_it)
        atomic_store(&lost_queue, queue);
    if (is_it && fate == FATE_LOST)
        return VK_ERROR_DEVICE_LOST;
    atomic_store(&hangs_next, is_it);
    return __real_vkQueueSubmit(queue, num, infos, fence);
}

VkResult __wrap_vkWaitForFences(VkDevice device, uint32_t num, const VkFence *fences, VkBool32 all,
                                uint64_t timeout_ns)
{
    const VkResult result = __real_vkWaitForFences(device, num, fences, all, timeout_ns);
    return atomic_exchange(&hangs_next, false) ? VK_TIMEOUT : result;
}

VkResult __wrap_vkCreateDevice(VkPhysicalDevice physical, const VkDeviceCreateInfo *info,
                               const VkAllocationCallbacks *callbacks, VkDevice *ret_device)
{
    if (atomic_load(&num_creates_to_fail) > 0) {
        atomic_fetch_sub(&num_creates_to_fail, 1);
        return VK_ERROR_DEVICE_LOST;
    }
    return __real_vkCreateDevice(physical, info, callbacks, ret_device);
}

void __wrap_vkDestroyDevice(VkDevice device, const VkAllocationCallbacks *callbacks)
{
    atomic_store(&lost_queue, VK_NULL_HANDLE); /* its address may come again */
    __real_vkDestroyDevice(device, callbacks);
}

static void fail_from_now(enum fate how, uint32_t after)
{
    fate = how;
    atomic_store(&num_submits, 0);
    atomic_store(&fail_at, after);
}

/* --- what is told -------------------------------------------------------------------------------
 */

struct seen {
    pthread_mutex_t lock; /* guards the rest */
    int64_t last_ns[NUM_CAMERAS];
    uint32_t num_to_lose; /* devices: one with each fifth segment */
    uint32_t num_told, num_twice, num_new, num_end, num_devices, num_failures;
    enum tyto_err failure;
    char text[400];
};

static struct seen seen;

static void on_event(void *user, const struct tyto_event *event)
{
    (void)user;
    pthread_mutex_lock(&seen.lock);
    seen.num_new += event->phase == TYTO_EVENT_PHASE_NEW;
    seen.num_end += event->phase == TYTO_EVENT_PHASE_END;
    pthread_mutex_unlock(&seen.lock);
}

static void on_segment(void *user, const struct tyto_segment_result *result)
{
    (void)user;
    const uint32_t idx = result->camera[0] == 'a' ? 0 : 1;
    pthread_mutex_lock(&seen.lock);
    seen.num_twice += seen.num_told > 0 && result->begin_ns <= seen.last_ns[idx];
    seen.last_ns[idx] = result->begin_ns;
    seen.num_told++;
    const bool loses = seen.num_to_lose > 0 && seen.num_told % 5 == 0;
    seen.num_to_lose -= loses;
    if (loses)
        fail_from_now(FATE_LOST, 1);
    pthread_mutex_unlock(&seen.lock);
}

static void on_state(void *user, const struct tyto_camera_state *state)
{
    (void)user;
    (void)state;
}

static void on_device(void *user, const struct tyto_engine_head *served, const char *text)
{
    (void)user;
    pthread_mutex_lock(&seen.lock);
    seen.num_devices += served->num_classes == 3;
    snprintf(seen.text, sizeof(seen.text), "%s", text);
    pthread_mutex_unlock(&seen.lock);
}

static void on_failure(void *user, enum tyto_err err)
{
    (void)user;
    pthread_mutex_lock(&seen.lock);
    seen.num_failures++;
    seen.failure = err;
    pthread_mutex_unlock(&seen.lock);
}

/* --- the engine
 * ----------------------------------------------------------------------------------- */

static struct tyto_engine *start(void)
{
    struct tyto_fault fault = {0};
    struct tyto_engine *engine = NULL;
    const struct tyto_engine_params params = {
        .visual_path = rig_path("visual.safetensors"),
        .audio_path = rig_path("audio.safetensors"),
        .head_path = rig_path("a.safetensors"),
        .device = getenv("TYTO_DEVICE"),
        .exec = TYTO_EXEC_VULKAN,
        .look_ahead = TYTO_CMAN_LOOK_AHEAD_FROM_WEIGHTS,
        .max_cameras = NUM_CAMERAS,
        .connects_per_s = 100,
        .tracker = {.threshold = 0.001f,
                    .threshold_single = 0.001f,
                    .onset_num = 1,
                    .onset_window = 1},
        .callbacks = {.on_event = on_event,
                      .on_segment = on_segment,
                      .on_state = on_state,
                      .on_device = on_device,
                      .on_failure = on_failure},
    };
    memset(&seen, 0, sizeof(seen));
    pthread_mutex_init(&seen.lock, NULL);
    for (int i = 0; i < NUM_CAMERAS; i++)
        seen.last_ns[i] = INT64_MIN;
    atomic_store(&fail_at, 0);
    atomic_store(&num_work_for_lost, 0);
    atomic_store(&lost_queue, VK_NULL_HANDLE);
    if (tyto_engine_create(&params, &engine, &fault) != TYTO_OK)
        fail_msg("%s: %s: %s", fault.file, fault.key, fault.text);
    return engine;
}

static void watch(struct tyto_engine *engine)
{
    static const char *const ids[NUM_CAMERAS] = {"a", "b"};
    for (int i = 0; i < NUM_CAMERAS; i++) {
        char uri[128];
        struct tyto_fault fault = {0};
        snprintf(uri, sizeof(uri), "test://?live=0&seconds=%d&width=32&height=32&fps=2%s",
                 NUM_SEGMENTS, i ? "&audio=0" : "");
        const struct tyto_camera_params camera = {.id = ids[i], .uri = uri};
        if (tyto_engine_add_camera(engine, &camera, &fault) != TYTO_OK)
            fail_msg("%s", fault.text);
    }
}

/* To the files' ends; what holds whatever happened. */
static struct tyto_engine_counts finish(struct tyto_engine *engine)
{
    struct tyto_engine_counts counts;
    assert_int_equal(tyto_engine_wait_ended(engine, WAIT_MS), TYTO_OK);
    for (int ms = 0; ms < 10000; ms++) { /* they are published once a round */
        tyto_engine_get_counts(engine, &counts);
        if (counts.num_segments + counts.num_given_up == NUM_CAMERAS * NUM_SEGMENTS)
            break;
        usleep(1000);
    }
    if (counts.num_segments + counts.num_given_up != NUM_CAMERAS * NUM_SEGMENTS)
        fail_msg("of %d segments %llu were told and %llu given up; %llu dropped, %u devices lost",
                 NUM_CAMERAS * NUM_SEGMENTS, (unsigned long long)counts.num_segments,
                 (unsigned long long)counts.num_given_up, (unsigned long long)counts.num_dropped,
                 counts.num_device_losses);
    atomic_store(&fail_at, 0);
    tyto_engine_destroy(&engine);
    assert_int_equal(seen.num_told, counts.num_segments);
    assert_int_equal(seen.num_twice, 0);
    assert_int_equal(atomic_load(&num_work_for_lost), 0);
    assert_int_equal(seen.num_new, seen.num_end);
    return counts;
}

/* --- cases
 * ------------------------------------------------------------------------------------------ */

static void lose_at_each_of_some_submits(enum fate how)
{
    static const uint32_t at[] = {1, 4, 17};
    for (size_t i = 0; i < sizeof(at) / sizeof(at[0]); i++) {
        struct tyto_engine *engine = start();
        fail_from_now(how, at[i]);
        watch(engine);
        const struct tyto_engine_counts counts = finish(engine);
        assert_int_equal(counts.num_device_losses, 1);
        assert_false(counts.is_fallback);
        assert_true(counts.num_given_up > 0 && counts.num_segments > 0);
        assert_int_equal(seen.num_devices, 1);
        assert_int_equal(seen.num_failures, 0);
        assert_non_null(strstr(seen.text, "set up anew"));
    }
}

static void a_lost_device_is_set_up_anew(void **state)
{
    (void)state;
    lose_at_each_of_some_submits(FATE_LOST);
}

static void work_without_an_end_is_left_behind(void **state)
{
    (void)state;
    lose_at_each_of_some_submits(FATE_HANGS);
}

static void a_device_that_fails_again_and_again_gives_way_to_the_cpu(void **state)
{
    (void)state;
    struct tyto_engine *engine = start();
    seen.num_to_lose = 4; /* three devices, and what there was at first */
    watch(engine);
    const struct tyto_engine_counts counts = finish(engine);
    assert_int_equal(counts.num_device_losses, 4);
    assert_true(counts.is_fallback);
    assert_int_equal(seen.num_devices, 4);
    assert_non_null(strstr(seen.text, "until a restart"));
    assert_int_equal(seen.num_failures, 0);
    assert_true(counts.num_segments > 0);
}

static void what_fails_on_the_cpu_too_is_over(void **state)
{
    (void)state;
    struct tyto_engine *engine = start();
    seen.num_to_lose = 5; /* the head is Vulkan's there, too */
    watch(engine);
    const struct tyto_engine_counts counts = finish(engine);
    assert_int_equal(counts.num_device_losses, 5);
    assert_int_equal(seen.num_devices, 4);
    assert_int_equal(seen.num_failures, 1);
    assert_int_equal(seen.failure, TYTO_ERR_DEVICE_LOST);
}

static void after_the_cpu_it_is_over(void **state)
{
    (void)state;
    struct tyto_engine *engine = start();
    atomic_store(&num_creates_to_fail, 4); /* three times, and the CPU's */
    fail_from_now(FATE_LOST, 5);
    watch(engine);
    const struct tyto_engine_counts counts = finish(engine);
    atomic_store(&num_creates_to_fail, 0);
    assert_int_equal(counts.num_device_losses, 1);
    assert_true(counts.is_fallback);
    assert_int_equal(seen.num_devices, 0);
    assert_int_equal(seen.num_failures, 1);
    assert_int_not_equal(seen.failure, TYTO_OK);
    assert_true(counts.num_given_up > 0);
}

static void a_device_that_comes_back_late_serves(void **state)
{
    (void)state;
    struct tyto_engine *engine = start();
    atomic_store(&num_creates_to_fail, 2);
    fail_from_now(FATE_LOST, 5);
    watch(engine);
    const struct tyto_engine_counts counts = finish(engine);
    assert_int_equal(counts.num_device_losses, 1);
    assert_false(counts.is_fallback);
    assert_int_equal(seen.num_devices, 1);
}

static int make_models(void **state)
{
    (void)state;
    return small_visual_write(rig_path("visual.safetensors")) != TYTO_OK ||
           small_audio_write(rig_path("audio.safetensors")) != TYTO_OK ||
           small_head_write(rig_path("a.safetensors"), &head) != TYTO_OK;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_lost_device_is_set_up_anew),
        cmocka_unit_test(work_without_an_end_is_left_behind),
        cmocka_unit_test(a_device_that_fails_again_and_again_gives_way_to_the_cpu),
        cmocka_unit_test(what_fails_on_the_cpu_too_is_over),
        cmocka_unit_test(after_the_cpu_it_is_over),
        cmocka_unit_test(a_device_that_comes_back_late_serves),
    };
    return cmocka_run_group_tests(tests, make_models, rig_remove_media);
}
