/* SPDX-License-Identifier: MIT */
/* Times as a person types them. */
#ifndef TYTO_CLI_COMMON_WHEN_H
#define TYTO_CLI_COMMON_WHEN_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/fault.h"

/* What rows over a time have in common; the value is an int64_t: UTC in nanoseconds, 0: not given.
 */
#define TYTO_OPTION_WHEN(struct_, field_)                                                          \
    .type = TYTO_OPTION_OTHER, TYTO_OPTION_AT(struct_, field_), .value = "TIME",                   \
    .set = tyto_when_set, .print = tyto_when_print
/* What a help text says of them. */
#define TYTO_WHEN_HELP                                                                             \
    "as 2026-11-27, 2026-11-27T18:30, 2026-11-27T17:30:00Z (UTC; without Z the time of this "      \
    "machine's zone), 18:30 (the last one), or ago: 90s, 15m, 2h, 3d"

/* Reads text, which is now_unix_ns of who reads it. INVALID with the whole complaint in
 * ret_fault->text. */
TYTO_MUST_CHECK
enum tyto_err tyto_when_read(const char *text, int64_t now_unix_ns, int64_t *ret_unix_ns,
                             struct tyto_fault *ret_fault);
/* For TYTO_OPTION_WHEN(). */
TYTO_MUST_CHECK
enum tyto_err tyto_when_set(void *value, const char *text, struct tyto_fault *ret_fault);
void tyto_when_print(const void *value, char *ret_text, size_t text_bytes);

#endif
