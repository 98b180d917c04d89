/* SPDX-License-Identifier: MIT */
#include "daemon/daemon.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "daemon/internal.h"
#include "daemon/service/log_sink.h"
#include "daemon/service/notify.h"
#include "daemon/service/process.h"

enum {
    TICK_MS = 500,
    MAX_HANGING = 32, /* pipelines: each keeps threads, descriptors and memory */
    /* Then what still waits (a pipeline that is taken down by a busy machine) is left behind, and
     * a second is for telling it: a wish to end is obeyed within five. */
    END_S = 4,
    TRIM_EVERY_S = 30,
};

/* --- life --------------------------------------------------------------------------------------
 */

enum tyto_err tyto_daemon_create(const struct tyto_daemon_params *params,
                                 struct tyto_daemon **ret_daemon, bool *ret_left,
                                 struct tyto_fault *ret_fault)
{
    *ret_left = false;
    struct tyto_daemon *daemon = calloc(1, sizeof(*daemon));
    if (!daemon)
        return tyto_fault_set(ret_fault, TYTO_ERR_NOMEM, NULL, 0, NULL, "out of memory");
    daemon->p = *params;
    daemon->config = params->config;
    daemon->log = params->log;
    atomic_store(&daemon->not_ready, "starting");
    enum tyto_err err = tyto_running_create(daemon->config, &daemon->running);
    if (!err)
        err = tyto_daemon_start(daemon, ret_fault);
    if (!err) {
        *ret_daemon = daemon;
        return TYTO_OK;
    }
    /* An engine that is still loading has been left alone, too. */
    const bool is_loading = !daemon->engine && (err == TYTO_ERR_CLOSED || err == TYTO_ERR_TIMEOUT);
    *ret_left = !tyto_daemon_destroy(&daemon) || is_loading;
    return err;
}

bool tyto_daemon_destroy(struct tyto_daemon **daemon)
{
    if (!daemon || !*daemon)
        return true;
    struct tyto_daemon *self = *daemon;
    *daemon = NULL;
    tyto_watch_expect_end(self->watch, END_S);
    /* Nobody asks for anything any more. What is left behind goes on using what it was given. */
    tyto_metrics_stop(self->metrics);
    /* Whose thread stands still reads nothing but figures, and is told none from here on: events
     * end in their order all the same. */
    const bool is_http_over = tyto_http_destroy(&self->http);
    if (!tyto_control_destroy(&self->control) || !tyto_admin_finish(self->admin) ||
        !tyto_engine_destroy(&self->engine)) {
        tyto_log_write(self->log, TYTO_LOG_ERROR, "daemon",
                       "a thread does not end: subscribers are told, and it is left behind");
        (void)tyto_publisher_finish(self->publisher);
        return false;
    }
    /* Its last events still found the recordings and the publisher. */
    tyto_score_gatherer_destroy(&self->gatherer);
    tyto_recording_tick(self->recording);
    const bool is_written = tyto_recording_destroy(&self->recording);
    const bool is_pictured = tyto_picturing_destroy(&self->picturing);
    tyto_admin_destroy(&self->admin);
    tyto_reload_destroy(&self->reload);
    tyto_heads_destroy(&self->heads);
    if (is_http_over)
        tyto_metrics_destroy(&self->metrics);
    else
        tyto_log_write(self->log, TYTO_LOG_ERROR, "daemon",
                       "the http thread does not end: it is left behind");
    if (!is_written || !is_pictured)
        tyto_log_write(self->log, TYTO_LOG_ERROR, "daemon",
                       "the %s thread does not end: it is left behind",
                       is_written ? "snapshot" : "record");
    const bool is_whole =
        tyto_delivery_destroy(&self->delivery) && is_http_over && is_written && is_pictured;
    struct tyto_watch *watch = atomic_load(&self->watch);
    tyto_watch_destroy(&watch);
    if (self->failure_fd >= 0)
        close(self->failure_fd);
    if (is_whole) {
        tyto_access_destroy(&self->access);
        tyto_running_destroy(&self->running);
        free(self);
    }
    return is_whole;
}

/* --- running -----------------------------------------------------------------------------------
 */

static void read_again(struct tyto_daemon *daemon)
{
    tyto_log_write(daemon->log, TYTO_LOG_INFO, "daemon", "SIGHUP: reading %s again",
                   daemon->config->file[0] ? daemon->config->file : "the model");
    tyto_admin_reload(daemon->admin);
}

