/* SPDX-License-Identifier: MIT */
#include "daemon/daemon.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/paths.h"
#include "daemon/access/access.h"
#include "daemon/admin.h"
#include "daemon/cameras.h"
#include "daemon/control/control.h"
#include "daemon/debug_scores.h"
#include "daemon/delivery.h"
#include "daemon/figures.h"
#include "daemon/heads.h"
#include "daemon/monitor/http.h"
#include "daemon/monitor/metrics.h"
#include "daemon/publish/publisher.h"
#include "daemon/recording.h"
#include "daemon/reload.h"
#include "daemon/running.h"
#include "daemon/scores/keep.h"
#include "daemon/service/limits.h"
#include "daemon/service/log_sink.h"
#include "daemon/service/notify.h"
#include "daemon/service/process.h"
#include "daemon/service/summary.h"
#include "daemon/service/watch.h"
#include "daemon/snapshots.h"
#include "pipeline/engine/engine.h"

enum {
    TICK_MS = 500,
    MAX_HANGING = 32, /* pipelines: each keeps threads, descriptors and memory */
    END_S = 25,       /* below what the service manager allows */
    TRIM_EVERY_S = 30,
};

struct tyto_daemon {
    struct tyto_daemon_params p;
    const struct tyto_config *config; /* that it began with */
    const struct tyto_log *log;
    struct tyto_access *access; /* NULL: no keys */
    struct tyto_delivery *delivery;
    struct tyto_publisher *publisher; /* of delivery */
    struct tyto_engine *engine;
    struct tyto_recording *recording; /* NULL: nothing is recorded */
    struct tyto_picturing *picturing;
    struct tyto_score_gatherer *gatherer; /* of the inference thread; NULL: scores are not kept */
    struct tyto_running *running;         /* this and the next three: before the first camera */
    struct tyto_heads *heads;
    struct tyto_reload *reload;
    struct tyto_admin *admin;
    struct tyto_cameras cameras;
    struct tyto_control *control; /* NULL: there is no socket */
    struct tyto_summary summary;
    struct tyto_metrics *metrics;
    struct tyto_figures figures;
    struct tyto_http *http;          /* NULL: nobody is told by HTTP */
    _Atomic(const char *) not_ready; /* why; static. NULL: ready */
    uint32_t max_connections;        /* of subscribers */
    int failure_fd;                  /* readable when the engine has failed */
    atomic_int failure;
    _Atomic(struct tyto_watch *) watch; /* while it runs */
    atomic_uint_fast64_t num_turns;     /* of the main thread */
    uint64_t trimmed_ns, num_losses;    /* of the main thread: when memory was given back, and after
                                           how many lost connections */
    bool is_asked;                      /* to end, while it starts */
};

/* --- what the engine tells us, on its thread -------------------------------------------- */

static void on_event(void *user, const struct tyto_event *event)
{
    struct tyto_daemon *daemon = user;
    struct tyto_event told = *event;
    tyto_recording_event(daemon->recording, &told);
    tyto_picturing_event(daemon->picturing, &told);
    const enum tyto_err err = tyto_publisher_event(daemon->publisher, &told);
    if (err)
        tyto_log_write(daemon->log, TYTO_LOG_ERROR, "daemon", "event %s of %s is lost: %s",
                       event->id, event->camera, tyto_err_text(err));
    tyto_log_write(daemon->log, TYTO_LOG_DEBUG, "daemon",
                   "%s %s %s (%s): joint %.2f heard %.2f seen %.2f", event->camera,
                   event->class_name, tyto_event_phase_name(event->phase),
                   tyto_event_reason_name(event->reason), (double)event->scores.joint,
                   (double)event->scores.heard, (double)event->scores.seen);
}

static void on_state(void *user, const struct tyto_camera_state *state)
{
    struct tyto_daemon *daemon = user;
    const enum tyto_err err = tyto_publisher_camera_state(daemon->publisher, state);
    tyto_running_keep_state(daemon->running, state);
    if (daemon->gatherer && state->status != TYTO_CAMERA_STATUS_LIVE &&
        state->status != TYTO_CAMERA_STATUS_STALLED)
        tyto_score_gatherer_break(daemon->gatherer, state->camera);
    const bool is_bad = state->status == TYTO_CAMERA_STATUS_LOST ||
                        state->status == TYTO_CAMERA_STATUS_STALLED ||
                        state->status == TYTO_CAMERA_STATUS_FAILED;
    const bool is_live = state->status == TYTO_CAMERA_STATUS_LIVE;
    const char *status = tyto_camera_status_name(state->status);
    const bool has_text =
        state->text[0] && strcmp(state->text, status) != 0 && strcmp(state->text, "connected") != 0;
    const char *streams = "";
    if (is_live && state->has_audio != state->has_video)
        streams = state->has_audio ? " (sound, no picture)" : " (picture, no sound)";
    tyto_log_write(daemon->log, is_bad ? TYTO_LOG_WARNING : TYTO_LOG_INFO, "camera",
                   "%s is %s%s%s%s%s", state->camera, status, has_text ? ": " : "",
                   has_text ? state->text : "", streams, !err ? "" : " (not published)");
}

