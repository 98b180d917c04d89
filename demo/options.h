/* SPDX-License-Identifier: MIT */
/* The demo camera's command line. */
#ifndef TYTO_DEMO_OPTIONS_H
#define TYTO_DEMO_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

/* Paths are borrowed from argv; NULL where not given. */
struct demo_options {
    uint64_t seed;
    double seconds;
    uint32_t fps, num_cameras;
    uint16_t port;
    const char *write_path, *truth_path, *link_path, *table_path, *stamps_dir, *cache_dir;
    bool list, once, quiet;
};

/* Over the defaults in options. 0: go on; 1: help was printed; -1: an error was printed. */
int demo_options_parse(int argc, char **argv, struct demo_options *options);

/* Prints "tyto-demo-camera: WHAT: DETAIL" to stderr (detail may be NULL); EXIT_FAILURE. */
int demo_fail(const char *what, const char *detail);

#endif