/* True when it is time to end. */
static bool take_signal(struct tyto_daemon *daemon)
{
    struct signalfd_siginfo info;
    if (read(daemon->p.signal_fd, &info, sizeof(info)) != (ssize_t)sizeof(info))
        return false;
    if (info.ssi_signo == SIGHUP) {
        read_again(daemon);
        return false;
    }
    tyto_log_write(daemon->log, TYTO_LOG_INFO, "daemon", "%s: ending",
                   info.ssi_signo == SIGINT ? "SIGINT" : "SIGTERM");
    return true;
}

/* --- what shows that a thread still turns --------------------------------------------------------
 */

static uint64_t engine_turns(const void *user)
{
    return tyto_engine_num_turns(user);
}

static uint64_t publisher_turns(const void *user)
{
    return tyto_publisher_num_turns(user);
}

/* Where no echo has ever come back there is none, and nothing to be told by it. */
static uint64_t event_echoes(const void *user)
{
    const uint64_t num = tyto_publisher_num_echoes(user);
    return num > 0 ? num : tyto_publisher_num_turns(user);
}

static uint64_t commit_turns(const void *user)
{
    return tyto_publisher_num_commit_turns(user);
}

static uint64_t query_turns(const void *user)
{
    struct tyto_query_server_counts counts;
    tyto_query_server_get_counts(user, &counts);
    return counts.num_turns;
}

static uint64_t query_echoes(const void *user)
{
    struct tyto_query_server_counts counts;
    tyto_query_server_get_counts(user, &counts);
    return counts.num_echoes > 0 ? counts.num_echoes : counts.num_turns;
}

static uint64_t control_turns(const void *user)
{
    return tyto_control_num_turns(user);
}

static uint64_t http_turns(const void *user)
{
    return tyto_http_num_turns(user);
}

static uint64_t recording_turns(const void *user)
{
    return tyto_recording_num_turns(user);
}

static uint64_t picturing_turns(const void *user)
{
    return tyto_picturing_num_turns(user);
}

static uint64_t access_turns(const void *user)
{
    return tyto_access_turned_ns(user);
}

static uint64_t reload_turns(const void *user)
{
    return tyto_reload_turned_ns(user);
}

static uint64_t log_turns(const void *user)
{
    const struct tyto_daemon *daemon = user;
    return tyto_log_sink_num_turns(daemon->p.sink);
}

static uint64_t main_turns(const void *user)
{
    const struct tyto_daemon *daemon = user;
    return atomic_load(&daemon->num_turns);
}

/* On the watch's thread: no other can be trusted to do it. */
static void on_standing(void *user, const char *name)
{
    struct tyto_daemon *daemon = user;
    tyto_log_write(daemon->log, TYTO_LOG_ERROR, "daemon",
                   "%s%s: subscribers are told that open events end, and the process is left",
                   name ? "standstill of the thread " : "the end takes too long", name ? name : "");
    (void)tyto_publisher_finish(daemon->publisher);
    tyto_log_sink_flush(daemon->p.sink);
    _exit(1);
}

static void on_told(void *user)
{
    struct tyto_daemon *daemon = user;
    tyto_log_sink_flush(daemon->p.sink); /* it may be the log's own thread that stands still */
}

static enum tyto_err start_watch(struct tyto_daemon *daemon)
{
    const struct tyto_publisher *committing =
        tyto_delivery_has_journal(daemon->delivery) ? daemon->publisher : NULL;
    const struct tyto_query_server *query = tyto_delivery_query(daemon->delivery);
    const struct tyto_watched all[] = {
        {"inference", engine_turns, daemon->engine, NULL},
        {"publisher", publisher_turns, daemon->publisher, NULL},
        {"publisher's ZeroMQ", event_echoes, daemon->publisher, NULL},
        {"journal", commit_turns, committing, NULL},
        {"query", query_turns, query, NULL},
        {"query's ZeroMQ", query_echoes, query, NULL},
        {"access", access_turns, daemon->access, NULL},
        {"main", main_turns, daemon, NULL},
        {"control", control_turns, daemon->control, NULL},
        {"http", http_turns, daemon->http, NULL},
        {"reload", reload_turns, daemon->reload, NULL},
        {"record", recording_turns, daemon->recording, "tyto-record"},
        {"snapshot", picturing_turns, daemon->picturing, "tyto-snapshot"},
        {"log", log_turns, daemon, "tyto-log"},
    };
    struct tyto_watch_params params = {
        .on_end = on_standing,
        .on_tell = on_told,
        .user = daemon,
        .feed_every_ns = tyto_notify_watchdog_ns(),
        .log = daemon->log,
    };
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        if (all[i].user) /* it is there */
            params.threads[params.num_threads++] = all[i];
    }
    struct tyto_watch *watch = NULL;
    const enum tyto_err err = tyto_watch_create(&params, &watch);
    atomic_store(&daemon->watch, watch);
    return err;
}

