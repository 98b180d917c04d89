/* SPDX-License-Identifier: MIT */
#include "trainer/data/dataset.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_SEGMENTS = 4096, MAX_CLASSES = 4096, MAX_WIDTH = 1 << 16, MAX_PLACES = 4096 };

/* Bytes of truth in memory. */
#define MAX_TRUTH (4ull << 30)

static void free_fields(struct tyto_dataset *dataset)
{
    for (uint32_t i = 0; dataset->names && i < dataset->shape.num_clips; i++)
        free(dataset->names[i]);
    free(dataset->classes);
    free(dataset->truth);
    free(dataset->clip_truth);
    free(dataset->is_weak);
    free(dataset->len);
    free(dataset->names);
    free(dataset->groups);
    free(dataset);
}

enum tyto_err tyto_dataset_create(const struct tyto_dataset_shape *shape,
                                  struct tyto_dataset **ret_dataset)
{
    const uint64_t num_truth =
        (uint64_t)shape->num_clips * shape->num_segments * shape->num_classes;
    if (shape->num_clips == 0 || shape->num_segments == 0 || shape->num_classes == 0 ||
        shape->num_segments > MAX_SEGMENTS || shape->num_classes > MAX_CLASSES ||
        shape->audio_in > MAX_WIDTH || shape->visual_in > MAX_WIDTH ||
        shape->num_places > MAX_PLACES || num_truth > MAX_TRUTH)
        return TYTO_ERR_SHAPE;
    struct tyto_dataset *dataset = calloc(1, sizeof(*dataset));
    if (!dataset)
        return TYTO_ERR_NOMEM;
    const size_t num_clips = shape->num_clips;
    dataset->shape = *shape;
    dataset->segment_ns = 1000000000;
    dataset->classes = calloc(shape->num_classes, sizeof(*dataset->classes));
    dataset->truth = calloc((size_t)num_truth, sizeof(*dataset->truth));
    dataset->clip_truth = calloc(num_clips * shape->num_classes, sizeof(*dataset->clip_truth));
    dataset->is_weak = calloc(num_clips, sizeof(*dataset->is_weak));
    dataset->len = calloc(num_clips, sizeof(*dataset->len));
    dataset->names = calloc(num_clips, sizeof(*dataset->names));
    dataset->groups = calloc(num_clips, sizeof(*dataset->groups));
    if (!dataset->classes || !dataset->truth || !dataset->clip_truth || !dataset->is_weak ||
        !dataset->len || !dataset->names || !dataset->groups) {
        free_fields(dataset);
        return TYTO_ERR_NOMEM;
    }
    for (uint32_t i = 0; i < shape->num_clips; i++) {
        dataset->len[i] = shape->num_segments;
        dataset->groups[i] = i;
    }
    *ret_dataset = dataset;
    return TYTO_OK;
}

void tyto_dataset_destroy(struct tyto_dataset **dataset)
{
    if (!dataset || !*dataset)
        return;
    if ((*dataset)->ops)
        (*dataset)->ops->destroy(*dataset);
    free_fields(*dataset);
    *dataset = NULL;
}

enum tyto_err tyto_dataset_read(struct tyto_dataset *dataset, uint32_t clip,
                                const struct tyto_dataset_clip *ret_clip)
{
    if (clip >= dataset->shape.num_clips)
        return TYTO_ERR_INVALID;
    return dataset->ops->read(dataset, clip, ret_clip);
}

enum tyto_err tyto_dataset_copy_truth(struct tyto_dataset *to, const struct tyto_dataset *from,
                                      const uint32_t *clips)
{
    const size_t num_classes = from->shape.num_classes;
    const size_t num_truth = from->shape.num_segments * num_classes;
    memcpy(to->classes, from->classes, num_classes * sizeof(*to->classes));
    memcpy(to->audio_encoder, from->audio_encoder, sizeof(to->audio_encoder));
    memcpy(to->visual_encoder, from->visual_encoder, sizeof(to->visual_encoder));
    to->segment_ns = from->segment_ns;
    for (uint32_t i = 0; i < to->shape.num_clips; i++) {
        const size_t clip = clips ? clips[i] : i;
        memcpy(to->truth + i * num_truth, from->truth + clip * num_truth, num_truth);
        memcpy(to->clip_truth + i * num_classes, from->clip_truth + clip * num_classes,
               num_classes);
        to->is_weak[i] = from->is_weak[clip];
        to->len[i] = from->len[clip];
        to->groups[i] = from->groups[clip];
        to->names[i] = strdup(from->names[clip] ? from->names[clip] : "");
        if (!to->names[i])
            return TYTO_ERR_NOMEM;
    }
    return TYTO_OK;
}

/* --- views ------------------------------------------------------------------------- */

struct view {
    struct tyto_dataset *base;
    uint32_t clips[];
};

static enum tyto_err view_read(struct tyto_dataset *dataset, uint32_t clip,
                               const struct tyto_dataset_clip *ret_clip)
{
    const struct view *view = dataset->self;
    return tyto_dataset_read(view->base, view->clips[clip], ret_clip);
}

static void view_destroy(struct tyto_dataset *dataset)
{
    free(dataset->self);
}

enum tyto_err tyto_dataset_view(struct tyto_dataset *base, const uint32_t *clips,
                                uint32_t num_clips, struct tyto_dataset **ret_view)
{
    static const struct tyto_dataset_ops ops = {.read = view_read, .destroy = view_destroy};
    struct tyto_dataset_shape shape = base->shape;
    shape.num_clips = num_clips;
    for (uint32_t i = 0; i < num_clips; i++) {
        if (clips[i] >= base->shape.num_clips)
            return TYTO_ERR_INVALID;
    }
    struct tyto_dataset *dataset;
    enum tyto_err err = tyto_dataset_create(&shape, &dataset);
    if (err)
        return err;
    struct view *view = malloc(sizeof(*view) + num_clips * sizeof(*view->clips));
    err = view ? tyto_dataset_copy_truth(dataset, base, clips) : TYTO_ERR_NOMEM;
    if (err) {
        free(view);
        tyto_dataset_destroy(&dataset);
        return err;
    }
    view->base = base;
    memcpy(view->clips, clips, num_clips * sizeof(*clips));
    dataset->self = view;
    dataset->ops = &ops;
    *ret_view = dataset;
    return TYTO_OK;
}
