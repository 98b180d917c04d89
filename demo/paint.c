/* SPDX-License-Identifier: MIT */
/* The background is painted once, a little wider than the picture, and each
 * frame shows a window of it that sways by a few pixels. */
#include "demo/paint.h"

#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "demo/scene.h"

enum { SWAY_PX = 8, GRAIN_LEN = 1 << 16, GLYPH_W = 5, GLYPH_H = 7, GLYPH_SCALE = 3 };

struct demo_painter {
    uint32_t width_px, height_px;
    uint32_t back_width_px; /* of the background: width + 2 * SWAY_PX */
    uint8_t *back_y, *back_u, *back_v;
    int8_t *grain; /* GRAIN_LEN + width values */
    uint64_t random;
};

struct rgb {
    float r, g, b; /* 0..255 */
};

struct palette {
    struct rgb far_top, far_bottom; /* sky or wall */
    struct rgb band;                /* hedge or skirting between both */
    struct rgb near_top, near_bottom;
    float horizon, band_height, far_grain, near_grain;
};

static const struct palette palettes[] = {
    /* a lawn before a hedge */
    {{150, 176, 205},
     {196, 206, 212},
     {52, 70, 40},
     {92, 112, 62},
     {106, 128, 66},
     0.42f,
     0.14f,
     12.0f,
     34.0f},
    /* a farm track before a stubble field */
    {{176, 184, 190},
     {206, 206, 200},
     {128, 116, 78},
     {134, 118, 92},
     {150, 132, 104},
     0.38f,
     0.10f,
     10.0f,
     28.0f},
    /* a paved court before a plastered wall */
    {{186, 178, 164},
     {172, 164, 150},
     {96, 90, 84},
     {124, 122, 120},
     {142, 140, 136},
     0.50f,
     0.03f,
     9.0f,
     16.0f},
};

static float lattice(uint32_t x, uint32_t y, uint32_t salt)
{
    uint32_t h = x * 0x8DA6B343u ^ y * 0xD8163841u ^ salt * 0xCB1AB31Fu;

    h = (h ^ (h >> 15)) * 0x2C1B3C6Du;
    h = (h ^ (h >> 12)) * 0x297A2D39u;
    return (float)((h ^ (h >> 15)) & 0xFFFFu) / 32768.0f - 1.0f;
}

/* Value noise in -1..1 at (x, y) in lattice units. */
static float noise(float x, float y, uint32_t salt)
{
    uint32_t xi = (uint32_t)x, yi = (uint32_t)y;
    float fx = x - (float)xi, fy = y - (float)yi;

    fx = fx * fx * (3.0f - 2.0f * fx);
    fy = fy * fy * (3.0f - 2.0f * fy);
    float top = lattice(xi, yi, salt) * (1.0f - fx) + lattice(xi + 1, yi, salt) * fx;
    float low = lattice(xi, yi + 1, salt) * (1.0f - fx) + lattice(xi + 1, yi + 1, salt) * fx;
    return top * (1.0f - fy) + low * fy;
}

/* Noise of five sizes, each half as strong as the one above. */
static float rough(float x, float y, uint32_t salt)
{
    float sum = 0.0f, weight = 0.5f, scale = 1.0f / 96.0f;

    for (uint32_t i = 0; i < 5; i++) {
        sum += weight * noise(x * scale, y * scale, salt + i);
        weight *= 0.62f;
        scale *= 2.3f;
    }
    return sum;
}

static struct rgb mix(struct rgb a, struct rgb b, float t)
{
    return (struct rgb){a.r + (b.r - a.r) * t, a.g + (b.g - a.g) * t, a.b + (b.b - a.b) * t};
}

static uint8_t to_byte(float value)
{
    return (uint8_t)(value < 0.0f ? 0.0f : value > 255.0f ? 255.0f : value + 0.5f);
}

/* BT.709, limited range. */
static float luma(struct rgb c)
{
    return 16.0f + 0.1826f * c.r + 0.6142f * c.g + 0.0620f * c.b;
}

