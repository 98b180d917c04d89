/* SPDX-License-Identifier: MIT */
/* The configuration that holds, for whoever asks the daemon. */
#ifndef TYTO_DAEMON_CONFIG_JSON_H
#define TYTO_DAEMON_CONFIG_JSON_H

#include "daemon/config/config.h"
#include "files/json.h"

/* Keys as in the file, defaults too; of each camera its own keys and what it says of the tracker,
 * its URI without secrets. Owned; NULL when out of memory. */
struct tyto_json *tyto_config_to_json(const struct tyto_config *config);

#endif