static void hand_on_scores(void *user, struct tyto_journal_scores *scores)
{
    struct tyto_daemon *daemon = user;
    tyto_publisher_keep_scores(daemon->publisher, scores);
}

static void keep_scores(struct tyto_daemon *daemon, const struct tyto_segment_result *result)
{
    const struct tyto_scored_segment segment = {.camera = result->camera,
                                                .begin_ns = result->begin_ns,
                                                .end_ns = result->end_ns,
                                                .unix_offset_ns = result->unix_offset_ns,
                                                .evidence = &result->evidence,
                                                .num_classes = result->num_classes,
                                                .class_names = result->class_names,
                                                .tracker = result->tracker};
    if (daemon->gatherer)
        tyto_score_gatherer_take(daemon->gatherer, &segment);
}

static void on_segment(void *user, const struct tyto_segment_result *result)
{
    struct tyto_daemon *daemon = user;
    struct tyto_debug_scores debug;
    tyto_recording_progress(daemon->recording, result->camera, result->end_ns);
    tyto_picturing_segment(daemon->picturing, result);
    keep_scores(daemon, result);
    if (!tyto_publisher_wants_debug(daemon->publisher))
        return;
    tyto_debug_scores_make(result, &debug);
    tyto_publisher_debug(daemon->publisher, &debug);
}

static void on_head(void *user, const struct tyto_engine_head *head)
{
    struct tyto_daemon *daemon = user;
    tyto_heads_changed(daemon->heads, head);
}

static void on_device(void *user, const struct tyto_engine_head *head, const char *text)
{
    struct tyto_daemon *daemon = user;
    tyto_heads_moved(daemon->heads, head, text);
}

static void on_failure(void *user, enum tyto_err err)
{
    struct tyto_daemon *daemon = user;
    const uint64_t one = 1;
    atomic_store(&daemon->failure, (int)err);
    (void)!write(daemon->failure_fd, &one, sizeof(one));
}

/* --- making --------------------------------------------------------------------------------- */

/* Nobody else reads signals while the daemon starts. False: asked to end. */
static bool may_go_on(void *user)
{
    struct tyto_daemon *daemon = user;
    struct signalfd_siginfo info;
    while (read(daemon->p.signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info))
        daemon->is_asked |= info.ssi_signo != SIGHUP; /* everything is being read anyway */
    return !daemon->is_asked;
}

/* Before anything opens anything. */
static enum tyto_err raise_limits(struct tyto_daemon *daemon, struct tyto_fault *ret_fault)
{
    return tyto_limits_raise(daemon->config->num_cameras, tyto_config_num_recorded(daemon->config),
                             &daemon->max_connections, ret_fault);
}

static enum tyto_err start_delivery(struct tyto_daemon *daemon, struct tyto_fault *ret_fault)
{
    enum tyto_err err = TYTO_OK;
    if (daemon->config->server_key[0])
        err = tyto_access_create(daemon->config->server_key, daemon->config->clients, daemon->log,
                                 &daemon->access, ret_fault);
    if (!err)
        err = tyto_delivery_create(daemon->config, daemon->max_connections, daemon->access,
                                   daemon->log, &daemon->delivery, ret_fault);
    if (err)
        return err;
    daemon->publisher = tyto_delivery_publisher(daemon->delivery);
    const struct tyto_score_gatherer_params params = {
        .hand_on = hand_on_scores, .user = daemon, .max_cameras = TYTO_ENGINE_MAX_CAMERAS};
    if (daemon->config->journal.max_score_bytes > 0 && tyto_delivery_has_journal(daemon->delivery))
        err = tyto_score_gatherer_create(&params, &daemon->gatherer);
    return err;
}

static const char *why_ill(void *user)
{
    const struct tyto_daemon *daemon = user;
    const struct tyto_watch *watch = atomic_load(&daemon->watch);
    return tyto_watch_standing(watch) ? "a thread stands still" : NULL;
}

static const char *why_not_ready(void *user)
{
    struct tyto_daemon *daemon = user;
    return atomic_load(&daemon->not_ready);
}

