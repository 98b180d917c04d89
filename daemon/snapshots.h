/* SPDX-License-Identifier: MIT */
/* Pictures of events, as the configuration wants them: from the engine to the publisher and into
 * files, and what the log says of them. */
#ifndef TYTO_DAEMON_SNAPSHOTS_H
#define TYTO_DAEMON_SNAPSHOTS_H

#include "base/err.h"
#include "base/fault.h"
#include "base/log.h"
#include "daemon/config/config.h"
#include "daemon/publish/publisher.h"
#include "pipeline/engine/engine.h"
#include "pipeline/snapshot/snapshot.h"

struct tyto_picturing;

/* log and publisher are borrowed until destroy. NOMEM. */
TYTO_MUST_CHECK
enum tyto_err tyto_picturing_create(const struct tyto_config *config, const struct tyto_log *log,
                                    struct tyto_publisher *publisher,
                                    struct tyto_picturing **ret_picturing,
                                    struct tyto_fault *ret_fault);
/* At most 5 s. The publisher is still there. */
/* False: its thread hangs in a disk and is left behind; the process should _exit(). */
bool tyto_picturing_destroy(struct tyto_picturing **picturing);
/* Of its thread. Any thread. */
uint64_t tyto_picturing_num_turns(const struct tyto_picturing *picturing);
/* What another configuration wants, from now on. Any thread. */
void tyto_picturing_change(struct tyto_picturing *picturing, const struct tyto_config *config);
/* Of the inference thread: a segment, and then each of its events, whose snapshot_uri is set. */
void tyto_picturing_segment(struct tyto_picturing *picturing,
                            const struct tyto_segment_result *result);
void tyto_picturing_event(struct tyto_picturing *picturing, struct tyto_event *event);
/* Tells the engine whether pictures are of use now, and the log what goes wrong. Main thread. */
void tyto_picturing_tick(struct tyto_picturing *picturing, struct tyto_engine *engine);
/* Any thread. */
void tyto_picturing_get_status(const struct tyto_picturing *picturing,
                               struct tyto_snapshots_status *ret_status);

#endif
