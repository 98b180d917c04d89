/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include <zmq.h>

#include "base/clock.h"
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
           zmq_connect(self->monitor, address) == 0 &&
           (!self->access || (tyto_access_guard(self->access, self->context) == TYTO_OK &&
                              tyto_access_protect(self->access, self->router) == TYTO_OK));
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

enum tyto_err tyto_query_socket_open(struct tyto_query_socket *self, struct tyto_access *access,
                                     const char *const *endpoints, uint32_t num_endpoints,
                                     struct tyto_fault *ret_fault)
{
    self->access = access;
    if (!make_sockets(self))
        return tyto_fault_set(ret_fault, TYTO_ERR_IO, NULL, 0, NULL, "no ZeroMQ socket: %s",
                              zmq_strerror(errno));
    enum tyto_err err = tyto_echo_create(self->context, &self->echo, ret_fault);
    for (uint32_t i = 0; !err && i < num_endpoints; i++)
        err = bind_one(self, i, endpoints[i], ret_fault);
    for (uint32_t i = 0; access && !err && i < num_endpoints; i++)
        err = tyto_access_check_closed(access, self->context, ZMQ_DEALER, self->endpoints[i],
                                       ret_fault);
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
    tyto_echo_destroy(&self->echo);
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

/* --- connections ---------------------------------------------------------------------------------
 */

static struct tyto_query_connection *find_connection(struct tyto_query_socket *self, int fd)
{
    for (uint32_t i = 0; i < self->num_connections; i++) {
        if (self->connections[i].fd == fd)
            return &self->connections[i];
    }
    return NULL;
}

void tyto_query_socket_cut_off(struct tyto_query_socket *self, int fd)
{
    struct tyto_query_connection *connection = find_connection(self, fd);
    if (!connection || connection->is_cut)
        return;
    connection->is_cut = true;
    (void)tyto_endpoint_cut_off(self->listen_fds, self->num_endpoints, fd);
}

void tyto_query_socket_cut_silent(struct tyto_query_socket *self)
{
    for (uint32_t i = 0; i < self->num_connections; i++) {
        if (!self->connections[i].has_asked)
            tyto_query_socket_cut_off(self, self->connections[i].fd);
    }
}

/* Whoever shakes hands, or does not begin to, and whoever is idle. */
static void make_room(struct tyto_query_socket *self)
{
    struct tyto_query_connection *oldest = NULL;
    uint32_t num = 0;
    for (uint32_t i = 0; i < self->num_connections; i++) {
        struct tyto_query_connection *connection = &self->connections[i];
        num += !connection->is_cut;
        if (!connection->is_cut && !connection->has_asked &&
            (!oldest || connection->begin_ns < oldest->begin_ns))
            oldest = connection;
    }
    /* The newest has not asked either: it goes where nobody else may. */
    if (num > TYTO_QUERY_SERVER_MAX_PEERS && oldest)
        tyto_query_socket_cut_off(self, oldest->fd);
}

static void add_connection(struct tyto_query_socket *self, int fd)
{
    if (find_connection(self, fd))
        return;
    if (self->num_connections == TYTO_QUERY_MAX_CONNECTIONS) {
        (void)tyto_endpoint_cut_off(self->listen_fds, self->num_endpoints, fd);
        return;
    }
    self->connections[self->num_connections++] =
        (struct tyto_query_connection){.fd = fd, .begin_ns = tyto_clock_mono_ns()};
    make_room(self);
}

static void remove_connection(struct tyto_query_socket *self, int fd)
{
    struct tyto_query_connection *connection = find_connection(self, fd);
    if (connection)
        *connection = self->connections[--self->num_connections];
}

void tyto_query_socket_look_after(struct tyto_query_socket *self, void (*gone)(void *user, int fd),
                                  void *user)
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
        if (event == ZMQ_EVENT_ACCEPTED) {
            add_connection(self, fd);
        } else if (event == ZMQ_EVENT_DISCONNECTED) {
            remove_connection(self, fd);
            gone(user, fd);
        }
    }
}

/* --- what comes in, and goes out -----------------------------------------------------------------
 */

static void note_sender(struct tyto_query_socket *self, zmq_msg_t *message,
                        struct tyto_query_sender *ret_sender)
{
    const char *user = self->access ? zmq_msg_gets(message, "User-Id") : NULL;
    ret_sender->fd = zmq_msg_get(message, ZMQ_SRCFD);
    snprintf(ret_sender->user, sizeof(ret_sender->user), "%s", user ? user : "");
    struct tyto_query_connection *connection = find_connection(self, ret_sender->fd);
    if (connection)
        connection->has_asked = true;
}

bool tyto_query_socket_receive(struct tyto_query_socket *self, struct tyto_query_sender *ret_sender,
                               uint8_t *buf, size_t buf_bytes, size_t *ret_bytes)
{
    struct tyto_query_name *name = &ret_sender->name;
    const int num_name = zmq_recv(self->router, name->bytes, sizeof(name->bytes), ZMQ_DONTWAIT);
    if (num_name < 0)
        return false;
    name->num_bytes = (uint32_t)num_name;
    ret_sender->fd = -1;
    ret_sender->user[0] = '\0';
    *ret_bytes = 0;
    int has_more = 0;
    size_t option_bytes = sizeof(has_more);
    for (int frame = 1;
         zmq_getsockopt(self->router, ZMQ_RCVMORE, &has_more, &option_bytes) == 0 && has_more;
         frame++) {
        zmq_msg_t message;
        zmq_msg_init(&message);
        if (zmq_msg_recv(&message, self->router, ZMQ_DONTWAIT) >= 0 && frame == 1) {
            const size_t num = zmq_msg_size(&message);
            memcpy(buf, zmq_msg_data(&message), num < buf_bytes ? num : buf_bytes);
            *ret_bytes = num;
            note_sender(self, &message, ret_sender);
        }
        zmq_msg_close(&message);
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
