/* SPDX-License-Identifier: MIT */
/* Another head: tried beside the one that runs, fed with each camera's last segments, exchanged. */
#include "pipeline/networks/internal.h"

/* Between batches the encoders' outputs are free: a head is fed there. audio, visual: NULL
 * where missing. */
static enum tyto_err put_features(struct tyto_networks *networks, uint32_t row, const float *audio,
                                  const float *visual)
{
    const struct tyto_head_fit *fit = &networks->fit;
    const uint64_t audio_bytes = fit->audio_in * sizeof(float);
    const uint64_t visual_bytes = (uint64_t)fit->num_places * fit->visual_in * sizeof(float);
    /* They are the encoders' own buffers, given out for reading. */
    struct tyto_buf *audio_buf = (struct tyto_buf *)(uintptr_t)tyto_audio_output(networks->audio);
    struct tyto_buf *visual_buf =
        (struct tyto_buf *)(uintptr_t)tyto_visual_output(networks->visual);
    enum tyto_err err = TYTO_OK;
    if (audio)
        err = tyto_buf_write(audio_buf, row * audio_bytes, audio, audio_bytes);
    if (!err && visual)
        err = tyto_buf_write(visual_buf, row * visual_bytes, visual, visual_bytes);
    return err;
}

static struct tyto_cman_item item_of(uint32_t stream_idx, uint32_t row, bool restart,
                                     const float *audio, const float *visual)
{
    return (struct tyto_cman_item){
        .stream_idx = stream_idx,
        .audio_row = row,
        .visual_row = row,
        .has_audio = audio != NULL,
        .has_visual = visual != NULL,
        .restart = restart,
    };
}

static enum tyto_err check_head(struct tyto_networks *networks, struct tyto_cman *cman,
                                const struct tyto_new_head *head, struct tyto_fault *ret_fault)
{
    const struct tyto_cman_dims *dims = tyto_cman_get_dims(cman);
    const size_t visual_floats = (size_t)dims->num_places * dims->visual_in;
    struct tyto_cman_result result = {0};
    enum tyto_err err = TYTO_OK;
    for (uint32_t i = 0; !err && i < head->num_checks; i++) {
        const float *audio = head->has_audio[i] ? head->audio + (size_t)i * dims->audio_in : NULL;
        const float *visual = head->has_visual[i] ? head->visual + i * visual_floats : NULL;
        const struct tyto_cman_item item = item_of(0, 0, i == 0, audio, visual);
        err = put_features(networks, 0, audio, visual);
        if (!err)
            err = i + 1 < head->num_checks ? tyto_cman_feed(cman, &item, 1)
                                           : tyto_cman_step(cman, &item, 1, &result);
    }
    return !err ? tyto_new_head_compare(head, dims, &result, ret_fault) : err;
}

/* One more segment of up to a batch of streams: the pos_idx-th oldest of each that has it. Of
 * those whose newest it is (is_last) the windows are evaluated and shown. */
static enum tyto_err feed_position(struct tyto_networks *networks, struct tyto_cman *cman,
                                   uint32_t first_stream, uint32_t pos_idx, bool is_last,
                                   tyto_networks_visit visit, void *user)
{
    const uint32_t max_streams = networks->params.max_streams;
    const uint32_t cap = networks->max_batch < max_streams ? networks->max_batch : max_streams;
    struct tyto_cman_result *results = networks->results;
    uint32_t num = 0;
    enum tyto_err err = TYTO_OK;
    for (uint32_t s = first_stream; !err && s < max_streams && s < first_stream + cap; s++) {
        const uint32_t len = tyto_history_len(networks->history, s);
        const float *audio, *visual;
        if (pos_idx >= len || (pos_idx + 1 == len) != is_last)
            continue;
        tyto_history_get(networks->history, s, pos_idx, &audio, &visual);
        err = put_features(networks, num, audio, visual);
        networks->items[num] = item_of(s, num, pos_idx == 0, audio, visual);
        num++;
    }
    if (err || num == 0)
        return err;
    if (!is_last)
        return tyto_cman_feed(cman, networks->items, num);
    err = tyto_cman_step(cman, networks->items, num, results);
    for (uint32_t i = 0; !err && i < num; i++)
        visit(user, networks->items[i].stream_idx, &results[i]);
    return err;
}

enum tyto_err tyto_networks_feed_head(struct tyto_networks *networks, struct tyto_cman *cman,
                                      tyto_networks_visit visit, void *user)
{
    enum tyto_err err = TYTO_OK;
    for (uint32_t s = 0; s < networks->params.max_streams; s += networks->max_batch) {
        for (uint32_t i = 0; !err && i < 2 * networks->fit.num_segments; i++)
            err = feed_position(networks, cman, s, i / 2, i % 2 == 1, visit, user);
    }
    return err;
}

enum tyto_err tyto_networks_try_head(struct tyto_networks *networks, struct tyto_new_head *head,
                                     struct tyto_cman **ret_cman, struct tyto_fault *ret_fault)
{
    struct tyto_cman_params params = tyto_networks_head_params(networks);
    struct tyto_cman *cman = NULL;
    params.weights_path = head->path;
    params.weights = &head->weights;
    params.num_segments = networks->fit.num_segments;
    params.look_ahead = networks->fit.look_ahead;
    params.like = networks->cman;
    enum tyto_err err = tyto_cman_create(&params, &cman, ret_fault);
    if (err)
        return err;
    struct tyto_fault fault = {0};
    err = check_head(networks, cman, head, &fault);
    if (err) {
        if (!fault.text[0])
            tyto_fault_set(&fault, err, head->path, 0, NULL,
                           "the model could not be tried on the device: %s", tyto_err_text(err));
        if (ret_fault)
            *ret_fault = fault;
        tyto_cman_destroy(&cman);
        return err;
    }
    *ret_cman = cman;
    return TYTO_OK;
}

void tyto_networks_take_head(struct tyto_networks *networks, struct tyto_cman **cman)
{
    struct tyto_cman *before = networks->cman;
    networks->cman = *cman;
    *cman = before;
}
