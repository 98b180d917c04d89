/* SPDX-License-Identifier: MIT */
/* tytod's command line: its own options, and every key of the configuration. */
#ifndef TYTO_DAEMON_ARGS_H
#define TYTO_DAEMON_ARGS_H

#include <stdbool.h>

#include "base/err.h"
#include "base/fault.h"
#include "daemon/config/config.h"
#include "options/command.h"

struct tyto_args {
    char *config_path; /* owned; NULL: none */
    bool check;        /* only check the configuration */
    bool once;         /* end when every camera has ended */
    int argc;
    char **argv; /* owned, each too: for the second reading, and those of reloads */
};

/* Reads the options. DONE for --help, and for what is printed for the build. */
enum tyto_command_result tyto_args_read(int argc, char **argv, struct tyto_args *ret_args);
void tyto_args_finish(struct tyto_args *args);

/* The configuration that file and command line make together, as often as it is asked for. Owned.
 */
TYTO_MUST_CHECK
enum tyto_err tyto_args_to_config(const struct tyto_args *args, struct tyto_config **ret_config,
                                  struct tyto_fault *ret_fault);

#endif
