/* SPDX-License-Identifier: MIT */
/* A command as a person types it: its options are groups of rows, and what is written about it
 * (--help, man page, completions) is made from them. */
#ifndef TYTO_OPTIONS_COMMAND_H
#define TYTO_OPTIONS_COMMAND_H

#include <stdio.h>

#include "options/options.h"

/* What stands beside the options. */
struct tyto_command_argument {
    const char *name; /* "FILE", "URI"; completions offer files for FILE and DIR */
    const char *help; /* NULL: the text says it */
};

struct tyto_command {
    const char *name;    /* "tyto train", "tytod" */
    const char *summary; /* "learn ..."; no full stop */
    const char *usage;   /* lines, without "usage: " */
    const char *text;    /* before the options: paragraphs, wrapped anew; or NULL */
    const struct tyto_command_argument *arguments; /* a NULL name ends them; NULL: none */
    const struct tyto_option_group *groups;        /* the target's */
    uint32_t num_groups;
    const char *notes;    /* behind the options: paragraphs; or NULL */
    const char *examples; /* lines */
    const char *version;  /* of --version; NULL: the command has none */
    /* What read() fills, and how it is when nothing is given: of zeroed bytes. NULL: zero. NOMEM.
     */
    size_t target_bytes;
    enum tyto_err (*init)(void *target);
};

enum tyto_command_result {
    TYTO_COMMAND_RUN,
    TYTO_COMMAND_DONE,  /* help or version was printed: exit 0 */
    TYTO_COMMAND_WRONG, /* a complaint was printed on stderr: exit 2 */
};

/* Reads argv[1] and what follows into the target, which was set up. What is no option is moved to
 * the front, argv[1] on, in its order; *ret_num_arguments is how many. "--key value",
 * "--key=value", the beginning of a name that is the only one so, "-o value"; "--" ends the
 * options. */
enum tyto_command_result tyto_command_read(const struct tyto_command *command, int argc,
                                           char **argv, void *target, int *ret_num_arguments);
/* "NAME: text. See NAME --help." on stderr. */
enum tyto_command_result tyto_command_complain(const struct tyto_command *command, const char *fmt,
                                               ...) TYTO_PRINTF(2, 3);
/* A target as init makes it; owned: tyto_command_free(). NULL when out of memory. */
void *tyto_command_target(const struct tyto_command *command);
void tyto_command_free(const struct tyto_command *command, void **target);
/* Frees texts of a target that is not the heap's. */
void tyto_command_finish(const struct tyto_command *command, void *target);

/* --- what is written about it. NOMEM. --------------------------------------------------------- */

TYTO_MUST_CHECK
enum tyto_err tyto_command_put_help(const struct tyto_command *command, FILE *out);
/* roff for man(1); see_also: "tyto(1), tytod(8)". */
TYTO_MUST_CHECK
enum tyto_err tyto_command_put_man(const struct tyto_command *command, int section,
                                   const char *version, const char *see_also, FILE *out);

#define TYTO_SHELL_LIST(X)                                                                         \
    X(TYTO_SHELL_BASH, "bash", NULL)                                                               \
    X(TYTO_SHELL_ZSH, "zsh", NULL)                                                                 \
    X(TYTO_SHELL_FISH, "fish", NULL)
enum tyto_shell { TYTO_SHELL_LIST(TYTO_WORD_ENUM) };
/* Completions of a program, all its commands together: "tyto" and "tyto train" and so on, or one
 * that is the program. */
void tyto_commands_put_completion(const struct tyto_command *const *commands, uint32_t num_commands,
                                  enum tyto_shell shell, FILE *out);

#endif
