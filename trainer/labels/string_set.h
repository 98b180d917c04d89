/* SPDX-License-Identifier: MIT */
/* A set of strings, each with a number in the order in which they came. */
#ifndef TYTO_TRAINER_LABELS_STRING_SET_H
#define TYTO_TRAINER_LABELS_STRING_SET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct tyto_strings { /* zeros: empty */
    char **items;     /* owned, (num) */
    uint32_t num, capacity;
    uint32_t *slots; /* owned: number + 1, 0 free; num_slots is a power of two */
    uint32_t num_slots;
};

/* The number of text, which is added if it is new (*ret_is_new, may be NULL). NOMEM, FULL: it would
 * be more than max; then nothing changed. */
TYTO_MUST_CHECK
enum tyto_err tyto_strings_add(struct tyto_strings *strings, const char *text, uint32_t max,
                               uint32_t *ret_idx, bool *ret_is_new);
bool tyto_strings_find(const struct tyto_strings *strings, const char *text, uint32_t *ret_idx);
void tyto_strings_finish(struct tyto_strings *strings);

/* Makes room for one more item of item_bytes behind num in *items (owned, *capacity of them). */
TYTO_MUST_CHECK
enum tyto_err tyto_grow(void **items, uint32_t *capacity, uint32_t num, size_t item_bytes);

#endif
