/* SPDX-License-Identifier: MIT */
/* Written by scripts/golden: where each array lies in ear.f32, in floats. */
#ifndef TYTO_GOLDEN_EAR_H
#define TYTO_GOLDEN_EAR_H

enum {
    /* a second of sound: 16000 */
    GOLDEN_EAR_PCM_AT = 0,
    GOLDEN_EAR_PCM_NUM = 16000,
    /* of pcm, of pcm/1024 with its first half silent, of silence: 3x440 */
    GOLDEN_EAR_FEATURES_AT = 16000,
    GOLDEN_EAR_FEATURES_NUM = 1320,
    /* the network's input for pcm: 96x64 */
    GOLDEN_EAR_PATCH_AT = 17320,
    GOLDEN_EAR_PATCH_NUM = 6144,
    /* its second output for patch: 521 */
    GOLDEN_EAR_SCORES_AT = 23464,
    GOLDEN_EAR_SCORES_NUM = 521,
    GOLDEN_EAR_NUM = 23985,
};

#endif
