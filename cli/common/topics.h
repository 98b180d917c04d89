/* SPDX-License-Identifier: MIT */
/* What to subscribe to, so that no more comes than is wanted. */
#ifndef TYTO_CLI_COMMON_TOPICS_H
#define TYTO_CLI_COMMON_TOPICS_H

#include <stdint.h>

#include "options/options.h"

/* Prefixes of topics of the cameras (events of the classes, all where there are none, and states)
 * and of the model; *ret_num 0: all. Borrowed: they are static. No camera, or more than there is
 * room for, gives all. */
const char *const *tyto_topics_of(const struct tyto_texts *cameras,
                                  const struct tyto_texts *classes, uint32_t *ret_num);

#endif
