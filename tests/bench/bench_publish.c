/* SPDX-License-Identifier: MIT */
/* One publisher, 64 subscribers that keep up and one that is stopped (SIGSTOP):
 * how long handing in an event takes, how late events arrive, and whether anyone
 * who keeps up misses one. Fails when one does. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "client/tyto.h"
#include "daemon/publish/publisher.h"

enum { NUM_READERS = 4, CLIENTS_EACH = 16, NUM_EVENTS = 4000, EVENT_EVERY_US = 2500 };

struct report {
    uint64_t num_received, num_lost;
    uint64_t late_p50_ns, late_p99_ns, late_max_ns;
};

static char endpoint[108];

static int compare(const void *a, const void *b)
{
    const uint64_t x = *(const uint64_t *)a;
    const uint64_t y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

/* Reads with all its clients until each has seen the last event, or 20 s of nothing. */
static void read_all(struct tyto_client **clients, uint32_t num_clients, uint64_t *lates,
                     struct report *report)
{
    static struct tyto_message message;
    uint64_t quiet_since_ns = tyto_clock_mono_ns();
    const uint64_t num_wanted = (uint64_t)NUM_EVENTS * num_clients;
    while (report->num_received + report->num_lost < num_wanted &&
           tyto_clock_mono_ns() - quiet_since_ns < 20 * TYTO_NS_PER_S) {
        bool is_any = false;
        for (uint32_t i = 0; i < num_clients; i++) {
            while (tyto_client_next(clients[i], 0, &message) == TYTO_OK) {
                is_any = true;
                if (message.kind == TYTO_MESSAGE_LOST)
                    report->num_lost += message.num_lost;
                if (message.kind == TYTO_MESSAGE_EVENT)
                    lates[report->num_received++] =
                        tyto_clock_unix_ns() - (uint64_t)message.publish_unix_ns;
            }
        }
        const struct timespec half_ms = {0, 500000};
        if (is_any)
            quiet_since_ns = tyto_clock_mono_ns();
        else
            nanosleep(&half_ms, NULL);
    }
}

static int reader(int fd, uint32_t num_clients)
{
    struct tyto_client *clients[CLIENTS_EACH];
    const struct tyto_client_params params = {.endpoint = endpoint};
    struct report report = {0};
    uint64_t *lates = calloc((size_t)NUM_EVENTS * num_clients + 1, sizeof(*lates));
    if (!lates)
        return 1;
    for (uint32_t i = 0; i < num_clients; i++) {
        if (tyto_client_create(&params, &clients[i]) != TYTO_OK)
            return 1;
    }
    read_all(clients, num_clients, lates, &report);
    const size_t num = report.num_received;
    qsort(lates, num, sizeof(*lates), compare);
    if (num > 0) {
        report.late_p50_ns = lates[num / 2];
        report.late_p99_ns = lates[num * 99 / 100];
        report.late_max_ns = lates[num - 1];
    }
    (void)!write(fd, &report, sizeof(report));
    for (uint32_t i = 0; i < num_clients; i++)
        tyto_client_destroy(&clients[i]);
    free(lates);
    return 0;
}

static pid_t start_reader(uint32_t num_clients, int *ret_fd)
{
    int fds[2];
    if (pipe(fds) != 0)
        return -1;
    const pid_t pid = fork();
    if (pid == 0) {
        close(fds[0]);
        _exit(reader(fds[1], num_clients));
    }
    close(fds[1]);
    *ret_fd = fds[0];
    return pid;
}

static bool wait_for_subscribers(const struct tyto_publisher *publisher, uint32_t num)
{
    struct tyto_publisher_counts counts;
    for (int i = 0; i < 2000; i++) {
        tyto_publisher_get_counts(publisher, &counts);
        if (counts.num_subscriptions >= num)
            return true;
        usleep(10000);
    }
    return false;
}

