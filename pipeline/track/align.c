/* SPDX-License-Identifier: MIT */
#include <math.h>
#include <string.h>

#include "pipeline/track/internal.h"

enum { ROWS = TYTO_ALIGNMENT_MAX_ROWS, COLS = TYTO_ALIGNMENT_MAX_COLS, BEFORE = 10 };

static uint8_t byte_of(float share)
{
    return share > 0 ? (uint8_t)lrintf(255 * fminf(share, 1)) : 0;
}

/* Shares over the window's seconds, in the columns of those about the own one. */
static void put(const float *shares, const struct tyto_evidence *evidence, uint8_t ret_row[COLS])
{
    for (uint32_t c = 0; c < COLS; c++) {
        const int64_t at = (int64_t)evidence->align_own + (int64_t)c - BEFORE;
        const bool is_in = at >= 0 && at < (int64_t)evidence->num_align;
        ret_row[c] = is_in ? byte_of(shares[at]) : 0;
    }
}

void tyto_track_align(struct tyto_track *track, const struct tyto_evidence *evidence)
{
    struct tyto_event_alignment *own = &track->alignment;
    own->cols = COLS;
    own->before = BEFORE;
    if (own->rows == ROWS) {
        memmove(own->audio, own->audio + 1, sizeof(own->audio) - sizeof(own->audio[0]));
        memmove(own->visual, own->visual + 1, sizeof(own->visual) - sizeof(own->visual[0]));
        memmove(own->trust, own->trust + 1, sizeof(own->trust) - sizeof(own->trust[0]));
        own->rows--;
    }
    put(evidence->align_audio, evidence, own->audio[own->rows]);
    put(evidence->align_visual, evidence, own->visual[own->rows]);
    own->trust[own->rows++] = byte_of(evidence->weight_audio);
}

void tyto_track_aligned(const struct tyto_track *track, struct tyto_event_alignment *ret_alignment)
{
    const struct tyto_event_alignment *own = &track->alignment;
    uint32_t first = COLS, end = 0;
    for (uint32_t row = 0; row < own->rows; row++) {
        for (uint32_t c = 0; c < COLS; c++) {
            if (own->audio[row][c] == 0 && own->visual[row][c] == 0)
                continue;
            first = c < first ? c : first;
            end = c + 1 > end ? c + 1 : end;
        }
    }
    *ret_alignment = (struct tyto_event_alignment){0};
    if (end == 0) /* sound or picture was missing all the time */
        return;
    first = first < BEFORE ? first : BEFORE;
    end = end > BEFORE ? end : BEFORE + 1;
    ret_alignment->rows = own->rows;
    ret_alignment->cols = end - first;
    ret_alignment->before = BEFORE - first;
    for (uint32_t row = 0; row < own->rows; row++) {
        memcpy(ret_alignment->audio[row], own->audio[row] + first, end - first);
        memcpy(ret_alignment->visual[row], own->visual[row] + first, end - first);
    }
    memcpy(ret_alignment->trust, own->trust, own->rows);
}
