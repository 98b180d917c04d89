/* SPDX-License-Identifier: MIT */
/* The bytes of a row of scores: segments of one camera one after the other, of one list of classes.
 * Codes that are 0, which most are, take a bit. */
#ifndef TYTO_DAEMON_SCORES_BLOCK_H
#define TYTO_DAEMON_SCORES_BLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/query.h"

/* Bytes that a segment takes at most. */
size_t tyto_scores_segment_max(uint32_t num_classes);
/* Writes a segment to buf, which has room for that many; its length. */
size_t tyto_scores_segment_write(const struct tyto_segment_scores *segment, uint32_t num_classes,
                                 uint8_t *buf);
/* Reads the segment at *reterr_at, which moves behind it; its scores go to ret_codes (3 *
 * num_classes) and are pointed at. False: there is none, or it is malformed. */
bool tyto_scores_segment_read(const uint8_t *bytes, size_t num_bytes, uint32_t num_classes,
                              size_t *reterr_at, struct tyto_segment_scores *ret_segment,
                              uint8_t *ret_codes);

#endif
