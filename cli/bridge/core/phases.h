/* SPDX-License-Identifier: MIT */
/* Which messages about an event are delivered. */
#ifndef TYTO_CLI_BRIDGE_CORE_PHASES_H
#define TYTO_CLI_BRIDGE_CORE_PHASES_H

#include <stdbool.h>

#include "base/words.h"
#include "proto/event.h"

#define TYTO_PHASES_LIST(X)                                                                        \
    X(TYTO_PHASES_AUTO, "auto", "new for ntfy and slack, else ends")                               \
    X(TYTO_PHASES_NEW, "new", "that it began")                                                     \
    X(TYTO_PHASES_ENDS, "ends", "that it began, that it ended, that it was taken back")            \
    X(TYTO_PHASES_ALL, "all", "updates in between as well")
enum tyto_phases { TYTO_PHASES_LIST(TYTO_WORD_ENUM) };

/* AUTO counts as ENDS. */
bool tyto_phases_want(enum tyto_phases phases, enum tyto_event_phase phase);

#endif
