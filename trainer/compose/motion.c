/* SPDX-License-Identifier: MIT */
#include "trainer/compose/motion.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "trainer/compose/mix.h"
#include "trainer/compose/power.h"

enum { STEP = TYTO_COMPOSE_RATE_HZ / TYTO_COMPOSE_MOTION_HZ };

/* Bodies have mass: loudness is smoothed over this many values to each side, so that on average
 * nothing moves before or after its sound. */
enum { SMOOTH = 2 };

const char *const tyto_compose_motion_names[TYTO_COMPOSE_NUM_MOTIONS] = {"still", "swell", "hop",
                                                                         "tremble", "flash"};

/* --- curves --------------------------------------------------------------------------------- */

static void smooth(float *values, uint32_t begin, uint32_t end)
{
    float kept[SMOOTH] = {0};
    for (uint32_t i = begin; i < end; i++) {
        float sum = values[i];
        for (uint32_t k = 1; k <= SMOOTH; k++) {
            sum += i >= begin + k ? kept[(i - k) % SMOOTH] : 0;
            sum += i + k < end ? values[i + k] : 0;
        }
        kept[i % SMOOTH] = values[i];
        values[i] = sum / (2 * SMOOTH + 1);
    }
}

/* One to four strokes a second, each decaying, in groups with rests between, as sounds have. */
static void draw_rhythm(float *values, uint32_t num_values, uint64_t seed)
{
    uint64_t random = seed;
    const double rate_hz = 1 + 3 * tyto_random_share(&random);
    const double decay =
        exp(-1.0 / (TYTO_COMPOSE_MOTION_HZ * (0.05 + 0.15 * tyto_random_share(&random))));
    double level = 0;
    bool rests = false;
    for (uint32_t i = 0; i < num_values; i++) {
        level *= decay;
        if (tyto_random_share(&random) < 0.4 / TYTO_COMPOSE_MOTION_HZ)
            rests = !rests;
        if (!rests && tyto_random_share(&random) < rate_hz / TYTO_COMPOSE_MOTION_HZ)
            level = 0.4 + 0.6 * tyto_random_share(&random);
        values[i] = (float)level;
    }
    smooth(values, 0, num_values);
}

enum tyto_err tyto_compose_motions_init(struct tyto_compose_motions *motions,
                                        const struct tyto_compose_scene *scene)
{
    *motions = (struct tyto_compose_motions){
        .scene = scene,
        .num_values = (uint32_t)(scene->duration_ns / (1000000000 / TYTO_COMPOSE_MOTION_HZ)) + 1,
    };
    for (uint32_t i = 0; i < scene->num_objects; i++) {
        const struct tyto_compose_object *object = &scene->objects[i];
        if (object->motion == TYTO_COMPOSE_STILL)
            continue;
        motions->values[i] = calloc(motions->num_values, sizeof(float));
        if (!motions->values[i]) {
            tyto_compose_motions_finish(motions);
            return TYTO_ERR_NOMEM;
        }
        if (object->sound_idx == TYTO_COMPOSE_NO_ENTRY)
            draw_rhythm(motions->values[i], motions->num_values, object->motion_seed);
    }
    return TYTO_OK;
}

void tyto_compose_motions_finish(struct tyto_compose_motions *motions)
{
    for (uint32_t i = 0; i < TYTO_COMPOSE_MAX_OBJECTS; i++)
        free(motions->values[i]);
    *motions = (struct tyto_compose_motions){0};
}

/* Amplitude of each step over the loudest one's, its square root: soft parts are seen, too. */
static void follow(float *values, uint32_t num_values, int64_t first, const float *samples,
                   uint32_t begin, uint32_t end)
{
    double loudest = 0;
    for (int pass = 0; pass < 2; pass++) {
        for (uint32_t i = 0; begin + (i + 1) * STEP <= end; i++) {
            const int64_t at = first + i;
            const double level = sqrt(tyto_compose_power(samples + begin + i * STEP, STEP));
            if (pass == 0)
                loudest = fmax(loudest, level);
            else if (at >= 0 && at < num_values && loudest > 0)
                values[at] = (float)sqrt(level / loudest);
        }
    }
    const int64_t last = first + (end - begin) / STEP;
    const int64_t from = first < 0 ? 0 : first, to = last > num_values ? num_values : last;
    if (to > from)
        smooth(values, (uint32_t)from, (uint32_t)to);
}

void tyto_compose_motions_hear(struct tyto_compose_motions *motions, uint32_t sound_idx,
                               const float *samples, uint32_t begin, uint32_t end)
{
    const struct tyto_compose_scene *scene = motions->scene;
    /* The track is written camera.offset_ns late: what it holds there is seen that much earlier. */
    const int64_t offset = scene->camera.offset_ns / (1000000000 / TYTO_COMPOSE_MOTION_HZ);
    for (uint32_t i = 0; i < scene->num_objects; i++) {
        if (motions->values[i] && scene->objects[i].sound_idx == sound_idx)
            follow(motions->values[i], motions->num_values, (int64_t)(begin / STEP) - offset,
                   samples, begin, end);
    }
}

/* --- boxes ---------------------------------------------------------------------------------- */

static double value_at(const struct tyto_compose_motions *motions, uint32_t object_idx,
                       int64_t time_ns)
{
    const float *values = motions->values[object_idx];
    /* the value of a step is that of its middle */
    const double at = (double)time_ns / 1e9 * TYTO_COMPOSE_MOTION_HZ - 0.5;
    if (!values || at <= 0 || at >= motions->num_values - 1)
        return 0;
    const uint32_t idx = (uint32_t)at;
    const double part = at - idx;
    return (double)values[idx] * (1 - part) + (double)values[idx + 1] * part;
}

float tyto_compose_motions_apply(const struct tyto_compose_motions *motions, uint32_t object_idx,
                                 int64_t time_ns, double box[4])
{
    const struct tyto_compose_object *object = &motions->scene->objects[object_idx];
    const double value = value_at(motions, object_idx, time_ns);
    const double amount = (double)object->reach * value;
    const double width = box[2] - box[0], height = box[3] - box[1];
    switch (object->motion) {
    case TYTO_COMPOSE_SWELL: /* upwards from its foot, and to both sides */
        box[0] -= amount * width / 2;
        box[2] += amount * width / 2;
        box[1] -= amount * height;
        break;
    case TYTO_COMPOSE_HOP:
        box[1] -= amount * height;
        box[3] -= amount * height;
        break;
    case TYTO_COMPOSE_TREMBLE: {
        const double swing = sin(2 * M_PI * (double)object->tremble_hz * (double)time_ns / 1e9);
        box[0] += amount * swing * height;
        box[2] += amount * swing * height;
        break;
    }
    case TYTO_COMPOSE_FLASH:
        return (float)(1 + amount);
    case TYTO_COMPOSE_STILL:
    case TYTO_COMPOSE_NUM_MOTIONS:
        break;
    }
    return 1;
}
