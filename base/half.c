/* SPDX-License-Identifier: MIT */
/* By bits, because not all compilers of Debian 12 have _Float16 (clang 14 refuses it on x86-64). */
#include "base/half.h"

#include <string.h>

float tyto_half_to_f32(uint16_t half)
{
    const uint32_t sign = (uint32_t)(half & 0x8000u) << 16;
    const uint32_t exponent = (half >> 10) & 31u;
    const uint32_t mantissa = half & 1023u;
    uint32_t bits;
    if (exponent == 31)
        bits = sign | 0x7f800000u | (mantissa << 13);
    else if (exponent != 0)
        bits = sign | ((exponent + 112) << 23) | (mantissa << 13);
    else {
        /* zero and subnormals: mantissa * 2^-24 is exact in f32 */
        float value = (float)mantissa * 0x1p-24f;
        memcpy(&bits, &value, sizeof(bits));
        bits |= sign;
    }
    float value;
    memcpy(&value, &bits, sizeof(value));
    return value;
}

uint16_t tyto_half_from_f32(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof(bits));
    const uint16_t sign = (uint16_t)((bits >> 16) & 0x8000u);
    const uint32_t magnitude = bits & 0x7fffffffu;
    if (magnitude > 0x7f800000u)
        return sign | 0x7e00u; /* nan */
    if (magnitude >= 0x477ff000u)
        return sign | 0x7c00u; /* rounds to 65536 or more */
    if (magnitude >= 0x38800000u) {
        const uint32_t odd = (magnitude >> 13) & 1u;
        return (uint16_t)(sign | ((magnitude - 0x38000000u + 0xfffu + odd) >> 13));
    }
    /* Subnormal result: adding 0.5 moves the last kept bit, 2^-24, to the end of
     * the f32 mantissa, and the addition itself rounds to nearest even. */
    float shifted;
    memcpy(&shifted, &magnitude, sizeof(shifted));
    shifted += 0.5f;
    uint32_t rounded;
    memcpy(&rounded, &shifted, sizeof(rounded));
    return (uint16_t)(sign | (rounded - 0x3f000000u));
}
