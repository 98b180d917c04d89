/* SPDX-License-Identifier: MIT */
/* Cameras of a configuration, into the engine and out of it, with their recordings. */
#ifndef TYTO_DAEMON_CAMERAS_H
#define TYTO_DAEMON_CAMERAS_H

#include "base/err.h"
#include "base/fault.h"
#include "base/log.h"
#include "daemon/config/config.h"
#include "daemon/recording.h"
#include "pipeline/engine/engine.h"

/* All borrowed. */
struct tyto_isolation;

struct tyto_cameras {
    const struct tyto_log *log;
    struct tyto_engine *engine;
    struct tyto_recording *recording;       /* NULL: nothing is recorded */
    const struct tyto_isolation *isolation; /* of those with a process of their own */
};

/* As tyto_engine_add_camera(); *ret_fault names the camera's line. */
TYTO_MUST_CHECK
enum tyto_err tyto_cameras_add(const struct tyto_cameras *cameras, const struct tyto_config *config,
                               const struct tyto_config_camera *camera,
                               struct tyto_fault *ret_fault);
/* Says in the log that nothing is watched, and what to do, where that is so. */
void tyto_cameras_tell_none(const struct tyto_cameras *cameras, const struct tyto_config *config);
/* Asks it to go, if it is there; finish waits until it has gone, its events have ended, and lets
 * its recordings be written. TIMEOUT: it has not gone in time. */
void tyto_cameras_stop(const struct tyto_cameras *cameras, const char *id);
TYTO_MUST_CHECK
enum tyto_err tyto_cameras_finish(const struct tyto_cameras *cameras, const char *id);

#endif
