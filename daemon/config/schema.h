/* SPDX-License-Identifier: MIT */
/* Between config.c and config_schema.c only. */
#ifndef TYTO_DAEMON_CONFIG_SCHEMA_H
#define TYTO_DAEMON_CONFIG_SCHEMA_H

#include "daemon/config/config.h"

struct tyto_yaml;
struct yaml_node_s;

/* Fills the struct tyto_config at target from the root of a document. */
TYTO_MUST_CHECK
enum tyto_err tyto_config_read_root(struct tyto_yaml *yaml, const struct yaml_node_s *node,
                                    void *target);
/* One more camera with defaults, at the end; NULL when out of memory. Borrowed
 * until the next one is made. */
struct tyto_config_camera *tyto_config_new_camera(struct tyto_config *config);

#endif
