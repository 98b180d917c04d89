/* SPDX-License-Identifier: MIT */
/* Where the networks lie, and whether they fit the configuration; before any of
 * them is loaded. */
#ifndef TYTO_DAEMON_MODELS_H
#define TYTO_DAEMON_MODELS_H

#include "base/err.h"
#include "base/fault.h"
#include "daemon/config/config.h"

/* Fills in config->models: what the configuration names, else as tyto_model_paths_find(); and the
 * head to begin with, which may be one that was pushed.
 * NOT_FOUND, FORMAT (a broken file), INVALID (a rule for a class that the head
 * does not know), each with what to do about it. */
TYTO_MUST_CHECK
enum tyto_err tyto_config_find_models(struct tyto_config *config, struct tyto_fault *ret_fault);

#endif
