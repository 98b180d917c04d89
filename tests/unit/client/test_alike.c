/* SPDX-License-Identifier: MIT */
/* Embeddings of events: kept beside their messages, searched through the query socket. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sqlite3.h>

#include "base/clock.h"
#include "client/query.h"
#include "daemon/journal/journal.h"
#include "daemon/query/query.h"

enum { NUM = TYTO_EMBEDDING_NUM, SPACE = 7, MAX_FOUND = 64 };

static char folder[] = "/tmp/tyto-alike-XXXXXX";
static char path[96], query_endpoint[96];

struct rig {
    struct tyto_journal *journal;
    struct tyto_query_server *server;
    struct tyto_query *query;
    uint64_t seq;
    int64_t num_events;
};

static void tell_hello(void *user, struct tyto_hello *ret_hello)
{
    (void)user;
    *ret_hello = (struct tyto_hello){.schema_major = 1};
}

static void open_journal(struct rig *rig, uint64_t max_messages)
{
    const struct tyto_journal_params params = {.path = path, .max_messages = max_messages};
    struct tyto_fault fault;
    if (tyto_journal_open(&params, &rig->journal, &fault) != TYTO_OK)
        fail_msg("%s: %s", fault.file, fault.text);
}

static void start(struct rig *rig, uint64_t max_messages)
{
    const char *endpoints[] = {query_endpoint};
    struct tyto_fault fault;
    memset(rig, 0, sizeof(*rig));
    open_journal(rig, max_messages);
    const struct tyto_query_server_params params = {
        .endpoints = endpoints, .num_endpoints = 1, .journal_path = path, .hello = tell_hello};
    if (tyto_query_server_create(&params, &rig->server, &fault) != TYTO_OK)
        fail_msg("%s", fault.text);
    const struct tyto_query_params asking = {.query_endpoint = query_endpoint, .timeout_ms = 60000};
    assert_int_equal(tyto_query_create(&asking, &rig->query), TYTO_OK);
}

static void stop(struct rig *rig)
{
    tyto_query_destroy(&rig->query);
    assert_true(tyto_query_server_destroy(&rig->server));
    tyto_journal_close(&rig->journal);
}

static void point(int8_t values[NUM], int direction)
{
    memset(values, 0, NUM);
    values[direction % NUM] = 100;
    values[(direction + 1) % NUM] = (int8_t)(direction / NUM);
}

/* Its sound and picture lie in these directions; -1: it has none. */
static struct tyto_event make_event(struct rig *rig, const char *camera, int sound, int picture)
{
    struct tyto_event event = {.phase = TYTO_EVENT_PHASE_END,
                               .reason = TYTO_EVENT_REASON_OFFSET,
                               .modality = TYTO_MODALITY_AV,
                               .has_end = true};
    event.begin_unix_ns = (1000 + 10 * rig->num_events++) * (int64_t)TYTO_NS_PER_S;
    event.end_unix_ns = event.begin_unix_ns + 2 * (int64_t)TYTO_NS_PER_S;
    snprintf(event.camera, sizeof(event.camera), "%s", camera);
    snprintf(event.class_name, sizeof(event.class_name), "dog");
    assert_int_equal(tyto_event_id_make((uint64_t)event.begin_unix_ns, event.id), TYTO_OK);
    if (sound < 0 && picture < 0)
        return event;
    event.embeddings = (struct tyto_embeddings){
        .space = SPACE, .has_sound = sound >= 0, .has_picture = picture >= 0};
    if (sound >= 0)
        point(event.embeddings.sound, sound);
    if (picture >= 0)
        point(event.embeddings.picture, picture);
    return event;
}

static void commit(struct rig *rig, const struct tyto_event *event)
{
    static struct tyto_envelope envelope;
    static uint8_t bytes[TYTO_ENVELOPE_MAX_BYTES];
    char topic[TYTO_TOPIC_MAX_BYTES];
    struct tyto_fault fault;
    size_t num_bytes = 0;
    memset(&envelope, 0, sizeof(envelope));
    rig->seq++;
    envelope.seq = envelope.cam_seq = envelope.class_seq = rig->seq;
    envelope.publish_unix_ns = (int64_t)tyto_clock_unix_ns();
    envelope.kind = TYTO_ENVELOPE_EVENT;
    envelope.body.event = *event;
    assert_int_equal(tyto_envelope_pack(&envelope, bytes, sizeof(bytes), &num_bytes), TYTO_OK);
    assert_int_equal(tyto_envelope_topic(&envelope, topic, sizeof(topic)), TYTO_OK);
    const struct tyto_journal_entry entry = {
        .envelope = &envelope, .topic = topic, .bytes = bytes, .num_bytes = num_bytes};
    assert_int_equal(tyto_journal_commit(rig->journal, &entry, 1, &fault), TYTO_OK);
}

