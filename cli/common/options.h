/* SPDX-License-Identifier: MIT */
/* The command line of a sub-command, and words that several have. */
#ifndef TYTO_CLI_COMMON_OPTIONS_H
#define TYTO_CLI_COMMON_OPTIONS_H

#include <stdbool.h>

#include "base/words.h"
#include "options/command.h"

/* When output is coloured. */
#define TYTO_COLOR_LIST(X)                                                                         \
    X(TYTO_COLOR_AUTO, "auto", "on a terminal")                                                    \
    X(TYTO_COLOR_ALWAYS, "always", NULL)                                                           \
    X(TYTO_COLOR_NEVER, "never", NULL)
enum tyto_color { TYTO_COLOR_LIST(TYTO_WORD_ENUM) };

/* Whether stdout gets colours. */
bool tyto_color_is_wanted(enum tyto_color color);

/* Sets up the target, which holds zeroed bytes, and reads argv into it; what is no option comes to
 * argv[1] on. False: the command is over, *ret_status is its exit status; a help or a complaint was
 * printed. The caller calls tyto_command_finish() in either case. */
bool tyto_options_read(const struct tyto_command *command, int argc, char **argv, void *target,
                       int *ret_num_arguments, int *ret_status);
/* "tyto NAME: text. See tyto NAME --help." on stderr; gives the exit status of wrong usage. */
int tyto_options_complain(const struct tyto_command *command, const char *text);

#endif
