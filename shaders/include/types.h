/* SPDX-License-Identifier: MIT */
/* Types of what a kernel is told: C and GLSL read the headers that include this. */
#ifndef TYTO_SHADERS_INCLUDE_TYPES_H
#define TYTO_SHADERS_INCLUDE_TYPES_H

#ifdef VULKAN
#define uint32_t uint
#else
#include <stdint.h>
#endif

#endif
