/* SPDX-License-Identifier: MIT */
/* A head with filled weights, feature buffers and clips to feed it with. */
#ifndef TYTO_TESTS_CMAN_RIG_H
#define TYTO_TESTS_CMAN_RIG_H

#include "model/cman/cman.h"
#include "model/cman/weights.h"
#include "tests/check/check.h"

struct cman_spec {
    struct tyto_cman_dims dims; /* num_logits and look_ahead are set by the rig */
    bool adapt_audio, adapt_visual, skip;
    float where_scale;
};

/* Writes a head's file with golden_fill weights to path. Exits on failure. */
void cman_write_weights(const struct cman_spec *spec, const char *path);

struct cman_rig {
    struct check *check;
    struct tyto_cman *cman;
    struct tyto_cman_weights weights; /* the same file, for the reference */
    struct tyto_buf *audio, *visual;  /* max_batch rows each */
    uint32_t num_segments;            /* T */
    uint32_t max_batch;
    char path[256];
};

struct cman_rig_params {
    const struct cman_spec *spec;
    uint32_t num_segments; /* 0: the spec's */
    uint32_t look_ahead;
    uint32_t max_streams, max_batch;
};

void cman_rig_open(struct cman_rig *rig, struct check *check, const struct cman_rig_params *params);
void cman_rig_close(struct cman_rig *rig);

/* n segments of features; has_* NULL: all there. */
struct cman_clip {
    uint32_t num_segments;
    float *audio, *visual; /* owned */
    bool *has_audio, *has_visual;
};

struct cman_clip cman_clip_random(struct cman_rig *rig, uint32_t num_segments, float scale);
void cman_clip_free(struct cman_clip *clip);

/* Feeds segment `at` of clips[i] to stream streams[i], i < num; results as tyto_cman_step(). */
void cman_rig_feed(struct cman_rig *rig, const struct cman_clip *clips, const uint32_t *streams,
                   uint32_t num, uint32_t at, bool restart, struct tyto_cman_result *results);

/* The reference's results for segments [begin, begin + n) of a clip, laid out like
 * tyto_cman_result with T = the rig's. Owned: cman_want_free(). */
struct cman_want {
    uint32_t num_valid;
    float *logits, *place, *beta_audio, *beta_visual, *align_audio, *align_visual;
};

struct cman_want cman_rig_want(struct cman_rig *rig, const struct cman_clip *clip, uint32_t begin,
                               uint32_t num, uint32_t look_ahead);
void cman_want_free(struct cman_want *want);

/* A case: every part of result is within tolerance of want. */
void cman_rig_compare(struct cman_rig *rig, const struct tyto_cman_result *result,
                      const struct cman_want *want, double tolerance, const char *sentence);

#endif
