/* SPDX-License-Identifier: MIT */
/* File descriptors: libraries below abort the process when they run out, so there must always be
 * some. */
#ifndef TYTO_DAEMON_SERVICE_LIMITS_H
#define TYTO_DAEMON_SERVICE_LIMITS_H

#include <stdint.h>

#include "base/err.h"
#include "base/fault.h"

/* Raises this process's soft limit to the hard one (65,536 at most), and says how many subscribers
 * may connect beside so many cameras and recordings of them, with a reserve for those that come
 * faster than they can be turned away: 16..128. What comes beyond that reserve is closed at once
 * (see daemon/gate). INVALID with *ret_fault: the limit is too low. IO. */
TYTO_MUST_CHECK
enum tyto_err tyto_limits_raise(uint32_t num_cameras, uint32_t num_recorded,
                                uint32_t *ret_max_connections, struct tyto_fault *ret_fault);

#endif
