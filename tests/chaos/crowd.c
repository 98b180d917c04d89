/* SPDX-License-Identifier: MIT */
/* One publisher with a journal and a query socket, 64 subscribers that are fast, one that is slow
 * and one that is stopped (SIGSTOP) until all is over, both made with libtyto's feed:
 *
 *   crowd FOLDER NUM_EVENTS EVERY_US
 *
 * FOLDER/events is the endpoint, for whoever wants to disturb; a line "ready" says when. Then it
 * publishes, and says in one line of words and numbers what came of it. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "client/feed.h"
#include "client/tyto.h"
#include "daemon/journal/journal.h"
#include "daemon/publish/publisher.h"
#include "daemon/query/query.h"

enum { NUM_READERS = 4, CLIENTS_EACH = 16, TOPICS_EACH = 5, QUIET_S = 60, SAMPLE_EVERY = 50 };
enum { FAST = NUM_READERS * CLIENTS_EACH, SLOW = NUM_READERS, STOPPED, NUM_CHILDREN };

struct report {
    uint64_t num_received, num_lost, num_doubled, late_p50_ns, late_p99_ns;
};

struct rig {
    struct tyto_journal *journal;
    struct tyto_publisher *publisher;
    struct tyto_query_server *server;
};

static char endpoint[160], query_endpoint[160], journal_path[160];
static uint64_t num_events;

static int compare(const void *a, const void *b)
{
    const uint64_t x = *(const uint64_t *)a;
    const uint64_t y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

/* --- subscribers, each a process ------------------------------------------------------------- */

/* Until each client has seen the last event, or nothing comes any more. */
static int read_fast(struct report *ret_report)
{
    static struct tyto_message message;
    struct tyto_client *clients[CLIENTS_EACH];
    const struct tyto_client_params params = {.endpoint = endpoint};
    const uint64_t num_wanted = num_events * CLIENTS_EACH;
    uint64_t *lates = calloc(num_wanted + 1, sizeof(*lates));
    uint64_t quiet_since_ns = tyto_clock_mono_ns();
    struct report report = {0};
    for (uint32_t i = 0; i < CLIENTS_EACH; i++) {
        if (!lates || tyto_client_create(&params, &clients[i]) != TYTO_OK)
            return 1;
    }
    while (report.num_received + report.num_lost < num_wanted &&
           tyto_clock_mono_ns() - quiet_since_ns < QUIET_S * TYTO_NS_PER_S) {
        const uint64_t num_before = report.num_received;
        for (uint32_t i = 0; i < CLIENTS_EACH; i++) {
            while (report.num_received < num_wanted &&
                   tyto_client_next(clients[i], 0, &message) == TYTO_OK) {
                if (message.kind == TYTO_MESSAGE_LOST)
                    report.num_lost += message.num_lost;
                if (message.kind == TYTO_MESSAGE_EVENT)
                    lates[report.num_received++] =
                        tyto_clock_unix_ns() - (uint64_t)message.publish_unix_ns;
            }
        }
        const struct timespec half_ms = {0, 500000};
        if (report.num_received > num_before)
            quiet_since_ns = tyto_clock_mono_ns();
        else
            nanosleep(&half_ms, NULL);
    }
    qsort(lates, report.num_received, sizeof(*lates), compare);
    report.late_p50_ns = lates[report.num_received / 2];
    report.late_p99_ns = lates[report.num_received * 99 / 100];
    *ret_report = report;
    return 0;
}

/* Each event once and in order, or it counts as lost or doubled. */
static int follow(struct report *ret_report, uint32_t nap_us)
{
    const struct tyto_feed_params params = {.endpoint = endpoint, .start = TYTO_FEED_FROM_OLDEST};
    const struct tyto_feed_item *item = NULL;
    struct tyto_feed *feed = NULL;
    uint64_t last_seq = 0, quiet_since_ns = tyto_clock_mono_ns();
    struct report report = {0};
    if (tyto_feed_open(&params, &feed) != TYTO_OK)
        return 1;
    while (last_seq < num_events &&
           tyto_clock_mono_ns() - quiet_since_ns < QUIET_S * TYTO_NS_PER_S) {
        if (tyto_feed_next(feed, 100, &item) != TYTO_OK)
            continue;
        if (item->kind == TYTO_FEED_LOST)
            report.num_lost += item->num_lost ? item->num_lost : 1;
        if (item->kind != TYTO_FEED_MESSAGE || item->message.kind != TYTO_MESSAGE_EVENT)
            continue;
        quiet_since_ns = tyto_clock_mono_ns();
        report.num_received++;
        report.num_doubled += item->message.seq <= last_seq;
        report.num_lost += item->message.seq > last_seq + 1;
        last_seq = item->message.seq;
        if (nap_us > 0)
            usleep(nap_us);
    }
    tyto_feed_close(&feed);
    *ret_report = report;
    return 0;
}

