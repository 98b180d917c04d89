/* SPDX-License-Identifier: MIT */
#include "daemon/access/peers.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include <zmq.h>

enum {
    HANDSHAKE_MS = 5000,
    /* A peer whose machine is gone. Not by ZMTP's own heartbeats: when their timer meets a peer
     * that has closed while libzmq was not reading from it, libzmq 4.3 aborts the process. */
    KEEPALIVE_IDLE_S = 10,
    KEEPALIVE_EVERY_S = 5,
    KEEPALIVE_NUM = 3,
    UNANSWERED_MS = 30000,
};

static bool set_int(void *socket, int option, int value)
{
    return zmq_setsockopt(socket, option, &value, sizeof(value)) == 0;
}

bool tyto_peers_limit(void *socket, int64_t max_bytes)
{
    return zmq_setsockopt(socket, ZMQ_MAXMSGSIZE, &max_bytes, sizeof(max_bytes)) == 0 &&
           set_int(socket, ZMQ_IPV6, 1) && set_int(socket, ZMQ_HANDSHAKE_IVL, HANDSHAKE_MS) &&
           set_int(socket, ZMQ_TCP_KEEPALIVE, 1) &&
           set_int(socket, ZMQ_TCP_KEEPALIVE_IDLE, KEEPALIVE_IDLE_S) &&
           set_int(socket, ZMQ_TCP_KEEPALIVE_INTVL, KEEPALIVE_EVERY_S) &&
           set_int(socket, ZMQ_TCP_KEEPALIVE_CNT, KEEPALIVE_NUM) &&
           set_int(socket, ZMQ_TCP_MAXRT, UNANSWERED_MS);
}

bool tyto_peers_serve(void *socket, const char *endpoint, int listen_fd)
{
    const int fd = fcntl(listen_fd, F_DUPFD_CLOEXEC, 0);
    if (fd >= 0 && set_int(socket, ZMQ_USE_FD, fd) && zmq_bind(socket, endpoint) == 0)
        return true;
    const int reason = errno;
    if (fd >= 0)
        close(fd);
    errno = reason;
    return false;
}
