/* SPDX-License-Identifier: MIT */
#include "client/repeats.h"

#include <stdio.h>
#include <string.h>

void tyto_repeats_restart(struct tyto_repeats *self)
{
    self->num_cameras = 0;
    self->is_model_told = false;
}

/* An END of an earlier run may be one that has been told: by that run, or when somebody came. */
static bool take_end(struct tyto_repeats *self, const struct tyto_event *event)
{
    if (event->phase != TYTO_EVENT_PHASE_END)
        return false;
    const bool may_repeat = event->reason == TYTO_EVENT_REASON_RECOVERED;
    for (uint32_t i = 0; i < TYTO_REPEATS_ENDS && may_repeat; i++) {
        if (strcmp(self->ends[i], event->id) == 0)
            return true;
    }
    memcpy(self->ends[self->num_ends++ % TYTO_REPEATS_ENDS], event->id, sizeof(event->id));
    return false;
}

bool tyto_repeats_take(struct tyto_repeats *self, const struct tyto_envelope *envelope)
{
    if (envelope->kind == TYTO_ENVELOPE_EVENT)
        return take_end(self, &envelope->body.event);
    if (envelope->kind == TYTO_ENVELOPE_MODEL_STATE) {
        const bool is_repeat = envelope->seq == 0 && self->is_model_told;
        self->is_model_told = true;
        return is_repeat;
    }
    if (envelope->kind != TYTO_ENVELOPE_CAMERA_STATE)
        return false;
    const char *camera = envelope->body.camera_state.camera;
    for (uint32_t i = 0; i < self->num_cameras; i++) {
        if (strcmp(self->cameras[i], camera) == 0)
            return envelope->seq == 0;
    }
    if (self->num_cameras < TYTO_REPEATS_CAMERAS)
        snprintf(self->cameras[self->num_cameras++], TYTO_ID_MAX + 1, "%s", camera);
    return false;
}
