/* SPDX-License-Identifier: MIT */
/* Written by scripts/golden: where each array lies in audio.f32, in floats. */
#ifndef TYTO_GOLDEN_AUDIO_H
#define TYTO_GOLDEN_AUDIO_H

enum {
    /* 16 kHz mono: 16000 */
    GOLDEN_AUDIO_PCM_AT = 0,
    GOLDEN_AUDIO_PCM_NUM = 16000,
    /* log-mel, frames x bands, /10+2: 97x32 */
    GOLDEN_AUDIO_MEL_AT = 16000,
    GOLDEN_AUDIO_MEL_NUM = 3104,
    /* windows at frames 0, 8, 16: 3x96 */
    GOLDEN_AUDIO_EMBEDDING_AT = 19104,
    GOLDEN_AUDIO_EMBEDDING_NUM = 288,
    /* mean embedding | log-mel mean | log-mel std: 160 */
    GOLDEN_AUDIO_FEATURE_AT = 19392,
    GOLDEN_AUDIO_FEATURE_NUM = 160,
    /* of pcm/1024 with its first half silent: 160 */
    GOLDEN_AUDIO_QUIET_FEATURE_AT = 19552,
    GOLDEN_AUDIO_QUIET_FEATURE_NUM = 160,
    /* of 16000 zeros: 160 */
    GOLDEN_AUDIO_SILENCE_FEATURE_AT = 19712,
    GOLDEN_AUDIO_SILENCE_FEATURE_NUM = 160,
    GOLDEN_AUDIO_NUM = 19872,
};

#endif
