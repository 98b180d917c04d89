/* SPDX-License-Identifier: MIT */
#include "web/users/hasher.h"

#include <glib.h>
#include <sodium.h>
#include <string.h>

#include "web/users/users.h"

struct check {
    char *hash, *password; /* owned; hash NULL: nobody's */
    void (*done)(void *job, bool is_right);
    void *job;
    bool is_right;
};

struct tyto_hasher {
    GThread *thread;
    GMutex lock; /* guards the rest */
    GCond news;
    GQueue known, others; /* of struct check, owned */
    GQueue ended;         /* checks that are told by the main loop */
    bool stop;
    guint source; /* idle; 0: none */
};

static void free_check(struct check *check)
{
    sodium_memzero(check->password, strlen(check->password));
    g_free(check->password);
    g_free(check->hash);
    g_free(check);
}

static gboolean tell(gpointer user)
{
    struct tyto_hasher *hasher = user;
    g_mutex_lock(&hasher->lock);
    hasher->source = 0;
    GQueue ended = hasher->ended;
    g_queue_init(&hasher->ended);
    g_mutex_unlock(&hasher->lock);
    for (struct check *check; (check = g_queue_pop_head(&ended)) != NULL; free_check(check))
        check->done(check->job, check->is_right);
    return G_SOURCE_REMOVE;
}

static gpointer run(gpointer user)
{
    struct tyto_hasher *hasher = user;
    g_mutex_lock(&hasher->lock);
    while (!hasher->stop) {
        struct check *check = g_queue_pop_head(&hasher->known);
        if (!check)
            check = g_queue_pop_head(&hasher->others);
        if (!check) {
            g_cond_wait(&hasher->news, &hasher->lock);
            continue;
        }
        g_mutex_unlock(&hasher->lock);
        check->is_right = tyto_password_is_right(check->hash, check->password);
        g_mutex_lock(&hasher->lock);
        g_queue_push_tail(&hasher->ended, check);
        if (hasher->source == 0 && !hasher->stop)
            hasher->source = g_idle_add(tell, hasher);
    }
    g_mutex_unlock(&hasher->lock);
    return NULL;
}

struct tyto_hasher *tyto_hasher_new(void)
{
    struct tyto_hasher *hasher = g_new0(struct tyto_hasher, 1);
    g_mutex_init(&hasher->lock);
    g_cond_init(&hasher->news);
    g_queue_init(&hasher->known);
    g_queue_init(&hasher->others);
    g_queue_init(&hasher->ended);
    hasher->thread = g_thread_new("passwords", run, hasher);
    return hasher;
}

void tyto_hasher_free(struct tyto_hasher *hasher)
{
    if (!hasher)
        return;
    g_mutex_lock(&hasher->lock);
    hasher->stop = true;
    g_cond_signal(&hasher->news);
    g_mutex_unlock(&hasher->lock);
    (void)g_thread_join(hasher->thread);
    if (hasher->source != 0)
        g_source_remove(hasher->source);
    GQueue *const queues[] = {&hasher->known, &hasher->others, &hasher->ended};
    for (size_t i = 0; i < G_N_ELEMENTS(queues); i++) {
        for (struct check *check; (check = g_queue_pop_head(queues[i])) != NULL;)
            free_check(check);
    }
    g_mutex_clear(&hasher->lock);
    g_cond_clear(&hasher->news);
    g_free(hasher);
}

bool tyto_hasher_check(struct tyto_hasher *hasher, const char *hash, const char *password,
                       bool is_known, void (*done)(void *job, bool is_right), void *job)
{
    g_mutex_lock(&hasher->lock);
    GQueue *queue = is_known ? &hasher->known : &hasher->others;
    const bool has_room = queue->length < TYTO_HASHER_MAX_WAITING;
    if (has_room) {
        struct check *check = g_new0(struct check, 1);
        *check = (struct check){
            .hash = g_strdup(hash), .password = g_strdup(password), .done = done, .job = job};
        g_queue_push_tail(queue, check);
        g_cond_signal(&hasher->news);
    }
    g_mutex_unlock(&hasher->lock);
    return has_room;
}
