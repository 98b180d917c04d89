/* SPDX-License-Identifier: MIT */
#include "daemon/publish/event_socket.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <zmq.h>

#include "daemon/access/peers.h"
#include "daemon/publish/endpoint.h"

enum {
    /* libzmq cuts a peer off that announces a longer frame. A topic has 160 bytes, a handshake with
     * keys will take up to 512. */
    MAX_INBOUND_BYTES = 512,
    /* Messages of one peer that libzmq takes in before we have looked at them. It reads a pipe
     * until that is empty: with a longer one a flood keeps it there, and us out, for good. */
    RECV_HWM = 1,
    /* libzmq puts a note of who has been let in before them, and never counts it as taken. */
    RECV_HWM_WITH_KEYS = 2,
    MAX_FDS = 4,
};

static bool set_int(void *socket, int option, int value)
{
    return zmq_setsockopt(socket, option, &value, sizeof(value)) == 0;
}

static bool set_options(void *socket, uint32_t send_hwm, bool has_keys)
{
    return set_int(socket, ZMQ_SNDHWM, (int)send_hwm) &&
           set_int(socket, ZMQ_RCVHWM, has_keys ? RECV_HWM_WITH_KEYS : RECV_HWM) &&
           set_int(socket, ZMQ_XPUB_VERBOSER, 1) && set_int(socket, ZMQ_XPUB_MANUAL, 1) &&
           set_int(socket, ZMQ_XPUB_NODROP, 0) &&
           set_int(socket, ZMQ_LINGER, TYTO_EVENT_SOCKET_LINGER_MS) &&
           tyto_peers_limit(socket, MAX_INBOUND_BYTES);
}