/* Nobody watches the watch but this. Time is counted in turns, as the watch counts its own. */
static void look_at_watch(struct tyto_daemon *daemon)
{
    const uint64_t num_looks = tyto_watch_num_looks(atomic_load(&daemon->watch));
    const bool is_same = num_looks == daemon->num_looks;
    daemon->num_looks = num_looks;
    daemon->watch_still_ms = is_same ? daemon->watch_still_ms + TICK_MS : 0;
    if (daemon->watch_still_ms == TYTO_WATCH_TELL_S * 1000)
        tyto_log_write(daemon->log, TYTO_LOG_ERROR, "daemon",
                       "the watch thread has stood still for %d s; unless it goes on, the process "
                       "ends",
                       TYTO_WATCH_TELL_S);
    if (daemon->watch_still_ms >= TYTO_WATCH_END_S * 1000)
        on_standing(daemon, "watch");
}

/* What pipelines, heads and configurations that are gone have freed goes back to the system, now
 * and then. */
static void settle(struct tyto_daemon *daemon, uint64_t now_ns)
{
    struct tyto_engine_counts counts;
    struct tyto_reload_status status;
    if (now_ns - daemon->trimmed_ns < TRIM_EVERY_S * TYTO_NS_PER_S)
        return;
    daemon->trimmed_ns = now_ns;
    tyto_engine_get_counts(daemon->engine, &counts);
    tyto_reload_get_status(daemon->reload, &status);
    const uint64_t num_ended = counts.num_losses + counts.num_heads + status.generation;
    if (num_ended != daemon->num_ended)
        tyto_process_trim();
    daemon->num_ended = num_ended;
}

enum tyto_err tyto_daemon_run(struct tyto_daemon *daemon, bool is_once)
{
    const enum tyto_err err = start_watch(daemon);
    if (err)
        return err;
    tyto_notify("READY=1");
    atomic_store(&daemon->not_ready, NULL);
    bool is_ending = daemon->is_asked;
    uint32_t num_failed = 0;
    if (daemon->is_reload_due)
        read_again(daemon);
    while (!is_ending) {
        struct pollfd fds[] = {{.fd = daemon->p.signal_fd, .events = POLLIN},
                               {.fd = daemon->failure_fd, .events = POLLIN}};
        const int num_fds = poll(fds, 2, TICK_MS);
        if (num_fds < 0 && errno != EINTR)
            return TYTO_ERR_IO;
        if (num_fds == 0)
            look_at_watch(daemon);
        const int failure = atomic_load(&daemon->failure);
        if (failure != TYTO_OK) {
            tyto_log_write(daemon->log, TYTO_LOG_ERROR, "daemon", "the networks failed: %s",
                           tyto_err_text((enum tyto_err)failure));
            return (enum tyto_err)failure;
        }
        is_ending = take_signal(daemon);
        if (!is_ending && is_once && !tyto_reload_is_busy(daemon->reload) &&
            tyto_engine_wait_ended(daemon->engine, 0) == TYTO_OK) {
            num_failed = tyto_running_tell_failed(daemon->running, daemon->log);
            is_ending = true;
        }
        const uint64_t now_ns = tyto_clock_mono_ns();
        atomic_fetch_add(&daemon->num_turns, 1);
        if (tyto_source_num_hanging() >= MAX_HANGING) {
            tyto_log_write(daemon->log, TYTO_LOG_ERROR, "daemon",
                           "%d pipelines of cameras hang and hold what they have: ending, to be "
                           "started anew",
                           MAX_HANGING);
            return TYTO_ERR_TIMEOUT;
        }
        if (tyto_watch_standing(daemon->watch))
            continue; /* figures of what stands still say nothing */
        tyto_summary_tick(&daemon->summary, daemon->engine, daemon->publisher, now_ns);
        tyto_recording_tick(daemon->recording);
        tyto_picturing_tick(daemon->picturing, daemon->engine);
        settle(daemon, now_ns);
    }
    atomic_store(&daemon->not_ready, "ending");
    tyto_notify("STOPPING=1\nSTATUS=ending open events");
    if (tyto_watch_standing(daemon->watch))
        return TYTO_ERR_TIMEOUT;
    tyto_summary_write(&daemon->summary, daemon->engine, daemon->publisher, tyto_clock_mono_ns());
    tyto_recording_summary(daemon->recording);
    return num_failed > 0 ? TYTO_ERR_IO : TYTO_OK;
}
