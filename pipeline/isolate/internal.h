/* SPDX-License-Identifier: MIT */
/* What parent.c (life, reading, telling) and take.c (what a message may say) share. Internal. */
#ifndef TYTO_PIPELINE_ISOLATE_INTERNAL_H
#define TYTO_PIPELINE_ISOLATE_INTERNAL_H

#include <pthread.h>

#include "pipeline/isolate/isolate.h"
#include "pipeline/isolate/process.h"
#include "pipeline/isolate/wire.h"

enum { TYTO_ISOLATED_LINE_MAX = 512, TYTO_ISOLATED_ID_MAX = 64 };

/* One source and its process, in the parent. All of it is the connection thread's, but for what
 * tell_lock guards. */
struct tyto_isolated {
    struct tyto_source *source; /* that it fills, and that frees it */
    struct tyto_isolation isolation;
    struct tyto_child child;
    struct tyto_wire_reader reader;
    char camera[TYTO_ISOLATED_ID_MAX];
    char *uri;                               /* owned */
    struct tyto_tap *tap;                    /* of the source; NULL: none */
    uint64_t num_received[TYTO_NUM_STREAMS]; /* things of the stream */
    pthread_mutex_t tell_lock;               /* guards told, and sending */
    struct tyto_source_wishes told;
    uint64_t heard_ns;  /* of the last byte that came */
    uint64_t filled_ns; /* the bucket of messages, when */
    double num_allowed; /* and how many are in it */
    bool is_lost;       /* it says nonsense, or nothing: there is no reason to wait for it */
    bool is_over;       /* OVER has come */
    char line[TYTO_ISOLATED_LINE_MAX];
    uint32_t num_line;
    bool is_line_over; /* none comes any more */
};

/* take.c: puts a whole message into the source. TYTO_OK; FORMAT: it says what cannot be; NOMEM. */
TYTO_MUST_CHECK
enum tyto_err tyto_isolated_take(struct tyto_isolated *self);
/* take.c: of an OVER that was taken: how tyto_source_wait() ended there, and its text. */
enum tyto_err tyto_isolated_ending(const struct tyto_isolated *self, char *text,
                                   uint32_t text_bytes);

#endif
