/* SPDX-License-Identifier: MIT */
#include "trainer/compose/image.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_SIDE = 8192 };

enum tyto_err tyto_compose_rgba_create(uint32_t width_px, uint32_t height_px,
                                       struct tyto_compose_rgba *ret_image)
{
    if (width_px == 0 || height_px == 0 || width_px > MAX_SIDE || height_px > MAX_SIDE)
        return TYTO_ERR_SHAPE;
    uint8_t *pixels = malloc((size_t)width_px * height_px * 4);
    if (!pixels)
        return TYTO_ERR_NOMEM;
    *ret_image = (struct tyto_compose_rgba){width_px, height_px, pixels};
    return TYTO_OK;
}

void tyto_compose_rgba_finish(struct tyto_compose_rgba *image)
{
    free(image->pixels);
    *image = (struct tyto_compose_rgba){0};
}

/* --- another size --------------------------------------------------------------------------- */

/* Which pixels of one axis a new pixel is made of. */
struct tap {
    uint32_t first, num;
    float first_weight, last_weight; /* those between count 1 */
};

/* Where enlarged: two neighbours around the middle; else all that are covered. */
static void make_taps(struct tap *taps, uint32_t num, uint32_t from_px, double begin, double end)
{
    const double step = (end - begin) / num;
    for (uint32_t i = 0; i < num; i++) {
        double low = begin + i * step, high = low + step;
        if (step < 1) {
            low = (low + high) / 2 - 0.5;
            high = low + 1;
        }
        low = fmin(fmax(low, 0), from_px - 1e-6);
        high = fmin(fmax(high, low + 1e-6), from_px);
        const uint32_t first = (uint32_t)low;
        uint32_t last = (uint32_t)ceil(high) - 1;
        last = last < first ? first : last;
        taps[i].first = first;
        taps[i].num = last - first + 1;
        taps[i].first_weight = (float)(first == last ? high - low : first + 1 - low);
        taps[i].last_weight = (float)(high - last);
    }
}

static float tap_weight(const struct tap *tap, uint32_t i)
{
    return i == 0 ? tap->first_weight : i + 1 == tap->num ? tap->last_weight : 1;
}

static void sample(const struct tyto_compose_rgba *from, const struct tap *across,
                   const struct tap *down, uint8_t *to)
{
    float sum[3] = {0}, opacity = 0, weights = 0;
    for (uint32_t j = 0; j < down->num; j++) {
        const float row_weight = tap_weight(down, j);
        const uint8_t *row =
            from->pixels + 4 * ((size_t)(down->first + j) * from->width_px + across->first);
        for (uint32_t i = 0; i < across->num; i++, row += 4) {
            const float weight = row_weight * tap_weight(across, i);
            const float cover = weight * (float)row[3];
            sum[0] += cover * (float)row[0];
            sum[1] += cover * (float)row[1];
            sum[2] += cover * (float)row[2];
            opacity += cover;
            weights += weight;
        }
    }
    for (int c = 0; c < 3; c++)
        to[c] = (uint8_t)(opacity > 0 ? sum[c] / opacity + 0.5f : 0);
    to[3] = (uint8_t)(opacity / weights + 0.5f);
}

enum tyto_err tyto_compose_resize(const struct tyto_compose_rgba *from, const double part[4],
                                  uint32_t width_px, uint32_t height_px,
                                  struct tyto_compose_rgba *ret_image)
{
    struct tyto_compose_rgba image;
    enum tyto_err err = tyto_compose_rgba_create(width_px, height_px, &image);
    if (err)
        return err;
    struct tap *taps = malloc(((size_t)width_px + height_px) * sizeof(*taps));
    if (!taps) {
        tyto_compose_rgba_finish(&image);
        return TYTO_ERR_NOMEM;
    }
    make_taps(taps, width_px, from->width_px, part[0], part[2]);
    make_taps(taps + width_px, height_px, from->height_px, part[1], part[3]);
    uint8_t *to = image.pixels;
    for (uint32_t y = 0; y < height_px; y++) {
        for (uint32_t x = 0; x < width_px; x++, to += 4)
            sample(from, &taps[x], &taps[width_px + y], to);
    }
    free(taps);
    *ret_image = image;
    return TYTO_OK;
}

/* --- soft edges ------------------------------------------------------------------------------- */

