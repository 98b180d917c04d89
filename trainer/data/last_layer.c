/* SPDX-License-Identifier: MIT */
#include "trainer/data/last_layer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/graph/file.h"
#include "model/graph/last.h"
#include "trainer/data/eigen.h"

static const char note[] = ", last layer tuned by tyto train";

/* --- the encoder's file ---------------------------------------------------------------------- */

static enum tyto_err read_file(const char *path, struct tyto_encoder_file **ret_file,
                               struct tyto_fault *ret_fault)
{
    const enum tyto_err err = tyto_encoder_file_read(path, ret_file, ret_fault);

    if (err || tyto_graph_last(&(*ret_file)->graph))
        return err;
    tyto_encoder_file_destroy(ret_file);
    return tyto_fault_set(ret_fault, TYTO_ERR_UNSUPPORTED, path, 0, "tyto.graph",
                          "does not end in a 1x1 convolution, so its last layer cannot be tuned");
}

enum tyto_err tyto_last_layer_read(const char *path, struct tyto_last_layer *ret_layer,
                                   struct tyto_fault *ret_fault)
{
    struct tyto_encoder_file *file = NULL;
    struct tyto_last_layer layer = {0};
    enum tyto_err err = read_file(path, &file, ret_fault);

    if (err)
        return err;
    const struct tyto_layer *last = tyto_graph_last(&file->graph);
    layer.in = file->graph.values[last->in_idx[0]].c;
    layer.out = file->graph.values[last->out_idx].c;
    layer.act = last->act;
    const size_t num = (size_t)layer.out * layer.in;
    layer.weight = malloc(num * sizeof(float));
    layer.bias = malloc(layer.out * sizeof(float));
    if (layer.weight && layer.bias) {
        memcpy(layer.weight, last->weight, num * sizeof(float));
        memcpy(layer.bias, last->bias, layer.out * sizeof(float));
        *ret_layer = layer;
    } else {
        tyto_last_layer_finish(&layer);
        err = TYTO_ERR_NOMEM;
    }
    tyto_encoder_file_destroy(&file);
    return err;
}

void tyto_last_layer_finish(struct tyto_last_layer *layer)
{
    free(layer->weight);
    free(layer->bias);
    *layer = (struct tyto_last_layer){0};
}

enum tyto_err tyto_last_layer_write(const struct tyto_last_layer *layer, const char *from,
                                    const char *to, struct tyto_fault *ret_fault)
{
    struct tyto_encoder_file *file = NULL;
    enum tyto_err err = read_file(from, &file, ret_fault);

    if (err)
        return err;
    struct tyto_layer *last = tyto_graph_last(&file->graph);
    if (file->graph.values[last->in_idx[0]].c != layer->in ||
        file->graph.values[last->out_idx].c != layer->out)
        err = tyto_fault_set(ret_fault, TYTO_ERR_SHAPE, from, 0, "tyto.graph",
                             "its last layer is not %u x %u", layer->out, layer->in);
    last->weight = layer->weight; /* borrowed: the file's own are freed with it */
    last->bias = layer->bias;
    if (!strstr(file->source, note)) {
        const size_t room = sizeof(file->source) - sizeof(note);
        const size_t len = strnlen(file->source, room);

        memcpy(file->source + len, note, sizeof(note));
    }
    if (!err)
        err = tyto_encoder_file_write(file, to, ret_fault);
    tyto_encoder_file_destroy(&file);
    return err;
}

/* --- data sets through it -------------------------------------------------------------------- */

struct through {
    struct tyto_dataset *base;
    const struct tyto_last_layer *layer;
    float *visual; /* (T, L, in) */
};

static enum tyto_err through_read(struct tyto_dataset *dataset, uint32_t clip,
                                  const struct tyto_dataset_clip *ret)
{
    const struct through *through = dataset->self;
    const struct tyto_last_layer *layer = through->layer;
    const size_t places = dataset->shape.num_places;
    const float high = layer->act == TYTO_ACT_RELU6 ? 6.0f : 3.4e38f;
    struct tyto_dataset_clip in = *ret;
    enum tyto_err err = TYTO_OK;

    in.visual = ret->visual ? through->visual : NULL;
    err = tyto_dataset_read(through->base, clip, &in);
    for (size_t t = 0; t < dataset->shape.num_segments && !err && ret->visual; t++) {
        float *to = ret->visual + t * places * layer->out;

        memset(to, 0, places * layer->out * sizeof(*to));
        if (!ret->has_visual[t])
            continue;
        for (size_t l = 0; l < places; l++)
            memcpy(to + l * layer->out, layer->bias, layer->out * sizeof(*to));
        tyto_eigen_product((uint32_t)places, layer->out, layer->in,
                           through->visual + t * places * layer->in, layer->weight, 1, to);
        for (size_t i = 0; i < places * layer->out && layer->act != TYTO_ACT_NONE; i++)
            to[i] = to[i] < 0 ? 0 : to[i] > high ? high : to[i];
    }
    return err;
}

static void through_destroy(struct tyto_dataset *dataset)
{
    struct through *through = dataset->self;

    if (through)
        free(through->visual);
    free(through);
}

enum tyto_err tyto_last_layer_dataset(struct tyto_dataset *dataset,
                                      const struct tyto_last_layer *layer,
                                      struct tyto_dataset **ret_dataset)
{
    static const struct tyto_dataset_ops ops = {through_read, through_destroy};
    struct tyto_dataset_shape shape = dataset->shape;
    struct tyto_dataset *made = NULL;
    struct through *through = NULL;
    enum tyto_err err = TYTO_OK;

    if (shape.visual_in != layer->in)
        return TYTO_ERR_SHAPE;
    shape.visual_in = layer->out;
    err = tyto_dataset_create(&shape, &made);
    if (!err)
        err = tyto_dataset_copy_truth(made, dataset, NULL);
    if (!err) {
        through = calloc(1, sizeof(*through));
        if (through)
            through->visual =
                malloc((size_t)shape.num_segments * shape.num_places * layer->in * sizeof(float));
        if (!through || !through->visual)
            err = TYTO_ERR_NOMEM;
    }
    if (err) {
        free(through);
        tyto_dataset_destroy(&made);
        return err;
    }
    through->base = dataset;
    through->layer = layer;
    made->self = through;
    made->ops = &ops;
    *ret_dataset = made;
    return TYTO_OK;
}
