/* SPDX-License-Identifier: MIT */
#include "trainer/data/kept.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "files/json.h"
#include "files/safetensors.h"
#include "trainer/data/eigen.h"
#include "trainer/data/internal.h"

const char tyto_kept_format[] = "kept/1";

struct tyto_kept_sizes tyto_kept_sizes_of(const struct tyto_cman_dims *dims, uint32_t num_segments,
                                          uint32_t num_classes)
{
    return (struct tyto_kept_sizes){
        .segments = num_segments,
        .audio = dims->audio_width,
        .visual = dims->visual_width,
        .places = dims->num_places,
        .apart = dims->num_places < TYTO_KEPT_MAX_PLACES ? dims->num_places : TYTO_KEPT_MAX_PLACES,
        .classes = num_classes,
    };
}

bool tyto_kept_has_adapters(const struct tyto_cman_weights *head)
{
    return head->tensors[TYTO_CMAN_ADAPT_AUDIO_WEIGHT] &&
           head->tensors[TYTO_CMAN_ADAPT_VISUAL_WEIGHT] && head->fusion == TYTO_CMAN_FUSION_CMAN;
}

void tyto_kept_name_adapters(const struct tyto_cman_weights *head,
                             char ret_hex[TYTO_DIGEST_HEX_BYTES])
{
    static const enum tyto_cman_tensor which[] = {
        TYTO_CMAN_ADAPT_AUDIO_WEIGHT, TYTO_CMAN_ADAPT_AUDIO_BIAS, TYTO_CMAN_ADAPT_VISUAL_WEIGHT,
        TYTO_CMAN_ADAPT_VISUAL_BIAS};
    const struct tyto_cman_dims *d = &head->dims;
    const size_t num[] = {(size_t)d->audio_width * d->audio_in, d->audio_width,
                          (size_t)d->visual_width * d->visual_in, d->visual_width};
    char all[4 * TYTO_DIGEST_HEX_BYTES];
    for (int i = 0; i < 4; i++)
        tyto_digest_hex(head->tensors[which[i]], num[i] * sizeof(float),
                        all + i * TYTO_DIGEST_HEX_BYTES);
    tyto_digest_hex(all, sizeof(all), ret_hex);
}

/* --- reading -------------------------------------------------------------------------------- */

struct kept {
    struct tyto_weights *file;
    struct tyto_kept_sizes s;
    const int8_t *audio, *visual;
    const uint16_t *places;
    const uint8_t *has;
    float *steps[2], *bias[2], *back[2]; /* owned; back (in, width) */
    uint32_t in[2], width[2];
    float *rows, *made; /* owned scratch: (P + 1, V'), (P + 1, V) */
};

static void free_kept(struct kept *kept)
{
    if (!kept)
        return;
    tyto_weights_close(&kept->file);
    for (int i = 0; i < 2; i++) {
        free(kept->steps[i]);
        free(kept->bias[i]);
        free(kept->back[i]);
    }
    free(kept->rows);
    free(kept->made);
    free(kept);
}

static void kept_destroy(struct tyto_dataset *dataset)
{
    free_kept(dataset->self);
}

/* rows of bytes (rows, width) to what the adapter makes them of: ret (rows, in). */
static void undo(const struct kept *kept, int stream, const int8_t *bytes, uint32_t rows,
                 float *ret)
{
    const size_t width = kept->width[stream];
    for (uint32_t r = 0; r < rows; r++)
        for (size_t i = 0; i < width; i++)
            kept->rows[r * width + i] =
                (float)bytes[r * width + i] * kept->steps[stream][i] - kept->bias[stream][i];
    tyto_eigen_product(rows, kept->in[stream], (uint32_t)width, kept->rows, kept->back[stream], 0,
                       ret);
}

