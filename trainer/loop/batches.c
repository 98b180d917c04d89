/* SPDX-License-Identifier: MIT */
/* Batches of a data set, on their way to the step. */
#include "trainer/loop/internal.h"
#include <string.h>

struct tyto_batch_source tyto_train_source(const struct tyto_train *train,
                                           struct tyto_dataset *data)
{
    const struct tyto_params_layout *layout = tyto_step_layout(train->step);
    struct tyto_batch_source source = {
        .data = data,
        .targets = {.head = layout->dims.head,
                    .num_classes = layout->dims.num_classes,
                    .num_logits = layout->dims.num_logits,
                    .stride = layout->widths.logits},
        .is_pooled = train->params.step.pool != TYTO_STEP_POOL_NONE,
        .batch = train->params.step.batch,
        .fusion = train->params.fusion,
    };

    tyto_step_own(train->step, &source.own_begin, &source.own_end);
    return source;
}

enum tyto_err tyto_train_load(struct tyto_train *train, const struct tyto_batch *batch)
{
    const struct tyto_step_in in = {.audio = batch->audio,
                                    .visual = batch->visual,
                                    .has = {batch->has[0], batch->has[1]},
                                    .len = batch->len,
                                    .yes = batch->yes,
                                    .no = batch->no};

    return tyto_step_load(train->step, &in);
}
