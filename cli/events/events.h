/* SPDX-License-Identifier: MIT */
/* The sub-commands of `tyto` that talk to a running tytod, or are about who may.
 * Each gets its own name as argv[0], prints its own help for --help, and returns the exit status:
 * 0 done, 1 failed, 2 wrong usage. */
#ifndef TYTO_CLI_EVENTS_EVENTS_H
#define TYTO_CLI_EVENTS_EVENTS_H

#include "options/command.h"

int tyto_cmd_keygen(int argc, char **argv);
int tyto_cmd_list(int argc, char **argv);
int tyto_cmd_model_push(int argc, char **argv);
int tyto_cmd_replay(int argc, char **argv);
int tyto_cmd_find(int argc, char **argv);
int tyto_cmd_scores(int argc, char **argv);
int tyto_cmd_serve(int argc, char **argv);
int tyto_cmd_show(int argc, char **argv);
int tyto_cmd_status(int argc, char **argv);
int tyto_cmd_user(int argc, char **argv);
int tyto_cmd_watch(int argc, char **argv);

/* What each can be told. */
extern const struct tyto_command tyto_command_keygen, tyto_command_list, tyto_command_model_push,
    tyto_command_find, tyto_command_replay, tyto_command_scores, tyto_command_serve,
    tyto_command_show, tyto_command_status, tyto_command_user, tyto_command_watch;

#endif
