/* SPDX-License-Identifier: MIT */
/* The demo camera's command line. */
#ifndef TYTO_DEMO_OPTIONS_H
#define TYTO_DEMO_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

/* Paths are owned; NULL where not given. */
struct demo_options {
    uint64_t seed;
    double seconds;
    uint32_t fps, num_cameras, port;
    char *write_path, *truth_path, *link_path, *table_path, *stamps_dir, *cache_dir;
    bool list, once, quiet;
};

/* Fills *ret_options. False: the program is over, *ret_status is its exit status; a help, what the
 * build asked for, or a complaint was printed. demo_options_finish() in either case. */
bool demo_options_read(int argc, char **argv, struct demo_options *ret_options, int *ret_status);
void demo_options_finish(struct demo_options *options);

/* Prints "tyto-demo-camera: WHAT: DETAIL" to stderr (detail may be NULL); EXIT_FAILURE. */
int demo_fail(const char *what, const char *detail);

#endif
