/* SPDX-License-Identifier: MIT */
#include "pipeline/snapshot/canvas.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "model/encoder/resize_cpu.h"

enum { GREY = 128, SQUARES = 4, MIN_SQUARE = 12, LINES_PER_WIDTH = 320 };

/* Around what a detector found: its boxes cut off hair and hands. */
#define MARGIN 0.1f

/* Pixels, from begin to before end. */
struct area {
    uint32_t x0, y0, x1, y1;
};

/* --- making ------------------------------------------------------------------------------------
 */

static enum tyto_err make_room(struct tyto_canvas *canvas, uint32_t width, uint32_t height)
{
    const size_t num = (size_t)width * height * 3;
    if (num > canvas->room_bytes) {
        free(canvas->rgb);
        free(canvas->levels);
        canvas->rgb = malloc(num);
        canvas->levels = malloc(num * sizeof(*canvas->levels));
        canvas->room_bytes = canvas->rgb && canvas->levels ? num : 0;
    }
    if (canvas->room_bytes == 0)
        return TYTO_ERR_NOMEM;
    if (canvas->resize && canvas->resize_width == width && canvas->resize_height == height)
        return TYTO_OK;
    const struct tyto_image_resize_shape shape = {
        .out_w = width, .out_h = height, .scale = {1, 1, 1}};
    tyto_image_resize_cpu_destroy(&canvas->resize);
    canvas->resize_width = width;
    canvas->resize_height = height;
    return tyto_image_resize_cpu_create(&shape, &canvas->resize);
}

static uint32_t scaled(uint32_t side, uint32_t to, uint32_t from)
{
    const uint64_t num = ((uint64_t)side * to + from / 2) / from;
    return num > 0 ? (uint32_t)num : 1;
}

enum tyto_err tyto_canvas_take(struct tyto_canvas *canvas, const struct tyto_frame *frame,
                               uint32_t max_width)
{
    enum tyto_err err = tyto_frame_check(frame);
    if (err || max_width == 0 || max_width > TYTO_CANVAS_MAX_SIDE)
        return TYTO_ERR_INVALID;
    uint32_t width = frame->width < max_width ? frame->width : max_width;
    uint32_t height = scaled(frame->height, width, frame->width);
    if (height > TYTO_CANVAS_MAX_SIDE) {
        height = TYTO_CANVAS_MAX_SIDE;
        width = scaled(frame->width, height, frame->height);
    }
    err = make_room(canvas, width, height);
    if (!err)
        err = tyto_image_resize_cpu_run(canvas->resize, frame, canvas->levels);
    if (err)
        return err;
    canvas->width = width;
    canvas->height = height;
    const size_t num = (size_t)width * height * 3;
    for (size_t i = 0; i < num; i++) {
        const float level = canvas->levels[i] + 0.5f;
        canvas->rgb[i] = (uint8_t)(level < 0 ? 0 : level > 255 ? 255 : level);
    }
    return TYTO_OK;
}

void tyto_canvas_finish(struct tyto_canvas *canvas)
{
    tyto_image_resize_cpu_destroy(&canvas->resize);
    free(canvas->rgb);
    free(canvas->levels);
    *canvas = (struct tyto_canvas){0};
}

/* --- drawing -----------------------------------------------------------------------------------
 */

/* Every pixel that the box, with a margin around it (a share of its sides), touches. */
static struct area area_of(const struct tyto_canvas *canvas, const struct tyto_box *box,
                           float margin)
{
    const float across = (box->x1 - box->x0) * margin, down = (box->y1 - box->y0) * margin;
    const float w = (float)canvas->width, h = (float)canvas->height;
    return (struct area){
        .x0 = (uint32_t)fminf(fmaxf(floorf((box->x0 - across) * w), 0), w),
        .y0 = (uint32_t)fminf(fmaxf(floorf((box->y0 - down) * h), 0), h),
        .x1 = (uint32_t)fminf(fmaxf(ceilf((box->x1 + across) * w), 0), w),
        .y1 = (uint32_t)fminf(fmaxf(ceilf((box->y1 + down) * h), 0), h),
    };
}

