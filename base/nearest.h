/* SPDX-License-Identifier: MIT */
/* "Did you mean ...?" for names that a person typed. */
#ifndef TYTO_BASE_NEAREST_H
#define TYTO_BASE_NEAREST_H

#include <stdint.h>

/* The one of names (num, none NULL) that word most likely meant, or NULL when
 * none is close (more than a third of its letters would have to change). */
const char *tyto_nearest(const char *word, const char *const *names, uint32_t num);

#endif
