/* SPDX-License-Identifier: MIT */
/* The page where people look: an HTTP server whose pages are compiled in, which follows a tytod as
 * any other subscriber does. What goes wrong here cannot touch a camera.
 *
 * One thread, GLib's main loop; what waits for a disk or computes for long has threads of its own.
 * GLib ends the process when memory is out. */
#ifndef TYTO_WEB_SERVE_H
#define TYTO_WEB_SERVE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/fault.h"

#define TYTO_SERVE_DEFAULT_LISTEN "127.0.0.1:8571"

struct tyto_serve_params {
    const char *endpoint;    /* where tytod publishes; NULL: libtyto's default */
    const char *listen;      /* "ADDRESS:PORT", "[::1]:PORT"; port 0: any; NULL: the default */
    const char *recordings;  /* tytod's folder of recordings; NULL: none are shown */
    const char *pictures;    /* tytod's folder of pictures of events; NULL: none are shown */
    const char *corrections; /* folder for what people say of them; NULL: none is taken */
    const char *teach;   /* folder of models that learn from corrections; NULL: none is taught */
    const char *models;  /* folder of networks that they begin with; NULL: the installed one */
    const char *program; /* tyto, to teach them with */
    const char *config;  /* tytod's configuration, to change thresholds in; NULL: not changed */
    const char *socket;  /* tytod's control socket; NULL: the default */
    const char *server_key, *key;   /* tytod's public key and one's own secret one, or NULL */
    const char *users;              /* file of users (users/users.h); NULL: none, for loopback */
    const char *tls_cert, *tls_key; /* PEM; both or neither; read again at SIGHUP */
    const char *proxy;              /* address of the proxy before it, which does TLS; or NULL */
    const char *const *names;       /* (num_names) by which people call this server */
    uint32_t num_names;
    bool allows_plain;   /* beyond loopback without TLS */
    const char *version; /* of the program, for people */
    /* Called once, when connections are taken: "http://127.0.0.1:8571/". */
    void (*ready)(void *user, const char *address);
    void *user;
};

/* Serves until SIGINT or SIGTERM. INVALID for params that do not fit each other, IO where the
 * address cannot be had or a file cannot be read; *ret_fault says what to do. Once in a process.
 */
TYTO_MUST_CHECK
enum tyto_err tyto_serve_run(const struct tyto_serve_params *params, struct tyto_fault *ret_fault);

#endif