static enum tyto_err start_monitor(struct tyto_daemon *daemon, struct tyto_fault *ret_fault)
{
    const char *listen = daemon->config->metrics.listen;
    daemon->figures = (struct tyto_figures){
        .publisher = daemon->publisher,
        .recording = daemon->recording,
        .picturing = daemon->picturing,
        .sink = daemon->p.sink,
        .begin_unix_s = (double)tyto_clock_unix_ns() / 1e9,
    };
    enum tyto_err err = tyto_metrics_create(&daemon->metrics);
    if (!err)
        err = tyto_metrics_add(daemon->metrics, tyto_figures_put_base, &daemon->figures);
    if (err)
        return tyto_fault_set(ret_fault, err, NULL, 0, NULL, "%s", tyto_err_text(err));
    if (!listen[0] || strcmp(listen, "off") == 0)
        return TYTO_OK;
    const struct tyto_http_params params = {
        .address = listen,
        .metrics = daemon->metrics,
        .why_ill = why_ill,
        .why_not_ready = why_not_ready,
        .user = daemon,
    };
    err = tyto_http_create(&params, &daemon->http, ret_fault);
    if (!err)
        tyto_log_write(daemon->log, TYTO_LOG_INFO, "daemon", "metrics on http://%s/metrics",
                       tyto_http_address(daemon->http));
    return err;
}

/* More may come while it runs: a place costs little, but has to be there from the beginning. */
static uint32_t room_for_cameras(const struct tyto_config *config)
{
    const uint32_t num = 2 * config->num_cameras;
    const uint32_t most = num < TYTO_ENGINE_MAX_CAMERAS ? num : TYTO_ENGINE_MAX_CAMERAS;
    return most > TYTO_ENGINE_DEFAULT_CAMERAS ? most : TYTO_ENGINE_DEFAULT_CAMERAS;
}

static enum tyto_err start_engine(struct tyto_daemon *daemon, struct tyto_fault *ret_fault)
{
    const struct tyto_config *config = daemon->config;
    char cache[TYTO_CONFIG_PATH_MAX];
    struct tyto_engine_params params;
    memset(&params, 0, sizeof(params));
    params.visual_path = config->models.visual;
    params.audio_path = config->models.audio;
    params.head_path = config->models.head;
    params.device = config->device;
    params.cache_dir = tyto_paths_cache("", cache, sizeof(cache)) ? cache : NULL;
    params.validate = config->validate;
    params.exec = config->exec;
    params.num_threads = config->num_threads;
    params.num_segments = config->num_segments;
    params.look_ahead = config->look_ahead;
    params.hop_ns = config->hop_ns;
    params.max_cameras = room_for_cameras(config);
    params.max_batch = config->max_batch;
    params.connects_per_s = config->connects_per_s;
    params.config_generation = tyto_running_generation(daemon->running);
    params.callbacks.user = daemon;
    params.callbacks.on_event = on_event;
    params.callbacks.on_state = on_state;
    params.callbacks.on_segment = on_segment;
    params.callbacks.on_head = on_head;
    params.callbacks.on_device = on_device;
    params.callbacks.on_failure = on_failure;
    params.go_on = may_go_on;
    params.go_on_user = daemon;
    params.log = daemon->log;
    tyto_log_write(daemon->log, TYTO_LOG_INFO, "daemon", "loading the networks");
    tyto_notify("STATUS=loading the networks");
    atomic_store(&daemon->not_ready, "the networks are being loaded");
    const uint64_t begin_ns = tyto_clock_mono_ns();
    enum tyto_err err = tyto_config_make_tracker(config, NULL, &params.tracker);
    if (!err)
        err = tyto_engine_create(&params, &daemon->engine, ret_fault);
    free((void *)(uintptr_t)params.tracker.rules);
    if (err)
        return err;
    tyto_log_write(daemon->log, TYTO_LOG_INFO, "daemon",
                   "%u classes, model %.12s, on %s, after %.1f s",
                   tyto_engine_num_classes(daemon->engine), tyto_engine_digest(daemon->engine),
                   tyto_engine_device_name(daemon->engine),
                   (double)(tyto_clock_mono_ns() - begin_ns) / (double)TYTO_NS_PER_S);
    return TYTO_OK;
}

