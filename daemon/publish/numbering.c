/* SPDX-License-Identifier: MIT */
#include "daemon/publish/numbering.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "daemon/publish/counters.h"

struct tyto_numbering {
    pthread_mutex_t order; /* held from numbering to queueing, before `lock` */
    bool is_stuck;         /* the queue was full for as long as one waits; guarded by `order` */
    pthread_mutex_t lock;  /* guards the numbers; never held while waiting */
    struct tyto_counters *counters;
    uint64_t seq;      /* given */
    uint64_t sent_seq; /* sent, or lost with nothing behind it */
    atomic_uint_fast64_t num_lost;
};

enum tyto_err tyto_numbering_create(struct tyto_numbering **ret_numbering)
{
    struct tyto_numbering *numbering = calloc(1, sizeof(*numbering));
    if (!numbering)
        return TYTO_ERR_NOMEM;
    const enum tyto_err err = tyto_counters_create(&numbering->counters);
    if (err) {
        free(numbering);
        return err;
    }
    pthread_mutex_init(&numbering->order, NULL);
    pthread_mutex_init(&numbering->lock, NULL);
    *ret_numbering = numbering;
    return TYTO_OK;
}

void tyto_numbering_destroy(struct tyto_numbering **numbering)
{
    if (!numbering || !*numbering)
        return;
    tyto_counters_destroy(&(*numbering)->counters);
    pthread_mutex_destroy(&(*numbering)->lock);
    pthread_mutex_destroy(&(*numbering)->order);
    free(*numbering);
    *numbering = NULL;
}

void tyto_numbering_restore(struct tyto_numbering *numbering, uint64_t seq)
{
    numbering->seq = numbering->sent_seq = seq;
}

enum tyto_err tyto_numbering_restore_counter(struct tyto_numbering *numbering, const char *camera,
                                             const char *class_name, uint64_t num)
{
    return tyto_counters_restore(numbering->counters, camera, class_name, num);
}

/* --- giving ------------------------------------------------------------------------------------
 */

static enum tyto_err next(struct tyto_numbering *numbering, const char *camera,
                          const char *class_name, struct tyto_envelope *ret_numbers)
{
    enum tyto_err err = TYTO_OK;
    pthread_mutex_lock(&numbering->lock);
    ret_numbers->seq = ++numbering->seq;
    if (camera)
        err = tyto_counters_next(numbering->counters, camera, class_name, &ret_numbers->cam_seq,
                                 &ret_numbers->class_seq);
    pthread_mutex_unlock(&numbering->lock);
    return err;
}

enum tyto_err tyto_numbering_number(struct tyto_numbering *numbering,
                                    struct tyto_envelope *envelope)
{
    const bool is_event = envelope->kind == TYTO_ENVELOPE_EVENT;
    const char *camera = NULL;
    if (is_event)
        camera = envelope->body.event.camera;
    else if (envelope->kind == TYTO_ENVELOPE_CAMERA_STATE)
        camera = envelope->body.camera_state.camera;
    return next(numbering, camera, is_event ? envelope->body.event.class_name : NULL, envelope);
}

void tyto_numbering_skip(struct tyto_numbering *numbering, const char *camera,
                         const char *class_name)
{
    struct tyto_envelope numbers;
    pthread_mutex_lock(&numbering->order);
    (void)!next(numbering, camera, class_name, &numbers);
    atomic_fetch_add(&numbering->num_lost, 1);
    pthread_mutex_unlock(&numbering->order);
}

/* Ordered. */
static enum tyto_err queue(struct tyto_numbering *numbering, struct tyto_ring *ring,
                           struct tyto_envelope *envelope, uint32_t wait_ms)
{
    const struct timespec one_ms = {0, (long)TYTO_NS_PER_MS};
    enum tyto_err err = tyto_ring_push(ring, envelope);
    /* Whoever comes after one who has waited in vain does not wait, too. */
    for (uint32_t ms = 0; err == TYTO_ERR_FULL && !numbering->is_stuck && ms < wait_ms; ms++) {
        nanosleep(&one_ms, NULL);
        err = tyto_ring_push(ring, envelope);
    }
    numbering->is_stuck = err == TYTO_ERR_FULL && (numbering->is_stuck || wait_ms > 0);
    return err;
}

