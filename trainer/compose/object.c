/* SPDX-License-Identifier: MIT */
/* Names of what a scene holds, and where an object is at a time. */
#include "trainer/compose/scene.h"

#include <math.h>

static const double entrance_s = 0.5;

const char *const tyto_compose_kind_names[TYTO_COMPOSE_NUM_KINDS] = {
    "both", "heard", "seen", "mismatch", "several", "nothing"};
const char *const tyto_compose_look_names[] = {"cut_out", "oval", "rectangle", "filling"};
const char *const tyto_compose_entrance_names[] = {"pop", "fade", "slide"};
const char *const tyto_compose_noise_names[TYTO_COMPOSE_NUM_NOISES] = {"white", "pink", "hum",
                                                                       "babble"};

struct tyto_compose_box tyto_compose_object_box(const struct tyto_compose_object *object,
                                                float picture_aspect, int64_t time_ns)
{
    if (time_ns < object->begin_ns || time_ns >= object->end_ns)
        return (struct tyto_compose_box){0};
    const double length_s = (double)(object->end_ns - object->begin_ns) / 1e9;
    const double since_s = (double)(time_ns - object->begin_ns) / 1e9, left_s = length_s - since_s;
    const double share = since_s / length_s;
    const double lasts_s = fmin(entrance_s, length_s / 4);
    /* 0 outside, 1 once it has arrived and until it leaves */
    const double there = fmin(1, fmin(since_s, left_s) / lasts_s);
    double height = (double)object->height * (1 + ((double)object->grow - 1) * share);
    double width = height * (double)object->aspect / (double)picture_aspect;
    float opacity = 1;
    if (width > (double)object->max_width) {
        height *= (double)object->max_width / width;
        width = (double)object->max_width;
    }
    double x = (double)object->x0 + ((double)object->x1 - (double)object->x0) * share;
    double foot = (double)object->foot0 + (double)object->bob * sin(2 * M_PI * 0.7 * since_s);
    if (object->look == TYTO_COMPOSE_FILLING)
        return (struct tyto_compose_box){0, 0, 1, 1, 1};
    if (object->entrance == TYTO_COMPOSE_FADE)
        opacity = (float)(0.25 + 0.75 * there);
    if (object->entrance == TYTO_COMPOSE_SLIDE) { /* from the nearer side, a part of it at once */
        const double way = (x < 0.5 ? -1 : 1) * (0.8 * width + fmin(x, 1 - x) - width / 2);
        x += way * (1 - there);
    }
    return (struct tyto_compose_box){
        .x0 = (float)(x - width / 2),
        .y0 = (float)(foot - height),
        .x1 = (float)(x + width / 2),
        .y1 = (float)foot,
        .opacity = opacity,
    };
}
