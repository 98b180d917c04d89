/* SPDX-License-Identifier: MIT */
#include <math.h>

#include "proto/query.h"

#define LOWEST -5.0f /* log-odds of code 1 */
#define STEP 0.05f

enum { MAX_CODE = 255, MAX_SHIFT = 2 };

float tyto_score_of(uint8_t code)
{
    if (code == 0 || code == MAX_CODE)
        return code == 0 ? 0.0f : 1.0f;
    return 1.0f / (1.0f + expf(-(LOWEST + STEP * (float)(code - 1))));
}

static bool is_alike(float a, float b, const float *boundaries, uint32_t num)
{
    for (uint32_t i = 0; i < num; i++) {
        if ((a >= boundaries[i]) != (b >= boundaries[i]))
            return false;
    }
    return true;
}

/* The nearest one below MAX_CODE, or MAX_CODE for 1. */
static int nearest(float score)
{
    if (!(score > 0.0f))
        return 0;
    if (score >= 1.0f)
        return MAX_CODE;
    const float code = roundf((logf(score / (1.0f - score)) - LOWEST) / STEP) + 1.0f;
    return code < 1.0f ? 0 : code > MAX_CODE - 1 ? MAX_CODE - 1 : (int)code;
}

bool tyto_score_code(float score, const float *boundaries, uint32_t num, uint8_t *ret_code)
{
    const float clean = isfinite(score) ? fminf(fmaxf(score, 0.0f), 1.0f) : 0.0f;
    const int code = nearest(clean);
    *ret_code = (uint8_t)code;
    for (int shift = 0; shift <= MAX_SHIFT; shift++) {
        for (int sign = -1; sign <= 1; sign += 2) {
            const int other = code + sign * shift;
            if (other < 0 || other > MAX_CODE ||
                !is_alike(clean, tyto_score_of((uint8_t)other), boundaries, num))
                continue;
            *ret_code = (uint8_t)other;
            return true;
        }
    }
    return false;
}
