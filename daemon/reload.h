/* SPDX-License-Identifier: MIT */
/* Another configuration for a daemon that runs. It is read and checked as a whole first: what is
 * wrong with it changes nothing. Then what differs is applied: thresholds, rules and the head
 * between two batches, cameras by coming, going and connecting anew; the others go on and lose no
 * segment. What has to wait for a restart is named and stays as it is. */
#ifndef TYTO_DAEMON_RELOAD_H
#define TYTO_DAEMON_RELOAD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/fault.h"
#include "base/log.h"
#include "daemon/access/access.h"
#include "daemon/cameras.h"
#include "daemon/config/config.h"
#include "daemon/heads.h"
#include "daemon/publish/publisher.h"
#include "daemon/running.h"
#include "daemon/service/log_sink.h"
#include "daemon/service/summary.h"
#include "daemon/snapshots.h"

enum { TYTO_RELOAD_KEPT_MAX = 1024 };

/* Reads the file and the command line once more; the models are found later. *ret_config is owned.
 */
typedef enum tyto_err (*tyto_reload_read)(void *user, struct tyto_config **ret_config,
                                          struct tyto_fault *ret_fault);

/* All borrowed until destroy. */
struct tyto_reload_params {
    const struct tyto_log *log;
    struct tyto_log_sink *sink;
    struct tyto_running *running;
    struct tyto_heads *heads;
    struct tyto_cameras cameras;
    struct tyto_publisher *publisher;
    struct tyto_picturing *picturing;
    struct tyto_access *access; /* NULL: no keys */
    struct tyto_summary *summary;
    uint32_t max_cameras; /* the engine's */
    tyto_reload_read read;
    void *user;
};

struct tyto_reload;

/* NOMEM. */
TYTO_MUST_CHECK
enum tyto_err tyto_reload_create(const struct tyto_reload_params *params,
                                 struct tyto_reload **ret_reload);
void tyto_reload_destroy(struct tyto_reload **reload);

struct tyto_reload_result {
    uint32_t generation; /* that holds now */
    uint32_t num_added, num_changed, num_removed;
    uint32_t num_failed; /* of those that were to come: their states say why */
    bool is_tuned;       /* thresholds or rules are others */
    char head_path[TYTO_CONFIG_PATH_MAX];
    struct tyto_swap_result head;
    uint32_t num_kept;
    char kept[TYTO_RELOAD_KEPT_MAX]; /* keys that take a restart, with commas; "": none */
};

/* From here on it may run: everything is there. */
void tyto_reload_open(struct tyto_reload *reload);
/* Reads the file of clients again, then all else. Logs what came of it. On an error all is as it
 * was, and *ret_fault says where. Any thread but the inference thread; one at a time: TIMEOUT when
 * another one takes longer than 10 s, CLOSED before it is opened. At most some 20 s beyond that. */
TYTO_MUST_CHECK
enum tyto_err tyto_reload_run(struct tyto_reload *reload, struct tyto_reload_result *ret_result,
                              struct tyto_fault *ret_fault);
/* Another head alone, as tyto_heads_change(), which is kept over restarts; waits for a reload. path
 * NULL: the one before; NOT_FOUND where none has been pushed. */
TYTO_MUST_CHECK
enum tyto_err tyto_reload_swap(struct tyto_reload *reload, const char *path,
                               struct tyto_swap_result *ret_result, struct tyto_fault *ret_fault);
/* Whether one is under way. Any thread. */
bool tyto_reload_is_busy(const struct tyto_reload *reload);
/* Now, by tyto_clock_mono_ns(), unless one is under way whose step takes longer than it should:
 * then since when. Any thread; never waits. */
uint64_t tyto_reload_turned_ns(const struct tyto_reload *reload);

struct tyto_reload_status {
    uint32_t generation;
    uint64_t num_applied, num_refused;
    bool is_refused;         /* the last one was */
    struct tyto_fault fault; /* why */
    uint32_t num_kept;       /* keys that the file has otherwise than what runs, until a restart */
    char kept[TYTO_RELOAD_KEPT_MAX];
};
/* Any thread. */
void tyto_reload_get_status(struct tyto_reload *reload, struct tyto_reload_status *ret_status);

#endif
