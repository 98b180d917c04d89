/* SPDX-License-Identifier: MIT */
#include "pipeline/track/sight.h"

#include <ctype.h>
#include <math.h>
#include <string.h>
#include <strings.h>

static bool same_name(const char *a, const char *b)
{
    for (; *a && *b; a++, b++) {
        const int x = *a == '_' ? ' ' : tolower((unsigned char)*a);
        const int y = *b == '_' ? ' ' : tolower((unsigned char)*b);
        if (x != y)
            return false;
    }
    return *a == *b;
}

bool tyto_sight_shows(const char *detector_name, const char *class_name)
{
    /* What Open Images and COCO call what AudioSet calls otherwise. */
    static const char *const same[][2] = {
        {"cattle", "cow"},    {"cattle", "bull"}, {"airplane", "aeroplane"},
        {"person", "speech"}, {"man", "person"},  {"woman", "person"},
    };
    if (same_name(detector_name, class_name))
        return true;
    for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++)
        if (same_name(detector_name, same[i][0]) && same_name(class_name, same[i][1]))
            return true;
    return false;
}

bool tyto_sight_box(const struct tyto_sight *sight, const struct tyto_detector *detector,
                    const char *class_name, struct tyto_box *ret_box)
{
    for (uint32_t i = 0; i < sight->num_found && detector; i++) {
        const struct tyto_detection *one = &sight->found[i];
        if (!tyto_sight_shows(detector->names[one->class_idx], class_name))
            continue;
        *ret_box =
            (struct tyto_box){.x0 = one->left, .y0 = one->top, .x1 = one->right, .y1 = one->bottom};
        return true;
    }
    return false;
}

/* How much of place i of num lies between begin and end, both in places. */
static float covered(uint32_t i, float begin, float end)
{
    const float from = fmaxf((float)i, begin), to = fminf((float)i + 1.0f, end);
    return to > from ? to - from : 0.0f;
}

void tyto_sight_map(const struct tyto_picture_fit *fit, uint32_t rows, uint32_t cols,
                    const float *places, float *ret_picture)
{
    const float left = fit->left * (float)cols, top = fit->top * (float)rows;
    for (uint32_t y = 0; y < rows; y++)
        for (uint32_t x = 0; x < cols; x++) {
            const float y0 = top + (float)y * fit->height, x0 = left + (float)x * fit->width;
            float sum = 0.0f;
            for (uint32_t i = (uint32_t)y0; i < rows && (float)i < y0 + fit->height; i++)
                for (uint32_t j = (uint32_t)x0; j < cols && (float)j < x0 + fit->width; j++)
                    sum += places[i * cols + j] * covered(i, y0, y0 + fit->height) *
                           covered(j, x0, x0 + fit->width);
            ret_picture[y * cols + x] = sum;
        }
}
