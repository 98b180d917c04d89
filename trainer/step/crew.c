/* SPDX-License-Identifier: MIT */
#include "trainer/step/crew.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

struct member {
    struct tyto_crew *crew;
    pthread_t thread;
    uint32_t idx;
    bool is_up;
    enum tyto_err err;
};

struct tyto_crew {
    pthread_mutex_t mutex; /* guards all that follows */
    pthread_cond_t begin, end;
    enum tyto_err (*task)(void *user, uint32_t idx);
    void *user;
    uint64_t round;    /* of tasks given so far */
    uint32_t num_busy; /* members that have not ended this round */
    bool stops;
    uint32_t num;
    struct member members[TYTO_CREW_MAX];
};

static void *work(void *user)
{
    struct member *me = user;
    struct tyto_crew *crew = me->crew;
    uint64_t round = 0;

    pthread_mutex_lock(&crew->mutex);
    for (;;) {
        while (crew->round == round && !crew->stops)
            pthread_cond_wait(&crew->begin, &crew->mutex);
        if (crew->stops)
            break;
        round = crew->round;
        pthread_mutex_unlock(&crew->mutex);
        me->err = crew->task(crew->user, me->idx);
        pthread_mutex_lock(&crew->mutex);
        if (--crew->num_busy == 0)
            pthread_cond_signal(&crew->end);
    }
    pthread_mutex_unlock(&crew->mutex);
    return NULL;
}

enum tyto_err tyto_crew_create(uint32_t num, struct tyto_crew **ret_crew)
{
    struct tyto_crew *crew = NULL;

    if (num == 0 || num > TYTO_CREW_MAX)
        return TYTO_ERR_INVALID;
    crew = calloc(1, sizeof(*crew));
    if (!crew)
        return TYTO_ERR_NOMEM;
    crew->num = num;
    (void)pthread_mutex_init(&crew->mutex, NULL);
    (void)pthread_cond_init(&crew->begin, NULL);
    (void)pthread_cond_init(&crew->end, NULL);
    for (uint32_t i = 1; i < num; i++) {
        struct member *member = &crew->members[i];

        member->crew = crew;
        member->idx = i;
        member->is_up = pthread_create(&member->thread, NULL, work, member) == 0;
        if (!member->is_up) {
            tyto_crew_destroy(&crew);
            return TYTO_ERR_NOMEM;
        }
    }
    *ret_crew = crew;
    return TYTO_OK;
}

void tyto_crew_destroy(struct tyto_crew **crew_ptr)
{
    struct tyto_crew *crew = crew_ptr ? *crew_ptr : NULL;

    if (!crew)
        return;
    *crew_ptr = NULL;
    pthread_mutex_lock(&crew->mutex);
    crew->stops = true;
    pthread_cond_broadcast(&crew->begin);
    pthread_mutex_unlock(&crew->mutex);
    for (uint32_t i = 1; i < crew->num; i++)
        if (crew->members[i].is_up)
            pthread_join(crew->members[i].thread, NULL);
    pthread_cond_destroy(&crew->begin);
    pthread_cond_destroy(&crew->end);
    pthread_mutex_destroy(&crew->mutex);
    free(crew);
}

enum tyto_err tyto_crew_run(struct tyto_crew *crew, enum tyto_err (*task)(void *user, uint32_t idx),
                            void *user)
{
    enum tyto_err err = TYTO_OK;

    pthread_mutex_lock(&crew->mutex);
    crew->task = task;
    crew->user = user;
    crew->num_busy = crew->num - 1;
    crew->round++;
    pthread_cond_broadcast(&crew->begin);
    pthread_mutex_unlock(&crew->mutex);
    crew->members[0].err = task(user, 0);
    pthread_mutex_lock(&crew->mutex);
    while (crew->num_busy > 0)
        pthread_cond_wait(&crew->end, &crew->mutex);
    pthread_mutex_unlock(&crew->mutex);
    for (uint32_t i = 0; i < crew->num && !err; i++)
        err = crew->members[i].err;
    return err;
}
