/* SPDX-License-Identifier: MIT */
/* Built without libmicrohttpd: the control socket still tells the figures. */
#include <stddef.h>

#include "daemon/monitor/http.h"

enum tyto_err tyto_http_create(const struct tyto_http_params *params, struct tyto_http **ret_http,
                               struct tyto_fault *ret_fault)
{
    (void)params;
    (void)ret_http;
    return tyto_fault_set(ret_fault, TYTO_ERR_NOT_FOUND, NULL, 0, "metrics.listen",
                          "this tytod was built without HTTP (meson -Dmetrics=enabled, with "
                          "libmicrohttpd)");
}

const char *tyto_http_address(const struct tyto_http *http)
{
    (void)http;
    return "";
}

uint64_t tyto_http_num_turns(const struct tyto_http *http)
{
    (void)http;
    return 0;
}

bool tyto_http_destroy(struct tyto_http **http)
{
    (void)http;
    return true;
}
