/* SPDX-License-Identifier: MIT */
/* The head as the rest of the program sees it: streams with a history, one new
 * segment each, results per window. The arithmetic is cman_net.c's. */
#include "model/cman/cman.h"

#include <stdlib.h>
#include <string.h>

#include "model/cman/net.h"
#include "model/cman/weights.h"

enum { MAX_STREAMS = 65536, MAX_BATCH = 4096, MAX_ROWS = 65536 };

struct stream {
    uint32_t len;        /* segments in its ring, <= T */
    uint32_t next;       /* slot of the ring that the next one takes */
    uint64_t step_count; /* the last step that had it: finds doubles */
};

struct tyto_cman {
    struct tyto_cman_weights weights; /* its tensors are freed after the upload */
    struct tyto_cman_dims dims;
    struct tyto_cman_net *net;
    struct stream *streams;
    uint32_t max_streams, max_batch;
    uint32_t num_audio_rows, num_visual_rows;
    uint64_t step_count;
};

/* --- creation -------------------------------------------------------------------------- */

static enum tyto_err check_params(const struct tyto_cman_params *params,
                                  struct tyto_fault *ret_fault)
{
    if (params->num_segments > TYTO_CMAN_MAX_SEGMENTS)
        return tyto_fault_set(ret_fault, TYTO_ERR_SHAPE, NULL, 0, "num_segments",
                              "%u segments asked for, at most %u are possible",
                              params->num_segments, (uint32_t)TYTO_CMAN_MAX_SEGMENTS);
    if (params->max_streams == 0 || params->max_streams > MAX_STREAMS || params->max_batch == 0 ||
        params->max_batch > MAX_BATCH)
        return tyto_fault_set(ret_fault, TYTO_ERR_SHAPE, NULL, 0, NULL,
                              "1 to %u streams and 1 to %u a step are possible",
                              (uint32_t)MAX_STREAMS, (uint32_t)MAX_BATCH);
    if (!params->gpu || !params->weights_path || !params->audio_features ||
        !params->visual_features)
        return tyto_fault_set(ret_fault, TYTO_ERR_INVALID, NULL, 0, NULL,
                              "a device, a weights file and both feature buffers are needed");
    return TYTO_OK;
}

/* How many rows of `width` floats a feature buffer has; 0 when not even one. */
static uint32_t count_rows(const struct tyto_buf *buf, uint64_t width)
{
    const uint64_t rows = tyto_buf_size_bytes(buf) / (width * sizeof(float));

    return rows > MAX_ROWS ? MAX_ROWS : (uint32_t)rows;
}

/* Compiles every kernel now rather than at the first segment. */
static enum tyto_err warm_up(struct tyto_cman *cman)
{
    const struct tyto_cman_net_in in = tyto_cman_net_in(cman->net);
    enum tyto_err err = TYTO_OK;

    for (uint32_t i = 0; i < cman->max_batch; i++) {
        in.audio_rows[i] = TYTO_ROW_NONE;
        in.visual_rows[i] = TYTO_ROW_NONE;
        in.lens[i] = 1;
        in.items[i] = (struct tyto_window_item){.stream = TYTO_WINDOW_NO_STREAM, .len = 1};
    }
    err = tyto_cman_net_run(cman->net, cman->max_batch);
    in.audio_rows[0] = 0;
    in.visual_rows[0] = 0;
    if (!err)
        err = tyto_cman_net_run(cman->net, 1);
    return err;
}

static enum tyto_err create_net(const struct tyto_cman_params *params, struct tyto_cman *cman,
                                struct tyto_fault *ret_fault)
{
    const struct tyto_cman_dims *dims = &cman->dims;
    const struct tyto_cman_net_params net = {
        .gpu = params->gpu,
        .weights = &cman->weights,
        .dims = *dims,
        .max_streams = cman->max_streams,
        .max_batch = cman->max_batch,
        .audio_features = params->audio_features,
        .visual_features = params->visual_features,
        .num_audio_rows = cman->num_audio_rows,
        .num_visual_rows = cman->num_visual_rows,
        .like = params->like ? params->like->net : NULL,
    };
    enum tyto_err err = TYTO_OK;

