/* SPDX-License-Identifier: MIT */
#include "pipeline/session/align.h"

#include <stdlib.h>

#include "pipeline/zones/mask.h"

/* People notice about so much, and the estimate is finer: a smaller error is left alone, so that
 * the sound's times are not moved for nothing. */
static const int64_t least_ns = 45000000;
/* Estimates that differ by less agree. */
static const int64_t same_ns = 40000000;
static const int64_t new_ns = 5000000000;
enum { AGREE = 3 /* estimates, each with so much new evidence */ };
/* What is applied has to be surer than what is told: one in 100,000 by chance. */
static const double sure_score = 5;
/* A small picture's pixel that a mask reaches into does not count. */
static const double touched_share = 0.02;

enum tyto_err tyto_align_init(struct tyto_align *align, enum tyto_align_mode mode,
                              int64_t configured_ns, const struct tyto_polygon *masks,
                              uint32_t num_masks)
{
    *align = (struct tyto_align){.mode = mode, .alignment = {.applied_ns = configured_ns}};
    if (mode == TYTO_ALIGN_OFF)
        return TYTO_OK;
    align->alignment.is_watched = true;
    uint8_t hidden[TYTO_SYNC_GREY_BYTES];
    const struct tyto_sync_params params = {.hidden = num_masks > 0 ? hidden : NULL};
    tyto_mask_cells(masks, num_masks, TYTO_SYNC_GREY_HEIGHT, TYTO_SYNC_GREY_WIDTH, touched_share,
                    hidden);
    return tyto_sync_create(&params, &align->sync);
}

void tyto_align_finish(struct tyto_align *align)
{
    tyto_sync_destroy(&align->sync);
}

void tyto_align_sound(struct tyto_align *align, int64_t pts_ns, const float *samples,
                      uint32_t num_samples)
{
    if (align->sync)
        tyto_sync_sound(align->sync, pts_ns, samples, num_samples);
}

void tyto_align_look(struct tyto_align *align, struct tyto_source *source, int64_t base_ns)
{
    uint8_t grey[TYTO_SYNC_GREY_BYTES];
    int64_t pts_ns;
    while (align->sync && tyto_source_look(source, &pts_ns, grey) == TYTO_OK)
        tyto_sync_picture(align->sync, pts_ns + base_ns, grey);
}

bool tyto_align_update(struct tyto_align *align)
{
    struct tyto_alignment *alignment = &align->alignment;
    struct tyto_sync_estimate *estimate = &alignment->estimate;
    if (!align->sync)
        return false;
    tyto_sync_get(align->sync, estimate);
    if (llabs(estimate->time_ns - align->seen_ns) < new_ns)
        return false;
    align->seen_ns = estimate->time_ns;
    const int64_t offset_ns = estimate->offset_ns;
    const bool is_sure = align->mode == TYTO_ALIGN_APPLY &&
                         estimate->status == TYTO_SYNC_CONFIDENT && estimate->score >= sure_score;
    if (!is_sure || llabs(offset_ns - alignment->applied_ns) < least_ns) {
        align->num_agreed = 0;
        return false;
    }
    const bool agrees = llabs(offset_ns - align->candidate_ns) < same_ns;
    align->num_agreed = agrees ? align->num_agreed + 1 : 1;
    align->candidate_ns = offset_ns;
    if (align->num_agreed < AGREE)
        return false;
    align->num_agreed = 0;
    alignment->applied_ns = offset_ns;
    return true;
}
