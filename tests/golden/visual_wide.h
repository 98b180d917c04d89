/* SPDX-License-Identifier: MIT */
/* Written by scripts/golden: where each array lies in visual_wide.f32, in floats. */
#ifndef TYTO_GOLDEN_VISUAL_WIDE_H
#define TYTO_GOLDEN_VISUAL_WIDE_H

enum {
    /* Conv_1 of golden_picture(640,360) at 384x224, channels 0,16,...: 7x12x80 */
    GOLDEN_VISUAL_WIDE_CONV1_AT = 0,
    GOLDEN_VISUAL_WIDE_CONV1_NUM = 6720,
    /* highest values of expanded_conv_13/expand at each place, channels 0,16,...: 7x12x36 */
    GOLDEN_VISUAL_WIDE_POOLED_AT = 6720,
    GOLDEN_VISUAL_WIDE_POOLED_NUM = 3024,
    /* the classes' columns, and the cover's: 7x12x24 */
    GOLDEN_VISUAL_WIDE_COLUMNS_AT = 9744,
    GOLDEN_VISUAL_WIDE_COLUMNS_NUM = 2016,
    /* logits of anchors 0,7,... without the background: 245x23 */
    GOLDEN_VISUAL_WIDE_SCORES_AT = 11760,
    GOLDEN_VISUAL_WIDE_SCORES_NUM = 5635,
    /* their boxes: 245x4 */
    GOLDEN_VISUAL_WIDE_BOXES_AT = 17395,
    GOLDEN_VISUAL_WIDE_BOXES_NUM = 980,
    GOLDEN_VISUAL_WIDE_NUM = 18375,
};

#endif
