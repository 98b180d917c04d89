/* SPDX-License-Identifier: MIT */
#include "shaders/image_resize/colour.h"

#include <string.h>

void tyto_image_colour(const struct tyto_frame *frame, float ret_matrix[12])
{
    memset(ret_matrix, 0, 12 * sizeof(*ret_matrix));
    if (frame->format == TYTO_PIXEL_RGB) {
        ret_matrix[0] = ret_matrix[5] = ret_matrix[10] = 1.0f;
        return;
    }
    const double kr = frame->bt709 ? 0.2126 : 0.299, kb = frame->bt709 ? 0.0722 : 0.114;
    const double kg = 1.0 - kr - kb;
    const double luma = frame->full_range ? 1.0 : 255.0 / 219.0;
    const double chroma = frame->full_range ? 1.0 : 255.0 / 224.0;
    const double black = frame->full_range ? 0.0 : 16.0;
    const double gain[3][2] = {
        {0.0, 2.0 * (1.0 - kr)},
        {-2.0 * (1.0 - kb) * kb / kg, -2.0 * (1.0 - kr) * kr / kg},
        {2.0 * (1.0 - kb), 0.0},
    };
    for (int c = 0; c < 3; c++) {
        ret_matrix[4 * c] = (float)luma;
        ret_matrix[4 * c + 1] = (float)(gain[c][0] * chroma);
        ret_matrix[4 * c + 2] = (float)(gain[c][1] * chroma);
        ret_matrix[4 * c + 3] = (float)(-luma * black - 128.0 * chroma * (gain[c][0] + gain[c][1]));
    }
}
