/* SPDX-License-Identifier: MIT */
/* Where a follower of tytod stopped, in a file of one line. */
#ifndef TYTO_CLI_COMMON_POSITION_H
#define TYTO_CLI_COMMON_POSITION_H

#include "base/err.h"
#include "base/fault.h"
#include "client/feed.h"

/* NOT_FOUND: there is no such file; FORMAT (another line than a position), IO, with *ret_fault. */
TYTO_MUST_CHECK
enum tyto_err tyto_position_read(const char *path, struct tyto_feed_position *ret_position,
                                 struct tyto_fault *ret_fault);
/* The file holds the old position or the new one, whatever happens. IO with *ret_fault. */
TYTO_MUST_CHECK
enum tyto_err tyto_position_write(const char *path, const struct tyto_feed_position *position,
                                  struct tyto_fault *ret_fault);

#endif