static enum tyto_err kept_read(struct tyto_dataset *dataset, uint32_t clip,
                               const struct tyto_dataset_clip *ret)
{
    const struct kept *kept = dataset->self;
    const struct tyto_kept_sizes *s = &kept->s;
    const size_t t_all = s->segments, in = kept->in[1], rows = s->apart + 1;
    memset(ret->audio, 0, t_all * kept->in[0] * sizeof(float));
    if (ret->visual)
        memset(ret->visual, 0, t_all * s->places * in * sizeof(float));
    for (size_t t = 0; t < t_all; t++) {
        const size_t at = clip * t_all + t;
        ret->has_audio[t] = kept->has[2 * clip * t_all + t] != 0;
        ret->has_visual[t] = kept->has[(2 * clip + 1) * t_all + t] != 0;
        if (ret->has_audio[t])
            undo(kept, 0, kept->audio + at * s->audio, 1, ret->audio + t * kept->in[0]);
        if (!ret->visual || !ret->has_visual[t])
            continue;
        undo(kept, 1, kept->visual + at * rows * s->visual, (uint32_t)rows, kept->made);
        float *to = ret->visual + t * s->places * in;
        for (size_t l = 0; l < s->places; l++)
            memcpy(to + l * in, kept->made + s->apart * in, in * sizeof(float));
        for (size_t p = 0; p < s->apart; p++)
            memcpy(to + kept->places[at * s->apart + p] * in, kept->made + p * in,
                   in * sizeof(float));
    }
    return TYTO_OK;
}

/* back (in, width) = W' (W W')^-1 of an adapter's weight W (width, in): W back = 1. */
static enum tyto_err invert(const float *weight, uint32_t width, uint32_t in, float **ret_back)
{
    double *gram = calloc((size_t)width * width, sizeof(double));
    double *values = calloc(width, sizeof(double));
    float *inverse = calloc((size_t)width * width, sizeof(float));
    float *columns = malloc((size_t)in * width * sizeof(float));
    float *back = malloc((size_t)in * width * sizeof(float));
    enum tyto_err err = gram && values && inverse && columns && back ? TYTO_OK : TYTO_ERR_NOMEM;
    for (uint32_t a = 0; a < width && !err; a++)
        for (uint32_t b = 0; b <= a; b++)
            for (uint32_t i = 0; i < in; i++)
                gram[(size_t)a * width + b] +=
                    (double)weight[(size_t)a * in + i] * (double)weight[(size_t)b * in + i];
    if (!err)
        err = tyto_eigen_symmetric(width, gram, values);
    for (uint32_t e = 0; e < width && !err; e++) {
        if (values[e] <= values[0] * 1e-7)
            continue;
        const double *vector = gram + (size_t)e * width;
        for (uint32_t a = 0; a < width; a++)
            for (uint32_t b = 0; b < width; b++)
                inverse[(size_t)a * width + b] += (float)(vector[a] * vector[b] / values[e]);
    }
    for (uint32_t i = 0; i < in && !err; i++)
        for (uint32_t a = 0; a < width; a++)
            columns[(size_t)i * width + a] = weight[(size_t)a * in + i];
    if (!err)
        tyto_eigen_product(in, width, width, columns, inverse, 0, back);
    free(gram);
    free(values);
    free(inverse);
    free(columns);
    if (err)
        free(back);
    else
        *ret_back = back;
    return err;
}

static enum tyto_err open_stream(struct kept *kept, const struct tyto_cman_weights *head,
                                 int stream, struct tyto_fault *ret_fault)
{
    const struct tyto_cman_dims *d = &head->dims;
    const float *weight =
        head->tensors[stream ? TYTO_CMAN_ADAPT_VISUAL_WEIGHT : TYTO_CMAN_ADAPT_AUDIO_WEIGHT];
    const float *bias =
        head->tensors[stream ? TYTO_CMAN_ADAPT_VISUAL_BIAS : TYTO_CMAN_ADAPT_AUDIO_BIAS];
    const uint32_t width = stream ? d->visual_width : d->audio_width;
    const uint64_t dims[] = {width};
    kept->in[stream] = stream ? d->visual_in : d->audio_in;
    kept->width[stream] = width;
    kept->steps[stream] = calloc(width, sizeof(float));
    kept->bias[stream] = calloc(width, sizeof(float));
    if (!kept->steps[stream] || !kept->bias[stream])
        return TYTO_ERR_NOMEM;
    memcpy(kept->bias[stream], bias, width * sizeof(float));
    const enum tyto_err err = tyto_weights_read(kept->file, stream ? "visual_steps" : "audio_steps",
                                                1, dims, kept->steps[stream], ret_fault);
    return err ? err : invert(weight, width, kept->in[stream], &kept->back[stream]);
}

