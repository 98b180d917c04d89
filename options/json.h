/* SPDX-License-Identifier: MIT */
/* Values as members of a JSON object and back: what a run's folder keeps. */
#ifndef TYTO_OPTIONS_JSON_H
#define TYTO_OPTIONS_JSON_H

#include "files/json.h"
#include "options/options.h"

/* Every row of the groups as a member of a new object, owned; NULL when out of memory. */
struct tyto_json *tyto_options_to_json(const struct tyto_option_group *groups, uint32_t num_groups,
                                       const void *target);
/* Every row of a group into an object that is there; false when out of memory, or without it. */
bool tyto_options_put_json(const struct tyto_option_group *group, const void *target,
                           struct tyto_json *json);
/* Rows that the object has and that are not marked yet; marks them. An empty text for a TEXT is
 * nothing given. FORMAT for a key that no row has or a value that is no text, number or yes and no;
 * INVALID for one that does not fit; NOMEM. file: for *ret_fault. */
TYTO_MUST_CHECK
enum tyto_err tyto_options_from_json(const struct tyto_option_group *groups, uint32_t num_groups,
                                     void *target, const struct tyto_json *json, const char *file,
                                     struct tyto_fault *ret_fault);

#endif
