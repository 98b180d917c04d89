/* SPDX-License-Identifier: MIT */
/* The head that serves: changed on request, kept over restarts, and told on md/. Every change and
 * every refusal is logged and published. */
#ifndef TYTO_DAEMON_HEADS_H
#define TYTO_DAEMON_HEADS_H

#include "base/err.h"
#include "base/fault.h"
#include "base/log.h"
#include "daemon/config/config.h"
#include "daemon/publish/publisher.h"
#include "daemon/running.h"
#include "files/digest.h"
#include "pipeline/engine/engine.h"

struct tyto_heads_params {
    const struct tyto_log *log; /* all borrowed until destroy */
    struct tyto_engine *engine;
    struct tyto_publisher *publisher;
    struct tyto_running *running;
    const struct tyto_config *config; /* whose first head serves; until create returns */
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
/* The one that serves was pushed: the next start begins with it, if its copy can be kept. Called
 * after a change. */
void tyto_heads_keep(struct tyto_heads *heads, const struct tyto_config *config,
                     const char *digest);

struct tyto_heads_places {
    char path[TYTO_CONFIG_PATH_MAX];  /* where the one that serves was read */
    char first[TYTO_CONFIG_PATH_MAX]; /* what a start, or a reload, begins with */
    char first_digest[TYTO_DIGEST_HEX_BYTES];
    char before[TYTO_CONFIG_PATH_MAX]; /* what served before the last push; "": there was none */
};
void tyto_heads_get_places(struct tyto_heads *heads, struct tyto_heads_places *ret_places);
/* The configuration may name another head now. */
void tyto_heads_look(struct tyto_heads *heads, const struct tyto_config *config);

#endif
