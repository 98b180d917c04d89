/* SPDX-License-Identifier: MIT */
/* What may be asked of a running daemon, by control socket or signal: how it is, and to change its
 * head or its configuration. */
#ifndef TYTO_DAEMON_ADMIN_H
#define TYTO_DAEMON_ADMIN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/fault.h"
#include "base/log.h"
#include "daemon/heads.h"
#include "daemon/monitor/metrics.h"
#include "daemon/publish/publisher.h"
#include "daemon/reload.h"
#include "daemon/running.h"
#include "files/json.h"
#include "pipeline/engine/engine.h"

/* All borrowed until destroy. */
struct tyto_admin_params {
    const struct tyto_log *log;
    struct tyto_engine *engine;
    struct tyto_publisher *publisher;
    struct tyto_metrics *metrics;
    struct tyto_running *running;
    struct tyto_heads *heads;
    struct tyto_reload *reload;
};

struct tyto_admin;

/* NOMEM. */
TYTO_MUST_CHECK
enum tyto_err tyto_admin_create(const struct tyto_admin_params *params,
                                struct tyto_admin **ret_admin);
/* Waits for a reload that SIGHUP began; false when it takes longer than 8 s. Before the engine
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
/* Reads the configuration again, as SIGHUP asks, and tells systemd; on a thread of its own. Asked
 * for meanwhile, it is done once more. */
void tyto_admin_reload(struct tyto_admin *admin);

#endif
