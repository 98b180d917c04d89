/* SPDX-License-Identifier: MIT */
/* Several data sets as one. */
#include <stdlib.h>
#include <string.h>

#include "trainer/data/dataset.h"

struct joined {
    uint32_t num_parts;
    struct tyto_dataset *parts[];
};

static enum tyto_err joined_read(struct tyto_dataset *dataset, uint32_t clip,
                                 const struct tyto_dataset_clip *ret_clip)
{
    const struct joined *joined = dataset->self;
    for (uint32_t i = 0; i < joined->num_parts; i++) {
        if (clip < joined->parts[i]->shape.num_clips)
            return tyto_dataset_read(joined->parts[i], clip, ret_clip);
        clip -= joined->parts[i]->shape.num_clips;
    }
    return TYTO_ERR_INVALID;
}

static void joined_destroy(struct tyto_dataset *dataset)
{
    free(dataset->self);
}

static bool is_alike(const struct tyto_dataset *a, const struct tyto_dataset *b)
{
    const struct tyto_dataset_shape *x = &a->shape, *y = &b->shape;
    return x->num_segments == y->num_segments && x->audio_in == y->audio_in &&
           x->num_places == y->num_places && x->visual_in == y->visual_in &&
           x->num_classes == y->num_classes &&
           memcmp(a->classes, b->classes, x->num_classes * sizeof(*a->classes)) == 0;
}

/* Truth of part goes to the clips from first on; groups stay apart from those of other parts. */
static enum tyto_err take_part(struct tyto_dataset *to, uint32_t first, uint32_t first_group,
                               const struct tyto_dataset *part)
{
    const size_t classes = part->shape.num_classes, truth = part->shape.num_segments * classes;
    const size_t num = part->shape.num_clips;
    memcpy(to->truth + first * truth, part->truth, num * truth);
    memcpy(to->clip_truth + first * classes, part->clip_truth, num * classes);
    memcpy(to->is_weak + first, part->is_weak, num * sizeof(*part->is_weak));
    memcpy(to->len + first, part->len, num * sizeof(*part->len));
    for (size_t i = 0; i < num; i++) {
        to->groups[first + i] = first_group + part->groups[i];
        to->names[first + i] = strdup(part->names[i] ? part->names[i] : "");
        if (!to->names[first + i])
            return TYTO_ERR_NOMEM;
    }
    return TYTO_OK;
}

enum tyto_err tyto_dataset_join(struct tyto_dataset *const *parts, uint32_t num_parts,
                                struct tyto_dataset **ret_joined)
{
    static const struct tyto_dataset_ops ops = {.read = joined_read, .destroy = joined_destroy};
    struct tyto_dataset_shape shape = parts[0]->shape;
    for (uint32_t i = 1; i < num_parts; i++) {
        if (!is_alike(parts[0], parts[i]))
            return TYTO_ERR_SHAPE;
        shape.num_clips += parts[i]->shape.num_clips;
    }
    struct joined *joined = malloc(sizeof(*joined) + num_parts * sizeof(*joined->parts));
    struct tyto_dataset *dataset = NULL;
    enum tyto_err err = joined ? tyto_dataset_create(&shape, &dataset) : TYTO_ERR_NOMEM;
    uint32_t first = 0, first_group = 0;
    for (uint32_t i = 0; i < num_parts && !err; i++) {
        uint32_t last_group = 0;
        err = take_part(dataset, first, first_group, parts[i]);
        for (uint32_t c = 0; c < parts[i]->shape.num_clips; c++)
            last_group = parts[i]->groups[c] > last_group ? parts[i]->groups[c] : last_group;
        first += parts[i]->shape.num_clips;
        first_group += last_group + 1;
    }
    if (err) {
        free(joined);
        tyto_dataset_destroy(&dataset);
        return err;
    }
    memcpy(dataset->classes, parts[0]->classes, shape.num_classes * sizeof(*dataset->classes));
    memcpy(dataset->audio_encoder, parts[0]->audio_encoder, sizeof(dataset->audio_encoder));
    memcpy(dataset->visual_encoder, parts[0]->visual_encoder, sizeof(dataset->visual_encoder));
    dataset->segment_ns = parts[0]->segment_ns;
    joined->num_parts = num_parts;
    memcpy(joined->parts, parts, num_parts * sizeof(*parts));
    dataset->self = joined;
    dataset->ops = &ops;
    *ret_joined = dataset;
    return TYTO_OK;
}
