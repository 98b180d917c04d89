/* SPDX-License-Identifier: MIT */
#include "cli/common/fault.h"

#include <stdio.h>

enum { TEXT_BYTES = 1024 };

void tyto_fault_tell(const char *command, const struct tyto_fault *fault, enum tyto_err err)
{
    char text[TEXT_BYTES];
    tyto_fault_print(fault, text, sizeof(text));
    fprintf(stderr, "tyto %s: %s\n", command, text[0] ? text : tyto_err_text(err));
}

void tyto_fault_list(const char *before, const struct tyto_fault *fault)
{
    char text[TEXT_BYTES];
    tyto_fault_print(fault, text, sizeof(text));
    fprintf(stderr, "%s%s\n", before, text);
}
