/* SPDX-License-Identifier: MIT */
/* daemon/config: what we say when a file is wrong, and that none takes us long or takes us down. */
#include "tests/unit/config/config_text.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"

#define ZONES "cameras:\n  - id: a\n    uri: a.mp4\n    zones:\n"

static const struct {
    const char *text;
    const char *said; /* the whole message, without the file's name */
} bad[] = {
    {"", "1: the file is empty: it needs at least 'cameras:'"},
    {"# only a comment\n", "1: the file is empty: it needs at least 'cameras:'"},
    {"just words\n", "1: 'just words' must be a group of keys (key: value)"},
    {"- a\n- b\n", "1: must be a group of keys (key: value)"},
    {"log: {level: info}\n", " cameras: there is no camera: add '- {id: NAME, uri: URI}' to it, or "
                             "write 'cameras: []'"},
    {"cameras:\n", "1: cameras: must be a list (lines that begin with '- ')"},
    {"cameras: rtsp://h/s\n", "1: cameras: must be a list (lines that begin with '- ')"},
    {"cameras:\n - {id: a, uri: a.mp4, classes: {dog: {threshold: 0,4}}}\n",
     "2: cameras[a].classes.dog: '4' stands alone: between { and } a comma ends a value; quote one "
     "that has a comma in it, and write 0.4, not 0,4"},
    {"cameras:\n - {id: a, uri: 'rtsp://h:99999/x'}\n",
     "2: cameras[a].uri: 'rtsp://h:99999/x' cannot be watched: its port must be from 1 to 65535"},
    {"cameras:\n - {id: a, uri: 'rtsp:///x'}\n",
     "2: cameras[a].uri: 'rtsp:///x' cannot be watched: it names no host behind '//'"},
    {"cameras:\n - {id: a, uri: 'rtsp://h/x '}\n",
     "2: cameras[a].uri: 'rtsp://h/x ' cannot be watched: it ends with a space: remove it"},
    {"cameras:\n - {id: a, uri: ' rtsp://h/x'}\n",
     "2: cameras[a].uri: ' rtsp://h/x' cannot be watched: ' ' stands before 'rtsp://': remove it"},
    {"camreas: []\n", "1: camreas: unknown key; did you mean 'cameras'?"},
    {CAM "publish:\n  endpoints:\n    - tcp://127.0.0.1:5571\n    - ipc:///a\n    - "
         "tcp://localhost:05571\n",
     "6: publish.endpoints[3]: 'tcp://localhost:05571' is the same as 'tcp://127.0.0.1:5571': "
     "once is enough"},
    {CAM "publish: {endpoints: ['ipc:///run/./a', 'ipc:///run//a']}\n",
     "2: publish.endpoints[2]: 'ipc:///run//a' is the same as 'ipc:///run/./a': once is enough"},
    {CAM "publish: {endpoints: ['ipc:///run/a']}\ncontrol: /run/a\n",
     " control: '/run/a' is an endpoint, too: the two need a path each"},
    {"cameras: [{id: a, uri: \"file:///x\\n\\e[31mred\"}]\n",
     "1: cameras[a].uri: 'file:///x??[31mred' cannot be watched: control character in a URI: write "
     "it as %0A "
     "and the like"},
    {"cameras: [{id: a, uri: 'rtsp://me:SE@CRET/x@h/s'}]\n",
     "1: cameras[a].uri: 'rtsp://***@h/s' cannot be watched: it cannot be told where user and "
     "password end: "
     "in them write @ as %40, / as %2F, ? as %3F, # as %23, : as %3A (and an @ behind the host as "
     "%40)"},
    {"cameras: [{id: 'rtsp://me:CRET@h/s', uri: x}]\n",
     "1: cameras[1].id: 'rtsp://***@h/s' must be 1 to 64 characters of a-z, 0-9, '_' and '-'"},
    {"cameras: [{id: a, 'rtsp://me:CRET@h/s': x}]\n",
     "1: cameras[a].rtsp://***@h/s: unknown key; known here: tracker, classes, zones, "
     "masks, quiet_hours, id, uri, transport, "
     "keyframes, latency_ms, audio, video, av_offset_ms, align, skew_s, stall_s, isolate"},
    {CAM "control: here.sock\n", "2: control: 'here.sock' is neither an absolute path nor 'off'"},
    {CAM "x: 1\n",
     "2: x: unknown key; known here: cameras, models, inference, tracker, classes, "
     "quiet_hours, publish, journal, record, snapshots, log, metrics, control, state, "
     "time_zone, shard, connects_per_s"},
    {ZONES "      - {name: A b, polygon: '0,0 1,0 1,1'}\n",
     "5: cameras[a].zones[1].name: 'A b' must be 1 to 32 characters of a-z, 0-9, '_' and '-'"},
    {ZONES "      - polygon: 0,0 1,0 1,1\n",
     "5: cameras[a].zones[1]: lacks its 'name': events will tell it"},
    {ZONES "      - {name: door, polygon: 0,0 1,0 1,1}\n",
     "5: cameras[a].zones[1]: '0 1' stands alone: between { and } a comma ends a value; quote one "
     "that has a comma in it, and write 0.4, not 0,4"},
    {ZONES "      - name: door\n",
     "5: cameras[a].zones[1]: 'door' lacks its 'polygon': its corners, as shares of the picture"},
    {ZONES "      - name: door\n        polygon: 0,0 1,1 1,0 0,1\n",
     "6: cameras[a].zones[1].polygon: crosses itself: its edges from 0,0 and from 1,0 meet"},
    {ZONES "      - {name: door, polygon: '0,0 1,0 1,2'}\n",
     "5: cameras[a].zones[1].polygon: has the corner 1,2 outside the picture: corners are shares "
     "of it, 0 to 1"},
    {ZONES "      - {name: a, polygon: '0,0 1,0 1,1'}\n      - {name: a, polygon: '0,0 1,0 1,1'}\n",
     "6: cameras[a].zones[2]: 'a' is the name of another zone of this camera: names must differ"},
    {ZONES "      - {name: a, polygon: '0,0 1,0 1,1', classes: {dog: {threshold: 2}}}\n",
     "5: cameras[a].zones[1].classes.dog.threshold: '2' is out of range: must be from 0.01 to 1"},
    {ZONES "      - {name: a, polygon: '0,0 1,0 1,1'}\n    classes: {dog: {required_zones: [b]}}\n",
     "6: cameras[a].classes.dog.required_zones: 'b' is no zone of a"},
    {CAM "classes: {dog: {required_zones: b}}\n",
     "2: classes.dog.required_zones: 'b' is no zone of all cameras: say it in a camera's own "
     "classes"},
    {"cameras:\n  - id: a\n    uri: a.mp4\n    masks: [0,0 1,0 1,1]\n",
     "4: cameras[a].masks[1]: '0' must be a group of keys (key: value)"},
    {CAM "quiet_hours:\n  - {times: 22-6}\n",
     "3: quiet_hours[1].times: '22-6' must be two times of the day, like 22:00-06:30"},
    {CAM "quiet_hours:\n  - {days: [mon, someday], times: 22:00-06:00}\n",
     "3: quiet_hours[1].days[2]: 'someday' must be a day (mon, tue, wed, thu, fri, sat, sun), or "
     "days like mon-fri"},
    {CAM "quiet_hours: [{days: mon}]\n", "2: quiet_hours[1]: lacks its 'times': like 22:00-06:30"},
    {CAM "time_zone: Europe/Atlantis\n",
     "2: time_zone: 'Europe/Atlantis' is no time zone that this system knows: write "
     "Europe/Berlin, or UTC, or +02:00"},
    {CAM "record: {pre_s: 3}\n",
     "2: record.dir: is missing: name the folder that recordings go to"},
    {CAM "record:\n  dir: clips\n  cameras: [a, b]\n",
     "4: record.cameras: 'b' is no camera of this file: leave record.cameras out to record all of "
     "them"},
    {CAM "record: {dir: clips, max_gb: 3}\n",
     "2: record.max_gb: unknown key; did you mean 'max_gib'?"},
    {CAM "record: {dir: clips, pre_s: 500}\n",
     "2: record.pre_s: '500' is out of range: must be from 0 to 120"},
    {CAM "record: {dir: clips, pre_s: 5, post_s: 5, max_clip_s: 10}\n",
     "2: record.max_clip_s: leaves no time for an event between record.pre_s and record.post_s"},
    {"cameras:\n  - id: a\n", "2: cameras[a]: lacks its 'uri': e.g. rtsp://camera.local/stream or "
                              "a file"},
    {"cameras:\n  - uri: rtsp://h/s\n",
     "2: cameras[1]: lacks its 'id': give the camera a short name"},
    {"cameras:\n  - id: Front Door\n    uri: a.mp4\n",
     "2: cameras[1].id: 'Front Door' must be 1 to 64 characters of a-z, 0-9, '_' and '-'"},
    {"cameras:\n  - {id: a, uri: a.mp4}\n  - {id: a, uri: b.mp4}\n",
     "3: cameras[a]: 'a' is the id of the camera in line 2, too: ids must differ"},
    {"cameras:\n  - {id: a, uri: a.mp4, audio: false, video: false}\n",
     "2: cameras[a]: uses neither audio nor video: set one of them to true"},
    {"cameras:\n  - id: a\n    uri: a.mp4\n    transprot: tcp\n",
     "4: cameras[a].transprot: unknown key; did you mean 'transport'?"},
    {"cameras:\n  - id: a\n    uri: a.mp4\n    transport: quic\n",
     "4: cameras[a].transport: 'quic' must be one of: auto, tcp, udp"},
    {"cameras:\n  - id: a\n    uri:\n      - a.mp4\n",
     "4: cameras[a].uri: must be a single value, not a list"},
    {"cameras:\n  - id: a\n    uri:\n",
     "3: cameras[a].uri: is empty: give a value or remove the key"},
    {"cameras:\n  - {id: a, uri: a.mp4, audio: maybe}\n",
     "2: cameras[a].audio: 'maybe' must be true or false"},
    {"cameras:\n  - {id: a, uri: 'gopher://me:pw@h/s?key=1'}\n",
     "2: cameras[a].uri: 'gopher://***@h/s?***' cannot be watched: unknown scheme 'gopher': use a "
     "path, file, "
     "rtsp, http, https, srt, v4l2 or test"},
    {"cameras:\n  - {id: a, uri: a.mp4, latency_ms: 200.5}\n",
     "2: cameras[a].latency_ms: '200.5' must be a whole number from 1 to 10000"},
    {CAM "tracker:\n  threshold: 1.5\n",
     "3: tracker.threshold: '1.5' is out of range: must be from 0.01 to 1, or weights"},
    {CAM "tracker:\n  threshold: high\n",
     "3: tracker.threshold: 'high' must be a number from 0.01 to 1, or weights"},
    {CAM "tracker:\n  threshold: .nan\n",
     "3: tracker.threshold: '.nan' must be a number from 0.01 to 1, or weights"},
    {CAM "tracker:\n  hang_over_s: 1e999\n",
     "3: tracker.hang_over_s: '1e999' must be a number from 0.1 to 600"},
    {CAM "tracker:\n  hang_over: 2\n",
     "3: tracker.hang_over: unknown key; did you mean 'hang_over_s'?"},
    {CAM "tracker: {onset_num: 4, onset_window: 3}\n",
     " tracker.onset_num: 4 is more than the 3 segments of onset_window: it could never be "
     "reached"},
    {CAM "tracker: {min_duration_s: 20, max_duration_s: 10}\n",
     " tracker.min_duration_s: 20 is not below max_duration_s (10)"},
    {"cameras:\n  - id: yard\n    uri: a.mp4\n    tracker: {onset_num: 4, onset_window: 3}\n",
     "2: cameras[yard].tracker.onset_num: 4 is more than the 3 segments of onset_window: it could "
     "never be reached"},
    {CAM "inference: {device: nvidia}\n", "2: inference.device: 'nvidia' must be auto, gpu, cpu or "
                                          "an index of `tyto devices`"},
    {CAM "inference: {segments: 0}\n",
     "2: inference.segments: '0' is out of range: must be from 1 to 64, or weights"},
    {CAM "inference: {segments: 10, look_ahead: 10}\n",
     " inference.look_ahead: 10 must be below inference.segments (10)"},
    {CAM "classes: {Dog: {}}\n",
     "2: classes.Dog: 'Dog' is no class name (a-z, 0-9, '_' and '-'); `tyto model info` lists "
     "them"},
    {CAM "classes:\n  dog:\n    treshold: 0.5\n",
     "4: classes.dog.treshold: unknown key; did you mean 'threshold'?"},
    {CAM "publish:\n  endpoints: tcp://0.0.0.0:5571\n",
     "3: publish.endpoints: tcp://0.0.0.0:5571: other hosts could reach this address and nothing "
     "is encrypted: give publish.server_key and publish.clients (tyto keygen --help), or bind "
     "127.0.0.1 (or ipc://) and tunnel, e.g. with ssh -L 5571:127.0.0.1:5571"},
    {CAM "publish: {server_key: /etc/tyto/server.key}\n",
     " publish.clients: is missing: tytod's key and the file of clients belong together"},
    {CAM "publish:\n  endpoints:\n    - tcp://127.0.0.1:5571\n    - nonsense\n",
     "5: publish.endpoints[2]: nonsense: is no endpoint: write tcp://127.0.0.1:PORT or "
     "ipc:///absolute/path"},
    {CAM "publish: {endpoints: []}\n",
     " publish.endpoints: is empty: name at least one, or leave it out"},
    {CAM "log: {level: loud}\n",
     "2: log.level: 'loud' must be one of: error, warning, info, debug"},
    {CAM "log: {level: info, level: debug}\n", "2: log.level: stands here twice (first in line 2)"},
    {CAM "log: {level: \"in\\e[2Jfo\"}\n",
     "2: log.level: 'in?[2Jfo' must be one of: error, warning, info, debug"},
    {CAM "? [a, b]\n: 1\n", "1: holds a key that is no text"},
    {CAM "---\nlog: {}\n", "3: a second document begins here: keep one file to one document"},
    {"cameras:\n\t- id: a\n", "2: not YAML: found character that cannot start any token (while "
                              "scanning for the next token)"},
    {"cameras: [{id: a, uri: x\n", "2: not YAML: did not find expected ',' or '}' (while parsing a "
                                   "flow mapping)"},
    {CAM "log: *nowhere\n", "2: not YAML: found undefined alias"},
    {"cameras: &a\n  - *a\n", "1: cameras[1]: must be a group of keys (key: value)"},
};

