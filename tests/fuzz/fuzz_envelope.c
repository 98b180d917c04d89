/* SPDX-License-Identifier: MIT */
/* What arrives from the wire: an Envelope or a Hello. What is accepted must be
 * sound enough to be packed again, and read back as the same bytes. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "proto/event.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t num_bytes);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t num_bytes)
{
    static struct tyto_envelope envelope, again;
    static struct tyto_hello hello;
    static uint8_t packed[TYTO_ENVELOPE_MAX_BYTES], repacked[TYTO_ENVELOPE_MAX_BYTES];
    size_t packed_bytes = 0, repacked_bytes = 0;

    if (tyto_hello_unpack(data, num_bytes, &hello) == TYTO_OK &&
        tyto_hello_pack(&hello, packed, sizeof(packed), &packed_bytes) == TYTO_ERR_INTERNAL) {
        abort();
    }
    if (tyto_envelope_unpack(data, num_bytes, &envelope) != TYTO_OK ||
        tyto_envelope_pack(&envelope, packed, sizeof(packed), &packed_bytes) != TYTO_OK) {
        return 0;
    }
    if (tyto_envelope_unpack(packed, packed_bytes, &again) != TYTO_OK ||
        tyto_envelope_pack(&again, repacked, sizeof(repacked), &repacked_bytes) != TYTO_OK ||
        packed_bytes != repacked_bytes || memcmp(packed, repacked, packed_bytes) != 0) {
        abort();
    }
    return 0;
}
