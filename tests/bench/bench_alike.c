/* SPDX-License-Identifier: MIT */
/* How long a client waits until tytod has held one event's embeddings against those of 100,000
 * others in its journal, through the query socket: best, median and worst of 20, and the processor
 * time of both sides together, which is what there is to say on a busy machine. Fails where the
 * best of that is over 50 ms. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/random.h"
#include "client/query.h"
#include "daemon/journal/journal.h"
#include "daemon/query/query.h"

enum { NUM_EVENTS = 100000, NUM_RUNS = 20, NUM_CAMERAS = 10, FOUND = 10, GROUP = 1000 };

struct bench {
    char folder[64], path[96], endpoint[96];
    struct tyto_journal *journal;
    struct tyto_query_server *server;
    struct tyto_query *query;
    struct tyto_embeddings like;
    uint32_t num_found;
    struct tyto_fault fault;
};

static struct tyto_envelope envelopes[GROUP];
static uint8_t bytes[GROUP][TYTO_ENVELOPE_MAX_BYTES];
static char topics[GROUP][TYTO_TOPIC_MAX_BYTES];
static struct tyto_journal_entry entries[GROUP];

static void tell_hello(void *user, struct tyto_hello *ret_hello)
{
    (void)user;
    *ret_hello = (struct tyto_hello){.schema_major = 1};
}

static void fill(int8_t values[TYTO_EMBEDDING_NUM], uint64_t *chance)
{
    for (int i = 0; i < TYTO_EMBEDDING_NUM; i++)
        values[i] = (int8_t)(254 * tyto_random_share(chance) - 127);
}

/* As large as most are: ten seconds' scores, a map of 7 x 12. */
static void make_event(struct tyto_envelope *envelope, uint64_t seq, uint64_t *chance)
{
    struct tyto_event *event = &envelope->body.event;
    memset(envelope, 0, sizeof(*envelope));
    envelope->seq = envelope->cam_seq = envelope->class_seq = seq;
    envelope->publish_unix_ns = (int64_t)tyto_clock_unix_ns();
    envelope->kind = TYTO_ENVELOPE_EVENT;
    event->phase = TYTO_EVENT_PHASE_END;
    event->reason = TYTO_EVENT_REASON_OFFSET;
    event->modality = TYTO_MODALITY_AV;
    event->has_end = true;
    event->begin_unix_ns = (int64_t)(seq * TYTO_NS_PER_S);
    event->end_unix_ns = event->begin_unix_ns + 1;
    event->num_segments = 10;
    event->place = (struct tyto_place_map){.rows = 7, .cols = 12, .peak = 0.1f};
    snprintf(event->camera, sizeof(event->camera), "camera%d", (int)(seq % NUM_CAMERAS));
    snprintf(event->class_name, sizeof(event->class_name), "class%d", (int)(seq % 56));
    (void)!tyto_event_id_make((uint64_t)event->begin_unix_ns, event->id);
    event->embeddings =
        (struct tyto_embeddings){.space = 1, .has_sound = true, .has_picture = true};
    fill(event->embeddings.sound, chance);
    fill(event->embeddings.picture, chance);
}

static enum tyto_err fill_journal(struct bench *bench)
{
    uint64_t chance = 1;
    enum tyto_err err = TYTO_OK;
    for (uint64_t seq = 1; !err && seq <= NUM_EVENTS; seq += GROUP) {
        for (uint64_t i = 0; !err && i < GROUP; i++) {
            struct tyto_journal_entry *entry = &entries[i];
            make_event(&envelopes[i], seq + i, &chance);
            *entry = (struct tyto_journal_entry){
                .envelope = &envelopes[i], .topic = topics[i], .bytes = bytes[i]};
            err = tyto_envelope_pack(&envelopes[i], bytes[i], sizeof(bytes[i]), &entry->num_bytes);
            if (!err)
                err = tyto_envelope_topic(&envelopes[i], topics[i], sizeof(topics[i]));
        }
        if (!err)
            err = tyto_journal_commit(bench->journal, entries, GROUP, &bench->fault);
        (void)tyto_journal_tend(bench->journal);
    }
    bench->like = envelopes[0].body.event.embeddings;
    return err;
}

