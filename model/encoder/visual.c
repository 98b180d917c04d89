/* SPDX-License-Identifier: MIT */
/* The visual encoder: a front end (kernels or plain C, whichever the executor's
 * input wants), then the network. */
#include <stdlib.h>

#include "model/encoder/encoder.h"
#include "model/encoder/resize_cpu.h"
#include "model/encoder/visual_front.h"
#include "model/graph/file.h"
#include "model/graph/last.h"

/* The network for one shape of pictures, with its front end. */
struct eye {
    const struct tyto_graph *graph; /* of the file; NULL: there is none for this shape */
    const struct tyto_detector *detector;
    struct tyto_executor *exec; /* NULL: not needed yet */
    uint64_t row_floats;        /* of the network's input */
    struct tyto_image_resize_shape shape;
    struct tyto_image_resize_cpu *plain; /* one of these two */
    struct tyto_visual_front *front;
};

enum { WIDE, TALL, NUM_EYES };

/* What became of a picture of the last run. */
struct seen {
    struct tyto_picture_fit fit;
    uint32_t eye, row; /* row of the eye's scores and boxes */
};

struct tyto_visual {
    struct tyto_encoder_file *file;
    struct tyto_visual_params params; /* without the path; gpu and log are borrowed */
    struct eye eyes[NUM_EYES];
    struct seen *seen;         /* (max_batch) */
    struct tyto_frame *sorted; /* (max_batch): of one eye */
    uint32_t num_seen;
    float *row;      /* one row of features, on its way from one eye's output to the other's */
    float *found[2]; /* one row of the detector's scores and boxes; NULL without a detector */
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

static enum tyto_err create_front(struct eye *eye, const struct tyto_encoder_file *file,
                                  struct tyto_gpu *gpu)
{
    struct tyto_image_resize_shape *shape = &eye->shape;
    for (int c = 0; c < 3; c++) {
        shape->mean[c] = file->mean[c];
        shape->scale[c] = file->scale[c];
    }
    if (tyto_executor_kind(eye->exec) == TYTO_EXEC_CPU)
        return tyto_image_resize_cpu_create(shape, &eye->plain);
    return tyto_visual_front_create(gpu, shape, tyto_executor_input(eye->exec), &eye->front);
}

/* The tall eye is opened by the first tall picture: most cameras have none. */
static enum tyto_err open_eye(struct tyto_visual *visual, uint32_t idx)
{
    struct eye *eye = &visual->eyes[idx];
    if (eye->exec)
        return TYTO_OK;
    const struct tyto_executor_params params = {
        .graph = eye->graph,
        .gpu = visual->params.gpu,
        .exec = idx == TALL ? tyto_visual_exec(visual) : visual->params.exec,
        .max_batch = visual->params.max_batch,
        .num_threads = visual->params.num_threads,
        .log = visual->params.log,
    };
    enum tyto_err err = tyto_executor_create(&params, &eye->exec);
    if (!err)
        err = create_front(eye, visual->file, visual->params.gpu);
    if (err) { /* another picture may try again */
        tyto_visual_front_destroy(&eye->front);
        tyto_image_resize_cpu_destroy(&eye->plain);
        tyto_executor_destroy(&eye->exec);
    }
    return err;
}

static void set_eye(struct tyto_visual *visual, uint32_t idx, const struct tyto_graph *graph,
                    const struct tyto_detector *detector)
{
    const struct tyto_value *in = &graph->values[0];
    visual->eyes[idx] = (struct eye){
        .graph = graph,
        .detector = visual->file->has_detector ? detector : NULL,
        .row_floats = tyto_value_num_floats(in),
        .shape = {.out_w = in->w,
                  .out_h = in->h,
                  .letterbox = visual->file->fit == TYTO_FIT_LETTERBOX},
    };
}

/* Room for what a run leaves behind. */
static enum tyto_err create_seen(struct tyto_visual *visual)
{
    const struct tyto_graph *graph = &visual->file->graph;
    const uint32_t max_batch = visual->params.max_batch;
    const uint64_t row = tyto_value_num_floats(&graph->values[graph->out_idx]);
    visual->seen = calloc(max_batch, sizeof(*visual->seen));
    visual->sorted = calloc(max_batch, sizeof(*visual->sorted));
    visual->row = malloc((size_t)row * sizeof(float));
    bool complete = visual->seen && visual->sorted && visual->row;
    for (uint32_t i = 0; i < 2 && visual->file->has_detector; i++) {
        const uint64_t num = tyto_value_num_floats(&graph->values[tyto_graph_out(graph, i + 1)]);
        visual->found[i] = malloc((size_t)num * sizeof(float));
        complete &= visual->found[i] != NULL;
    }
    return complete ? TYTO_OK : TYTO_ERR_NOMEM;
}

static enum tyto_err cut_last(struct tyto_visual *visual, const char *path,
                              struct tyto_fault *ret_fault)
{
    struct tyto_encoder_file *file = visual->file;
    if (!visual->params.cuts_last || (tyto_graph_cut_last(&file->graph) == TYTO_OK &&
                                      (!file->has_tall || !tyto_graph_cut_last(&file->tall))))
        return TYTO_OK;
    return tyto_fault_set(ret_fault, TYTO_ERR_UNSUPPORTED, path, 0, "tyto.graph",
                          "does not end in a 1x1 convolution behind other layers: its last layer "
                          "cannot be learnt (encoders imported with --detector or --letterbox "
                          "have columns behind it)");
}

enum tyto_err tyto_visual_create(const struct tyto_visual_params *params,
                                 struct tyto_visual **ret_visual, struct tyto_fault *ret_fault)
{
    struct tyto_visual *visual = calloc(1, sizeof(*visual));
    if (!visual)
        return TYTO_ERR_NOMEM;

