/* SPDX-License-Identifier: MIT */
#include "pipeline/networks/history.h"

#include <stdlib.h>
#include <string.h>

struct slot {
    bool has_audio, has_visual;
};

struct ring {
    uint32_t len, next;
};

struct tyto_history {
    struct tyto_history_params p;
    struct ring *rings; /* (S) */
    struct slot *slots; /* (S, T) */
    float *audio;       /* (S, T, A); untouched pages of calloc cost nothing */
    float *visual;      /* (S, T, L V) */
};

enum tyto_err tyto_history_create(const struct tyto_history_params *params,
                                  struct tyto_history **ret_history)
{
    struct tyto_history *history = calloc(1, sizeof(*history));
    if (!history)
        return TYTO_ERR_NOMEM;
    const size_t num_slots = (size_t)params->num_streams * params->num_segments;
    history->p = *params;
    history->rings = calloc(params->num_streams, sizeof(*history->rings));
    history->slots = calloc(num_slots, sizeof(*history->slots));
    history->audio = calloc(num_slots * params->audio_floats, sizeof(float));
    history->visual = calloc(num_slots * params->visual_floats, sizeof(float));
    if (!history->rings || !history->slots || !history->audio || !history->visual) {
        tyto_history_destroy(&history);
        return TYTO_ERR_NOMEM;
    }
    *ret_history = history;
    return TYTO_OK;
}

void tyto_history_destroy(struct tyto_history **history)
{
    if (!history || !*history)
        return;
    free((*history)->rings);
    free((*history)->slots);
    free((*history)->audio);
    free((*history)->visual);
    free(*history);
    *history = NULL;
}

void tyto_history_put(struct tyto_history *history, uint32_t stream_idx, bool restart,
                      const float *audio, const float *visual)
{
    const struct tyto_history_params *p = &history->p;
    struct ring *ring = &history->rings[stream_idx];
    const size_t at = (size_t)stream_idx * p->num_segments + ring->next;
    if (restart)
        ring->len = 0;
    ring->len = ring->len < p->num_segments ? ring->len + 1 : p->num_segments;
    ring->next = (ring->next + 1) % p->num_segments;
    history->slots[at] = (struct slot){audio != NULL, visual != NULL};
    if (audio)
        memcpy(history->audio + at * p->audio_floats, audio, p->audio_floats * sizeof(float));
    if (visual)
        memcpy(history->visual + at * p->visual_floats, visual, p->visual_floats * sizeof(float));
}

uint32_t tyto_history_len(const struct tyto_history *history, uint32_t stream_idx)
{
    return history->rings[stream_idx].len;
}

void tyto_history_get(const struct tyto_history *history, uint32_t stream_idx, uint32_t pos_idx,
                      const float **ret_audio, const float **ret_visual)
{
    const struct tyto_history_params *p = &history->p;
    const struct ring *ring = &history->rings[stream_idx];
    const uint32_t slot = (ring->next + p->num_segments - ring->len + pos_idx) % p->num_segments;
    const size_t at = (size_t)stream_idx * p->num_segments + slot;
    *ret_audio = history->slots[at].has_audio ? history->audio + at * p->audio_floats : NULL;
    *ret_visual = history->slots[at].has_visual ? history->visual + at * p->visual_floats : NULL;
}