static void each_mistake_is_named_with_its_line_key_and_value(void **state)
{
    (void)state;
    uint32_t num_wrong = 0;
    const size_t num = sizeof(bad) / sizeof(bad[0]);
    for (size_t i = 0; i < num; i++) {
        struct tyto_config *config = NULL;
        char said[1024];
        const enum tyto_err err = parse(bad[i].text, &config, said, sizeof(said));
        char expected[1024];
        snprintf(expected, sizeof(expected), "/etc/tyto/t.yaml:%s", bad[i].said);
        /* Syntax errors close with a general hint. */
        const bool is_right = err && !config && strncmp(said, expected, strlen(expected)) == 0 &&
                              (said[strlen(expected)] == '\0' || err == TYTO_ERR_FORMAT);
        if (!is_right) {
            print_error("case %zu:\n  expected %s\n  was      %s\n", i, expected, said);
            num_wrong++;
        }
        tyto_config_destroy(&config);
    }
    assert_true(num >= 40);
    assert_int_equal(num_wrong, 0);
}

static void a_file_that_cannot_be_read_says_why(void **state)
{
    (void)state;
    struct tyto_config *config = NULL;
    struct tyto_fault fault;
    assert_int_equal(tyto_config_load("/nonexistent/t.yaml", &config, &fault), TYTO_ERR_NOT_FOUND);
    assert_string_equal(fault.text, "cannot be opened: No such file or directory");
    assert_int_equal(tyto_config_load("/tmp", &config, &fault), TYTO_ERR_IO);
    char path[] = "/tmp/tyto-config-XXXXXX";
    const int fd = mkstemp(path);
    assert_true(fd >= 0);
    char block[4096];
    memset(block, '#', sizeof(block));
    for (int i = 0; i < 65; i++)
        assert_int_equal(write(fd, block, sizeof(block)), sizeof(block));
    close(fd);
    assert_int_equal(tyto_config_load(path, &config, &fault), TYTO_ERR_INVALID);
    assert_non_null(strstr(fault.text, "larger than 256 KiB"));
    unlink(path);
    assert_int_equal(mkfifo(path, 0600), 0); /* nobody writes to it: opening it would not end */
    assert_int_equal(tyto_config_load(path, &config, &fault), TYTO_ERR_IO);
    assert_string_equal(fault.text, "cannot be opened: it is a pipe, and nobody writes to it");
    unlink(path);
    assert_null(config);
}

