/* SPDX-License-Identifier: MIT */
/* One file from a web server, of which size and SHA-256 are known before: begun downloads go on
 * where they stopped, no more is taken than the file is large, and all of it has one deadline. */
#ifndef TYTO_CLI_FETCH_FETCH_H
#define TYTO_CLI_FETCH_FETCH_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/fault.h"

enum { TYTO_FETCH_MAX_REDIRECTS = 5 };

struct tyto_fetch_params {
    const char *url;    /* https, or http where the sum alone is to be believed */
    const char *path;   /* the file; what is there already is gone on with */
    const char *sha256; /* 64 digits */
    uint64_t max_bytes; /* a larger file is refused */
    double timeout_s;   /* of it all */
    double stall_s;     /* without a byte; then the connection is given up, and tried again */
    void *user;
    /* Asked often; false: stop. May be NULL. total 0: not known. */
    bool (*on_progress)(void *user, uint64_t num_done, uint64_t total);
};

/* OK: the file at path has the sum. CLOSED when stopped, TIMEOUT, FULL (larger than max_bytes),
 * FORMAT (another sum; the file is removed), NOT_FOUND (the server does not have it), IO (server,
 * network, disk), UNSUPPORTED (a build without libcurl; an address that is not of the web), with
 * *ret_fault saying what to do. What was received so far stays for the next call, but where it
 * cannot become the file. */
TYTO_MUST_CHECK
enum tyto_err tyto_fetch(const struct tyto_fetch_params *params, struct tyto_fault *ret_fault);

#endif
