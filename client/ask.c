/* SPDX-License-Identifier: MIT */
#include "client/ask.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <zmq.h>

#include "base/clock.h"
#include "client/keys.h"

enum { SEND_HWM = 64, RECV_HWM = 64 };

static bool set_int(void *socket, int option, int value)
{
    return zmq_setsockopt(socket, option, &value, sizeof(value)) == 0;
}

enum tyto_err tyto_ask_open(struct tyto_ask *self, void *context, const char *endpoint,
                            const char *server_key, const char *secret_key)
{
    const int64_t max_bytes = TYTO_REPLY_MAX_BYTES;
    self->dealer = zmq_socket(context, ZMQ_DEALER);
    if (!self->dealer)
        return TYTO_ERR_NOMEM;
    enum tyto_err err = TYTO_ERR_IO;
    if (set_int(self->dealer, ZMQ_SNDHWM, SEND_HWM) &&
        set_int(self->dealer, ZMQ_RCVHWM, RECV_HWM) && set_int(self->dealer, ZMQ_LINGER, 0) &&
        set_int(self->dealer, ZMQ_IPV6, 1) && set_int(self->dealer, ZMQ_RECONNECT_IVL, 250) &&
        set_int(self->dealer, ZMQ_RECONNECT_IVL_MAX, 8000) &&
        set_int(self->dealer, ZMQ_CONNECT_TIMEOUT, 3000) &&
        zmq_setsockopt(self->dealer, ZMQ_MAXMSGSIZE, &max_bytes, sizeof(max_bytes)) == 0)
        err = tyto_keys_set(self->dealer, server_key, secret_key) ? TYTO_OK : TYTO_ERR_INVALID;
    if (!err)
        err = tyto_handshakes_watch(&self->handshakes, context, self->dealer, server_key != NULL);
    if (!err && zmq_connect(self->dealer, endpoint) != 0)
        err = TYTO_ERR_INVALID;
    if (err)
        tyto_ask_close(self);
    return err;
}

void tyto_ask_close(struct tyto_ask *self)
{
    tyto_handshakes_forget(&self->handshakes);
    if (self->dealer)
        zmq_close(self->dealer);
    self->dealer = NULL;
}

enum tyto_err tyto_ask_send(struct tyto_ask *self, struct tyto_request *request)
{
    static _Thread_local uint8_t bytes[TYTO_REQUEST_MAX_BYTES];
    size_t num_bytes = 0;
    if (request->id == 0)
        request->id = ++self->last_id;
    const enum tyto_err err = tyto_request_pack(request, bytes, sizeof(bytes), &num_bytes);
    if (err)
        return err == TYTO_ERR_FULL ? TYTO_ERR_INVALID : err;
    if (zmq_send(self->dealer, bytes, num_bytes, ZMQ_DONTWAIT) >= 0)
        return TYTO_OK;
    if (errno != EAGAIN)
        return TYTO_ERR_IO;
    /* After a refusal libzmq has nobody to send to. */
    return tyto_handshakes_look(&self->handshakes) ? TYTO_ERR_CLOSED : TYTO_ERR_FULL;
}

/* Takes what is there. EMPTY: nothing; NOT_FOUND: of another request. */
static enum tyto_err take(struct tyto_ask *self, uint64_t id, struct tyto_reply *ret_reply)
{
    zmq_msg_t msg;
    zmq_msg_init(&msg);
    if (zmq_msg_recv(&msg, self->dealer, ZMQ_DONTWAIT) < 0) {
        zmq_msg_close(&msg);
        return errno == EAGAIN ? TYTO_ERR_EMPTY : TYTO_ERR_IO;
    }
    enum tyto_err err = tyto_reply_unpack(zmq_msg_data(&msg), zmq_msg_size(&msg), ret_reply);
    while (zmq_msg_more(&msg) && zmq_msg_recv(&msg, self->dealer, ZMQ_DONTWAIT) >= 0)
        err = !err ? (tyto_reply_clear(ret_reply), TYTO_ERR_FORMAT) : err;
    zmq_msg_close(&msg);
    if (!err && ret_reply->id != id) {
        tyto_reply_clear(ret_reply);
        return TYTO_ERR_NOT_FOUND;
    }
    return err;
}

