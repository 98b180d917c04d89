/* SPDX-License-Identifier: MIT */
/* What all requests share: the feed, who is watching, who may. One thread. */
#ifndef TYTO_WEB_SERVING_H
#define TYTO_WEB_SERVING_H

#include "base/fault.h"
#include "web/feed.h"
#include "web/http.h"
#include "web/serve.h"
#include "web/stream.h"

struct tyto_serving {
    const struct tyto_serve_params *params;
    struct tyto_web_feed *feed;
    struct tyto_stream *stream;
    int64_t begin_unix_ms; /* of this server */
    char token[33]; /* that a page must send with what changes something: others cannot read it */
};

/* params are borrowed until destroy. */
TYTO_MUST_CHECK
enum tyto_err tyto_serving_create(const struct tyto_serve_params *params,
                                  struct tyto_serving **ret_serving, struct tyto_fault *ret_fault);
void tyto_serving_destroy(struct tyto_serving **serving);

/* Without users the page is for this machine alone, by whatever of its names. */
bool tyto_serving_host_is_ok(const struct tyto_serving *serving, SoupServerMessage *msg);
bool tyto_serving_has_users(const struct tyto_serving *serving);

#endif
