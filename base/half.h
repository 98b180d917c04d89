/* SPDX-License-Identifier: MIT */
/* IEEE 754 binary16 <-> binary32. */
#ifndef TYTO_BASE_HALF_H
#define TYTO_BASE_HALF_H

#include <stdint.h>

float tyto_half_to_f32(uint16_t half);
uint16_t tyto_half_from_f32(float value); /* round to nearest even; overflow gives inf */

#endif
