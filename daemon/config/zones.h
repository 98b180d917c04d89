/* SPDX-License-Identifier: MIT */
/* Zones, masks and quiet hours in the file. Internal to the folder. */
#ifndef TYTO_DAEMON_CONFIG_ZONES_H
#define TYTO_DAEMON_CONFIG_ZONES_H

#include "daemon/config/config.h"
#include "daemon/config/parse.h"

/* Lists into the struct tyto_config_camera at target. */
TYTO_MUST_CHECK
enum tyto_err tyto_config_read_zones(struct tyto_yaml *yaml, const struct yaml_node_s *node,
                                     void *target);
TYTO_MUST_CHECK
enum tyto_err tyto_config_read_masks(struct tyto_yaml *yaml, const struct yaml_node_s *node,
                                     void *target);
/* A list into the struct tyto_config_quiet at quiet. */
TYTO_MUST_CHECK
enum tyto_err tyto_config_read_quiet(struct tyto_yaml *yaml, const struct yaml_node_s *node,
                                     struct tyto_config_quiet *quiet);

/* Adds a name to the struct tyto_zone_names at value, as a row's set(); and writes all of them. */
TYTO_MUST_CHECK
enum tyto_err tyto_config_add_zone_name(void *value, const char *text,
                                        struct tyto_fault *ret_fault);
void tyto_config_print_zone_names(const void *value, char *ret_text, size_t text_bytes);

#endif
