/* SPDX-License-Identifier: MIT */
/* Written by scripts/golden: where each array lies in ave.f32, in floats. */
#ifndef TYTO_GOLDEN_AVE_H
#define TYTO_GOLDEN_AVE_H

enum {
    /* as h5py reads it: 7x10x6 */
    GOLDEN_AVE_AUDIO_FEATURE_AT = 0,
    GOLDEN_AVE_AUDIO_FEATURE_NUM = 420,
    /* as h5py reads it: 7x10x2x2x5 */
    GOLDEN_AVE_VISUAL_FEATURE_AT = 420,
    GOLDEN_AVE_VISUAL_FEATURE_NUM = 1400,
    /* as h5py reads it: 2x10x6 */
    GOLDEN_AVE_AUDIO_FEATURE_NOISY_AT = 1820,
    GOLDEN_AVE_AUDIO_FEATURE_NOISY_NUM = 120,
    /* as h5py reads it: 2x10x2x2x5 */
    GOLDEN_AVE_VISUAL_FEATURE_NOISY_AT = 1940,
    GOLDEN_AVE_VISUAL_FEATURE_NOISY_NUM = 400,
    /* as h5py reads it: 7x10x4 */
    GOLDEN_AVE_LABELS_AT = 2340,
    GOLDEN_AVE_LABELS_NUM = 280,
    GOLDEN_AVE_NUM = 2620,
};

#endif
