/* SPDX-License-Identifier: MIT */
/* The visual encoder: a front end (kernels or plain C, whichever the executor's
 * input wants), then the network. */
#include <stdlib.h>

#include "model/encoder/encoder.h"
#include "model/encoder/resize_cpu.h"
#include "model/encoder/visual_front.h"
#include "model/graph/file.h"
#include "model/graph/last.h"

struct tyto_visual {
    struct tyto_encoder_file *file;
    struct tyto_executor *exec;
    uint32_t max_batch;
    uint64_t row_floats; /* of the network's input */
    struct tyto_image_resize_shape shape;
    struct tyto_picture_fit *fits; /* (max_batch): of the pictures of the last run */
    uint32_t num_fits;
    float *found[2]; /* one row of the detector's scores and boxes; NULL without a detector */
    struct tyto_image_resize_cpu *plain; /* one of these two */
    struct tyto_visual_front *front;
};

static enum tyto_err read_file(const char *path, struct tyto_encoder_file **ret_file,
                               struct tyto_fault *ret_fault)
{
    struct tyto_encoder_file *file = NULL;
    enum tyto_err err = tyto_encoder_file_read(path, &file, ret_fault);
    if (err)
        return err;

    const struct tyto_value *in = &file->graph.values[0];
    if (file->kind != TYTO_ENCODER_VISUAL)
        err = tyto_fault_set(ret_fault, TYTO_ERR_FORMAT, path, 0, "tyto.kind",
                             "is \"%s\": this is no visual encoder",
                             tyto_encoder_kind_name(file->kind));
    else if (in->h > TYTO_IMAGE_RESIZE_MAX_OUT || in->w > TYTO_IMAGE_RESIZE_MAX_OUT)
        err = tyto_fault_set(ret_fault, TYTO_ERR_SHAPE, path, 0, "tyto.graph",
                             "input is %ux%ux%u; it must have at most %d rows and columns", in->h,
                             in->w, in->c, TYTO_IMAGE_RESIZE_MAX_OUT);
    if (err) {
        tyto_encoder_file_destroy(&file);
        return err;
    }
    *ret_file = file;
    return TYTO_OK;
}

static enum tyto_err create_front(struct tyto_visual *visual, struct tyto_gpu *gpu)
{
    const struct tyto_encoder_file *file = visual->file;
    struct tyto_image_resize_shape *shape = &visual->shape;
    *shape = (struct tyto_image_resize_shape){
        .out_w = file->graph.values[0].w,
        .out_h = file->graph.values[0].h,
        .letterbox = file->fit == TYTO_FIT_LETTERBOX,
    };
    for (int c = 0; c < 3; c++) {
        shape->mean[c] = file->mean[c];
        shape->scale[c] = file->scale[c];
    }
    if (tyto_executor_kind(visual->exec) == TYTO_EXEC_CPU)
        return tyto_image_resize_cpu_create(shape, &visual->plain);
    return tyto_visual_front_create(gpu, shape, tyto_executor_input(visual->exec), &visual->front);
}

/* Room for what tyto_visual_find reads. */
static enum tyto_err create_found(struct tyto_visual *visual)
{
    const struct tyto_graph *graph = &visual->file->graph;
    visual->fits = calloc(visual->max_batch, sizeof(*visual->fits));
    bool complete = visual->fits != NULL;
    for (uint32_t i = 0; i < 2 && visual->file->has_detector; i++) {
        const uint64_t num = tyto_value_num_floats(&graph->values[tyto_graph_out(graph, i + 1)]);
        visual->found[i] = malloc((size_t)num * sizeof(float));
        complete &= visual->found[i] != NULL;
    }
    return complete ? TYTO_OK : TYTO_ERR_NOMEM;
}

enum tyto_err tyto_visual_create(const struct tyto_visual_params *params,
                                 struct tyto_visual **ret_visual, struct tyto_fault *ret_fault)
{
    struct tyto_visual *visual = calloc(1, sizeof(*visual));
    if (!visual)
        return TYTO_ERR_NOMEM;

    visual->max_batch = params->max_batch;
    enum tyto_err err = read_file(params->weights_path, &visual->file, ret_fault);
    if (!err && params->cuts_last && tyto_graph_cut_last(&visual->file->graph))
        err = tyto_fault_set(ret_fault, TYTO_ERR_UNSUPPORTED, params->weights_path, 0, "tyto.graph",
                             "does not end in a 1x1 convolution behind other layers");
    if (!err) {
        const struct tyto_value *in = &visual->file->graph.values[0];
        const struct tyto_executor_params exec_params = {
            .graph = &visual->file->graph,
            .gpu = params->gpu,
            .exec = params->exec,
            .max_batch = params->max_batch,
            .num_threads = params->num_threads,
            .log = params->log,
        };
        visual->row_floats = (uint64_t)in->h * in->w * in->c;
        err = tyto_executor_create(&exec_params, &visual->exec);
        if (!err)
            err = create_front(visual, params->gpu);
        if (!err)
            err = create_found(visual);
        if (err)
            err = tyto_fault_set(ret_fault, err, params->weights_path, 0, NULL,
                                 "the visual encoder cannot be set up: %s", tyto_err_text(err));
    }
    if (err) {
        tyto_visual_destroy(&visual);
        return err;
    }
    *ret_visual = visual;
    return TYTO_OK;
}

