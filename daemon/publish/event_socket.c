/* SPDX-License-Identifier: MIT */
#include "daemon/publish/event_socket.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <zmq.h>

#include "daemon/publish/endpoint.h"
#include "proto/event.h"

enum {
    /* A subscription's longest topic behind what its frame begins with: one byte, or the name of
     * the command by ZMTP 3.1. libzmq cuts a peer off that announces a longer frame. */
    MAX_INBOUND_BYTES = TYTO_TOPIC_MAX_BYTES + 10,
    /* Messages of one peer that libzmq takes in before we have looked at them. It reads a pipe
     * until that is empty: with a longer one a flood keeps it there, and us out, for good. */
    RECV_HWM = 1,
    HANDSHAKE_MS = 5000,
    HEARTBEAT_MS = 2000,
    HEARTBEAT_TIMEOUT_MS = 6000,
};

static bool set_int(void *socket, int option, int value)
{
    return zmq_setsockopt(socket, option, &value, sizeof(value)) == 0;
}

static bool set_options(void *socket, uint32_t send_hwm)
{
    const int64_t max_bytes = MAX_INBOUND_BYTES;
    return set_int(socket, ZMQ_SNDHWM, (int)send_hwm) && set_int(socket, ZMQ_RCVHWM, RECV_HWM) &&
           set_int(socket, ZMQ_XPUB_VERBOSER, 1) && set_int(socket, ZMQ_XPUB_MANUAL, 1) &&
           set_int(socket, ZMQ_XPUB_NODROP, 0) &&
           set_int(socket, ZMQ_LINGER, TYTO_EVENT_SOCKET_LINGER_MS) &&
           set_int(socket, ZMQ_IPV6, 1) &&
           zmq_setsockopt(socket, ZMQ_MAXMSGSIZE, &max_bytes, sizeof(max_bytes)) == 0 &&
           set_int(socket, ZMQ_HANDSHAKE_IVL, HANDSHAKE_MS) &&
           set_int(socket, ZMQ_HEARTBEAT_IVL, HEARTBEAT_MS) &&
           set_int(socket, ZMQ_HEARTBEAT_TIMEOUT, HEARTBEAT_TIMEOUT_MS) &&
           set_int(socket, ZMQ_HEARTBEAT_TTL, HEARTBEAT_TIMEOUT_MS) &&
           set_int(socket, ZMQ_TCP_KEEPALIVE, 1);
}

static enum tyto_err make_socket(struct tyto_event_socket *self)
{
    char address[48]; /* another one each time: libzmq lets go of the last one when it likes */
    snprintf(address, sizeof(address), "inproc://connections-%u", self->num_made++);
    self->xpub = zmq_socket(self->context, ZMQ_XPUB);
    self->monitor = self->xpub ? zmq_socket(self->context, ZMQ_PAIR) : NULL;
    if (!self->xpub || !self->monitor)
        return TYTO_ERR_NOMEM;
    if (!set_options(self->xpub, self->send_hwm) || !set_int(self->monitor, ZMQ_LINGER, 0) ||
        zmq_socket_monitor(self->xpub, address, ZMQ_EVENT_ACCEPTED | ZMQ_EVENT_DISCONNECTED) != 0 ||
        zmq_connect(self->monitor, address) != 0)
        return TYTO_ERR_IO;
    return TYTO_OK;
}

static void drop_socket(struct tyto_event_socket *self)
{
    if (self->xpub)
        (void)zmq_socket_monitor(self->xpub, NULL, 0);
    if (self->monitor)
        zmq_close(self->monitor);
    if (self->xpub)
        zmq_close(self->xpub);
    self->xpub = self->monitor = NULL;
}

enum tyto_err tyto_event_socket_open(struct tyto_event_socket *self,
                                     const struct tyto_publisher_params *params,
                                     struct tyto_fault *ret_fault)
{
    self->send_hwm = params->send_hwm ? params->send_hwm : 1000;
    self->context = zmq_ctx_new();
    const enum tyto_err err = self->context ? make_socket(self) : TYTO_ERR_NOMEM;
    if (err != TYTO_OK)
        return tyto_fault_set(ret_fault, TYTO_ERR_IO, NULL, 0, NULL, "no ZeroMQ socket: %s",
                              zmq_strerror(errno));
    for (uint32_t i = 0; i < params->num_endpoints; i++) {
        enum tyto_err listen_err = tyto_publisher_check_endpoint(params->endpoints[i], ret_fault);
        if (listen_err == TYTO_OK)
            listen_err =
                tyto_endpoint_listen(params->endpoints[i], &self->listen_fds[i], ret_fault);
        if (listen_err != TYTO_OK)
            return listen_err;
        snprintf(self->endpoints[i], sizeof(self->endpoints[i]), "%s", params->endpoints[i]);
        self->num_endpoints = i + 1;
    }
    return TYTO_OK;
}

enum tyto_err tyto_event_socket_start(struct tyto_event_socket *self)
{
    for (uint32_t i = 0; i < self->num_endpoints; i++) {
        const int fd = fcntl(self->listen_fds[i], F_DUPFD_CLOEXEC, 0);
        if (fd < 0)
            return TYTO_ERR_IO;
        if (!set_int(self->xpub, ZMQ_USE_FD, fd) || zmq_bind(self->xpub, self->endpoints[i]) != 0) {
            close(fd);
            return TYTO_ERR_IO;
        }
    }
    return TYTO_OK;
}

enum tyto_err tyto_event_socket_remake(struct tyto_event_socket *self)
{
    if (self->xpub)
        (void)set_int(self->xpub, ZMQ_LINGER, 0);
    drop_socket(self);
    const enum tyto_err err = make_socket(self);
    if (err != TYTO_OK)
        drop_socket(self);
    return err;
}

enum tyto_err tyto_event_socket_welcome(struct tyto_event_socket *self, const uint8_t *bytes,
                                        size_t num_bytes)
{
    if (zmq_setsockopt(self->xpub, ZMQ_XPUB_WELCOME_MSG, bytes, num_bytes) != 0)
        return TYTO_ERR_IO;
    return TYTO_OK;
}

void tyto_event_socket_close(struct tyto_event_socket *self)
{
    /* First the files: who looks for us from here on must not find us. */
    for (uint32_t i = 0; i < self->num_endpoints; i++) {
        const char *path = tyto_endpoint_path(self->endpoints[i]);
        if (path)
            (void)unlink(path);
        close(self->listen_fds[i]);
    }
    self->num_endpoints = 0;
    drop_socket(self);
    if (self->context)
        zmq_ctx_term(self->context); /* waits for what lingers */
    self->context = NULL;
}

bool tyto_event_socket_owns(const struct tyto_event_socket *self, int fd)
{
    bool is_ours = false;
    for (uint32_t i = 0; i < self->num_endpoints && !is_ours; i++)
        is_ours = tyto_endpoint_is_of(self->listen_fds[i], fd);
    return is_ours;
}
