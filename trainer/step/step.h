/* SPDX-License-Identifier: MIT */
/* One step of training the head: forward, loss, backward, AdamW, recorded once for a batch of B
 * clips of T segments and submitted again and again. Parameters, moments and everything between
 * stay on the device; the host writes features and targets and reads one loss.
 * With several workers (cores that run a software driver each) or ranks (processes), each takes its
 * share of the clips, and the host adds the gradients up, in the order of workers and ranks: the
 * same bits in every run with the same number of both. */
#ifndef TYTO_TRAINER_STEP_STEP_H
#define TYTO_TRAINER_STEP_STEP_H

#include <stdbool.h>

#include "base/words.h"
#include "shaders/adamw/adamw.h"
#include "shaders/dropout/dropout.h"
#include "shaders/include/act.h"
#include "trainer/step/params.h"
#include "trainer/step/ranks.h"

/* What the targets are for. */
#define TYTO_STEP_POOL_LIST(X)                                                                     \
    X(TYTO_STEP_POOL_NONE, "none", "every segment has its own label")                              \
    X(TYTO_STEP_POOL_MEAN, "mean", "a clip's label is for the mean of its segments' logits")       \
    X(TYTO_STEP_POOL_MAX, "max", "or for the largest")
enum tyto_step_pool { TYTO_STEP_POOL_LIST(TYTO_WORD_ENUM) };

/* The picture encoder's last layer, y = act(W x + b) at each place, trained with the head. */
struct tyto_step_tune {
    uint32_t in;       /* width of x, which the step then reads as pictures; 0: it is not trained */
    enum tyto_act act; /* NONE, RELU or RELU6 */
    float rate;        /* times the rate of everything else; it does not decay */
};

enum tyto_step_objective {
    TYTO_STEP_LABELS, /* the loss of the logits */
    /* No labels: sound and picture of a segment belong together and to no other clip's (symmetric
     * InfoNCE of what "where" maps them to). Trains the maps of "where" and the adapters; all else
     * gets no gradient. Yes and no are not read. Negatives are those of the same worker's share */
    TYTO_STEP_CONTRAST,
};

struct tyto_step_params {
    struct tyto_gpu *gpu;
    struct tyto_cman_dims dims;
    bool adapt[TYTO_CMAN_NUM_STREAMS]; /* which streams have an adapter */
    bool skip;      /* maps from the streams' segments straight to the logits, beside the network */
    uint32_t batch; /* B: of all ranks together */
    struct tyto_step_tune tune; /* wants a picture adapter and labels; values behind all tensors */
    enum tyto_step_objective objective;
    float temperature; /* of the contrast; 0: 0.1 */
    /* Weight of how well the head's hidden units tell the classes apart (discriminant.h), beside
     * the loss of a softmax head without pooling; 0: none. Costs a stay of the step at the host, in
     * training alone: evaluation gives the loss of the logits */
    float discriminant;
    uint32_t num_smallest; /* eigenvalues that count; 0: by the smallest */
    enum tyto_step_pool pool;
    float dropout; /* of a_t, the pooled picture, the head's input and its hidden units; 0: none */
    /* Devices that share the batch: gpu, and more like gpu_params, which the step opens itself.
     * 0 counts as 1; no more than B */
    uint32_t num_workers;
    const struct tyto_gpu_params *gpu_params; /* borrowed until create returns */
    struct tyto_ranks *ranks; /* borrowed until destroy; NULL: no other process. All ranks make
                                 the same calls with the same values, and get the same results;
                                 each computes its share of the clips */
};

struct tyto_step;

/* Parameters and moments are zeros. TYTO_ERR_SHAPE for dims that the kernels do not
 * fit, UNSUPPORTED for a discriminant of what is no softmax head of segments. */
TYTO_MUST_CHECK
enum tyto_err tyto_step_create(const struct tyto_step_params *params, struct tyto_step **ret_step);
void tyto_step_destroy(struct tyto_step **step);
const struct tyto_params_layout *tyto_step_layout(const struct tyto_step *step);

/* What a step reads; the host may write there between steps. N: num_logits padded to a multiple
 * of 4 (layout's logits). Borrowed until destroy. */
struct tyto_step_in {
    float *audio;     /* (B, T, A) */
    float *visual;    /* (B, T, L, V), or what a tuned layer reads */
    uint32_t *has[2]; /* (B, T), audio and visual: the row's own number b T + t, or
                         TYTO_ROW_NONE: missing. Everything is there at first */
    uint32_t *len;    /* (B): valid segments, 1..T; T at first. Later ones cost 0 */
    float *yes, *no;  /* (B, T, N): weight of "it is" and "it is not" (sigmoid head only) for
                         every logit, shares of the mean included; 0 at first.
                         (B, N) with pooling */
};
/* With several workers or ranks there is no such place (all NULL): tyto_step_load. */
struct tyto_step_in tyto_step_in(struct tyto_step *step);
/* Copies a batch of the same form to where the next steps read it, on all workers' threads; in is
 * borrowed until it returns. has: anything but TYTO_ROW_NONE means there. */
TYTO_MUST_CHECK
enum tyto_err tyto_step_load(struct tyto_step *step, const struct tyto_step_in *in);
/* The clips that this rank computes: of the others, load reads nothing. */
void tyto_step_own(const struct tyto_step *step, uint32_t *ret_begin, uint32_t *ret_end);

/* (layout's num) floats each. */
TYTO_MUST_CHECK
enum tyto_err tyto_step_write(struct tyto_step *step, const float *values, const float *moment_1,
                              const float *moment_2); /* moments NULL: zeros */
TYTO_MUST_CHECK
enum tyto_err tyto_step_read(const struct tyto_step *step, float *ret_values, float *ret_moment_1,
                             float *ret_moment_2); /* moments may be NULL */
/* The gradients of the last step before clipping, of all workers and ranks. */
TYTO_MUST_CHECK
enum tyto_err tyto_step_read_grads(const struct tyto_step *step, float *ret_grads);

struct tyto_step_result {
    float loss;
    float norm; /* of all gradients before clipping */
};

/* One step. The parameters are unusable after a result that is not finite. */
TYTO_MUST_CHECK
enum tyto_err tyto_step_run(struct tyto_step *step, const struct tyto_adamw_hyper *hyper,
                            const struct tyto_dropout_key *key,
                            struct tyto_step_result *ret_result);
/* Forward and loss alone, without dropout: *ret_logits, one row for each row of targets, borrowed
 * until the next call. */
TYTO_MUST_CHECK
enum tyto_err tyto_step_eval(struct tyto_step *step, const float **ret_logits, float *ret_loss);
/* Command idx of a step and its time, where the gpu was made with profile; false: no such. */
bool tyto_step_part(const struct tyto_step *step, uint32_t idx, struct tyto_plan_part *ret_part);

#endif
