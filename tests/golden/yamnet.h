/* SPDX-License-Identifier: MIT */
/* Written by scripts/golden: where each array lies in yamnet.f32, in floats. */
#ifndef TYTO_GOLDEN_YAMNET_H
#define TYTO_GOLDEN_YAMNET_H

enum {
    /* of golden_fill("yamnet", 2x96x64, 4), after the sigmoid: 2x521 */
    GOLDEN_YAMNET_SCORES_AT = 0,
    GOLDEN_YAMNET_SCORES_NUM = 1042,
    /* sum over the 1024 means: 2 */
    GOLDEN_YAMNET_EMBEDDING_SUMS_AT = 1042,
    GOLDEN_YAMNET_EMBEDDING_SUMS_NUM = 2,
    GOLDEN_YAMNET_NUM = 1044,
};

#endif
