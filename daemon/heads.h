/* SPDX-License-Identifier: MIT */
/* The head that serves: changed on request, and told on md/. Every change and every refusal is
 * logged and published. */
#ifndef TYTO_DAEMON_HEADS_H
#define TYTO_DAEMON_HEADS_H

#include "base/err.h"
#include "base/fault.h"
#include "base/log.h"
#include "daemon/config/config.h"
#include "daemon/publish/publisher.h"
#include "daemon/running.h"
#include "pipeline/engine/engine.h"

struct tyto_heads_params {
    const struct tyto_log *log; /* all borrowed until destroy */
    struct tyto_engine *engine;
    struct tyto_publisher *publisher;
    struct tyto_running *running;
    const char *path; /* of the head that serves; copied */
};

struct tyto_heads;

/* Tells of the one that serves. NOMEM. */
TYTO_MUST_CHECK
enum tyto_err tyto_heads_create(const struct tyto_heads_params *params,
                                struct tyto_heads **ret_heads);
void tyto_heads_destroy(struct tyto_heads **heads);

/* As tyto_engine_change(). One call at a time, but for the two below. */
TYTO_MUST_CHECK
enum tyto_err tyto_heads_change(struct tyto_heads *heads, const char *path,
                                const struct tyto_engine_tuning *tuning,
                                struct tyto_swap_result *ret_result, struct tyto_fault *ret_fault);
/* A head that did not even get as far as the engine. */
void tyto_heads_refused(struct tyto_heads *heads, const struct tyto_fault *fault);
/* Tells of the one that serves once more: the configuration has another number. */
void tyto_heads_tell(struct tyto_heads *heads);
/* From the engine's callbacks: another head, and the same one on another device. */
void tyto_heads_changed(struct tyto_heads *heads, const struct tyto_engine_head *head);
void tyto_heads_moved(struct tyto_heads *heads, const struct tyto_engine_head *head,
                      const char *text);
/* Where the one that serves was read. */
void tyto_heads_get_path(struct tyto_heads *heads, char ret_path[TYTO_CONFIG_PATH_MAX]);

#endif
