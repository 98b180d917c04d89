/* SPDX-License-Identifier: MIT */
/* Every key of the configuration, as tables, and how the file nests them. */
#ifndef TYTO_DAEMON_CONFIG_SCHEMA_H
#define TYTO_DAEMON_CONFIG_SCHEMA_H

#include "daemon/config/config.h"
#include "options/options.h"

struct tyto_yaml;
struct yaml_node_s;

enum tyto_config_group {
    TYTO_CONFIG_MODELS,
    TYTO_CONFIG_INFERENCE,
    TYTO_CONFIG_TRACKER,
    TYTO_CONFIG_PUBLISH,
    TYTO_CONFIG_JOURNAL,
    TYTO_CONFIG_RECORD,
    TYTO_CONFIG_SNAPSHOTS,
    TYTO_CONFIG_LOG,
    TYTO_CONFIG_METRICS,
    TYTO_CONFIG_TOP, /* keys that stand at the top of the file */
    TYTO_CONFIG_NUM_GROUPS,
};

/* Over struct tyto_config. */
extern const struct tyto_option_group tyto_config_groups[TYTO_CONFIG_NUM_GROUPS];
/* Over struct tyto_config_camera: its own keys, and what it says of the tracker. */
extern const struct tyto_option_group tyto_config_camera_group, tyto_config_camera_tracker_group;
/* Over struct tyto_config_rule. */
extern const struct tyto_option_group tyto_config_class_group;
/* Over struct tyto_zone, struct tyto_zone_class, struct tyto_polygon, struct tyto_quiet. */
extern const struct tyto_option_group tyto_config_zone_group, tyto_config_zone_class_group;
extern const struct tyto_option_group tyto_config_mask_group, tyto_config_quiet_group;

/* Fills the struct tyto_config at target from the root of a document. */
TYTO_MUST_CHECK
enum tyto_err tyto_config_read_root(struct tyto_yaml *yaml, const struct yaml_node_s *node,
                                    void *target);
/* A camera as it is when nothing is said of it. */
void tyto_config_camera_init(struct tyto_config_camera *ret_camera);
/* Frees what it owns. */
void tyto_config_camera_finish(struct tyto_config_camera *camera);
/* One more camera with defaults, at the end; NULL when out of memory. Borrowed
 * until the next one is made. */
struct tyto_config_camera *tyto_config_new_camera(struct tyto_config *config);

#endif
