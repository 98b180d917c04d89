/* SPDX-License-Identifier: MIT */
#include "tests/unit/query/keys_world.h"

struct keys users[NUM_USERS], server_keys;
char folder[FOLDER_MAX], key_path[96], clients_path[96], journal_path[96], endpoint[108],
    query_endpoint[108];
struct tyto_access *access_to;
struct tyto_journal *journal;
struct tyto_publisher *publisher;
struct tyto_query_server *server;
char hall_event[TYTO_ULID_CHARS + 1], door_event[TYTO_ULID_CHARS + 1];

const struct tyto_log test_log = {.sink = tyto_log_stderr, .max_level = TYTO_LOG_INFO};

void write_clients(int num, int key)
{
    static const char *const rights[][3] = {{"viewer", "viewer", ""},
                                            {"door", "viewer", "ev/door/ st/door/"},
                                            {"dog", "viewer", "ev/door/dog/"},
                                            {"chief", "admin", ""}};
    FILE *file = fopen(clients_path, "we");
    assert_non_null(file);
    for (int i = 0; i < num; i++)
        assert_true(fprintf(file, "%s %s %s %s\n", rights[i][0], rights[i][1],
                            users[i == 0 ? key : i].public_key, rights[i][2]) > 0);
    assert_int_equal(fclose(file), 0);
}

static void tell_hello(void *user, struct tyto_hello *ret_hello)
{
    tyto_publisher_get_hello(user, ret_hello);
}

static void publish(const char *camera, const char *class_name, bool has_end, char *ret_id)
{
    struct tyto_event event = {.phase = TYTO_EVENT_PHASE_NEW,
                               .reason = TYTO_EVENT_REASON_ONSET,
                               .modality = TYTO_MODALITY_AV,
                               .begin_unix_ns = 1000 * (int64_t)TYTO_NS_PER_S};
    snprintf(event.camera, sizeof(event.camera), "%s", camera);
    snprintf(event.class_name, sizeof(event.class_name), "%s", class_name);
    assert_int_equal(tyto_event_id_make(tyto_clock_unix_ns(), event.id), TYTO_OK);
    memcpy(ret_id, event.id, sizeof(event.id));
    assert_int_equal(tyto_publisher_event(publisher, &event), TYTO_OK);
    if (!has_end)
        return;
    event.phase = TYTO_EVENT_PHASE_END;
    event.rev++;
    event.has_end = true;
    event.end_unix_ns = event.begin_unix_ns + 1;
    assert_int_equal(tyto_publisher_event(publisher, &event), TYTO_OK);
}

static void wait_until_sent(uint64_t seq)
{
    const uint64_t until_ns = tyto_clock_mono_ns() + WAIT_S * TYTO_NS_PER_S;
    struct tyto_publisher_counts counts;
    do {
        assert_true(tyto_clock_mono_ns() < until_ns);
        usleep(1000);
        tyto_publisher_get_counts(publisher, &counts);
    } while (counts.last_seq < seq);
}

void start_server(uint32_t bytes_per_s)
{
    const char *endpoints[] = {query_endpoint};
    struct tyto_fault fault = {.text = ""};
    const struct tyto_query_server_params params = {.endpoints = endpoints,
                                                    .num_endpoints = 1,
                                                    .journal_path = journal_path,
                                                    .hello = tell_hello,
                                                    .user = publisher,
                                                    .access = access_to,
                                                    .user_bytes_per_s = bytes_per_s,
                                                    .user_burst_bytes = bytes_per_s,
                                                    .log = &test_log};
    if (tyto_query_server_create(&params, &server, &fault) != TYTO_OK)
        fail_msg("%s", fault.text);
    tyto_publisher_set_query(publisher, endpoints, 1);
}

