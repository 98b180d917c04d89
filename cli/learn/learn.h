/* SPDX-License-Identifier: MIT */
/* The sub-commands of `tyto` that need the trainer: data in, a model or what it is worth out.
 * Each gets its own name as argv[0], prints its own help for --help, and returns the exit status:
 * 0 done, 1 failed, 2 wrong usage. */
#ifndef TYTO_CLI_LEARN_LEARN_H
#define TYTO_CLI_LEARN_LEARN_H

#include "options/command.h"

int tyto_cmd_adapt(int argc, char **argv);
int tyto_cmd_compose(int argc, char **argv);
int tyto_cmd_eval(int argc, char **argv);
int tyto_cmd_explain(int argc, char **argv);
int tyto_cmd_features(int argc, char **argv);
int tyto_cmd_label(int argc, char **argv);
int tyto_cmd_train(int argc, char **argv);

/* What each can be told. */
extern const struct tyto_command tyto_command_adapt, tyto_command_compose, tyto_command_eval,
    tyto_command_explain, tyto_command_features, tyto_command_label, tyto_command_train;
/* Once, before anything is asked of tyto_command_train. */
void tyto_command_train_setup(void);

#endif
