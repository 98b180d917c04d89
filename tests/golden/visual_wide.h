/* SPDX-License-Identifier: MIT */
/* Written by scripts/golden: where each array lies in visual_wide.f32, in floats. */
#ifndef TYTO_GOLDEN_VISUAL_WIDE_H
#define TYTO_GOLDEN_VISUAL_WIDE_H

enum {
    /* of weights/eye.safetensors, at places 0,5,... of golden_picture(640,360): 17x145 */
    GOLDEN_VISUAL_WIDE_FEATURES_AT = 0,
    GOLDEN_VISUAL_WIDE_FEATURES_NUM = 2465,
    /* logits of the anchors: 84x24 */
    GOLDEN_VISUAL_WIDE_SCORES_AT = 2465,
    GOLDEN_VISUAL_WIDE_SCORES_NUM = 2016,
    /* their boxes: 84x4 */
    GOLDEN_VISUAL_WIDE_BOXES_AT = 4481,
    GOLDEN_VISUAL_WIDE_BOXES_NUM = 336,
    GOLDEN_VISUAL_WIDE_NUM = 4817,
};

#endif
