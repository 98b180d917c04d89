/* SPDX-License-Identifier: MIT */
/* A request that is let in, as those who answer it get it. */
#ifndef TYTO_WEB_REQUEST_H
#define TYTO_WEB_REQUEST_H

#include "web/serving.h"

struct tyto_web_request {
    struct tyto_serving *serving;
    SoupServerMessage *msg;
    GHashTable *query; /* may be NULL */
    struct tyto_visitor visitor;
};

#endif
