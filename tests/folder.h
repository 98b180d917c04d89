/* SPDX-License-Identifier: MIT */
/* A folder of a test's own, and away with it and all that is in it. */
#ifndef TYTO_TESTS_FOLDER_H
#define TYTO_TESTS_FOLDER_H

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>

/* Short enough for the name of a socket in it. */
enum { FOLDER_MAX = 48 };

/* Makes /tmp/tyto-NAME-..., name of at most 16 characters. 0, or -1. */
static inline int folder_make(char ret_path[FOLDER_MAX], const char *name)
{
    snprintf(ret_path, FOLDER_MAX, "/tmp/tyto-%.16s-XXXXXX", name);
    return mkdtemp(ret_path) ? 0 : -1;
}

static inline int folder_remove_one(const char *path, const struct stat *status, int kind,
                                    struct FTW *place)
{
    (void)status;
    (void)kind;
    (void)place;
    return remove(path);
}

/* Follows no link. 0, or -1. */
static inline int folder_remove(const char *path)
{
    return nftw(path, folder_remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

#endif
