/* SPDX-License-Identifier: MIT */
#include "files/open.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { WAIT_MS = 5000 };

/* Whether what is open can be read to its end. */
static bool is_ready(int fd)
{
    struct stat info;
    struct pollfd ready = {.fd = fd, .events = POLLIN};
    const int flags = fcntl(fd, F_GETFL);
    if (fstat(fd, &info) != 0 || flags < 0)
        return false;
    const int num = S_ISFIFO(info.st_mode) ? poll(&ready, 1, WAIT_MS) : 1;
    if (num == 0)
        errno = ENODATA;
    return num > 0 && fcntl(fd, F_SETFL, flags & ~O_NONBLOCK) == 0;
}

int tyto_open_input(const char *path)
{
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0 || is_ready(fd))
        return fd;
    const int error = errno;
    close(fd);
    errno = error;
    return -1;
}

FILE *tyto_fopen_input(const char *path)
{
    const int fd = tyto_open_input(path);
    FILE *file = fd >= 0 ? fdopen(fd, "r") : NULL;
    if (file || fd < 0)
        return file;
    const int error = errno;
    close(fd);
    errno = error;
    return NULL;
}

const char *tyto_open_reason(int error)
{
    return error == ENODATA ? "it is a pipe, and nobody writes to it" : strerror(error);
}
