/* SPDX-License-Identifier: MIT */
/* All that tytod shows to monitors, as tables: one row a figure. */
#ifndef TYTO_DAEMON_FIGURES_H
#define TYTO_DAEMON_FIGURES_H

#include "daemon/monitor/metrics.h"
#include "daemon/publish/publisher.h"
#include "daemon/recording.h"
#include "daemon/reload.h"
#include "daemon/running.h"
#include "daemon/service/log_sink.h"
#include "daemon/snapshots.h"
#include "pipeline/engine/engine.h"

/* Borrowed. */
struct tyto_figures {
    struct tyto_publisher *publisher;
    struct tyto_recording *recording; /* NULL: nothing is recorded */
    struct tyto_picturing *picturing;
    struct tyto_log_sink *sink;
    double begin_unix_s;        /* of the process */
    struct tyto_engine *engine; /* the last three: for put_engine alone */
    struct tyto_running *running;
    struct tyto_reload *reload;
};

/* As tyto_metrics_source; user is a struct tyto_figures. What there is from the beginning, and what
 * there is once the networks are loaded. */
void tyto_figures_put_base(void *user, struct tyto_metrics_text *text);
void tyto_figures_put_engine(void *user, struct tyto_metrics_text *text);

#endif
