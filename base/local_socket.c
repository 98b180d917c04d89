/* SPDX-License-Identifier: MIT */
#include "base/local_socket.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"

enum { RETRY_MS = 20 };

static enum tyto_err complain(struct tyto_fault *ret_fault, enum tyto_err err, const char *path,
                              const char *text)
{
    return tyto_fault_set(ret_fault, err, NULL, 0, NULL, "%s: %s", path, text);
}

static void nap(void)
{
    const struct timespec time = {0, RETRY_MS * (long)TYTO_NS_PER_MS};
    nanosleep(&time, NULL);
}

static enum tyto_err address_of(const char *path, struct sockaddr_un *ret_addr,
                                struct tyto_fault *ret_fault)
{
    if (!path[0] || strlen(path) >= TYTO_LOCAL_PATH_MAX)
        return complain(ret_fault, TYTO_ERR_INVALID, path,
                        "the path of a socket has 1 to 107 characters");
    *ret_addr = (struct sockaddr_un){.sun_family = AF_UNIX};
    memcpy(ret_addr->sun_path, path, strlen(path));
    return TYTO_OK;
}

/* Asked without waiting: a backlog that is full is an answer, too. */
static bool is_alive(const struct sockaddr_un *addr)
{
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return false;
    const int rc = connect(fd, (const struct sockaddr *)addr, sizeof(*addr));
    const bool alive = rc == 0 || errno == EAGAIN || errno == EINPROGRESS;
    close(fd);
    return alive;
}

/* Held while one looks, unlinks and binds: two that start together must not both win. Whoever may
 * not read the folder goes without. */
static int lock_folder(const char *folder, bool *ret_busy)
{
    const int fd = open(folder[0] ? folder : "/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    *ret_busy = fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK;
    return fd;
}

static enum tyto_err bind_at(const struct sockaddr_un *addr, int backlog, int *ret_fd,
                             struct tyto_fault *ret_fault)
{
    struct stat stat;
    if (is_alive(addr))
        return complain(ret_fault, TYTO_ERR_EXISTS, addr->sun_path,
                        "another process listens there");
    const bool is_there = lstat(addr->sun_path, &stat) == 0;
    if (is_there && !S_ISSOCK(stat.st_mode))
        return complain(ret_fault, TYTO_ERR_IO, addr->sun_path,
                        "a file that is no socket is there");
    if (is_there)
        (void)unlink(addr->sun_path);
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    /* The file takes the mode that the socket has when it is bound: no moment in which the umask
     * decides who may connect. */
    if (fd >= 0 && fchmod(fd, 0660) == 0 &&
        bind(fd, (const struct sockaddr *)addr, sizeof(*addr)) == 0) {
        if (chmod(addr->sun_path, 0660) == 0 && listen(fd, backlog) == 0) {
            *ret_fd = fd;
            return TYTO_OK;
        }
        const int reason = errno;
        (void)unlink(addr->sun_path);
        errno = reason;
    }
    const enum tyto_err err =
        complain(ret_fault, errno == EADDRINUSE ? TYTO_ERR_EXISTS : TYTO_ERR_IO, addr->sun_path,
                 strerror(errno));
    if (fd >= 0)
        close(fd);
    return err;
}

enum tyto_err tyto_local_listen(const char *path, int backlog, uint64_t patience_ns, int *ret_fd,
                                struct tyto_fault *ret_fault)
{
    struct sockaddr_un addr;
    char folder[TYTO_LOCAL_PATH_MAX];
    enum tyto_err err = address_of(path, &addr, ret_fault);
    if (!err && path[0] != '/')
        err = complain(ret_fault, TYTO_ERR_INVALID, path, "must be an absolute path");
    if (err)
        return err;
    memcpy(folder, addr.sun_path, sizeof(folder));
    *strrchr(folder, '/') = '\0';
    if (folder[0] && mkdir(folder, 0750) != 0 && errno != EEXIST)
        return tyto_fault_set(ret_fault, TYTO_ERR_IO, NULL, 0, NULL,
                              "%s: its folder cannot be made: %s", path, strerror(errno));
    const uint64_t begin_ns = tyto_clock_mono_ns();
    for (;;) {
        bool is_busy;
        const int lock_fd = lock_folder(folder, &is_busy);
        err = is_busy ? complain(ret_fault, TYTO_ERR_EXISTS, path,
                                 "another process is just setting up a socket in that folder")
                      : bind_at(&addr, backlog, ret_fd, ret_fault);
        if (lock_fd >= 0)
            close(lock_fd);
        if (err != TYTO_ERR_EXISTS || tyto_clock_mono_ns() - begin_ns >= patience_ns)
            return err;
        nap();
    }
}

enum tyto_err tyto_local_connect(const char *path, uint64_t timeout_ns, int *ret_fd,
                                 struct tyto_fault *ret_fault)
{
    struct sockaddr_un addr;
    const enum tyto_err err = address_of(path, &addr, ret_fault);
    if (err)
        return err;
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return complain(ret_fault, TYTO_ERR_IO, path, strerror(errno));
    const uint64_t begin_ns = tyto_clock_mono_ns();
    while (connect(fd, (const struct sockaddr *)&addr, sizeof(addr)) != 0) {
        const int reason = errno;
        const bool is_late = tyto_clock_mono_ns() - begin_ns >= timeout_ns;
        if (reason == EINTR || (reason == EAGAIN && !is_late)) {
            nap();
            continue;
        }
        close(fd);
        if (reason == EAGAIN)
            return complain(ret_fault, TYTO_ERR_TIMEOUT, path,
                            "someone listens there, but accepts nothing");
        return complain(ret_fault,
                        reason == ENOENT || reason == ECONNREFUSED ? TYTO_ERR_NOT_FOUND
                                                                   : TYTO_ERR_IO,
                        path, strerror(reason));
    }
    (void)fcntl(fd, F_SETFL, 0);
    *ret_fd = fd;
    return TYTO_OK;
}

void tyto_local_unlink(const char *path)
{
    struct sockaddr_un addr;
    struct tyto_fault fault;
    struct stat stat;
    struct ucred peer;
    socklen_t num_bytes = sizeof(peer);
    if (address_of(path, &addr, &fault) || lstat(path, &stat) != 0 || !S_ISSOCK(stat.st_mode))
        return;
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return;
    const bool is_heard = connect(fd, (const struct sockaddr *)&addr, sizeof(addr)) == 0;
    const bool is_free = !is_heard && errno == ECONNREFUSED;
    const bool is_ours = is_heard &&
                         getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &num_bytes) == 0 &&
                         peer.pid == getpid();
    if (is_free || is_ours)
        (void)unlink(path);
    close(fd);
}