static void an_address_that_is_taken_already_is_no_good_configuration(void **state)
{
    (void)state;
    static const struct {
        const char *metrics, *publish, *said;
    } cases[] = {
        {"5571", "endpoints: [tcp://localhost:5571]", "'5571' is an endpoint, too"},
        {"127.0.0.1:5572", "endpoints: [tcp://127.0.0.1:5571]", "queries one port further"},
        {"127.0.0.1:6000", "query: [tcp://127.0.0.1:6000]", "'127.0.0.1:6000' is an endpoint, too"},
        {"5572", "endpoints: [tcp://127.0.0.2:5571]", NULL},
        {"5572", "query: [tcp://127.0.0.1:6000]", NULL},
        {"5571", "endpoints: [ipc:///run/tyto/5571]", NULL},
        {"off", "heartbeat_s: 1", NULL},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct tyto_config *config = NULL;
        char text[512], said[512];
        snprintf(text, sizeof(text),
                 "cameras: [{id: a, uri: a.mp4}]\nmetrics: {listen: '%s'}\npublish: {%s}\n",
                 cases[i].metrics, cases[i].publish);
        const enum tyto_err err = parse(text, &config, said, sizeof(said));
        if (!err != !cases[i].said || (err && !strstr(said, cases[i].said)))
            fail_msg("case %zu: %s", i, said);
        tyto_config_destroy(&config);
    }
}

