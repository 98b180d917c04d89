/* SPDX-License-Identifier: MIT */
/* daemon/config: what another file changes of a configuration that runs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/config/difference.h"

static const char base_text[] =
    "cameras:\n"
    "  - {id: a, uri: 'rtsp://me:secret@h/a'}\n"
    "  - {id: b, uri: 'rtsp://h/b', tracker: {threshold: 0.4}, classes: {dog: {threshold: 0.3}}}\n"
    "models: {visual: /m/v, audio: /m/a, head: /m/h}\n"
    "tracker: {hang_over_s: 3}\n"
    "classes: {dog: {threshold: 0.5}, wind: {publish: false}}\n"
    "record: {dir: /clips, cameras: [a]}\n"
    "publish: {endpoints: [tcp://127.0.0.1:6000, tcp://127.0.0.1:6002], heartbeat_s: 2}\n"
    "log: {level: info}\n";

static struct tyto_config *read_text(const char *text)
{
    struct tyto_config *config = NULL;
    struct tyto_fault fault = {.text = ""};
    char said[1024];
    if (tyto_config_parse(text, strlen(text), "/etc/t.yaml", &config, &fault) != TYTO_OK) {
        tyto_fault_print(&fault, said, sizeof(said));
        fail_msg("%s", said);
    }
    return config;
}

/* The base with one piece of it replaced by another. */
static struct tyto_config *read_with(const char *old_text, const char *new_text)
{
    char text[4096];
    const char *at = strstr(base_text, old_text);
    assert_non_null(at);
    snprintf(text, sizeof(text), "%.*s%s%s", (int)(at - base_text), base_text, new_text,
             at + strlen(old_text));
    return read_text(text);
}

struct outcome {
    struct tyto_config_difference difference;
    struct tyto_config *next; /* as it is going to run */
    char kept[512];
};

static struct outcome compare(const char *old_text, const char *new_text)
{
    struct outcome outcome;
    struct tyto_config *running = read_text(base_text);
    outcome.next = read_with(old_text, new_text);
    assert_int_equal(tyto_config_compare(running, outcome.next, &outcome.difference), TYTO_OK);
    tyto_config_print_kept(&outcome.difference, outcome.kept, sizeof(outcome.kept));
    tyto_config_destroy(&running);
    return outcome;
}

static void finish(struct outcome *outcome)
{
    tyto_config_difference_finish(&outcome->difference);
    tyto_config_destroy(&outcome->next);
}

static void expect_cameras(const struct outcome *outcome, uint32_t num_coming,
                           uint32_t num_reconnecting, uint32_t num_going)
{
    assert_int_equal(outcome->difference.num_coming, num_coming);
    assert_int_equal(outcome->difference.num_reconnecting, num_reconnecting);
    assert_int_equal(outcome->difference.num_going, num_going);
}

static void the_same_file_changes_nothing(void **state)
{
    (void)state;
    struct outcome outcome = compare("cameras:\n", "cameras:   # a comment\n");
    expect_cameras(&outcome, 0, 0, 0);
    assert_false(outcome.difference.is_tuned);
    assert_false(outcome.difference.is_other);
    assert_false(outcome.difference.has_head);
    assert_string_equal(outcome.kept, "");
    assert_int_equal(outcome.difference.old_fates[1], TYTO_CAMERA_STAYS);
    assert_int_equal(outcome.difference.new_fates[1], TYTO_CAMERA_STAYS);
    finish(&outcome);
}

static void cameras_come_go_and_change_by_their_ids(void **state)
{
    (void)state;
    struct outcome outcome =
        compare("  - {id: a, uri: 'rtsp://me:secret@h/a'}\n",
                "  - {id: c, uri: 'rtsp://h/c'}\n  - {id: a, uri: 'rtsp://me:other@h/a'}\n");
    expect_cameras(&outcome, 1, 1, 0);
    assert_int_equal(outcome.difference.old_fates[0], TYTO_CAMERA_RECONNECTS);
    assert_int_equal(outcome.difference.new_fates[0], TYTO_CAMERA_COMES);
    assert_int_equal(outcome.difference.new_fates[1], TYTO_CAMERA_RECONNECTS);
    assert_int_equal(outcome.difference.new_fates[2], TYTO_CAMERA_STAYS);
    assert_false(outcome.difference.is_tuned);
    finish(&outcome);
    outcome = compare("id: b,", "id: bb,");
    expect_cameras(&outcome, 1, 0, 1);
    assert_int_equal(outcome.difference.old_fates[1], TYTO_CAMERA_GOES);
    finish(&outcome);
    static const char *const anew[] = {", transport: udp}", ", stall_s: 7}", ", audio: false}",
                                       ", align: off}",     ", skew_s: 1}",  ", latency_ms: 99}"};
    for (size_t i = 0; i < sizeof(anew) / sizeof(anew[0]); i++) {
        char camera[128];
        snprintf(camera, sizeof(camera), "h/a'%s\n", anew[i]);
        outcome = compare("h/a'}\n", camera);
        expect_cameras(&outcome, 0, 1, 0);
        finish(&outcome);
    }
}

