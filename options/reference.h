/* SPDX-License-Identifier: MIT */
/* Rows as tables of a reference and as lines of an example file. `target` is one that was set up:
 * its values are the defaults. */
#ifndef TYTO_OPTIONS_REFERENCE_H
#define TYTO_OPTIONS_REFERENCE_H

#include <stdio.h>

#include "options/options.h"

/* A Markdown table: key, what it takes, default, help. */
void tyto_options_put_reference(FILE *out, const struct tyto_option_group *group,
                                const void *target);
/* Lines of YAML, "KEY: DEFAULT  # RANGE", each behind `before` ("#   "). Rows that have neither a
 * default nor an example are left out. */
void tyto_options_put_example(FILE *out, const struct tyto_option_group *group, const void *target,
                              const char *before);
/* Help and what single words mean: "decode keyframes only (auto: ...; always: ...)". */
void tyto_option_full_help(const struct tyto_option *option, char *ret_text, size_t text_bytes);

#endif
