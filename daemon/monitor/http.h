/* SPDX-License-Identifier: MIT */
/* A monitor's door: GET /metrics, /healthz and /readyz over HTTP, on a thread of its own. It reads
 * figures and changes nothing. Clients, their bytes and their time are bounded. */
#ifndef TYTO_DAEMON_MONITOR_HTTP_H
#define TYTO_DAEMON_MONITOR_HTTP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/fault.h"
#include "daemon/monitor/metrics.h"

enum {
    TYTO_HTTP_ADDRESS_MAX = 64,
    TYTO_HTTP_MAX_CLIENTS = 16,
    TYTO_HTTP_CLIENT_BYTES = 4096, /* of a request's line and headers, and the answer's */
    TYTO_HTTP_CLIENT_S = 5,        /* from the connection to the last byte */
};

/* "9466", "127.0.0.1:9466", "[::1]:9466": an address in numbers and a port; a port alone is
 * 127.0.0.1's. INVALID with the complaint in ret_fault->text. *ret_is_loopback may be NULL. */
TYTO_MUST_CHECK
enum tyto_err tyto_http_check_address(const char *text, bool *ret_is_loopback,
                                      struct tyto_fault *ret_fault);

struct tyto_http_params {
    const char *address;          /* as above; port 0: any that is free. Copied */
    struct tyto_metrics *metrics; /* borrowed until destroy, like user */
    /* NULL when all is well or ready, else why not. Static. Any thread; never wait. */
    const char *(*why_ill)(void *user);
    const char *(*why_not_ready)(void *user);
    void *user;
};

struct tyto_http;

/* INVALID, IO (in use, no permission), NOMEM; NOT_FOUND: built without it. With *ret_fault. */
TYTO_MUST_CHECK
enum tyto_err tyto_http_create(const struct tyto_http_params *params, struct tyto_http **ret_http,
                               struct tyto_fault *ret_fault);
/* Where it listens: "127.0.0.1:9466". Borrowed. */
const char *tyto_http_address(const struct tyto_http *http);
/* Of its thread: it makes one a second at least. Any thread; never waits. */
uint64_t tyto_http_num_turns(const struct tyto_http *http);
/* False when its thread did not end within 3 s, because a source of figures stands still: it keeps
 * what it has. */
bool tyto_http_destroy(struct tyto_http **http);

#endif
