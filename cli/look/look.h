/* SPDX-License-Identifier: MIT */
/* The sub-commands of `tyto` that look for themselves, without a running tytod.
 * Each gets its own name as argv[0], prints its own help for --help, and returns the exit status:
 * 0 done, 1 failed, 2 wrong usage. */
#ifndef TYTO_CLI_LOOK_LOOK_H
#define TYTO_CLI_LOOK_LOOK_H

#include "options/command.h"

int tyto_cmd_devices(int argc, char **argv);
int tyto_cmd_localize(int argc, char **argv);
int tyto_cmd_sync(int argc, char **argv);

/* What each can be told. */
extern const struct tyto_command tyto_command_devices, tyto_command_localize, tyto_command_sync;

#endif
