/* SPDX-License-Identifier: MIT */
/* CMAN (Xuan et al., AAAI 2020): where (audio-guided cosine attention over
 * places), when (self-attention in each stream), which (LSTM with sentinel,
 * co-attention over the other stream), then a head. Forward only, on Vulkan, for
 * many streams at once; per stream a ring of the last T segments stays on the
 * device. Formulae: model/README.md. */
#ifndef TYTO_MODEL_CMAN_CMAN_H
#define TYTO_MODEL_CMAN_CMAN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/fault.h"
#include "base/log.h"
#include "base/words.h"
#include "shaders/runtime/gpu.h"

/* softmax: K classes + background: num_logits = K + 1, background last. multi_label: sigmoid,
 * num_logits = 3 K: joint (seen and heard), heard, seen. */
#define TYTO_HEAD_LIST(X)                                                                          \
    X(TYTO_HEAD_SOFTMAX, "softmax", "one class at a time, or background")                          \
    X(TYTO_HEAD_MULTI_LABEL, "multi_label", "heard, seen, both; what tytod serves best")
enum tyto_head_kind { TYTO_HEAD_LIST(TYTO_WORD_ENUM) };

/* What a multi-label head scores each class for; rows of its logits, of thresholds (3, K) too. */
enum tyto_cman_task {
    TYTO_CMAN_JOINT, /* seen and heard */
    TYTO_CMAN_HEARD,
    TYTO_CMAN_SEEN,
    TYTO_CMAN_NUM_TASKS,
};

/* How far towards certainty a single sense has to go beyond the joint threshold, where nobody says.
 */
#define TYTO_CMAN_SINGLE_SHARE 0.6
static inline float tyto_cman_single_threshold(float joint)
{
    return joint + (1 - joint) * (float)TYTO_CMAN_SINGLE_SHARE;
}

static inline uint32_t tyto_head_num_logits(enum tyto_head_kind head, uint32_t num_classes)
{
    return head == TYTO_HEAD_SOFTMAX ? num_classes + 1 : 3 * num_classes;
}
/* Static. */
const char *tyto_head_name(enum tyto_head_kind head);

enum { TYTO_CMAN_MAX_CLASSES = 1024, TYTO_CMAN_MAX_SEGMENTS = 64, TYTO_CMAN_MAX_PLACES = 1024 };

struct tyto_cman_dims {
    uint32_t num_segments; /* T */
    uint32_t num_places;   /* L */
    uint32_t audio_in;     /* A: the encoder's */
    uint32_t visual_in;    /* V: the encoder's */
    uint32_t audio_width;  /* da after the adapter (= A without one) */
    uint32_t visual_width; /* dv after the adapter (= V without one) */
    uint32_t match_width;  /* d of where */
    uint32_t when_width;   /* dk of when */
    uint32_t hidden_width; /* dh of the LSTMs */
    uint32_t which_width;  /* dk of which */
    uint32_t head_width;   /* hidden units of the head */
    uint32_t num_classes;  /* K, without background */
    uint32_t num_logits;
    uint32_t look_ahead; /* segments of future that attention may see; UINT32_MAX: all (no mask) */
    enum tyto_head_kind head;
};

struct tyto_cman;
struct tyto_cman_weights;

struct tyto_cman_params {
    const char *weights_path;
    struct tyto_cman_weights *weights; /* NULL: read from the path; else *taken* */
    const struct tyto_cman *like;      /* NULL, or one of the same gpu: shares its kernels */
    struct tyto_gpu *gpu;
    uint32_t num_segments;                  /* T; 0: what the weights were trained with */
    uint32_t look_ahead;                    /* UINT32_MAX - 1: what the weights say */
    uint32_t max_streams;                   /* rings kept on the device */
    uint32_t max_batch;                     /* items of one step */
    const struct tyto_buf *audio_features;  /* (rows, A), borrowed: the encoders' outputs */
    const struct tyto_buf *visual_features; /* (rows, L, V) */
    bool any_fusion; /* also baselines that read other inputs than the daemon's (cman_weights.h) */
    const struct tyto_log *log;
};

#define TYTO_CMAN_LOOK_AHEAD_FROM_WEIGHTS (UINT32_MAX - 1)

TYTO_MUST_CHECK
enum tyto_err tyto_cman_create(const struct tyto_cman_params *params, struct tyto_cman **ret_cman,
                               struct tyto_fault *ret_fault);
void tyto_cman_destroy(struct tyto_cman **cman);
const struct tyto_cman_dims *tyto_cman_get_dims(const struct tyto_cman *cman);
const char *tyto_cman_class_name(const struct tyto_cman *cman, uint32_t class_idx);
/* Score from which on the class counts as seen and heard (0.5 unless the weights say else), as
 * heard alone, as seen alone (0 where the weights do not say). */
float tyto_cman_threshold(const struct tyto_cman *cman, enum tyto_cman_task task,
                          uint32_t class_idx);
/* What the weights say about the encoders they were trained with (the encoder's
 * "tyto.layout" or digest); "" when nothing. Borrowed. */
const char *tyto_cman_audio_encoder(const struct tyto_cman *cman);
const char *tyto_cman_visual_encoder(const struct tyto_cman *cman);
/* Hex SHA-256 of the weights file, 64 digits. Borrowed. */
const char *tyto_cman_digest(const struct tyto_cman *cman);

/* One new segment of one stream. */
struct tyto_cman_item {
    uint32_t stream_idx; /* each stream at most once a step */
    uint32_t audio_row;  /* row of audio_features; ignored when !has_audio */
    uint32_t visual_row;
    bool has_audio; /* a missing modality enters as zeros after the adapter */
    bool has_visual;
    bool restart; /* forget the stream's ring first */
};

/* What came of one item: its window of the last num_valid <= T segments, oldest
 * first. Pointers are borrowed until the next step. */
struct tyto_cman_result {
    uint32_t num_valid;
    const float *logits;       /* (num_valid, num_logits) */
    const float *place;        /* (num_valid, L), where's softmax: sums to 1 per segment */
    const float *beta_audio;   /* (num_valid): share of the audio stream's own sentinel */
    const float *beta_visual;  /* (num_valid) */
    const float *align_audio;  /* (num_valid, T): audio stream's attention over visual segments */
    const float *align_visual; /* (num_valid, T) */
};

/* Adds one segment to each item's stream and evaluates its window. results[i]
 * belongs to items[i]. num_items <= max_batch. */
TYTO_MUST_CHECK
enum tyto_err tyto_cman_step(struct tyto_cman *cman, const struct tyto_cman_item *items,
                             uint32_t num_items, struct tyto_cman_result *ret_results);

/* The same without evaluating: the streams are then where the step would have left them. */
TYTO_MUST_CHECK
enum tyto_err tyto_cman_feed(struct tyto_cman *cman, const struct tyto_cman_item *items,
                             uint32_t num_items);

#endif
