/* SPDX-License-Identifier: MIT */
#include "model/cman/fuse.h"

#include <stdlib.h>
#include <string.h>

#include "shaders/lstm_sentinel/lstm_sentinel.h"

enum { NUM_GATES = TYTO_CMAN_NUM_GATES };

/* A linear map in the making: weight (rows, cols), bias (rows). */
struct dense {
    uint32_t rows, cols;
    float *weight, *bias; /* owned */
};

static enum tyto_err dense_init(struct dense *dense, uint32_t rows, uint32_t cols)
{
    *dense = (struct dense){.rows = rows, .cols = cols};
    dense->weight = calloc((size_t)rows * cols, sizeof(*dense->weight));
    dense->bias = calloc(rows, sizeof(*dense->bias));
    return dense->weight && dense->bias ? TYTO_OK : TYTO_ERR_NOMEM;
}

static void dense_finish(struct dense *dense)
{
    free(dense->weight);
    free(dense->bias);
    *dense = (struct dense){0};
}

/* A block of a tensor: rows x cols values, `stride` apart. */
struct block {
    const float *values;
    uint32_t rows, cols, stride;
};

static void dense_put(struct dense *dense, uint32_t row0, uint32_t col0, const struct block *block)
{
    for (size_t r = 0; r < block->rows; r++)
        memcpy(dense->weight + (row0 + r) * dense->cols + col0, block->values + r * block->stride,
               block->cols * sizeof(float));
}

static void dense_put_bias(struct dense *dense, uint32_t row0, const float *bias, uint32_t rows)
{
    memcpy(dense->bias + row0, bias, rows * sizeof(*bias));
}

/* Uploads and frees; err is what happened before. */
static enum tyto_err dense_upload(struct tyto_gpu *gpu, enum tyto_err err, struct dense *dense,
                                  struct tyto_gemm_weights **ret_weights)
{
    if (!err)
        err = tyto_gemm_weights_create(gpu, TYTO_WEIGHT_F32, dense->weight, dense->bias,
                                       dense->rows, dense->cols, ret_weights);
    dense_finish(dense);
    return err;
}

static enum tyto_err upload(struct tyto_gpu *gpu, const float *values, uint64_t num_bytes,
                            uint64_t padded_bytes, struct tyto_buf **ret_buf)
{
    enum tyto_err err = tyto_buf_create(gpu, TYTO_BUF_DEVICE, padded_bytes, ret_buf);

    return err ? err : tyto_buf_write(*ret_buf, 0, values, num_bytes);
}

/* What building the fused weights needs at hand. */
struct fuser {
    struct tyto_gpu *gpu;
    const struct tyto_cman_dims *d;
    float *const *tensors;
    struct tyto_cman_fused *fused;
};

/* The tensor of one stream, named by the audio stream's. */
static const float *tensor_of(const struct fuser *f, enum tyto_cman_tensor audio, uint32_t stream)
{
    return f->tensors[tyto_cman_tensor_of(audio, stream)];
}

static uint32_t true_width(const struct fuser *f, uint32_t stream)
{
    return stream == TYTO_CMAN_AUDIO ? f->d->audio_width : f->d->visual_width;
}

/* Linear (rows, cols) alone, padded to (padded_rows, padded_cols); bias may be NULL. */
static enum tyto_err fuse_one(const struct fuser *f, const float *weight, const float *bias,
                              const uint32_t size[2], const uint32_t padded[2],
                              struct tyto_gemm_weights **ret_weights)
{
    const struct block block = {weight, size[0], size[1], size[1]};
    struct dense dense;
    enum tyto_err err = dense_init(&dense, padded[0], padded[1]);

    if (!err) {
        dense_put(&dense, 0, 0, &block);
        if (bias)
            dense_put_bias(&dense, 0, bias, size[0]);
    }
    return dense_upload(f->gpu, err, &dense, ret_weights);
}

