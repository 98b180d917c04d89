/* SPDX-License-Identifier: MIT */
#include "pipeline/zones/mask.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { GREY = 128 };

void tyto_mask_cells(const struct tyto_polygon *masks, uint32_t num_masks, uint32_t rows,
                     uint32_t cols, double least_share, uint8_t *ret_hidden)
{
    const double cell = 1.0 / (double)rows / (double)cols;
    for (uint32_t i = 0; i < rows * cols; i++) {
        const uint32_t y = i / cols, x = i % cols;
        const struct tyto_box box = {
            .x0 = (float)x / (float)cols,
            .y0 = (float)y / (float)rows,
            .x1 = (float)(x + 1) / (float)cols,
            .y1 = (float)(y + 1) / (float)rows,
        };
        double sum = 0;
        for (uint32_t m = 0; m < num_masks; m++)
            sum += tyto_polygon_shared(&masks[m], &box);
        ret_hidden[i] = sum > 0 && sum >= least_share * cell;
    }
}

/* --- painting --------------------------------------------------------------------------------- */

/* One plane of elements that are so many bytes each. */
struct plane {
    uint8_t *bytes;
    uint32_t width, height, element_bytes, stride_bytes;
};

/* What the planes of a frame are; strides are those of a copy without gaps. */
static uint32_t lay_out(const struct tyto_frame *frame, struct plane ret_planes[3])
{
    const uint32_t half_w = (frame->width + 1) / 2, half_h = (frame->height + 1) / 2;
    const struct plane whole = {.width = frame->width, .height = frame->height, .element_bytes = 1};
    const struct plane half = {.width = half_w, .height = half_h, .element_bytes = 1};
    uint32_t num = 1;
    ret_planes[0] = whole;
    if (frame->format == TYTO_PIXEL_RGB)
        ret_planes[0].element_bytes = 3;
    if (frame->format == TYTO_PIXEL_NV12) {
        ret_planes[num] = half;
        ret_planes[num++].element_bytes = 2;
    }
    for (uint32_t i = 0; frame->format == TYTO_PIXEL_I420 && i < 2; i++)
        ret_planes[num++] = half;
    for (uint32_t i = 0; i < num; i++)
        ret_planes[i].stride_bytes = ret_planes[i].width * ret_planes[i].element_bytes;
    return num;
}

static enum tyto_err copy_frame(struct tyto_masked *masked, const struct tyto_frame *frame,
                                struct plane *planes, uint32_t num_planes)
{
    size_t num_bytes = 0;
    for (uint32_t i = 0; i < num_planes; i++)
        num_bytes += (size_t)planes[i].stride_bytes * planes[i].height;
    if (num_bytes > masked->room_bytes) {
        free(masked->bytes);
        masked->bytes = malloc(num_bytes);
        masked->room_bytes = masked->bytes ? num_bytes : 0;
    }
    if (!masked->bytes)
        return TYTO_ERR_NOMEM;
    uint8_t *at = masked->bytes;
    masked->frame = *frame;
    for (uint32_t i = 0; i < num_planes; i++) {
        struct plane *plane = &planes[i];
        plane->bytes = at;
        for (uint32_t y = 0; y < plane->height; y++)
            memcpy(at + (size_t)y * plane->stride_bytes,
                   frame->planes[i] + (size_t)y * frame->strides_bytes[i], plane->stride_bytes);
        masked->frame.planes[i] = at;
        masked->frame.strides_bytes[i] = plane->stride_bytes;
        at += (size_t)plane->stride_bytes * plane->height;
    }
    return TYTO_OK;
}

/* Elements whose centres lie inside. */
static void paint(const struct plane *plane, const struct tyto_polygon *mask)
{
    double x[TYTO_POLYGON_MAX_CORNERS];
    uint32_t num;
    for (uint32_t row = 0; row < plane->height; row++) {
        tyto_polygon_spans(mask, ((double)row + 0.5) / plane->height, x, &num);
        for (uint32_t i = 0; i < num; i++) {
            const uint32_t begin = (uint32_t)ceil(fmax(x[2 * i] * plane->width - 0.5, 0));
            const uint32_t end =
                (uint32_t)ceil(fmin(x[2 * i + 1] * plane->width - 0.5, plane->width));
            if (end > begin)
                memset(plane->bytes + (size_t)row * plane->stride_bytes +
                           (size_t)begin * plane->element_bytes,
                       GREY, (size_t)(end - begin) * plane->element_bytes);
        }
    }
}

enum tyto_err tyto_masked_paint(struct tyto_masked *masked, const struct tyto_polygon *masks,
                                uint32_t num_masks, const struct tyto_frame *frame)
{
    struct plane planes[3];
    enum tyto_err err = tyto_frame_check(frame);
    if (err)
        return err;
    const uint32_t num = lay_out(frame, planes);
    err = copy_frame(masked, frame, planes, num);
    for (uint32_t i = 0; !err && i < num; i++) {
        for (uint32_t m = 0; m < num_masks; m++)
            paint(&planes[i], &masks[m]);
    }
    return err;
}

void tyto_masked_finish(struct tyto_masked *masked)
{
    free(masked->bytes);
    *masked = (struct tyto_masked){0};
}