static void thresholds_need_no_new_connection(void **state)
{
    (void)state;
    static const char *const pairs[][2] = {
        {"tracker: {threshold: 0.4}", "tracker: {threshold: 0.45}"},
        {"tracker: {threshold: 0.4}", "tracker: {threshold: 0.4, only_joint: false}"},
        {"dog: {threshold: 0.3}", "dog: {threshold: 0.31}"},
        {"dog: {threshold: 0.3}", "cat: {threshold: 0.3}"},
        {"hang_over_s: 3", "hang_over_s: 4"},
        {"dog: {threshold: 0.5}, ", ""},
        {"wind: {publish: false}", "wind: {publish: true}"},
    };
    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
        struct outcome outcome = compare(pairs[i][0], pairs[i][1]);
        expect_cameras(&outcome, 0, 0, 0);
        assert_true(outcome.difference.is_tuned);
        assert_string_equal(outcome.kept, "");
        finish(&outcome);
    }
}

/* Zones and hours are how a camera is judged; masks are what its streams are looked at through. */
static void zones_and_hours_need_no_new_connection_and_masks_do(void **state)
{
    (void)state;
    static const struct {
        const char *was, *is;
        bool is_tuned;
        uint32_t num_reconnecting;
    } cases[] = {
        {"/b'", "/b', zones: [{name: z, polygon: '0,0 1,0 1,1'}]", true, 0},
        {"/b'", "/b', quiet_hours: [{times: 22:00-06:00}]", true, 0},
        {"/b'", "/b', masks: [{polygon: '0,0 1,0 1,1'}]", false, 1},
        {"log:", "quiet_hours: [{times: 22:00-06:00}]\nlog:", true, 0},
        {"log:", "time_zone: UTC\nlog:", true, 0},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct outcome outcome = compare(cases[i].was, cases[i].is);
        assert_int_equal(outcome.difference.is_tuned, cases[i].is_tuned);
        expect_cameras(&outcome, 0, cases[i].num_reconnecting, 0);
        assert_string_equal(outcome.kept, "");
        finish(&outcome);
    }
}

static void what_is_recorded_is_settled_when_a_pipeline_is_built(void **state)
{
    (void)state;
    struct outcome outcome = compare("cameras: [a]", "cameras: [b]");
    expect_cameras(&outcome, 0, 2, 0);
    finish(&outcome);
    outcome = compare("cameras: [a]", "cameras: [a], pre_s: 9, max_gib: 3, max_days: 4");
    expect_cameras(&outcome, 0, 0, 0);
    assert_true(outcome.difference.is_other);
    assert_int_equal(outcome.next->record.pre_ns, 9000000000);
    assert_string_equal(outcome.kept, "");
    finish(&outcome);
    /* The folder waits: nothing of the cameras changes by it. */
    outcome = compare("dir: /clips", "dir: /other");
    expect_cameras(&outcome, 0, 0, 0);
    assert_string_equal(outcome.kept, "record.dir");
    assert_string_equal(outcome.next->record.store.dir, "/clips");
    finish(&outcome);
}

static void what_has_to_wait_is_named_and_put_back(void **state)
{
    (void)state;
    struct outcome outcome = compare("publish: {endpoints: [tcp://127.0.0.1:6000, "
                                     "tcp://127.0.0.1:6002], heartbeat_s: 2}\nlog: {level: info}\n",
                                     "publish: {endpoints: [tcp://127.0.0.1:7000]}\n"
                                     "journal: {path: /j}\n"
                                     "inference: {hop_s: 0.5, segments: 7}\n"
                                     "metrics: {listen: 127.0.0.1:1}\n"
                                     "control: /c.sock\n"
                                     "connects_per_s: 9\n"
                                     "log: {level: debug, format: json, summary_every_s: 5}\n");
    assert_string_equal(outcome.kept,
                        "inference.segments, inference.hop_s, publish.endpoints, "
                        "publish.heartbeat_s, journal.path, log.format, metrics.listen, control");
    assert_int_equal(outcome.next->endpoints.num, 2);
    assert_string_equal(outcome.next->endpoints.texts[1], "tcp://127.0.0.1:6002");
    assert_int_equal(outcome.next->heartbeat_ns, 2000000000);
    assert_int_equal(outcome.next->hop_ns, 1000000000);
    assert_string_equal(outcome.next->control, "");
    assert_int_equal(outcome.next->log_level, TYTO_LOG_DEBUG);
    assert_int_equal(outcome.next->summary_every_ns, 5000000000);
    assert_int_equal(outcome.next->connects_per_s, 9);
    expect_cameras(&outcome, 0, 0, 0);
    assert_true(outcome.difference.is_other);
    finish(&outcome);
}

static void a_head_goes_with_its_encoders(void **state)
{
    (void)state;
    struct outcome outcome = compare("head: /m/h", "head: /m/other");
    assert_true(outcome.difference.has_head);
    assert_string_equal(outcome.kept, "");
    assert_string_equal(outcome.next->models.head, "/m/other");
    finish(&outcome);
    outcome = compare("visual: /m/v, audio: /m/a, head: /m/h",
                      "visual: /m/v2, audio: /m/a, head: /m/other");
    assert_false(outcome.difference.has_head);
    assert_string_equal(outcome.kept, "models.visual, models.head");
    assert_string_equal(outcome.next->models.head, "/m/h");
    assert_string_equal(outcome.next->models.visual, "/m/v");
    finish(&outcome);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_file_changes_nothing),
        cmocka_unit_test(cameras_come_go_and_change_by_their_ids),
        cmocka_unit_test(thresholds_need_no_new_connection),
        cmocka_unit_test(zones_and_hours_need_no_new_connection_and_masks_do),
        cmocka_unit_test(what_is_recorded_is_settled_when_a_pipeline_is_built),
        cmocka_unit_test(what_has_to_wait_is_named_and_put_back),
        cmocka_unit_test(a_head_goes_with_its_encoders),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
