/* SPDX-License-Identifier: MIT */
/* A picture as JPEG. */
#ifndef TYTO_PIPELINE_SNAPSHOT_JPEG_H
#define TYTO_PIPELINE_SNAPSHOT_JPEG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "pipeline/snapshot/canvas.h"

/* Quality 1..100. *ret_bytes is owned: free(). UNSUPPORTED (built without libjpeg), NOMEM,
 * INTERNAL. */
TYTO_MUST_CHECK
enum tyto_err tyto_jpeg_write(const struct tyto_canvas *canvas, uint32_t quality,
                              uint8_t **ret_bytes, size_t *ret_num_bytes);
/* Whether there is a libjpeg at all. */
bool tyto_jpeg_is_there(void);

#endif
