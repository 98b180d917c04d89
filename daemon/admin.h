/* SPDX-License-Identifier: MIT */
/* What may be asked of a running daemon, by control socket or signal: how it is, and to change
 * its head. Every change and every refusal is logged and published on md/. */
#ifndef TYTO_DAEMON_ADMIN_H
#define TYTO_DAEMON_ADMIN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/fault.h"
#include "base/log.h"
#include "daemon/config/config.h"
#include "daemon/monitor/metrics.h"
#include "daemon/publish/publisher.h"
#include "files/json.h"
#include "pipeline/engine/engine.h"

struct tyto_admin_params {
    const struct tyto_config *config; /* all borrowed until destroy */
    const struct tyto_log *log;
    struct tyto_engine *engine;
    struct tyto_publisher *publisher;
    struct tyto_metrics *metrics;
    struct tyto_access *access; /* NULL: no keys */
};

struct tyto_admin;

/* NOMEM. */
TYTO_MUST_CHECK
enum tyto_err tyto_admin_create(const struct tyto_admin_params *params,
                                struct tyto_admin **ret_admin);
/* Waits for a reload that is under way; false when it takes longer than 2 s. Before the engine
 * ends.
 */
bool tyto_admin_finish(struct tyto_admin *admin);
void tyto_admin_destroy(struct tyto_admin **admin);

/* {"command": "status"}, {"command": "config"}, {"command": "metrics"}, {"command": "swap", "path":
 * "/..."},
 * {"command": "reload"}; other keys are refused. Answers have "ok". As tyto_control_params.answer:
 * user is the admin. Any thread but the inference thread; a swap holds up those that ask meanwhile,
 * not the cameras. */
struct tyto_json *tyto_admin_answer(void *user, const struct tyto_json *request);
/* Reads the file of clients again at once, and the head's file of the configuration, as SIGHUP
 * asks, and tells systemd; on a thread of its own. Asked for meanwhile, it is done once more. */
void tyto_admin_reload(struct tyto_admin *admin);

/* How many cameras have failed for good; each is logged with where it is and why. */
uint32_t tyto_admin_tell_failed(struct tyto_admin *admin);

/* A camera as it is now. */
struct tyto_admin_camera {
    char id[TYTO_ID_MAX + 1];
    struct tyto_camera_state state; /* status 0: nothing was told of it yet */
    struct tyto_camera_counts counts;
};
/* Of all cameras, as the configuration orders them. *ret_cameras is owned: free(). NOMEM. Any
 * thread. */
TYTO_MUST_CHECK
enum tyto_err tyto_admin_get_cameras(struct tyto_admin *admin,
                                     struct tyto_admin_camera **ret_cameras, uint32_t *ret_num);

/* From the engine's callbacks. */
void tyto_admin_keep_state(struct tyto_admin *admin, const struct tyto_camera_state *state);
void tyto_admin_head_changed(struct tyto_admin *admin, const struct tyto_engine_head *head);

#endif
