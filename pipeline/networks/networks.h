/* SPDX-License-Identifier: MIT */
/* The three networks behind one door: segments in, windows of logits out, for
 * many cameras at once. Internal to the pipeline room; one thread creates, uses
 * and destroys it, for it owns the gpu. */
#ifndef TYTO_PIPELINE_NETWORKS_NETWORKS_H
#define TYTO_PIPELINE_NETWORKS_NETWORKS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/fault.h"
#include "model/cman/cman.h"
#include "model/encoder/encoder.h"
#include "pipeline/networks/candidate.h"
#include "pipeline/track/sight.h"

struct tyto_networks_params {
    const char *visual_path, *audio_path, *head_path;
    const char *device, *cache_dir;
    bool validate;
    enum tyto_exec exec;
    uint32_t num_threads;
    uint32_t num_segments, look_ahead; /* as tyto_cman_params */
    uint32_t segment_samples;
    uint32_t max_streams, max_batch;
    const struct tyto_log *log;
};

struct tyto_networks;

TYTO_MUST_CHECK
enum tyto_err tyto_networks_create(const struct tyto_networks_params *params,
                                   struct tyto_networks **ret_networks,
                                   struct tyto_fault *ret_fault);
void tyto_networks_destroy(struct tyto_networks **networks);

struct tyto_network_item {
    uint32_t stream_idx;
    bool restart;
    const float *pcm;               /* NULL: no sound in this segment */
    const struct tyto_frame *frame; /* NULL: no picture */
};

/* Encodes up to max_batch items, several of one stream allowed, in order. */
TYTO_MUST_CHECK
enum tyto_err tyto_networks_encode(struct tyto_networks *networks,
                                   const struct tyto_network_item *items, uint32_t num_items);
/* Steps the head with those of the items encoded last whose indices are given,
 * each stream at most once. Results are borrowed until the next call. */
TYTO_MUST_CHECK
enum tyto_err tyto_networks_attend(struct tyto_networks *networks, const uint32_t *item_idxs,
                                   uint32_t num_idxs, struct tyto_cman_result *ret_results);

/* What was seen in item item_idx of those encoded last; the whole input and nothing found for one
 * without a picture. Borrowed until the next encode. */
const struct tyto_sight *tyto_networks_sight(const struct tyto_networks *networks,
                                             uint32_t item_idx);
/* Where item item_idx of those encoded last lies among others; space 0: nobody knows. Borrowed
 * until the next encode. */
const struct tyto_embeddings *tyto_networks_embeddings(const struct tyto_networks *networks,
                                                       uint32_t item_idx);
/* The eye's detector, NULL when it has none. */
const struct tyto_detector *tyto_networks_detector(const struct tyto_networks *networks);

/* What a head must fit to take over; set once at creation, so any thread may ask. */
const struct tyto_head_fit *tyto_networks_fit(const struct tyto_networks *networks);
/* Sets the new head up beside the running one and holds it against its self-check. *ret_cman
 * is owned; nothing that runs has changed. Between a batch's attend and the next encode, like
 * feed_head. */
TYTO_MUST_CHECK
enum tyto_err tyto_networks_try_head(struct tyto_networks *networks, struct tyto_new_head *head,
                                     struct tyto_cman **ret_cman, struct tyto_fault *ret_fault);
/* Told of each stream's window by the new head, which ends with its newest segment. The
 * result is borrowed until the visitor returns. */
typedef void (*tyto_networks_visit)(void *user, uint32_t stream_idx,
                                    const struct tyto_cman_result *result);
/* Feeds it all that the streams' windows hold. */
TYTO_MUST_CHECK
enum tyto_err tyto_networks_feed_head(struct tyto_networks *networks, struct tyto_cman *cman,
                                      tyto_networks_visit visit, void *user);
/* From now on it is the head; *cman (*taken*) has become the one before, for
 * tyto_cman_destroy(). */
void tyto_networks_take_head(struct tyto_networks *networks, struct tyto_cman **cman);

const struct tyto_cman_dims *tyto_networks_dims(const struct tyto_networks *networks);
const struct tyto_cman *tyto_networks_cman(const struct tyto_networks *networks);
const char *tyto_networks_device_name(const struct tyto_networks *networks);
enum tyto_exec tyto_networks_exec(const struct tyto_networks *networks);

#endif
