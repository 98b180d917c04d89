/* SPDX-License-Identifier: MIT */
/* What kept.c, which reads, and kept_write.c share of the file's form. */
#ifndef TYTO_TRAINER_DATA_INTERNAL_H
#define TYTO_TRAINER_DATA_INTERNAL_H

#include "files/digest.h"
#include "trainer/data/kept.h"

extern const char tyto_kept_format[]; /* of "tyto.format" */

/* What a clip is made of. */
struct tyto_kept_sizes {
    size_t segments, audio, visual, places, apart, classes; /* T, A', V', L, P, K */
};

struct tyto_kept_sizes tyto_kept_sizes_of(const struct tyto_cman_dims *dims, uint32_t num_segments,
                                          uint32_t num_classes);
bool tyto_kept_has_adapters(const struct tyto_cman_weights *head);
/* Tells heads with the same adapters from others: a sum that other values change. */
void tyto_kept_name_adapters(const struct tyto_cman_weights *head,
                             char ret_hex[TYTO_DIGEST_HEX_BYTES]);

#endif
