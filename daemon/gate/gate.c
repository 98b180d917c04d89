/* SPDX-License-Identifier: MIT */
#include "daemon/gate/gate.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"

enum { NAP_MS = 5 };

static atomic_int first_kept = INT_MAX;
static atomic_uint_fast64_t num_closed;
static pthread_mutex_t spare_lock = PTHREAD_MUTEX_INITIALIZER;
static int spare_fd = -1; /* guarded by spare_lock */

/* The dynamic linker takes these for the C library's: an executable's symbols come first. */
int tyto_gate_for_accept(int listen_fd, struct sockaddr *address,
                         socklen_t *num_bytes) __asm__("accept");
int tyto_gate_for_accept4(int listen_fd, struct sockaddr *address, socklen_t *num_bytes,
                          int flags) __asm__("accept4");

static int accept_really(int listen_fd, struct sockaddr *address, socklen_t *num_bytes, int flags)
{
    return (int)syscall(SYS_accept4, listen_fd, address, num_bytes, flags);
}

static bool have_spare(void)
{
    if (spare_fd < 0)
        spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    return spare_fd >= 0;
}

enum tyto_err tyto_gate_set(int first_kept_fd)
{
    if (first_kept_fd < 1)
        return TYTO_ERR_INVALID;
    pthread_mutex_lock(&spare_lock);
    const bool is_there = have_spare();
    pthread_mutex_unlock(&spare_lock);
    if (!is_there)
        return TYTO_ERR_IO;
    atomic_store(&first_kept, first_kept_fd);
    return TYTO_OK;
}

uint64_t tyto_gate_num_closed(void)
{
    return atomic_load(&num_closed);
}

/* Whoever asks again at once would do nothing else until there is room. */
static void nap(void)
{
    const struct timespec time = {0, NAP_MS * (long)TYTO_NS_PER_MS};
    nanosleep(&time, NULL);
}

static void turn_away(int fd)
{
    close(fd);
    atomic_fetch_add(&num_closed, 1);
}

/* No descriptor is left. A connection that stays in the queue would keep the listener readable, and
 * its thread busy: it is accepted in the place of the spare one and closed. */
static void turn_away_first(int listen_fd)
{
    struct pollfd waiting = {.fd = listen_fd, .events = POLLIN};
    pthread_mutex_lock(&spare_lock);
    bool is_done = poll(&waiting, 1, 0) == 0;
    if (!is_done && spare_fd >= 0) {
        close(spare_fd);
        const int fd = accept_really(listen_fd, NULL, NULL, SOCK_CLOEXEC);
        if (fd >= 0)
            turn_away(fd);
        is_done = fd >= 0;
        spare_fd = -1;
    }
    (void)have_spare();
    pthread_mutex_unlock(&spare_lock);
    if (!is_done)
        nap();
}

/* What accept() may say besides is a network's error of that one connection; libzmq takes it for a
 * fault of its own. */
static bool is_of_caller(int reason)
{
    return reason == EAGAIN || reason == EINTR || reason == EBADF || reason == EINVAL ||
           reason == ENOTSOCK || reason == EFAULT || reason == ECONNABORTED;
}

static int let_in(int listen_fd, struct sockaddr *address, socklen_t *num_bytes, int flags,
                  int limit)
{
    const int fd = accept_really(listen_fd, address, num_bytes, flags);
    if (fd >= 0 && fd < limit)
        return fd;
    const int reason = fd < 0 ? errno : ECONNABORTED;
    if (fd >= 0)
        turn_away(fd);
    else if (reason == EMFILE)
        turn_away_first(listen_fd);
    else if (reason == ENFILE || reason == ENOMEM || reason == ENOBUFS)
        nap();
    errno = is_of_caller(reason) ? reason : ECONNABORTED;
    return -1;
}

int tyto_gate_accept(int listen_fd, int flags)
{
    return let_in(listen_fd, NULL, NULL, flags, INT_MAX);
}

int tyto_gate_for_accept(int listen_fd, struct sockaddr *address, socklen_t *num_bytes)
{
    return tyto_gate_for_accept4(listen_fd, address, num_bytes, 0);
}

int tyto_gate_for_accept4(int listen_fd, struct sockaddr *address, socklen_t *num_bytes, int flags)
{
    return let_in(listen_fd, address, num_bytes, flags, atomic_load(&first_kept));
}
