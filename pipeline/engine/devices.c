/* SPDX-License-Identifier: MIT */
/* What the networks are on, and what happens when that fails. A device that is lost, or whose work
 * does not come to an end, is never given work again: all that hangs on it is taken down and set up
 * anew, at most three times within ten minutes; then the CPU takes over, once; then it is over. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "pipeline/engine/internal.h"

#define WITHIN_NS (600 * TYTO_NS_PER_S)
#define PAUSE_US 200000
static const char software[] = "cpu";

static enum tyto_err make_networks(struct tyto_engine *engine, const char *head_path,
                                   struct tyto_fault *ret_fault)
{
    const struct tyto_engine_params *p = &engine->params;
    const bool on_cpu = engine->devices.is_fallback;
    const struct tyto_networks_params params = {
        .visual_path = p->visual_path,
        .audio_path = p->audio_path,
        .head_path = head_path,
        .device = on_cpu ? software : p->device,
        .cache_dir = p->cache_dir,
        .validate = p->validate,
        .exec = on_cpu ? TYTO_EXEC_AUTO : p->exec,
        .num_threads = p->num_threads,
        .num_segments = p->num_segments,
        .look_ahead = p->look_ahead,
        .segment_samples = TYTO_SEGMENT_SAMPLES,
        .max_streams = p->max_cameras,
        .max_batch = p->max_batch,
        .log = p->log,
    };
    return tyto_networks_create(&params, &engine->networks, ret_fault);
}

/* For other threads, which must not look into networks that may go at any time. */
static void name_device(struct tyto_engine *engine)
{
    struct tyto_devices *devices = &engine->devices;
    const char *name = tyto_networks_device_name(engine->networks);
    uint32_t i = 0;
    while (i < TYTO_DEVICES_MAX_NAMES && devices->names[i][0] &&
           strcmp(devices->names[i], name) != 0)
        i++;
    if (i == TYTO_DEVICES_MAX_NAMES)
        i--; /* a machine with so many devices that come and go is told of by an older name */
    else
        snprintf(devices->names[i], sizeof(devices->names[i]), "%s", name);
    atomic_store(&devices->name_idx, i);
    atomic_store(&devices->exec, (unsigned)tyto_networks_exec(engine->networks));
}

static void settle(struct tyto_engine *engine)
{
    const struct tyto_cman_dims *dims = tyto_networks_dims(engine->networks);
    engine->reader = (struct tyto_reader){.dims = dims, .hop_ns = engine->params.hop_ns};
    engine->context.detector = tyto_networks_detector(engine->networks);
    name_device(engine);
}

enum tyto_err tyto_engine_start_networks(struct tyto_engine *engine)
{
    const char *head_path = engine->params.head_path;
    const enum tyto_err err = make_networks(engine, head_path, &engine->start_fault);
    if (err)
        return err;
    snprintf(engine->devices.head_path, sizeof(engine->devices.head_path), "%s", head_path);
    engine->fit = *tyto_networks_fit(engine->networks);
    engine->fit.audio.path = engine->params.audio_path;
    engine->fit.visual.path = engine->params.visual_path;
    settle(engine);
    return TYTO_OK;
}

/* --- anew ------------------------------------------------------------------------------------- */

/* Whether it may be tried once more on the device that was asked for. */
static bool may_try(struct tyto_devices *devices)
{
    const uint64_t now_ns = tyto_clock_mono_ns();
    uint64_t *oldest = &devices->tried_ns[0];
    for (uint32_t i = 1; i < TYTO_DEVICES_MAX_TRIES; i++) {
        if (devices->tried_ns[i] < *oldest)
            oldest = &devices->tried_ns[i];
    }
    if (*oldest != 0 && now_ns - *oldest < WITHIN_NS)
        return false;
    *oldest = now_ns;
    return true;
}

/* The same files as before: what trackers and listeners know of the head stays true. */
static enum tyto_err check_same(const struct tyto_engine *engine, struct tyto_fault *ret_fault)
{
    const struct tyto_head_fit *fit = tyto_networks_fit(engine->networks);
    const bool is_same = strncmp(tyto_cman_digest(tyto_networks_cman(engine->networks)),
                                 engine->head.digest, TYTO_DIGEST_MAX) == 0 &&
                         strcmp(fit->audio.digest, engine->fit.audio.digest) == 0 &&
                         strcmp(fit->visual.digest, engine->fit.visual.digest) == 0;
    return is_same ? TYTO_OK
                   : tyto_fault_set(ret_fault, TYTO_ERR_FORMAT, engine->devices.head_path, 0, NULL,
                                    "the models' files are others than those that served");
}

