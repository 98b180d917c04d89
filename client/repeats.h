/* SPDX-License-Identifier: MIT */
/* What a daemon repeats for newcomers, and who has been there has been given. Of client/ alone. */
#ifndef TYTO_CLIENT_REPEATS_H
#define TYTO_CLIENT_REPEATS_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/event.h"

enum { TYTO_REPEATS_CAMERAS = 256, TYTO_REPEATS_ENDS = 256 };

struct tyto_repeats {
    /* Whose state has been told: repeats, which come whenever anyone subscribes, stay out. */
    char cameras[TYTO_REPEATS_CAMERAS][TYTO_ID_MAX + 1];
    uint32_t num_cameras;
    bool is_model_told;
    /* ENDs of an earlier run come to everyone again whenever anyone subscribes: ids of the last. */
    char ends[TYTO_REPEATS_ENDS][TYTO_ULID_CHARS + 1];
    uint32_t num_ends;
};

/* Another run of the daemon: its states are new. Ends are not. All zeroes: a new one. */
void tyto_repeats_restart(struct tyto_repeats *self);
/* True when this repeats what has been given; otherwise it counts as given from now on. */
bool tyto_repeats_take(struct tyto_repeats *self, const struct tyto_envelope *envelope);

#endif
