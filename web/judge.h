/* SPDX-License-Identifier: MIT */
/* What the present model makes of recordings that were corrected: `tyto localize` as a child
 * process with the weights that tytod serves, once for each recording and model; what comes of it
 * is kept until this server ends. Beside it what was told when they were recorded. Of the main
 * loop's thread. */
#ifndef TYTO_WEB_JUDGE_H
#define TYTO_WEB_JUDGE_H

#include "web/request.h"

struct tyto_judge;

struct tyto_judge *tyto_judge_new(struct tyto_serving *serving);
void tyto_judge_free(struct tyto_judge *judge);

/* /api/review: corrected recordings, those that nobody has looked through, how far judging is. */
void tyto_judge_get(const struct tyto_web_request *request);
/* Judges what has not been judged by the model that serves; {"stop": true}: no more. */
void tyto_judge_start(const struct tyto_web_request *request);

#endif
