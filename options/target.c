/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "options/command.h"

void *tyto_command_target(const struct tyto_command *command)
{
    void *target = calloc(1, command->target_bytes ? command->target_bytes : 1);
    if (target && command->init && command->init(target) != TYTO_OK)
        tyto_command_free(command, &target);
    return target;
}

void tyto_command_finish(const struct tyto_command *command, void *target)
{
    tyto_options_finish(command->groups, command->num_groups, target);
}

void tyto_command_free(const struct tyto_command *command, void **target)
{
    if (!*target)
        return;
    tyto_command_finish(command, *target);
    free(*target);
    *target = NULL;
}
