/* SPDX-License-Identifier: MIT */
#include "tests/unit/daemon/journal_rig.h"

char folder[FOLDER_MAX], path[96], endpoint[96], query_endpoint[96];

static void tell_hello(void *user, struct tyto_hello *ret_hello)
{
    tyto_publisher_get_hello(user, ret_hello);
}

static uint32_t take_waiting(void *user, uint64_t from_seq, struct tyto_outgoing **ret_outgoing,
                             uint32_t max)
{
    return tyto_publisher_take_waiting(user, from_seq, ret_outgoing, max);
}

struct tyto_journal *open_journal(uint64_t max_messages)
{
    const struct tyto_journal_params params = {.path = path, .max_messages = max_messages};
    struct tyto_journal *journal = NULL;
    struct tyto_fault fault;
    if (tyto_journal_open(&params, &journal, &fault) != TYTO_OK)
        fail_msg("%s: %s", fault.file, fault.text);
    return journal;
}

struct tyto_publisher *start_publisher(struct tyto_journal *journal)
{
    const char *endpoints[] = {endpoint};
    const struct tyto_publisher_params params = {.endpoints = endpoints,
                                                 .num_endpoints = 1,
                                                 .heartbeat_ms = 100,
                                                 .journal = journal,
                                                 .version = "test"};
    struct tyto_publisher *publisher = NULL;
    struct tyto_fault fault;
    if (tyto_publisher_create(&params, &publisher, &fault) != TYTO_OK)
        fail_msg("%s", fault.text);
    return publisher;
}

void start(struct rig *rig, uint64_t max_messages)
{
    const char *endpoints[] = {query_endpoint};
    struct tyto_fault fault;
    memset(rig, 0, sizeof(*rig));
    rig->journal = open_journal(max_messages);
    rig->publisher = start_publisher(rig->journal);
    const struct tyto_query_server_params params = {.endpoints = endpoints,
                                                    .num_endpoints = 1,
                                                    .journal_path = path,
                                                    .hello = tell_hello,
                                                    .take_waiting = take_waiting,
                                                    .user = rig->publisher};
    if (tyto_query_server_create(&params, &rig->server, &fault) != TYTO_OK)
        fail_msg("%s", fault.text);
    tyto_publisher_set_query(rig->publisher, endpoints, 1);
    const struct tyto_query_params asking = {.query_endpoint = query_endpoint, .timeout_ms = 20000};
    assert_int_equal(tyto_query_create(&asking, &rig->query), TYTO_OK);
}

void stop(struct rig *rig)
{
    tyto_query_destroy(&rig->query);
    assert_true(tyto_query_server_destroy(&rig->server));
    assert_true(tyto_publisher_destroy(&rig->publisher));
    tyto_journal_close(&rig->journal);
}

struct tyto_event make_event(const char *camera, const char *class_name, int64_t begin_s)
{
    struct tyto_event event = {.phase = TYTO_EVENT_PHASE_NEW,
                               .reason = TYTO_EVENT_REASON_ONSET,
                               .modality = TYTO_MODALITY_AV,
                               .begin_unix_ns = begin_s * (int64_t)TYTO_NS_PER_S};
    snprintf(event.camera, sizeof(event.camera), "%s", camera);
    snprintf(event.class_name, sizeof(event.class_name), "%s", class_name);
    assert_int_equal(tyto_event_id_make(tyto_clock_unix_ns(), event.id), TYTO_OK);
    return event;
}

void publish(struct rig *rig, const struct tyto_event *event)
{
    assert_int_equal(tyto_publisher_event(rig->publisher, event), TYTO_OK);
}

struct tyto_event publish_whole(struct rig *rig, const char *camera, const char *class_name,
                                int64_t begin_s)
{
    struct tyto_event event = make_event(camera, class_name, begin_s);
    publish(rig, &event);
    event.phase = TYTO_EVENT_PHASE_END;
    event.reason = TYTO_EVENT_REASON_OFFSET;
    event.rev++;
    event.has_end = true;
    event.end_unix_ns = event.begin_unix_ns + 2 * (int64_t)TYTO_NS_PER_S;
    publish(rig, &event);
    return event;
}

void wait_until_sent(struct rig *rig, uint64_t seq)
{
    struct tyto_publisher_counts counts;
    for (int i = 0; i < 2000; i++) {
        tyto_publisher_get_counts(rig->publisher, &counts);
        if (counts.last_seq >= seq && counts.journal.num_waiting == 0)
            return;
        usleep(10000);
    }
    fail_msg("only %llu of %llu are sent", (unsigned long long)counts.last_seq,
             (unsigned long long)seq);
}

bool take(void *user, const struct tyto_message *message)
{
    struct taken *taken = user;
    if (taken->num < MAX_TAKEN)
        taken->seqs[taken->num] = message->seq;
    if (message->kind == TYTO_MESSAGE_EVENT && taken->num == 0)
        taken->first = message->u.event;
    if (message->kind == TYTO_MESSAGE_EVENT)
        taken->last = message->u.event;
    taken->num++;
    return taken->max == 0 || taken->num < taken->max;
}

struct taken replay(struct rig *rig, uint64_t from_seq, uint64_t to_seq, const char *prefix,
                    uint64_t *ret_num_missing)
{
    static struct taken taken;
    const struct tyto_query_range range = {.from_seq = from_seq,
                                           .to_seq = to_seq,
                                           .prefixes = &prefix,
                                           .num_prefixes = prefix != NULL};
    uint64_t next_seq = 0;
    memset(&taken, 0, sizeof(taken));
    const enum tyto_err err =
        tyto_query_replay(rig->query, &range, take, &taken, &next_seq, ret_num_missing);
    if (err)
        fail_msg("%s: %s", tyto_err_text(err), tyto_query_error_text(rig->query));
    return taken;
}

static void forget_all(void)
{
    char name[128];
    static const char *const suffixes[] = {"", "-wal", "-shm", ".lock", ".reserve", ".damaged"};
    for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
        snprintf(name, sizeof(name), "%s%s", path, suffixes[i]);
        (void)unlink(name);
    }
}

int set_up(void **state)
{
    (void)state;
    forget_all();
    return 0;
}

int make_folder(void **state)
{
    (void)state;
    if (folder_make(folder, "journal") != 0)
        return 1;
    snprintf(path, sizeof(path), "%s/events.journal", folder);
    snprintf(endpoint, sizeof(endpoint), "ipc://%s/events.sock", folder);
    snprintf(query_endpoint, sizeof(query_endpoint), "ipc://%s/query.sock", folder);
    return 0;
}

int remove_folder(void **state)
{
    (void)state;
    return folder_remove(folder);
}
