/* SPDX-License-Identifier: MIT */
#include "tests/flow/small_models.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "files/safetensors.h"
#include "model/cman/tensors.h"
#include "model/graph/file.h"
#include "tests/golden/fill.h"

enum { BANDS = 6, FRAMES = 8, FFT = 512, WINDOW = 400, HOP = 160, EMBEDDING = 7, SIDE = 16 };

static const float *made(struct tyto_encoder_file *file, const char *name, size_t num, float scale)
{
    float *values = tyto_encoder_file_alloc(file, num);
    if (values)
        golden_fill(name, values, num, scale);
    return values;
}

/* One convolution over all of the input but for a 2 x 2 grid (visual) or nothing (audio). */
static void make_graph(struct tyto_encoder_file *file, struct tyto_value in, struct tyto_value out)
{
    struct tyto_graph *graph = &file->graph;
    const uint32_t kernel_h = in.h / out.h, kernel_w = in.w / out.w;
    graph->num_values = 2;
    graph->num_layers = 1;
    graph->out_idx = 1;
    graph->values[0] = in;
    graph->values[1] = out;
    graph->layers[0] = (struct tyto_layer){
        .op = TYTO_LAYER_CONV,
        .out_idx = 1,
        .kernel_h = kernel_h,
        .kernel_w = kernel_w,
        .stride_h = kernel_h,
        .stride_w = kernel_w,
        .act = TYTO_ACT_RELU6,
        .weight = made(file, "weight", (size_t)out.c * kernel_h * kernel_w * in.c, 0.125f),
        .bias = made(file, "bias", out.c, 0.5f),
    };
}

static enum tyto_err write_and_free(struct tyto_encoder_file *file, const char *path)
{
    struct tyto_fault fault = {0};
    const enum tyto_err err = tyto_encoder_file_write(file, path, &fault);
    if (err)
        fprintf(stderr, "%s: %s: %s\n", path, fault.key, fault.text);
    tyto_encoder_file_destroy(&file);
    return err;
}

enum tyto_err small_visual_write(const char *path)
{
    struct tyto_encoder_file *file = NULL;
    const enum tyto_err err = tyto_encoder_file_create(&file);
    if (err)
        return err;
    file->kind = TYTO_ENCODER_VISUAL;
    for (int c = 0; c < 3; c++) {
        file->mean[c] = 127.5f;
        file->scale[c] = 1 / 127.5f;
    }
    make_graph(file, (struct tyto_value){SIDE, SIDE, 3}, (struct tyto_value){2, 2, SMALL_VISUAL});
    return write_and_free(file, path);
}

enum tyto_err small_tunable_write(const char *path)
{
    struct tyto_encoder_file *file = NULL;
    const enum tyto_err err = tyto_encoder_file_create(&file);
    if (err)
        return err;
    file->kind = TYTO_ENCODER_VISUAL;
    for (int c = 0; c < 3; c++) {
        file->mean[c] = 127.5f;
        file->scale[c] = 1 / 127.5f;
    }
    make_graph(file, (struct tyto_value){SIDE, SIDE, 3}, (struct tyto_value){2, 2, SMALL_TUNE_IN});
    file->graph.num_values = 3;
    file->graph.num_layers = 2;
    file->graph.out_idx = 2;
    file->graph.values[2] = (struct tyto_value){2, 2, SMALL_TUNE_OUT};
    file->graph.layers[1] = (struct tyto_layer){
        .op = TYTO_LAYER_CONV,
        .in_idx = {1, 0},
        .out_idx = 2,
        .kernel_h = 1,
        .kernel_w = 1,
        .stride_h = 1,
        .stride_w = 1,
        .act = TYTO_ACT_RELU6,
        .weight = made(file, "last.weight", SMALL_TUNE_OUT * SMALL_TUNE_IN, 1),
        .bias = made(file, "last.bias", SMALL_TUNE_OUT, 1),
    };
    return write_and_free(file, path);
}

static enum tyto_err audio_write(const char *path, uint32_t embedding)
{
    struct tyto_encoder_file *file = NULL;
    const enum tyto_err err = tyto_encoder_file_create(&file);
    if (err)
        return err;
    float *window = tyto_encoder_file_alloc(file, WINDOW);
    float *mel = tyto_encoder_file_alloc(file, (FFT / 2 + 1) * BANDS);
    if (!window || !mel) {
        tyto_encoder_file_destroy(&file);
        return TYTO_ERR_NOMEM;
    }
    for (int n = 0; n < WINDOW; n++)
        window[n] = (float)(0.5 - 0.5 * cos(2.0 * M_PI * n / WINDOW));
    for (int m = 0; m < BANDS; m++)
        for (int k = 40 * m; k < 40 * m + 56; k++)
            mel[k * BANDS + m] = 0.125f;
    make_graph(file, (struct tyto_value){FRAMES, BANDS, 1}, (struct tyto_value){1, 1, embedding});
    file->kind = TYTO_ENCODER_AUDIO;
    file->has_frontend = true;
    file->frontend = (struct tyto_frontend){.sample_rate_hz = 16000,
                                            .fft = FFT,
                                            .window_len = WINDOW,
                                            .hop = HOP,
                                            .num_mel = BANDS,
                                            .form = TYTO_LOG_FORM_LN_MAGNITUDE,
                                            .pcm_scale = 1,
                                            .floor = 1e-3f,
                                            .post_scale = 1,
                                            .num_frames = FRAMES,
                                            .frames_hop = FRAMES,
                                            .window = window,
                                            .mel = mel};
    return write_and_free(file, path);
}

