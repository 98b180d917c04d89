/* SPDX-License-Identifier: MIT */
/* Built without libmosquitto. */
#include "cli/bridge/mqtt/mqtt.h"

enum tyto_err tyto_mqtt_create(const struct tyto_mqtt_params *params, struct tyto_sink *ret_sink,
                               struct tyto_fault *ret_fault)
{
    (void)params;
    (void)ret_sink;
    return tyto_fault_set(ret_fault, TYTO_ERR_UNSUPPORTED, NULL, 0, NULL,
                          "this tyto was built without libmosquitto; scripts/setup installs it");
}