static void fill(struct tyto_canvas *canvas, struct area area, const uint8_t colour[3])
{
    for (uint32_t y = area.y0; y < area.y1; y++) {
        uint8_t *row = canvas->rgb + ((size_t)y * canvas->width + area.x0) * 3;
        for (uint32_t x = area.x0; x < area.x1; x++, row += 3)
            memcpy(row, colour, 3);
    }
}

void tyto_canvas_mask(struct tyto_canvas *canvas, const struct tyto_polygon *masks,
                      uint32_t num_masks)
{
    static const uint8_t grey[3] = {GREY, GREY, GREY};
    const double width = canvas->width;
    double x[TYTO_POLYGON_MAX_CORNERS];
    for (uint32_t m = 0; m < num_masks; m++) {
        for (uint32_t y = 0; y < canvas->height; y++) {
            uint32_t num;
            tyto_polygon_spans(&masks[m], (y + 0.5) / canvas->height, x, &num);
            for (uint32_t i = 0; i < num; i++) {
                const struct area row = {.x0 = (uint32_t)fmax(floor(x[2 * i] * width), 0),
                                         .x1 = (uint32_t)fmin(ceil(x[2 * i + 1] * width), width),
                                         .y0 = y,
                                         .y1 = y + 1};
                fill(canvas, row, grey);
            }
        }
    }
}

static void even_out(struct tyto_canvas *canvas, struct area area)
{
    uint64_t sums[3] = {0};
    const uint64_t num = (uint64_t)(area.x1 - area.x0) * (area.y1 - area.y0);
    uint8_t colour[3];
    for (uint32_t y = area.y0; y < area.y1; y++) {
        const uint8_t *row = canvas->rgb + ((size_t)y * canvas->width + area.x0) * 3;
        for (uint32_t x = area.x0; x < area.x1; x++, row += 3) {
            for (int c = 0; c < 3; c++)
                sums[c] += row[c];
        }
    }
    for (int c = 0; c < 3; c++)
        colour[c] = (uint8_t)((sums[c] + num / 2) / num);
    fill(canvas, area, colour);
}

void tyto_canvas_pixelate(struct tyto_canvas *canvas, const struct tyto_box *box)
{
    const struct area all = area_of(canvas, box, MARGIN);
    if (all.x0 >= all.x1 || all.y0 >= all.y1)
        return;
    const uint32_t across = all.x1 - all.x0, down = all.y1 - all.y0;
    uint32_t side = ((across < down ? across : down) + SQUARES - 1) / SQUARES;
    side = side > MIN_SQUARE ? side : MIN_SQUARE;
    for (uint32_t y = all.y0; y < all.y1; y += side) {
        for (uint32_t x = all.x0; x < all.x1; x += side) {
            const struct area square = {.x0 = x,
                                        .y0 = y,
                                        .x1 = x + side < all.x1 ? x + side : all.x1,
                                        .y1 = y + side < all.y1 ? y + side : all.y1};
            even_out(canvas, square);
        }
    }
}

void tyto_canvas_outline(struct tyto_canvas *canvas, const struct tyto_box *box)
{
    static const uint8_t green[3] = {0, 230, 64};
    const struct area all = area_of(canvas, box, 0);
    const uint32_t line = 2 + canvas->width / LINES_PER_WIDTH;
    if (all.x0 >= all.x1 || all.y0 >= all.y1)
        return;
    const uint32_t in_x0 = all.x0 + line < all.x1 ? all.x0 + line : all.x1;
    const uint32_t in_y0 = all.y0 + line < all.y1 ? all.y0 + line : all.y1;
    const uint32_t in_x1 = all.x1 > all.x0 + line ? all.x1 - line : all.x0;
    const uint32_t in_y1 = all.y1 > all.y0 + line ? all.y1 - line : all.y0;
    fill(canvas, (struct area){all.x0, all.y0, all.x1, in_y0}, green);
    fill(canvas, (struct area){all.x0, in_y1, all.x1, all.y1}, green);
    fill(canvas, (struct area){all.x0, all.y0, in_x0, all.y1}, green);
    fill(canvas, (struct area){in_x1, all.y0, all.x1, all.y1}, green);
}