/* The tensor when it has this type and shape, else NULL. */
static const void *find(const struct tyto_weights *file, const char *name, enum tyto_dtype dtype,
                        uint32_t num_dims, const uint64_t *dims)
{
    const struct tyto_tensor *tensor = tyto_weights_find(file, name);
    if (!tensor || tensor->dtype != dtype || tensor->num_dims != num_dims ||
        memcmp(tensor->dims, dims, num_dims * sizeof(*dims)) != 0)
        return NULL;
    return tensor->data;
}

static enum tyto_err fill_truth(struct tyto_dataset *dataset, const struct tyto_json *names,
                                const uint8_t *truth, const uint32_t *len, uint32_t num)
{
    const size_t to_classes = dataset->shape.num_classes, t_all = dataset->shape.num_segments;
    for (uint32_t k = 0; k < num; k++) {
        const char *name = tyto_json_string(tyto_json_at(names, k));
        uint32_t to = 0;
        while (name && to < to_classes && strcmp(dataset->classes[to], name) != 0)
            to++;
        if (!name || to == to_classes)
            return TYTO_ERR_SHAPE;
        for (size_t row = 0; row < dataset->shape.num_clips * t_all; row++) {
            const uint8_t bits = truth[row * num + k] & TYTO_TRUTH_BOTH;
            dataset->truth[row * to_classes + to] = bits;
            dataset->clip_truth[row / t_all * to_classes + to] |= bits;
        }
    }
    for (uint32_t i = 0; i < dataset->shape.num_clips; i++) {
        char text[32];
        if (len[i] == 0 || len[i] > t_all)
            return TYTO_ERR_FORMAT;
        dataset->len[i] = len[i];
        snprintf(text, sizeof(text), "kept %u", i + 1);
        dataset->names[i] = strdup(text);
        if (!dataset->names[i])
            return TYTO_ERR_NOMEM;
    }
    return TYTO_OK;
}