static int run_child(int child, int fd)
{
    struct report report = {0};
    int status;
    if (child < NUM_READERS)
        status = read_fast(&report);
    else
        status = follow(&report, child == SLOW ? 2000 : 0);
    (void)!write(fd, &report, sizeof(report));
    return status;
}

static pid_t start_child(int child, int *ret_fd)
{
    int fds[2];
    if (pipe(fds) != 0)
        return -1;
    const pid_t pid = fork();
    if (pid == 0) {
        close(fds[0]);
        _exit(run_child(child, fds[1]));
    }
    close(fds[1]);
    *ret_fd = fds[0];
    return pid;
}

/* --- who publishes --------------------------------------------------------------------------- */

static void tell_hello(void *user, struct tyto_hello *ret_hello)
{
    tyto_publisher_get_hello(user, ret_hello);
}

static bool start(struct rig *rig, struct tyto_fault *ret_fault)
{
    const char *endpoints[] = {endpoint}, *query_endpoints[] = {query_endpoint};
    const struct tyto_journal_params kept = {.path = journal_path};
    if (tyto_journal_open(&kept, &rig->journal, ret_fault) != TYTO_OK)
        return false;
    const struct tyto_publisher_params params = {.endpoints = endpoints,
                                                 .num_endpoints = 1,
                                                 .query_endpoints = query_endpoints,
                                                 .num_query_endpoints = 1,
                                                 .journal = rig->journal};
    if (tyto_publisher_create(&params, &rig->publisher, ret_fault) != TYTO_OK)
        return false;
    const struct tyto_query_server_params asked = {.endpoints = query_endpoints,
                                                   .num_endpoints = 1,
                                                   .journal_path = journal_path,
                                                   .hello = tell_hello,
                                                   .user = rig->publisher};
    return tyto_query_server_create(&asked, &rig->server, ret_fault) == TYTO_OK;
}

/* Says how long it took. */
static void stop(struct rig *rig)
{
    const uint64_t begin_ns = tyto_clock_mono_ns();
    const bool ok =
        tyto_query_server_destroy(&rig->server) && tyto_publisher_destroy(&rig->publisher);
    if (ok)
        tyto_journal_close(&rig->journal);
    printf("ended %d after_s %.1f\n", ok, (double)(tyto_clock_mono_ns() - begin_ns) / 1e9);
}

static bool wait_for_subscribers(const struct rig *rig, uint32_t num)
{
    struct tyto_publisher_counts counts;
    for (int i = 0; i < 12000; i++) {
        tyto_publisher_get_counts(rig->publisher, &counts);
        if (counts.num_subscriptions >= num)
            return true;
        usleep(10000);
    }
    return false;
}

static double resident_mib(void)
{
    FILE *file = fopen("/proc/self/statm", "re");
    char line[128] = "", *end = line;
    if (file && !fgets(line, sizeof(line), file))
        line[0] = '\0';
    if (file)
        (void)fclose(file);
    (void)strtoull(line, &end, 10);
    return (double)strtoull(end, NULL, 10) * (double)sysconf(_SC_PAGESIZE) / (1 << 20);
}

struct outcome {
    double most_mib_more;
    uint64_t handing_in_p99_ns, handing_in_most_ns;
};