static float chroma_u(struct rgb c)
{
    return 128.0f - 0.1006f * c.r - 0.3386f * c.g + 0.4392f * c.b;
}

static float chroma_v(struct rgb c)
{
    return 128.0f + 0.4392f * c.r - 0.3989f * c.g - 0.0403f * c.b;
}

static struct rgb background_at(const struct palette *palette, float x, float y, float height,
                                uint32_t salt)
{
    float ragged = 0.02f * rough(x * 1.7f, 7.0f, salt + 40);
    float at = y / height;
    float horizon = palette->horizon;

    if (at < horizon - palette->band_height + 2.0f * ragged) {
        float grain = palette->far_grain * rough(x * 0.4f, y * 0.9f, salt);
        struct rgb c = mix(palette->far_top, palette->far_bottom, at / horizon);
        return (struct rgb){c.r + grain, c.g + grain, c.b + 0.8f * grain};
    }
    if (at < horizon + 0.3f * ragged) {
        float grain = 40.0f * rough(x * 2.0f, y * 2.0f, salt + 10);
        struct rgb c = palette->band;
        return (struct rgb){c.r + 0.8f * grain, c.g + grain, c.b + 0.6f * grain};
    }
    float depth = (at - horizon) / (1.0f - horizon);
    float stretch = 1.6f - 0.9f * depth; /* what is near is drawn larger */
    float grain = palette->near_grain * rough(x * stretch, y * stretch * 1.8f, salt + 20);
    struct rgb c = mix(palette->near_top, palette->near_bottom, depth);
    return (struct rgb){c.r + 0.9f * grain, c.g + grain, c.b + 0.7f * grain};
}

static void paint_background(struct demo_painter *painter, uint64_t seed)
{
    const struct palette *palette = &palettes[seed % (sizeof(palettes) / sizeof(palettes[0]))];
    uint32_t salt = (uint32_t)(seed * 977u + 13u);
    uint32_t width = painter->back_width_px;

    for (uint32_t y = 0; y < painter->height_px; y++) {
        for (uint32_t x = 0; x < width; x++) {
            struct rgb c =
                background_at(palette, (float)x, (float)y, (float)painter->height_px, salt);
            painter->back_y[(size_t)y * width + x] = to_byte(luma(c));
            if ((x | y) % 2 == 0) {
                size_t half = (size_t)(y / 2) * (width / 2) + x / 2;
                painter->back_u[half] = to_byte(chroma_u(c));
                painter->back_v[half] = to_byte(chroma_v(c));
            }
        }
    }
}

enum tyto_err demo_painter_create(uint32_t width_px, uint32_t height_px, uint64_t seed,
                                  struct demo_painter **ret_painter)
{

    if (width_px < 64 || width_px > 4096 || height_px < 64 || height_px > 4096 ||
        (width_px | height_px) % 2 != 0) {
        return TYTO_ERR_INVALID;
    }
    struct demo_painter *painter = calloc(1, sizeof(*painter));
    if (!painter) {
        return TYTO_ERR_NOMEM;
    }
    painter->width_px = width_px;
    painter->height_px = height_px;
    painter->back_width_px = width_px + 2 * SWAY_PX;
    painter->random = seed ^ 0x6A09E667F3BCC908u;
    size_t num_pixels = (size_t)painter->back_width_px * height_px;
    painter->back_y = malloc(num_pixels);
    painter->back_u = malloc(num_pixels / 4);
    painter->back_v = malloc(num_pixels / 4);
    painter->grain = malloc(GRAIN_LEN + (size_t)width_px);
    if (!painter->back_y || !painter->back_u || !painter->back_v || !painter->grain) {
        demo_painter_destroy(&painter);
        return TYTO_ERR_NOMEM;
    }
    for (size_t i = 0; i < GRAIN_LEN + (size_t)width_px; i++) {
        double sum = 0.0; /* of four uniforms: near enough to a bell */
        for (int j = 0; j < 4; j++) {
            sum += demo_random_between(&painter->random, -1.0, 1.0);
        }
        painter->grain[i] = (int8_t)lrint(sum * 2.2);
    }
    paint_background(painter, seed);
    *ret_painter = painter;
    return TYTO_OK;
}

