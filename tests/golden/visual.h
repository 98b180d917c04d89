/* SPDX-License-Identifier: MIT */
/* Written by scripts/golden: where each array lies in visual.f32, in floats. */
#ifndef TYTO_GOLDEN_VISUAL_H
#define TYTO_GOLDEN_VISUAL_H

enum {
    /* Conv_1 of golden_picture(224,224), channels 0,16,...: 7x7x80 */
    GOLDEN_VISUAL_CONV1_AT = 0,
    GOLDEN_VISUAL_CONV1_NUM = 3920,
    /* sum over all 1280 channels: 7x7 */
    GOLDEN_VISUAL_PLACE_SUMS_AT = 3920,
    GOLDEN_VISUAL_PLACE_SUMS_NUM = 49,
    /* sum over all 49 places: 1280 */
    GOLDEN_VISUAL_CHANNEL_SUMS_AT = 3969,
    GOLDEN_VISUAL_CHANNEL_SUMS_NUM = 1280,
    GOLDEN_VISUAL_NUM = 5249,
};

#endif
