/* SPDX-License-Identifier: MIT */
/* tyto bridge without network: a position moves only behind what is acknowledged, whatever order
 * acknowledgements come in; what is not delivered is tried again, what is refused is kept; what is
 * signed; addresses; what Home Assistant is told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "cli/bridge/core/album.h"
#include "cli/bridge/core/dead.h"
#include "cli/bridge/core/pump.h"
#include "cli/bridge/core/secret_file.h"
#include "cli/bridge/kafka/brokers.h"
#include "cli/bridge/mqtt/address.h"
#include "cli/bridge/mqtt/home.h"
#include "cli/bridge/webhook/body.h"
#include "files/digest.h"

enum { MAX_PUT = 64, MAX_PATH = 200 };

/* A source of num_items events, one number each, and a sink that does what it is told. */
struct rig {
    uint32_t num_items, at, window;
    struct tyto_feed_item item;
    uint64_t put[MAX_PUT], open[MAX_PUT]; /* seq of each delivery begun; tickets not reported yet */
    uint32_t tries[MAX_PUT];
    uint32_t num_put, num_open, num_turns, max_open;
    uint64_t hold;      /* this seq is never acknowledged; 0: none */
    uint64_t refuse;    /* this one is refused */
    uint32_t num_later; /* so many deliveries fail first */
    bool is_draining;
    uint32_t stop_at; /* after so many turns */
    uint64_t seq_of[MAX_PUT];
};

static enum tyto_err next(void *self, int timeout_ms, const struct tyto_feed_item **ret_item,
                          struct tyto_bridge_place *reterr_place)
{
    struct rig *rig = self;
    (void)timeout_ms;
    if (rig->at == rig->num_items)
        return TYTO_ERR_TIMEOUT;
    rig->at++;
    rig->item = (struct tyto_feed_item){.kind = TYTO_FEED_MESSAGE, .text = ""};
    rig->item.message.kind = TYTO_MESSAGE_EVENT;
    rig->item.message.seq = rig->at;
    rig->item.message.u.event.phase = TYTO_EVENT_PHASE_NEW;
    snprintf(rig->item.message.u.event.camera, TYTO_ID_MAX, "yard");
    snprintf(rig->item.message.u.event.class_name, TYTO_ID_MAX, rig->at % 2 ? "dog" : "cat");
    *ret_item = &rig->item;
    *reterr_place = (struct tyto_bridge_place){.is_known = true, .at = {.seq = rig->at}};
    return TYTO_OK;
}

static bool wants(void *self, const struct tyto_parcel *parcel)
{
    (void)self;
    return !parcel->is_snapshot;
}

static bool is_ready(void *self)
{
    (void)self;
    return true;
}

static enum tyto_err put(void *self, const struct tyto_parcel *parcel, struct tyto_fault *ret_fault)
{
    struct rig *rig = self;
    (void)ret_fault;
    assert_true(rig->num_put < MAX_PUT && rig->num_open < rig->window);
    rig->put[rig->num_put] = parcel->message->seq;
    rig->tries[rig->num_put++] = parcel->num_tries;
    rig->seq_of[parcel->ticket % MAX_PUT] = parcel->message->seq;
    rig->open[rig->num_open++] = parcel->ticket;
    if (rig->num_open > rig->max_open)
        rig->max_open = rig->num_open;
    return TYTO_OK;
}

static enum tyto_err turn(void *self, int timeout_ms, struct tyto_fault *ret_fault)
{
    struct rig *rig = self;
    (void)ret_fault;
    if (timeout_ms > 0)
        usleep(1000);
    rig->num_turns++;
    return TYTO_OK;
}

/* The newest first, so that acknowledgements come in the wrong order. */
static bool report(void *self, struct tyto_delivery_report *ret_report)
{
    struct rig *rig = self;
    /* Not before the window is full, then all of them. */
    rig->is_draining = rig->num_open == rig->window || rig->at == rig->num_items ||
                       (rig->is_draining && rig->num_open > 0);
    if (!rig->is_draining)
        return false;
    for (uint32_t i = rig->num_open; i-- > 0;) {
        const uint64_t seq = rig->seq_of[rig->open[i] % MAX_PUT];
        if (seq == rig->hold)
            continue;
        *ret_report = (struct tyto_delivery_report){.ticket = rig->open[i], .text = "because"};
        if (rig->num_later > 0) {
            rig->num_later--;
            ret_report->outcome = TYTO_DELIVERY_LATER;
        } else if (seq == rig->refuse) {
            ret_report->outcome = TYTO_DELIVERY_REFUSED;
        }
        rig->open[i] = rig->open[--rig->num_open];
        return true;
    }
    return false;
}

