/* SPDX-License-Identifier: MIT */
/* The page of thresholds: what others would have given, counted, and then put into tytod's
 * configuration. One count and one change at a time; of the main loop's thread. */
#ifndef TYTO_WEB_TUNE_H
#define TYTO_WEB_TUNE_H

#include "web/request.h"
#include "web/thresholds/tally.h"

struct tyto_tune;

/* serving is borrowed until free. */
struct tyto_tune *tyto_tune_new(struct tyto_serving *serving);
void tyto_tune_free(struct tyto_tune *tune);

/* /api/thresholds: what was counted, and whether it can be applied from here. */
void tyto_tune_get(const struct tyto_web_request *request);
/* {"cameras": [ID...] (none: all), "hours": H}: begins to count; {"stop": true}: ends that. */
void tyto_tune_count(const struct tyto_web_request *request);
/* {"camera": ID or null, "classes": [{"name", "thresholds": [joint, heard, seen]}]}: begins to
 * change the configuration; what comes of it is told to all pages ("thresholds"). */
void tyto_tune_apply(const struct tyto_web_request *request);

#endif
