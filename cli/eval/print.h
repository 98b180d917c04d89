/* SPDX-License-Identifier: MIT */
/* What `tyto eval` measured, for people, as JSON and as CSV. */
#ifndef TYTO_CLI_EVAL_PRINT_H
#define TYTO_CLI_EVAL_PRINT_H

#include <stdbool.h>

#include "trainer/eval/evaluate.h"
#include "trainer/eval/events/events.h"

struct tyto_eval_print {
    const char *model, *late; /* late may be NULL */
    const struct tyto_dataset *dataset;
    const struct tyto_evaluation *evaluation;
};

void tyto_eval_print_table(const struct tyto_eval_print *print);
/* One line; false when out of memory or stdout is not writable. */
bool tyto_eval_print_json(const struct tyto_eval_print *print);
/* Rows of key,model,nothing,class_all_the_time. IO with *ret_fault. */
TYTO_MUST_CHECK
enum tyto_err tyto_eval_print_csv(const struct tyto_eval_print *print, const char *path,
                                  struct tyto_fault *ret_fault);

void tyto_eval_print_events(const struct tyto_events_measures *measures);
bool tyto_eval_print_events_json(const struct tyto_events_measures *measures);
TYTO_MUST_CHECK
enum tyto_err tyto_eval_print_events_csv(const struct tyto_events_measures *measures,
                                         const char *path, struct tyto_fault *ret_fault);

#endif
