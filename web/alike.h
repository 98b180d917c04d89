/* SPDX-License-Identifier: MIT */
/* "More like this": events whose sound or picture is like another one's, as tytod finds them. */
#ifndef TYTO_WEB_ALIKE_H
#define TYTO_WEB_ALIKE_H

#include "web/request.h"

struct tyto_alike;

struct tyto_alike *tyto_alike_new(struct tyto_serving *serving);
/* Waits for what is being asked: some seconds where tytod does not answer. NULL is fine. */
void tyto_alike_free(struct tyto_alike *alike);

/* Answers later: id, and by and among as `tyto find` has them. */
void tyto_alike_get(const struct tyto_web_request *request);

#endif
