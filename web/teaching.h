/* SPDX-License-Identifier: MIT */
/* The page that teaches: corrections are chosen, a model learns from them, and is brought into the
 * running tytod, or the one before is. Of the main loop's thread. */
#ifndef TYTO_WEB_TEACHING_H
#define TYTO_WEB_TEACHING_H

#include "web/request.h"

struct tyto_teaching;

/* serving is borrowed until free. What tyto_teach_new() gives. */
TYTO_MUST_CHECK
enum tyto_err tyto_teaching_new(struct tyto_serving *serving, struct tyto_teaching **ret_teaching,
                                struct tyto_fault *ret_fault);
void tyto_teaching_free(struct tyto_teaching *teaching);

/* /api/teach: corrections, the run, earlier ones, what was brought into tytod. */
void tyto_teaching_get(const struct tyto_web_request *request);
/* {"clips": ["CAMERA/NAME.mkv"...]} (none: all that were corrected). */
void tyto_teaching_start(const struct tyto_web_request *request);
void tyto_teaching_cancel(const struct tyto_web_request *request);
/* {"run": N}: its model into the running tytod; {"back": true}: the one before. What comes of it is
 * told to all pages ("teach"). */
void tyto_teaching_push(const struct tyto_web_request *request);

#endif
