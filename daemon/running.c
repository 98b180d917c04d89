/* SPDX-License-Identifier: MIT */
#include "daemon/running.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/secret.h"

struct tyto_running {
    atomic_uint generation;
    const struct tyto_config *first;

    pthread_mutex_t lock;             /* guards what follows; held for copies only */
    const struct tyto_config *config; /* owned, unless it is the first one */
    struct tyto_camera_state *states; /* (num_cameras), as the configuration orders them */
    struct tyto_camera_state *spare;  /* for the next one; the exchanger's alone */
};

enum tyto_err tyto_running_create(const struct tyto_config *first,
                                  struct tyto_running **ret_running)
{
    struct tyto_running *running = calloc(1, sizeof(*running));
    if (!running)
        return TYTO_ERR_NOMEM;
    running->states = calloc((size_t)first->num_cameras + 1, sizeof(*running->states));
    if (!running->states) {
        free(running);
        return TYTO_ERR_NOMEM;
    }
    running->first = running->config = first;
    atomic_init(&running->generation, 1);
    pthread_mutex_init(&running->lock, NULL);
    *ret_running = running;
    return TYTO_OK;
}

void tyto_running_drop(struct tyto_running *running, const struct tyto_config *config)
{
    struct tyto_config *own = (struct tyto_config *)(uintptr_t)config;
    if (config != running->first)
        tyto_config_destroy(&own);
}

void tyto_running_destroy(struct tyto_running **running)
{
    if (!running || !*running)
        return;
    tyto_running_drop(*running, (*running)->config);
    pthread_mutex_destroy(&(*running)->lock);
    free((*running)->states);
    free((*running)->spare);
    free(*running);
    *running = NULL;
}

const struct tyto_config *tyto_running_lock(struct tyto_running *running)
{
    pthread_mutex_lock(&running->lock);
    return running->config;
}

void tyto_running_unlock(struct tyto_running *running)
{
    pthread_mutex_unlock(&running->lock);
}

const struct tyto_config *tyto_running_config(struct tyto_running *running)
{
    return running->config; /* nobody else writes it */
}

enum tyto_err tyto_running_prepare(struct tyto_running *running, const struct tyto_config *next)
{
    free(running->spare);
    running->spare = calloc((size_t)next->num_cameras + 1, sizeof(*running->spare));
    return running->spare ? TYTO_OK : TYTO_ERR_NOMEM;
}

const struct tyto_config *tyto_running_exchange(struct tyto_running *running,
                                                const struct tyto_config *next)
{
    pthread_mutex_lock(&running->lock);
    const struct tyto_config *before = running->config;
    for (uint32_t i = 0; i < next->num_cameras; i++) {
        const uint32_t was = tyto_config_find_camera(before, next->cameras[i].id);
        if (was < before->num_cameras)
            running->spare[i] = running->states[was];
    }
    struct tyto_camera_state *states = running->states;
    running->config = next;
    running->states = running->spare;
    running->spare = NULL;
    pthread_mutex_unlock(&running->lock);
    free(states);
    return before;
}

uint32_t tyto_running_generation(struct tyto_running *running)
{
    return atomic_load(&running->generation);
}

void tyto_running_set_generation(struct tyto_running *running, uint32_t generation)
{
    atomic_store(&running->generation, generation);
}

void tyto_running_keep_state(struct tyto_running *running, const struct tyto_camera_state *state)
{
    pthread_mutex_lock(&running->lock);
    const uint32_t i = tyto_config_find_camera(running->config, state->camera);
    if (i < running->config->num_cameras)
        running->states[i] = *state;
    pthread_mutex_unlock(&running->lock);
}

enum tyto_err tyto_running_get_cameras(struct tyto_running *running, struct tyto_engine *engine,
                                       struct tyto_running_camera **ret_cameras, uint32_t *ret_num)
{
    pthread_mutex_lock(&running->lock);
    const uint32_t num = running->config->num_cameras;
    struct tyto_running_camera *cameras = calloc((size_t)num + 1, sizeof(*cameras));
    for (uint32_t i = 0; cameras && i < num; i++) {
        memcpy(cameras[i].id, running->config->cameras[i].id, sizeof(cameras[i].id));
        cameras[i].state = running->states[i];
    }
    pthread_mutex_unlock(&running->lock);
    if (!cameras)
        return TYTO_ERR_NOMEM;
    for (uint32_t i = 0; i < num; i++)
        (void)!tyto_engine_get_camera_counts(engine, cameras[i].id, &cameras[i].counts);
    *ret_cameras = cameras;
    *ret_num = num;
    return TYTO_OK;
}

uint32_t tyto_running_tell_failed(struct tyto_running *running, const struct tyto_log *log)
{
    uint32_t num = 0;
    pthread_mutex_lock(&running->lock);
    for (uint32_t i = 0; i < running->config->num_cameras; i++) {
        const struct tyto_config_camera *camera = &running->config->cameras[i];
        const struct tyto_camera_state *state = &running->states[i];
        char shown[TYTO_CONFIG_URI_MAX];
        if (state->status != TYTO_CAMERA_STATUS_FAILED)
            continue;
        num++;
        tyto_secret_redact(camera->uri, shown, sizeof(shown));
        tyto_log_write(log, TYTO_LOG_ERROR, "daemon", "camera %s failed: %s: %s", camera->id, shown,
                       state->text);
    }
    pthread_mutex_unlock(&running->lock);
    return num;
}