    if (cman->num_audio_rows == 0 || cman->num_visual_rows == 0)
        return tyto_fault_set(ret_fault, TYTO_ERR_SHAPE, params->weights_path, 0, "tyto.config",
                              "the head wants (%u) audio and (%u, %u) visual features; the "
                              "encoders give less: use the encoders it was trained with",
                              dims->audio_in, dims->num_places, dims->visual_in);
    err = tyto_cman_net_create(&net, &cman->net);
    if (!err)
        err = warm_up(cman);
    if (err)
        return tyto_fault_set(ret_fault, err, params->weights_path, 0, NULL,
                              "the head could not be set up on the device: %s", tyto_err_text(err));
    return TYTO_OK;
}

enum tyto_err tyto_cman_create(const struct tyto_cman_params *params, struct tyto_cman **ret_cman,
                               struct tyto_fault *ret_fault)
{
    struct tyto_cman *cman = NULL;
    enum tyto_err err = check_params(params, ret_fault);

    if (err)
        return err;
    cman = calloc(1, sizeof(*cman));
    if (!cman)
        return TYTO_ERR_NOMEM;
    if (params->weights) {
        cman->weights = *params->weights;
        *params->weights = (struct tyto_cman_weights){0};
    } else {
        err = tyto_cman_weights_load(params->weights_path, &cman->weights, ret_fault);
    }
    if (!err && cman->weights.fusion != TYTO_CMAN_FUSION_CMAN && !params->any_fusion)
        err =
            tyto_fault_set(ret_fault, TYTO_ERR_UNSUPPORTED, params->weights_path, 0, "tyto.fusion",
                           "a baseline that reads other inputs than a camera gives: measure it "
                           "with tyto eval, and watch with a head that was trained with "
                           "--fusion cman");
    if (!err) {
        cman->dims = cman->weights.dims;
        if (params->num_segments > 0)
            cman->dims.num_segments = params->num_segments;
        if (params->look_ahead != TYTO_CMAN_LOOK_AHEAD_FROM_WEIGHTS)
            cman->dims.look_ahead = params->look_ahead;
        cman->max_streams = params->max_streams;
        cman->max_batch = params->max_batch;
        cman->num_audio_rows = count_rows(params->audio_features, cman->dims.audio_in);
        cman->num_visual_rows = count_rows(params->visual_features,
                                           (uint64_t)cman->dims.num_places * cman->dims.visual_in);
        cman->streams = calloc(cman->max_streams, sizeof(*cman->streams));
        if (!cman->streams)
            err = TYTO_ERR_NOMEM;
    }
    if (!err)
        err = create_net(params, cman, ret_fault);
    if (err) {
        if (params->weights) { /* not taken */
            *params->weights = cman->weights;
            cman->weights = (struct tyto_cman_weights){0};
        }
        tyto_cman_destroy(&cman);
        return err;
    }
    tyto_cman_weights_drop_tensors(&cman->weights);
    tyto_log_write(params->log, TYTO_LOG_DEBUG, "model", "head %.16s: %u classes, T %u, batch %u",
                   cman->weights.digest, cman->dims.num_classes, cman->dims.num_segments,
                   cman->max_batch);
    *ret_cman = cman;
    return TYTO_OK;
}

void tyto_cman_destroy(struct tyto_cman **cman_ptr)
{
    struct tyto_cman *cman = cman_ptr ? *cman_ptr : NULL;

    if (!cman)
        return;
    *cman_ptr = NULL;
    tyto_cman_net_destroy(&cman->net);
    tyto_cman_weights_finish(&cman->weights);
    free(cman->streams);
    free(cman);
}

/* --- what it is -------------------------------------------------------------------------- */

const struct tyto_cman_dims *tyto_cman_get_dims(const struct tyto_cman *cman)
{
    return &cman->dims;
}

const char *tyto_cman_class_name(const struct tyto_cman *cman, uint32_t class_idx)
{
    return class_idx < cman->dims.num_classes ? cman->weights.classes[class_idx] : NULL;
}

float tyto_cman_threshold(const struct tyto_cman *cman, enum tyto_cman_task task,
                          uint32_t class_idx)
{
    const size_t num = cman->dims.num_classes;
    return class_idx < num ? cman->weights.thresholds[task * num + class_idx] : 1.0f;
}

const char *tyto_cman_audio_encoder(const struct tyto_cman *cman)
{
    return cman->weights.audio_encoder;
}

const char *tyto_cman_visual_encoder(const struct tyto_cman *cman)
{
    return cman->weights.visual_encoder;
}

const char *tyto_cman_digest(const struct tyto_cman *cman)
{
    return cman->weights.digest;
}