static bool publish_all(const struct rig *rig, uint32_t every_us, struct outcome *ret_outcome)
{
    struct tyto_event event = {.camera = "cam1", .class_name = "dog", .phase = 1, .modality = 1};
    uint64_t *took = calloc(num_events, sizeof(*took));
    const double before_mib = resident_mib();
    bool ok = took != NULL;
    for (uint64_t i = 0; ok && i < num_events; i++) {
        usleep(every_us);
        ok = tyto_event_id_make(tyto_clock_unix_ns(), event.id) == TYTO_OK;
        const uint64_t begin_ns = tyto_clock_mono_ns();
        ok = ok && tyto_publisher_event(rig->publisher, &event) == TYTO_OK;
        took[i] = tyto_clock_mono_ns() - begin_ns;
        const double more = i % SAMPLE_EVERY == 0 ? resident_mib() - before_mib : 0;
        if (more > ret_outcome->most_mib_more)
            ret_outcome->most_mib_more = more;
    }
    if (ok) {
        qsort(took, num_events, sizeof(*took), compare);
        ret_outcome->handing_in_p99_ns = took[num_events * 99 / 100];
        ret_outcome->handing_in_most_ns = took[num_events - 1];
    }
    free(took);
    return ok;
}

static bool measure(const struct rig *rig, const pid_t *pids, const int *fds, uint32_t every_us)
{
    struct report reports[NUM_CHILDREN] = {{0}}, fast = {0};
    struct outcome outcome = {0};
    struct tyto_publisher_counts counts;
    if (!wait_for_subscribers(rig, (FAST + 2) * TOPICS_EACH))
        return false;
    kill(pids[STOPPED], SIGSTOP);
    printf("ready\n");
    (void)fflush(stdout);
    if (!publish_all(rig, every_us, &outcome))
        return false;
    kill(pids[STOPPED], SIGCONT);
    for (int i = 0; i < NUM_CHILDREN; i++)
        (void)!read(fds[i], &reports[i], sizeof(reports[i]));
    for (int i = 0; i < NUM_READERS; i++) {
        fast.num_received += reports[i].num_received;
        fast.num_lost += reports[i].num_lost;
        fast.late_p50_ns += reports[i].late_p50_ns / NUM_READERS;
        if (reports[i].late_p99_ns > fast.late_p99_ns)
            fast.late_p99_ns = reports[i].late_p99_ns;
    }
    tyto_publisher_get_counts(rig->publisher, &counts);
    printf("events %llu fast %llu fast_lost %llu slow %llu slow_wrong %llu stopped %llu "
           "stopped_wrong %llu late_p50_ms %.2f late_p99_ms %.2f handing_in_p99_ms %.3f "
           "handing_in_most_ms %.3f more_mib %.1f cut_off %llu\n",
           (unsigned long long)num_events, (unsigned long long)(fast.num_received / FAST),
           (unsigned long long)fast.num_lost, (unsigned long long)reports[SLOW].num_received,
           (unsigned long long)(reports[SLOW].num_lost + reports[SLOW].num_doubled),
           (unsigned long long)reports[STOPPED].num_received,
           (unsigned long long)(reports[STOPPED].num_lost + reports[STOPPED].num_doubled),
           (double)fast.late_p50_ns / 1e6, (double)fast.late_p99_ns / 1e6,
           (double)outcome.handing_in_p99_ns / 1e6, (double)outcome.handing_in_most_ns / 1e6,
           outcome.most_mib_more, (unsigned long long)counts.num_cut_off);
    return true;
}

int main(int argc, char **argv)
{
    pid_t pids[NUM_CHILDREN];
    int fds[NUM_CHILDREN];
    struct rig rig = {0};
    struct tyto_fault fault = {.text = ""};
    if (argc != 4)
        return 2;
    num_events = strtoull(argv[2], NULL, 10);
    snprintf(endpoint, sizeof(endpoint), "ipc://%.100s/events", argv[1]);
    snprintf(query_endpoint, sizeof(query_endpoint), "ipc://%.100s/query", argv[1]);
    snprintf(journal_path, sizeof(journal_path), "%.100s/journal", argv[1]);
    for (int i = 0; i < NUM_CHILDREN; i++) { /* before ZeroMQ's threads exist */
        pids[i] = start_child(i, &fds[i]);
        if (pids[i] < 0)
            return 1;
    }
    bool ok = start(&rig, &fault);
    if (!ok)
        fprintf(stderr, "%s\n", fault.text);
    ok = ok && measure(&rig, pids, fds, (uint32_t)strtoul(argv[3], NULL, 10));
    for (int i = 0; i < NUM_CHILDREN; i++) {
        kill(pids[i], SIGKILL);
        waitpid(pids[i], NULL, 0);
    }
    stop(&rig);
    (void)fflush(stdout);
    _exit(ok ? 0 : 1); /* what could not be stopped has threads */
}
