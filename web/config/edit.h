/* SPDX-License-Identifier: MIT */
/* Thresholds of classes in the text of a tytod.yaml: they are put in where they belong, and all
 * else, comments too, stays byte for byte as it is. */
#ifndef TYTO_WEB_CONFIG_EDIT_H
#define TYTO_WEB_CONFIG_EDIT_H

#include <stddef.h>
#include <stdint.h>

#include "base/fault.h"
#include "proto/event.h"

enum { TYTO_CONFIG_MAX_BYTES = 1 << 20, TYTO_CONFIG_MAX_WISHES = 256 };

struct tyto_config_wish {
    char class_name[TYTO_ID_MAX + 1];
    float joint, heard, seen; /* thresholds, 0.01 to 1 */
};

/* *ret_text (g_free) is text (num_bytes) with the wishes in it: in the `classes` of that camera, or
 * for camera NULL in those of all cameras. file is for *ret_fault. FORMAT: it is no YAML that can
 * be changed so (aliases, a key twice, something else where a group is expected); NOT_FOUND: it has
 * no such camera; FULL. */
TYTO_MUST_CHECK
enum tyto_err tyto_config_edit(const char *file, const char *text, size_t num_bytes,
                               const char *camera, const struct tyto_config_wish *wishes,
                               uint32_t num_wishes, char **ret_text, struct tyto_fault *ret_fault);

#endif
