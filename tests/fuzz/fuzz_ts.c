/* SPDX-License-Identifier: MIT */
/* Any bytes as MPEG-TS: what is put in its tables' place stays within its packets. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "pipeline/container/ts_table.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t num_bytes);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t num_bytes)
{
    struct tyto_ts_table table;
    if (!tyto_ts_table_find_in(data, num_bytes, &table))
        return 0;
    uint8_t *bytes = malloc(num_bytes);
    if (!bytes || table.all.num <= table.first.num || table.all.num > TYTO_TS_MAX_STREAMS)
        abort();
    memcpy(bytes, data, num_bytes);
    for (size_t offset = 0; offset < num_bytes && offset < 400; offset += 97)
        tyto_ts_table_exchange(&table, offset, bytes + offset, num_bytes - offset);
    /* Only what follows a header may have changed, and one bit in it. */
    for (size_t i = 0; i < num_bytes; i++) {
        const size_t at = (i + table.stride_bytes - table.lead_bytes) % table.stride_bytes;
        if (at < 3 && bytes[i] != data[i])
            abort();
    }
    struct tyto_ts_table again;
    if (tyto_ts_table_find_in(bytes, num_bytes, &again) && again.all.num < table.all.num)
        abort();
    free(bytes);
    return 0;
}
