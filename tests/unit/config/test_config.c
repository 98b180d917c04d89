/* SPDX-License-Identifier: MIT */
/* daemon/config: what a file may say. */
#include "tests/unit/config/config_text.h"

#include <stdio.h>
#include <stdlib.h>

#include "daemon/config/json.h"
#include "daemon/config/schema.h"
#include "model/cman/cman.h"

static void a_whole_file_is_read_into_plain_values(void **state)
{
    (void)state;
    static const char text[] = "cameras:\n"
                               "  - id: front-door\n"
                               "    uri: rtsp://user:secret@camera.local/stream\n"
                               "    transport: udp\n"
                               "    keyframes: never\n"
                               "    latency_ms: 350\n"
                               "    av_offset_ms: -80\n"
                               "    stall_s: 5\n"
                               "  - {id: clip, uri: clips/a.mp4, audio: no}\n"
                               "models:\n"
                               "  dir: models\n"
                               "  head: /opt/head.safetensors\n"
                               "inference:\n"
                               "  device: 1\n"
                               "  exec: cpu\n"
                               "  segments: 20\n"
                               "  hop_s: 0.5\n"
                               "  look_ahead: 2\n"
                               "tracker: {threshold: 0.6, onset_num: 3, onset_window: 4, "
                               "hang_over_s: 1.5, only_joint: true}\n"
                               "classes:\n"
                               "  dog: {threshold: 0.4}\n"
                               "  wind: {publish: false}\n"
                               "publish:\n"
                               "  endpoints: [tcp://127.0.0.1:6000, ipc:///run/tyto/e.sock]\n"
                               "  heartbeat_s: 2\n"
                               "control: /run/tyto/c.sock\n"
                               "log: {level: debug, format: json}\n";
    struct tyto_config *config = NULL;
    char said[1024];
    const enum tyto_err err = parse(text, &config, said, sizeof(said));
    if (err)
        print_error("%s\n", said);
    assert_int_equal(err, TYTO_OK);
    assert_int_equal(config->num_cameras, 2);
    assert_string_equal(config->control, "/run/tyto/c.sock");
    const struct tyto_config_camera *camera = &config->cameras[0];
    assert_string_equal(camera->id, "front-door");
    assert_string_equal(camera->uri, "rtsp://user:secret@camera.local/stream");
    assert_int_equal(camera->source.transport, TYTO_TRANSPORT_UDP);
    assert_int_equal(camera->source.keyframes, TYTO_KEYFRAMES_NEVER);
    assert_int_equal(camera->source.latency_ms, 350);
    assert_int_equal(camera->av_offset_ns, -80000000);
    assert_int_equal(camera->stall_ns, 5000000000);
    assert_int_equal(camera->line, 2);
    assert_string_equal(config->cameras[1].uri, "/etc/tyto/clips/a.mp4");
    assert_false(config->cameras[1].audio);
    assert_true(config->cameras[1].video);
    assert_string_equal(config->models.dir, "/etc/tyto/models");
    assert_string_equal(config->models.head, "/opt/head.safetensors");
    assert_string_equal(config->device, "1");
    assert_int_equal(config->exec, TYTO_EXEC_CPU);
    assert_int_equal(config->num_segments, 20);
    assert_int_equal(config->hop_ns, 500000000);
    assert_int_equal(config->look_ahead, 2);
    assert_true(config->tracker.threshold > 0.59f && config->tracker.threshold < 0.61f);
    assert_int_equal(config->tracker.hang_over_ns, 1500000000);
    assert_true(config->tracker.only_joint);
    assert_int_equal(config->rules.num, 2);
    assert_string_equal(config->rules.items[0].rule.class_name, "dog");
    assert_true(config->rules.items[0].publish);
    assert_false(config->rules.items[1].publish);
    assert_int_equal(config->endpoints.num, 2);
    assert_string_equal(config->endpoints.texts[1], "ipc:///run/tyto/e.sock");
    assert_int_equal(config->heartbeat_ns, 2000000000);
    assert_int_equal(config->log_level, TYTO_LOG_DEBUG);
    assert_int_equal(config->log_format, TYTO_LOG_FORMAT_JSON);
    tyto_config_destroy(&config);
}

