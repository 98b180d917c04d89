/* SPDX-License-Identifier: MIT */
/* Written by scripts/golden: where each array lies in resize.f32, in floats. */
#ifndef TYTO_GOLDEN_RESIZE_H
#define TYTO_GOLDEN_RESIZE_H

enum {
    /* golden_picture(640,360) at 224x224, every 16th row and column, 0..255: 14x14x3 */
    GOLDEN_RESIZE_DOWN_AT = 0,
    GOLDEN_RESIZE_DOWN_NUM = 588,
    /* golden_picture(96,128) at 224x224, every 16th row and column, 0..255: 14x14x3 */
    GOLDEN_RESIZE_UP_AT = 588,
    GOLDEN_RESIZE_UP_NUM = 588,
    /* golden_picture(321,243) at 224x224, every 16th row and column, 0..255: 14x14x3 */
    GOLDEN_RESIZE_ODD_AT = 1176,
    GOLDEN_RESIZE_ODD_NUM = 588,
    GOLDEN_RESIZE_NUM = 1764,
};

#endif
