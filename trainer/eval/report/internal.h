/* SPDX-License-Identifier: MIT */
/* Between report.c (the file) and data.c (what is in it). */
#ifndef TYTO_TRAINER_EVAL_REPORT_INTERNAL_H
#define TYTO_TRAINER_EVAL_REPORT_INTERNAL_H

#include "files/json.h"
#include "trainer/eval/report/report.h"

/* What report.html draws, owned. NULL when out of memory. */
struct tyto_json *tyto_report_data(const struct tyto_report *report);

#endif
