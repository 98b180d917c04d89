/* SPDX-License-Identifier: MIT */
/* A file as RTSP cameras on loopback: every path plays it from the start, in
 * real time, to whoever connects. */
#ifndef TYTO_DEMO_SERVE_H
#define TYTO_DEMO_SERVE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

struct demo_serve_params {
    const char *path;     /* an MP4 with H.264 and AAC */
    uint16_t port;        /* 0: any free one */
    uint32_t num_cameras; /* at /camera, or at /camera1../cameraN when more than one */
    double seconds;       /* the file's length */
    bool once;            /* return when the first viewer has seen the whole file */
    /* Called once when viewers may connect. */
    void (*ready)(void *user, uint16_t port);
    void *user;
};

/* Serves until SIGINT or SIGTERM (TYTO_OK) or, with once, until the end. TYTO_ERR_IO when the port
 * is taken. */
TYTO_MUST_CHECK
enum tyto_err demo_serve(const struct demo_serve_params *params);

#endif
