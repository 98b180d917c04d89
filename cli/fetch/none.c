/* SPDX-License-Identifier: MIT */
/* In a build without libcurl. */
#include "cli/fetch/fetch.h"

enum tyto_err tyto_fetch(const struct tyto_fetch_params *params, struct tyto_fault *ret_fault)
{
    return tyto_fault_set(ret_fault, TYTO_ERR_UNSUPPORTED, params->url, 0, NULL,
                          "this program was built without libcurl: fetch it yourself, then tyto "
                          "model import");
}
