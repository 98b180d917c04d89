/* SPDX-License-Identifier: MIT */
/* What the pages ask for (README.md has the list). */
#ifndef TYTO_WEB_API_H
#define TYTO_WEB_API_H

#include "web/serving.h"

/* Answers the request for path; query may be NULL. */
void tyto_api_answer(struct tyto_serving *serving, SoupServerMessage *msg, const char *path,
                     GHashTable *query);

#endif
