/* SPDX-License-Identifier: MIT */
#include "client/sub.h"

#include <stdio.h>
#include <string.h>

#include <zmq.h>

#include "client/keys.h"

enum { SEND_HWM = 2000 };

/* --- life ----------------------------------------------------------------------------------------
 */

static bool set_int(void *socket, int option, int value)
{
    return zmq_setsockopt(socket, option, &value, sizeof(value)) == 0;
}

enum tyto_err tyto_sub_open(struct tyto_sub *self, void *context, const char *endpoint,
                            int recv_hwm, const char *server_key, const char *secret_key)
{
    const int64_t max_bytes = 1024 * 1024; /* attachments may come along */
    memset(self, 0, sizeof(*self));
    if (strlen(endpoint) >= sizeof(self->endpoint))
        return TYTO_ERR_INVALID;
    snprintf(self->endpoint, sizeof(self->endpoint), "%s", endpoint);
    self->socket = zmq_socket(context, ZMQ_SUB);
    if (!self->socket)
        return TYTO_ERR_NOMEM;
    enum tyto_err err = TYTO_OK;
    if (!set_int(self->socket, ZMQ_RCVHWM, recv_hwm) ||
        !set_int(self->socket, ZMQ_SNDHWM, SEND_HWM) || !set_int(self->socket, ZMQ_LINGER, 0) ||
        !set_int(self->socket, ZMQ_RECONNECT_IVL, 250) ||
        !set_int(self->socket, ZMQ_RECONNECT_IVL_MAX, 8000) ||
        !set_int(self->socket, ZMQ_CONNECT_TIMEOUT, 3000) || !set_int(self->socket, ZMQ_IPV6, 1) ||
        zmq_setsockopt(self->socket, ZMQ_MAXMSGSIZE, &max_bytes, sizeof(max_bytes)) != 0)
        err = TYTO_ERR_IO;
    else if (!tyto_keys_set(self->socket, server_key, secret_key))
        err = TYTO_ERR_INVALID;
    if (!err)
        err = tyto_handshakes_watch(&self->handshakes, context, self->socket, server_key != NULL);
    if (err)
        tyto_sub_close(self);
    return err;
}

void tyto_sub_close(struct tyto_sub *self)
{
    tyto_handshakes_forget(&self->handshakes);
    if (self->socket)
        zmq_close(self->socket);
    self->socket = NULL;
}

int tyto_sub_fd(const struct tyto_sub *self)
{
    int fd = -1;
    size_t fd_bytes = sizeof(fd);
    return zmq_getsockopt(self->socket, ZMQ_FD, &fd, &fd_bytes) == 0 ? fd : -1;
}

bool tyto_sub_subscribe(struct tyto_sub *self, const char *prefix)
{
    return zmq_setsockopt(self->socket, ZMQ_SUBSCRIBE, prefix, strlen(prefix)) == 0;
}

enum tyto_err tyto_sub_connect(struct tyto_sub *self)
{
    return zmq_connect(self->socket, self->endpoint) == 0 ? TYTO_OK : TYTO_ERR_INVALID;
}

void tyto_sub_reconnect(struct tyto_sub *self)
{
    (void)zmq_disconnect(self->socket, self->endpoint);
    (void)zmq_connect(self->socket, self->endpoint);
}

/* --- what comes in -------------------------------------------------------------------------------
 */

static const char hello_topic[] = "hello/";
enum { HELLO_TOPIC_BYTES = sizeof(hello_topic) - 1 };

static enum tyto_sub_kind take_hello(const uint8_t *bytes, size_t num_bytes,
                                     struct tyto_sub_frame *ret_frame)
{
    if (num_bytes < HELLO_TOPIC_BYTES || memcmp(bytes, hello_topic, HELLO_TOPIC_BYTES) != 0 ||
        tyto_hello_unpack(bytes + HELLO_TOPIC_BYTES, num_bytes - HELLO_TOPIC_BYTES,
                          &ret_frame->u.hello) != TYTO_OK ||
        ret_frame->u.hello.schema_major != TYTO_SCHEMA_MAJOR)
        return TYTO_SUB_MALFORMED;
    return TYTO_SUB_HELLO;
}

enum tyto_sub_kind tyto_sub_receive(struct tyto_sub *self, struct tyto_sub_frame *ret_frame)
{
    uint8_t first[HELLO_TOPIC_BYTES + TYTO_ENVELOPE_MAX_BYTES];
    const int num_first = zmq_recv(self->socket, first, sizeof(first), ZMQ_DONTWAIT);
    if (num_first < 0)
        return TYTO_SUB_NONE;
    int num_second = -1, has_more = 0;
    size_t option_bytes = sizeof(has_more);
    for (int frame = 1;
         zmq_getsockopt(self->socket, ZMQ_RCVMORE, &has_more, &option_bytes) == 0 && has_more;
         frame++) {
        uint8_t surplus[1]; /* further frames are attachments: not for us */
        if (frame == 1)
            num_second =
                zmq_recv(self->socket, ret_frame->bytes, sizeof(ret_frame->bytes), ZMQ_DONTWAIT);
        else
            (void)zmq_recv(self->socket, surplus, sizeof(surplus), ZMQ_DONTWAIT);
    }
    if (num_second < 0)
        return (size_t)num_first <= sizeof(first) ? take_hello(first, (size_t)num_first, ret_frame)
                                                  : TYTO_SUB_MALFORMED;
    ret_frame->num_bytes = (size_t)num_second;
    if (ret_frame->num_bytes > sizeof(ret_frame->bytes) ||
        tyto_envelope_unpack(ret_frame->bytes, ret_frame->num_bytes, &ret_frame->u.envelope) !=
            TYTO_OK)
        return TYTO_SUB_MALFORMED;
    return TYTO_SUB_ENVELOPE;
}

enum tyto_refusal tyto_sub_look(struct tyto_sub *self, uint64_t now_ns)
{
    const enum tyto_refusal refusal = tyto_handshakes_news(&self->handshakes, now_ns);
    if (tyto_handshakes_want_retry(&self->handshakes, now_ns))
        tyto_sub_reconnect(self);
    return refusal;
}
