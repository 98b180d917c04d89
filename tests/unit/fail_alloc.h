/* SPDX-License-Identifier: MIT */
/* Lets every allocation of ours fail once, in turn. For tests that are linked with
 * --wrap for malloc, calloc, realloc and aligned_alloc; include after cmocka.h. */
#ifndef TYTO_TESTS_FAIL_ALLOC_H
#define TYTO_TESTS_FAIL_ALLOC_H

#include <stdbool.h>
#include <stdlib.h>

#include "base/err.h"

static _Thread_local long num_until_failure = -1; /* -1: never */

static bool is_failing(void)
{
    if (num_until_failure < 0)
        return false;
    return num_until_failure-- == 0;
}

void *__real_malloc(size_t size);
void *__real_calloc(size_t num, size_t size);
void *__real_realloc(void *memory, size_t size);
void *__real_aligned_alloc(size_t alignment, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t num, size_t size);
void *__wrap_realloc(void *memory, size_t size);
void *__wrap_aligned_alloc(size_t alignment, size_t size);

void *__wrap_malloc(size_t size)
{
    return is_failing() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t num, size_t size)
{
    return is_failing() ? NULL : __real_calloc(num, size);
}

void *__wrap_realloc(void *memory, size_t size)
{
    return is_failing() ? NULL : __real_realloc(memory, size);
}

void *__wrap_aligned_alloc(size_t alignment, size_t size)
{
    return is_failing() ? NULL : __real_aligned_alloc(alignment, size);
}

/* Fails allocation 0, 1, 2, ... of what run does until none is left to fail. */
static inline void fail_each(enum tyto_err (*run)(void), long num_least)
{
    for (long n = 0; n < 10000; n++) {
        num_until_failure = n;
        const enum tyto_err err = run();
        const bool was_reached = num_until_failure < 0;
        num_until_failure = -1;
        if (!was_reached) {
            assert_int_equal(err, TYTO_OK);
            if (n < num_least)
                fail_msg("only %ld allocations were seen", n);
            return;
        }
        if (err != TYTO_ERR_NOMEM)
            fail_msg("allocation %ld failed, and the answer was: %s", n, tyto_err_text(err));
    }
    fail_msg("no end of allocations");
}

#endif