static enum tyto_err start_control(struct tyto_daemon *daemon, struct tyto_fault *ret_fault)
{
    char path[TYTO_CONTROL_PATH_MAX];
    const char *said = daemon->config->control;
    if (strcmp(said, "off") == 0)
        return TYTO_OK;
    if (!said[0] && !tyto_paths_runtime("control.sock", path, sizeof(path))) {
        tyto_log_write(daemon->log, TYTO_LOG_INFO, "daemon",
                       "no control socket: there is no run-time folder; --control names one");
        return TYTO_OK;
    }
    const struct tyto_control_params params = {
        .path = said[0] ? said : path,
        .answer = tyto_admin_answer,
        .user = daemon->admin,
        .log = daemon->log,
    };
    const enum tyto_err err = tyto_control_create(&params, &daemon->control, ret_fault);
    if (!err)
        tyto_log_write(daemon->log, TYTO_LOG_INFO, "daemon", "control socket %s", params.path);
    if (!err || said[0])
        return err;
    /* Nobody asked for it: watching goes before being asked. */
    tyto_log_write(daemon->log, TYTO_LOG_WARNING, "daemon", "no control socket: %s",
                   ret_fault->text);
    return TYTO_OK;
}

static enum tyto_err start_reload(struct tyto_daemon *daemon)
{
    const struct tyto_heads_params heads = {
        .log = daemon->log,
        .engine = daemon->engine,
        .publisher = daemon->publisher,
        .running = daemon->running,
        .path = daemon->config->models.head,
    };
    daemon->cameras = (struct tyto_cameras){
        .log = daemon->log, .engine = daemon->engine, .recording = daemon->recording};
    const enum tyto_err err = tyto_heads_create(&heads, &daemon->heads);
    if (err)
        return err;
    const struct tyto_reload_params reload = {
        .log = daemon->log,
        .sink = daemon->p.sink,
        .running = daemon->running,
        .heads = daemon->heads,
        .cameras = daemon->cameras,
        .publisher = daemon->publisher,
        .picturing = daemon->picturing,
        .access = daemon->access,
        .summary = &daemon->summary,
        .max_cameras = room_for_cameras(daemon->config),
        .read = daemon->p.read,
        .user = daemon->p.user,
    };
    return tyto_reload_create(&reload, &daemon->reload);
}

static enum tyto_err start_admin(struct tyto_daemon *daemon, struct tyto_fault *ret_fault)
{
    tyto_summary_init(&daemon->summary, daemon->config, daemon->log);
    enum tyto_err err = start_reload(daemon);
    if (err)
        return err;
    const struct tyto_admin_params params = {
        .log = daemon->log,
        .engine = daemon->engine,
        .publisher = daemon->publisher,
        .metrics = daemon->metrics,
        .running = daemon->running,
        .heads = daemon->heads,
        .reload = daemon->reload,
    };
    err = tyto_admin_create(&params, &daemon->admin);
    return !err ? start_control(daemon, ret_fault) : err;
}

static enum tyto_err show_figures(struct tyto_daemon *daemon, struct tyto_fault *ret_fault)
{
    daemon->figures.engine = daemon->engine;
    daemon->figures.running = daemon->running;
    daemon->figures.reload = daemon->reload;
    const enum tyto_err err =
        tyto_metrics_add(daemon->metrics, tyto_figures_put_engine, &daemon->figures);
    return !err ? TYTO_OK : tyto_fault_set(ret_fault, err, NULL, 0, NULL, "%s", tyto_err_text(err));
}

static enum tyto_err add_cameras(struct tyto_daemon *daemon, struct tyto_fault *ret_fault)
{
    enum tyto_err err = TYTO_OK;
    tyto_picturing_tick(daemon->picturing, daemon->engine); /* before the first of them has any */
    for (uint32_t i = 0; !err && i < daemon->config->num_cameras; i++)
        err = may_go_on(daemon) ? tyto_cameras_add(&daemon->cameras, daemon->config,
                                                   &daemon->config->cameras[i], ret_fault)
                                : TYTO_ERR_CLOSED;
    if (!err) {
        tyto_cameras_tell_none(&daemon->cameras, daemon->config);
        tyto_reload_open(daemon->reload);
    }
    return err;
}

static enum tyto_err start_recording(struct tyto_daemon *daemon, struct tyto_fault *ret_fault)
{
    return tyto_recording_create(daemon->config, daemon->log, &daemon->recording, ret_fault);
}

static enum tyto_err start_picturing(struct tyto_daemon *daemon, struct tyto_fault *ret_fault)
{
    return tyto_picturing_create(daemon->config, daemon->log, daemon->publisher, &daemon->picturing,
                                 ret_fault);
}

