/* SPDX-License-Identifier: MIT */
/* How events get out, by the configuration: the journal that keeps them, the publisher, and the
 * query socket where they are asked for. What fails of the first and the last is told; events are
 * published all the same. */
#ifndef TYTO_DAEMON_DELIVERY_H
#define TYTO_DAEMON_DELIVERY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/fault.h"
#include "base/log.h"
#include "daemon/config/config.h"
#include "daemon/publish/publisher.h"
#include "daemon/query/query.h"

struct tyto_delivery;

/* max_connections: of subscribers. The configuration and log are borrowed until destroy. INVALID,
 * IO (an endpoint that was asked for cannot be had), NOMEM with *ret_fault. */
TYTO_MUST_CHECK
enum tyto_err tyto_delivery_create(const struct tyto_config *config, uint32_t max_connections,
                                   struct tyto_access *access, const struct tyto_log *log,
                                   struct tyto_delivery **ret_delivery,
                                   struct tyto_fault *ret_fault);
/* False: a thread does not end; it keeps what it has, and the process should _exit(). */
bool tyto_delivery_destroy(struct tyto_delivery **delivery);

struct tyto_publisher *tyto_delivery_publisher(struct tyto_delivery *delivery); /* borrowed */
bool tyto_delivery_has_journal(const struct tyto_delivery *delivery);
/* Borrowed; NULL: nothing can be asked. */
const struct tyto_query_server *tyto_delivery_query(const struct tyto_delivery *delivery);

#endif