/* --- a step ------------------------------------------------------------------------------ */

/* Nothing is changed before all items have been looked at. */
static enum tyto_err check_items(struct tyto_cman *cman, const struct tyto_cman_item *items,
                                 uint32_t num_items)
{
    if (num_items > cman->max_batch)
        return TYTO_ERR_SHAPE;
    cman->step_count++;
    for (uint32_t i = 0; i < num_items; i++) {
        const struct tyto_cman_item *item = &items[i];

        if (item->stream_idx >= cman->max_streams ||
            (item->has_audio && item->audio_row >= cman->num_audio_rows) ||
            (item->has_visual && item->visual_row >= cman->num_visual_rows))
            return TYTO_ERR_SHAPE;
        if (cman->streams[item->stream_idx].step_count == cman->step_count)
            return TYTO_ERR_INVALID;
        cman->streams[item->stream_idx].step_count = cman->step_count;
    }
    return TYTO_OK;
}

/* What stream `idx` will be once the step has succeeded. */
static struct stream after_step(const struct tyto_cman *cman, const struct tyto_cman_item *item)
{
    struct stream stream = cman->streams[item->stream_idx];
    const uint32_t num_segments = cman->dims.num_segments;

    if (item->restart)
        stream.len = 0;
    stream.len = stream.len < num_segments ? stream.len + 1 : num_segments;
    stream.next = (stream.next + 1) % num_segments;
    return stream;
}

static void give_results(const struct tyto_cman *cman, const struct tyto_cman_item *items,
                         uint32_t num_items, struct tyto_cman_result *ret_results)
{
    const struct tyto_cman_net_out out = tyto_cman_net_out(cman->net);
    const size_t num_segments = cman->dims.num_segments;

    for (size_t i = 0; i < num_items; i++) {
        const size_t row0 = i * num_segments;

        ret_results[i] = (struct tyto_cman_result){
            .num_valid = cman->streams[items[i].stream_idx].len,
            .logits = out.logits + row0 * cman->dims.num_logits,
            .place = out.place + row0 * cman->dims.num_places,
            .beta_audio = out.beta[0] + row0,
            .beta_visual = out.beta[1] + row0,
            .align_audio = out.align[0] + row0 * num_segments,
            .align_visual = out.align[1] + row0 * num_segments,
        };
    }
}

/* Tells the net what to take, after all items have been looked at. */
static enum tyto_err fill_in(struct tyto_cman *cman, const struct tyto_cman_item *items,
                             uint32_t num_items)
{
    const struct tyto_cman_net_in in = tyto_cman_net_in(cman->net);
    const enum tyto_err err = check_items(cman, items, num_items);

    for (uint32_t i = 0; i < num_items && !err; i++) {
        const struct tyto_cman_item *item = &items[i];
        const uint32_t slot = cman->streams[item->stream_idx].next;
        const uint32_t len = after_step(cman, item).len;

        in.audio_rows[i] = item->has_audio ? item->audio_row : TYTO_ROW_NONE;
        in.visual_rows[i] = item->has_visual ? item->visual_row : TYTO_ROW_NONE;
        in.lens[i] = len;
        in.items[i] =
            (struct tyto_window_item){.stream = item->stream_idx, .slot = slot, .len = len};
    }
    return err;
}

static void move_on(struct tyto_cman *cman, const struct tyto_cman_item *items, uint32_t num_items)
{
    for (uint32_t i = 0; i < num_items; i++)
        cman->streams[items[i].stream_idx] = after_step(cman, &items[i]);
}

enum tyto_err tyto_cman_step(struct tyto_cman *cman, const struct tyto_cman_item *items,
                             uint32_t num_items, struct tyto_cman_result *ret_results)
{
    enum tyto_err err = fill_in(cman, items, num_items);

    if (!err)
        err = tyto_cman_net_run(cman->net, num_items);
    if (err)
        return err;
    move_on(cman, items, num_items);
    give_results(cman, items, num_items, ret_results);
    return TYTO_OK;
}

enum tyto_err tyto_cman_feed(struct tyto_cman *cman, const struct tyto_cman_item *items,
                             uint32_t num_items)
{
    enum tyto_err err = fill_in(cman, items, num_items);

    if (!err)
        err = tyto_cman_net_feed(cman->net, num_items);
    if (!err)
        move_on(cman, items, num_items);
    return err;
}
