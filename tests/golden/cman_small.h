/* SPDX-License-Identifier: MIT */
/* Written by scripts/golden: where each array lies in cman_small.f32, in floats. */
#ifndef TYTO_GOLDEN_CMAN_SMALL_H
#define TYTO_GOLDEN_CMAN_SMALL_H

enum {
    /* logits, no mask: 2x6x15 */
    GOLDEN_CMAN_SMALL_ALL_LOGITS_AT = 0,
    GOLDEN_CMAN_SMALL_ALL_LOGITS_NUM = 180,
    /* place, no mask: 2x6x9 */
    GOLDEN_CMAN_SMALL_ALL_PLACE_AT = 180,
    GOLDEN_CMAN_SMALL_ALL_PLACE_NUM = 108,
    /* beta_audio, no mask: 2x6 */
    GOLDEN_CMAN_SMALL_ALL_BETA_AUDIO_AT = 288,
    GOLDEN_CMAN_SMALL_ALL_BETA_AUDIO_NUM = 12,
    /* beta_visual, no mask: 2x6 */
    GOLDEN_CMAN_SMALL_ALL_BETA_VISUAL_AT = 300,
    GOLDEN_CMAN_SMALL_ALL_BETA_VISUAL_NUM = 12,
    /* align_audio, no mask: 2x6x6 */
    GOLDEN_CMAN_SMALL_ALL_ALIGN_AUDIO_AT = 312,
    GOLDEN_CMAN_SMALL_ALL_ALIGN_AUDIO_NUM = 72,
    /* align_visual, no mask: 2x6x6 */
    GOLDEN_CMAN_SMALL_ALL_ALIGN_VISUAL_AT = 384,
    GOLDEN_CMAN_SMALL_ALL_ALIGN_VISUAL_NUM = 72,
    /* logits, look-ahead 0: 2x6x15 */
    GOLDEN_CMAN_SMALL_AHEAD0_LOGITS_AT = 456,
    GOLDEN_CMAN_SMALL_AHEAD0_LOGITS_NUM = 180,
    /* place, look-ahead 0: 2x6x9 */
    GOLDEN_CMAN_SMALL_AHEAD0_PLACE_AT = 636,
    GOLDEN_CMAN_SMALL_AHEAD0_PLACE_NUM = 108,
    /* beta_audio, look-ahead 0: 2x6 */
    GOLDEN_CMAN_SMALL_AHEAD0_BETA_AUDIO_AT = 744,
    GOLDEN_CMAN_SMALL_AHEAD0_BETA_AUDIO_NUM = 12,
    /* beta_visual, look-ahead 0: 2x6 */
    GOLDEN_CMAN_SMALL_AHEAD0_BETA_VISUAL_AT = 756,
    GOLDEN_CMAN_SMALL_AHEAD0_BETA_VISUAL_NUM = 12,
    /* align_audio, look-ahead 0: 2x6x6 */
    GOLDEN_CMAN_SMALL_AHEAD0_ALIGN_AUDIO_AT = 768,
    GOLDEN_CMAN_SMALL_AHEAD0_ALIGN_AUDIO_NUM = 72,
    /* align_visual, look-ahead 0: 2x6x6 */
    GOLDEN_CMAN_SMALL_AHEAD0_ALIGN_VISUAL_AT = 840,
    GOLDEN_CMAN_SMALL_AHEAD0_ALIGN_VISUAL_NUM = 72,
    /* logits, look-ahead 2: 2x6x15 */
    GOLDEN_CMAN_SMALL_AHEAD2_LOGITS_AT = 912,
    GOLDEN_CMAN_SMALL_AHEAD2_LOGITS_NUM = 180,
    /* place, look-ahead 2: 2x6x9 */
    GOLDEN_CMAN_SMALL_AHEAD2_PLACE_AT = 1092,
    GOLDEN_CMAN_SMALL_AHEAD2_PLACE_NUM = 108,
    /* beta_audio, look-ahead 2: 2x6 */
    GOLDEN_CMAN_SMALL_AHEAD2_BETA_AUDIO_AT = 1200,
    GOLDEN_CMAN_SMALL_AHEAD2_BETA_AUDIO_NUM = 12,
    /* beta_visual, look-ahead 2: 2x6 */
    GOLDEN_CMAN_SMALL_AHEAD2_BETA_VISUAL_AT = 1212,
    GOLDEN_CMAN_SMALL_AHEAD2_BETA_VISUAL_NUM = 12,
    /* align_audio, look-ahead 2: 2x6x6 */
    GOLDEN_CMAN_SMALL_AHEAD2_ALIGN_AUDIO_AT = 1224,
    GOLDEN_CMAN_SMALL_AHEAD2_ALIGN_AUDIO_NUM = 72,
    /* align_visual, look-ahead 2: 2x6x6 */
    GOLDEN_CMAN_SMALL_AHEAD2_ALIGN_VISUAL_AT = 1296,
    GOLDEN_CMAN_SMALL_AHEAD2_ALIGN_VISUAL_NUM = 72,
    /* logits, look-ahead 1, parts missing: 2x6x15 */
    GOLDEN_CMAN_SMALL_MISSING_LOGITS_AT = 1368,
    GOLDEN_CMAN_SMALL_MISSING_LOGITS_NUM = 180,
    /* place, look-ahead 1, parts missing: 2x6x9 */
    GOLDEN_CMAN_SMALL_MISSING_PLACE_AT = 1548,
    GOLDEN_CMAN_SMALL_MISSING_PLACE_NUM = 108,
    /* beta_audio, look-ahead 1, parts missing: 2x6 */
    GOLDEN_CMAN_SMALL_MISSING_BETA_AUDIO_AT = 1656,
    GOLDEN_CMAN_SMALL_MISSING_BETA_AUDIO_NUM = 12,
    /* beta_visual, look-ahead 1, parts missing: 2x6 */
    GOLDEN_CMAN_SMALL_MISSING_BETA_VISUAL_AT = 1668,
    GOLDEN_CMAN_SMALL_MISSING_BETA_VISUAL_NUM = 12,
    /* align_audio, look-ahead 1, parts missing: 2x6x6 */
    GOLDEN_CMAN_SMALL_MISSING_ALIGN_AUDIO_AT = 1680,
    GOLDEN_CMAN_SMALL_MISSING_ALIGN_AUDIO_NUM = 72,
    /* align_visual, look-ahead 1, parts missing: 2x6x6 */
    GOLDEN_CMAN_SMALL_MISSING_ALIGN_VISUAL_AT = 1752,
    GOLDEN_CMAN_SMALL_MISSING_ALIGN_VISUAL_NUM = 72,
    GOLDEN_CMAN_SMALL_NUM = 1824,
};

#endif
