/* SPDX-License-Identifier: MIT */
/* Key files of CURVE: one line with the 40 characters of a key in Z85. */
#ifndef TYTO_FILES_KEY_FILE_H
#define TYTO_FILES_KEY_FILE_H

#include <stdbool.h>

#include "base/err.h"
#include "base/fault.h"

enum { TYTO_KEY_CHARS = 40 };

/* Whether text is a key: 40 characters of Z85 and no more. */
bool tyto_key_is_valid(const char *text);

/* Reads the key at path; spaces around it do not matter. A secret one must belong to its owner
 * alone (no permissions for group and others). NOT_FOUND, IO, FORMAT (no key), INVALID (others may
 * read it) with *ret_fault. */
TYTO_MUST_CHECK
enum tyto_err tyto_key_file_read(const char *path, bool is_secret, char ret_key[TYTO_KEY_CHARS + 1],
                                 struct tyto_fault *ret_fault);

/* Writes a new file, of mode 0600 if the key is secret, else 0644 less the umask. EXISTS: something
 * is there, and stays as it is. IO with *ret_fault. */
TYTO_MUST_CHECK
enum tyto_err tyto_key_file_write(const char *path, bool is_secret, const char *key,
                                  struct tyto_fault *ret_fault);

#endif
