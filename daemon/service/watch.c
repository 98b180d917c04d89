/* SPDX-License-Identifier: MIT */
#include "daemon/service/watch.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/thread.h"
#include "daemon/service/notify.h"
#include "daemon/service/process.h"

/* Time is counted in looks: when the whole process was stopped, or the machine slept, all of its
 * threads stood still alike. */
enum { LOOKS_PER_S = 4, END_WAIT_S = 3 };

struct state {
    uint64_t num_turns;
    uint32_t num_still; /* looks in a row without a turn */
    bool is_told, is_told_of_disk;
    bool has_turned; /* since the watchdog was fed */
};

struct tyto_watch {
    struct tyto_watch_params p;
    struct state states[TYTO_WATCH_MAX];
    pthread_t thread;
    pthread_mutex_t lock; /* guards the next block */
    pthread_cond_t changed;
    bool stop;
    uint64_t end_due_ns; /* 0: nothing is to end yet */
    _Atomic(const char *) standing;
    atomic_uint_fast64_t num_looks;
};

/* --- the thread ------------------------------------------------------------------------------ */

static void tell(struct tyto_watch *watch, const struct tyto_watched *thread, struct state *state)
{
    char text[160];
    if (state->num_still > 0 && !state->is_told) {
        tyto_log_write(
            watch->p.log, TYTO_LOG_ERROR, "watch",
            "the %s thread has stood still for %u s; unless it goes on, the process ends",
            thread->name, state->num_still / LOOKS_PER_S);
        snprintf(text, sizeof(text), "STATUS=the %s thread stands still", thread->name);
        tyto_notify(text);
    } else if (state->num_still == 0 && state->is_told) {
        tyto_log_write(watch->p.log, TYTO_LOG_WARNING, "watch", "the %s thread goes on again",
                       thread->name);
    }
    state->is_told = state->num_still > 0;
    if (watch->p.on_tell)
        watch->p.on_tell(watch->p.user);
}

/* A disk that hangs ends what goes there, and nothing else. */
static bool waits_for_disk(struct tyto_watch *watch, const struct tyto_watched *thread,
                           struct state *state)
{
    const bool is_due = state->num_still >= TYTO_WATCH_TELL_S * LOOKS_PER_S;
    const bool waits =
        is_due && thread->disk_thread && tyto_process_waits_for_disk(thread->disk_thread);
    if (waits && !state->is_told_of_disk)
        tyto_log_write(watch->p.log, TYTO_LOG_ERROR, "watch",
                       "the %s thread has waited for a disk for %u s; all else goes on",
                       thread->name, state->num_still / LOOKS_PER_S);
    if (!is_due && state->is_told_of_disk)
        tyto_log_write(watch->p.log, TYTO_LOG_WARNING, "watch", "the %s thread goes on again",
                       thread->name);
    state->is_told_of_disk = is_due && (waits || state->is_told_of_disk);
    if (waits) /* not a moment longer, should it stand still for another reason afterwards */
        state->num_still = TYTO_WATCH_TELL_S * LOOKS_PER_S;
    return waits;
}

/* True when the thread stands still for good; *ret_standing is its name when it stands still. */
static bool look_at(struct tyto_watch *watch, uint32_t idx, const char **ret_standing)
{
    const struct tyto_watched *thread = &watch->p.threads[idx];
    struct state *state = &watch->states[idx];
    const uint64_t num_turns = thread->num_turns(thread->user);
    state->num_still = num_turns == state->num_turns ? state->num_still + 1 : 0;
    state->num_turns = num_turns;
    const bool at_disk = waits_for_disk(watch, thread, state);
    state->has_turned |= at_disk || state->num_still == 0;
    const bool is_still = !at_disk && state->num_still >= TYTO_WATCH_TELL_S * LOOKS_PER_S;
    if (is_still != state->is_told)
        tell(watch, thread, state);
    if (is_still)
        *ret_standing = thread->name;
    return state->num_still >= TYTO_WATCH_END_S * LOOKS_PER_S;
}

/* Since this was last true. */
static bool all_have_turned(struct tyto_watch *watch)
{
    bool all = true;
    for (uint32_t i = 0; i < watch->p.num_threads; i++)
        all &= watch->states[i].has_turned;
    for (uint32_t i = 0; i < watch->p.num_threads && all; i++)
        watch->states[i].has_turned = false;
    return all;
}