    visual->params = *params;
    visual->params.weights_path = NULL;
    enum tyto_err err = read_file(params->weights_path, &visual->file, ret_fault);
    if (!err)
        err = cut_last(visual, params->weights_path, ret_fault);
    if (!err) {
        set_eye(visual, WIDE, &visual->file->graph, &visual->file->detector);
        if (visual->file->has_tall)
            set_eye(visual, TALL, &visual->file->tall, &visual->file->tall_detector);
        err = open_eye(visual, WIDE);
        if (!err)
            err = create_seen(visual);
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
    for (uint32_t i = 0; i < NUM_EYES; i++) {
        struct eye *eye = &(*visual)->eyes[i];
        tyto_visual_front_destroy(&eye->front);
        tyto_image_resize_cpu_destroy(&eye->plain);
        tyto_executor_destroy(&eye->exec);
    }
    tyto_encoder_file_destroy(&(*visual)->file);
    free((*visual)->seen);
    free((*visual)->sorted);
    free((*visual)->row);
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
    return tyto_executor_kind(visual->eyes[WIDE].exec);
}

static uint32_t eye_for(const struct tyto_visual *visual, uint32_t width, uint32_t height)
{
    return height > width && visual->eyes[TALL].graph ? TALL : WIDE;
}

struct tyto_picture_fit tyto_visual_fit(const struct tyto_visual *visual, uint32_t width,
                                        uint32_t height, uint32_t *ret_places_y,
                                        uint32_t *ret_places_x)
{
    const struct eye *eye = &visual->eyes[eye_for(visual, width, height)];
    const struct tyto_value *out = &eye->graph->values[eye->graph->out_idx];
    const struct tyto_image_resize_shape *shape = &eye->shape;
    const struct tyto_image_resize_rect rect = tyto_image_resize_rect(shape, width, height);
    *ret_places_y = out->h;
    *ret_places_x = out->w;
    return (struct tyto_picture_fit){.left = (float)rect.left / (float)shape->out_w,
                                     .top = (float)rect.top / (float)shape->out_h,
                                     .width = (float)rect.width / (float)shape->out_w,
                                     .height = (float)rect.height / (float)shape->out_h};
}

/* --- running ---------------------------------------------------------------------------- */

static enum tyto_err run_plain(const struct eye *eye, const struct tyto_frame *frames,
                               uint32_t num_frames)
{
    float *rows = tyto_buf_map(tyto_executor_input(eye->exec));
    enum tyto_err err = TYTO_OK;

    for (uint32_t i = 0; i < num_frames && !err; i++)
        err = tyto_image_resize_cpu_run(eye->plain, &frames[i], rows + i * eye->row_floats);
    return err;
}

static enum tyto_err run_eye(struct tyto_visual *visual, uint32_t idx, uint32_t num_frames)
{
    struct eye *eye = &visual->eyes[idx];
    enum tyto_err err = open_eye(visual, idx);
    if (!err)
        err = eye->plain ? run_plain(eye, visual->sorted, num_frames)
                         : tyto_visual_front_run(eye->front, visual->sorted, num_frames);
    return err ? err : tyto_executor_run(eye->exec, num_frames);
}

/* The wide eye's output gets the tall one's rows between its own. From the last row down: what is
 * still to be moved lies before its place. */
static enum tyto_err merge_rows(struct tyto_visual *visual, uint32_t num_frames)
{
    const struct tyto_graph *graph = &visual->file->graph;
    const uint64_t bytes = tyto_value_num_floats(&graph->values[graph->out_idx]) * sizeof(float);
    struct tyto_buf *out = tyto_executor_output_rows(visual->eyes[WIDE].exec);
    enum tyto_err err = TYTO_OK;

