/* SPDX-License-Identifier: MIT */
/* A configuration from a text, and what is said of it. */
#ifndef TYTO_TESTS_CONFIG_TEXT_H
#define TYTO_TESTS_CONFIG_TEXT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <string.h>

#include "daemon/config/config.h"

/* A file with one camera, before what a test has to say. */
#define CAM "cameras: [{id: a, uri: rtsp://h/s}]\n"

static inline enum tyto_err parse(const char *text, struct tyto_config **ret_config, char *said,
                                  size_t said_bytes)
{
    struct tyto_fault fault;
    memset(&fault, 0, sizeof(fault));
    const enum tyto_err err =
        tyto_config_parse(text, strlen(text), "/etc/tyto/t.yaml", ret_config, &fault);
    tyto_fault_print(&fault, said, said_bytes);
    return err;
}

#endif
