/* SPDX-License-Identifier: MIT */
/* Buffers, rings and plans of the head; the surprising thing: a plan is recorded
 * for each batch size when that first comes up, and kept. */
#include "model/cman/net.h"

#include <stdlib.h>

#include "model/cman/internal.h"

/* --- buffers and kernels ----------------------------------------------------------------- */

static enum tyto_err make_bufs(struct tyto_cman_net *n)
{
    const struct tyto_cman_widths *w = &n->fused.widths;
    const struct tyto_cman_dims *d = &n->dims;
    const uint64_t batch = n->max_batch;
    const uint64_t rows = batch * d->num_segments;
    const uint64_t places = d->num_places;
    enum tyto_err err = TYTO_OK;

#define MAKE_BUF(name, kind, num, width)                                                           \
    if (!err)                                                                                      \
        err = tyto_cman_buf_create(n->gpu, TYTO_BUF_##kind, num, width, &n->bufs[TYTO_NET_##name]);
#define MAKE_STREAM_BUF(name, kind, num, width)                                                    \
    if (!err)                                                                                      \
        err = tyto_cman_buf_create(n->gpu, TYTO_BUF_##kind, num, width,                            \
                                   &n->stream_bufs[s][TYTO_NET_##name]);
    TYTO_NET_BUF_LIST(MAKE_BUF)
    for (uint32_t s = 0; s < TYTO_CMAN_NUM_STREAMS; s++) {
        TYTO_NET_STREAM_BUF_LIST(MAKE_STREAM_BUF)
    }
#undef MAKE_BUF
#undef MAKE_STREAM_BUF
    return err;
}

static void unref_ops(struct tyto_cman_ops **ops_ptr)
{
    struct tyto_cman_ops *ops = *ops_ptr;

    *ops_ptr = NULL;
    if (!ops || --ops->num_refs > 0)
        return;
    tyto_softmax_destroy(&ops->softmax);
    tyto_cosine_attn_destroy(&ops->cosine_attn);
    tyto_attn_pool_destroy(&ops->attn_pool);
    tyto_row_gather_destroy(&ops->row_gather);
    tyto_window_destroy(&ops->ring);
    tyto_self_attn_destroy(&ops->self_attn);
    tyto_lstm_sentinel_destroy(&ops->lstm_sentinel);
    tyto_co_attn_destroy(&ops->co_attn);
    tyto_gemm_destroy(&ops->gemm);
    free(ops);
}

static enum tyto_err make_ops(struct tyto_gpu *gpu, struct tyto_cman_ops **ret_ops)
{
    struct tyto_cman_ops *ops = calloc(1, sizeof(*ops));
    enum tyto_err err = TYTO_OK;

    if (!ops)
        return TYTO_ERR_NOMEM;
    ops->num_refs = 1;
    *ret_ops = ops;
    err = tyto_gemm_create(gpu, &ops->gemm);
    if (!err)
        err = tyto_softmax_create(gpu, &ops->softmax);
    if (!err)
        err = tyto_cosine_attn_create(gpu, &ops->cosine_attn);
    if (!err)
        err = tyto_attn_pool_create(gpu, &ops->attn_pool);
    if (!err)
        err = tyto_row_gather_create(gpu, &ops->row_gather);
    if (!err)
        err = tyto_window_create(gpu, &ops->ring);
    if (!err)
        err = tyto_self_attn_create(gpu, &ops->self_attn);
    if (!err)
        err = tyto_lstm_sentinel_create(gpu, &ops->lstm_sentinel);
    if (!err)
        err = tyto_co_attn_create(gpu, &ops->co_attn);
    if (err)
        unref_ops(ret_ops);
    return err;
}

static enum tyto_err share_ops(struct tyto_cman_net *net, const struct tyto_cman_net *like)
{
    if (!like)
        return make_ops(net->gpu, &net->ops);
    like->ops->num_refs++;
    net->ops = like->ops;
    return TYTO_OK;
}

/* --- plans -------------------------------------------------------------------------------- */

/* Runs the plan of that key, recording it the first time. */
static enum tyto_err run_plan(struct tyto_cman_net *net, struct tyto_net_plans *plans, uint32_t key)
{
    struct tyto_plan *plan = NULL;
    enum tyto_err err = TYTO_OK;

    if (key > plans->max)
        return TYTO_ERR_SHAPE;
    if (!plans->plans[key]) {
        err = tyto_plan_create(net->gpu, "cman", &plan);
        if (!err && plans == &net->window)
            err = tyto_cman_record_window(net, plan, key);
        if (!err && plans == &net->feed)
            err = tyto_cman_record_feed(net, plan, key);
        for (uint32_t s = 0; s < TYTO_CMAN_NUM_STREAMS && !err; s++) {
            if (plans == &net->first[s])
                err = tyto_cman_record_front(net, plan, s, 0, key);
            if (!err && plans == &net->single[s])
                err = tyto_cman_record_front(net, plan, s, key, 1);
        }
        if (!err)
            err = tyto_plan_finish(plan);
        if (err) {
            tyto_plan_destroy(&plan);
            return err;
        }
        plans->plans[key] = plan;
    }
    return tyto_plan_run(plans->plans[key]);
}

/* The feature rows that the items want: all from row 0 on at once where few of those would be
 * in vain, else one by one. */
static enum tyto_err run_front(struct tyto_cman_net *net, uint32_t stream, uint32_t num_items)
{
    const uint32_t *rows = tyto_buf_map(net->stream_bufs[stream][TYTO_NET_ROWS]);
    uint32_t num_wanted = 0;
    uint32_t end = 0;
    enum tyto_err err = TYTO_OK;

    if (stream == TYTO_CMAN_AUDIO && !net->fused.adapt[TYTO_CMAN_AUDIO])
        return TYTO_OK;
    for (uint32_t i = 0; i < num_items; i++) {
        if (rows[i] >= net->rows[stream])
            continue;
        num_wanted++;
        end = rows[i] >= end ? rows[i] + 1 : end;
    }
    if (num_wanted == 0)
        return TYTO_OK;
    if (end <= num_wanted + num_wanted / 4)
        return run_plan(net, &net->first[stream], end);
    for (uint32_t i = 0; i < num_items && !err; i++)
        if (rows[i] < net->rows[stream])
            err = run_plan(net, &net->single[stream], rows[i]);
    return err;
}

static enum tyto_err run_items(struct tyto_cman_net *net, struct tyto_net_plans *plans,
                               uint32_t num_items)
{
    enum tyto_err err = TYTO_OK;

    if (num_items == 0)
        return TYTO_OK;
    if (num_items > net->max_batch)
        return TYTO_ERR_SHAPE;
    for (uint32_t s = 0; s < TYTO_CMAN_NUM_STREAMS && !err; s++)
        err = run_front(net, s, num_items);
    if (!err)
        err = run_plan(net, plans, num_items);
    return err;
}

enum tyto_err tyto_cman_net_run(struct tyto_cman_net *net, uint32_t num_items)
{
    return run_items(net, &net->window, num_items);
}

enum tyto_err tyto_cman_net_feed(struct tyto_cman_net *net, uint32_t num_items)
{
    return run_items(net, &net->feed, num_items);
}

static enum tyto_err make_plans(struct tyto_net_plans *plans, uint32_t max)
{
    plans->max = max;
    plans->plans = calloc((size_t)max + 1, sizeof(struct tyto_plan *));
    return plans->plans ? TYTO_OK : TYTO_ERR_NOMEM;
}

static void finish_plans(struct tyto_net_plans *plans)
{
    for (size_t i = 0; plans->plans && i <= plans->max; i++)
        tyto_plan_destroy(&plans->plans[i]);
    free(plans->plans);
}

/* --- the whole ------------------------------------------------------------------------------ */

enum tyto_err tyto_cman_net_create(const struct tyto_cman_net_params *params,
                                   struct tyto_cman_net **ret_net)
{
    struct tyto_cman_net *net = calloc(1, sizeof(*net));
    enum tyto_err err = TYTO_OK;

    if (!net)
        return TYTO_ERR_NOMEM;
    net->gpu = params->gpu;
    net->dims = params->dims;
    net->max_streams = params->max_streams;
    net->max_batch = params->max_batch;
    net->features[TYTO_CMAN_AUDIO] = params->audio_features;
    net->features[TYTO_CMAN_VISUAL] = params->visual_features;
    net->rows[TYTO_CMAN_AUDIO] = params->num_audio_rows;
    net->rows[TYTO_CMAN_VISUAL] = params->num_visual_rows;
    err = tyto_cman_fuse(net->gpu, params->weights, &net->fused);
    if (!err)
        err = make_bufs(net);
    if (!err)
        err = share_ops(net, params->like);
    for (uint32_t s = 0; s < TYTO_CMAN_NUM_STREAMS && !err; s++) {
        err = make_plans(&net->first[s], net->rows[s]);
        if (!err)
            err = make_plans(&net->single[s], net->rows[s]);
    }
    if (!err)
        err = make_plans(&net->window, net->max_batch);
    if (!err)
        err = make_plans(&net->feed, net->max_batch);
    if (err) {
        tyto_cman_net_destroy(&net);
        return err;
    }
    *ret_net = net;
    return TYTO_OK;
}

void tyto_cman_net_destroy(struct tyto_cman_net **net_ptr)
{
    struct tyto_cman_net *net = net_ptr ? *net_ptr : NULL;

    if (!net)
        return;
    *net_ptr = NULL;
    for (uint32_t s = 0; s < TYTO_CMAN_NUM_STREAMS; s++) {
        finish_plans(&net->first[s]);
        finish_plans(&net->single[s]);
    }
    finish_plans(&net->window);
    finish_plans(&net->feed);
    unref_ops(&net->ops);
    tyto_cman_bufs_destroy(net->bufs, TYTO_NET_NUM_BUFS);
    for (uint32_t s = 0; s < TYTO_CMAN_NUM_STREAMS; s++)
        tyto_cman_bufs_destroy(net->stream_bufs[s], TYTO_NET_NUM_STREAM_BUFS);
    tyto_cman_fused_finish(&net->fused);
    free(net);
}

struct tyto_cman_net_in tyto_cman_net_in(struct tyto_cman_net *net)
{
    return (struct tyto_cman_net_in){
        .audio_rows = tyto_buf_map(net->stream_bufs[TYTO_CMAN_AUDIO][TYTO_NET_ROWS]),
        .visual_rows = tyto_buf_map(net->stream_bufs[TYTO_CMAN_VISUAL][TYTO_NET_ROWS]),
        .lens = tyto_buf_map(net->bufs[TYTO_NET_LENS]),
        .items = tyto_buf_map(net->bufs[TYTO_NET_ITEMS]),
    };
}

struct tyto_cman_net_out tyto_cman_net_out(const struct tyto_cman_net *net)
{
    return (struct tyto_cman_net_out){
        .logits = tyto_buf_map(net->bufs[TYTO_NET_LOGITS]),
        .place = tyto_buf_map(net->bufs[TYTO_NET_PLACE]),
        .beta = {tyto_buf_map(net->stream_bufs[TYTO_CMAN_AUDIO][TYTO_NET_BETA]),
                 tyto_buf_map(net->stream_bufs[TYTO_CMAN_VISUAL][TYTO_NET_BETA])},
        .align = {tyto_buf_map(net->stream_bufs[TYTO_CMAN_AUDIO][TYTO_NET_ALIGN]),
                  tyto_buf_map(net->stream_bufs[TYTO_CMAN_VISUAL][TYTO_NET_ALIGN])},
    };
}
