/* SPDX-License-Identifier: MIT */
/* Reads a recording or a camera from beginning to end, decodes every picture, and feeds what it
 * shows and says to an estimator of how far its sound lies behind. */
#ifndef TYTO_CLI_SYNC_FOLLOW_H
#define TYTO_CLI_SYNC_FOLLOW_H

#include "base/fault.h"
#include "pipeline/source/source.h"
#include "pipeline/sync/sync.h"

struct tyto_sync_follow_params {
    const char *uri;
    const char *audio_uri;    /* whose sound is taken; NULL: the same */
    double shift_s;           /* the sound is moved by so much: as if it came late */
    double step_at_s, step_s; /* and from this time on by so much more; 0: never */
    double drift_ppm;         /* and by so many microseconds more each second */
    double end_s;             /* no more than this is read; 0: all of it */
    enum tyto_transport transport;
    double every_s; /* of the pictures' time, from one call to the next */
    void *user;
    /* May be NULL. At the end once more. */
    void (*on_estimate)(void *user, const struct tyto_sync *sync);
    bool (*should_stop)(void *user);
};

/* All that was read is in sync then. What opening says; UNSUPPORTED without picture or sound,
 * FORMAT, IO when it broke off, TIMEOUT when nothing came for 20 s, with a fault. Ended by
 * should_stop it is TYTO_OK. */
TYTO_MUST_CHECK
enum tyto_err tyto_sync_follow(const struct tyto_sync_follow_params *params, struct tyto_sync *sync,
                               struct tyto_fault *ret_fault);

#endif
