/* SPDX-License-Identifier: MIT */
/* The head that was pushed last, over restarts: a copy in the folder for state, and a small file
 * that says what it took over from. It serves until another one is pushed, or until the file that
 * the configuration names has other contents than when it was pushed: then that is the newer wish.
 *
 *   NAME.pushed                          {"instead_of": digest of the configured head,
 *                                         "now": {"digest", "from"}, "before": the same}
 *   NAME.pushed-DIGEST.safetensors       a copy; DIGEST: its first twelve digits
 *
 * NAME is of the first endpoint, as the journal's. "now" or "before" null: the configured head.
 * One call at a time. */
#ifndef TYTO_DAEMON_CONFIG_PUSHED_H
#define TYTO_DAEMON_CONFIG_PUSHED_H

#include <stdbool.h>

#include "base/err.h"
#include "base/fault.h"
#include "daemon/config/config.h"
#include "files/digest.h"

struct tyto_pushed {
    char first[TYTO_CONFIG_PATH_MAX]; /* what a start begins with */
    char first_digest[TYTO_DIGEST_HEX_BYTES];
    char
        before[TYTO_CONFIG_PATH_MAX]; /* what served before the last push; "": nothing was pushed */
    bool is_stale;                    /* one was pushed, but the configured head is another since */
    bool is_damaged;                  /* its copy is gone, or not what was pushed */
};

/* config has its models. A copy whose digest is not right does not count. */
void tyto_pushed_find(const struct tyto_config *config, struct tyto_pushed *ret_pushed);
/* The head at path, of that digest, serves from now on: *ret_pushed as find would give it. CLOSED
 * where there is no folder for state; IO, FORMAT (the file is another one meanwhile), FULL (over a
 * GiB), NOMEM with *ret_fault: what was kept before stays. */
TYTO_MUST_CHECK
enum tyto_err tyto_pushed_keep(const struct tyto_config *config, const char *path,
                               const char *digest, struct tyto_pushed *ret_pushed,
                               struct tyto_fault *ret_fault);

#endif
