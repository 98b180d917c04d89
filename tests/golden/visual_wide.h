/* SPDX-License-Identifier: MIT */
/* Written by scripts/golden: where each array lies in visual_wide.f32, in floats. */
#ifndef TYTO_GOLDEN_VISUAL_WIDE_H
#define TYTO_GOLDEN_VISUAL_WIDE_H

enum {
    /* what weights/eye.safetensors adds behind that, at places 0,5,... of golden_picture(640,360):
       17x144 */
    GOLDEN_VISUAL_WIDE_EYE_AT = 0,
    GOLDEN_VISUAL_WIDE_EYE_NUM = 2448,
    /* the classes' columns, and the cover's: 7x12x24 */
    GOLDEN_VISUAL_WIDE_COLUMNS_AT = 2448,
    GOLDEN_VISUAL_WIDE_COLUMNS_NUM = 2016,
    /* logits of anchors 0,7,... without the background: 245x23 */
    GOLDEN_VISUAL_WIDE_SCORES_AT = 4464,
    GOLDEN_VISUAL_WIDE_SCORES_NUM = 5635,
    /* their boxes: 245x4 */
    GOLDEN_VISUAL_WIDE_BOXES_AT = 10099,
    GOLDEN_VISUAL_WIDE_BOXES_NUM = 980,
    GOLDEN_VISUAL_WIDE_NUM = 11079,
};

#endif
