/* SPDX-License-Identifier: MIT */
#include "base/folder.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static enum tyto_err make_one(const char *path, mode_t mode)
{
    struct stat info;
    /* Asked first: where it may not be written, mkdir does not say EEXIST everywhere. */
    if (stat(path, &info) != 0)
        return mkdir(path, mode) == 0 || errno == EEXIST ? TYTO_OK : TYTO_ERR_IO;
    if (S_ISDIR(info.st_mode))
        return TYTO_OK;
    errno = ENOTDIR;
    return TYTO_ERR_IO;
}

enum tyto_err tyto_folder_make(const char *path, mode_t mode)
{
    if (!path[0])
        return TYTO_ERR_INVALID;
    char *part = strdup(path);
    if (!part)
        return TYTO_ERR_NOMEM;
    enum tyto_err err = TYTO_OK;
    for (char *slash = part; !err && (slash = strchr(slash + 1, '/')) != NULL;) {
        *slash = '\0';
        err = make_one(part, 0777);
        *slash = '/';
    }
    if (!err)
        err = make_one(part, mode);
    const int reason = errno;
    free(part);
    errno = reason;
    return err;
}

enum tyto_err tyto_folder_make_for(const char *file_path)
{
    const char *slash = strrchr(file_path, '/');
    if (!slash || slash == file_path)
        return TYTO_OK;
    char *dir = strndup(file_path, (size_t)(slash - file_path));
    if (!dir)
        return TYTO_ERR_NOMEM;
    const enum tyto_err err = tyto_folder_make(dir, 0777);
    const int reason = errno;
    free(dir);
    errno = reason;
    return err;
}