static struct tyto_event put(struct rig *rig, const char *camera, int sound, int picture)
{
    const struct tyto_event event = make_event(rig, camera, sound, picture);
    commit(rig, &event);
    return event;
}

struct found {
    uint32_t num;
    char ids[MAX_FOUND][TYTO_ULID_CHARS + 1];
    float similarities[MAX_FOUND];
};

static bool take(void *user, const struct tyto_message *message, float similarity)
{
    struct found *found = user;
    assert_int_equal(message->kind, TYTO_MESSAGE_EVENT);
    memcpy(found->ids[found->num], message->u.event.id, sizeof(found->ids[0]));
    found->similarities[found->num++] = similarity;
    return true;
}

static struct found find(struct rig *rig, const struct tyto_query_likeness *likeness)
{
    struct found found = {0};
    const enum tyto_err err = tyto_query_find(rig->query, likeness, take, &found);
    if (err)
        fail_msg("%s: %s", tyto_err_text(err), tyto_query_error_text(rig->query));
    return found;
}

static int set_up(void **state)
{
    (void)state;
    static const char *const suffixes[] = {"", "-wal", "-shm", ".lock", ".reserve"};
    char name[128];
    for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
        snprintf(name, sizeof(name), "%s%s", path, suffixes[i]);
        (void)unlink(name);
    }
    return 0;
}

/* --- tests ------------------------------------------------------------------------------------ */

static void the_most_alike_come_first(void **state)
{
    (void)state;
    struct rig rig;
    start(&rig, 0);
    const struct tyto_event like = put(&rig, "yard", 3, 9);
    const struct tyto_event near = put(&rig, "yard", 3 + 20 * NUM, 30);
    const struct tyto_event same = put(&rig, "gate", 3, 40);
    (void)put(&rig, "yard", 5, 9 + 2);
    (void)put(&rig, "yard", -1, -1);
    const struct tyto_event both = put(&rig, "gate", 3, 9);
    struct tyto_query_likeness likeness = {.like = like.embeddings, .but_id = like.id};
    struct found found = find(&rig, &likeness);
    assert_int_equal(found.num, 3);
    assert_string_equal(found.ids[0], both.id);
    assert_true(found.similarities[0] > 0.999f);
    assert_string_equal(found.ids[1], same.id);
    assert_true(found.similarities[1] > 0.499f && found.similarities[1] < 0.501f);
    assert_string_equal(found.ids[2], near.id);
    likeness.like.has_picture = false;
    likeness.filter.limit = 2;
    found = find(&rig, &likeness);
    assert_int_equal(found.num, 2);
    assert_true(found.similarities[1] > 0.999f);
    stop(&rig);
}

static void a_sound_finds_pictures(void **state)
{
    (void)state;
    struct rig rig;
    start(&rig, 0);
    const struct tyto_event picture = put(&rig, "yard", 50, 3);
    (void)put(&rig, "yard", 3, 50);
    (void)put(&rig, "yard", 3, -1);
    struct tyto_query_likeness likeness = {.among = TYTO_AMONG_PICTURES};
    likeness.like.space = SPACE;
    likeness.like.has_sound = true;
    point(likeness.like.sound, 3);
    struct found found = find(&rig, &likeness);
    assert_int_equal(found.num, 1);
    assert_string_equal(found.ids[0], picture.id);
    likeness.like.space = SPACE + 1; /* of another model */
    assert_int_equal(find(&rig, &likeness).num, 0);
    likeness.like.has_picture = true; /* which of both is to be held against pictures? */
    assert_int_equal(tyto_query_find(rig.query, &likeness, take, &found), TYTO_ERR_INVALID);
    stop(&rig);
}