enum tyto_err tyto_numbering_push(struct tyto_numbering *numbering, struct tyto_ring *ring,
                                  struct tyto_envelope *envelope, uint32_t wait_ms)
{
    if (wait_ms == 0 && pthread_mutex_trylock(&numbering->order) != 0) {
        free(envelope);
        return TYTO_ERR_FULL;
    }
    if (wait_ms > 0)
        pthread_mutex_lock(&numbering->order);
    enum tyto_err err = tyto_numbering_number(numbering, envelope);
    if (!err)
        err = queue(numbering, ring, envelope, wait_ms);
    if (err) {
        atomic_fetch_add(&numbering->num_lost, 1);
        free(envelope);
    }
    pthread_mutex_unlock(&numbering->order);
    return err;
}

uint64_t tyto_numbering_num_lost(const struct tyto_numbering *numbering)
{
    return atomic_load(&numbering->num_lost);
}

/* --- the publisher's thread ----------------------------------------------------------------- */

void tyto_numbering_note_sent(struct tyto_numbering *numbering,
                              const struct tyto_envelope *envelope)
{
    pthread_mutex_lock(&numbering->lock);
    numbering->sent_seq = envelope->seq;
    if (envelope->kind == TYTO_ENVELOPE_EVENT) {
        tyto_counters_note_sent(numbering->counters, envelope->body.event.camera,
                                envelope->cam_seq);
    } else if (envelope->kind == TYTO_ENVELOPE_CAMERA_STATE) {
        tyto_counters_note_sent(numbering->counters, envelope->body.camera_state.camera,
                                envelope->cam_seq);
        tyto_counters_keep_state(numbering->counters, &envelope->body.camera_state);
    }
    pthread_mutex_unlock(&numbering->lock);
}

uint64_t tyto_numbering_last_seq(struct tyto_numbering *numbering,
                                 bool (*has_none)(const void *user), const void *user)
{
    /* Who is about to queue holds `order`: then what is given is not sent yet, and is told of with
     * the next heartbeat. */
    const bool is_ordered = pthread_mutex_trylock(&numbering->order) == 0;
    pthread_mutex_lock(&numbering->lock);
    if (is_ordered && has_none(user)) {
        numbering->sent_seq = numbering->seq;
        tyto_counters_note_all_sent(numbering->counters);
    }
    const uint64_t seq = numbering->sent_seq;
    pthread_mutex_unlock(&numbering->lock);
    if (is_ordered)
        pthread_mutex_unlock(&numbering->order);
    return seq;
}

uint32_t tyto_numbering_num_cameras(struct tyto_numbering *numbering)
{
    pthread_mutex_lock(&numbering->lock);
    const uint32_t num = tyto_counters_num_cameras(numbering->counters);
    pthread_mutex_unlock(&numbering->lock);
    return num;
}

void tyto_numbering_get_camera(struct tyto_numbering *numbering, uint32_t camera_idx,
                               struct tyto_camera_seq *ret_seq)
{
    pthread_mutex_lock(&numbering->lock);
    tyto_counters_get_camera(numbering->counters, camera_idx, ret_seq);
    pthread_mutex_unlock(&numbering->lock);
}

bool tyto_numbering_get_state(struct tyto_numbering *numbering, uint32_t camera_idx,
                              struct tyto_camera_state *ret_state)
{
    pthread_mutex_lock(&numbering->lock);
    const struct tyto_camera_state *state =
        tyto_counters_get_state(numbering->counters, camera_idx);
    if (state)
        *ret_state = *state;
    pthread_mutex_unlock(&numbering->lock);
    return state != NULL;
}