static enum tyto_err try_once(struct tyto_engine *engine, struct tyto_fault *ret_fault)
{
    enum tyto_err err = make_networks(engine, engine->devices.head_path, ret_fault);
    if (!err)
        err = check_same(engine, ret_fault);
    if (err)
        tyto_networks_destroy(&engine->networks);
    return err;
}

/* What was judged is told, and no window goes on over the gap: the device has forgotten all. */
static void let_go(struct tyto_engine *engine)
{
    pthread_mutex_lock(&engine->lock);
    struct tyto_camera *first = engine->cameras;
    pthread_mutex_unlock(&engine->lock);
    for (struct tyto_camera *camera = first; camera; camera = camera->next) {
        tyto_camera_flush(camera, &engine->context);
        camera->restart = true;
    }
    engine->context.detector = NULL;
    tyto_networks_destroy(&engine->networks);
}

static bool is_stopping(struct tyto_engine *engine)
{
    pthread_mutex_lock(&engine->lock);
    const bool stop = engine->stop;
    pthread_mutex_unlock(&engine->lock);
    return stop;
}

static void tell(struct tyto_engine *engine, enum tyto_err reason, uint64_t begin_ns)
{
    const struct tyto_engine_callbacks *callbacks = &engine->params.callbacks;
    const bool on_cpu = engine->devices.is_fallback;
    char text[400];
    snprintf(text, sizeof(text), "the device failed (%s): %s %s, after %.1f s",
             tyto_err_text(reason), on_cpu ? "until a restart the networks are on" : "set up anew,",
             tyto_engine_device_name(engine), (double)(tyto_clock_mono_ns() - begin_ns) / 1e9);
    tyto_log_write(engine->params.log, on_cpu ? TYTO_LOG_ERROR : TYTO_LOG_WARNING, "pipeline", "%s",
                   text);
    if (callbacks->on_device)
        callbacks->on_device(callbacks->user, &engine->head, text);
}

/* Until there are networks again. Cameras go on meanwhile, and what they have no room for is
 * counted. */
static enum tyto_err set_up(struct tyto_engine *engine, enum tyto_err reason)
{
    struct tyto_devices *devices = &engine->devices;
    enum tyto_err err = reason;
    while (err && !devices->is_fallback && !is_stopping(engine)) {
        struct tyto_fault fault = {.text = ""};
        devices->is_fallback = !may_try(devices);
        err = try_once(engine, &fault);
        if (!err)
            return TYTO_OK;
        tyto_log_write(engine->params.log, TYTO_LOG_ERROR, "pipeline",
                       "the networks cannot be set up %s: %s%s%s",
                       devices->is_fallback ? "on the CPU" : "anew", tyto_err_text(err),
                       fault.text[0] ? ": " : "", fault.text);
        usleep(PAUSE_US);
    }
    return err;
}

bool tyto_engine_is_lost(enum tyto_err err)
{
    return err == TYTO_ERR_DEVICE_LOST || err == TYTO_ERR_TIMEOUT;
}

enum tyto_err tyto_engine_recover(struct tyto_engine *engine, enum tyto_err reason)
{
    const uint64_t begin_ns = tyto_clock_mono_ns();
    atomic_store(&engine->devices.since_ns, begin_ns);
    engine->counts.num_device_losses++;
    let_go(engine);
    const enum tyto_err err = set_up(engine, reason);
    engine->counts.is_fallback = engine->devices.is_fallback;
    if (!err) {
        settle(engine);
        tell(engine, reason, begin_ns);
    }
    atomic_fetch_add(&engine->num_turns, 1);
    atomic_store(&engine->devices.since_ns, 0);
    return err;
}

uint64_t tyto_engine_num_turns(const struct tyto_engine *engine)
{
    const uint64_t since_ns = atomic_load(&engine->devices.since_ns);
    const uint64_t now_ns = tyto_clock_mono_ns();
    const uint64_t age_s = since_ns && now_ns > since_ns ? (now_ns - since_ns) / TYTO_NS_PER_S : 0;
    /* While a device is set up anew, as many as it could have made. */
    return atomic_load(&engine->num_turns) +
           (age_s < TYTO_ENGINE_RECOVER_S ? age_s : TYTO_ENGINE_RECOVER_S);
}

const char *tyto_engine_device_name(const struct tyto_engine *engine)
{
    return engine->devices.names[atomic_load(&engine->devices.name_idx)];
}

enum tyto_exec tyto_engine_exec(const struct tyto_engine *engine)
{
    return (enum tyto_exec)atomic_load(&engine->devices.exec);
}
