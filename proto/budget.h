/* SPDX-License-Identifier: MIT */
/* Memory for unpacking bytes from outside: not more than a message may cost. Of proto/ alone. */
#ifndef TYTO_PROTO_BUDGET_H
#define TYTO_PROTO_BUDGET_H

#include <stdbool.h>
#include <stddef.h>

struct ProtobufCAllocator;

struct tyto_budget {
    size_t left_bytes;
    bool is_out_of_memory; /* malloc itself failed, as opposed to the budget */
};

/* Gives up to what is left in the budget, which is borrowed; nothing comes back into it. */
struct ProtobufCAllocator tyto_budget_allocator(struct tyto_budget *budget);

#endif
