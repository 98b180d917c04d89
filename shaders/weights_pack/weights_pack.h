/* SPDX-License-Identifier: MIT */
/* Weights as the trainer holds them, (n, k) row-major, into the forms that gemm and lstm_sentinel
 * read, on the device. Layouts, limits: weights_pack_panels.comp, weights_pack_lstm.comp. */
#ifndef TYTO_SHADERS_WEIGHTS_PACK_H
#define TYTO_SHADERS_WEIGHTS_PACK_H

#include <stdint.h>

#include "base/err.h"
#include "shaders/gemm/gemm.h"
#include "shaders/lstm_sentinel/lstm_sentinel.h"
#include "shaders/runtime/gpu.h"
#include "shaders/weights_pack/weights_pack_shape.h"

struct tyto_weights_pack;

TYTO_MUST_CHECK
enum tyto_err tyto_weights_pack_create(struct tyto_gpu *gpu, struct tyto_weights_pack **ret_op);
void tyto_weights_pack_destroy(struct tyto_weights_pack **op);

/* The op and the buffers are borrowed until the plan is destroyed. TYTO_ERR_SHAPE when a buffer
 * is too small or a count outside its limits; then nothing is recorded. */
/* weights (panels and bias of them) <- the (n, k) matrix at float `from` of values, and the n
 * biases at float `from_bias` when the weights have any. n and k multiples of 4. */
TYTO_MUST_CHECK
enum tyto_err tyto_weights_pack_record_panels(struct tyto_weights_pack *op, struct tyto_plan *plan,
                                              const struct tyto_buf *values, uint64_t from,
                                              uint64_t from_bias,
                                              const struct tyto_gemm_weights *weights);
/* packed <- the (5 width, width) matrix at float `from`: gates i f g o, then the sentinel's; the
 * layout of tyto_lstm_sentinel_pack(). */
TYTO_MUST_CHECK
enum tyto_err tyto_weights_pack_record_lstm(struct tyto_weights_pack *op, struct tyto_plan *plan,
                                            const struct tyto_buf *values, uint64_t from,
                                            uint32_t width, const struct tyto_buf *packed);

#endif