/* Data set and its truth, from a file that is open. */
static enum tyto_err read_all(struct kept *kept, const struct tyto_cman_weights *head,
                              const char (*classes)[TYTO_DATASET_NAME_BYTES], uint32_t num_classes,
                              struct tyto_dataset **ret_dataset, struct tyto_fault *ret_fault)
{
    static const struct tyto_dataset_ops ops = {.read = kept_read, .destroy = kept_destroy};
    const struct tyto_cman_dims *d = &head->dims;
    const struct tyto_tensor *all = tyto_weights_find(kept->file, "truth");
    const char *text = tyto_weights_meta(kept->file, "tyto.classes");
    const char *hop = tyto_weights_meta(kept->file, "tyto.segment_ns");
    if (!all || all->num_dims != 3 || !text || all->dims[0] == 0 || all->dims[0] > UINT32_MAX ||
        all->dims[1] == 0 || all->dims[1] > TYTO_CMAN_MAX_SEGMENTS ||
        all->dims[2] > TYTO_CMAN_MAX_CLASSES)
        return TYTO_ERR_FORMAT;
    const uint64_t n = all->dims[0], t = all->dims[1], k = all->dims[2];
    kept->s = tyto_kept_sizes_of(d, (uint32_t)t, (uint32_t)k);
    const struct tyto_kept_sizes *s = &kept->s;
    const uint8_t *truth = find(kept->file, "truth", TYTO_DTYPE_U8, 3, (uint64_t[]){n, t, k});
    const uint32_t *len = find(kept->file, "len", TYTO_DTYPE_U32, 1, (uint64_t[]){n});
    kept->audio = find(kept->file, "audio", TYTO_DTYPE_I8, 3, (uint64_t[]){n, t, s->audio});
    kept->visual =
        find(kept->file, "visual", TYTO_DTYPE_I8, 4, (uint64_t[]){n, t, s->apart + 1, s->visual});
    kept->places = find(kept->file, "places", TYTO_DTYPE_U16, 3, (uint64_t[]){n, t, s->apart});
    kept->has = find(kept->file, "has", TYTO_DTYPE_U8, 3, (uint64_t[]){n, 2, t});
    if (!truth || !len || !kept->audio || !kept->visual || !kept->places || !kept->has)
        return TYTO_ERR_FORMAT;
    for (size_t i = 0; i < n * t * s->apart; i++)
        if (kept->places[i] >= s->places)
            return TYTO_ERR_FORMAT;
    kept->rows =
        malloc((s->apart + 1) * (s->visual > s->audio ? s->visual : s->audio) * sizeof(float));
    kept->made = malloc((s->apart + 1) * (size_t)d->visual_in * sizeof(float));
    enum tyto_err err = kept->rows && kept->made ? TYTO_OK : TYTO_ERR_NOMEM;
    for (int i = 0; i < 2 && !err; i++)
        err = open_stream(kept, head, i, ret_fault);
    const struct tyto_dataset_shape shape = {.num_clips = (uint32_t)n,
                                             .num_segments = (uint32_t)t,
                                             .audio_in = d->audio_in,
                                             .num_places = d->num_places,
                                             .visual_in = d->visual_in,
                                             .num_classes = num_classes};
    struct tyto_dataset *dataset = NULL;
    struct tyto_json *names = NULL;
    if (!err)
        err = tyto_dataset_create(&shape, &dataset);
    if (!err)
        err = tyto_json_parse(text, strlen(text), &names, NULL, 0);
    if (!err) {
        memcpy(dataset->classes, classes, num_classes * sizeof(*dataset->classes));
        snprintf(dataset->audio_encoder, sizeof(dataset->audio_encoder), "%s", head->audio_encoder);
        snprintf(dataset->visual_encoder, sizeof(dataset->visual_encoder), "%s",
                 head->visual_encoder);
        const long long ns = hop ? strtoll(hop, NULL, 10) : 0;
        dataset->segment_ns = ns > 0 ? ns : dataset->segment_ns;
        err = fill_truth(dataset, names, truth, len, (uint32_t)k);
    }
    tyto_json_destroy(&names);
    if (err) {
        if (dataset)
            tyto_dataset_destroy(&dataset);
        return err;
    }
    dataset->ops = &ops;
    dataset->self = kept;
    *ret_dataset = dataset;
    return TYTO_OK;
}

enum tyto_err tyto_kept_open(const char *path, const struct tyto_cman_weights *head,
                             const char (*classes)[TYTO_DATASET_NAME_BYTES], uint32_t num_classes,
                             struct tyto_dataset **ret_dataset, struct tyto_fault *ret_fault)
{
    struct kept *kept = calloc(1, sizeof(*kept));
    char adapters[TYTO_DIGEST_HEX_BYTES];
    if (!kept)
        return TYTO_ERR_NOMEM;
    enum tyto_err err = tyto_weights_open(path, &kept->file, ret_fault);
    if (err) {
        free_kept(kept);
        return err;
    }
    const char *is = tyto_weights_meta(kept->file, "tyto.format");
    const char *of = tyto_weights_meta(kept->file, "tyto.adapters");
    if (!is || strcmp(is, tyto_kept_format) != 0 || !of) {
        err = tyto_fault_set(ret_fault, TYTO_ERR_FORMAT, path, 0, "tyto.format",
                             "is no set of kept clips (%s)", tyto_kept_format);
    } else if (!tyto_kept_has_adapters(head)) {
        err = tyto_fault_set(ret_fault, TYTO_ERR_SHAPE, path, 0, NULL, "the head has no adapters");
    } else {
        tyto_kept_name_adapters(head, adapters);
        if (strcmp(adapters, of) != 0)
            err = tyto_fault_set(ret_fault, TYTO_ERR_SHAPE, path, 0, "tyto.adapters",
                                 "was made for another head: make one with tyto adapt --keep");
    }
    if (!err) {
        err = read_all(kept, head, classes, num_classes, ret_dataset, ret_fault);
        if (err == TYTO_ERR_FORMAT || err == TYTO_ERR_SHAPE)
            err = tyto_fault_set(ret_fault, err, path, 0, NULL,
                                 "its tensors or classes do not fit the head");
    }
    if (err)
        free_kept(kept);
    return err;
}
