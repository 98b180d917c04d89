/* SPDX-License-Identifier: MIT */
/* Text files as other programs save them: UTF-16 or UTF-32, with a mark of byte order or without,
 * and UTF-8 with one. What reads text gets UTF-8 without a mark. Plain computation. */
#ifndef TYTO_FILES_ENCODING_H
#define TYTO_FILES_ENCODING_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

/* Whether text that begins so is to be made UTF-8. Of some 64 bytes all is known. */
bool tyto_encoding_is_other(const char *begin, size_t num_bytes);
/* Exchanges *text, *owned* memory (malloc) of *num_bytes and a terminator, for the same in UTF-8.
 * FORMAT: half a character stands in it, or what is none. NOMEM. */
TYTO_MUST_CHECK
enum tyto_err tyto_encoding_make_utf8(char **text, size_t *num_bytes);

#endif