int make_world(void **state)
{
    (void)state;
    const char *endpoints[] = {endpoint};
    struct tyto_fault fault = {.text = ""};
    char id[TYTO_ULID_CHARS + 1];
    if (folder_make(folder, "keys") != 0)
        return 1;
    snprintf(key_path, sizeof(key_path), "%s/server.key", folder);
    snprintf(clients_path, sizeof(clients_path), "%s/clients", folder);
    snprintf(journal_path, sizeof(journal_path), "%s/journal", folder);
    snprintf(endpoint, sizeof(endpoint), "ipc://%s/events", folder);
    snprintf(query_endpoint, sizeof(query_endpoint), "ipc://%s/query", folder);
    for (int i = 0; i < NUM_USERS; i++)
        assert_int_equal(tyto_client_make_keys(users[i].public_key, users[i].secret_key), TYTO_OK);
    assert_int_equal(tyto_client_make_keys(server_keys.public_key, server_keys.secret_key),
                     TYTO_OK);
    assert_int_equal(tyto_key_file_write(key_path, true, server_keys.secret_key, &fault), TYTO_OK);
    write_clients(4, 0);
    const struct tyto_journal_params kept = {.path = journal_path};
    const struct tyto_publisher_params params = {.endpoints = endpoints,
                                                 .num_endpoints = 1,
                                                 .heartbeat_ms = 100,
                                                 .log = &test_log,
                                                 .version = "test"};
    struct tyto_publisher_params with = params;
    if (tyto_access_create(key_path, clients_path, &test_log, &access_to, &fault) != TYTO_OK ||
        tyto_journal_open(&kept, &journal, &fault) != TYTO_OK)
        fail_msg("%s", fault.text);
    with.journal = journal;
    with.access = access_to;
    if (tyto_publisher_create(&with, &publisher, &fault) != TYTO_OK)
        fail_msg("%s", fault.text);
    for (int i = 0; i < NUM_EACH; i++) {
        publish("hall", "cat", true, id);
        publish("door", "dog", true, door_event);
        publish("door", "cat", true, id);
    }
    publish("hall", "dog", false, hall_event);
    wait_until_sent(6 * NUM_EACH + 1);
    start_server(0);
    return 0;
}

int remove_world(void **state)
{
    (void)state;
    tyto_query_server_destroy(&server);
    tyto_publisher_destroy(&publisher);
    tyto_journal_close(&journal);
    tyto_access_destroy(&access_to);
    return folder_remove(folder);
}

enum tyto_err try_as(int user, struct tyto_query **ret_query, enum tyto_refusal *ret_refusal)
{
    const struct tyto_query_params params = {.endpoint = endpoint,
                                             .timeout_ms = WAIT_S * 1000,
                                             .server_key = server_keys.public_key,
                                             .secret_key = users[user].secret_key,
                                             .ret_refusal = ret_refusal};
    return tyto_query_create(&params, ret_query);
}

struct tyto_query *ask_as(int user)
{
    const uint64_t until_ns = tyto_clock_mono_ns() + WAIT_S * TYTO_NS_PER_S;
    struct tyto_query *query = NULL;
    enum tyto_err err = TYTO_ERR_UNSUPPORTED;
    while (err == TYTO_ERR_UNSUPPORTED && tyto_clock_mono_ns() < until_ns)
        err = try_as(user, &query, NULL);
    assert_int_equal(err, TYTO_OK);
    return query;
}

bool take(void *user, const struct tyto_message *message)
{
    struct taken *taken = user;
    assert_int_equal(message->kind, TYTO_MESSAGE_EVENT);
    taken->num++;
    taken->saw_hall |= strcmp(message->u.event.camera, "hall") == 0;
    taken->saw_other_than_dog |= strcmp(message->u.event.class_name, "dog") != 0;
    return true;
}

enum tyto_err replay(struct tyto_query *query, const char *prefix, struct taken *ret_taken)
{
    const struct tyto_query_range range = {
        .from_seq = 1, .prefixes = &prefix, .num_prefixes = prefix != NULL};
    uint64_t next_seq = 0, num_missing = 0;
    *ret_taken = (struct taken){.num = 0};
    const enum tyto_err err =
        tyto_query_replay(query, &range, take, ret_taken, &next_seq, &num_missing);
    if (!err) {
        assert_int_equal(next_seq, 6 * NUM_EACH + 2);
        assert_int_equal(num_missing, 0); /* what is withheld is there */
    }
    return err;
}
