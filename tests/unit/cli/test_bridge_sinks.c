/* SPDX-License-Identifier: MIT */
/* What the sinks of tyto bridge say, without network: signatures, addresses, what Home Assistant is
 * told, which pictures wait, secrets. */
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
#include "cli/bridge/core/secret_file.h"
#include "cli/bridge/kafka/brokers.h"
#include "cli/bridge/mqtt/address.h"
#include "cli/bridge/mqtt/home.h"
#include "cli/bridge/webhook/body.h"
#include "files/digest.h"
#include "tests/folder.h"

static char folder[FOLDER_MAX], path[FOLDER_MAX + 16];

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
    if (folder_make(folder, "sinks") != 0)
        return 1;
    snprintf(path, sizeof(path), "%s/secret", folder);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    return folder_remove(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
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
