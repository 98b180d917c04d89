/* SPDX-License-Identifier: MIT */
#include "daemon/publish/backlog.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

struct tyto_backlog {
    pthread_mutex_t lock; /* guards all of it; never held while waiting */
    uint32_t begin;       /* of the circle */
    atomic_uint_fast32_t num;
    struct tyto_outgoing *all[TYTO_BACKLOG_MAX];
};

enum tyto_err tyto_backlog_create(struct tyto_backlog **ret_backlog)
{
    struct tyto_backlog *backlog = calloc(1, sizeof(*backlog));
    if (!backlog)
        return TYTO_ERR_NOMEM;
    pthread_mutex_init(&backlog->lock, NULL);
    *ret_backlog = backlog;
    return TYTO_OK;
}

void tyto_backlog_destroy(struct tyto_backlog **backlog)
{
    if (!backlog || !*backlog)
        return;
    tyto_backlog_drop(*backlog, TYTO_BACKLOG_MAX);
    pthread_mutex_destroy(&(*backlog)->lock);
    free(*backlog);
    *backlog = NULL;
}

uint32_t tyto_backlog_num(const struct tyto_backlog *backlog)
{
    return (uint32_t)atomic_load(&backlog->num);
}

static struct tyto_outgoing **at(struct tyto_backlog *backlog, uint32_t idx)
{
    return &backlog->all[(backlog->begin + idx) % TYTO_BACKLOG_MAX];
}

/* Locked. */
static void drop_oldest(struct tyto_backlog *backlog)
{
    tyto_outgoing_release(*at(backlog, 0));
    backlog->begin = (backlog->begin + 1) % TYTO_BACKLOG_MAX;
    atomic_fetch_sub(&backlog->num, 1);
}

uint32_t tyto_backlog_put(struct tyto_backlog *backlog, struct tyto_outgoing *outgoing)
{
    pthread_mutex_lock(&backlog->lock);
    const bool is_full = tyto_backlog_num(backlog) == TYTO_BACKLOG_MAX;
    if (is_full)
        drop_oldest(backlog);
    atomic_fetch_add(&outgoing->num_refs, 1);
    *at(backlog, tyto_backlog_num(backlog)) = outgoing;
    atomic_fetch_add(&backlog->num, 1);
    pthread_mutex_unlock(&backlog->lock);
    return is_full;
}

/* The first whose seq is not below; num where there is none. Locked. */
static uint32_t find(struct tyto_backlog *backlog, uint64_t seq)
{
    uint32_t low = 0, high = tyto_backlog_num(backlog);
    while (low < high) {
        const uint32_t middle = low + (high - low) / 2;
        if ((*at(backlog, middle))->envelope.seq < seq)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

uint32_t tyto_backlog_take(struct tyto_backlog *backlog, uint64_t from_seq,
                           struct tyto_outgoing **ret_outgoing, uint32_t max)
{
    uint32_t num = 0;
    pthread_mutex_lock(&backlog->lock);
    const uint32_t first = find(backlog, from_seq);
    while (num < max && first + num < tyto_backlog_num(backlog)) {
        ret_outgoing[num] = *at(backlog, first + num);
        atomic_fetch_add(&ret_outgoing[num]->num_refs, 1);
        num++;
    }
    pthread_mutex_unlock(&backlog->lock);
    return num;
}

void tyto_backlog_drop(struct tyto_backlog *backlog, uint32_t num)
{
    pthread_mutex_lock(&backlog->lock);
    for (uint32_t i = 0; i < num && tyto_backlog_num(backlog) > 0; i++)
        drop_oldest(backlog);
    pthread_mutex_unlock(&backlog->lock);
}
