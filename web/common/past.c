/* SPDX-License-Identifier: MIT */
/* One batch at a time goes over: the thread waits until the main loop has taken it, so that memory
 * stays bounded. */
#include "web/common/past.h"

#include <glib.h>
#include <stdbool.h>

#include "client/query.h"

enum { TIMEOUT_MS = 3000 };

struct tyto_past {
    struct tyto_past_source source;
    uint32_t max;
    void (*take)(void *user, const struct tyto_event *event, uint32_t num_before);
    void (*done)(void *user, uint32_t num_events);
    void *user;
    GThread *thread;
    GMutex lock; /* guards the rest */
    GCond taken;
    struct tyto_event *batch; /* (TYTO_PAST_BATCH) owned */
    uint32_t num_batch, num_before;
    bool is_handed; /* the batch is the main loop's */
    bool is_over;   /* nothing more comes */
    bool stop;
    guint idle; /* source; 0: none */
};

static gboolean take_batch(gpointer user)
{
    struct tyto_past *past = user;
    g_mutex_lock(&past->lock);
    for (uint32_t i = 0; i < past->num_batch; i++)
        past->take(past->user, &past->batch[i], past->num_before + i);
    past->num_before += past->num_batch;
    past->num_batch = 0;
    past->is_handed = false;
    past->idle = 0;
    const bool is_over = past->is_over;
    g_cond_signal(&past->taken);
    g_mutex_unlock(&past->lock);
    if (is_over)
        past->done(past->user, past->num_before);
    return G_SOURCE_REMOVE;
}

/* Locked; waits until the main loop has taken what there is. */
static void hand_over(struct tyto_past *past)
{
    past->is_handed = true;
    past->idle = g_idle_add(take_batch, past);
    while (past->is_handed && !past->stop)
        g_cond_wait(&past->taken, &past->lock);
}

static bool visit(void *user, const struct tyto_message *message)
{
    struct tyto_past *past = user;
    if (message->kind != TYTO_MESSAGE_EVENT)
        return true;
    g_mutex_lock(&past->lock);
    if (!past->stop)
        past->batch[past->num_batch++] = message->u.event;
    if (!past->stop && past->num_batch == TYTO_PAST_BATCH)
        hand_over(past);
    const bool goes_on = !past->stop;
    g_mutex_unlock(&past->lock);
    return goes_on;
}

static gpointer ask(gpointer user)
{
    struct tyto_past *past = user;
    const struct tyto_query_params params = {.endpoint = past->source.endpoint,
                                             .server_key = past->source.server_key,
                                             .secret_key = past->source.key,
                                             .timeout_ms = TIMEOUT_MS};
    const struct tyto_query_filter filter = {.is_newest_first = true, .limit = past->max};
    struct tyto_query *query = NULL;
    /* What cannot be asked is simply not there: tytod may keep no journal. */
    if (tyto_query_create(&params, &query) == TYTO_OK)
        (void)!tyto_query_list(query, &filter, NULL, visit, past);
    tyto_query_destroy(&query);
    g_mutex_lock(&past->lock);
    past->is_over = true;
    if (!past->stop)
        hand_over(past);
    g_mutex_unlock(&past->lock);
    return NULL;
}

struct tyto_past *tyto_past_new(const struct tyto_past_source *source, uint32_t max,
                                void (*take)(void *user, const struct tyto_event *event,
                                             uint32_t num_before),
                                void (*done)(void *user, uint32_t num_events), void *user)
{
    struct tyto_past *past = g_new0(struct tyto_past, 1);
    past->source = *source;
    past->max = max;
    past->take = take;
    past->done = done;
    past->user = user;
    past->batch = g_new0(struct tyto_event, TYTO_PAST_BATCH);
    g_mutex_init(&past->lock);
    g_cond_init(&past->taken);
    past->thread = g_thread_new("past", ask, past);
    return past;
}

void tyto_past_free(struct tyto_past *past)
{
    if (!past)
        return;
    g_mutex_lock(&past->lock);
    past->stop = true;
    g_cond_signal(&past->taken);
    g_mutex_unlock(&past->lock);
    (void)g_thread_join(past->thread);
    if (past->idle != 0)
        g_source_remove(past->idle);
    g_mutex_clear(&past->lock);
    g_cond_clear(&past->taken);
    g_free(past->batch);
    g_free(past);
}