/* True when it is over. */
static bool look(struct tyto_watch *watch, uint64_t *next_feed_ns)
{
    const uint64_t now_ns = tyto_clock_mono_ns();
    const char *name = NULL, *standing = NULL;
    for (uint32_t i = 0; i < watch->p.num_threads && !name; i++) {
        if (look_at(watch, i, &standing))
            name = watch->p.threads[i].name;
    }
    atomic_store(&watch->standing, standing);
    if (watch->p.feed_every_ns > 0 && now_ns >= *next_feed_ns && all_have_turned(watch)) {
        tyto_notify("WATCHDOG=1");
        *next_feed_ns = now_ns + watch->p.feed_every_ns;
    }
    if (name)
        watch->p.on_end(watch->p.user, name);
    return name != NULL;
}

/* Nobody turns any more; only the time runs. True when it is over. */
static bool count_down(struct tyto_watch *watch)
{
    pthread_mutex_lock(&watch->lock);
    const bool is_over = tyto_clock_mono_ns() >= watch->end_due_ns;
    pthread_mutex_unlock(&watch->lock);
    if (is_over)
        watch->p.on_end(watch->p.user, NULL);
    return is_over;
}

static void *run(void *user)
{
    struct tyto_watch *watch = user;
    const uint64_t look_ns = watch->p.scale_ms * TYTO_NS_PER_MS / LOOKS_PER_S;
    uint64_t next_feed_ns = 0;
    bool is_over = false;
    pthread_setname_np(pthread_self(), "tyto-watch");
    while (!is_over) {
        const uint64_t until_ns = tyto_clock_mono_ns() + look_ns;
        pthread_mutex_lock(&watch->lock);
        while (!watch->stop && tyto_cond_wait_until(&watch->changed, &watch->lock, until_ns))
            ;
        is_over = watch->stop;
        const bool is_ending = watch->end_due_ns > 0;
        pthread_mutex_unlock(&watch->lock);
        if (!is_over)
            is_over = is_ending ? count_down(watch) : look(watch, &next_feed_ns);
        atomic_fetch_add(&watch->num_looks, 1);
    }
    return NULL;
}

/* --- life ----------------------------------------------------------------------------------------
 */

enum tyto_err tyto_watch_create(const struct tyto_watch_params *params,
                                struct tyto_watch **ret_watch)
{
    struct tyto_watch *watch = calloc(1, sizeof(*watch));
    if (!watch)
        return TYTO_ERR_NOMEM;
    watch->p = *params;
    if (watch->p.scale_ms == 0)
        watch->p.scale_ms = 1000;
    pthread_mutex_init(&watch->lock, NULL);
    tyto_cond_init(&watch->changed);
    if (pthread_create(&watch->thread, NULL, run, watch) != 0) {
        pthread_cond_destroy(&watch->changed);
        pthread_mutex_destroy(&watch->lock);
        free(watch);
        return TYTO_ERR_NOMEM;
    }
    *ret_watch = watch;
    return TYTO_OK;
}

void tyto_watch_expect_end(struct tyto_watch *watch, uint32_t limit_s)
{
    if (!watch)
        return;
    pthread_mutex_lock(&watch->lock);
    watch->end_due_ns = tyto_clock_mono_ns() + limit_s * watch->p.scale_ms * TYTO_NS_PER_MS;
    pthread_mutex_unlock(&watch->lock);
}

uint64_t tyto_watch_num_looks(const struct tyto_watch *watch)
{
    return watch ? atomic_load(&watch->num_looks) : 0;
}

const char *tyto_watch_standing(const struct tyto_watch *watch)
{
    return watch ? atomic_load(&watch->standing) : NULL;
}

void tyto_watch_destroy(struct tyto_watch **watch)
{
    if (!watch || !*watch)
        return;
    struct tyto_watch *self = *watch;
    *watch = NULL;
    pthread_mutex_lock(&self->lock);
    self->stop = true;
    pthread_cond_broadcast(&self->changed);
    pthread_mutex_unlock(&self->lock);
    if (!tyto_thread_join(self->thread, END_WAIT_S * TYTO_NS_PER_S))
        return; /* its own until the process ends */
    pthread_cond_destroy(&self->changed);
    pthread_mutex_destroy(&self->lock);
    free(self);
}
