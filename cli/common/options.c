/* SPDX-License-Identifier: MIT */
#include "cli/common/options.h"

#include <unistd.h>

enum { WRONG_USAGE = 2 };

bool tyto_color_is_wanted(enum tyto_color color)
{
    return color == TYTO_COLOR_ALWAYS || (color == TYTO_COLOR_AUTO && isatty(STDOUT_FILENO));
}

bool tyto_options_read(const struct tyto_command *command, int argc, char **argv, void *target,
                       int *ret_num_arguments, int *ret_status)
{
    const enum tyto_err err = command->init ? command->init(target) : TYTO_OK;
    if (err) {
        fprintf(stderr, "%s: %s\n", command->name, tyto_err_text(err));
        *ret_status = 1;
        return false;
    }
    const enum tyto_command_result result =
        tyto_command_read(command, argc, argv, target, ret_num_arguments);
    *ret_status = result == TYTO_COMMAND_WRONG ? WRONG_USAGE : 0;
    return result == TYTO_COMMAND_RUN;
}

int tyto_options_complain(const struct tyto_command *command, const char *text)
{
    (void)tyto_command_complain(command, "%s", text);
    return WRONG_USAGE;
}
