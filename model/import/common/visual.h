/* SPDX-License-Identifier: MIT */
/* What a visual encoder gets besides the foreign model: columns that say what a detector's heads
 * see at each place, and where the picture ends. Inner part of import. */
#ifndef TYTO_MODEL_IMPORT_COMMON_VISUAL_H
#define TYTO_MODEL_IMPORT_COMMON_VISUAL_H

#include "model/import/common/build.h"
#include "model/import/common/params.h"

/* Appends to the features the highest values of another output, the last, at each place, which has
 * as many of that output's places below it in height and width; the output is none any more. */
TYTO_MUST_CHECK
enum tyto_err tyto_build_pooled(struct tyto_build *build, struct tyto_build_outs *outs);

/* outs are features, scores and boxes. Drops the background from the scores, appends its classes'
 * highest scores at each place to the features and fills the file's detector. UNSUPPORTED, SHAPE,
 * FORMAT when outputs and rule do not fit. */
TYTO_MUST_CHECK
enum tyto_err tyto_build_detector(struct tyto_build *build, const struct tyto_import_detector *rule,
                                  struct tyto_build_outs *outs);

/* Gives the input its fourth channel, and the features a last column: the share of each place that
 * the picture covers. */
TYTO_MUST_CHECK
enum tyto_err tyto_build_letterbox(struct tyto_build *build, struct tyto_build_outs *outs);

#endif
