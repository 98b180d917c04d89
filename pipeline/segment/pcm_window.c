/* SPDX-License-Identifier: MIT */
#include "pipeline/segment/pcm_window.h"

#include <stdlib.h>
#include <string.h>

enum tyto_err tyto_pcm_window_init(struct tyto_pcm_window *window, uint32_t capacity)
{
    *window = (struct tyto_pcm_window){.capacity = capacity};
    if (capacity == 0)
        return TYTO_ERR_INVALID;
    window->samples = calloc(capacity, sizeof(*window->samples));
    return window->samples ? TYTO_OK : TYTO_ERR_NOMEM;
}

void tyto_pcm_window_finish(struct tyto_pcm_window *window)
{
    free(window->samples);
    *window = (struct tyto_pcm_window){0};
}

void tyto_pcm_window_clear(struct tyto_pcm_window *window)
{
    window->num_runs = 0;
}

static uint32_t slot_of(const struct tyto_pcm_window *window, int64_t idx)
{
    const int64_t capacity = window->capacity;
    return (uint32_t)(((idx % capacity) + capacity) % capacity);
}

void tyto_pcm_window_drop_before(struct tyto_pcm_window *window, int64_t idx)
{
    uint32_t num_kept = 0;
    for (uint32_t i = 0; i < window->num_runs; i++) {
        struct tyto_pcm_run run = window->runs[i];
        if (run.to_idx <= idx)
            continue;
        if (run.from_idx < idx)
            run.from_idx = idx;
        window->runs[num_kept++] = run;
    }
    window->num_runs = num_kept;
}

void tyto_pcm_window_put(struct tyto_pcm_window *window, int64_t from_idx, const float *samples,
                         uint32_t num_samples)
{
    if (num_samples > window->capacity) { /* only the newest fit */
        samples += num_samples - window->capacity;
        from_idx += num_samples - window->capacity;
        num_samples = window->capacity;
    }
    if (num_samples == 0)
        return;
    const uint32_t slot = slot_of(window, from_idx);
    const uint32_t num_first =
        num_samples < window->capacity - slot ? num_samples : window->capacity - slot;
    memcpy(window->samples + slot, samples, num_first * sizeof(float));
    memcpy(window->samples, samples + num_first, (num_samples - num_first) * sizeof(float));

    const int64_t to_idx = from_idx + num_samples;
    tyto_pcm_window_drop_before(window, to_idx - window->capacity);
    if (window->num_runs > 0 && window->runs[window->num_runs - 1].to_idx == from_idx) {
        window->runs[window->num_runs - 1].to_idx = to_idx;
        return;
    }
    if (window->num_runs == TYTO_PCM_WINDOW_MAX_RUNS) { /* in shreds: the oldest piece goes */
        memmove(window->runs, window->runs + 1, sizeof(window->runs) - sizeof(window->runs[0]));
        window->num_runs--;
    }
    window->runs[window->num_runs++] = (struct tyto_pcm_run){from_idx, to_idx};
}

uint32_t tyto_pcm_window_get(const struct tyto_pcm_window *window, int64_t from_idx, uint32_t num,
                             float *ret_samples)
{
    uint32_t num_came = 0;
    memset(ret_samples, 0, num * sizeof(*ret_samples));
    for (uint32_t i = 0; i < window->num_runs; i++) {
        const struct tyto_pcm_run *run = &window->runs[i];
        const int64_t from = run->from_idx > from_idx ? run->from_idx : from_idx;
        const int64_t to = run->to_idx < from_idx + num ? run->to_idx : from_idx + num;
        if (from >= to)
            continue;
        const uint32_t count = (uint32_t)(to - from);
        const uint32_t slot = slot_of(window, from);
        const uint32_t num_first =
            count < window->capacity - slot ? count : window->capacity - slot;
        float *dst = ret_samples + (from - from_idx);
        memcpy(dst, window->samples + slot, num_first * sizeof(float));
        memcpy(dst + num_first, window->samples, (count - num_first) * sizeof(float));
        num_came += count;
    }
    return num_came;
}

int64_t tyto_pcm_window_next(const struct tyto_pcm_window *window, int64_t idx)
{
    for (uint32_t i = 0; i < window->num_runs; i++) {
        if (window->runs[i].to_idx > idx)
            return window->runs[i].from_idx > idx ? window->runs[i].from_idx : idx;
    }
    return INT64_MAX;
}
