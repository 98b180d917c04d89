/* SPDX-License-Identifier: MIT */
/* Faults on stderr, one line each. A progress bar that stands there has to be cleared first. */
#ifndef TYTO_CLI_COMMON_FAULT_H
#define TYTO_CLI_COMMON_FAULT_H

#include "base/fault.h"

/* "tyto COMMAND: " and the fault, or what err means where the fault says nothing. */
void tyto_fault_tell(const char *command, const struct tyto_fault *fault, enum tyto_err err);
/* One of several: before, and the fault. */
void tyto_fault_list(const char *before, const struct tyto_fault *fault);

#endif
