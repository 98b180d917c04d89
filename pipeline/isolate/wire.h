/* SPDX-License-Identifier: MIT */
/* What goes between tytod and the process of one camera, over a stream socket: messages of a head,
 * a part of fixed size and, of some kinds, a body. Both ends are of one build, so that structs go
 * as they lie in memory; but whoever reads takes nothing on trust: a message is refused by its head
 * before there is memory for it, and what its fields say is checked by whoever uses them. */
#ifndef TYTO_PIPELINE_ISOLATE_WIRE_H
#define TYTO_PIPELINE_ISOLATE_WIRE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#include "base/err.h"
#include "base/frame.h"
#include "pipeline/source/fill.h"

enum {
    TYTO_WIRE_VERSION = 1,
    TYTO_WIRE_TEXT_MAX = 256,
    /* A second of sound has 16,000 samples; decoders give a few hundred or thousand at once. */
    TYTO_WIRE_MAX_SAMPLES = 1 << 20,
    /* Planes end where their last row ends; the rows of a decoder may lie so far apart. */
    TYTO_WIRE_MAX_PADDING = 4096,
    /* Three bytes a pixel at most. */
    TYTO_WIRE_MAX_PICTURE_BYTES =
        3 * TYTO_FRAME_MAX_SIDE * (TYTO_FRAME_MAX_SIDE + TYTO_WIRE_MAX_PADDING),
    TYTO_WIRE_MAX_CODED_BYTES = 32 << 20,
    TYTO_WIRE_MAX_CAPS_BYTES = 64 << 10,
};

/* X(NAME, struct of the fixed part, largest body) */
#define TYTO_WIRE_LIST(X)                                                                          \
    X(START, struct tyto_wire_start, TYTO_URI_MAX) /* to the process: first of all */              \
    X(WISHES, struct tyto_source_wishes, 0)        /* to the process */                            \
    X(STATUS, struct tyto_source_status, 0)        /* the others: from it */                       \
    X(MEDIA, struct tyto_wire_media,                                                               \
      TYTO_WIRE_MAX_PICTURE_BYTES) /* samples, or plane after plane */                             \
    X(POSITION, struct tyto_wire_position, 0)                                                      \
    X(LOOK, struct tyto_wire_look, 0)                                                              \
    X(CODED, struct tyto_wire_coded,                                                               \
      TYTO_WIRE_MAX_CAPS_BYTES + TYTO_WIRE_MAX_CODED_BYTES) /* caps, then data */                  \
    X(OVER, struct tyto_wire_over, 0)                       /* nothing comes after it */

#define TYTO_WIRE_ENUM(name, type, max_body) TYTO_WIRE_##name,
enum tyto_wire_kind { TYTO_WIRE_NONE, TYTO_WIRE_LIST(TYTO_WIRE_ENUM) TYTO_WIRE_NUM_KINDS };
#undef TYTO_WIRE_ENUM

/* tyto_source_params, as far as they are not of one process. */
struct tyto_wire_start {
    uint32_t version;
    struct tyto_source_options options;
    int64_t hop_ns, length_ns, base_ns, av_offset_ns;
    bool has_tap, reconnects, takes_news;
};

/* As struct tyto_media. */
struct tyto_wire_media {
    uint32_t stream, kind;
    int64_t pts_ns;
    uint64_t capture_unix_ns, in_ns;
    uint32_t num_samples;                      /* SOUND */
    uint32_t format, width, height;            /* PICTURE */
    uint32_t strides_bytes[3], plane_bytes[3]; /* PICTURE */
    bool bt709, full_range;
};

struct tyto_wire_position {
    uint32_t stream;
    int64_t ns;
};

struct tyto_wire_look {
    int64_t pts_ns;
    uint8_t grey[TYTO_SYNC_GREY_BYTES];
};

/* As struct tyto_coded. */
struct tyto_wire_coded {
    uint32_t stream;
    uint32_t caps_bytes; /* 0: as those before, of this stream */
    uint32_t data_bytes;
    int64_t pts_ns, dts_ns, duration_ns;
    bool is_key;
};

/* How tyto_source_wait() ended, or what tyto_source_create() said. */
struct tyto_wire_over {
    int32_t err;
    char text[TYTO_WIRE_TEXT_MAX];
    struct tyto_source_ending ending;
};

union tyto_wire_fixed {
    struct tyto_wire_start start;
    struct tyto_source_wishes wishes;
    struct tyto_source_status status;
    struct tyto_wire_media media;
    struct tyto_wire_position position;
    struct tyto_wire_look look;
    struct tyto_wire_coded coded;
    struct tyto_wire_over over;
};

struct tyto_wire_head {
    uint32_t kind;
    uint32_t num_bytes; /* of what follows */
};

/* --- writing ---------------------------------------------------------------------------------- */

/* Sends one message; waits for room as long as there is somebody at the other end. bodies: at most
 * four pieces, borrowed. CLOSED: there is nobody any more; IO. */
TYTO_MUST_CHECK
enum tyto_err tyto_wire_send(int fd, enum tyto_wire_kind kind, const void *fixed,
                             const struct iovec *bodies, uint32_t num_bodies);
/* The same of a message without a body, whole or not at all, without waiting. FULL: no room now. */
TYTO_MUST_CHECK
enum tyto_err tyto_wire_try_send(int fd, enum tyto_wire_kind kind, const void *fixed);

/* --- reading ---------------------------------------------------------------------------------- */

/* A message as far as it has come. Zero: none. */
struct tyto_wire_reader {
    struct tyto_wire_head head;
    union tyto_wire_fixed fixed;
    uint8_t *body; /* owned; whoever takes it sets it to NULL */
    uint32_t num_body_bytes;
    uint64_t num_read; /* of head, fixed part and body together */
};

/* Whether the kinds that come are those to the process, or those from it. */
enum tyto_wire_side { TYTO_WIRE_TO_PROCESS, TYTO_WIRE_FROM_PROCESS };

/* Goes on reading, without waiting. TYTO_OK: there is a message; tyto_wire_next() before the next
 * one. EMPTY: not yet. CLOSED: the other end is gone. FORMAT: no such message, or too large, or for
 * the other side. NOMEM, IO. */
TYTO_MUST_CHECK
enum tyto_err tyto_wire_read(int fd, enum tyto_wire_side side, struct tyto_wire_reader *reader);
/* Forgets the message, and what was not taken of it. */
void tyto_wire_next(struct tyto_wire_reader *reader);

/* How many things of a stream may be on their way, or wait to be taken: no more than those that the
 * process has heard were taken (struct tyto_source_wishes), and so many. */
uint64_t tyto_wire_room(enum tyto_stream stream);

/* Of a picture of this format and size: bytes of a row and rows of each of its planes; 0: there is
 * no such plane. False: no such format, or a side out of limits. */
bool tyto_wire_planes(uint32_t format, uint32_t width, uint32_t height, uint32_t ret_row_bytes[3],
                      uint32_t ret_rows[3]);

#endif
