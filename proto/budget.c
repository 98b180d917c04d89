/* SPDX-License-Identifier: MIT */
#include "proto/budget.h"

#include <stdlib.h>

#include <protobuf-c/protobuf-c.h>

static void *budget_alloc(void *user, size_t size)
{
    struct tyto_budget *budget = user;
    if (size > budget->left_bytes)
        return NULL;
    budget->left_bytes -= size;
    void *memory = malloc(size ? size : 1);
    if (!memory)
        budget->is_out_of_memory = true;
    return memory;
}

static void budget_free(void *user, void *memory)
{
    (void)user;
    free(memory);
}

struct ProtobufCAllocator tyto_budget_allocator(struct tyto_budget *budget)
{
    const ProtobufCAllocator allocator = {budget_alloc, budget_free, budget};
    return allocator;
}