/* The adapter; without one, the identity where a width needs padding. */
static enum tyto_err fuse_adapter(const struct fuser *f, uint32_t stream)
{
    const bool audio = stream == TYTO_CMAN_AUDIO;
    const uint32_t in = audio ? f->d->audio_in : f->d->visual_in;
    const uint32_t size[2] = {true_width(f, stream), in};
    const uint32_t padded[2] = {f->fused->widths.stream[stream], in};
    const float *weight =
        f->tensors[audio ? TYTO_CMAN_ADAPT_AUDIO_WEIGHT : TYTO_CMAN_ADAPT_VISUAL_WEIGHT];
    const float *bias =
        f->tensors[audio ? TYTO_CMAN_ADAPT_AUDIO_BIAS : TYTO_CMAN_ADAPT_VISUAL_BIAS];
    struct dense dense;
    enum tyto_err err = TYTO_OK;

    if (weight)
        return fuse_one(f, weight, bias, size, padded, &f->fused->adapt[stream]);
    if (padded[0] == size[0])
        return TYTO_OK;
    err = dense_init(&dense, padded[0], in);
    for (size_t i = 0; i < in && !err; i++)
        dense.weight[i * in + i] = 1.0f;
    return dense_upload(f->gpu, err, &dense, &f->fused->adapt[stream]);
}

static enum tyto_err fuse_match(const struct fuser *f, uint32_t stream)
{
    const struct tyto_cman_widths *w = &f->fused->widths;
    const bool audio = stream == TYTO_CMAN_AUDIO;
    const uint32_t size[2] = {f->d->match_width, true_width(f, stream)};
    const uint32_t padded[2] = {w->match, w->stream[stream]};

    return fuse_one(
        f, f->tensors[audio ? TYTO_CMAN_WHERE_AUDIO_WEIGHT : TYTO_CMAN_WHERE_VISUAL_WEIGHT],
        f->tensors[audio ? TYTO_CMAN_WHERE_AUDIO_BIAS : TYTO_CMAN_WHERE_VISUAL_BIAS], size, padded,
        &f->fused->match[stream]);
}

static enum tyto_err fuse_qkv(const struct fuser *f, uint32_t stream)
{
    const struct tyto_cman_widths *w = &f->fused->widths;
    const uint32_t width = true_width(f, stream);
    const uint32_t key = f->d->when_width;
    const struct block q = {tensor_of(f, TYTO_CMAN_WHEN_AUDIO_Q, stream), key, width, width};
    const struct block k = {tensor_of(f, TYTO_CMAN_WHEN_AUDIO_K, stream), key, width, width};
    const struct block v = {tensor_of(f, TYTO_CMAN_WHEN_AUDIO_V, stream), width, width, width};
    struct dense dense;
    enum tyto_err err = dense_init(&dense, w->qkv[stream], w->stream[stream]);

    if (!err) {
        dense_put(&dense, 0, 0, &q);
        dense_put(&dense, w->when, 0, &k);
        dense_put(&dense, 2 * w->when, 0, &v);
    }
    return dense_upload(f->gpu, err, &dense, &f->fused->qkv[stream]);
}

/* The key of co-attention is a linear map of a linear map: a (other x + bias).
 * Their product, in double, saves a pass. */
static void put_key(const struct fuser *f, struct dense *dense, uint32_t stream)
{
    const uint32_t looker = 1 - stream;
    const size_t width = true_width(f, stream);
    const size_t hidden = f->d->hidden_width;
    const float *a = tensor_of(f, TYTO_CMAN_WHICH_AUDIO_A, looker);
    const float *other = tensor_of(f, TYTO_CMAN_WHICH_AUDIO_OTHER_WEIGHT, looker);
    const float *bias = tensor_of(f, TYTO_CMAN_WHICH_AUDIO_OTHER_BIAS, looker);

    for (size_t r = 0; r < f->d->which_width; r++) {
        const size_t row = f->fused->widths.after_key + r;
        double sum_bias = 0.0;

        for (size_t c = 0; c < width; c++) {
            double sum = 0.0;

            for (size_t i = 0; i < hidden; i++)
                sum += (double)a[r * hidden + i] * other[i * width + c];
            dense->weight[row * dense->cols + c] = (float)sum;
        }
        for (size_t i = 0; i < hidden; i++)
            sum_bias += (double)a[r * hidden + i] * bias[i];
        dense->bias[row] = (float)sum_bias;
    }
}

