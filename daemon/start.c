/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/paths.h"
#include "daemon/debug_scores.h"
#include "daemon/internal.h"
#include "daemon/service/limits.h"
#include "daemon/service/log_sink.h"
#include "daemon/service/notify.h"

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
    while (read(daemon->p.signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
        daemon->is_asked |= info.ssi_signo != SIGHUP;
        daemon->is_reload_due |= info.ssi_signo == SIGHUP; /* what has been read may be old */
    }
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
    params.head_path = config->models.first_head;
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
        .config = daemon->config,
    };
    tyto_isolation_find(daemon->log, &daemon->isolation);
    daemon->cameras = (struct tyto_cameras){.log = daemon->log,
                                            .engine = daemon->engine,
                                            .recording = daemon->recording,
                                            .isolation = &daemon->isolation.isolation};
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

enum tyto_err tyto_daemon_start(struct tyto_daemon *daemon, struct tyto_fault *ret_fault)
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
