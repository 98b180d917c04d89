/* SPDX-License-Identifier: MIT */
/* What tyto model fetch hands to tyto model import. */
#ifndef TYTO_CLI_MODEL_INTERNAL_H
#define TYTO_CLI_MODEL_INTERNAL_H

#include <stdbool.h>

#include "options/command.h"

struct tyto_model_fetched {
    bool is_there;              /* false: a help was printed, or it failed */
    char path[4096], out[4096]; /* the file as it came, and where the encoder goes */
    const char *license;        /* static */
};

/* The exit status. */
int tyto_model_fetch(int argc, char **argv, struct tyto_model_fetched *ret_fetched);

#endif