static enum tyto_err fuse_after(const struct fuser *f, uint32_t stream)
{
    const struct tyto_cman_widths *w = &f->fused->widths;
    const uint32_t width = true_width(f, stream);
    const uint32_t hidden = f->d->hidden_width;
    const uint32_t looker = 1 - stream;
    const float *input = tensor_of(f, TYTO_CMAN_LSTM_AUDIO_INPUT, stream);
    const float *bias = tensor_of(f, TYTO_CMAN_LSTM_AUDIO_BIAS, stream);
    const struct block gate = {tensor_of(f, TYTO_CMAN_LSTM_AUDIO_GATE_X, stream), hidden, width,
                               width};
    const struct block other = {tensor_of(f, TYTO_CMAN_WHICH_AUDIO_OTHER_WEIGHT, looker), hidden,
                                width, width};
    const float *other_bias = tensor_of(f, TYTO_CMAN_WHICH_AUDIO_OTHER_BIAS, looker);
    struct dense dense;
    enum tyto_err err = dense_init(&dense, w->after, w->stream[stream]);

    for (uint32_t q = 0; q + 1 < NUM_GATES && !err; q++) {
        const struct block part = {input + (size_t)q * hidden * width, hidden, width, width};

        dense_put(&dense, q * w->hidden, 0, &part);
        dense_put_bias(&dense, q * w->hidden, bias + (size_t)q * hidden, hidden);
    }
    if (!err) {
        dense_put(&dense, (NUM_GATES - 1) * w->hidden, 0, &gate);
        dense_put(&dense, w->after_other, 0, &other);
        dense_put_bias(&dense, w->after_other, other_bias, hidden);
        put_key(f, &dense, stream);
    }
    return dense_upload(f->gpu, err, &dense, &f->fused->after[stream]);
}

static enum tyto_err fuse_lstm(const struct fuser *f, uint32_t stream)
{
    const uint32_t n = f->fused->widths.hidden;
    const uint32_t hidden = f->d->hidden_width;
    const uint64_t num_bytes = tyto_lstm_sentinel_packed_bytes(n);
    const float *weight = tensor_of(f, TYTO_CMAN_LSTM_AUDIO_HIDDEN, stream);
    const struct block gate = {tensor_of(f, TYTO_CMAN_LSTM_AUDIO_GATE_H, stream), hidden, hidden,
                               hidden};
    float *packed = malloc(num_bytes);
    struct dense dense;
    enum tyto_err err = dense_init(&dense, NUM_GATES * n, n);

    if (!err && !packed)
        err = TYTO_ERR_NOMEM;
    for (uint32_t q = 0; q + 1 < NUM_GATES && !err; q++) {
        const struct block part = {weight + (size_t)q * hidden * hidden, hidden, hidden, hidden};

        dense_put(&dense, q * n, 0, &part);
    }
    if (!err) {
        dense_put(&dense, (NUM_GATES - 1) * n, 0, &gate);
        tyto_lstm_sentinel_pack(n, dense.weight, dense.weight + (size_t)(NUM_GATES - 1) * n * n,
                                packed);
        err = upload(f->gpu, packed, num_bytes, num_bytes, &f->fused->lstm[stream]);
    }
    dense_finish(&dense);
    free(packed);
    return err;
}

static enum tyto_err fuse_which(const struct fuser *f, uint32_t stream)
{
    const struct tyto_cman_widths *w = &f->fused->widths;
    const uint32_t size[2] = {f->d->which_width, f->d->hidden_width};
    const uint32_t padded[2] = {w->which, w->hidden};
    enum tyto_err err = fuse_one(f, tensor_of(f, TYTO_CMAN_WHICH_AUDIO_G, stream), NULL, size,
                                 padded, &f->fused->state[stream]);

    if (!err)
        err = fuse_one(f, tensor_of(f, TYTO_CMAN_WHICH_AUDIO_S, stream), NULL, size, padded,
                       &f->fused->sentinel[stream]);
    if (!err)
        err = upload(f->gpu, tensor_of(f, TYTO_CMAN_WHICH_AUDIO_H, stream),
                     f->d->which_width * sizeof(float), w->which * sizeof(float),
                     &f->fused->score[stream]);
    return err;
}

