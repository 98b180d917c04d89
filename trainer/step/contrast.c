/* SPDX-License-Identifier: MIT */
/* The contrastive objective: a segment's sound and the mean of its picture's places, both as
 * "where" maps them, belong together and to no other clip's. The map of a mean is the mean of the
 * map, so the picture's product runs over segments, not over places. Only the maps of "where" (and
 * the adapters) get gradients; those of all else stay 0. */
#include "trainer/step/internal.h"

static struct tyto_mat whole(const struct tyto_step_device *step, enum tyto_step_buf buf)
{
    return (struct tyto_mat){.buf = step->bufs[buf]};
}

static struct tyto_mat whole_of(const struct tyto_step_device *step, uint32_t s,
                                enum tyto_step_stream_buf buf)
{
    return (struct tyto_mat){.buf = step->stream_bufs[s][buf]};
}

static enum tyto_err linear(struct tyto_step_device *step, struct tyto_plan *plan,
                            enum tyto_step_linear which, uint32_t s, struct tyto_mat x,
                            struct tyto_mat y)
{
    return tyto_cman_record_linear(step->gemm, plan, step->linears[which][s], step->rows, x, y,
                                   TYTO_ACT_NONE);
}

static enum tyto_err record_audio(struct tyto_step_device *step, struct tyto_plan *plan,
                                  bool dropout)
{
    const uint32_t width = step->layout.widths.stream[TYTO_CMAN_AUDIO];
    const struct tyto_row_gather_shape gather = {step->rows, step->rows, width, width};
    const struct tyto_row_gather_io gather_io = {
        tyto_step_adapted(step, TYTO_CMAN_AUDIO),
        tyto_step_of_stream(step, TYTO_CMAN_AUDIO, TYTO_STEP_HAS),
        tyto_step_of_stream(step, TYTO_CMAN_AUDIO, TYTO_STEP_WINDOW)};
    enum tyto_err err = TYTO_OK;

    if (step->layout.adapt[TYTO_CMAN_AUDIO])
        err = linear(step, plan, TYTO_STEP_LINEAR_ADAPT, TYTO_CMAN_AUDIO,
                     whole_of(step, TYTO_CMAN_AUDIO, TYTO_STEP_FEATURES),
                     whole_of(step, TYTO_CMAN_AUDIO, TYTO_STEP_ADAPTED));
    if (!err)
        err = tyto_row_gather_record(step->row_gather, plan, &gather, &gather_io);
    if (!err && dropout)
        err = tyto_step_record_dropout(step, plan, TYTO_STEP_SITE_AUDIO,
                                       step->stream_bufs[TYTO_CMAN_AUDIO][TYTO_STEP_WINDOW]);
    return err ? err
               : linear(step, plan, TYTO_STEP_LINEAR_MATCH, TYTO_CMAN_AUDIO,
                        whole_of(step, TYTO_CMAN_AUDIO, TYTO_STEP_WINDOW),
                        whole_of(step, TYTO_CMAN_AUDIO, TYTO_STEP_MATCH));
}

static enum tyto_step_buf mean_of(const struct tyto_step_device *step)
{
    return step->layout.adapt[TYTO_CMAN_VISUAL] ? TYTO_STEP_MEAN_ADAPTED : TYTO_STEP_MEAN;
}

static enum tyto_err record_visual(struct tyto_step_device *step, struct tyto_plan *plan)
{
    const struct tyto_cman_dims *d = &step->layout.dims;
    const struct tyto_attn_pool_shape pool = {step->rows, d->num_places, d->visual_in, step->rows};
    const struct tyto_attn_pool_io pool_io = {
        tyto_step_of(step, TYTO_STEP_UNIFORM),
        tyto_step_of_stream(step, TYTO_CMAN_VISUAL, TYTO_STEP_FEATURES),
        tyto_step_of_stream(step, TYTO_CMAN_VISUAL, TYTO_STEP_HAS),
        tyto_step_of(step, TYTO_STEP_MEAN)};
    enum tyto_err err = tyto_attn_pool_record(step->attn_pool, plan, &pool, &pool_io);

    if (!err && step->layout.adapt[TYTO_CMAN_VISUAL])
        err = linear(step, plan, TYTO_STEP_LINEAR_ADAPT, TYTO_CMAN_VISUAL,
                     whole(step, TYTO_STEP_MEAN), whole(step, TYTO_STEP_MEAN_ADAPTED));
    return err ? err
               : linear(step, plan, TYTO_STEP_LINEAR_MATCH, TYTO_CMAN_VISUAL,
                        whole(step, mean_of(step)), whole(step, TYTO_STEP_MEAN_MATCH));
}