static void hostile_yaml_is_refused_quickly(void **state)
{
    (void)state;
    enum { NUM_BYTES = 250000 };
    char *text = malloc(NUM_BYTES + 1);
    assert_non_null(text);
    static const char *const fills[] = {
        "[",   "{",  "- ",   " ",     "&",    "&a 1\n- ", "\"",   "? ", "\xff",
        "a: ", "*a", "[]: ", "- [\n", "{a: ", "!!x ",     "|\n ", "%",  "'a': b\n"};
    for (size_t i = 0; i < sizeof(fills) / sizeof(fills[0]); i++) {
        const size_t len = strlen(fills[i]);
        for (size_t at = 0; at < NUM_BYTES; at++)
            text[at] = fills[i][at % len];
        struct tyto_config *config = NULL;
        struct tyto_fault fault;
        const uint64_t begin_ns = tyto_clock_mono_ns();
        const enum tyto_err err = tyto_config_parse(text, NUM_BYTES, "t.yaml", &config, &fault);
        const double took_s = (double)(tyto_clock_mono_ns() - begin_ns) / (double)TYTO_NS_PER_S;
        if (took_s > 1.0)
            print_message("'%s' took %.1f s\n", fills[i], took_s);
        assert_int_not_equal(err, TYTO_OK);
        assert_true(took_s < 20.0);
    }
    free(text);
}

