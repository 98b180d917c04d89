/* SPDX-License-Identifier: MIT */
/* Rows that several commands and files share; each is for a field of the struct `type`. */
#ifndef TYTO_OPTIONS_COMMON_H
#define TYTO_OPTIONS_COMMON_H

#include "options/options.h"

/* INVALID for a text that is no device: auto, gpu, cpu or an index. */
TYTO_MUST_CHECK
enum tyto_err tyto_option_check_device(const char *text, struct tyto_fault *ret_fault);

/* clang-format off */
/* type_: TYTO_OPTION_CHARS or TYTO_OPTION_TEXT. */
#define TYTO_OPTION_DEVICE(type_, struct_, field_)                                                 \
    {.key = "device", .type = type_, TYTO_OPTION_AT(struct_, field_), .value = "NAME",             \
     .absent = "auto", .check = tyto_option_check_device,                                          \
     .help = "auto, gpu, cpu or an index of `tyto devices`"}
#define TYTO_OPTION_MODELS(struct_, field_)                                                        \
    {.key = "models", .type = TYTO_OPTION_TEXT, TYTO_OPTION_AT(struct_, field_), .value = "DIR",   \
     .absent = "the installed ones", .help = "where visual.safetensors and audio.safetensors are"}
#define TYTO_OPTION_CACHE(struct_, field_)                                                         \
    {.key = "cache", .type = TYTO_OPTION_TEXT, TYTO_OPTION_AT(struct_, field_), .value = "DIR",    \
     .absent = "$XDG_CACHE_HOME/tyto/features", .help = "where features are kept"}
#define TYTO_OPTION_NO_PROGRESS(struct_, field_)                                                   \
    {.key = "no_progress", .type = TYTO_OPTION_FLAG, TYTO_OPTION_AT(struct_, field_),              \
     .help = "no progress bar"}
/* clang-format on */

#endif
