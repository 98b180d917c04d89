/* SPDX-License-Identifier: MIT */
#include "files/replace.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MAX_LINKS = 40, MAX_NAMES = 100 };

struct tyto_replace {
    char *path; /* what is replaced: no link */
    char *part;
    int fd;
    FILE *file; /* of fd, which it closes; NULL: nobody asked for it */
};

/* --- the place ------------------------------------------------------------------------------- */

/* The file that a name stands for, owned. Links are followed, also where the last leads to a file
 * that is not there yet. NULL: errno is ELOOP, or there is no memory. */
static char *follow(const char *name)
{
    char *path = strdup(name);
    for (int i = 0; path && i < MAX_LINKS; i++) {
        char target[PATH_MAX], *next = NULL;
        const ssize_t num_bytes = readlink(path, target, sizeof(target) - 1);
        if (num_bytes < 0)
            return path;
        target[num_bytes] = '\0';
        const char *slash = strrchr(path, '/');
        const int dir_bytes = target[0] == '/' || !slash ? 0 : (int)(slash - path) + 1;
        if (asprintf(&next, "%.*s%s", dir_bytes, path, target) < 0)
            next = NULL;
        free(path);
        path = next;
    }
    if (path)
        errno = ELOOP;
    free(path);
    return NULL;
}

/* Whether a file of this kind can be replaced; errno says why not. */
static bool is_replaceable(const struct stat *info)
{
    if (!S_ISREG(info->st_mode))
        errno = S_ISDIR(info->st_mode) ? EISDIR : EOPNOTSUPP;
    return S_ISREG(info->st_mode);
}

/* --- the file beside it ---------------------------------------------------------------------- */

/* Whether an open file has this name, is nobody else's, and is now ours alone. */
static bool is_ours(int fd, const char *name)
{
    struct stat by_fd, by_name;
    return flock(fd, LOCK_EX | LOCK_NB) == 0 && fstat(fd, &by_fd) == 0 &&
           lstat(name, &by_name) == 0 && by_fd.st_ino == by_name.st_ino &&
           by_fd.st_dev == by_name.st_dev && S_ISREG(by_fd.st_mode) && by_fd.st_nlink == 1 &&
           by_fd.st_uid == geteuid();
}

/* PATH.part, or PATH.part-XXXXXXXX while another process has that. -1: errno says why. */
static int open_part(struct tyto_replace *replace, mode_t mode)
{
    const size_t name_bytes = strlen(replace->path) + sizeof(".part-12345678");
    char *name = replace->part;
    snprintf(name, name_bytes, "%s.part", replace->path);
    int fd = open(name, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, mode);
    if (fd >= 0 && is_ours(fd, name) && ftruncate(fd, 0) == 0)
        return fd;
    if (fd >= 0)
        close(fd);
    for (int i = 0; i < MAX_NAMES; i++) {
        uint32_t chance = 0;
        if (getrandom(&chance, sizeof(chance), GRND_NONBLOCK) < 0)
            chance = (uint32_t)getpid() + (uint32_t)i;
        snprintf(name, name_bytes, "%s.part-%08x", replace->path, chance);
        fd = open(name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, mode);
        if (fd >= 0 || errno != EEXIST)
            break;
    }
    return fd;
}

static void destroy(struct tyto_replace *replace)
{
    const int reason = errno;
    if (replace->file)
        (void)fclose(replace->file);
    else if (replace->fd >= 0)
        close(replace->fd);
    free(replace->path);
    free(replace->part);
    free(replace);
    errno = reason;
}

static enum tyto_err begin(struct tyto_replace *replace, const char *path, mode_t mode)
{
    struct stat info;
    errno = 0;
    replace->path = follow(path);
    if (!replace->path)
        return errno == ELOOP ? TYTO_ERR_IO : TYTO_ERR_NOMEM;
    replace->part = malloc(strlen(replace->path) + sizeof(".part-12345678"));
    if (!replace->part)
        return TYTO_ERR_NOMEM;
    const bool is_there = stat(replace->path, &info) == 0;
    if (is_there && !is_replaceable(&info))
        return TYTO_ERR_IO;
    replace->fd = open_part(replace, mode);
    if (replace->fd < 0)
        return TYTO_ERR_IO;
    if (is_there && fchmod(replace->fd, info.st_mode & 0777) != 0) {
        (void)unlink(replace->part);
        return TYTO_ERR_IO;
    }
    return TYTO_OK;
}

