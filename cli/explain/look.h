/* SPDX-License-Identifier: MIT */
/* Seconds to look at: the picture that the networks saw, small, and the sound that they heard as a
 * spectrogram, each as a JPEG. */
#ifndef TYTO_CLI_EXPLAIN_LOOK_H
#define TYTO_CLI_EXPLAIN_LOOK_H

#include <stdint.h>

#include "files/json.h"
#include "pipeline/engine/engine.h"

/* A page of more seconds would be too big to be looked at. */
enum { TYTO_EXPLAIN_MAX_SHOWN = 600 };

struct tyto_explain_shown {
    int64_t begin_ns;
    float aspect; /* of the picture, width through height */
    struct tyto_json *picture,
        *sound; /* owned until they are taken: "data:image/jpeg;base64,..." */
};

struct tyto_explain_looks;

/* Of the seconds that begin in [begin_ns, end_ns). NOMEM. */
TYTO_MUST_CHECK
enum tyto_err tyto_explain_looks_create(int64_t begin_ns, int64_t end_ns,
                                        struct tyto_explain_looks **ret_looks);
void tyto_explain_looks_destroy(struct tyto_explain_looks **looks);
/* As the engine's on_input: one thread. */
void tyto_explain_looks_put(struct tyto_explain_looks *looks,
                            const struct tyto_segment_input *input);
/* The second that begins there, NULL when it was not put; borrowed. */
struct tyto_explain_shown *tyto_explain_looks_at(struct tyto_explain_looks *looks,
                                                 int64_t begin_ns);

#endif