static enum tyto_err start(struct bench *bench)
{
    const char *endpoints[] = {bench->endpoint};
    const struct tyto_journal_params params = {.path = bench->path};
    const struct tyto_query_server_params serving = {.endpoints = endpoints,
                                                     .num_endpoints = 1,
                                                     .journal_path = bench->path,
                                                     .hello = tell_hello};
    const struct tyto_query_params asking = {.query_endpoint = bench->endpoint,
                                             .timeout_ms = 20000};
    enum tyto_err err = tyto_journal_open(&params, &bench->journal, &bench->fault);
    if (!err)
        err = fill_journal(bench);
    if (!err)
        err = tyto_query_server_create(&serving, &bench->server, &bench->fault);
    if (!err)
        err = tyto_query_create(&asking, &bench->query);
    return err;
}

static bool take(void *user, const struct tyto_message *message, float similarity)
{
    struct bench *bench = user;
    bench->num_found += message->kind == TYTO_MESSAGE_EVENT && similarity > 0;
    return true;
}

static int compare(const void *a, const void *b)
{
    const double left = *(const double *)a, right = *(const double *)b;
    return left < right ? -1 : left > right;
}

/* Of all threads. */
static uint64_t cpu_ns(void)
{
    struct timespec now = {0};
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (uint64_t)now.tv_sec * TYTO_NS_PER_S + (uint64_t)now.tv_nsec;
}

static double ms_since(uint64_t begin_ns, uint64_t now_ns)
{
    return (double)(now_ns - begin_ns) / (double)TYTO_NS_PER_MS;
}

static enum tyto_err measure(struct bench *bench, double ret_ms[NUM_RUNS],
                             double ret_cpu_ms[NUM_RUNS])
{
    const struct tyto_query_likeness likeness = {.like = bench->like, .filter = {.limit = FOUND}};
    enum tyto_err err = TYTO_OK;
    for (int i = 0; !err && i < NUM_RUNS; i++) {
        const uint64_t begin_ns = tyto_clock_mono_ns(), begin_cpu_ns = cpu_ns();
        bench->num_found = 0;
        err = tyto_query_find(bench->query, &likeness, take, bench);
        ret_ms[i] = ms_since(begin_ns, tyto_clock_mono_ns());
        ret_cpu_ms[i] = ms_since(begin_cpu_ns, cpu_ns());
        usleep(600000); /* as many as it may ask */
    }
    qsort(ret_ms, NUM_RUNS, sizeof(ret_ms[0]), compare);
    qsort(ret_cpu_ms, NUM_RUNS, sizeof(ret_cpu_ms[0]), compare);
    return err;
}

static void clear(struct bench *bench)
{
    static const char *const suffixes[] = {"", "-wal", "-shm", ".lock", ".reserve"};
    char name[128];
    tyto_query_destroy(&bench->query);
    (void)tyto_query_server_destroy(&bench->server);
    tyto_journal_close(&bench->journal);
    for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
        snprintf(name, sizeof(name), "%s%s", bench->path, suffixes[i]);
        (void)unlink(name);
    }
    (void)unlink(bench->endpoint + strlen("ipc://"));
    (void)rmdir(bench->folder);
}

int main(void)
{
    static struct bench bench = {.folder = "/tmp/tyto-alike-XXXXXX"};
    double ms[NUM_RUNS], cpu_ms[NUM_RUNS];
    if (!mkdtemp(bench.folder))
        return 1;
    snprintf(bench.path, sizeof(bench.path), "%s/journal", bench.folder);
    snprintf(bench.endpoint, sizeof(bench.endpoint), "ipc://%s/query", bench.folder);
    enum tyto_err err = start(&bench);
    if (!err)
        err = measure(&bench, ms, cpu_ms);
    clear(&bench);
    if (err || bench.num_found != FOUND) {
        fprintf(stderr, "bench_alike: %s %s, %u found\n", tyto_err_text(err), bench.fault.text,
                bench.num_found);
        return 1;
    }
    printf("one event against %d in the journal: best %.1f, median %.1f, worst %.1f ms of %d; "
           "processor time best %.1f, median %.1f\n",
           NUM_EVENTS, ms[0], ms[NUM_RUNS / 2], ms[NUM_RUNS - 1], NUM_RUNS, cpu_ms[0],
           cpu_ms[NUM_RUNS / 2]);
    return cpu_ms[0] > 50;
}