static bool should_stop(void *user)
{
    const struct rig *rig = user;
    return rig->num_turns >= rig->stop_at;
}

static char folder[MAX_PATH], path[MAX_PATH + 16], dead[MAX_PATH + 32];

static struct tyto_bridge_place stored(void)
{
    struct tyto_bridge_position *position = NULL;
    struct tyto_bridge_place place;
    struct tyto_fault fault = {.text = ""};
    assert_int_equal(tyto_bridge_position_open(path, &position, &place, &fault), TYTO_OK);
    tyto_bridge_position_close(&position);
    return place;
}

static struct tyto_bridge_counts run(struct rig *rig, const char *const *classes,
                                     uint32_t num_classes)
{
    struct tyto_bridge_position *position = NULL;
    struct tyto_bridge_counts counts = {0};
    struct tyto_fault fault = {.text = ""};
    const struct tyto_bridge_source source = {.self = rig, .next = next};
    const struct tyto_sink sink = {.self = rig,
                                   .name = "test",
                                   .window = rig->window,
                                   .wants = wants,
                                   .is_ready = is_ready,
                                   .put = put,
                                   .turn = turn,
                                   .report = report};
    struct tyto_pump_params params = {.source = &source,
                                      .sink = &sink,
                                      .dead_path = dead,
                                      .classes = classes,
                                      .num_classes = num_classes,
                                      .should_stop = should_stop,
                                      .user = rig,
                                      .retry_first_ms = 1,
                                      .retry_last_ms = 4,
                                      .store_every_ms = 0,
                                      .linger_ms = 1};
    unlink(path);
    unlink(dead);
    assert_int_equal(tyto_bridge_position_open(path, &position, &params.place, &fault), TYTO_OK);
    assert_false(params.place.is_known);
    params.position = position;
    assert_int_equal(tyto_pump_run(&params, &counts, &fault), TYTO_OK);
    tyto_bridge_position_close(&position);
    return counts;
}

static void test_all_is_delivered_and_stored(void **state)
{
    (void)state;
    struct rig rig = {.num_items = 10, .window = 4, .stop_at = 200};
    const struct tyto_bridge_counts counts = run(&rig, NULL, 0);
    assert_int_equal(counts.num_taken, 10);
    assert_int_equal(rig.num_put, 10);
    assert_int_equal(rig.max_open, 4);
    for (uint32_t i = 0; i < 10; i++)
        assert_int_equal(rig.put[i], i + 1);
    assert_int_equal(stored().at.seq, 10);
}

static void test_a_position_waits_for_the_oldest(void **state)
{
    (void)state;
    struct rig rig = {.num_items = 6, .window = 4, .hold = 3, .stop_at = 200};
    const struct tyto_bridge_counts counts = run(&rig, NULL, 0);
    assert_int_equal(counts.num_taken, 5); /* 1, 2, 4 and what fits behind them */
    assert_int_equal(stored().at.seq, 2);
    rig = (struct rig){.num_items = 6, .window = 4, .hold = 1, .stop_at = 200};
    (void)run(&rig, NULL, 0);
    assert_false(stored().is_known); /* nothing was stored */
}

static void test_what_fails_is_tried_again(void **state)
{
    (void)state;
    struct rig rig = {.num_items = 3, .window = 1, .num_later = 5, .stop_at = 2000};
    const struct tyto_bridge_counts counts = run(&rig, NULL, 0);
    assert_int_equal(counts.num_taken, 3);
    assert_int_equal(counts.num_tries_failed, 5);
    assert_int_equal(rig.num_put, 8);
    for (uint32_t i = 0; i < 6; i++) {
        assert_int_equal(rig.put[i], 1); /* those behind it wait */
        assert_int_equal(rig.tries[i], i);
    }
    assert_int_equal(stored().at.seq, 3);
}