    for (uint32_t i = num_frames; i-- > 0 && !err;) {
        const struct seen *seen = &visual->seen[i];
        if (seen->eye == WIDE && seen->row == i)
            continue;
        err = tyto_buf_read(tyto_executor_output(visual->eyes[seen->eye].exec), seen->row * bytes,
                            visual->row, bytes);
        if (!err)
            err = tyto_buf_write(out, i * bytes, visual->row, bytes);
    }
    return err;
}

enum tyto_err tyto_visual_run(struct tyto_visual *visual, const struct tyto_frame *frames,
                              uint32_t num_frames)
{
    if (num_frames == 0 || num_frames > visual->params.max_batch)
        return TYTO_ERR_INVALID;
    uint32_t num[NUM_EYES] = {0};
    enum tyto_err err = TYTO_OK;

    visual->num_seen = 0;
    for (uint32_t e = 0; e < NUM_EYES && !err; e++) {
        for (uint32_t i = 0; i < num_frames; i++) {
            if (eye_for(visual, frames[i].width, frames[i].height) != e)
                continue;
            visual->seen[i] = (struct seen){.eye = e, .row = num[e]};
            visual->sorted[num[e]++] = frames[i];
        }
        if (num[e] > 0)
            err = run_eye(visual, e, num[e]);
    }
    if (!err && num[TALL] > 0)
        err = merge_rows(visual, num_frames);
    for (uint32_t i = 0; i < num_frames && !err; i++) {
        uint32_t rows, cols;
        visual->seen[i].fit =
            tyto_visual_fit(visual, frames[i].width, frames[i].height, &rows, &cols);
    }
    visual->num_seen = err ? 0 : num_frames;
    return err;
}

const struct tyto_buf *tyto_visual_output(const struct tyto_visual *visual)
{
    return tyto_executor_output(visual->eyes[WIDE].exec);
}

const struct tyto_detector *tyto_visual_detector(const struct tyto_visual *visual)
{
    return visual->eyes[WIDE].detector;
}

enum tyto_err tyto_visual_find(struct tyto_visual *visual, uint32_t row, float min_score,
                               struct tyto_detection *ret_found, uint32_t max_found,
                               uint32_t *ret_num)
{
    if (!visual->file->has_detector || row >= visual->num_seen || !(min_score > 0.0f) ||
        !(min_score < 1.0f))
        return TYTO_ERR_INVALID;
    const struct seen *seen = &visual->seen[row];
    const struct eye *eye = &visual->eyes[seen->eye];
    for (uint32_t i = 0; i < 2; i++) {
        const struct tyto_value *out = &eye->graph->values[tyto_graph_out(eye->graph, i + 1)];
        const uint64_t bytes = tyto_value_num_floats(out) * sizeof(float);
        const enum tyto_err err = tyto_buf_read(tyto_executor_output_at(eye->exec, i + 1),
                                                seen->row * bytes, visual->found[i], bytes);
        if (err)
            return err;
    }
    *ret_num =
        tyto_detector_find(eye->detector, &eye->graph->values[0], &seen->fit, visual->found[0],
                           visual->found[1], min_score, ret_found, max_found);
    return TYTO_OK;
}