enum tyto_err small_audio_write(const char *path)
{
    return audio_write(path, EMBEDDING);
}

enum tyto_err small_even_audio_write(const char *path)
{
    return audio_write(path, EMBEDDING + 1);
}

static float *make_tensor(const struct small_head *head, const struct tyto_cman_tensor_info *info,
                          size_t count)
{
    char name[128];
    float *values = calloc(count, sizeof(*values));
    float scale = info->cols ? golden_weight_scale(info->cols) : 0.125f;
    if (!values)
        return NULL;
    if (strncmp(info->name, "head.", 5) == 0 && info->cols && head->scale != 0)
        scale = head->scale;
    snprintf(name, sizeof(name), "%s/%s", head->seed, info->name);
    golden_fill(name, values, count, scale);
    return values;
}

static uint32_t add_meta(struct tyto_meta *metas, uint32_t num, const char *key, const char *value)
{
    if (value)
        metas[num++] = (struct tyto_meta){key, value};
    return num;
}

enum tyto_err small_head_write(const char *path, const struct small_head *head)
{
    const enum tyto_head_kind kind = head->is_softmax ? TYTO_HEAD_SOFTMAX : TYTO_HEAD_MULTI_LABEL;
    const struct tyto_cman_dims dims = {
        .num_segments = head->num_segments ? head->num_segments : SMALL_SEGMENTS,
        .num_places = SMALL_PLACES,
        .audio_in = SMALL_AUDIO,
        .visual_in = head->visual ? head->visual : SMALL_VISUAL,
        .audio_width = 8,
        .visual_width = 8,
        .match_width = 4,
        .when_width = 4,
        .hidden_width = 4,
        .which_width = 4,
        .head_width = 4,
        .num_classes = head->num_classes,
        .num_logits = tyto_head_num_logits(kind, head->num_classes),
    };
    struct tyto_cman_tensor_info infos[TYTO_CMAN_NUM_TENSORS];
    struct tyto_tensor tensors[TYTO_CMAN_NUM_TENSORS];
    float *values[TYTO_CMAN_NUM_TENSORS] = {0};
    struct tyto_meta metas[8];
    char config[512];
    enum tyto_err err = TYTO_OK;
    tyto_cman_list_tensors(&dims, infos);
    for (uint32_t i = 0; i < TYTO_CMAN_NUM_TENSORS; i++) {
        values[i] = make_tensor(head, &infos[i],
                                (size_t)infos[i].rows * (infos[i].cols ? infos[i].cols : 1));
        if (!values[i])
            err = TYTO_ERR_NOMEM;
        tensors[i] = (struct tyto_tensor){.name = infos[i].name,
                                          .dtype = TYTO_DTYPE_F32,
                                          .num_dims = infos[i].cols ? 2 : 1,
                                          .dims = {infos[i].rows, infos[i].cols},
                                          .data = values[i]};
    }
    snprintf(config, sizeof(config),
             "{\"num_segments\":%u,\"num_places\":%u,\"audio_in\":%u,\"visual_in\":%u,"
             "\"audio_width\":8,\"visual_width\":8,\"match_width\":4,\"when_width\":4,"
             "\"hidden_width\":4,\"which_width\":4,\"head_width\":4,\"look_ahead\":1,"
             "\"head\":\"%s\"}",
             dims.num_segments, dims.num_places, dims.audio_in, dims.visual_in,
             tyto_head_name(kind));
    uint32_t num_metas = add_meta(metas, 0, "tyto.format", "head/1");
    num_metas = add_meta(metas, num_metas, "tyto.config", config);
    num_metas = add_meta(metas, num_metas, "tyto.classes", head->classes);
    num_metas = add_meta(metas, num_metas, "tyto.encoders", head->encoders);
    num_metas = add_meta(metas, num_metas, "tyto.fusion", head->fusion);
    if (!err)
        err = tyto_weights_write(path, tensors, TYTO_CMAN_NUM_TENSORS, metas, num_metas, NULL);
    for (uint32_t i = 0; i < TYTO_CMAN_NUM_TENSORS; i++)
        free(values[i]);
    return err;
}
