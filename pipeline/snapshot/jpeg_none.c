/* SPDX-License-Identifier: MIT */
/* Built without libjpeg. */
#include "pipeline/snapshot/jpeg.h"

enum tyto_err tyto_jpeg_write(const struct tyto_canvas *canvas, uint32_t quality,
                              uint8_t **ret_bytes, size_t *ret_num_bytes)
{
    (void)canvas;
    (void)quality;
    (void)ret_bytes;
    (void)ret_num_bytes;
    return TYTO_ERR_UNSUPPORTED;
}

bool tyto_jpeg_is_there(void)
{
    return false;
}