static void what_a_file_leaves_out_has_defaults(void **state)
{
    (void)state;
    struct tyto_config *config = NULL;
    char said[1024];
    assert_int_equal(parse("cameras: [{id: a, uri: rtsp://h/s}]", &config, said, sizeof(said)),
                     TYTO_OK);
    assert_string_equal(config->device, "auto");
    assert_int_equal(config->exec, TYTO_EXEC_AUTO);
    assert_int_equal(config->look_ahead, TYTO_CMAN_LOOK_AHEAD_FROM_WEIGHTS);
    assert_int_equal(config->endpoints.num, 1);
    assert_string_equal(config->endpoints.texts[0], TYTO_DEFAULT_ENDPOINT);
    assert_int_equal(config->log_level, TYTO_LOG_INFO);
    assert_int_equal(config->cameras[0].source.transport, TYTO_TRANSPORT_AUTO);
    assert_true(config->cameras[0].audio && config->cameras[0].video);
    tyto_config_destroy(&config);
}

static void zones_masks_and_quiet_hours_are_read(void **state)
{
    (void)state;
    static const char text[] =
        "cameras:\n"
        "  - id: yard\n"
        "    uri: a.mp4\n"
        "    classes: {dog: {required_zones: [drive, porch]}, cat: {required_zones: drive}}\n"
        "    zones:\n"
        "      - name: drive\n"
        "        polygon: 0.1,0.5 0.9,0.5 0.9,1 0.1,1\n"
        "        only: [dog, cat]\n"
        "        classes: {dog: {threshold: 0.8}, cat: {threshold_seen: 0.7}}\n"
        "      - {name: porch, polygon: '0,0 0.2,0 0.2,0.2'}\n"
        "    masks:\n"
        "      - polygon: 0,0 1,0 1,0.1 0,0.1\n"
        "    quiet_hours:\n"
        "      - {times: 22:00-06:30, days: [mon-fri, sun], classes: dog, threshold: 0.9}\n"
        "      - {times: 12:00-13:00}\n"
        "  - {id: hall, uri: b.mp4}\n"
        "quiet_hours: [{times: '00:00-24:00', days: sat}]\n"
        "time_zone: Europe/Berlin\n";
    struct tyto_config *config = NULL;
    struct tyto_tracker_params yard, hall;
    char said[512] = "";
    if (parse(text, &config, said, sizeof(said)) != TYTO_OK)
        fail_msg("%s", said);
    const struct tyto_zones *zones = &config->cameras[0].zones;
    assert_int_equal(zones->num_zones, 2);
    assert_string_equal(zones->zones[0].name, "drive");
    assert_int_equal(zones->zones[0].polygon.num, 4);
    assert_int_equal(zones->zones[0].only.num, 2);
    assert_true(zones->zones[0].classes[0].threshold == 0.8f);
    assert_true(zones->zones[0].classes[1].threshold_seen == 0.7f);
    assert_int_equal(zones->num_masks, 1);
    assert_int_equal(zones->masks[0].num, 4);
    assert_int_equal(tyto_config_make_tracker(config, &config->cameras[0], &yard), TYTO_OK);
    assert_int_equal(tyto_config_make_tracker(config, &config->cameras[1], &hall), TYTO_OK);
    assert_ptr_equal(yard.zones, zones);
    assert_int_equal(yard.rules[0].required_zones.num, 2);
    assert_string_equal(yard.rules[0].required_zones.names[1], "porch");
    assert_string_equal(yard.rules[1].required_zones.names[0], "drive");
    assert_int_equal(yard.num_quiet, 2);
    assert_int_equal(yard.quiet[0].hours.begin_min, 22 * 60);
    assert_int_equal(yard.quiet[0].hours.end_min, 6 * 60 + 30);
    assert_int_equal(yard.quiet[0].hours.days, 0x5f);
    assert_string_equal(yard.quiet[0].classes.texts[0], "dog");
    assert_true(yard.quiet[0].threshold == 0.9f);
    assert_int_equal(yard.quiet[1].hours.days, 0);
    assert_int_equal(hall.zones->num_zones, 0);
    assert_int_equal(hall.num_quiet, 1); /* what is said for all */
    assert_int_equal(hall.quiet[0].hours.days, 1 << 5);
    assert_string_equal(hall.time_zone, "Europe/Berlin");
    struct tyto_json *json = tyto_config_to_json(config);
    char *printed = tyto_json_print(json);
    assert_non_null(strstr(printed, "0.1,0.5 0.9,0.5 0.9,1 0.1,1"));
    assert_non_null(strstr(printed, "22:00-06:30"));
    free(printed);
    tyto_json_destroy(&json);
    free((void *)(uintptr_t)yard.rules);
    free((void *)(uintptr_t)hall.rules);
    tyto_config_destroy(&config);
}

