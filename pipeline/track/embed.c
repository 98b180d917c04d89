/* SPDX-License-Identifier: MIT */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "pipeline/track/internal.h"

/* The largest of the sums becomes 127 or -127. There is room for those of half a year. */
static void add(const int8_t values[TYTO_EMBEDDING_NUM], int32_t sums[TYTO_EMBEDDING_NUM],
                int8_t ret_values[TYTO_EMBEDDING_NUM])
{
    int32_t most = 1;
    for (int i = 0; i < TYTO_EMBEDDING_NUM; i++) {
        sums[i] += values[i];
        most = abs(sums[i]) > most ? abs(sums[i]) : most;
    }
    for (int i = 0; i < TYTO_EMBEDDING_NUM; i++)
        ret_values[i] = (int8_t)lrint(127.0 * sums[i] / most);
}

void tyto_track_embed(struct tyto_track *track, uint32_t senses,
                      const struct tyto_embeddings *embeddings)
{
    struct tyto_embeddings *own = &track->event.embeddings;
    if (!embeddings || embeddings->space == 0)
        return;
    /* Of other encoders than before: what was before cannot be added to. */
    if (own->space != embeddings->space) {
        memset(track->sound_sums, 0, sizeof(track->sound_sums));
        memset(track->picture_sums, 0, sizeof(track->picture_sums));
        *own = (struct tyto_embeddings){.space = embeddings->space};
    }
    if (embeddings->has_sound && senses & (TYTO_SENSE_JOINT | TYTO_SENSE_HEARD)) {
        own->has_sound = true;
        add(embeddings->sound, track->sound_sums, own->sound);
    }
    if (embeddings->has_picture && senses & (TYTO_SENSE_JOINT | TYTO_SENSE_SEEN)) {
        own->has_picture = true;
        add(embeddings->picture, track->picture_sums, own->picture);
    }
}