static void every_cut_and_every_flipped_byte_is_survived(void **state)
{
    (void)state;
    char text[512];
    static const char good[] = "cameras:\n  - {id: a, uri: 'rtsp://h/s', latency_ms: 200}\n"
                               "tracker: {threshold: 0.5}\nclasses: {dog: {publish: off}}\n"
                               "publish: {endpoints: [tcp://127.0.0.1:5571]}\n";
    uint64_t seed = 88172645463325252u;
    for (int round = 0; round < 20000; round++) {
        size_t num_bytes = sizeof(good) - 1;
        memcpy(text, good, num_bytes);
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        if ((size_t)round < num_bytes)
            num_bytes = (size_t)round;
        else
            text[seed % num_bytes] = (char)(seed >> 32);
        struct tyto_config *config = NULL;
        struct tyto_fault fault;
        const enum tyto_err err = tyto_config_parse(text, num_bytes, "t.yaml", &config, &fault);
        assert_true((!err) == (config != NULL));
        tyto_config_destroy(&config);
    }
}

static void what_is_in_comments_and_quotes_does_not_count(void **state)
{
    (void)state;
    enum { NUM_BYTES = 100000 };
    char *text = malloc(NUM_BYTES);
    struct tyto_config *config = NULL;
    struct tyto_fault fault = {.text = ""};
    size_t at = 0;
    assert_non_null(text);
    while (at < NUM_BYTES - 1000)
        at += (size_t)snprintf(text + at, NUM_BYTES - at, "# [[[[ it's {{{ &and *more\n");
    at += (size_t)snprintf(text + at, NUM_BYTES - at,
                           "cameras: [{id: a, uri: '/[[[[[[[[ #[[[['}] # ]]]]\n");
    if (tyto_config_parse(text, at, "t.yaml", &config, &fault) != TYTO_OK)
        fail_msg("%s", fault.text);
    assert_string_equal(config->cameras[0].uri, "/[[[[[[[[ #[[[[");
    tyto_config_destroy(&config);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_mistake_is_named_with_its_line_key_and_value),
        cmocka_unit_test(a_file_that_cannot_be_read_says_why),
        cmocka_unit_test(an_address_that_is_taken_already_is_no_good_configuration),
        cmocka_unit_test(what_is_in_comments_and_quotes_does_not_count),
        cmocka_unit_test(hostile_yaml_is_refused_quickly),
        cmocka_unit_test(every_cut_and_every_flipped_byte_is_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