static void what_is_said_for_a_camera_goes_before_what_is_said_for_all(void **state)
{
    (void)state;
    static const char text[] =
        "cameras:\n"
        "  - {id: a, uri: a.mp4, tracker: {threshold: 0.75, onset_num: 1}, classes:\n"
        "      {dog: {threshold_seen: 0.5}, wind: {publish: true}, cat: {threshold: 0.25}}}\n"
        "  - {id: b, uri: b.mp4}\n"
        "tracker: {threshold: 0.5, hang_over_s: 4}\n"
        "classes: {dog: {threshold: 0.125}, wind: {publish: false}}\n";
    struct tyto_config *config = NULL;
    struct tyto_tracker_params tracker;
    char said[1024];
    assert_int_equal(parse(text, &config, said, sizeof(said)), TYTO_OK);
    assert_int_equal(tyto_config_make_tracker(config, &config->cameras[0], &tracker), TYTO_OK);
    assert_true(tracker.threshold == 0.75f);
    assert_int_equal(tracker.onset_num, 1);
    assert_int_equal(tracker.hang_over_ns, 4000000000);
    assert_int_equal(tracker.num_rules, 3);
    assert_true(tracker.rules[0].threshold == 0.125f && tracker.rules[0].threshold_seen == 0.5f);
    assert_false(tracker.rules[1].off);
    assert_string_equal(tracker.rules[2].class_name, "cat");
    free((void *)(uintptr_t)tracker.rules);
    assert_int_equal(tyto_config_make_tracker(config, &config->cameras[1], &tracker), TYTO_OK);
    assert_true(tracker.threshold == 0.5f);
    assert_int_equal(tracker.num_rules, 2);
    assert_true(tracker.rules[1].off);
    free((void *)(uintptr_t)tracker.rules);
    tyto_config_destroy(&config);
}

/* Five of the last five: nobody who asks for five means five of three. */
static void a_number_of_onsets_alone_is_taken(void **state)
{
    (void)state;
    struct tyto_config *config = NULL;
    struct tyto_tracker_params tracker;
    char said[1024];
    assert_int_equal(parse(CAM "tracker: {onset_num: 5}\n", &config, said, sizeof(said)), TYTO_OK);
    assert_int_equal(tyto_config_make_tracker(config, NULL, &tracker), TYTO_OK);
    free((void *)(uintptr_t)tracker.rules);
    assert_int_equal(tracker.onset_num, 5);
    assert_int_equal(tracker.onset_window, 5);
    tyto_config_destroy(&config);
}

