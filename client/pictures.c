/* SPDX-License-Identifier: MIT */
#include "client/pictures.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include <zmq.h>

#include "base/clock.h"
#include "client/pulse.h"
#include "client/sub.h"

enum {
    RECV_HWM = 32,    /* of 256 KiB each */
    MAX_OTHERS = 256, /* messages without a picture that are looked at in one call */
};

struct tyto_pictures {
    void *context;
    struct tyto_sub sub;
    struct tyto_pulse pulse;
    struct tyto_event_picture picture;
    uint8_t jpeg[TYTO_THUMBNAIL_MAX_BYTES];
};

/* --- what comes in -------------------------------------------------------------------------------
 */

static int receive_frame(struct tyto_pictures *pictures, void *bytes, size_t num_bytes)
{
    return zmq_recv(pictures->sub.socket, bytes, num_bytes, ZMQ_DONTWAIT);
}

static bool has_more(struct tyto_pictures *pictures)
{
    int more = 0;
    size_t option_bytes = sizeof(more);
    return zmq_getsockopt(pictures->sub.socket, ZMQ_RCVMORE, &more, &option_bytes) == 0 && more;
}

/* An envelope and the bytes beside it; false: no picture. */
static bool take(struct tyto_pictures *pictures, const uint8_t *bytes, int num_bytes,
                 int num_jpeg_bytes)
{
    struct tyto_envelope envelope;
    if (num_bytes < 0 || num_bytes > TYTO_ENVELOPE_MAX_BYTES ||
        tyto_envelope_unpack(bytes, (size_t)num_bytes, &envelope) != TYTO_OK)
        return false;
    (void)tyto_pulse_heard(&pictures->pulse, tyto_clock_mono_ns());
    if (envelope.kind == TYTO_ENVELOPE_HEARTBEAT)
        tyto_pulse_set_beat(&pictures->pulse, envelope.body.heartbeat.interval_ms);
    if (envelope.kind != TYTO_ENVELOPE_THUMBNAIL || num_jpeg_bytes <= 0 ||
        (uint32_t)num_jpeg_bytes != envelope.body.thumbnail.num_bytes)
        return false;
    pictures->picture.about = envelope.body.thumbnail;
    pictures->picture.jpeg = pictures->jpeg;
    return true;
}

/* Takes one whole message, without waiting; false: none waits. */
static bool receive(struct tyto_pictures *pictures, bool *ret_is_picture)
{
    uint8_t topic[TYTO_TOPIC_MAX_BYTES], envelope[TYTO_ENVELOPE_MAX_BYTES], surplus[1];
    int num_envelope_bytes = -1, num_jpeg_bytes = -1;
    *ret_is_picture = false;
    if (receive_frame(pictures, topic, sizeof(topic)) < 0)
        return false;
    for (int frame = 1; has_more(pictures); frame++) {
        if (frame == 1)
            num_envelope_bytes = receive_frame(pictures, envelope, sizeof(envelope));
        else if (frame == 2)
            num_jpeg_bytes = receive_frame(pictures, pictures->jpeg, sizeof(pictures->jpeg));
        else
            (void)receive_frame(pictures, surplus, sizeof(surplus));
    }
    *ret_is_picture = take(pictures, envelope, num_envelope_bytes, num_jpeg_bytes);
    return true;
}

static void look_for_silence(struct tyto_pictures *pictures)
{
    const uint64_t now_ns = tyto_clock_mono_ns();
    if (tyto_pulse_look(&pictures->pulse, now_ns) == TYTO_PULSE_RECONNECT)
        tyto_sub_reconnect(&pictures->sub);
    (void)tyto_sub_look(&pictures->sub, now_ns);
}

enum tyto_err tyto_pictures_next(struct tyto_pictures *pictures, int timeout_ms,
                                 const struct tyto_event_picture **ret_picture)
{
    const uint64_t begin_ns = tyto_clock_mono_ns();
    for (uint32_t num_others = 0;; num_others++) {
        bool is_picture = false;
        if (num_others < MAX_OTHERS && receive(pictures, &is_picture)) {
            if (!is_picture)
                continue;
            *ret_picture = &pictures->picture;
            return TYTO_OK;
        }
        look_for_silence(pictures);
        const long wait_ms = tyto_pulse_wait_ms(&pictures->pulse, begin_ns, timeout_ms);
        if (wait_ms == 0)
            return TYTO_ERR_TIMEOUT;
        zmq_pollitem_t items[] = {{pictures->sub.socket, 0, ZMQ_POLLIN, 0},
                                  {pictures->sub.handshakes.monitor, 0, ZMQ_POLLIN, 0}};
        if (zmq_poll(items, 2, wait_ms) < 0)
            return errno == EINTR ? TYTO_ERR_TIMEOUT : TYTO_ERR_IO;
        num_others = 0;
    }
}

/* --- making --------------------------------------------------------------------------------------
 */

static enum tyto_err subscribe(struct tyto_pictures *pictures,
                               const struct tyto_pictures_params *params)
{
    const char *prefix = params->live ? "lv/" : "th/";
    bool ok = tyto_sub_subscribe(&pictures->sub, "hb/") &&
              (params->num_cameras > 0 || tyto_sub_subscribe(&pictures->sub, prefix));
    for (uint32_t i = 0; ok && i < params->num_cameras; i++) {
        char topic[TYTO_TOPIC_MAX_BYTES];
        if (!tyto_id_is_valid(params->cameras[i]))
            return TYTO_ERR_INVALID;
        snprintf(topic, sizeof(topic), "%s%s/", prefix, params->cameras[i]);
        ok = tyto_sub_subscribe(&pictures->sub, topic);
    }
    return ok ? TYTO_OK : TYTO_ERR_IO;
}

enum tyto_err tyto_pictures_open(const struct tyto_pictures_params *params,
                                 struct tyto_pictures **ret_pictures)
{
    struct tyto_pictures *pictures = calloc(1, sizeof(*pictures));
    if (!pictures)
        return TYTO_ERR_NOMEM;
    tyto_pulse_init(&pictures->pulse);
    pictures->context = zmq_ctx_new();
    enum tyto_err err = pictures->context ? TYTO_OK : TYTO_ERR_NOMEM;
    if (!err)
        err = tyto_sub_open(&pictures->sub, pictures->context,
                            params->endpoint ? params->endpoint : TYTO_DEFAULT_ENDPOINT, RECV_HWM,
                            params->server_key, params->secret_key);
    if (!err)
        err = subscribe(pictures, params);
    if (!err)
        err = tyto_sub_connect(&pictures->sub);
    if (err)
        tyto_pictures_close(&pictures);
    *ret_pictures = pictures;
    return err;
}

void tyto_pictures_close(struct tyto_pictures **pictures)
{
    if (!*pictures)
        return;
    tyto_sub_close(&(*pictures)->sub);
    if ((*pictures)->context)
        zmq_ctx_term((*pictures)->context);
    free(*pictures);
    *pictures = NULL;
}
