/* SPDX-License-Identifier: MIT */
/* Recordings around events, as the configuration wants them, and what the log says
 * of them. Every function takes NULL: nothing is recorded. */
#ifndef TYTO_DAEMON_RECORDING_H
#define TYTO_DAEMON_RECORDING_H

#include "base/err.h"
#include "base/fault.h"
#include "base/log.h"
#include "daemon/config/config.h"
#include "pipeline/record/record.h"

struct tyto_recording;

/* *ret_recording is NULL when the configuration wants none. log is borrowed until destroy. NOMEM.
 */
TYTO_MUST_CHECK
enum tyto_err tyto_recording_create(const struct tyto_config *config, const struct tyto_log *log,
                                    struct tyto_recording **ret_recording,
                                    struct tyto_fault *ret_fault);
/* Finishes what is being written; at most 15 s. */
/* False: its thread hangs in a disk and is left behind; the process should _exit(). */
bool tyto_recording_destroy(struct tyto_recording **recording);
/* Of its thread. Any thread. */
uint64_t tyto_recording_num_turns(const struct tyto_recording *recording);

/* What the camera's coded data go to; NULL when it is not recorded. look_ahead: the engine's, in
 * segments. Borrowed until the camera is removed. */
TYTO_MUST_CHECK
enum tyto_err tyto_recording_add_camera(struct tyto_recording *recording,
                                        const struct tyto_config *config,
                                        const struct tyto_config_camera *camera,
                                        uint32_t look_ahead, struct tyto_tap **ret_tap);
/* It is gone, and its events have ended. */
void tyto_recording_remove_camera(struct tyto_recording *recording, const char *camera_id);
/* Times and limits of another configuration, for what is recorded from now on; its folder is the
 * same. */
void tyto_recording_change(struct tyto_recording *recording, const struct tyto_config *config,
                           uint32_t look_ahead);
/* Sets event->clip_uri. Any thread; never waits. */
void tyto_recording_event(struct tyto_recording *recording, struct tyto_event *event);
/* A segment of the camera was evaluated; before its events. Any thread; never waits. */
void tyto_recording_progress(struct tyto_recording *recording, const char *camera_id,
                             int64_t end_media_ns);
/* Says once when recording begins to fail, and when it works again. Main thread. */
void tyto_recording_tick(struct tyto_recording *recording);
/* Not NULL. Any thread. */
void tyto_recording_get_status(const struct tyto_recording *recording,
                               struct tyto_recorder_status *ret_status);
const char *tyto_recording_dir(const struct tyto_recording *recording);
/* One line of figures for the log. Main thread. */
void tyto_recording_summary(struct tyto_recording *recording);

#endif
