/* SPDX-License-Identifier: MIT */
/* A sink that posts each event to a web server, one after the other, and takes a 2xx as the
 * acknowledgement. Redirects are not followed: a secret goes to the address that was given, or
 * nowhere. Answers are bounded in bytes and time. */
#ifndef TYTO_CLI_BRIDGE_WEBHOOK_WEBHOOK_H
#define TYTO_CLI_BRIDGE_WEBHOOK_WEBHOOK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/fault.h"
#include "cli/bridge/core/phases.h"
#include "cli/bridge/core/sink.h"
#include "cli/bridge/webhook/body.h"

enum {
    TYTO_WEBHOOK_MAX_ANSWER_BYTES = 64 << 10, /* head and body each */
    TYTO_WEBHOOK_MAX_AFTER_S = 600,           /* a Retry-After counts up to here */
};

struct tyto_webhook_params {
    const char *url;     /* http or https; texts are copied */
    const char *secret;  /* signs bodies; NULL: none */
    const char *token;   /* goes into Authorization: Bearer; NULL: none */
    const char *ca_file; /* PEM, who may vouch for the server; NULL: the system's */
    enum tyto_template template;
    enum tyto_phases phases;
    enum tyto_pictures_mode pictures;
    const char *picture_base; /* with LINK: where others find what is in snapshots.dir */
    uint32_t picture_wait_ms; /* an event waits so long for its picture */
    uint32_t timeout_ms;      /* of each try, answer and all */
    bool allows_plain;        /* the token may go to other hosts without TLS */
};

/* A picture that the server does not take is left out at the next try.
 *
 * *ret_sink is owned: ret_sink->destroy(). INVALID (no address of the web, or a token that would
 * go in the open), UNSUPPORTED (built without libcurl), NOMEM with *ret_fault. */
TYTO_MUST_CHECK
enum tyto_err tyto_webhook_create(const struct tyto_webhook_params *params,
                                  struct tyto_sink *ret_sink, struct tyto_fault *ret_fault);

#endif
