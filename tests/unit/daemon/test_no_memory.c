/* SPDX-License-Identifier: MIT */
/* Every allocation of ours fails once, in turn: each function answers
 * TYTO_ERR_NOMEM, leaks nothing (the sanitizer build looks), and works again
 * afterwards. Linked with --wrap for malloc, calloc and realloc. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "client/tyto.h"
#include "daemon/config/config.h"
#include "daemon/publish/counters.h"
#include "daemon/publish/publisher.h"
#include "tests/unit/fail_alloc.h"

static enum tyto_err parse_config(void)
{
    static const char text[] = "cameras: [{id: a, uri: a.mp4, classes: {dog: {publish: no}}},\n"
                               "          {id: b, uri: b.mp4}, {id: c, uri: c.mp4}]\n"
                               "classes: {dog: {threshold: 0.5}, cat: {threshold: 0.25}}\n";
    struct tyto_config *config = NULL;
    struct tyto_fault fault;
    const enum tyto_err err = tyto_config_parse(text, sizeof(text) - 1, "t", &config, &fault);
    assert_true((!err) == (config != NULL));
    tyto_config_destroy(&config);
    return err;
}

static enum tyto_err pack_and_unpack(void)
{
    static struct tyto_envelope envelope;
    static struct tyto_envelope got;
    uint8_t bytes[TYTO_ENVELOPE_MAX_BYTES];
    size_t num_bytes = 0;
    memset(&envelope, 0, sizeof(envelope));
    envelope.kind = TYTO_ENVELOPE_EVENT;
    struct tyto_event *event = &envelope.body.event;
    event->phase = TYTO_EVENT_PHASE_NEW;
    const uint8_t entropy[10] = {0};
    tyto_event_id_format(1, entropy, event->id);
    snprintf(event->camera, sizeof(event->camera), "cam1");
    snprintf(event->class_name, sizeof(event->class_name), "dog");
    event->place.rows = event->place.cols = 7;
    event->num_segments = 3;
    event->stamps[0].out_ns = 1;
    const enum tyto_err err = tyto_envelope_pack(&envelope, bytes, sizeof(bytes), &num_bytes);
    return !err ? tyto_envelope_unpack(bytes, num_bytes, &got) : err;
}

static enum tyto_err count(void)
{
    struct tyto_counters *counters = NULL;
    uint64_t cam_seq = 0;
    uint64_t class_seq = 0;
    enum tyto_err err = tyto_counters_create(&counters);
    static const char *const cameras[] = {"a", "b", "a"};
    for (int i = 0; !err && i < 3; i++)
        err = tyto_counters_next(counters, cameras[i], i == 0 ? NULL : "dog", &cam_seq, &class_seq);
    assert_true(err || (cam_seq == 2 && class_seq == 1));
    tyto_counters_destroy(&counters);
    return err;
}

static enum tyto_err publish(void)
{
    char endpoint[108];
    snprintf(endpoint, sizeof(endpoint), "ipc:///tmp/tyto-memory-%ld.sock", (long)getpid());
    const char *endpoints[] = {endpoint};
    const struct tyto_publisher_params params = {.endpoints = endpoints, .num_endpoints = 1};
    const struct tyto_camera_state state = {.camera = "a", .status = TYTO_CAMERA_STATUS_LIVE};
    struct tyto_publisher *publisher = NULL;
    struct tyto_fault fault;
    memset(&fault, 0, sizeof(fault));
    enum tyto_err err = tyto_publisher_create(&params, &publisher, &fault);
    assert_true(!err || fault.text[0]);
    if (!err) { /* what is to be told waits for memory */
        const long rest = num_until_failure;
        num_until_failure = 0;
        assert_int_equal(tyto_publisher_camera_state(publisher, &state), TYTO_OK);
        assert_true(num_until_failure < 0);
        num_until_failure = rest;
    }
    tyto_publisher_destroy(&publisher);
    return err;
}

static enum tyto_err subscribe(void)
{
    const struct tyto_client_params params = {.endpoint = "ipc:///tmp/tyto-memory-none.sock"};
    struct tyto_client *client = NULL;
    const enum tyto_err err = tyto_client_create(&params, &client);
    assert_true((!err) == (client != NULL));
    tyto_client_destroy(&client);
    return err;
}

static void reading_a_configuration_survives_each_failed_allocation(void **state)
{
    (void)state;
    fail_each(parse_config, 6);
}

static void reading_an_event_survives_each_failed_allocation(void **state)
{
    (void)state;
    fail_each(pack_and_unpack, 5);
}

static void counting_survives_each_failed_allocation(void **state)
{
    (void)state;
    fail_each(count, 4);
}

static void publishing_survives_each_failed_allocation(void **state)
{
    (void)state;
    fail_each(publish, 6);
}

static void subscribing_survives_each_failed_allocation(void **state)
{
    (void)state;
    fail_each(subscribe, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reading_a_configuration_survives_each_failed_allocation),
        cmocka_unit_test(reading_an_event_survives_each_failed_allocation),
        cmocka_unit_test(counting_survives_each_failed_allocation),
        cmocka_unit_test(publishing_survives_each_failed_allocation),
        cmocka_unit_test(subscribing_survives_each_failed_allocation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
