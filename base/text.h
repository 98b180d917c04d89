/* SPDX-License-Identifier: MIT */
/* Text from outside: what is sound in it. */
#ifndef TYTO_BASE_TEXT_H
#define TYTO_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>

/* Whether bytes are UTF-8 without overlong forms, surrogates and values over U+10FFFF (RFC 3629).
 */
bool tyto_text_is_utf8(const char *bytes, size_t num_bytes);

#endif