static void a_camera_may_take_back_what_holds_for_all(void **state)
{
    (void)state;
    struct tyto_config *config = NULL;
    struct tyto_tracker_params tracker;
    char said[1024];
    assert_int_equal(
        parse("cameras:\n"
              "  - {id: a, uri: a.mp4, tracker: {min_duration_s: 0, only_joint: false,\n"
              "     threshold: weights}}\n"
              "  - {id: b, uri: b.mp4}\n"
              "tracker: {min_duration_s: 3, only_joint: true, threshold: 0.7}\n",
              &config, said, sizeof(said)),
        TYTO_OK);
    assert_int_equal(tyto_config_make_tracker(config, &config->cameras[0], &tracker), TYTO_OK);
    free((void *)(uintptr_t)tracker.rules);
    assert_int_equal(tracker.min_duration_ns, 0);
    assert_false(tracker.only_joint);
    assert_true(tracker.threshold == 0.0f);
    assert_int_equal(tyto_config_make_tracker(config, &config->cameras[1], &tracker), TYTO_OK);
    free((void *)(uintptr_t)tracker.rules);
    assert_int_equal(tracker.min_duration_ns, 3000000000);
    assert_true(tracker.only_joint);
    tyto_config_destroy(&config);
}

/* A recording keeps what a decision may still be about: as far as the weights look ahead, not 9. */
static void recordings_wait_as_long_as_the_network_looks_ahead(void **state)
{
    (void)state;
    struct tyto_config *config = NULL;
    char said[1024];
    assert_int_equal(parse(CAM "inference: {hop_s: 0.5}\n", &config, said, sizeof(said)), TYTO_OK);
    const struct tyto_config_camera *camera = &config->cameras[0];
    const int64_t none_ns = tyto_config_lag_ns(config, camera, 0);
    assert_int_equal(tyto_config_lag_ns(config, camera, 63) - none_ns, 63 * 500000000ll);
    assert_true(none_ns >= tyto_config_decide_ns(config, camera) + camera->lateness_ns);
    tyto_config_destroy(&config);
}

static void an_empty_list_of_cameras_is_meant(void **state)
{
    (void)state;
    struct tyto_config *config = NULL;
    char said[1024];
    assert_int_equal(parse("cameras: []\n", &config, said, sizeof(said)), TYTO_OK);
    assert_int_equal(config->num_cameras, 0);
    tyto_config_destroy(&config);
}

/* The default as text, back through a file, changes nothing: so the reference and the example say
 * what an empty file gives. */
static void every_default_printed_is_what_an_empty_file_gives(void **state)
{
    (void)state;
    struct tyto_config *empty = NULL, *given = NULL;
    char said[1024], text[2048], before[1024], after[1024];
    uint32_t num_defaults = 0;
    assert_int_equal(parse(CAM, &empty, said, sizeof(said)), TYTO_OK);
    for (int g = 0; g < TYTO_CONFIG_NUM_GROUPS; g++) {
        const struct tyto_option_group *group = &tyto_config_groups[g];
        for (uint32_t i = 0; i < group->num_rows; i++) {
            const struct tyto_option *option = &group->rows[i];
            const char *open = group->key ? ": {" : "";
            tyto_option_print(option, tyto_option_value(group, i, empty), before, sizeof(before));
            if (!before[0])
                continue;
            snprintf(text, sizeof(text), CAM "%s%s%s: %s%s\n", group->key ? group->key : "", open,
                     option->key, before, group->key ? "}" : "");
            if (g == TYTO_CONFIG_RECORD) /* without a folder it is no group */
                snprintf(text, sizeof(text), CAM "record: {dir: clips, %s: %s}\n", option->key,
                         before);
            if (parse(text, &given, said, sizeof(said)) != TYTO_OK)
                fail_msg("%s: %s", text, said);
            tyto_option_print(option, tyto_option_value(group, i, given), after, sizeof(after));
            assert_string_equal(after, before);
            num_defaults++;
            tyto_config_destroy(&given);
        }
    }
    assert_true(num_defaults >= 30);
    tyto_config_destroy(&empty);
}

