/* SPDX-License-Identifier: MIT */
/* What whoever subscribes to dbg/ gets of a segment. */
#ifndef TYTO_DAEMON_DEBUG_SCORES_H
#define TYTO_DAEMON_DEBUG_SCORES_H

#include "pipeline/engine/engine.h"
#include "proto/event.h"

/* The classes that score highest, TYTO_DEBUG_MAX_TOP at most. */
void tyto_debug_scores_make(const struct tyto_segment_result *result,
                            struct tyto_debug_scores *ret_debug);

#endif