void demo_painter_destroy(struct demo_painter **painter)
{
    if (!*painter) {
        return;
    }
    free((*painter)->back_y);
    free((*painter)->back_u);
    free((*painter)->back_v);
    free((*painter)->grain);
    free(*painter);
    *painter = NULL;
}

void demo_painter_begin(struct demo_painter *painter, double time_s, uint8_t *out)
{
    uint32_t width = painter->width_px, height = painter->height_px;
    uint32_t back_width = painter->back_width_px;
    double light = 1.0 + 0.035 * sin(time_s * 0.23) + 0.015 * sin(time_s * 1.1);
    int32_t gain = (int32_t)lrint(light * 256.0);
    uint32_t sway = (uint32_t)lrint((1.0 + sin(time_s * 0.31)) * (SWAY_PX / 2.0)) * 2u;
    uint8_t *out_u = out + (size_t)width * height;
    uint8_t *out_v = out_u + (size_t)width * height / 4;

    for (uint32_t y = 0; y < height; y++) {
        const uint8_t *from = painter->back_y + (size_t)y * back_width + sway;
        uint8_t *to = out + (size_t)y * width;
        for (uint32_t x = 0; x < width; x++) {
            int32_t value = 16 + (((int32_t)from[x] - 16) * gain) / 256;
            to[x] = (uint8_t)(value > 235 ? 235 : value);
        }
    }
    for (uint32_t y = 0; y < height / 2; y++) {
        size_t from = (size_t)y * (back_width / 2) + sway / 2, to = (size_t)y * (width / 2);
        memcpy(out_u + to, painter->back_u + from, width / 2);
        memcpy(out_v + to, painter->back_v + from, width / 2);
    }
}

/* Bilinear sample at (x, y) in pixels; colours weighted by their opacity. */
static struct rgb sample(const struct demo_picture *picture, float x, float y, float *ret_opacity)
{
    float max_x = (float)picture->width_px - 1.0f, max_y = (float)picture->height_px - 1.0f;
    struct rgb c = {0.0f, 0.0f, 0.0f};
    float opacity = 0.0f;

    x = x < 0.0f ? 0.0f : x > max_x ? max_x : x;
    y = y < 0.0f ? 0.0f : y > max_y ? max_y : y;
    uint32_t xi = (uint32_t)x, yi = (uint32_t)y;
    float fx = x - (float)xi, fy = y - (float)yi;
    for (uint32_t i = 0; i < 4; i++) {
        uint32_t sx = xi + (i & 1u), sy = yi + (i >> 1);
        float weight = ((i & 1u) ? fx : 1.0f - fx) * ((i >> 1) ? fy : 1.0f - fy);
        if (weight == 0.0f) {
            continue; /* may lie outside */
        }
        const uint8_t *p = picture->rgba + 4 * ((size_t)sy * picture->width_px + sx);
        float w = weight * (float)p[3] / 255.0f;
        c.r += w * (float)p[0];
        c.g += w * (float)p[1];
        c.b += w * (float)p[2];
        opacity += w;
    }
    if (opacity > 0.0f) {
        c = (struct rgb){c.r / opacity, c.g / opacity, c.b / opacity};
    }
    *ret_opacity = opacity;
    return c;
}

static void blend(uint8_t *value, float over, float opacity)
{
    *value = to_byte((float)*value + (over - (float)*value) * opacity);
}

