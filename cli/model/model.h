/* SPDX-License-Identifier: MIT */
/* `tyto model` and what it can do with a file.
 * Each gets its own name as argv[0], prints its own help for --help, and returns the exit status:
 * 0 done, 1 failed, 2 wrong usage. */
#ifndef TYTO_CLI_MODEL_MODEL_H
#define TYTO_CLI_MODEL_MODEL_H

#include "options/command.h"

int tyto_cmd_model(int argc, char **argv);

/* What each can be told. */
extern const struct tyto_command tyto_command_model, tyto_command_model_fetch,
    tyto_command_model_import, tyto_command_model_info;

#endif
