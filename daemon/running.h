/* SPDX-License-Identifier: MIT */
/* The configuration that runs, its number, and what its cameras said last: for whoever asks. A
 * reload puts another one in its place. Any thread. */
#ifndef TYTO_DAEMON_RUNNING_H
#define TYTO_DAEMON_RUNNING_H

#include <stdint.h>

#include "base/err.h"
#include "base/log.h"
#include "daemon/config/config.h"
#include "pipeline/engine/engine.h"
#include "proto/event.h"

struct tyto_running;

/* first is borrowed until destroy: its number is 1. NOMEM. */
TYTO_MUST_CHECK
enum tyto_err tyto_running_create(const struct tyto_config *first,
                                  struct tyto_running **ret_running);
void tyto_running_destroy(struct tyto_running **running);

/* Borrowed until unlock, which comes soon. */
const struct tyto_config *tyto_running_lock(struct tyto_running *running);
void tyto_running_unlock(struct tyto_running *running);
/* The same for whoever exchanges it: borrowed until it has. */
const struct tyto_config *tyto_running_config(struct tyto_running *running);
/* Makes room for an exchange, which cannot fail then. NOMEM. */
TYTO_MUST_CHECK
enum tyto_err tyto_running_prepare(struct tyto_running *running, const struct tyto_config *next);
/* next (*taken*) runs from now on; states go with the cameras' ids. Gives back what ran before, to
 * be destroyed by the caller with tyto_running_drop(). */
const struct tyto_config *tyto_running_exchange(struct tyto_running *running,
                                                const struct tyto_config *next);
void tyto_running_drop(struct tyto_running *running, const struct tyto_config *config);

/* As events and models' states carry it. A reload sets it before anything changes. */
uint32_t tyto_running_generation(struct tyto_running *running);
void tyto_running_set_generation(struct tyto_running *running, uint32_t generation);

/* Of a camera that runs; others' are let be. */
void tyto_running_keep_state(struct tyto_running *running, const struct tyto_camera_state *state);

/* A camera as it is now. */
struct tyto_running_camera {
    char id[TYTO_ID_MAX + 1];
    struct tyto_camera_state state; /* status 0: nothing was told of it yet */
    struct tyto_camera_counts counts;
};
/* Of all cameras, as the configuration orders them. *ret_cameras is owned: free(). NOMEM. */
TYTO_MUST_CHECK
enum tyto_err tyto_running_get_cameras(struct tyto_running *running, struct tyto_engine *engine,
                                       struct tyto_running_camera **ret_cameras, uint32_t *ret_num);
/* How many cameras have failed for good; each is logged with where it is and why. */
uint32_t tyto_running_tell_failed(struct tyto_running *running, const struct tyto_log *log);

#endif
