/* SPDX-License-Identifier: MIT */
/* Corrections: a folder of their own, DIR/labels.csv with DIR/CAMERA/NAME.mkv, as `tyto train
 * --labels` reads it. A recording that was looked through is kept there (as a link to the same
 * bytes where the disk can, else as a copy), so that tytod's quota does not take it. One thread. */
#ifndef TYTO_WEB_REVIEW_H
#define TYTO_WEB_REVIEW_H

#include <stdbool.h>

#include "base/err.h"
#include "base/fault.h"
#include "files/json.h"

/* {"corrected": true|false, "labels": [{"class", "begin", "end", "modality": "av"|"a"|"v"}, ...]}:
 * what a person has said of the recording, else what tytod has. Seconds from its begin. corrections
 * may be NULL. Owned; NULL when out of memory. */
struct tyto_json *tyto_review_get(const char *recordings, const char *corrections,
                                  const char *clip);
/* Puts labels (an array as above) in the place of those that the recording had, and keeps it. An
 * empty array: nothing is to be heard or seen in it. INVALID for labels that are none; IO. */
TYTO_MUST_CHECK
enum tyto_err tyto_review_put(const char *recordings, const char *corrections, const char *clip,
                              const struct tyto_json *labels, struct tyto_fault *ret_fault);

/* All recordings that DIR/labels.csv tells of, in the order of their first rows: [{"clip",
 * "labels": as above}, ...]; at most 8192. Owned. */
struct tyto_json *tyto_review_list(const char *dir);

#endif
