/* SPDX-License-Identifier: MIT */
/* A file that appears whole or not at all: it is written beside its place, synced, renamed into it,
 * and the folder is synced once, so that a crash or a lost power supply leaves the old file or the
 * new one, never half of either. The only file of the project that renames.
 *
 * While it is written a file is called PATH.part and locked. What a killed process left under that
 * name is used up by the next one; where a process that lives has it the name is
 * PATH.part-XXXXXXXX. Where PATH is a symbolic link the file that it leads to is replaced and the
 * link stays. A file that was there hands its mode on. One thread per replacement. */
#ifndef TYTO_FILES_REPLACE_H
#define TYTO_FILES_REPLACE_H

#include <stddef.h>
#include <stdio.h>
#include <sys/types.h>

#include "base/err.h"

struct tyto_replace;

/* Creates the file beside path. mode is of a file that was not there before, less the umask. IO:
 * errno says why (EISDIR and EOPNOTSUPP where path is no regular file); NOMEM. *ret_replace is
 * owned by the caller until tyto_replace_commit or tyto_replace_abandon. */
TYTO_MUST_CHECK
enum tyto_err tyto_replace_begin(const char *path, mode_t mode, struct tyto_replace **ret_replace);

/* The three ways to write it; a caller keeps to one of them. */

/* Writes all of the bytes at the file's position. IO: errno says why. */
TYTO_MUST_CHECK
enum tyto_err tyto_replace_write(struct tyto_replace *replace, const void *bytes, size_t num_bytes);
/* The open file, borrowed until the end: for pwrite, never to be closed. */
int tyto_replace_fd(const struct tyto_replace *replace);
/* The same with a buffer; commit finds its errors. NULL: no memory. */
FILE *tyto_replace_file(struct tyto_replace *replace);
/* Its name, borrowed until the end, for a library that opens files by name: it must write into the
 * file that is there and have closed it before the commit. */
const char *tyto_replace_part(const struct tyto_replace *replace);

/* Puts the new file into its place and destroys the replacement; NULL is fine and does nothing. On
 * an error (IO, and errno says why) the old file stays as it was and the new one is gone; only
 * where the folder cannot be synced is the new file in place. */
TYTO_MUST_CHECK
enum tyto_err tyto_replace_commit(struct tyto_replace **replace);
/* Removes what was written and leaves the old file as it was. NULL is fine; keeps errno. */
void tyto_replace_abandon(struct tyto_replace **replace);

/* All of it at once: the file at path holds these bytes. Errors as above. */
TYTO_MUST_CHECK
enum tyto_err tyto_replace_all(const char *path, mode_t mode, const void *bytes, size_t num_bytes);

/* For a file `part` that something else has written and closed: syncs it, gives it the name path
 * and syncs the folder. IO: errno says why, and part is still there. */
TYTO_MUST_CHECK
enum tyto_err tyto_replace_with(const char *path, const char *part);

#endif
