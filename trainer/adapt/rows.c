/* SPDX-License-Identifier: MIT */
#include "trainer/adapt/rows.h"

#include <stdlib.h>
#include <string.h>

#include "model/cman/host.h"

enum { TASKS = TYTO_CMAN_NUM_TASKS };

/* The constant input: the larger it is, the less a bias is held. */
static const float constant = 3.1622777f; /* the root of 10 */

/* One clip's features and what the head makes of them. */
struct scratch {
    struct tyto_dataset_clip clip;
    struct tyto_cman_host_out out;
};

static void free_scratch(struct scratch *s)
{
    float *const floats[] = {s->clip.audio,      s->clip.visual,      s->out.logits,
                             s->out.place,       s->out.beta_audio,   s->out.beta_visual,
                             s->out.align_audio, s->out.align_visual, s->out.last};
    for (size_t i = 0; i < sizeof(floats) / sizeof(*floats); i++)
        free(floats[i]);
    free(s->clip.has_audio);
    free(s->clip.has_visual);
}

static float *floats(size_t num)
{
    return calloc(num, sizeof(float));
}

static enum tyto_err make_scratch(const struct tyto_adapt_rows_params *p, uint32_t width,
                                  struct scratch *ret)
{
    const struct tyto_dataset_shape *shape = &p->clips->shape;
    const size_t t = shape->num_segments;
    *ret = (struct scratch){
        .clip = {.audio = floats(t * shape->audio_in),
                 .visual = floats(t * shape->num_places * shape->visual_in),
                 .has_audio = calloc(t, sizeof(bool)),
                 .has_visual = calloc(t, sizeof(bool))},
        .out = {.logits = floats(t * p->head->dims.num_logits),
                .place = floats(t * shape->num_places),
                .beta_audio = floats(t),
                .beta_visual = floats(t),
                .align_audio = floats(t * t),
                .align_visual = floats(t * t),
                .last = floats(t * width)},
    };
    const bool is_whole = ret->clip.audio && ret->clip.visual && ret->clip.has_audio &&
                          ret->clip.has_visual && ret->out.logits && ret->out.place &&
                          ret->out.beta_audio && ret->out.beta_visual && ret->out.align_audio &&
                          ret->out.align_visual && ret->out.last;
    return is_whole ? TYTO_OK : TYTO_ERR_NOMEM;
}

/* A clip's seconds become rows, the last ones there are. */
static void add_clip(const struct tyto_adapt_rows_params *p, const struct scratch *s, uint32_t clip,
                     struct tyto_adapt_rows *rows)
{
    const size_t classes = p->clips->shape.num_classes, olds = p->head->dims.num_classes;
    const size_t inner = rows->width - 1;
    const uint8_t *truth = p->clips->truth + (size_t)clip * p->clips->shape.num_segments * classes;
    for (size_t t = 0; t < p->clips->len[clip]; t++, rows->num++) {
        float *input = rows->inputs + (size_t)rows->num * rows->width;
        memcpy(input, s->out.last + t * inner, inner * sizeof(float));
        input[inner] = constant;
        for (size_t i = 0; i < TASKS * classes; i++) {
            const size_t task = i / classes, k = i % classes;
            const size_t at = (size_t)rows->num * rows->outputs + i;
            rows->starts[at] =
                k < olds ? s->out.logits[t * TASKS * olds + task * olds + k] : TYTO_ADAPT_NEW_CLASS;
            rows->truth[at] =
                tyto_truth_is(truth[t * classes + k], (enum tyto_cman_task)task) ? 1 : 0;
        }
    }
}

static bool is_held_back(const struct tyto_adapt_rows_params *p, uint32_t clip)
{
    return p->hold_back > 0 && p->clips->groups[clip] % p->hold_back == p->hold_back - 1;
}

static enum tyto_err add_clips(const struct tyto_adapt_rows_params *p, struct scratch *s,
                               bool held_back, struct tyto_adapt_rows *rows,
                               struct tyto_fault *ret_fault)
{
    enum tyto_err err = TYTO_OK;
    for (uint32_t i = 0; i < p->clips->shape.num_clips && !err; i++) {
        if (p->clips->is_weak[i] || is_held_back(p, i) != held_back)
            continue;
        if (p->should_stop && p->should_stop(p->user))
            return TYTO_ERR_CLOSED;
        err = tyto_dataset_read(p->clips, i, &s->clip);
        if (err)
            return tyto_fault_set(ret_fault, err, p->clips->names[i], 0, NULL, "%s",
                                  tyto_err_text(err));
        const struct tyto_cman_host_in in = {.num_segments = p->clips->len[i],
                                             .look_ahead = p->head->dims.look_ahead,
                                             .audio = s->clip.audio,
                                             .visual = s->clip.visual,
                                             .has_audio = s->clip.has_audio,
                                             .has_visual = s->clip.has_visual};
        err = tyto_cman_host_run(p->head, &in, &s->out);
        if (!err)
            add_clip(p, s, i, rows);
    }
    return err;
}

enum tyto_err tyto_adapt_rows_make(const struct tyto_adapt_rows_params *params,
                                   struct tyto_adapt_rows *ret_rows, struct tyto_fault *ret_fault)
{
    const struct tyto_cman_dims *d = &params->head->dims;
    const struct tyto_dataset_shape *shape = &params->clips->shape;
    const uint32_t inner = d->head_width + d->audio_width + d->visual_width;
    struct tyto_adapt_rows rows = {.width = inner + 1, .outputs = TASKS * shape->num_classes};
    struct scratch scratch;
    size_t most = 1;
    for (uint32_t i = 0; i < shape->num_clips; i++)
        most += params->clips->len[i];
    rows.inputs = floats(most * rows.width);
    rows.starts = floats(most * rows.outputs);
    rows.truth = floats(most * rows.outputs);
    enum tyto_err err = make_scratch(params, inner, &scratch);
    if (!rows.inputs || !rows.starts || !rows.truth)
        err = TYTO_ERR_NOMEM;
    if (!err)
        err = add_clips(params, &scratch, false, &rows, ret_fault);
    rows.num_learnt = rows.num;
    if (!err)
        err = add_clips(params, &scratch, true, &rows, ret_fault);
    free_scratch(&scratch);
    if (err)
        tyto_adapt_rows_finish(&rows);
    *ret_rows = rows;
    return err;
}

void tyto_adapt_rows_finish(struct tyto_adapt_rows *rows)
{
    free(rows->inputs);
    free(rows->starts);
    free(rows->truth);
    *rows = (struct tyto_adapt_rows){.num = 0};
}
