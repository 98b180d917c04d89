/* SPDX-License-Identifier: MIT */
/* What an estimator found, as one HTML page to look at: the offset over time, how well each lag
 * agrees beside what comes by chance, and where in the picture it agrees. */
#ifndef TYTO_CLI_SYNC_PLOT_H
#define TYTO_CLI_SYNC_PLOT_H

#include "base/fault.h"
#include "pipeline/sync/sync.h"

/* Replaces the file when it is whole. IO with a fault. */
TYTO_MUST_CHECK
enum tyto_err tyto_sync_plot(const char *path, const char *title, const struct tyto_sync *sync,
                             const struct tyto_sync_estimate *estimates, uint32_t num_estimates,
                             struct tyto_fault *ret_fault);

#endif
