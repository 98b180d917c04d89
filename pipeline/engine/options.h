/* SPDX-License-Identifier: MIT */
/* Rows of what engine, source and encoders can be told, for whoever holds such a field. */
#ifndef TYTO_PIPELINE_ENGINE_OPTIONS_H
#define TYTO_PIPELINE_ENGINE_OPTIONS_H

#include "options/options.h"
#include "pipeline/engine/engine.h"

/* clang-format off */
#define TYTO_ENGINE_OPTION_EXEC(struct_, field_)                                                   \
    {.key = "exec", .type = TYTO_OPTION_WORD, TYTO_OPTION_AT(struct_, field_),                     \
     .words = TYTO_WORDS(TYTO_EXEC_LIST), .help = "what runs the encoders"}
#define TYTO_ENGINE_OPTION_HOP(struct_, field_)                                                    \
    {.key = "hop_s", .type = TYTO_OPTION_TIME, TYTO_OPTION_AT(struct_, field_),  \
     .min = 0.1, .max = 60, .unit = "s", .help = "from one segment of a second to the next"}
#define TYTO_SOURCE_OPTION_KEYFRAMES(struct_, field_)                                              \
    {.key = "keyframes", .type = TYTO_OPTION_WORD, TYTO_OPTION_AT(struct_, field_),                \
     .words = TYTO_WORDS(TYTO_KEYFRAMES_LIST), .help = "decode keyframes only"}
/* clang-format on */

#endif
