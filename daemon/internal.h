/* SPDX-License-Identifier: MIT */
/* What daemon.c (its turns and its end) and start.c (its beginning) share. Internal. */
#ifndef TYTO_DAEMON_INTERNAL_H
#define TYTO_DAEMON_INTERNAL_H

#include <stdatomic.h>

#include "daemon/access/access.h"
#include "daemon/admin.h"
#include "daemon/cameras.h"
#include "daemon/control/control.h"
#include "daemon/daemon.h"
#include "daemon/delivery.h"
#include "daemon/figures.h"
#include "daemon/heads.h"
#include "daemon/monitor/http.h"
#include "daemon/monitor/metrics.h"
#include "daemon/publish/publisher.h"
#include "daemon/recording.h"
#include "daemon/reload.h"
#include "daemon/running.h"
#include "daemon/scores/keep.h"
#include "daemon/service/isolation.h"
#include "daemon/service/summary.h"
#include "daemon/service/watch.h"
#include "daemon/snapshots.h"
#include "pipeline/engine/engine.h"

struct tyto_daemon {
    struct tyto_daemon_params p;
    const struct tyto_config *config; /* that it began with */
    const struct tyto_log *log;
    struct tyto_access *access; /* NULL: no keys */
    struct tyto_delivery *delivery;
    struct tyto_publisher *publisher; /* of delivery */
    struct tyto_engine *engine;
    struct tyto_recording *recording; /* NULL: nothing is recorded */
    struct tyto_picturing *picturing;
    struct tyto_score_gatherer *gatherer; /* of the inference thread; NULL: scores are not kept */
    struct tyto_running *running;         /* this and the next three: before the first camera */
    struct tyto_heads *heads;
    struct tyto_reload *reload;
    struct tyto_admin *admin;
    struct tyto_cameras cameras;
    struct tyto_isolation_found isolation;
    struct tyto_control *control; /* NULL: there is no socket */
    struct tyto_summary summary;
    struct tyto_metrics *metrics;
    struct tyto_figures figures;
    struct tyto_http *http;          /* NULL: nobody is told by HTTP */
    _Atomic(const char *) not_ready; /* why; static. NULL: ready */
    uint32_t max_connections;        /* of subscribers */
    int failure_fd;                  /* readable when the engine has failed */
    atomic_int failure;
    _Atomic(struct tyto_watch *) watch; /* while it runs */
    uint64_t num_looks;                 /* of the watch; of the main thread, as the next */
    uint32_t watch_still_ms;
    atomic_uint_fast64_t num_turns; /* of the main thread */
    /* Of the main thread: when memory was given back, and after how many connections that were
     * lost, heads and configurations. */
    uint64_t trimmed_ns, num_ended;
    bool is_asked, is_reload_due; /* to end, and to read again, while it starts */
};

/* start.c: makes everything up to the cameras, in its order. CLOSED: a signal asked for the end
 * meanwhile. What is made is tyto_daemon_destroy()'s in any case. */
TYTO_MUST_CHECK
enum tyto_err tyto_daemon_start(struct tyto_daemon *daemon, struct tyto_fault *ret_fault);

#endif
