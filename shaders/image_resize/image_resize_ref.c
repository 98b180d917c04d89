/* SPDX-License-Identifier: MIT */
/* The truth for image_resize: one output pixel at a time, all in double. */
#include <math.h>

#include "shaders/image_resize/image_resize.h"

/* One channel of one plane at output (ox, oy): bytes `pitch` apart, `scale` input
 * pixels for each output pixel. */
static double filter_at(const uint8_t *plane, uint32_t stride_bytes, uint32_t pitch,
                        const uint32_t size[2], const double scale[2], uint32_t ox, uint32_t oy)
{
    const uint32_t at[2] = {ox, oy};
    double centre[2], width[2];
    uint32_t begin[2], end[2];

    for (int i = 0; i < 2; i++) {
        width[i] = fmax(scale[i], 1.0);
        centre[i] = ((double)at[i] + 0.5) * scale[i];
        begin[i] = (uint32_t)fmax(floor(centre[i] - width[i]), 0.0);
        end[i] = (uint32_t)fmin(ceil(centre[i] + width[i]), (double)size[i]);
    }
    double sum = 0.0, weights = 0.0;
    for (uint32_t y = begin[1]; y < end[1]; y++) {
        const double wy = fmax(0.0, 1.0 - fabs((double)y + 0.5 - centre[1]) / width[1]);
        for (uint32_t x = begin[0]; x < end[0]; x++) {
            const double wx = fmax(0.0, 1.0 - fabs((double)x + 0.5 - centre[0]) / width[0]);
            sum += wx * wy * plane[(size_t)y * stride_bytes + (size_t)x * pitch];
            weights += wx * wy;
        }
    }
    return sum / weights;
}

static void yuv_to_rgb(const struct tyto_frame *frame, const double yuv[3], double rgb[3])
{
    const double kr = frame->bt709 ? 0.2126 : 0.299;
    const double kb = frame->bt709 ? 0.0722 : 0.114;
    const double kg = 1.0 - kr - kb;
    const double y = frame->full_range ? yuv[0] : (yuv[0] - 16.0) * 255.0 / 219.0;
    const double chroma_gain = frame->full_range ? 1.0 : 255.0 / 224.0;
    const double cb = (yuv[1] - 128.0) * chroma_gain;
    const double cr = (yuv[2] - 128.0) * chroma_gain;

    rgb[0] = y + 2.0 * (1.0 - kr) * cr;
    rgb[2] = y + 2.0 * (1.0 - kb) * cb;
    rgb[1] = (y - kr * rgb[0] - kb * rgb[2]) / kg;
}

void tyto_image_resize_ref(const struct tyto_image_resize_shape *shape,
                           const struct tyto_frame *frame, double *out)
{
    const struct tyto_image_resize_rect rect =
        tyto_image_resize_rect(shape, frame->width, frame->height);
    const uint32_t channels = tyto_image_resize_channels(shape);
    const uint32_t size[2] = {frame->width, frame->height};
    const uint32_t half[2] = {(frame->width + 1) / 2, (frame->height + 1) / 2};
    const double scale[2] = {(double)frame->width / rect.width,
                             (double)frame->height / rect.height};
    const double half_scale[2] = {scale[0] / 2.0, scale[1] / 2.0};

    for (size_t i = 0; i < (size_t)shape->out_h * shape->out_w * channels; i++)
        out[i] = 0.0;
    for (uint32_t oy = 0; oy < rect.height; oy++)
        for (uint32_t ox = 0; ox < rect.width; ox++) {
            double *pixel =
                out + ((size_t)(rect.top + oy) * shape->out_w + rect.left + ox) * channels;
            double yuv[3], rgb[3];
            for (uint32_t c = 0; c < 3; c++) {
                const uint8_t *const *planes = frame->planes;
                const uint32_t *strides = frame->strides_bytes;
                if (frame->format == TYTO_PIXEL_RGB)
                    rgb[c] = filter_at(planes[0] + c, strides[0], 3, size, scale, ox, oy);
                else if (c == 0)
                    yuv[0] = filter_at(planes[0], strides[0], 1, size, scale, ox, oy);
                else if (frame->format == TYTO_PIXEL_NV12)
                    yuv[c] =
                        filter_at(planes[1] + (c - 1), strides[1], 2, half, half_scale, ox, oy);
                else
                    yuv[c] = filter_at(planes[c], strides[c], 1, half, half_scale, ox, oy);
            }
            if (frame->format != TYTO_PIXEL_RGB)
                yuv_to_rgb(frame, yuv, rgb);
            for (uint32_t c = 0; c < 3; c++) {
                const double level = fmin(fmax(rgb[c], 0.0), 255.0);
                pixel[c] = (level - (double)shape->mean[c]) * (double)shape->scale[c];
            }
            if (channels == 4)
                pixel[3] = 1.0;
        }
}