enum tyto_err tyto_ask_receive(struct tyto_ask *self, uint64_t id, int timeout_ms,
                               struct tyto_reply *ret_reply)
{
    const uint64_t begin_ns = tyto_clock_mono_ns();
    for (;;) {
        const enum tyto_err err = take(self, id, ret_reply);
        if (err != TYTO_ERR_EMPTY && err != TYTO_ERR_NOT_FOUND)
            return err;
        const uint64_t spent_ms = (tyto_clock_mono_ns() - begin_ns) / TYTO_NS_PER_MS;
        if (spent_ms >= (uint64_t)timeout_ms)
            return TYTO_ERR_TIMEOUT;
        if (tyto_handshakes_look(&self->handshakes))
            return TYTO_ERR_CLOSED;
        zmq_pollitem_t items[] = {{self->dealer, 0, ZMQ_POLLIN, 0},
                                  {self->handshakes.monitor, 0, ZMQ_POLLIN, 0}};
        if (zmq_poll(items, 2, timeout_ms - (long)spent_ms) < 0)
            return errno == EINTR ? TYTO_ERR_TIMEOUT : TYTO_ERR_IO;
    }
}

enum tyto_err tyto_ask_error(const struct tyto_reply *reply)
{
    switch (reply->error) {
    case TYTO_QUERY_NOT_FOUND:
    case TYTO_QUERY_TOO_OLD:
    case TYTO_QUERY_UNKNOWN_LOG:
        return TYTO_ERR_NOT_FOUND;
    case TYTO_QUERY_NO_JOURNAL:
        return TYTO_ERR_UNSUPPORTED;
    case TYTO_QUERY_RATE_LIMITED:
        return TYTO_ERR_FULL;
    case TYTO_QUERY_INTERNAL:
        return TYTO_ERR_IO;
    case TYTO_QUERY_DENIED:
        return TYTO_ERR_CLOSED;
    case TYTO_QUERY_BAD_REQUEST:
        break;
    }
    return TYTO_ERR_INVALID;
}

/* --- where
 * ----------------------------------------------------------------------------------------
 */

bool tyto_ask_choose(const struct tyto_hello *hello, const char *endpoint, char *ret_text,
                     size_t text_bytes)
{
    const bool is_tcp = strncmp(endpoint, "tcp://", 6) == 0;
    for (uint32_t i = 0; i < hello->num_query_endpoints; i++) {
        const char *one = hello->query_endpoints[i];
        if (strncmp(one, endpoint, 6) != 0)
            continue;
        const char *host_end = strrchr(endpoint, ':');
        const char *port = strrchr(one, ':');
        if (is_tcp)
            snprintf(ret_text, text_bytes, "%.*s%s", (int)(host_end - endpoint), endpoint, port);
        else
            snprintf(ret_text, text_bytes, "%s", one);
        return true;
    }
    return false;
}

/* --- messages
 * -------------------------------------------------------------------------------------
 */

bool tyto_message_of(const struct tyto_envelope *envelope, struct tyto_message *ret_message)
{
    struct tyto_message *message = ret_message;
    memset(message, 0, sizeof(*message));
    message->seq = envelope->seq;
    message->cam_seq = envelope->cam_seq;
    message->class_seq = envelope->class_seq;
    message->publish_unix_ns = envelope->publish_unix_ns;
    switch (envelope->kind) {
    case TYTO_ENVELOPE_EVENT:
        message->kind = TYTO_MESSAGE_EVENT;
        message->u.event = envelope->body.event;
        return true;
    case TYTO_ENVELOPE_CAMERA_STATE:
        message->kind = TYTO_MESSAGE_CAMERA_STATE;
        message->u.camera_state = envelope->body.camera_state;
        return true;
    case TYTO_ENVELOPE_MODEL_STATE:
        message->kind = TYTO_MESSAGE_MODEL_STATE;
        message->u.model_state = envelope->body.model_state;
        return true;
    case TYTO_ENVELOPE_DEBUG_SCORES:
        message->kind = TYTO_MESSAGE_DEBUG_SCORES;
        message->u.debug_scores = envelope->body.debug_scores;
        return true;
    case TYTO_ENVELOPE_THUMBNAIL: /* it has more than a message holds */
    case TYTO_ENVELOPE_HEARTBEAT:
    case TYTO_ENVELOPE_NONE:
        break;
    }
    return false;
}

bool tyto_ask_message(const struct tyto_bytes *envelope, struct tyto_message *ret_message)
{
    static _Thread_local struct tyto_envelope unpacked;
    return tyto_envelope_unpack(envelope->bytes, envelope->num_bytes, &unpacked) == TYTO_OK &&
           tyto_message_of(&unpacked, ret_message);
}
