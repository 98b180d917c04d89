/* SPDX-License-Identifier: MIT */
/* What the journal costs, in one run: events that can be committed in a second, how late a
 * subscriber hears of one with and without a journal, bytes of an event on the disk, and how long a
 * replay of 100,000 takes. bench_journal [FOLDER]: where the journals lie meanwhile. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "client/query.h"
#include "client/tyto.h"
#include "daemon/journal/journal.h"
#include "daemon/publish/publisher.h"
#include "daemon/query/query.h"

enum {
    NUM_EVENTS = 100000,
    NUM_SYNCED = 20000,
    NUM_TIMED = 1000,
    TIMED_EVERY_US = 5000,
    WAIT_S = 300,
};

static char folder[512], path[600], endpoint[108], query_endpoint[108];

static void fail(const char *what, const struct tyto_fault *fault)
{
    fprintf(stderr, "bench_journal: %s%s%s\n", what, fault ? ": " : "", fault ? fault->text : "");
    _exit(1);
}

static void forget(void)
{
    static const char *const suffixes[] = {"", "-wal", "-shm", ".lock"};
    for (int i = 0; i < 4; i++) {
        char name[640];
        snprintf(name, sizeof(name), "%s%s", path, suffixes[i]);
        (void)unlink(name);
    }
}

static struct tyto_journal *open_journal(bool is_synced)
{
    const struct tyto_journal_params params = {.path = path, .is_synced = is_synced};
    struct tyto_journal *journal = NULL;
    struct tyto_fault fault = {.text = ""};
    if (tyto_journal_open(&params, &journal, &fault) != TYTO_OK)
        fail("no journal", &fault);
    return journal;
}

static struct tyto_publisher *start(struct tyto_journal *journal)
{
    const char *endpoints[] = {endpoint};
    const struct tyto_publisher_params params = {
        .endpoints = endpoints, .num_endpoints = 1, .journal = journal};
    struct tyto_publisher *publisher = NULL;
    struct tyto_fault fault = {.text = ""};
    if (tyto_publisher_create(&params, &publisher, &fault) != TYTO_OK)
        fail("no publisher", &fault);
    return publisher;
}

/* NEW and END in turn, with what an event of ten seconds holds. */
static void publish(struct tyto_publisher *publisher, struct tyto_event *event, uint32_t i)
{
    if (i % 2 == 0) {
        memset(event, 0, sizeof(*event));
        snprintf(event->camera, sizeof(event->camera), "cam%u", i / 2 % 24);
        snprintf(event->class_name, sizeof(event->class_name), "dog");
        snprintf(event->model_digest, sizeof(event->model_digest), "%064d", 7);
        event->modality = TYTO_MODALITY_AV;
        event->place.rows = event->place.cols = 7;
        memset(event->place.cells, 90, 49);
        event->place.peak = 0.1f;
        if (tyto_event_id_make(tyto_clock_unix_ns(), event->id) != TYTO_OK)
            fail("no id", NULL);
        event->num_segments = 4;
    }
    const bool is_end = i % 2 == 1;
    event->phase = is_end ? TYTO_EVENT_PHASE_END : TYTO_EVENT_PHASE_NEW;
    event->reason = is_end ? TYTO_EVENT_REASON_OFFSET : TYTO_EVENT_REASON_ONSET;
    event->rev = i % 2;
    event->has_end = is_end;
    event->num_segments = is_end ? 12 : 4;
    event->begin_unix_ns = (int64_t)tyto_clock_unix_ns(); /* here: when it was handed in */
    event->end_unix_ns = event->begin_unix_ns;
    if (tyto_publisher_event(publisher, event) != TYTO_OK)
        fail("an event was not taken", NULL);
}

static double seconds_since(uint64_t begin_ns)
{
    return (double)(tyto_clock_mono_ns() - begin_ns) / (double)TYTO_NS_PER_S;
}

static void commit_all(struct tyto_publisher *publisher, uint32_t num)
{
    struct tyto_event event;
    struct tyto_publisher_counts counts;
    const uint64_t begin_ns = tyto_clock_mono_ns();
    for (uint32_t i = 0; i < num; i++)
        publish(publisher, &event, i);
    do {
        usleep(500);
        tyto_publisher_get_counts(publisher, &counts);
        if (seconds_since(begin_ns) > WAIT_S)
            fail("they are not committed in time", NULL);
    } while (counts.journal.num_committed < num);
    const double took_s = seconds_since(begin_ns);
    printf("journal: %u messages in %.2f s, %.0f/s, %.0f to a commit\n", num, took_s, num / took_s,
           (double)counts.journal.num_committed / (double)counts.journal.num_commits);
    while (counts.last_seq < num && seconds_since(begin_ns) < WAIT_S) { /* and published */
        usleep(1000);
        tyto_publisher_get_counts(publisher, &counts);
    }
}

/* --- replay ----------------------------------------------------------------------------------- */

static void tell_hello(void *user, struct tyto_hello *ret_hello)
{
    tyto_publisher_get_hello(user, ret_hello);
}

static bool count_one(void *user, const struct tyto_message *message)
{
    *(uint64_t *)user += message->kind == TYTO_MESSAGE_EVENT;
    return true;
}

