/* SPDX-License-Identifier: MIT */
/* Folders that a person named as the place for output: made with all that are above them. */
#ifndef TYTO_BASE_FOLDER_H
#define TYTO_BASE_FOLDER_H

#include <sys/types.h>

#include "base/err.h"

/* Makes path and what is missing above it, as mkdir -p; path itself gets mode (umask applies),
 * those above it 0777. A folder that is there is left as it is. INVALID: path is empty; NOMEM; IO:
 * errno says why (ENOTDIR where a file is in the way); folders made so far stay. Any thread. */
TYTO_MUST_CHECK
enum tyto_err tyto_folder_make(const char *path, mode_t mode);

/* The same for the folder that a file of this name would be in; a bare name needs none. */
TYTO_MUST_CHECK
enum tyto_err tyto_folder_make_for(const char *file_path);

#endif