void tyto_visual_destroy(struct tyto_visual **visual)
{
    if (!visual || !*visual)
        return;
    tyto_visual_front_destroy(&(*visual)->front);
    tyto_image_resize_cpu_destroy(&(*visual)->plain);
    tyto_executor_destroy(&(*visual)->exec);
    tyto_encoder_file_destroy(&(*visual)->file);
    free((*visual)->fits);
    free((*visual)->found[0]);
    free((*visual)->found[1]);
    free(*visual);
    *visual = NULL;
}

void tyto_visual_shape(const struct tyto_visual *visual, uint32_t *ret_places_y,
                       uint32_t *ret_places_x, uint32_t *ret_channels)
{
    const struct tyto_graph *graph = &visual->file->graph;

    *ret_places_y = graph->values[graph->out_idx].h;
    *ret_places_x = graph->values[graph->out_idx].w;
    *ret_channels = graph->values[graph->out_idx].c;
}

enum tyto_exec tyto_visual_exec(const struct tyto_visual *visual)
{
    return tyto_executor_kind(visual->exec);
}

struct tyto_picture_fit tyto_visual_fit(const struct tyto_visual *visual, uint32_t width,
                                        uint32_t height)
{
    const struct tyto_image_resize_shape *shape = &visual->shape;
    const struct tyto_image_resize_rect rect = tyto_image_resize_rect(shape, width, height);
    return (struct tyto_picture_fit){.left = (float)rect.left / (float)shape->out_w,
                                     .top = (float)rect.top / (float)shape->out_h,
                                     .width = (float)rect.width / (float)shape->out_w,
                                     .height = (float)rect.height / (float)shape->out_h};
}

static enum tyto_err run_plain(struct tyto_visual *visual, const struct tyto_frame *frames,
                               uint32_t num_frames)
{
    float *rows = tyto_buf_map(tyto_executor_input(visual->exec));
    enum tyto_err err = TYTO_OK;

    for (uint32_t i = 0; i < num_frames && !err; i++)
        err = tyto_image_resize_cpu_run(visual->plain, &frames[i], rows + i * visual->row_floats);
    return err;
}

enum tyto_err tyto_visual_run(struct tyto_visual *visual, const struct tyto_frame *frames,
                              uint32_t num_frames)
{
    if (num_frames == 0 || num_frames > visual->max_batch)
        return TYTO_ERR_INVALID;
    enum tyto_err err = visual->plain ? run_plain(visual, frames, num_frames)
                                      : tyto_visual_front_run(visual->front, frames, num_frames);
    if (err)
        return err;
    for (uint32_t i = 0; i < num_frames; i++)
        visual->fits[i] = tyto_visual_fit(visual, frames[i].width, frames[i].height);
    visual->num_fits = num_frames;
    return tyto_executor_run(visual->exec, num_frames);
}

const struct tyto_detector *tyto_visual_detector(const struct tyto_visual *visual)
{
    return visual->file->has_detector ? &visual->file->detector : NULL;
}

enum tyto_err tyto_visual_find(struct tyto_visual *visual, uint32_t row, float min_score,
                               struct tyto_detection *ret_found, uint32_t max_found,
                               uint32_t *ret_num)
{
    const struct tyto_graph *graph = &visual->file->graph;
    if (!visual->file->has_detector || row >= visual->num_fits || !(min_score > 0.0f) ||
        !(min_score < 1.0f))
        return TYTO_ERR_INVALID;
    for (uint32_t i = 0; i < 2; i++) {
        const uint64_t bytes =
            tyto_value_num_floats(&graph->values[tyto_graph_out(graph, i + 1)]) * sizeof(float);
        const enum tyto_err err = tyto_buf_read(tyto_executor_output_at(visual->exec, i + 1),
                                                row * bytes, visual->found[i], bytes);
        if (err)
            return err;
    }
    *ret_num =
        tyto_detector_find(&visual->file->detector, &graph->values[0], &visual->fits[row],
                           visual->found[0], visual->found[1], min_score, ret_found, max_found);
    return TYTO_OK;
}

const struct tyto_buf *tyto_visual_output(const struct tyto_visual *visual)
{
    return tyto_executor_output(visual->exec);
}
