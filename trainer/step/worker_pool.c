/* SPDX-License-Identifier: MIT */
#include "trainer/step/worker_pool.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

struct member {
    struct tyto_worker_pool *worker_pool;
    pthread_t thread;
    uint32_t idx;
    bool is_up;
    enum tyto_err err;
};

struct tyto_worker_pool {
    pthread_mutex_t mutex; /* guards all that follows */
    pthread_cond_t begin, end;
    enum tyto_err (*task)(void *user, uint32_t idx);
    void *user;
    uint64_t round;    /* of tasks given so far */
    uint32_t num_busy; /* members that have not ended this round */
    bool stops;
    uint32_t num;
    struct member members[TYTO_WORKER_POOL_MAX];
};

static void *work(void *user)
{
    struct member *me = user;
    struct tyto_worker_pool *worker_pool = me->worker_pool;
    uint64_t round = 0;

    pthread_mutex_lock(&worker_pool->mutex);
    for (;;) {
        while (worker_pool->round == round && !worker_pool->stops)
            pthread_cond_wait(&worker_pool->begin, &worker_pool->mutex);
        if (worker_pool->stops)
            break;
        round = worker_pool->round;
        pthread_mutex_unlock(&worker_pool->mutex);
        me->err = worker_pool->task(worker_pool->user, me->idx);
        pthread_mutex_lock(&worker_pool->mutex);
        if (--worker_pool->num_busy == 0)
            pthread_cond_signal(&worker_pool->end);
    }
    pthread_mutex_unlock(&worker_pool->mutex);
    return NULL;
}

enum tyto_err tyto_worker_pool_create(uint32_t num, struct tyto_worker_pool **ret_worker_pool)
{
    struct tyto_worker_pool *worker_pool = NULL;

    if (num == 0 || num > TYTO_WORKER_POOL_MAX)
        return TYTO_ERR_INVALID;
    worker_pool = calloc(1, sizeof(*worker_pool));
    if (!worker_pool)
        return TYTO_ERR_NOMEM;
    worker_pool->num = num;
    (void)pthread_mutex_init(&worker_pool->mutex, NULL);
    (void)pthread_cond_init(&worker_pool->begin, NULL);
    (void)pthread_cond_init(&worker_pool->end, NULL);
    for (uint32_t i = 1; i < num; i++) {
        struct member *member = &worker_pool->members[i];

        member->worker_pool = worker_pool;
        member->idx = i;
        member->is_up = pthread_create(&member->thread, NULL, work, member) == 0;
        if (!member->is_up) {
            tyto_worker_pool_destroy(&worker_pool);
            return TYTO_ERR_NOMEM;
        }
    }
    *ret_worker_pool = worker_pool;
    return TYTO_OK;
}

void tyto_worker_pool_destroy(struct tyto_worker_pool **worker_pool_ptr)
{
    struct tyto_worker_pool *worker_pool = worker_pool_ptr ? *worker_pool_ptr : NULL;

    if (!worker_pool)
        return;
    *worker_pool_ptr = NULL;
    pthread_mutex_lock(&worker_pool->mutex);
    worker_pool->stops = true;
    pthread_cond_broadcast(&worker_pool->begin);
    pthread_mutex_unlock(&worker_pool->mutex);
    for (uint32_t i = 1; i < worker_pool->num; i++)
        if (worker_pool->members[i].is_up)
            pthread_join(worker_pool->members[i].thread, NULL);
    pthread_cond_destroy(&worker_pool->begin);
    pthread_cond_destroy(&worker_pool->end);
    pthread_mutex_destroy(&worker_pool->mutex);
    free(worker_pool);
}

enum tyto_err tyto_worker_pool_run(struct tyto_worker_pool *worker_pool,
                                   enum tyto_err (*task)(void *user, uint32_t idx), void *user)
{
    enum tyto_err err = TYTO_OK;

    pthread_mutex_lock(&worker_pool->mutex);
    worker_pool->task = task;
    worker_pool->user = user;
    worker_pool->num_busy = worker_pool->num - 1;
    worker_pool->round++;
    pthread_cond_broadcast(&worker_pool->begin);
    pthread_mutex_unlock(&worker_pool->mutex);
    worker_pool->members[0].err = task(user, 0);
    pthread_mutex_lock(&worker_pool->mutex);
    while (worker_pool->num_busy > 0)
        pthread_cond_wait(&worker_pool->end, &worker_pool->mutex);
    pthread_mutex_unlock(&worker_pool->mutex);
    for (uint32_t i = 0; i < worker_pool->num && !err; i++)
        err = worker_pool->members[i].err;
    return err;
}
