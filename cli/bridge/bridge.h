/* SPDX-License-Identifier: MIT */
/* `tyto bridge`: events of a tytod, handed on to others, each delivered until it is acknowledged.
 * Each gets its own name as argv[0], prints its own help for --help, and returns the exit status:
 * 0 done, 1 failed, 2 wrong usage. */
#ifndef TYTO_CLI_BRIDGE_BRIDGE_H
#define TYTO_CLI_BRIDGE_BRIDGE_H

#include "options/command.h"

int tyto_cmd_bridge(int argc, char **argv);

/* What each can be told. */
extern const struct tyto_command tyto_command_bridge, tyto_command_bridge_kafka,
    tyto_command_bridge_mqtt, tyto_command_bridge_webhook;

#endif
