/* SPDX-License-Identifier: MIT */
#include "cli/bridge/core/phases.h"

bool tyto_phases_want(enum tyto_phases phases, enum tyto_event_phase phase)
{
    switch (phases) {
    case TYTO_PHASES_NEW:
        return phase == TYTO_EVENT_PHASE_NEW;
    case TYTO_PHASES_ALL:
        return true;
    case TYTO_PHASES_AUTO:
    case TYTO_PHASES_ENDS:
        break;
    }
    return phase != TYTO_EVENT_PHASE_UPDATE;
}
