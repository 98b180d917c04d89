/* SPDX-License-Identifier: MIT */
/* Values of options, read strictly, with one voice for what is wrong: each of these says on stderr
 * "tyto COMMAND: --NAME wants ..., not 'TEXT'" and gives false, *ret as it was. */
#ifndef TYTO_CLI_COMMON_OPTIONS_H
#define TYTO_CLI_COMMON_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "trainer/labels/labels.h"

/* A number from min to max. */
bool tyto_option_number(const char *command, const char *name, const char *text, double min,
                        double max, double *ret);
/* A whole number from min to max. */
bool tyto_option_count(const char *command, const char *name, const char *text, uint64_t min,
                       uint64_t max, uint64_t *ret);
/* One of the words in choices, which NULL ends. */
bool tyto_option_choice(const char *command, const char *name, const char *text,
                        const char *const *choices, int *ret_idx);

/* The name of a label format, as the value of --format. */
bool tyto_option_format(const char *command, const char *text, enum tyto_label_format *ret_format);

/* What getopt_long stumbled over (it gave ':' or '?'), said on stderr. */
void tyto_option_unknown(const char *command, int option, const char *text);

#endif
