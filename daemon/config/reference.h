/* SPDX-License-Identifier: MIT */
/* The configuration as texts that are kept in the tree, written from the tables: a test compares.
 */
#ifndef TYTO_DAEMON_CONFIG_REFERENCE_H
#define TYTO_DAEMON_CONFIG_REFERENCE_H

#include <stdio.h>

#include "base/err.h"

/* doc/configuration.md. NOMEM. */
TYTO_MUST_CHECK
enum tyto_err tyto_config_put_reference(FILE *out);
/* tytod.yaml(5), roff. NOMEM. */
TYTO_MUST_CHECK
enum tyto_err tyto_config_put_man(const char *version, FILE *out);
/* daemon/tytod.yaml. NOMEM. */
TYTO_MUST_CHECK
enum tyto_err tyto_config_put_example(FILE *out);

#endif
