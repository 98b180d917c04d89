/* SPDX-License-Identifier: MIT */
/* How far a bridge has come: the last message that the other side has acknowledged, in a file that
 * holds the old place or the new one, whatever happens. One process at a time has the file. */
#ifndef TYTO_CLI_BRIDGE_CORE_POSITION_H
#define TYTO_CLI_BRIDGE_CORE_POSITION_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/fault.h"
#include "client/feed.h"

struct tyto_bridge_place {
    bool is_known; /* false: none yet */
    struct tyto_feed_position at;
};

bool tyto_bridge_place_is_same(const struct tyto_bridge_place *a,
                               const struct tyto_bridge_place *b);

struct tyto_bridge_position;

/* Locks the file (PATH.lock) and reads it; its folder is made where it is not there. *ret_place is
 * unknown where there is no file. FULL: another process has it; FORMAT: it is no position; IO,
 * NOMEM with *ret_fault. path is borrowed until the close. */
TYTO_MUST_CHECK
enum tyto_err tyto_bridge_position_open(const char *path,
                                        struct tyto_bridge_position **ret_position,
                                        struct tyto_bridge_place *ret_place,
                                        struct tyto_fault *ret_fault);
/* The file holds the place when this returns, or what it held before. IO with *ret_fault. */
TYTO_MUST_CHECK
enum tyto_err tyto_bridge_position_store(struct tyto_bridge_position *position,
                                         const struct tyto_bridge_place *place,
                                         struct tyto_fault *ret_fault);
void tyto_bridge_position_close(struct tyto_bridge_position **position);

#endif