/* From a stream's segments to the logits, where there is such a map. */
static enum tyto_err fuse_skip(const struct fuser *f, uint32_t stream)
{
    const float *weight = f->tensors[tyto_cman_skip_of(stream)];
    const uint32_t size[2] = {f->d->num_logits, true_width(f, stream)};
    const uint32_t padded[2] = {f->d->num_logits, f->fused->widths.stream[stream]};

    return weight ? fuse_one(f, weight, NULL, size, padded, &f->fused->skip[stream]) : TYTO_OK;
}

static enum tyto_err fuse_head(const struct fuser *f)
{
    const struct tyto_cman_widths *w = &f->fused->widths;
    const uint32_t hidden = f->d->hidden_width;
    const float *first = f->tensors[TYTO_CMAN_HEAD_0_WEIGHT];
    const uint32_t size[2] = {f->d->num_logits, f->d->head_width};
    const uint32_t padded[2] = {f->d->num_logits, w->head};
    struct dense dense;
    enum tyto_err err = dense_init(&dense, w->head, 2 * w->hidden);

    for (uint32_t stream = 0; stream < TYTO_CMAN_NUM_STREAMS && !err; stream++) {
        const struct block part = {first + (size_t)stream * hidden, f->d->head_width, hidden,
                                   2 * hidden};

        dense_put(&dense, 0, stream * w->hidden, &part);
    }
    if (!err)
        dense_put_bias(&dense, 0, f->tensors[TYTO_CMAN_HEAD_0_BIAS], f->d->head_width);
    err = dense_upload(f->gpu, err, &dense, &f->fused->head[0]);
    if (!err)
        err = fuse_one(f, f->tensors[TYTO_CMAN_HEAD_1_WEIGHT], f->tensors[TYTO_CMAN_HEAD_1_BIAS],
                       size, padded, &f->fused->head[1]);
    for (uint32_t stream = 0; stream < TYTO_CMAN_NUM_STREAMS && !err; stream++)
        err = fuse_skip(f, stream);
    return err;
}

enum tyto_err tyto_cman_fuse(struct tyto_gpu *gpu, const struct tyto_cman_weights *weights,
                             struct tyto_cman_fused *ret_fused)
{
    struct tyto_cman_fused fused = {.widths = tyto_cman_pad_widths(&weights->dims)};
    const struct fuser f = {gpu, &weights->dims, weights->tensors, &fused};
    enum tyto_err err = upload(gpu, weights->tensors[TYTO_CMAN_WHERE_SCALE], sizeof(float),
                               sizeof(float), &fused.scale);

    for (uint32_t stream = 0; stream < TYTO_CMAN_NUM_STREAMS && !err; stream++) {
        err = fuse_adapter(&f, stream);
        if (!err)
            err = fuse_match(&f, stream);
        if (!err)
            err = fuse_qkv(&f, stream);
        if (!err)
            err = fuse_after(&f, stream);
        if (!err)
            err = fuse_lstm(&f, stream);
        if (!err)
            err = fuse_which(&f, stream);
    }
    if (!err)
        err = fuse_head(&f);
    if (err) {
        tyto_cman_fused_finish(&fused);
        fused = (struct tyto_cman_fused){0};
    }
    *ret_fused = fused;
    return err;
}

void tyto_cman_fused_finish(struct tyto_cman_fused *fused)
{
    for (uint32_t i = 0; i < TYTO_CMAN_NUM_STREAMS; i++) {
        tyto_gemm_weights_destroy(&fused->adapt[i]);
        tyto_gemm_weights_destroy(&fused->match[i]);
        tyto_gemm_weights_destroy(&fused->qkv[i]);
        tyto_gemm_weights_destroy(&fused->after[i]);
        tyto_gemm_weights_destroy(&fused->state[i]);
        tyto_gemm_weights_destroy(&fused->sentinel[i]);
        tyto_gemm_weights_destroy(&fused->head[i]);
        tyto_gemm_weights_destroy(&fused->skip[i]);
        tyto_buf_destroy(&fused->lstm[i]);
        tyto_buf_destroy(&fused->score[i]);
    }
    tyto_buf_destroy(&fused->scale);
}
