/* SPDX-License-Identifier: MIT */
/* tytod's command line. */
#ifndef TYTO_DAEMON_ARGS_H
#define TYTO_DAEMON_ARGS_H

#include <stdbool.h>

#include "base/err.h"
#include "base/fault.h"
#include "daemon/config/config.h"

struct tyto_args {
    const char *config_path; /* NULL: none */
    bool check;              /* only check the configuration */
    bool once;               /* end when every camera has ended */
    bool has_level, has_format, has_endpoint;
    enum tyto_log_level log_level;
    enum tyto_log_format log_format;
    const char *device, *exec, *models, *control; /* NULL: not given */
    char endpoints[TYTO_PUBLISHER_MAX_ENDPOINTS][256];
    uint32_t num_endpoints;
    char *const *uris; /* borrowed from argv */
    int num_uris;
};

enum tyto_args_result {
    TYTO_ARGS_RUN,
    TYTO_ARGS_DONE,  /* help or version was printed: exit 0 */
    TYTO_ARGS_WRONG, /* a complaint was printed: exit 2 */
};

enum tyto_args_result tyto_args_read(int argc, char **argv, struct tyto_args *ret_args);

/* The configuration that file and command line make together. Owned. */
TYTO_MUST_CHECK
enum tyto_err tyto_args_to_config(const struct tyto_args *args, struct tyto_config **ret_config,
                                  struct tyto_fault *ret_fault);

#endif
