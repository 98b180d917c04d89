/* SPDX-License-Identifier: MIT */
/* How long the page takes to count what other thresholds would have given over a week of kept
 * scores: bench_week [NUM_CAMERAS] (4). 56 classes, a segment a second, through the query socket,
 * as tyto serve does it. By hand: it takes a minute and more. */
#include <glib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/random.h"
#include "daemon/journal/journal.h"
#include "daemon/publish/publisher.h"
#include "daemon/query/query.h"
#include "daemon/scores/keep.h"
#include "web/thresholds/tally.h"

enum { NUM_CLASSES = 56, MAX_CAMERAS = 16, WEEK_S = 7 * 24 * 3600 };
#define SECOND ((int64_t)TYTO_NS_PER_S)

struct bench {
    char folder[64], path[96], endpoint[108], query_endpoint[108];
    char ids[MAX_CAMERAS][16];
    uint32_t num_cameras;
    char class_names[NUM_CLASSES][16];
    const char *names[NUM_CLASSES];
    struct tyto_journal *journal;
    struct tyto_publisher *publisher;
    struct tyto_query_server *server;
    struct tyto_tally *tally;
    GMainLoop *loop;
    enum tyto_err err;
    struct tyto_fault fault;
};

static void tell_hello(void *user, struct tyto_hello *ret_hello)
{
    tyto_publisher_get_hello(user, ret_hello);
}

static void drop_event(void *user, const struct tyto_event *event)
{
    (void)user;
    (void)event;
}

static void put_row(void *user, struct tyto_journal_scores *row)
{
    struct bench *bench = user;
    struct tyto_journal_scores *rows[] = {row};
    if (!bench->err)
        bench->err = tyto_journal_put_scores(bench->journal, rows, 1, &bench->fault);
    tyto_journal_scores_free(&row);
}

static struct tyto_tracker *make_tracker(const struct bench *bench, const char *camera)
{
    const struct tyto_tracker_params params = {.onset_num = 1};
    const struct tyto_tracker_context context = {.camera = camera,
                                                 .num_classes = NUM_CLASSES,
                                                 .class_names = bench->names,
                                                 .model_digest = "abc",
                                                 .hop_ns = SECOND,
                                                 .sink = drop_event};
    struct tyto_tracker *tracker = NULL;
    return tyto_tracker_create(&params, &context, &tracker) == TYTO_OK ? tracker : NULL;
}

/* Quiet, but for a class that comes for some seconds every now and then. */
static void draw(float scores[3 * NUM_CLASSES], uint32_t second, uint64_t *chance)
{
    for (int i = 0; i < 3 * NUM_CLASSES; i++)
        scores[i] = tyto_random_share(chance) < 0.05 ? 0.1f : 0.002f;
    const uint32_t class_idx = second / 60 * 7 % NUM_CLASSES;
    for (uint32_t task = 0; task < 3 && second % 60 < 8; task++)
        scores[task * NUM_CLASSES + class_idx] = 0.3f + 0.65f * (float)tyto_random_share(chance);
}

static void fill(struct bench *bench, struct tyto_score_gatherer *gatherer, const char *camera,
                 int64_t begin_unix_ns)
{
    struct tyto_tracker *tracker = make_tracker(bench, camera);
    uint64_t chance = 1;
    float scores[3 * NUM_CLASSES];
    bench->err = tracker ? bench->err : TYTO_ERR_NOMEM;
    for (uint32_t second = 0; !bench->err && second < WEEK_S; second++) {
        draw(scores, second, &chance);
        const struct tyto_evidence evidence = {.has_audio = true,
                                               .has_video = true,
                                               .has_heard_seen = true,
                                               .joint = scores,
                                               .heard = scores + NUM_CLASSES,
                                               .seen = scores + 2 * (size_t)NUM_CLASSES,
                                               .weight_audio = 0.5f,
                                               .weight_visual = 0.5f};
        const struct tyto_scored_segment segment = {.camera = camera,
                                                    .begin_ns = second * SECOND,
                                                    .end_ns = (second + 1) * SECOND,
                                                    .unix_offset_ns = begin_unix_ns,
                                                    .evidence = &evidence,
                                                    .num_classes = NUM_CLASSES,
                                                    .class_names = bench->names,
                                                    .tracker = tracker};
        tyto_score_gatherer_take(gatherer, &segment);
    }
    tyto_score_gatherer_break(gatherer, camera);
    tyto_tracker_destroy(&tracker);
}

static enum tyto_err fill_all(struct bench *bench, int64_t begin_unix_ns)
{
    const struct tyto_score_gatherer_params params = {
        .hand_on = put_row, .user = bench, .max_cameras = MAX_CAMERAS};
    const struct tyto_journal_params kept = {.path = bench->path, .max_score_bytes = 1ull << 40};
    struct tyto_score_gatherer *gatherer = NULL;
    for (int k = 0; k < NUM_CLASSES; k++) {
        snprintf(bench->class_names[k], sizeof(bench->class_names[k]), "class%d", k);
        bench->names[k] = bench->class_names[k];
    }
    enum tyto_err err = tyto_journal_open(&kept, &bench->journal, &bench->fault);
    if (!err)
        err = tyto_score_gatherer_create(&params, &gatherer);
    for (uint32_t i = 0; !err && !bench->err && i < bench->num_cameras; i++) {
        snprintf(bench->ids[i], sizeof(bench->ids[i]), "camera%u", i % MAX_CAMERAS);
        fill(bench, gatherer, bench->ids[i], begin_unix_ns);
    }
    tyto_score_gatherer_destroy(&gatherer);
    return err ? err : bench->err;
}

