/* SPDX-License-Identifier: MIT */
/* The tracker's knobs, for everything that has one: rows over struct tyto_tracker_params. */
#ifndef TYTO_PIPELINE_TRACK_OPTIONS_H
#define TYTO_PIPELINE_TRACK_OPTIONS_H

#include "options/options.h"
#include "pipeline/track/tracker.h"

enum { TYTO_TRACKER_NUM_OPTIONS = 11 };

extern const struct tyto_option tyto_tracker_options[TYTO_TRACKER_NUM_OPTIONS];

/* INVALID for a text that is no id, as tyto_id_is_valid(). */
TYTO_MUST_CHECK
enum tyto_err tyto_option_check_id(const char *text, struct tyto_fault *ret_fault);

/* What must hold between the values, after tyto_tracker_params_settle(): INVALID with the key of
 * the row ("onset_num") and what is wrong in ret_fault's key and text. */
TYTO_MUST_CHECK
enum tyto_err tyto_tracker_params_check(const struct tyto_tracker_params *settled,
                                        struct tyto_fault *ret_fault);

#endif
