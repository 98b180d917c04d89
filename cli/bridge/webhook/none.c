/* SPDX-License-Identifier: MIT */
/* Built without libcurl. */
#include "cli/bridge/webhook/webhook.h"

enum tyto_err tyto_webhook_create(const struct tyto_webhook_params *params,
                                  struct tyto_sink *ret_sink, struct tyto_fault *ret_fault)
{
    (void)params;
    (void)ret_sink;
    return tyto_fault_set(ret_fault, TYTO_ERR_UNSUPPORTED, NULL, 0, NULL,
                          "this tyto was built without libcurl; scripts/setup installs it");
}
