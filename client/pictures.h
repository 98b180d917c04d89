/* SPDX-License-Identifier: MIT */
/* libtyto: pictures of events, where tytod makes them (`snapshots.send`). What is subscribed here
 * is not counted and not kept: who is not there, or slow, misses pictures. Reconnects by itself.
 * One thread per listener; no callbacks. */
#ifndef TYTO_CLIENT_PICTURES_H
#define TYTO_CLIENT_PICTURES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "proto/event.h"

#ifdef __cplusplus
extern "C" {
#endif

struct tyto_pictures_params {
    const char *endpoint;       /* where events are published; NULL: TYTO_DEFAULT_ENDPOINT */
    const char *const *cameras; /* only these; num_cameras 0: all */
    uint32_t num_cameras;
    const char *server_key, *secret_key; /* as of tyto_client_params */
    bool live; /* not of events: what the cameras see now, about one a second */
};

struct tyto_event_picture {
    struct tyto_thumbnail about;
    const uint8_t *jpeg; /* about.num_bytes of it */
};

struct tyto_pictures;

/* Does not wait for the daemon. INVALID for a bad endpoint, camera or key; NOMEM, IO. */
TYTO_MUST_CHECK
enum tyto_err tyto_pictures_open(const struct tyto_pictures_params *params,
                                 struct tyto_pictures **ret_pictures);
void tyto_pictures_close(struct tyto_pictures **pictures);

/* The next one, borrowed until the next call; waits timeout_ms at most (-1: for ever, 0: not at
 * all). An event's pictures may be several: a later one is better. What is no picture, or not as
 * large as it says, is passed by; whether its SHA-256 is right is not looked at. TIMEOUT: there is
 * none, or a signal came; IO. */
TYTO_MUST_CHECK
enum tyto_err tyto_pictures_next(struct tyto_pictures *pictures, int timeout_ms,
                                 const struct tyto_event_picture **ret_picture);

#ifdef __cplusplus
}
#endif

#endif