static void replay_all(struct tyto_publisher *publisher)
{
    const char *endpoints[] = {query_endpoint};
    const struct tyto_query_server_params params = {.endpoints = endpoints,
                                                    .num_endpoints = 1,
                                                    .journal_path = path,
                                                    .hello = tell_hello,
                                                    .user = publisher};
    const struct tyto_query_params asking = {.query_endpoint = query_endpoint, .timeout_ms = 60000};
    const struct tyto_query_range range = {.from_seq = 1, .to_seq = NUM_EVENTS};
    struct tyto_query_server *server = NULL;
    struct tyto_query *query = NULL;
    struct tyto_fault fault = {.text = ""};
    uint64_t num = 0, next_seq = 0, num_missing = 0;
    if (tyto_query_server_create(&params, &server, &fault) != TYTO_OK)
        fail("no query socket", &fault);
    if (tyto_query_create(&asking, &query) != TYTO_OK)
        fail("nobody to ask", NULL);
    const uint64_t begin_ns = tyto_clock_mono_ns();
    if (tyto_query_replay(query, &range, count_one, &num, &next_seq, &num_missing) != TYTO_OK ||
        num != NUM_EVENTS || num_missing > 0)
        fail("a replay that is not whole", NULL);
    const double took_s = seconds_since(begin_ns);
    printf("replay: %llu messages in %.2f s, %.0f/s\n", (unsigned long long)num, took_s,
           (double)num / took_s);
    tyto_query_destroy(&query);
    (void)tyto_query_server_destroy(&server);
}

static void tell_size(uint32_t num)
{
    struct stat stat_of;
    if (stat(path, &stat_of) != 0)
        fail("no file", NULL);
    printf("size: %.1f MB, %.0f bytes a message\n", (double)stat_of.st_size / 1e6,
           (double)stat_of.st_size / num);
}

/* --- how late --------------------------------------------------------------------------------- */

struct listening {
    struct tyto_client *client;
    uint32_t num;
    uint64_t lates_ns[NUM_TIMED];
};

static void *listen_to_all(void *user)
{
    static struct tyto_message message;
    struct listening *listening = user;
    const uint64_t begin_ns = tyto_clock_mono_ns();
    while (listening->num < NUM_TIMED && seconds_since(begin_ns) < WAIT_S) {
        if (tyto_client_next(listening->client, 100, &message) == TYTO_OK &&
            message.kind == TYTO_MESSAGE_EVENT)
            listening->lates_ns[listening->num++] =
                tyto_clock_unix_ns() - (uint64_t)message.u.event.begin_unix_ns;
    }
    return NULL;
}

static int compare(const void *a, const void *b)
{
    const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

static void time_all(struct tyto_publisher *publisher, const char *with)
{
    static struct listening listening;
    const struct tyto_client_params params = {.endpoint = endpoint};
    struct tyto_publisher_counts counts = {.num_subscriptions = 0};
    struct tyto_event event;
    pthread_t thread;
    memset(&listening, 0, sizeof(listening));
    if (tyto_client_create(&params, &listening.client) != TYTO_OK ||
        pthread_create(&thread, NULL, listen_to_all, &listening) != 0)
        fail("no subscriber", NULL);
    for (int i = 0; i < 20000 && counts.num_subscriptions < 5; i++) {
        usleep(1000);
        tyto_publisher_get_counts(publisher, &counts);
    }
    for (uint32_t i = 0; i < NUM_TIMED; i++) {
        usleep(TIMED_EVERY_US);
        publish(publisher, &event, i);
    }
    pthread_join(thread, NULL);
    tyto_client_destroy(&listening.client);
    if (listening.num < NUM_TIMED)
        fail("some did not arrive", NULL);
    qsort(listening.lates_ns, NUM_TIMED, sizeof(listening.lates_ns[0]), compare);
    printf("from handing in to the subscriber, %s: p50 %.2f ms, p99 %.2f ms, at most %.2f ms\n",
           with, (double)listening.lates_ns[NUM_TIMED / 2] / 1e6,
           (double)listening.lates_ns[NUM_TIMED * 99 / 100] / 1e6,
           (double)listening.lates_ns[NUM_TIMED - 1] / 1e6);
}

int main(int argc, char **argv)
{
    char made[] = "/tmp/tyto-bench-XXXXXX";
    (void)setvbuf(stdout, NULL, _IOLBF, 0);
    if (argc < 2 && !mkdtemp(made))
        return 1;
    snprintf(folder, sizeof(folder), "%s", argc > 1 ? argv[1] : made);
    snprintf(path, sizeof(path), "%s/journal", folder);
    snprintf(endpoint, sizeof(endpoint), "ipc:///tmp/tyto-bench-%ld.sock", (long)getpid());
    snprintf(query_endpoint, sizeof(query_endpoint), "%.80s.query", endpoint);

    struct tyto_publisher *publisher = start(NULL);
    time_all(publisher, "no journal");
    (void)tyto_publisher_destroy(&publisher);
    for (int is_synced = 0; is_synced < 2; is_synced++) {
        const uint32_t num = is_synced ? NUM_SYNCED : NUM_EVENTS;
        forget();
        struct tyto_journal *journal = open_journal(is_synced);
        publisher = start(journal);
        printf("%s\n", is_synced ? "sync: true" : "sync: false");
        commit_all(publisher, num);
        if (!is_synced)
            replay_all(publisher);
        time_all(publisher, is_synced ? "journal, synced" : "journal");
        (void)tyto_publisher_destroy(&publisher);
        tyto_journal_close(&journal);
        tell_size(num + NUM_TIMED);
    }
    forget();
    if (argc < 2)
        (void)rmdir(made);
    return 0;
}