static enum tyto_err serve(struct bench *bench)
{
    const char *endpoints[] = {bench->endpoint}, *query_endpoints[] = {bench->query_endpoint};
    const struct tyto_publisher_params published = {.endpoints = endpoints,
                                                    .num_endpoints = 1,
                                                    .query_endpoints = query_endpoints,
                                                    .num_query_endpoints = 1,
                                                    .heartbeat_ms = 200,
                                                    .journal = bench->journal,
                                                    .version = "bench"};
    const enum tyto_err err = tyto_publisher_create(&published, &bench->publisher, &bench->fault);
    const struct tyto_query_server_params asked = {.endpoints = query_endpoints,
                                                   .num_endpoints = 1,
                                                   .journal_path = bench->path,
                                                   .hello = tell_hello,
                                                   .user = bench->publisher};
    return err ? err : tyto_query_server_create(&asked, &bench->server, &bench->fault);
}

static void on_change(void *user)
{
    struct bench *bench = user;
    struct tyto_json *json = tyto_tally_view(bench->tally, false);
    const char *state = tyto_json_string(tyto_json_get(json, "state"));
    if (state && strcmp(state, "counting") != 0) {
        bench->err = strcmp(state, "done") == 0 ? TYTO_OK : TYTO_ERR_IO;
        g_main_loop_quit(bench->loop);
    }
    tyto_json_destroy(&json);
}

static uint64_t cpu_ns(void)
{
    struct timespec now = {0};
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (uint64_t)now.tv_sec * TYTO_NS_PER_S + (uint64_t)now.tv_nsec;
}

static void count(struct bench *bench, int64_t begin_unix_ns)
{
    const struct tyto_tally_source source = {.endpoint = bench->endpoint};
    const char *cameras[MAX_CAMERAS];
    struct rusage usage = {0};
    const uint64_t begin_ns = tyto_clock_mono_ns(), begin_cpu_ns = cpu_ns();
    for (uint32_t i = 0; i < bench->num_cameras; i++)
        cameras[i] = bench->ids[i];
    bench->loop = g_main_loop_new(NULL, FALSE);
    bench->tally = tyto_tally_new(&source, on_change, bench);
    bench->err = tyto_tally_start(bench->tally, cameras, bench->num_cameras, begin_unix_ns);
    if (!bench->err)
        g_main_loop_run(bench->loop);
    const uint64_t end_ns = tyto_clock_mono_ns(), end_cpu_ns = cpu_ns();
    const uint64_t view_ns = tyto_clock_mono_ns();
    struct tyto_json *json = tyto_tally_view(bench->tally, true);
    const double view_ms = (double)(tyto_clock_mono_ns() - view_ns) / (double)TYTO_NS_PER_MS;
    tyto_json_destroy(&json);
    (void)getrusage(RUSAGE_SELF, &usage);
    printf("a week of %u cameras, %d classes, 25 steps: %.0f ms, %.0f ms of processor time, both "
           "sides; told in %.1f ms; %ld KiB at most\n",
           bench->num_cameras, NUM_CLASSES, (double)(end_ns - begin_ns) / 1e6,
           (double)(end_cpu_ns - begin_cpu_ns) / 1e6, view_ms, usage.ru_maxrss);
    tyto_tally_free(bench->tally);
    g_main_loop_unref(bench->loop);
}

static void clear(struct bench *bench)
{
    static const char *const names[] = {"journal",      "journal-wal",     "journal-shm",
                                        "journal.lock", "journal.reserve", "events",
                                        "query"};
    char name[128];
    (void)tyto_query_server_destroy(&bench->server);
    (void)tyto_publisher_destroy(&bench->publisher);
    tyto_journal_close(&bench->journal);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        snprintf(name, sizeof(name), "%s/%s", bench->folder, names[i]);
        (void)unlink(name);
    }
    (void)rmdir(bench->folder);
}

int main(int argc, char **argv)
{
    static struct bench bench = {.folder = "/tmp/tyto-week-XXXXXX"};
    const unsigned long num = argc > 1 ? strtoul(argv[1], NULL, 10) : 4;
    if (num < 1 || num > MAX_CAMERAS || !mkdtemp(bench.folder))
        return 2;
    bench.num_cameras = (uint32_t)num;
    snprintf(bench.path, sizeof(bench.path), "%s/journal", bench.folder);
    snprintf(bench.endpoint, sizeof(bench.endpoint), "ipc://%s/events", bench.folder);
    snprintf(bench.query_endpoint, sizeof(bench.query_endpoint), "ipc://%s/query", bench.folder);
    const int64_t begin_unix_ns = (int64_t)tyto_clock_unix_ns() - WEEK_S * SECOND;
    enum tyto_err err = fill_all(&bench, begin_unix_ns);
    if (!err)
        err = serve(&bench);
    if (!err)
        count(&bench, begin_unix_ns);
    err = err ? err : bench.err;
    if (err)
        fprintf(stderr, "bench_week: %s %s\n", tyto_err_text(err), bench.fault.text);
    clear(&bench);
    return !err ? 0 : 1;
}
