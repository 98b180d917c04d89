/* SPDX-License-Identifier: MIT */
/* Thresholds into the file that a running tytod reads, and tytod told to read it again. Waits for
 * tytod: not for the main loop's thread. */
#ifndef TYTO_WEB_CONFIG_APPLY_H
#define TYTO_WEB_CONFIG_APPLY_H

#include <stdbool.h>

#include "web/config/edit.h"

struct tyto_config_change {
    const char *file;   /* tytod.yaml */
    const char *socket; /* tytod's control socket; NULL: where it is by default */
    const char *camera; /* NULL: for all cameras */
    const struct tyto_config_wish *wishes;
    uint32_t num_wishes;
};

/* False, with *ret_fault saying why: this process may not change the file. */
bool tyto_config_is_writable(const char *file, struct tyto_fault *ret_fault);
/* Writes the file and has tytod read it; *ret_generation is of what runs now, *ret_tuned whether
 * that has other thresholds. Where tytod refuses it, or does not answer, the file is put back as it
 * was, and that is an error. What edit, reading and writing give; INVALID: tytod refuses it. */
TYTO_MUST_CHECK
enum tyto_err tyto_config_apply(const struct tyto_config_change *change, uint32_t *ret_generation,
                                bool *ret_tuned, struct tyto_fault *ret_fault);

#endif
