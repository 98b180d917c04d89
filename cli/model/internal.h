/* SPDX-License-Identifier: MIT */
/* What the verbs of tyto model have of each other. */
#ifndef TYTO_CLI_MODEL_INTERNAL_H
#define TYTO_CLI_MODEL_INTERNAL_H

#include <stdbool.h>

#include "model/graph/file.h"
#include "options/command.h"

struct tyto_model_fetched {
    bool is_there;              /* false: a help was printed, or it failed */
    char path[4096], out[4096]; /* the file as it came, and where the encoder goes */
    const char *license;        /* static */
};

/* The exit status. *ret_fetched is what tyto model import is to take. */
int tyto_model_fetch(int argc, char **argv, struct tyto_model_fetched *ret_fetched);

/* The exit status. */
int tyto_model_info(int argc, char **argv);
/* A line on stdout: kind, input, output and size of an encoder. */
void tyto_model_print_encoder(const struct tyto_encoder_file *file, const char *path);

#endif
