/* SPDX-License-Identifier: MIT */
/* Small text files that not everybody may touch: keys, passwords, who may do what. */
#ifndef TYTO_FILES_GUARDED_H
#define TYTO_FILES_GUARDED_H

#include <stddef.h>

#include "base/err.h"
#include "base/fault.h"

enum tyto_guard {
    TYTO_GUARD_NONE,
    TYTO_GUARD_WRITING, /* everybody may read it, but not write to it */
    TYTO_GUARD_OTHERS,  /* for its owner and a group; systemd's credentials show the bits of their
                           access list there */
    TYTO_GUARD_ALL,     /* for its owner alone */
};

/* The whole file at path as text, with a terminator; nothing is trimmed. what: what it holds, for
 * the fault, such as "a password". ret_text has text_bytes, and may hold part of the file after an
 * error: who reads a secret overwrites it in either case. NOT_FOUND; IO; INVALID: others may do
 * more than they should; FORMAT: no regular file, not less than text_bytes long, or zero bytes in
 * it; with *ret_fault, which tells nothing of what is in it. */
TYTO_MUST_CHECK
enum tyto_err tyto_guarded_read(const char *path, enum tyto_guard guard, const char *what,
                                char *ret_text, size_t text_bytes, struct tyto_fault *ret_fault);

#endif
