/* SPDX-License-Identifier: MIT */
/* An encoder as a file: a graph, its weights, how its input is made, where it
 * came from. Written by `tyto model import`, read by the encoders. The file is
 * safetensors (files/safetensors.h), its metadata is described in model/README.md. */
#ifndef TYTO_MODEL_GRAPH_FILE_H
#define TYTO_MODEL_GRAPH_FILE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/fault.h"
#include "base/words.h"
#include "files/digest.h"
#include "model/graph/detector.h"
#include "model/graph/graph.h"
#include "shaders/log_mel/log_mel.h"

/* visual: input (H, W, 3 or 4), x = (pixel - mean) * scale, pixel 0..255. audio: input (frames,
 * bands, 1) of log-mel; may say how it is made. */
#define TYTO_ENCODER_LIST(X)                                                                       \
    X(TYTO_ENCODER_GENERIC, "generic", "the graph and nothing else")                               \
    X(TYTO_ENCODER_VISUAL, "visual", "from a picture's pixels")                                    \
    X(TYTO_ENCODER_AUDIO, "audio", "from a log-mel spectrogram")
enum tyto_encoder_kind { TYTO_ENCODER_LIST(TYTO_WORD_ENUM) TYTO_ENCODER_NUM_KINDS };

/* How a picture becomes the input of a visual encoder. */
enum tyto_fit {
    TYTO_FIT_SQUASH,    /* all of the input, whatever its shape; 3 channels */
    TYTO_FIT_LETTERBOX, /* as large as goes without changing its shape, in the middle; the rest is
                         * 0, and a fourth channel is 1 where the picture is and 0 beside it */
    TYTO_FIT_NUM
};

/* Sound to the graph's input: see shaders/log_mel. */
struct tyto_frontend {
    uint32_t sample_rate_hz;
    uint32_t fft, window_len, hop, num_mel;
    enum tyto_log_form form;
    float pcm_scale;              /* samples in [-1, 1] are multiplied by it */
    float floor, top_db;          /* top_db 0: none */
    float post_scale, post_shift; /* after the logarithm */
    uint32_t num_frames;          /* of one patch: the graph's input height */
    uint32_t frames_hop;          /* between the starts of patches, 1..num_frames */
    const float *window;          /* (window_len) */
    const float *mel;             /* (fft/2+1, num_mel) */
};

struct tyto_encoder_file {
    enum tyto_encoder_kind kind;
    struct tyto_graph graph;
    float mean[3], scale[3]; /* VISUAL, else 0 and 1 */
    enum tyto_fit fit;       /* VISUAL */
    bool has_detector;       /* VISUAL only */
    struct tyto_detector detector;
    /* VISUAL: the same network for pictures that are higher than wide, with the same weights, as
     * many places and the same columns. */
    bool has_tall;
    struct tyto_graph tall;
    struct tyto_detector tall_detector; /* with has_detector */
    bool has_frontend;                  /* AUDIO only */
    struct tyto_frontend frontend;
    char source[128];                          /* name of the imported file */
    char source_sha256[TYTO_DIGEST_HEX_BYTES]; /* "" when not known */
    char license[128];                         /* "" when not known */
    char layout[TYTO_DIGEST_HEX_BYTES];        /* of tensor names and shapes */
    struct tyto_encoder_floats *floats;        /* owns all weights */
};

/* An empty file, to be filled by import. NOMEM. */
TYTO_MUST_CHECK
enum tyto_err tyto_encoder_file_create(struct tyto_encoder_file **ret_file);
void tyto_encoder_file_destroy(struct tyto_encoder_file **file);
/* num zeros that live as long as the file: for weights. NULL when out of memory
 * or over the limit of 2^28 in total. */
float *tyto_encoder_file_alloc(struct tyto_encoder_file *file, uint64_t num);

/* Makes the graph, whose layers must be those of file->graph but for their shapes, its tall one;
 * its weights become file's. NULL, or what does not fit. */
const char *tyto_encoder_file_set_tall(struct tyto_encoder_file *file,
                                       const struct tyto_graph *tall,
                                       const struct tyto_detector *detector);

/* Reads and checks everything: the graph passes tyto_graph_check, weights are
 * finite. *ret_fault says what does not fit. */
TYTO_MUST_CHECK
enum tyto_err tyto_encoder_file_read(const char *path, struct tyto_encoder_file **ret_file,
                                     struct tyto_fault *ret_fault);
/* The same from memory; bytes need not outlive the call. */
TYTO_MUST_CHECK
enum tyto_err tyto_encoder_file_read_memory(const void *bytes, size_t num_bytes,
                                            struct tyto_encoder_file **ret_file,
                                            struct tyto_fault *ret_fault);
/* Atomic. A tensor whose every value is a half float is stored as F16, losslessly. Fills
 * file->layout. */
TYTO_MUST_CHECK
enum tyto_err tyto_encoder_file_write(struct tyto_encoder_file *file, const char *path,
                                      struct tyto_fault *ret_fault);

const char *tyto_encoder_kind_name(enum tyto_encoder_kind kind);

#endif