void demo_painter_stamp(struct demo_painter *painter, const struct demo_picture *picture, float x0,
                        float y0, float x1, float y1, float opacity, uint8_t *out)
{
    float width = (float)painter->width_px, height = (float)painter->height_px;
    float scale_x = (float)picture->width_px / ((x1 - x0) * width);
    float scale_y = (float)picture->height_px / ((y1 - y0) * height);
    uint32_t first_x = (uint32_t)fmaxf(0.0f, ceilf(x0 * width));
    uint32_t first_y = (uint32_t)fmaxf(0.0f, ceilf(y0 * height));
    uint32_t last_x = (uint32_t)fminf(width, fmaxf(0.0f, x1 * width));
    uint32_t last_y = (uint32_t)fminf(height, fmaxf(0.0f, y1 * height));
    uint8_t *out_u = out + (size_t)painter->width_px * painter->height_px;
    uint8_t *out_v = out_u + (size_t)painter->width_px * painter->height_px / 4;

    for (uint32_t y = first_y; y < last_y; y++) {
        for (uint32_t x = first_x; x < last_x; x++) {
            float cover = 0.0f;
            struct rgb c = sample(picture, ((float)x + 0.5f - x0 * width) * scale_x - 0.5f,
                                  ((float)y + 0.5f - y0 * height) * scale_y - 0.5f, &cover);
            cover *= opacity;
            if (cover < 0.004f) {
                continue;
            }
            blend(&out[(size_t)y * painter->width_px + x], luma(c), cover);
            if ((x | y) % 2 == 0) {
                size_t half = (size_t)(y / 2) * (painter->width_px / 2) + x / 2;
                blend(&out_u[half], chroma_u(c), cover);
                blend(&out_v[half], chroma_v(c), cover);
            }
        }
    }
}

/* Rows of five bits, for 0..9, ':' and '.'. */
static const uint8_t glyphs[12][GLYPH_H] = {
    {14, 17, 19, 21, 25, 17, 14}, {4, 12, 4, 4, 4, 4, 14},  {14, 17, 1, 6, 8, 16, 31},
    {14, 17, 1, 6, 1, 17, 14},    {2, 6, 10, 18, 31, 2, 2}, {31, 16, 30, 1, 1, 17, 14},
    {6, 8, 16, 30, 17, 17, 14},   {31, 1, 2, 4, 8, 8, 8},   {14, 17, 17, 14, 17, 17, 14},
    {14, 17, 17, 15, 1, 2, 12},   {0, 4, 4, 0, 4, 4, 0},    {0, 0, 0, 0, 0, 12, 12},
};

static void draw_glyph(struct demo_painter *painter, uint32_t glyph_idx, uint32_t left_px,
                       uint32_t top_px, uint8_t *out)
{
    for (uint32_t y = 0; y < GLYPH_H * GLYPH_SCALE; y++) {
        for (uint32_t x = 0; x < GLYPH_W * GLYPH_SCALE; x++) {
            uint32_t bits = glyphs[glyph_idx][y / GLYPH_SCALE];
            if (bits >> (GLYPH_W - 1 - x / GLYPH_SCALE) & 1u) {
                out[(size_t)(top_px + y) * painter->width_px + left_px + x] = 225;
            }
        }
    }
}

static void draw_clock(struct demo_painter *painter, double time_s, uint8_t *out)
{
    uint32_t tenths = (uint32_t)(time_s * 10.0 + 0.001);
    uint32_t s = tenths / 10, colon = 10, point = 11;
    const uint32_t text[] = {s / 36000 % 10, s / 3600 % 10, colon,  s / 600 % 6, s / 60 % 10,
                             colon,          s % 60 / 10,   s % 10, point,       tenths % 10};
    uint32_t step = (GLYPH_W + 1) * GLYPH_SCALE, num = sizeof(text) / sizeof(text[0]);

    if (16 + num * step > painter->width_px || 16 + GLYPH_H * GLYPH_SCALE > painter->height_px) {
        return;
    }
    for (uint32_t i = 0; i < num; i++) {
        draw_glyph(painter, text[i], 16 + i * step, 16, out);
    }
}

void demo_painter_end(struct demo_painter *painter, double time_s, uint8_t *out)
{
    uint32_t width = painter->width_px;

    draw_clock(painter, time_s, out);
    for (uint32_t y = 0; y < painter->height_px; y++) {
        const int8_t *grain = painter->grain + demo_random(&painter->random) % GRAIN_LEN;
        uint8_t *row = out + (size_t)y * width;
        for (uint32_t x = 0; x < width; x++) {
            int32_t value = (int32_t)row[x] + grain[x];
            row[x] = (uint8_t)(value < 16 ? 16 : value > 235 ? 235 : value);
        }
    }
}
