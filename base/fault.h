/* SPDX-License-Identifier: MIT */
/* What is wrong with something a person wrote or supplied (configuration,
 * weights, model file, labels): where it stands and what to do about it. */
#ifndef TYTO_BASE_FAULT_H
#define TYTO_BASE_FAULT_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct tyto_fault {
    char file[256]; /* "" when there is no file */
    uint32_t line;  /* 1-based; 0 when lines mean nothing for this input */
    char key[128];  /* "" when no key is concerned */
    char text[384]; /* what is wrong and what to do next */
};

/* Fills *ret_fault (NULL: nothing happens) from its parts; file and key may be
 * NULL. Over-long parts are cut. Gives err back, so that a caller can write
 * `return tyto_fault_set(...)`. */
enum tyto_err tyto_fault_set(struct tyto_fault *ret_fault, enum tyto_err err, const char *file,
                             uint32_t line, const char *key, const char *fmt, ...)
    TYTO_PRINTF(6, 7);

/* Writes "file:line: key: text" (parts that are empty left out) to buf, always
 * terminated, without control characters. */
void tyto_fault_print(const struct tyto_fault *fault, char *buf, size_t buf_bytes);

#endif
