/* SPDX-License-Identifier: MIT */
/* What another configuration changes of the one that runs: which cameras come, go and are connected
 * anew, what holds at once, and what has to wait for a restart. Plain computation. */
#ifndef TYTO_DAEMON_CONFIG_DIFFERENCE_H
#define TYTO_DAEMON_CONFIG_DIFFERENCE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "daemon/config/config.h"
#include "daemon/config/schema.h"

enum tyto_camera_fate {
    TYTO_CAMERA_STAYS,
    TYTO_CAMERA_COMES,
    TYTO_CAMERA_GOES,
    TYTO_CAMERA_RECONNECTS, /* goes, and comes as it is then */
};

enum { TYTO_CONFIG_MAX_KEPT = 64 };

struct tyto_config_difference {
    enum tyto_camera_fate *old_fates; /* owned, one for each camera that runs */
    enum tyto_camera_fate *new_fates; /* owned, one for each of the other configuration */
    uint32_t num_coming, num_going, num_reconnecting;
    bool is_tuned; /* what trackers go by: thresholds, rules of classes */
    bool has_head; /* another path of the head */
    bool is_other; /* anything else that holds at once */
    /* Keys whose new values have to wait for a restart: "publish.endpoints". */
    char kept[TYTO_CONFIG_MAX_KEPT][64];
    uint32_t num_kept;
};

/* Whether a running daemon takes the row's new value over. Of the groups of a file; what a camera
 * says always holds at once. */
bool tyto_config_is_live(enum tyto_config_group group, uint32_t row_idx);

/* Compares the configuration that runs with the next one, both with their models found. In next,
 * what has to wait for a restart is put back to what runs: it then is what is going to run. NOMEM:
 * next is of no use. */
TYTO_MUST_CHECK
enum tyto_err tyto_config_compare(const struct tyto_config *running, struct tyto_config *next,
                                  struct tyto_config_difference *ret_difference);
void tyto_config_difference_finish(struct tyto_config_difference *difference);
/* "publish.endpoints, journal.path"; "" for none. */
void tyto_config_print_kept(const struct tyto_config_difference *difference, char *ret_text,
                            size_t text_bytes);

#endif
