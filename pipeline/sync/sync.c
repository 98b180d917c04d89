/* SPDX-License-Identifier: MIT */
#include "pipeline/sync/sync.h"

#include <stdlib.h>
#include <string.h>

#include "pipeline/sync/internal.h"

/* Times that go back by more are another timeline. */
static const int64_t back_ns = 1000000000;
/* Beyond 146 years sums would overflow. */
static const int64_t most_ns = INT64_MAX / 2;

enum tyto_err tyto_sync_create(const struct tyto_sync_params *params, struct tyto_sync **ret_sync)
{
    struct tyto_sync_params p = params ? *params : (struct tyto_sync_params){0};
    p.memory_s = p.memory_s > 0 ? p.memory_s : 120;
    if (!(p.memory_s >= 1 && p.memory_s <= 1e6))
        return TYTO_ERR_INVALID;
    struct tyto_sync *sync = calloc(1, sizeof(*sync));
    if (!sync)
        return TYTO_ERR_NOMEM;
    sync->params = p;
    if (p.hidden)
        memcpy(sync->motion.hidden, p.hidden, sizeof(sync->motion.hidden));
    sync->params.hidden = NULL;
    sync->next = SYNC_NOWHERE;
    sync->surprise.best = LAG0;
    tyto_sync_sound_init(&sync->sound);
    *ret_sync = sync;
    return TYTO_OK;
}

void tyto_sync_destroy(struct tyto_sync **sync)
{
    if (!sync)
        return;
    free(*sync);
    *sync = NULL;
}

size_t tyto_sync_bytes(void)
{
    return sizeof(struct tyto_sync);
}

void tyto_sync_sound(struct tyto_sync *sync, int64_t pts_ns, const float *samples,
                     uint32_t num_samples)
{
    struct sync_sound *sound = &sync->sound;
    if (pts_ns > most_ns || pts_ns < -most_ns)
        return;
    if (sound->any && pts_ns < sound->end * (1000000000 / GRID_HZ) - back_ns) {
        sound->any = sound->is_running = false;
        memset(sound->valid, 0, sizeof(sound->valid));
    }
    tyto_sync_sound_put(sound, pts_ns, samples, num_samples);
    tyto_sync_advance(sync);
}

void tyto_sync_picture(struct tyto_sync *sync, int64_t pts_ns, const uint8_t *grey)
{
    if (pts_ns > most_ns || pts_ns < -most_ns)
        return;
    if (sync->motion.any && pts_ns < sync->motion.last_ns - back_ns) {
        sync->next = sync->motion.begin = sync->motion.end = SYNC_NOWHERE;
        sync->num_history = sync->next_history = 0;
        sync->mean_s = (double)pts_ns / 1e9;
    }
    tyto_sync_motion_put(&sync->motion, pts_ns, grey);
    tyto_sync_advance(sync);
}
