/* SPDX-License-Identifier: MIT */
/* Written by scripts/golden: where each array lies in filled.f32, in floats. */
#ifndef TYTO_GOLDEN_FILLED_H
#define TYTO_GOLDEN_FILLED_H

enum {
    /* fill of in.audio, scale 2: 64 */
    GOLDEN_FILLED_AUDIO_AT = 0,
    GOLDEN_FILLED_AUDIO_NUM = 64,
    /* fill of a weight, fan-in 256: 32 */
    GOLDEN_FILLED_WEIGHT_AT = 64,
    GOLDEN_FILLED_WEIGHT_NUM = 32,
    /* golden_picture(321,7): 7x321x3 */
    GOLDEN_FILLED_PICTURE_AT = 96,
    GOLDEN_FILLED_PICTURE_NUM = 6741,
    GOLDEN_FILLED_NUM = 6837,
};

#endif