static void test_what_is_refused_is_kept_and_passed_by(void **state)
{
    (void)state;
    struct rig rig = {.num_items = 5, .window = 2, .refuse = 4, .stop_at = 200};
    char line[4096] = "";
    const struct tyto_bridge_counts counts = run(&rig, NULL, 0);
    assert_int_equal(counts.num_taken, 4);
    assert_int_equal(counts.num_refused, 1);
    assert_int_equal(stored().at.seq, 5);
    FILE *file = fopen(dead, "r");
    assert_non_null(file);
    assert_non_null(fgets(line, sizeof(line), file));
    fclose(file);
    assert_non_null(strstr(line, "\"why\":\"because\""));
    assert_non_null(strstr(line, "\"seq\":4"));
}

static void test_other_classes_move_the_position_and_no_more(void **state)
{
    (void)state;
    static const char *const classes[] = {"cat"};
    struct rig rig = {.num_items = 7, .window = 3, .stop_at = 200};
    const struct tyto_bridge_counts counts = run(&rig, classes, 1);
    assert_int_equal(counts.num_taken, 3);
    assert_int_equal(counts.num_skipped, 4);
    assert_int_equal(stored().at.seq, 7);
}

static void test_a_full_file_of_refused_events_stays(void **state)
{
    (void)state;
    struct tyto_message message = {.kind = TYTO_MESSAGE_EVENT};
    struct tyto_fault fault = {.text = ""};
    unlink(dead);
    assert_int_equal(tyto_bridge_dead_add(dead, &message, "why", &fault), TYTO_OK);
    assert_int_equal(truncate(dead, TYTO_BRIDGE_DEAD_MAX_BYTES - 10), 0);
    assert_int_equal(tyto_bridge_dead_add(dead, &message, "why", &fault), TYTO_ERR_FULL);
    unlink(dead);
}

