/* SPDX-License-Identifier: MIT */
/* The contrastive objective: a segment's sound and the mean of its picture's places, both as
 * "where" maps them, belong together and to no other clip's. The map of a mean is the mean of the
 * map, so the picture's product runs over segments, not over places. Only the maps of "where" (and
 * the adapters) get gradients; those of all else stay 0. */
#include "trainer/step/internal.h"

static struct tyto_mat whole(const struct device_step *step, enum buf buf)
{
    return (struct tyto_mat){.buf = step->bufs[buf]};
}

static struct tyto_mat whole_of(const struct device_step *step, uint32_t s, enum stream_buf buf)
{
    return (struct tyto_mat){.buf = step->stream_bufs[s][buf]};
}

static enum tyto_err linear(struct device_step *step, struct tyto_plan *plan, enum linear which,
                            uint32_t s, struct tyto_mat x, struct tyto_mat y)
{
    const struct tyto_gemm_args args = {.m = step->rows, .x = x, .y = y};

    return tyto_gemm_record(step->gemm, plan, step->linears[which][s], &args);
}

static enum tyto_err record_audio(struct device_step *step, struct tyto_plan *plan, bool dropout)
{
    const uint32_t width = step->layout.widths.stream[AUDIO];
    const struct tyto_row_gather_shape gather = {step->rows, step->rows, width, width};
    const struct tyto_row_gather_io gather_io = {
        adapted(step, AUDIO), of_stream(step, AUDIO, BUF_HAS), of_stream(step, AUDIO, BUF_WINDOW)};
    enum tyto_err err = TYTO_OK;

    if (step->layout.adapt[AUDIO])
        err = linear(step, plan, LINEAR_ADAPT, AUDIO, whole_of(step, AUDIO, BUF_FEATURES),
                     whole_of(step, AUDIO, BUF_ADAPTED));
    if (!err)
        err = tyto_row_gather_record(step->row_gather, plan, &gather, &gather_io);
    if (!err && dropout)
        err =
            tyto_step_record_dropout(step, plan, SITE_AUDIO, step->stream_bufs[AUDIO][BUF_WINDOW]);
    return err ? err
               : linear(step, plan, LINEAR_MATCH, AUDIO, whole_of(step, AUDIO, BUF_WINDOW),
                        whole_of(step, AUDIO, BUF_MATCH));
}

static enum buf mean_of(const struct device_step *step)
{
    return step->layout.adapt[VISUAL] ? BUF_MEAN_ADAPTED : BUF_MEAN;
}

static enum tyto_err record_visual(struct device_step *step, struct tyto_plan *plan)
{
    const struct tyto_cman_dims *d = &step->layout.dims;
    const struct tyto_attn_pool_shape pool = {step->rows, d->num_places, d->visual_in, step->rows};
    const struct tyto_attn_pool_io pool_io = {of(step, BUF_UNIFORM),
                                              of_stream(step, VISUAL, BUF_FEATURES),
                                              of_stream(step, VISUAL, BUF_HAS), of(step, BUF_MEAN)};
    enum tyto_err err = tyto_attn_pool_record(step->attn_pool, plan, &pool, &pool_io);

    if (!err && step->layout.adapt[VISUAL])
        err = linear(step, plan, LINEAR_ADAPT, VISUAL, whole(step, BUF_MEAN),
                     whole(step, BUF_MEAN_ADAPTED));
    return err ? err
               : linear(step, plan, LINEAR_MATCH, VISUAL, whole(step, mean_of(step)),
                        whole(step, BUF_MEAN_MATCH));
}

enum tyto_err tyto_step_record_contrast(struct device_step *step, struct tyto_plan *plan,
                                        bool trains)
{
    const struct tyto_bind none = {0};
    const struct tyto_info_nce_io io = {
        of_stream(step, AUDIO, BUF_MATCH),
        of(step, BUF_MEAN_MATCH),
        of(step, BUF_YES),
        of(step, BUF_LOSSES),
        trains ? of_stream(step, AUDIO, BUF_D_MATCH) : none,
        trains ? of(step, BUF_D_MEAN_MATCH) : none,
    };
    enum tyto_err err = tyto_step_record_pack(step, plan);

    if (!err)
        err = record_audio(step, plan, trains);
    if (!err)
        err = record_visual(step, plan);
    if (!err)
        err = tyto_info_nce_record(step->info_nce, plan, &io);
    return err ? err
               : tyto_col_sum_record(step->col_sum, plan, step->bufs[BUF_LOSSES], step->rows, 1, 1,
                                     step->bufs[BUF_LOSS], 0);
}

/* The maps of one stream, from the gradient of what they made. */
static enum tyto_err record_maps(struct device_step *step, struct tyto_plan *plan, uint32_t s,
                                 struct tyto_mat d_match, struct tyto_mat x, struct tyto_mat d_x)
{
    const struct map match = tyto_step_map(step, LINEAR_MATCH, s);
    const struct tyto_mat none = {0};
    enum tyto_err err = tyto_step_back_w(step, plan, match, step->rows, d_match, x);

    if (err || !step->layout.adapt[s])
        return err;
    return tyto_step_back_x(step, plan, match, step->rows, d_match, d_x, none, false);
}

static enum tyto_err record_audio_back(struct device_step *step, struct tyto_plan *plan)
{
    const uint32_t width = step->layout.widths.stream[AUDIO];
    const struct map adapt = tyto_step_map(step, LINEAR_ADAPT, AUDIO);
    const struct tyto_row_gather_shape gather = {step->rows, step->rows, width, width};
    const struct tyto_row_gather_io gather_io = {of_stream(step, AUDIO, BUF_D_WINDOW),
                                                 of_stream(step, AUDIO, BUF_HAS),
                                                 of_stream(step, AUDIO, BUF_D_ADAPTED)};
    enum tyto_err err =
        record_maps(step, plan, AUDIO, whole_of(step, AUDIO, BUF_D_MATCH),
                    whole_of(step, AUDIO, BUF_WINDOW), whole_of(step, AUDIO, BUF_D_WINDOW));

    if (err || !step->layout.adapt[AUDIO])
        return err;
    err = tyto_step_record_dropout(step, plan, SITE_AUDIO, step->stream_bufs[AUDIO][BUF_D_WINDOW]);
    if (!err)
        err = tyto_row_gather_record(step->row_gather, plan, &gather, &gather_io);
    return err ? err
               : tyto_step_back_w(step, plan, adapt, step->rows,
                                  whole_of(step, AUDIO, BUF_D_ADAPTED),
                                  whole_of(step, AUDIO, BUF_FEATURES));
}

enum tyto_err tyto_step_record_contrast_back(struct device_step *step, struct tyto_plan *plan)
{
    const struct map adapt = tyto_step_map(step, LINEAR_ADAPT, VISUAL);
    enum tyto_err err = record_audio_back(step, plan);

    if (!err)
        err = record_maps(step, plan, VISUAL, whole(step, BUF_D_MEAN_MATCH),
                          whole(step, mean_of(step)), whole(step, BUF_D_MEAN_ADAPTED));
    if (err || !step->layout.adapt[VISUAL])
        return err;
    return tyto_step_back_w(step, plan, adapt, step->rows, whole(step, BUF_D_MEAN_ADAPTED),
                            whole(step, BUF_MEAN));
}