static void filters_hold_and_the_same_moment_is_left_out(void **state)
{
    (void)state;
    struct rig rig;
    const char *cameras[] = {"gate"}, *classes[] = {"cat"};
    start(&rig, 0);
    const struct tyto_event like = put(&rig, "yard", 1, 1);
    struct tyto_event beside = make_event(&rig, "yard", 1, 1);
    beside.begin_unix_ns = like.begin_unix_ns + (int64_t)TYTO_NS_PER_S;
    commit(&rig, &beside);
    const struct tyto_event later = put(&rig, "yard", 1, 1);
    const struct tyto_event gate = put(&rig, "gate", 1, 1);
    struct tyto_query_likeness likeness = {.like = like.embeddings, .but_id = like.id};
    assert_int_equal(find(&rig, &likeness).num, 2);
    likeness.filter.cameras = cameras;
    likeness.filter.num_cameras = 1;
    struct found found = find(&rig, &likeness);
    assert_int_equal(found.num, 1);
    assert_string_equal(found.ids[0], gate.id);
    likeness.filter = (struct tyto_query_filter){.to_unix_ns = gate.begin_unix_ns};
    found = find(&rig, &likeness);
    assert_int_equal(found.num, 1);
    assert_string_equal(found.ids[0], later.id);
    likeness.filter = (struct tyto_query_filter){.classes = classes, .num_classes = 1};
    assert_int_equal(find(&rig, &likeness).num, 0);
    stop(&rig);
}

static void what_is_taken_back_or_pruned_is_not_found(void **state)
{
    (void)state;
    struct rig rig;
    start(&rig, 20);
    struct tyto_event wrong = put(&rig, "yard", 1, 1);
    struct tyto_query_likeness likeness = {.like = wrong.embeddings};
    assert_int_equal(find(&rig, &likeness).num, 1);
    wrong.phase = TYTO_EVENT_PHASE_RETRACTED;
    commit(&rig, &wrong);
    assert_int_equal(find(&rig, &likeness).num, 0);
    for (int i = 0; i < 40; i++)
        (void)put(&rig, "yard", 1, 1);
    assert_int_equal(find(&rig, &likeness).num, 40);
    while (tyto_journal_tend(rig.journal)) {
    }
    assert_int_equal(find(&rig, &likeness).num, 20);
    stop(&rig);
}

/* As an earlier version has left it. */
static void a_journal_without_embeddings_gets_a_place_for_them(void **state)
{
    (void)state;
    struct rig rig;
    sqlite3 *db = NULL;
    start(&rig, 0);
    (void)put(&rig, "yard", 1, 1);
    stop(&rig);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "DROP TABLE embeddings", NULL, NULL, NULL), SQLITE_OK);
    struct tyto_journal_reader *reader = NULL;
    struct tyto_fault fault;
    struct tyto_journal_likeness likeness = {.max = 5};
    point(likeness.like.sound, 1);
    likeness.like.space = SPACE;
    likeness.like.has_sound = true;
    assert_int_equal(tyto_journal_reader_open(path, &reader, &fault), TYTO_OK);
    assert_int_equal(tyto_journal_find_alike(reader, &likeness, NULL, NULL), TYTO_OK);
    tyto_journal_reader_close(&reader);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    start(&rig, 0);
    rig.seq = tyto_journal_last_seq(rig.journal);
    const struct tyto_event event = put(&rig, "yard", 1, 1);
    const struct tyto_query_likeness asked = {.like = event.embeddings};
    assert_int_equal(find(&rig, &asked).num, 1);
    stop(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(the_most_alike_come_first, set_up),
        cmocka_unit_test_setup(a_sound_finds_pictures, set_up),
        cmocka_unit_test_setup(filters_hold_and_the_same_moment_is_left_out, set_up),
        cmocka_unit_test_setup(what_is_taken_back_or_pruned_is_not_found, set_up),
        cmocka_unit_test_setup(a_journal_without_embeddings_gets_a_place_for_them, set_up),
    };
    if (!mkdtemp(folder))
        return 1;
    snprintf(path, sizeof(path), "%s/journal", folder);
    snprintf(query_endpoint, sizeof(query_endpoint), "ipc://%s/query", folder);
    const int status = cmocka_run_group_tests(tests, NULL, NULL);
    (void)set_up(NULL);
    char name[128];
    snprintf(name, sizeof(name), "%s/query", folder);
    (void)unlink(name);
    (void)rmdir(folder);
    return status;
}
