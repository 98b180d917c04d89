/* SPDX-License-Identifier: MIT */
/* The daemon's figures as one log line now and then, and as systemd's status. */
#ifndef TYTO_DAEMON_SERVICE_SUMMARY_H
#define TYTO_DAEMON_SERVICE_SUMMARY_H

#include <stdatomic.h>
#include <stdint.h>

#include "base/log.h"
#include "daemon/config/config.h"
#include "daemon/publish/publisher.h"
#include "pipeline/engine/engine.h"

struct tyto_summary {
    const struct tyto_log *log;
    atomic_uint_fast64_t every_ns;
    uint64_t last_ns, last_status_ns;
    uint64_t begin_ns;
    struct tyto_engine_counts last;
};

void tyto_summary_init(struct tyto_summary *summary, const struct tyto_config *config,
                       const struct tyto_log *log);
/* Another pace. Any thread. */
void tyto_summary_set_every(struct tyto_summary *summary, int64_t every_ns);
/* Writes when it is time to. Main thread. */
void tyto_summary_tick(struct tyto_summary *summary, struct tyto_engine *engine,
                       const struct tyto_publisher *publisher, uint64_t now_ns);
void tyto_summary_write(struct tyto_summary *summary, struct tyto_engine *engine,
                        const struct tyto_publisher *publisher, uint64_t now_ns);

#endif
