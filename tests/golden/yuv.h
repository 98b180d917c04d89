/* SPDX-License-Identifier: MIT */
/* Written by scripts/golden: where each array lies in yuv.f32, in floats. */
#ifndef TYTO_GOLDEN_YUV_H
#define TYTO_GOLDEN_YUV_H

enum {
    /* Y, U, V of each patch: 125x3 */
    GOLDEN_YUV_YUV_AT = 0,
    GOLDEN_YUV_YUV_NUM = 375,
    /* R, G, B, bt601, tv: 125x3 */
    GOLDEN_YUV_BT601_AT = 375,
    GOLDEN_YUV_BT601_NUM = 375,
    /* R, G, B, bt709, tv: 125x3 */
    GOLDEN_YUV_BT709_AT = 750,
    GOLDEN_YUV_BT709_NUM = 375,
    /* R, G, B, bt601, pc: 125x3 */
    GOLDEN_YUV_BT601_FULL_AT = 1125,
    GOLDEN_YUV_BT601_FULL_NUM = 375,
    /* R, G, B, bt709, pc: 125x3 */
    GOLDEN_YUV_BT709_FULL_AT = 1500,
    GOLDEN_YUV_BT709_FULL_NUM = 375,
    GOLDEN_YUV_NUM = 1875,
};

#endif
