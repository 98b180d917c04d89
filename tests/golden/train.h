/* SPDX-License-Identifier: MIT */
/* Written by scripts/golden: where each array lies in train.f32, in floats. */
#ifndef TYTO_GOLDEN_TRAIN_H
#define TYTO_GOLDEN_TRAIN_H

enum {
    /* multi-label, adapters, look-ahead 1, parts missing: 10 */
    GOLDEN_TRAIN_SMALL_LOSSES_AT = 0,
    GOLDEN_TRAIN_SMALL_LOSSES_NUM = 10,
    /* of all gradients: 10 */
    GOLDEN_TRAIN_SMALL_NORMS_AT = 10,
    GOLDEN_TRAIN_SMALL_NORMS_NUM = 10,
    /* softmax, class weights, no mask: 10 */
    GOLDEN_TRAIN_FULL_LOSSES_AT = 20,
    GOLDEN_TRAIN_FULL_LOSSES_NUM = 10,
    /* of all gradients: 10 */
    GOLDEN_TRAIN_FULL_NORMS_AT = 30,
    GOLDEN_TRAIN_FULL_NORMS_NUM = 10,
    GOLDEN_TRAIN_NUM = 40,
};

#endif