/* RFC 4231, cases 2 and 6. */
static void test_signatures(void **state)
{
    (void)state;
    char hex[TYTO_DIGEST_HEX_BYTES], key[131], text[TYTO_SIGNATURE_BYTES];
    const struct tyto_digest_part parts[] = {{"what do ya want ", 16}, {"for nothing?", 12}};
    tyto_digest_hmac_hex("Jefe", 4, parts, 2, hex);
    assert_string_equal(hex, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    memset(key, 0xaa, sizeof(key));
    const char *long_text = "Test Using Larger Than Block-Size Key - Hash Key First";
    const struct tyto_digest_part one = {long_text, strlen(long_text)};
    tyto_digest_hmac_hex(key, sizeof(key), &one, 1, hex);
    assert_string_equal(hex, "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
    tyto_webhook_sign("secret", 1700000000, "{}", 2, text);
    assert_memory_equal(text, "t=1700000000,v1=", 16);
    assert_int_equal(strlen(text), 16 + 64);
}

static void test_addresses_of_brokers(void **state)
{
    (void)state;
    struct tyto_mqtt_address address;
    struct tyto_fault fault;
    assert_int_equal(tyto_mqtt_address_parse("mqtt://broker.lan", &address, &fault), TYTO_OK);
    assert_string_equal(address.host, "broker.lan");
    assert_int_equal(address.port, 1883);
    assert_false(address.is_secure || address.is_this_machine);
    assert_int_equal(tyto_mqtt_address_parse("mqtts://[::1]/", &address, &fault), TYTO_OK);
    assert_string_equal(address.host, "::1");
    assert_int_equal(address.port, 8883);
    assert_true(address.is_secure && address.is_this_machine);
    assert_int_equal(tyto_mqtt_address_parse("mqtt://127.0.0.1:65535", &address, &fault), TYTO_OK);
    assert_int_equal(address.port, 65535);
    assert_true(address.is_this_machine);
    assert_int_equal(tyto_mqtt_address_parse("mqtt://127.example.org", &address, &fault), TYTO_OK);
    assert_false(address.is_this_machine); /* a name that only begins like an address */
    static const char *const bad[] = {
        "",           "broker",         "http://x",    "mqtt://",    "mqtt://:1",   "mqtt://x:",
        "mqtt://x:0", "mqtt://x:65536", "mqtt://x:1a", "mqtt://x/y", "mqtt://[::1", "mqtt://u:p@x",
        "mqtt://x y", "mqtt://[::1]1",  "mqtt://x?y"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(tyto_mqtt_address_parse(bad[i], &address, &fault), TYTO_ERR_INVALID);
    char long_text[600] = "mqtt://";
    memset(long_text + 7, 'x', sizeof(long_text) - 8);
    assert_int_equal(tyto_mqtt_address_parse(long_text, &address, &fault), TYTO_ERR_INVALID);
}

static void test_addresses_of_clusters(void **state)
{
    (void)state;
    struct tyto_kafka_brokers brokers;
    struct tyto_fault fault;
    assert_int_equal(tyto_kafka_brokers_parse("kafka://one.lan", &brokers, &fault), TYTO_OK);
    assert_string_equal(brokers.text, "one.lan");
    assert_false(brokers.is_secure || brokers.is_this_machine);
    assert_int_equal(
        tyto_kafka_brokers_parse("kafkas://localhost:9093,[::1]:1,127.0.0.1", &brokers, &fault),
        TYTO_OK);
    assert_string_equal(brokers.text, "localhost:9093,[::1]:1,127.0.0.1");
    assert_true(brokers.is_secure && brokers.is_this_machine);
    assert_int_equal(tyto_kafka_brokers_parse("kafka://localhost,x", &brokers, &fault), TYTO_OK);
    assert_false(brokers.is_this_machine);
    static const char *const bad[] = {"",
                                      "one.lan",
                                      "mqtt://x",
                                      "kafka://",
                                      "kafka://,x",
                                      "kafka://x,",
                                      "kafka://x,,y",
                                      "kafka://x:",
                                      "kafka://x:0",
                                      "kafka://x:65536",
                                      "kafka://:1",
                                      "kafka://x/y",
                                      "kafka://u:p@x",
                                      "kafka://[::1",
                                      "kafka://[x]:1",
                                      "kafka://x y",
                                      "kafka://x:1a",
                                      "kafka://[::1]1",
                                      "kafka://x\ny"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(tyto_kafka_brokers_parse(bad[i], &brokers, &fault), TYTO_ERR_INVALID);
    char long_text[2 * TYTO_KAFKA_BROKERS_BYTES] = "kafka://";
    memset(long_text + 8, 'x', sizeof(long_text) - 9);
    assert_int_equal(tyto_kafka_brokers_parse(long_text, &brokers, &fault), TYTO_ERR_INVALID);
    assert_true(tyto_kafka_topic_is_valid("a.B_c-1"));
    assert_false(tyto_kafka_topic_is_valid("") || tyto_kafka_topic_is_valid("..") ||
                 tyto_kafka_topic_is_valid("a/b") || tyto_kafka_topic_is_valid(long_text + 8));
}

/* Takes what waits; how many of it has text in its topic, and the last payload of these. */
static uint32_t count_waiting(struct tyto_home *home, const char *text, char *ret_payload,
                              size_t payload_bytes)
{
    struct tyto_home_message message;
    uint32_t num = 0;
    while (!tyto_home_next(home, &message)) {
        assert_true(message.is_retained);
        if (strstr(message.topic, text)) {
            num++;
            snprintf(ret_payload, payload_bytes, "%s", message.payload);
        }
        free(message.payload);
    }
    return num;
}

static void test_what_home_assistant_is_told(void **state)
{
    (void)state;
    const struct tyto_home_params params = {"home/tyto", "homeassistant", "1"};
    struct tyto_home *home = NULL;
    char payload[4096];
    assert_int_equal(tyto_home_create(&params, &home), TYTO_OK);
    tyto_home_add_class(home, "dog");
    assert_int_equal(tyto_home_add_camera(home, "yard"), TYTO_OK);
    assert_int_equal(tyto_home_add_camera(home, "yard"), TYTO_OK);
    tyto_home_add_class(home, "cat");
    tyto_home_add_class(home, "dog");
    assert_int_equal(count_waiting(home, "/config", payload, sizeof(payload)), 3);
    assert_int_equal(count_waiting(home, "", payload, sizeof(payload)), 0);
    struct tyto_event event = {.phase = TYTO_EVENT_PHASE_NEW, .id = "A"}, older = {.id = "B"};
    snprintf(event.camera, sizeof(event.camera), "yard");
    snprintf(event.class_name, sizeof(event.class_name), "dog");
    assert_true(tyto_home_take_event(home, &event));
    assert_false(tyto_home_take_event(home, &event)); /* once more */
    older = event;
    snprintf(older.id, sizeof(older.id), "B");
    older.phase = TYTO_EVENT_PHASE_END;
    assert_false(tyto_home_take_event(home, &older)); /* another one's END */
    tyto_home_tell_again(home);
    assert_int_equal(count_waiting(home, "home/tyto/yard/class/dog", payload, sizeof(payload)), 1);
    assert_string_equal(payload, "ON");
    tyto_home_forget_events(home);
    assert_int_equal(count_waiting(home, "home/tyto/yard/class/dog", payload, sizeof(payload)), 1);
    assert_string_equal(payload, "OFF");
    tyto_home_tell_again(home);
    assert_int_equal(count_waiting(home, "homeassistant/binary_sensor/home_tyto_yard/dog/config",
                                   payload, sizeof(payload)),
                     1);
    assert_non_null(strstr(payload, "\"unique_id\":\"home/tyto.yard.class.dog\""));
    tyto_home_add_picture(home, "nowhere");
    assert_int_equal(count_waiting(home, "", payload, sizeof(payload)), 0);
    tyto_home_add_picture(home, "yard");
    tyto_home_add_picture(home, "yard");
    assert_int_equal(count_waiting(home, "homeassistant/image/home_tyto_yard/picture/config",
                                   payload, sizeof(payload)),
                     1);
    assert_non_null(strstr(payload, "\"image_topic\":\"home/tyto/yard/picture\""));
    assert_null(strstr(payload, "\"qos\""));
    tyto_home_destroy(&home);
}

/* A picture of num_bytes, whose digest is right where is_sound. */
static void add_picture(struct tyto_album *album, const char *id, const char *camera,
                        uint32_t num_bytes, bool is_sound)
{
    struct tyto_event_picture picture = {.about = {.num_bytes = num_bytes}};
    uint8_t *jpeg = calloc(1, num_bytes);
    assert_non_null(jpeg);
    snprintf(picture.about.event_id, sizeof(picture.about.event_id), "%s", id);
    snprintf(picture.about.camera, sizeof(picture.about.camera), "%s", camera);
    tyto_digest_bytes(jpeg, num_bytes, picture.about.sha256);
    picture.about.sha256[0] ^= is_sound ? 0 : 1;
    picture.jpeg = jpeg;
    assert_int_equal(tyto_album_add(album, &picture), TYTO_OK);
    free(jpeg);
}

static void test_pictures_are_bounded_and_the_newest_of_a_camera(void **state)
{
    (void)state;
    struct tyto_album *album = NULL;
    char id[TYTO_ULID_CHARS + 1];
    assert_int_equal(tyto_album_create(&album), TYTO_OK);
    assert_null(tyto_album_take(album));
    add_picture(album, "bad", "yard", 10, false);
    assert_null(tyto_album_of(album, "bad"));
    add_picture(album, "a", "yard", 10, true);
    add_picture(album, "b", "door", 20, true);
    add_picture(album, "c", "yard", 30, true);
    add_picture(album, "a", "yard", 40, true); /* a later one of the same event */
    assert_int_equal(tyto_album_of(album, "a")->about.num_bytes, 40);
    assert_string_equal(tyto_album_take(album)->about.event_id, "a"); /* not c, which is older */
    assert_string_equal(tyto_album_take(album)->about.event_id, "b");
    assert_null(tyto_album_take(album));
    tyto_album_return(album);
    assert_string_equal(tyto_album_take(album)->about.event_id, "a");
    assert_string_equal(tyto_album_take(album)->about.event_id, "b");
    assert_null(tyto_album_take(album));
    tyto_album_drop(album, "b");
    assert_null(tyto_album_of(album, "b"));
    for (int i = 0; i < 3 * TYTO_ALBUM_MAX_PICTURES; i++) {
        snprintf(id, sizeof(id), "%d", i);
        add_picture(album, id, "yard", 10, true);
    }
    assert_null(tyto_album_of(album, "a"));
    assert_null(tyto_album_of(album, "127"));
    assert_non_null(tyto_album_of(album, "128"));
    for (int i = 0; i < TYTO_ALBUM_MAX_BYTES / TYTO_THUMBNAIL_MAX_BYTES + 1; i++) {
        snprintf(id, sizeof(id), "large%d", i);
        add_picture(album, id, "yard", TYTO_THUMBNAIL_MAX_BYTES, true);
    }
    assert_null(tyto_album_of(album, "large0"));
    assert_non_null(tyto_album_of(album, "large1"));
    tyto_album_destroy(&album);
}

static void test_home_has_bounds(void **state)
{
    (void)state;
    const struct tyto_home_params params = {"t", NULL, "1"}; /* no discovery */
    struct tyto_home *home = NULL;
    char name[TYTO_ID_MAX + 1], payload[64];
    assert_int_equal(tyto_home_create(&params, &home), TYTO_OK);
    for (int i = 0; i < TYTO_HOME_MAX_CAMERAS + 5; i++) {
        snprintf(name, sizeof(name), "cam%d", i);
        assert_int_equal(tyto_home_add_camera(home, name), TYTO_OK);
    }
    tyto_home_add_class(home, "dog");
    assert_int_equal(count_waiting(home, "", payload, sizeof(payload)), TYTO_HOME_MAX_CAMERAS);
    for (int i = 0; i < TYTO_HOME_MAX_CLASSES + 5; i++) {
        snprintf(name, sizeof(name), "class%d", i);
        tyto_home_add_class(home, name);
    }
    assert_int_equal(count_waiting(home, "", payload, sizeof(payload)),
                     TYTO_HOME_MAX_CAMERAS * (TYTO_HOME_MAX_CLASSES - 1));
    tyto_home_destroy(&home);
    assert_true(tyto_home_prefix_is_valid("home/tyto-1_A"));
    static const char *const bad[] = {"", "/a", "a/", "a//b", "a/+", "#", "a b", "\xc3\xa4"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_false(tyto_home_prefix_is_valid(bad[i]));
}

static void test_secrets(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        mode_t mode;
        enum tyto_err err;
    } cases[] = {{" word \n", 0600, TYTO_OK},       {"word", 0440, TYTO_OK},
                 {"word", 0644, TYTO_ERR_INVALID},  {"", 0600, TYTO_ERR_FORMAT},
                 {"a\nb\n", 0600, TYTO_ERR_FORMAT}, {"a\rb", 0600, TYTO_ERR_FORMAT}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char *secret = NULL;
        struct tyto_fault fault = {.text = ""};
        FILE *file = fopen(path, "w");
        assert_non_null(file);
        assert_true(fputs(cases[i].text, file) >= 0 && fclose(file) == 0);
        assert_int_equal(chmod(path, cases[i].mode), 0);
        assert_int_equal(tyto_bridge_secret_read(path, &secret, &fault), cases[i].err);
        assert_null(strstr(fault.text, "word"));
        if (!cases[i].err)
            assert_string_equal(secret, "word");
        tyto_bridge_secret_free(&secret);
        assert_null(secret);
        unlink(path);
    }
}

static int make_folder(void **state)
{
    (void)state;
    const char *tmp = getenv("TMPDIR");
    snprintf(folder, sizeof(folder), "%.150s/tyto-bridge-XXXXXX", tmp ? tmp : "/tmp");
    if (!mkdtemp(folder))
        return 1;
    snprintf(path, sizeof(path), "%s/position", folder);
    snprintf(dead, sizeof(dead), "%s.refused", path);
    return 0;
}

static int remove_folder(void **state)
{
    char lock[MAX_PATH + 32];
    (void)state;
    snprintf(lock, sizeof(lock), "%s.lock", path);
    unlink(lock);
    unlink(path);
    unlink(dead);
    return rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_is_delivered_and_stored),
        cmocka_unit_test(test_a_position_waits_for_the_oldest),
        cmocka_unit_test(test_what_fails_is_tried_again),
        cmocka_unit_test(test_what_is_refused_is_kept_and_passed_by),
        cmocka_unit_test(test_other_classes_move_the_position_and_no_more),
        cmocka_unit_test(test_a_full_file_of_refused_events_stays),
        cmocka_unit_test(test_signatures),
        cmocka_unit_test(test_addresses_of_brokers),
        cmocka_unit_test(test_addresses_of_clusters),
        cmocka_unit_test(test_what_home_assistant_is_told),
        cmocka_unit_test(test_pictures_are_bounded_and_the_newest_of_a_camera),
        cmocka_unit_test(test_home_has_bounds),
        cmocka_unit_test(test_secrets),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