static void every_row_has_room_for_its_type(void **state)
{
    (void)state;
    static const size_t sizes[] = {
        [TYTO_OPTION_FLAG] = sizeof(bool),    [TYTO_OPTION_WORD] = sizeof(uint32_t),
        [TYTO_OPTION_U32] = sizeof(uint32_t), [TYTO_OPTION_U64] = sizeof(uint64_t),
        [TYTO_OPTION_F32] = sizeof(float),    [TYTO_OPTION_F64] = sizeof(double),
        [TYTO_OPTION_TIME] = sizeof(int64_t), [TYTO_OPTION_BYTES] = sizeof(uint64_t),
        [TYTO_OPTION_TEXT] = sizeof(char *),  [TYTO_OPTION_TEXTS] = sizeof(struct tyto_texts),
    };
    for (int g = 0; g < TYTO_CONFIG_NUM_GROUPS + 2; g++) {
        const struct tyto_option_group *group = g < TYTO_CONFIG_NUM_GROUPS ? &tyto_config_groups[g]
                                                : g == TYTO_CONFIG_NUM_GROUPS
                                                    ? &tyto_config_camera_group
                                                    : &tyto_config_class_group;
        for (uint32_t i = 0; i < group->num_rows; i++) {
            const struct tyto_option *option = &group->rows[i];
            assert_non_null(option->key);
            assert_non_null(option->help);
            if (option->type != TYTO_OPTION_CHARS && option->type != TYTO_OPTION_OTHER)
                assert_int_equal(option->size, sizes[option->type]);
        }
    }
}

static void uris_on_the_command_line_become_cameras(void **state)
{
    (void)state;
    struct tyto_config *config = NULL;
    struct tyto_fault fault;
    assert_int_equal(tyto_config_create(&config), TYTO_OK);
    assert_int_equal(tyto_config_add_uri(config, "rtsp://h/s?a=b", &fault), TYTO_OK);
    assert_int_equal(tyto_config_add_uri(config, "door=rtsp://h/s", &fault), TYTO_OK);
    assert_int_equal(tyto_config_add_uri(config, "clip.mp4", &fault), TYTO_OK);
    assert_int_equal(tyto_config_add_uri(config, "/tmp/a=b.mp4", &fault), TYTO_OK);
    assert_string_equal(config->cameras[0].id, "cam1");
    assert_string_equal(config->cameras[0].uri, "rtsp://h/s?a=b");
    assert_string_equal(config->cameras[1].id, "door");
    assert_string_equal(config->cameras[1].uri, "rtsp://h/s");
    assert_string_equal(config->cameras[2].id, "cam3");
    assert_string_equal(config->cameras[3].uri, "/tmp/a=b.mp4");
    assert_int_equal(tyto_config_add_uri(config, "door=x.mp4", &fault), TYTO_ERR_EXISTS);
    assert_int_equal(tyto_config_add_uri(config, "Front=x.mp4", &fault), TYTO_ERR_INVALID);
    assert_int_equal(tyto_config_add_uri(config, "a=", &fault), TYTO_ERR_INVALID);
    assert_int_equal(tyto_config_check(config, &fault), TYTO_OK);
    tyto_config_destroy(&config);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_whole_file_is_read_into_plain_values),
        cmocka_unit_test(what_a_file_leaves_out_has_defaults),
        cmocka_unit_test(zones_masks_and_quiet_hours_are_read),
        cmocka_unit_test(what_is_said_for_a_camera_goes_before_what_is_said_for_all),
        cmocka_unit_test(a_number_of_onsets_alone_is_taken),
        cmocka_unit_test(a_camera_may_take_back_what_holds_for_all),
        cmocka_unit_test(recordings_wait_as_long_as_the_network_looks_ahead),
        cmocka_unit_test(an_empty_list_of_cameras_is_meant),
        cmocka_unit_test(every_default_printed_is_what_an_empty_file_gives),
        cmocka_unit_test(every_row_has_room_for_its_type),
        cmocka_unit_test(uris_on_the_command_line_become_cameras),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