enum tyto_err tyto_step_record_contrast(struct tyto_step_device *step, struct tyto_plan *plan,
                                        bool trains)
{
    const struct tyto_bind none = {0};
    const struct tyto_info_nce_io io = {
        tyto_step_of_stream(step, TYTO_CMAN_AUDIO, TYTO_STEP_MATCH),
        tyto_step_of(step, TYTO_STEP_MEAN_MATCH),
        tyto_step_of(step, TYTO_STEP_YES),
        tyto_step_of(step, TYTO_STEP_LOSSES),
        trains ? tyto_step_of_stream(step, TYTO_CMAN_AUDIO, TYTO_STEP_D_MATCH) : none,
        trains ? tyto_step_of(step, TYTO_STEP_D_MEAN_MATCH) : none,
    };
    enum tyto_err err = tyto_step_record_pack(step, plan);

    if (!err)
        err = record_audio(step, plan, trains);
    if (!err)
        err = record_visual(step, plan);
    if (!err)
        err = tyto_info_nce_record(step->info_nce, plan, &io);
    return err ? err
               : tyto_col_sum_record(step->col_sum, plan, step->bufs[TYTO_STEP_LOSSES], step->rows,
                                     1, 1, step->bufs[TYTO_STEP_LOSS], 0);
}

/* The maps of one stream, from the gradient of what they made. */
static enum tyto_err record_maps(struct tyto_step_device *step, struct tyto_plan *plan, uint32_t s,
                                 struct tyto_mat d_match, struct tyto_mat x, struct tyto_mat d_x)
{
    const struct tyto_step_map match = tyto_step_map(step, TYTO_STEP_LINEAR_MATCH, s);
    const struct tyto_mat none = {0};
    enum tyto_err err = tyto_step_back_w(step, plan, match, step->rows, d_match, x);

    if (err || !step->layout.adapt[s])
        return err;
    return tyto_step_back_x(step, plan, match, step->rows, d_match, d_x, none, false);
}

static enum tyto_err record_audio_back(struct tyto_step_device *step, struct tyto_plan *plan)
{
    const uint32_t width = step->layout.widths.stream[TYTO_CMAN_AUDIO];
    const struct tyto_step_map adapt = tyto_step_map(step, TYTO_STEP_LINEAR_ADAPT, TYTO_CMAN_AUDIO);
    const struct tyto_row_gather_shape gather = {step->rows, step->rows, width, width};
    const struct tyto_row_gather_io gather_io = {
        tyto_step_of_stream(step, TYTO_CMAN_AUDIO, TYTO_STEP_D_WINDOW),
        tyto_step_of_stream(step, TYTO_CMAN_AUDIO, TYTO_STEP_HAS),
        tyto_step_of_stream(step, TYTO_CMAN_AUDIO, TYTO_STEP_D_ADAPTED)};
    enum tyto_err err =
        record_maps(step, plan, TYTO_CMAN_AUDIO, whole_of(step, TYTO_CMAN_AUDIO, TYTO_STEP_D_MATCH),
                    whole_of(step, TYTO_CMAN_AUDIO, TYTO_STEP_WINDOW),
                    whole_of(step, TYTO_CMAN_AUDIO, TYTO_STEP_D_WINDOW));

    if (err || !step->layout.adapt[TYTO_CMAN_AUDIO])
        return err;
    err = tyto_step_record_dropout(step, plan, TYTO_STEP_SITE_AUDIO,
                                   step->stream_bufs[TYTO_CMAN_AUDIO][TYTO_STEP_D_WINDOW]);
    if (!err)
        err = tyto_row_gather_record(step->row_gather, plan, &gather, &gather_io);
    return err ? err
               : tyto_step_back_w(step, plan, adapt, step->rows,
                                  whole_of(step, TYTO_CMAN_AUDIO, TYTO_STEP_D_ADAPTED),
                                  whole_of(step, TYTO_CMAN_AUDIO, TYTO_STEP_FEATURES));
}

enum tyto_err tyto_step_record_contrast_back(struct tyto_step_device *step, struct tyto_plan *plan)
{
    const struct tyto_step_map adapt =
        tyto_step_map(step, TYTO_STEP_LINEAR_ADAPT, TYTO_CMAN_VISUAL);
    enum tyto_err err = record_audio_back(step, plan);

    if (!err)
        err = record_maps(step, plan, TYTO_CMAN_VISUAL, whole(step, TYTO_STEP_D_MEAN_MATCH),
                          whole(step, mean_of(step)), whole(step, TYTO_STEP_D_MEAN_ADAPTED));
    if (err || !step->layout.adapt[TYTO_CMAN_VISUAL])
        return err;
    return tyto_step_back_w(step, plan, adapt, step->rows, whole(step, TYTO_STEP_D_MEAN_ADAPTED),
                            whole(step, TYTO_STEP_MEAN));
}