void tyto_compose_soften_oval(struct tyto_compose_rgba *image)
{
    const float half_w = (float)image->width_px / 2, half_h = (float)image->height_px / 2;
    uint8_t *to = image->pixels;
    for (uint32_t y = 0; y < image->height_px; y++) {
        const float dy = ((float)y + 0.5f - half_h) / half_h;
        for (uint32_t x = 0; x < image->width_px; x++, to += 4) {
            const float dx = ((float)x + 0.5f - half_w) / half_w;
            /* a superellipse keeps more of the corners, where ears and tails are */
            const float r = sqrtf(sqrtf(dx * dx * dx * dx + dy * dy * dy * dy));
            const float cover = fminf(1, fmaxf(0, (1 - r) / 0.12f));
            to[3] = (uint8_t)((float)to[3] * cover + 0.5f);
        }
    }
}

void tyto_compose_soften_edges(struct tyto_compose_rgba *image)
{
    enum { SOFT_PX = 3 };
    uint8_t *to = image->pixels;
    for (uint32_t y = 0; y < image->height_px; y++) {
        for (uint32_t x = 0; x < image->width_px; x++, to += 4) {
            const uint32_t right = image->width_px - 1 - x, below = image->height_px - 1 - y;
            const uint32_t across = x < right ? x : right, down = y < below ? y : below;
            const uint32_t near = across < down ? across : down;
            if (near < SOFT_PX)
                to[3] = (uint8_t)(to[3] * (near + 1) / (SOFT_PX + 1));
        }
    }
}

/* --- planes ----------------------------------------------------------------------------------- */

static uint8_t to_byte(float value)
{
    return (uint8_t)(value < 0 ? 0 : value > 255 ? 255 : value + 0.5f);
}

/* Colour of four pixels, by their opacity. */
static void put_colour(const uint8_t *const from[4], uint8_t *to_u, uint8_t *to_v, uint8_t *to_a)
{
    float r = 0, g = 0, b = 0, opacity = 0;
    for (int i = 0; i < 4; i++) {
        const float cover = (float)from[i][3];
        r += cover * (float)from[i][0];
        g += cover * (float)from[i][1];
        b += cover * (float)from[i][2];
        opacity += cover;
    }
    if (opacity > 0) {
        r /= opacity;
        g /= opacity;
        b /= opacity;
    }
    *to_u = to_byte(128 - 0.148f * r - 0.291f * g + 0.439f * b);
    *to_v = to_byte(128 + 0.439f * r - 0.368f * g - 0.071f * b);
    if (to_a)
        *to_a = to_byte(opacity / 4);
}

enum tyto_err tyto_compose_to_planes(const struct tyto_compose_rgba *image,
                                     struct tyto_compose_planes *ret_planes)
{
    const uint32_t width = image->width_px & ~1u, height = image->height_px & ~1u;
    if (width == 0 || height == 0)
        return TYTO_ERR_SHAPE;
    const size_t all = (size_t)width * height, quarter = all / 4;
    bool is_opaque = true;
    for (size_t i = 0; i < (size_t)image->width_px * image->height_px; i++)
        is_opaque &= image->pixels[4 * i + 3] == 255;
    uint8_t *block = malloc((all + quarter) * 2 + quarter);
    if (!block)
        return TYTO_ERR_NOMEM;
    *ret_planes = (struct tyto_compose_planes){
        .width_px = width,
        .height_px = height,
        .y = block,
        .u = block + all,
        .v = block + all + quarter,
        .alpha = is_opaque ? NULL : block + all + 2 * quarter,
        .alpha_half = is_opaque ? NULL : block + 2 * all + 2 * quarter,
    };
    for (uint32_t y = 0; y < height; y++) {
        const uint8_t *from = image->pixels + (size_t)y * image->width_px * 4;
        for (uint32_t x = 0; x < width; x++, from += 4) {
            const size_t at = (size_t)y * width + x;
            ret_planes->y[at] = to_byte(16 + 0.257f * (float)from[0] + 0.504f * (float)from[1] +
                                        0.098f * (float)from[2]);
            if (ret_planes->alpha)
                ret_planes->alpha[at] = from[3];
            if ((x | y) % 2 != 0)
                continue;
            const uint8_t *below = from + (size_t)image->width_px * 4;
            const uint8_t *const four[4] = {from, from + 4, below, below + 4};
            const size_t half = (size_t)(y / 2) * (width / 2) + x / 2;
            put_colour(four, &ret_planes->u[half], &ret_planes->v[half],
                       ret_planes->alpha_half ? &ret_planes->alpha_half[half] : NULL);
        }
    }
    return TYTO_OK;
}

void tyto_compose_planes_finish(struct tyto_compose_planes *planes)
{
    free(planes->y);
    *planes = (struct tyto_compose_planes){0};
}
