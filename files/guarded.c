/* SPDX-License-Identifier: MIT */
#include "files/guarded.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static enum tyto_err check_mode(int fd, const char *path, enum tyto_guard guard, const char *what,
                                struct tyto_fault *ret_fault)
{
    struct stat stat;
    if (fstat(fd, &stat) != 0 || !S_ISREG(stat.st_mode))
        return tyto_fault_set(ret_fault, TYTO_ERR_FORMAT, path, 0, NULL, "is no regular file");
    if (guard == TYTO_GUARD_WRITING && stat.st_mode & S_IWOTH)
        return tyto_fault_set(ret_fault, TYTO_ERR_INVALID, path, 0, NULL,
                              "anybody may write to it: chmod o-w");
    if (guard == TYTO_GUARD_OTHERS && stat.st_mode & S_IRWXO)
        return tyto_fault_set(ret_fault, TYTO_ERR_INVALID, path, 0, NULL,
                              "holds %s that everybody may read: chmod 600", what);
    if (guard == TYTO_GUARD_ALL && stat.st_mode & (S_IRWXG | S_IRWXO))
        return tyto_fault_set(ret_fault, TYTO_ERR_INVALID, path, 0, NULL,
                              "holds %s that others may use: chmod 600", what);
    return TYTO_OK;
}

static enum tyto_err read_whole(int fd, const char *path, char *ret_text, size_t text_bytes,
                                struct tyto_fault *ret_fault)
{
    size_t num = 0;
    for (ssize_t step = 1; step > 0 && num < text_bytes; num += (size_t)step) {
        step = read(fd, ret_text + num, text_bytes - num);
        if (step < 0)
            return tyto_fault_set(ret_fault, TYTO_ERR_IO, path, 0, NULL, "%s", strerror(errno));
    }
    if (num == text_bytes)
        return tyto_fault_set(ret_fault, TYTO_ERR_FORMAT, path, 0, NULL, "is longer than %zu bytes",
                              text_bytes - 1);
    if (memchr(ret_text, '\0', num))
        return tyto_fault_set(ret_fault, TYTO_ERR_FORMAT, path, 0, NULL, "is no text");
    ret_text[num] = '\0';
    return TYTO_OK;
}

enum tyto_err tyto_guarded_read(const char *path, enum tyto_guard guard, const char *what,
                                char *ret_text, size_t text_bytes, struct tyto_fault *ret_fault)
{
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return tyto_fault_set(ret_fault, errno == ENOENT ? TYTO_ERR_NOT_FOUND : TYTO_ERR_IO, path,
                              0, NULL, "%s", strerror(errno));
    enum tyto_err err = check_mode(fd, path, guard, what, ret_fault);
    if (!err)
        err = read_whole(fd, path, ret_text, text_bytes, ret_fault);
    close(fd);
    return err;
}