static uint64_t publish_all(struct tyto_publisher *publisher)
{
    struct tyto_event event = {.camera = "cam1", .class_name = "dog", .phase = 1, .modality = 1};
    event.place.rows = event.place.cols = 7;
    uint64_t longest_ns = 0;
    for (int i = 0; i < NUM_EVENTS; i++) {
        usleep(EVENT_EVERY_US);
        if (tyto_event_id_make(tyto_clock_unix_ns(), event.id) != TYTO_OK)
            return UINT64_MAX;
        const uint64_t begin_ns = tyto_clock_mono_ns();
        if (tyto_publisher_event(publisher, &event) != TYTO_OK)
            return UINT64_MAX;
        const uint64_t took_ns = tyto_clock_mono_ns() - begin_ns;
        longest_ns = took_ns > longest_ns ? took_ns : longest_ns;
    }
    return longest_ns;
}

static int measure(struct tyto_publisher *publisher, pid_t stopped, const int *fds)
{
    const uint32_t num_clients = NUM_READERS * CLIENTS_EACH;
    const bool are_there = wait_for_subscribers(publisher, (num_clients + 1) * 5);
    kill(stopped, SIGSTOP);
    const uint64_t begin_ns = tyto_clock_mono_ns();
    const uint64_t longest_ns = are_there ? publish_all(publisher) : UINT64_MAX;
    const double took_s = (double)(tyto_clock_mono_ns() - begin_ns) / (double)TYTO_NS_PER_S;
    struct report all = {0};
    for (int i = 0; i < NUM_READERS; i++) {
        struct report one = {0};
        (void)!read(fds[i], &one, sizeof(one));
        all.num_received += one.num_received;
        all.num_lost += one.num_lost;
        all.late_p50_ns += one.late_p50_ns / NUM_READERS;
        all.late_p99_ns = one.late_p99_ns > all.late_p99_ns ? one.late_p99_ns : all.late_p99_ns;
        all.late_max_ns = one.late_max_ns > all.late_max_ns ? one.late_max_ns : all.late_max_ns;
    }
    printf("publish: %d events at %.0f/s to %u subscribers and one stopped: handing in took at "
           "most %.2f ms; %.4f %% arrived, p50 %.2f ms, p99 %.2f ms, at most %.1f ms late\n",
           NUM_EVENTS, NUM_EVENTS / took_s, num_clients, (double)longest_ns / 1e6,
           100.0 * (double)all.num_received / ((double)NUM_EVENTS * num_clients),
           (double)all.late_p50_ns / 1e6, (double)all.late_p99_ns / 1e6,
           (double)all.late_max_ns / 1e6);
    return all.num_received == (uint64_t)NUM_EVENTS * num_clients && all.num_lost == 0 ? 0 : 1;
}

int main(void)
{
    snprintf(endpoint, sizeof(endpoint), "ipc:///tmp/tyto-bench-%ld.sock", (long)getpid());
    pid_t pids[NUM_READERS + 1];
    int fds[NUM_READERS + 1];
    for (int i = 0; i <= NUM_READERS; i++) { /* before ZeroMQ's threads exist */
        pids[i] = start_reader(i < NUM_READERS ? CLIENTS_EACH : 1, &fds[i]);
        if (pids[i] < 0)
            return 1;
    }
    const char *endpoints[] = {endpoint};
    const struct tyto_publisher_params params = {.endpoints = endpoints, .num_endpoints = 1};
    struct tyto_publisher *publisher = NULL;
    struct tyto_fault fault;
    int status = 1;
    if (tyto_publisher_create(&params, &publisher, &fault) == TYTO_OK)
        status = measure(publisher, pids[NUM_READERS], fds);
    else
        fprintf(stderr, "%s\n", fault.text);
    for (int i = 0; i <= NUM_READERS; i++) {
        kill(pids[i], SIGKILL);
        waitpid(pids[i], NULL, 0);
    }
    tyto_publisher_destroy(&publisher);
    return status;
}
