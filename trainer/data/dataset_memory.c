/* SPDX-License-Identifier: MIT */
#include "trainer/data/dataset_memory.h"

#include <stdlib.h>
#include <string.h>

/* Rows of width values, zeros where has says no. */
static void read_rows(float *to, const float *from, const bool *has, size_t num, size_t width,
                      bool *ret_has)
{
    for (size_t t = 0; t < num; t++) {
        const bool is_there = !has || has[t];

        if (ret_has)
            ret_has[t] = is_there;
        if (to && is_there)
            memcpy(to + t * width, from + t * width, width * sizeof(*to));
        else if (to)
            memset(to + t * width, 0, width * sizeof(*to));
    }
}

static enum tyto_err memory_read(struct tyto_dataset *dataset, uint32_t clip,
                                 const struct tyto_dataset_clip *ret_clip)
{
    const struct tyto_dataset_memory *memory = dataset->self;
    const struct tyto_dataset_shape *s = &dataset->shape;
    const size_t num = s->num_segments, at = clip * num;
    const size_t wide = (size_t)s->num_places * s->visual_in;

    read_rows(ret_clip->audio, memory->audio + at * s->audio_in,
              memory->has_audio ? memory->has_audio + at : NULL, num, s->audio_in,
              ret_clip->has_audio);
    read_rows(ret_clip->visual, memory->visual + at * wide,
              memory->has_visual ? memory->has_visual + at : NULL, num, wide, ret_clip->has_visual);
    return TYTO_OK;
}

static void memory_destroy(struct tyto_dataset *dataset)
{
    free(dataset->self);
}

enum tyto_err tyto_dataset_memory_create(const struct tyto_dataset_shape *shape,
                                         const struct tyto_dataset_memory *memory,
                                         struct tyto_dataset **ret_dataset)
{
    static const struct tyto_dataset_ops ops = {memory_read, memory_destroy};
    struct tyto_dataset_memory *self = malloc(sizeof(*self));
    struct tyto_dataset *dataset = NULL;
    const enum tyto_err err = self ? tyto_dataset_create(shape, &dataset) : TYTO_ERR_NOMEM;

    if (err) {
        free(self);
        return err;
    }
    *self = *memory;
    dataset->self = self;
    dataset->ops = &ops;
    *ret_dataset = dataset;
    return TYTO_OK;
}