static enum tyto_err start_all(struct tyto_daemon *daemon, struct tyto_fault *ret_fault)
{
    enum tyto_err (*const steps[])(struct tyto_daemon *, struct tyto_fault *) = {
        raise_limits, start_delivery, start_recording, start_picturing, start_monitor,
        start_engine, start_admin,    show_figures,    add_cameras};
    daemon->failure_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (daemon->failure_fd < 0)
        return tyto_fault_set(ret_fault, TYTO_ERR_IO, NULL, 0, NULL, "no eventfd: %s",
                              strerror(errno));
    enum tyto_err err = TYTO_OK;
    for (size_t i = 0; !err && i < sizeof(steps) / sizeof(steps[0]); i++)
        err = may_go_on(daemon) ? steps[i](daemon, ret_fault) : TYTO_ERR_CLOSED;
    return err;
}

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
        err = start_all(daemon, ret_fault);
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
    tyto_recording_destroy(&self->recording);
    tyto_picturing_destroy(&self->picturing);
    tyto_admin_destroy(&self->admin);
    tyto_reload_destroy(&self->reload);
    tyto_heads_destroy(&self->heads);
    if (is_http_over)
        tyto_metrics_destroy(&self->metrics);
    else
        tyto_log_write(self->log, TYTO_LOG_ERROR, "daemon",
                       "the http thread does not end: it is left behind");
    const bool is_whole = tyto_delivery_destroy(&self->delivery) && is_http_over;
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

/* True when it is time to end. */
static bool take_signal(struct tyto_daemon *daemon)
{
    struct signalfd_siginfo info;
    if (read(daemon->p.signal_fd, &info, sizeof(info)) != (ssize_t)sizeof(info))
        return false;
    if (info.ssi_signo == SIGHUP) {
        tyto_log_write(daemon->log, TYTO_LOG_INFO, "daemon", "SIGHUP: reading %s again",
                       daemon->config->file[0] ? daemon->config->file : "the model");
        tyto_admin_reload(daemon->admin);
        return false;
    }
    tyto_log_write(daemon->log, TYTO_LOG_INFO, "daemon", "%s: ending",
                   info.ssi_signo == SIGINT ? "SIGINT" : "SIGTERM");
    return true;
}

static uint64_t engine_turns(const void *user)
{
    return tyto_engine_num_turns(user);
}

static uint64_t publisher_turns(const void *user)
{
    return tyto_publisher_num_turns(user);
}

static uint64_t commit_turns(const void *user)
{
    return tyto_publisher_num_commit_turns(user);
}

static uint64_t query_turns(const void *user)
{
    return tyto_delivery_num_query_turns(user);
}

static uint64_t control_turns(const void *user)
{
    return tyto_control_num_turns(user);
}

static uint64_t http_turns(const void *user)
{
    return tyto_http_num_turns(user);
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

static enum tyto_err start_watch(struct tyto_daemon *daemon)
{
    struct tyto_watch_params params = {
        .threads = {{"inference", engine_turns, daemon->engine},
                    {"publisher", publisher_turns, daemon->publisher},
                    {"main", main_turns, daemon}},
        .num_threads = 3,
        .on_end = on_standing,
        .user = daemon,
        .feed_every_ns = tyto_notify_watchdog_ns(),
        .log = daemon->log,
    };
    const struct tyto_watched others[] = {
        {"control", control_turns, daemon->control},
        {"journal", commit_turns,
         tyto_delivery_has_journal(daemon->delivery) ? daemon->publisher : NULL},
        {"query", query_turns, tyto_delivery_has_query(daemon->delivery) ? daemon->delivery : NULL},
        {"http", http_turns, daemon->http},
    };
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        if (others[i].user)
            params.threads[params.num_threads++] = others[i];
    }
    struct tyto_watch *watch = NULL;
    const enum tyto_err err = tyto_watch_create(&params, &watch);
    atomic_store(&daemon->watch, watch);
    return err;
}

/* What pipelines that are gone have freed goes back to the system, now and then. */
static void settle(struct tyto_daemon *daemon, uint64_t now_ns)
{
    struct tyto_engine_counts counts;
    if (now_ns - daemon->trimmed_ns < TRIM_EVERY_S * TYTO_NS_PER_S)
        return;
    daemon->trimmed_ns = now_ns;
    tyto_engine_get_counts(daemon->engine, &counts);
    if (counts.num_losses != daemon->num_losses)
        tyto_process_trim();
    daemon->num_losses = counts.num_losses;
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
    while (!is_ending) {
        struct pollfd fds[] = {{.fd = daemon->p.signal_fd, .events = POLLIN},
                               {.fd = daemon->failure_fd, .events = POLLIN}};
        if (poll(fds, 2, TICK_MS) < 0 && errno != EINTR)
            return TYTO_ERR_IO;
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
