/* SPDX-License-Identifier: MIT */
/* What all requests share: the feed, who is watching, who may. One thread. */
#ifndef TYTO_WEB_SERVING_H
#define TYTO_WEB_SERVING_H

#include "base/fault.h"
#include "web/common/sights.h"
#include "web/door.h"
#include "web/known/feed.h"
#include "web/login.h"
#include "web/serve.h"
#include "web/stream.h"

struct tyto_alike;
struct tyto_figures;
struct tyto_judge;
struct tyto_playing;
struct tyto_teaching;
struct tyto_tune;

struct tyto_serving {
    const struct tyto_serve_params *params;
    struct tyto_web_feed *feed;
    struct tyto_sights *sights;
    struct tyto_stream *stream;
    struct tyto_door_params door_params;
    struct tyto_door *door;
    struct tyto_login *login;
    struct tyto_tune *tune;
    struct tyto_alike *alike;
    struct tyto_teaching *teaching;
    struct tyto_playing *playing;
    struct tyto_figures *figures;
    struct tyto_judge *judge;
    int64_t begin_unix_ms; /* of this server */
};

/* params are borrowed until destroy; is_local: it listens on loopback alone. */
TYTO_MUST_CHECK
enum tyto_err tyto_serving_create(const struct tyto_serve_params *params, bool is_local,
                                  struct tyto_serving **ret_serving, struct tyto_fault *ret_fault);
void tyto_serving_destroy(struct tyto_serving **serving);

#endif
