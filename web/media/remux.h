/* SPDX-License-Identifier: MIT */
/* A recording as a browser plays it: fragmented MP4, made of what was recorded, byte for byte;
 * nothing is coded anew. What browsers do not play (another codec than H.264, AAC, Opus and MP3) is
 * left out and named. remux.c is the only code of the page that knows libav. */
#ifndef TYTO_WEB_MEDIA_REMUX_H
#define TYTO_WEB_MEDIA_REMUX_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/fault.h"

enum { TYTO_REMUX_NAME_MAX = 64 };

struct tyto_remux_stream {
    bool is_there, plays;
    char codec[TYTO_REMUX_NAME_MAX]; /* for people: "H.265", "G.711 (mu-law)" */
};

struct tyto_remux_info {
    struct tyto_remux_stream video, audio;
    int64_t duration_ms; /* as the container says; 0: it does not */
    uint64_t num_bytes;  /* of what was made; 0: nothing of it plays */
};

struct tyto_remux_params {
    const char *path;   /* of a Matroska file */
    int fd;             /* an empty file to write to, and to seek in; borrowed */
    uint64_t max_bytes; /* of the recording, and of what is made of it */
    uint32_t max_ms;
    const atomic_bool *is_over; /* true: nobody wants it any more */
};

/* NOT_FOUND, IO (the disk: full, say), FORMAT (no recording, or a damaged one), FULL (over
 * max_bytes), TIMEOUT (over max_ms), CLOSED (is_over), NOMEM; with a fault for people. Any thread.
 */
TYTO_MUST_CHECK
enum tyto_err tyto_remux(const struct tyto_remux_params *params, struct tyto_remux_info *ret_info,
                         struct tyto_fault *ret_fault);

#endif
