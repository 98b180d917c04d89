/* SPDX-License-Identifier: MIT */
#include "trainer/compose/place.h"

#include <math.h>
#include <stdbool.h>

#include "base/random.h"

enum { MAX_BOXES = 5, NUM_SCALES = 3 };

struct colour {
    float rgb[3];
};

struct place {
    struct colour upper, lower;
    bool has_lower;
    float line, slope; /* where the lower part begins: share of the height */
    uint32_t num_boxes;
    struct colour box_colours[MAX_BOXES];
    float boxes[MAX_BOXES][4]; /* shares */
    float light_x, light_y;
    float grain[NUM_SCALES];
    uint32_t salt;
};

static float between(uint64_t *random, float low, float high)
{
    return low + (high - low) * (float)tyto_random_share(random);
}

static struct colour draw_colour(uint64_t *random, float low, float high, float spread)
{
    const float grey = between(random, low, high);
    struct colour colour;
    for (int c = 0; c < 3; c++)
        colour.rgb[c] = grey + between(random, -spread, spread);
    return colour;
}

static float lattice(uint32_t x, uint32_t y, uint32_t salt)
{
    uint32_t h = x * 0x8da6b343u ^ y * 0xd8163841u ^ salt * 0xcb1ab31fu;
    h = (h ^ (h >> 15)) * 0x2c1b3c6du;
    h = (h ^ (h >> 12)) * 0x297a2d39u;
    return (float)((h ^ (h >> 15)) & 0xffffu) / 32768.0f - 1.0f;
}

/* Value noise in -1..1 at (x, y) >= 0 in lattice units. */
static float noise(float x, float y, uint32_t salt)
{
    const uint32_t xi = (uint32_t)x, yi = (uint32_t)y;
    float fx = x - (float)xi, fy = y - (float)yi;
    fx = fx * fx * (3 - 2 * fx);
    fy = fy * fy * (3 - 2 * fy);
    const float top = lattice(xi, yi, salt) * (1 - fx) + lattice(xi + 1, yi, salt) * fx;
    const float low = lattice(xi, yi + 1, salt) * (1 - fx) + lattice(xi + 1, yi + 1, salt) * fx;
    return top * (1 - fy) + low * fy;
}

static void draw_place(struct place *place, uint64_t *random)
{
    const uint32_t kind = tyto_random_below(random, 4);
    place->upper = draw_colour(random, 40, 225, 30);
    place->lower = draw_colour(random, 30, 210, 38);
    place->has_lower = kind >= 1;
    place->line = between(random, 0.35f, 0.8f);
    place->slope = between(random, -0.12f, 0.12f);
    place->num_boxes = kind >= 2 ? 1 + tyto_random_below(random, MAX_BOXES) : 0;
    for (uint32_t i = 0; i < place->num_boxes; i++) {
        float *box = place->boxes[i];
        place->box_colours[i] = draw_colour(random, 15, 240, 35);
        box[0] = between(random, -0.1f, 0.9f);
        box[1] = between(random, -0.1f, 0.8f);
        box[2] = box[0] + between(random, 0.05f, 0.5f);
        box[3] = box[1] + between(random, 0.05f, 0.5f);
    }
    place->light_x = between(random, -0.3f, 0.3f);
    place->light_y = between(random, -0.4f, 0.4f);
    for (int i = 0; i < NUM_SCALES; i++)
        place->grain[i] = between(random, 0, 20);
    place->salt = (uint32_t)tyto_random_bits(random);
}

static struct colour colour_at(const struct place *place, float x, float y)
{
    struct colour colour = place->has_lower && y > place->line + place->slope * (x - 0.5f)
                               ? place->lower
                               : place->upper;
    for (uint32_t i = 0; i < place->num_boxes; i++) {
        const float *box = place->boxes[i];
        if (x > box[0] && x < box[2] && y > box[1] && y < box[3])
            colour = place->box_colours[i];
    }
    return colour;
}

enum tyto_err tyto_compose_make_place(uint64_t seed, uint32_t width_px, uint32_t height_px,
                                      struct tyto_compose_rgba *ret_image)
{
    static const float scales[NUM_SCALES] = {5, 16, 55};
    struct place place;
    uint64_t random = seed;
    const enum tyto_err err = tyto_compose_rgba_create(width_px, height_px, ret_image);
    if (err)
        return err;
    draw_place(&place, &random);
    uint8_t *to = ret_image->pixels;
    for (uint32_t j = 0; j < height_px; j++) {
        const float y = (float)j / (float)height_px;
        for (uint32_t i = 0; i < width_px; i++, to += 4) {
            const float x = (float)i / (float)width_px;
            const struct colour colour = colour_at(&place, x, y);
            const float light = 1 + place.light_x * (x - 0.5f) + place.light_y * (y - 0.5f);
            float rough = 0;
            for (uint32_t s = 0; s < NUM_SCALES; s++)
                rough += place.grain[s] * noise(x * scales[s], y * scales[s], place.salt + s);
            for (int c = 0; c < 3; c++) {
                const float value = colour.rgb[c] * light + rough;
                to[c] = (uint8_t)fminf(255, fmaxf(0, value));
            }
            to[3] = 255;
        }
    }
    return TYTO_OK;
}