enum tyto_err tyto_replace_begin(const char *path, mode_t mode, struct tyto_replace **ret_replace)
{
    struct tyto_replace *replace = calloc(1, sizeof(*replace));
    if (!replace)
        return TYTO_ERR_NOMEM;
    replace->fd = -1;
    const enum tyto_err err = begin(replace, path, mode);
    if (err)
        destroy(replace);
    else
        *ret_replace = replace;
    return err;
}

/* --- writing --------------------------------------------------------------------------------- */

enum tyto_err tyto_replace_write(struct tyto_replace *replace, const void *bytes, size_t num_bytes)
{
    for (size_t done = 0; done < num_bytes;) {
        const ssize_t num = write(replace->fd, (const char *)bytes + done, num_bytes - done);
        if (num < 0 && errno != EINTR)
            return TYTO_ERR_IO;
        done += num > 0 ? (size_t)num : 0;
    }
    return TYTO_OK;
}

int tyto_replace_fd(const struct tyto_replace *replace)
{
    return replace->fd;
}

FILE *tyto_replace_file(struct tyto_replace *replace)
{
    if (!replace->file)
        replace->file = fdopen(replace->fd, "w");
    return replace->file;
}

const char *tyto_replace_part(const struct tyto_replace *replace)
{
    return replace->part;
}

/* --- the end --------------------------------------------------------------------------------- */

/* The folder that a file is in, to be synced. -1: errno says why. */
static int open_folder(const char *path)
{
    char folder[PATH_MAX];
    const char *slash = strrchr(path, '/');
    snprintf(folder, sizeof(folder), "%.*s", slash ? (int)(slash - path) + 1 : 1,
             slash ? path : ".");
    return open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

/* Gives a synced file its name and makes that durable. The folder is opened first: whatever can
 * fail before the rename does. A folder that may be written and not read (EACCES), or of a file
 * system that cannot sync one (EINVAL), is as good as it gets. */
static bool put_in_place(const char *part, const char *path, bool *ret_is_placed)
{
    const int folder = open_folder(path);
    if (folder < 0 && errno != EACCES)
        return false;
    *ret_is_placed = rename(part, path) == 0;
    bool ok = *ret_is_placed;
    if (ok && folder >= 0)
        ok = fsync(folder) == 0 || errno == EINVAL;
    const int reason = errno;
    if (folder >= 0)
        close(folder);
    errno = reason;
    return ok;
}

static bool has_all(const struct tyto_replace *replace)
{
    if (!replace->file)
        return true;
    if (fflush(replace->file) != 0)
        return false;
    if (ferror(replace->file))
        errno = EIO; /* the reason is lost with the write that failed */
    return !ferror(replace->file);
}

enum tyto_err tyto_replace_commit(struct tyto_replace **replace)
{
    struct tyto_replace *r = *replace;
    bool is_placed = false;
    if (!r)
        return TYTO_OK;
    const bool ok = has_all(r) && fsync(r->fd) == 0 && put_in_place(r->part, r->path, &is_placed);
    if (!is_placed) {
        tyto_replace_abandon(replace);
        return TYTO_ERR_IO;
    }
    destroy(r); /* the other name may be somebody else's by now */
    *replace = NULL;
    return ok ? TYTO_OK : TYTO_ERR_IO;
}

void tyto_replace_abandon(struct tyto_replace **replace)
{
    if (!replace || !*replace)
        return;
    const int reason = errno;
    (void)unlink((*replace)->part);
    errno = reason;
    destroy(*replace);
    *replace = NULL;
}

enum tyto_err tyto_replace_all(const char *path, mode_t mode, const void *bytes, size_t num_bytes)
{
    struct tyto_replace *replace = NULL;
    enum tyto_err err = tyto_replace_begin(path, mode, &replace);
    if (!err)
        err = tyto_replace_write(replace, bytes, num_bytes);
    if (!err)
        return tyto_replace_commit(&replace);
    tyto_replace_abandon(&replace);
    return err;
}

enum tyto_err tyto_replace_with(const char *path, const char *part)
{
    bool is_placed = false;
    const int fd = open(part, O_RDONLY | O_CLOEXEC);
    const bool is_synced = fd >= 0 && fsync(fd) == 0;
    const int reason = errno;
    if (fd >= 0)
        close(fd);
    errno = reason;
    return is_synced && put_in_place(part, path, &is_placed) ? TYTO_OK : TYTO_ERR_IO;
}
