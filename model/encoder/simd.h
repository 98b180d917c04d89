/* SPDX-License-Identifier: MIT */
/* TYTO_SIMD before a function: compiled twice, for every x86-64 and
 * for those with AVX2 and FMA; the loader picks. Sanitizers do not go with such functions. */
#ifndef TYTO_MODEL_ENCODER_SIMD_H
#define TYTO_MODEL_ENCODER_SIMD_H

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) &&                             \
    !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__) && !defined(TYTO_NO_SIMD)
#define TYTO_SIMD __attribute__((optimize("O3"), target_clones("arch=x86-64-v3", "default")))
#else
#define TYTO_SIMD
#endif

#endif