static enum tyto_err make_socket(struct tyto_event_socket *self)
{
    char address[48]; /* another one each time: libzmq lets go of the last one when it likes */
    snprintf(address, sizeof(address), "inproc://connections-%u", self->num_made++);
    self->xpub = zmq_socket(self->context, ZMQ_XPUB);
    self->monitor = self->xpub ? zmq_socket(self->context, ZMQ_PAIR) : NULL;
    if (!self->xpub || !self->monitor)
        return TYTO_ERR_NOMEM;
    if (self->access && tyto_access_protect(self->access, self->xpub) != TYTO_OK)
        return TYTO_ERR_IO;
    if (!set_options(self->xpub, self->send_hwm, self->access != NULL) ||
        !set_int(self->monitor, ZMQ_LINGER, 0) ||
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
    self->access = params->access;
    self->context = zmq_ctx_new();
    enum tyto_err err = self->context ? TYTO_OK : TYTO_ERR_NOMEM;
    if (!err && self->access)
        err = tyto_access_guard(self->access, self->context);
    if (!err)
        err = make_socket(self);
    if (err)
        return tyto_fault_set(ret_fault, TYTO_ERR_IO, NULL, 0, NULL, "no ZeroMQ socket: %s",
                              zmq_strerror(errno));
    err = tyto_echo_create(self->context, &self->echo, ret_fault);
    if (err)
        return err;
    for (uint32_t i = 0; i < params->num_endpoints; i++) {
        enum tyto_err listen_err =
            tyto_publisher_check_endpoint(params->endpoints[i], self->access != NULL, ret_fault);
        if (!listen_err)
            listen_err =
                tyto_endpoint_listen(params->endpoints[i], &self->listen_fds[i], ret_fault);
        if (listen_err)
            return listen_err;
        snprintf(self->endpoints[i], sizeof(self->endpoints[i]), "%s", params->endpoints[i]);
        self->num_endpoints = i + 1;
    }
    return TYTO_OK;
}

enum tyto_err tyto_event_socket_start(struct tyto_event_socket *self)
{
    for (uint32_t i = 0; i < self->num_endpoints; i++)
        if (!tyto_peers_serve(self->xpub, self->endpoints[i], self->listen_fds[i]))
            return TYTO_ERR_IO;
    return TYTO_OK;
}

enum tyto_err tyto_event_socket_check_closed(const struct tyto_event_socket *self,
                                             struct tyto_fault *ret_fault)
{
    char endpoint[256]; /* with the port that was free */
    size_t num_bytes = sizeof(endpoint);
    if (!self->access)
        return TYTO_OK;
    if (zmq_getsockopt(self->xpub, ZMQ_LAST_ENDPOINT, endpoint, &num_bytes) != 0)
        return TYTO_ERR_IO;
    return tyto_access_check_closed(self->access, self->context, ZMQ_SUB, endpoint, ret_fault);
}

enum tyto_err tyto_event_socket_remake(struct tyto_event_socket *self)
{
    if (self->xpub)
        (void)set_int(self->xpub, ZMQ_LINGER, 0);
    drop_socket(self);
    const enum tyto_err err = make_socket(self);
    if (err)
        drop_socket(self);
    return err;
}

enum tyto_err tyto_event_socket_welcome(struct tyto_event_socket *self, const uint8_t *bytes,
                                        size_t num_bytes)
{
    if (self->xpub && zmq_setsockopt(self->xpub, ZMQ_XPUB_WELCOME_MSG, bytes, num_bytes) != 0)
        return TYTO_ERR_IO;
    return TYTO_OK;
}

enum tyto_err tyto_event_socket_send(struct tyto_event_socket *self, const char *topic,
                                     const uint8_t *bytes, size_t num_bytes)
{
    /* An XPUB without NODROP never blocks and never answers EAGAIN; DONTWAIT makes sure. */
    if (self->xpub && (zmq_send(self->xpub, topic, strlen(topic), ZMQ_SNDMORE | ZMQ_DONTWAIT) < 0 ||
                       zmq_send(self->xpub, bytes, num_bytes, ZMQ_DONTWAIT) < 0))
        return TYTO_ERR_IO;
    return TYTO_OK;
}

enum tyto_err tyto_event_socket_send_with(struct tyto_event_socket *self, const char *topic,
                                          const uint8_t *bytes, size_t num_bytes,
                                          uint8_t *attachment, size_t attachment_bytes,
                                          void (*release)(void *bytes, void *user), void *user)
{
    zmq_msg_t last;
    if (zmq_msg_init_data(&last, attachment, attachment_bytes, release, user) != 0) {
        release(attachment, user);
        return TYTO_ERR_NOMEM;
    }
    const bool ok = self->xpub &&
                    zmq_send(self->xpub, topic, strlen(topic), ZMQ_SNDMORE | ZMQ_DONTWAIT) >= 0 &&
                    zmq_send(self->xpub, bytes, num_bytes, ZMQ_SNDMORE | ZMQ_DONTWAIT) >= 0 &&
                    zmq_msg_send(&last, self->xpub, ZMQ_DONTWAIT) >= 0;
    if (!ok)
        (void)zmq_msg_close(&last);
    return ok || !self->xpub ? TYTO_OK : TYTO_ERR_IO;
}

enum tyto_err tyto_event_socket_send_frame(struct tyto_event_socket *self, const uint8_t *bytes,
                                           size_t num_bytes)
{
    if (self->xpub && zmq_send(self->xpub, bytes, num_bytes, ZMQ_DONTWAIT) < 0)
        return TYTO_ERR_IO;
    return TYTO_OK;
}

bool tyto_event_socket_wait(struct tyto_event_socket *self, const int *fds, uint32_t num_fds,
                            int timeout_ms)
{
    zmq_pollitem_t items[MAX_FDS + 2];
    int num = 0;
    for (uint32_t i = 0; i < num_fds && i < MAX_FDS; i++)
        items[num++] = (zmq_pollitem_t){NULL, fds[i], ZMQ_POLLIN, 0};
    if (self->xpub) {
        items[num++] = (zmq_pollitem_t){self->xpub, 0, ZMQ_POLLIN, 0};
        items[num++] = (zmq_pollitem_t){self->monitor, 0, ZMQ_POLLIN, 0};
    }
    return zmq_poll(items, num, timeout_ms) >= 0 || errno == EINTR;
}

void tyto_event_socket_close(struct tyto_event_socket *self)
{
    tyto_endpoint_close((const char(*)[256])self->endpoints, self->listen_fds, self->num_endpoints);
    self->num_endpoints = 0;
    drop_socket(self);
    tyto_echo_destroy(&self->echo);
    if (self->context)
        zmq_ctx_term(self->context); /* waits for what lingers */
    self->context = NULL;
}
