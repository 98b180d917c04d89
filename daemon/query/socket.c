/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include <zmq.h>

#include "daemon/access/peers.h"
#include "daemon/publish/endpoint.h"
#include "daemon/query/internal.h"

enum {
    SEND_HWM = 16, /* replies that wait for one peer */
    RECV_HWM = 8,
    MAX_NEWS = 256,
};

static bool set_int(void *socket, int option, int value)
{
    return zmq_setsockopt(socket, option, &value, sizeof(value)) == 0;
}

static bool set_options(void *router)
{
    return set_int(router, ZMQ_ROUTER_MANDATORY, 1) && set_int(router, ZMQ_SNDHWM, SEND_HWM) &&
           set_int(router, ZMQ_RCVHWM, RECV_HWM) && set_int(router, ZMQ_LINGER, 0) &&
           tyto_peers_limit(router, TYTO_REQUEST_MAX_BYTES);
}

static bool make_sockets(struct tyto_query_socket *self)
{
    static const char address[] = "inproc://connections";
    self->context = zmq_ctx_new();
    self->router = self->context ? zmq_socket(self->context, ZMQ_ROUTER) : NULL;
    self->monitor = self->router ? zmq_socket(self->context, ZMQ_PAIR) : NULL;
    return self->monitor && set_options(self->router) && set_int(self->monitor, ZMQ_LINGER, 0) &&
           zmq_socket_monitor(self->router, address, ZMQ_EVENT_ACCEPTED | ZMQ_EVENT_DISCONNECTED) ==
               0 &&
           zmq_connect(self->monitor, address) == 0;
}

/* With the port that the system has chosen, where that was asked for. */
static void name_endpoint(struct tyto_query_socket *self, uint32_t idx, const char *endpoint)
{
    char *name = self->endpoints[idx];
    const size_t name_bytes = sizeof(self->endpoints[idx]);
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
        struct sockaddr_storage room;
    } address;
    socklen_t num = sizeof(address);
    const size_t len = strlen(endpoint);
    snprintf(name, name_bytes, "%s", endpoint);
    if (len < 2 || strcmp(endpoint + len - 2, ":*") != 0 ||
        getsockname(self->listen_fds[idx], &address.any, &num) != 0)
        return;
    const in_port_t port =
        address.any.sa_family == AF_INET6 ? address.v6.sin6_port : address.v4.sin_port;
    snprintf(name, name_bytes, "%.*s%u", (int)len - 1, endpoint, (unsigned)ntohs(port));
}

static enum tyto_err bind_one(struct tyto_query_socket *self, uint32_t idx, const char *endpoint,
                              struct tyto_fault *ret_fault)
{
    const enum tyto_err err = tyto_endpoint_listen(endpoint, &self->listen_fds[idx], ret_fault);
    if (err)
        return err;
    name_endpoint(self, idx, endpoint);
    self->num_endpoints = idx + 1;
    if (tyto_peers_serve(self->router, self->endpoints[idx], self->listen_fds[idx]))
        return TYTO_OK;
    return tyto_fault_set(ret_fault, TYTO_ERR_IO, NULL, 0, NULL, "cannot bind %.200s: %s", endpoint,
                          zmq_strerror(errno));
}

enum tyto_err tyto_query_socket_open(struct tyto_query_socket *self, const char *const *endpoints,
                                     uint32_t num_endpoints, struct tyto_fault *ret_fault)
{
    if (!make_sockets(self))
        return tyto_fault_set(ret_fault, TYTO_ERR_IO, NULL, 0, NULL, "no ZeroMQ socket: %s",
                              zmq_strerror(errno));
    enum tyto_err err = TYTO_OK;
    for (uint32_t i = 0; !err && i < num_endpoints; i++)
        err = bind_one(self, i, endpoints[i], ret_fault);
    return err;
}

void tyto_query_socket_close(struct tyto_query_socket *self)
{
    tyto_endpoint_close((const char(*)[256])self->endpoints, self->listen_fds, self->num_endpoints);
    self->num_endpoints = 0;
    if (self->router)
        (void)zmq_socket_monitor(self->router, NULL, 0);
    if (self->monitor)
        zmq_close(self->monitor);
    if (self->router)
        zmq_close(self->router);
    if (self->context)
        zmq_ctx_term(self->context);
    self->context = self->router = self->monitor = NULL;
}

void tyto_query_socket_wait(struct tyto_query_socket *self, int end_fd, int timeout_ms)
{
    zmq_pollitem_t items[] = {{self->router, 0, ZMQ_POLLIN, 0},
                              {self->monitor, 0, ZMQ_POLLIN, 0},
                              {NULL, end_fd, ZMQ_POLLIN, 0}};
    (void)zmq_poll(items, 3, timeout_ms);
}

void tyto_query_socket_look_after(struct tyto_query_socket *self)
{
    for (int i = 0; i < MAX_NEWS; i++) {
        uint8_t news[6], address[1];
        if (zmq_recv(self->monitor, news, sizeof(news), ZMQ_DONTWAIT) != (int)sizeof(news))
            return;
        (void)zmq_recv(self->monitor, address, sizeof(address), ZMQ_DONTWAIT);
        uint16_t event;
        int32_t fd;
        memcpy(&event, news, sizeof(event));
        memcpy(&fd, news + 2, sizeof(fd));
        if (event == ZMQ_EVENT_ACCEPTED && self->num_connections++ >= TYTO_QUERY_SERVER_MAX_PEERS)
            (void)tyto_endpoint_cut_off(self->listen_fds, self->num_endpoints, fd);
        else if (event == ZMQ_EVENT_DISCONNECTED && self->num_connections > 0)
            self->num_connections--;
    }
}

bool tyto_query_socket_receive(struct tyto_query_socket *self, struct tyto_query_name *ret_name,
                               uint8_t *buf, size_t buf_bytes, size_t *ret_bytes)
{
    int has_more = 0;
    size_t option_bytes = sizeof(has_more);
    const int num_name =
        zmq_recv(self->router, ret_name->bytes, sizeof(ret_name->bytes), ZMQ_DONTWAIT);
    if (num_name < 0)
        return false;
    ret_name->num_bytes = (uint32_t)num_name;
    *ret_bytes = 0;
    for (int frame = 1;
         zmq_getsockopt(self->router, ZMQ_RCVMORE, &has_more, &option_bytes) == 0 && has_more;
         frame++) {
        uint8_t surplus[1];
        const int num = frame == 1 ? zmq_recv(self->router, buf, buf_bytes, ZMQ_DONTWAIT)
                                   : zmq_recv(self->router, surplus, sizeof(surplus), ZMQ_DONTWAIT);
        if (frame == 1 && num > 0)
            *ret_bytes = (size_t)num;
    }
    return true;
}

enum tyto_err tyto_query_socket_send(struct tyto_query_socket *self,
                                     const struct tyto_query_name *name, const uint8_t *bytes,
                                     size_t num_bytes)
{
    if (zmq_send(self->router, name->bytes, name->num_bytes, ZMQ_SNDMORE | ZMQ_DONTWAIT) < 0)
        return errno == EAGAIN ? TYTO_ERR_FULL : TYTO_ERR_CLOSED;
    return zmq_send(self->router, bytes, num_bytes, ZMQ_DONTWAIT) < 0 ? TYTO_ERR_CLOSED : TYTO_OK;
}
