/* SPDX-License-Identifier: MIT */
#include "trainer/data/kept.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "files/json.h"
#include "files/safetensors.h"
#include "trainer/data/eigen.h"

enum { BACKGROUND_EVERY = 8 /* one clip of so many is without any class */ };

static const char format[] = "kept/1";

/* What a clip is made of. */
struct sizes {
    size_t segments, audio, visual, places, apart, classes; /* T, A', V', L, P, K */
};

static struct sizes sizes_of(const struct tyto_cman_dims *dims, uint32_t num_segments,
                             uint32_t num_classes)
{
    return (struct sizes){
        .segments = num_segments,
        .audio = dims->audio_width,
        .visual = dims->visual_width,
        .places = dims->num_places,
        .apart = dims->num_places < TYTO_KEPT_MAX_PLACES ? dims->num_places : TYTO_KEPT_MAX_PLACES,
        .classes = num_classes,
    };
}

static bool has_adapters(const struct tyto_cman_weights *head)
{
    return head->tensors[TYTO_CMAN_ADAPT_AUDIO_WEIGHT] &&
           head->tensors[TYTO_CMAN_ADAPT_VISUAL_WEIGHT] && head->fusion == TYTO_CMAN_FUSION_CMAN;
}

/* Tells heads with the same adapters from others: a sum that other values change. */
static void name_adapters(const struct tyto_cman_weights *head, char ret_hex[TYTO_DIGEST_HEX_BYTES])
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

/* --- writing: which clips ------------------------------------------------------------------- */

/* Greedy: each step takes the clip whose classes are rarest among those taken. Classes count for
 * each of heard, seen and both. */
static uint32_t choose(const struct tyto_dataset *data, uint32_t max, uint32_t *ret_clips)
{
    const uint32_t num = data->shape.num_clips, classes = data->shape.num_classes;
    float *taken = calloc((size_t)classes * 4, sizeof(*taken));
    bool *is_used = calloc(num, sizeof(*is_used));
    uint32_t chosen = 0;
    for (; taken && is_used && chosen < max && chosen < num; chosen++) {
        uint32_t best = UINT32_MAX;
        float best_worth = -1;
        for (uint32_t i = 0; i < num; i++) {
            float worth = 0;
            for (uint32_t k = 0; k < classes; k++) {
                const uint8_t truth = data->clip_truth[(size_t)i * classes + k];
                if (truth)
                    worth = fmaxf(worth, 1 / (1 + taken[k * 4 + (truth & 3)]));
            }
            const bool wants_none = chosen % BACKGROUND_EVERY == BACKGROUND_EVERY - 1;
            if (worth == 0)
                worth = wants_none ? 2 : 0;
            if (!is_used[i] && !data->is_weak[i] && worth > best_worth) {
                best = i;
                best_worth = worth;
            }
        }
        if (best == UINT32_MAX)
            break;
        is_used[best] = true;
        ret_clips[chosen] = best;
        for (uint32_t k = 0; k < classes; k++) {
            const uint8_t truth = data->clip_truth[(size_t)best * classes + k];
            if (truth)
                taken[k * 4 + (truth & 3)]++;
        }
    }
    free(taken);
    free(is_used);
    return chosen;
}

/* --- writing: a clip ----------------------------------------------------------------------------
 */

struct writing {
    const struct tyto_kept_params *params;
    struct sizes s;
    uint32_t num;
    float *audio, *visual; /* (N, T, A'), (N, T, P + 1, V'): the last row is the mean */
    uint16_t *places;      /* (N, T, P) */
    uint8_t *has, *truth;  /* (N, 2, T), (N, T, K) */
    uint32_t *len;         /* (N) */
    struct tyto_dataset_clip clip;
    float *projected, *distances;
};

static void project(const float *in, uint32_t rows, uint32_t k, uint32_t n, const float *weight,
                    const float *bias, float *out)
{
    for (uint32_t row = 0; row < rows; row++)
        memcpy(out + (size_t)row * n, bias, n * sizeof(*out));
    tyto_eigen_product(rows, n, k, in, weight, 1, out);
}

/* Splits a picture's places (L, V') into those kept apart and the mean of the others. */
static void split_places(struct writing *w, const float *rows, uint16_t *ret_places,
                         float *ret_rows)
{
    const size_t width = w->s.visual, num = w->s.places, apart = w->s.apart;
    float *mean = ret_rows + apart * width;
    memset(mean, 0, width * sizeof(*mean));
    for (size_t l = 0; l < num; l++)
        for (size_t i = 0; i < width; i++)
            mean[i] += rows[l * width + i] / (float)num;
    for (size_t l = 0; l < num; l++) {
        w->distances[l] = 0;
        for (size_t i = 0; i < width; i++) {
            const float off = rows[l * width + i] - mean[i];
            w->distances[l] += off * off;
        }
    }
    memset(mean, 0, width * sizeof(*mean));
    for (size_t p = 0; p < apart; p++) {
        size_t best = 0;
        for (size_t l = 1; l < num; l++)
            if (w->distances[l] > w->distances[best])
                best = l;
        w->distances[best] = -1;
        ret_places[p] = (uint16_t)best;
        memcpy(ret_rows + p * width, rows + best * width, width * sizeof(*rows));
    }
    for (size_t l = 0; l < num; l++)
        for (size_t i = 0; i < width && w->distances[l] >= 0; i++)
            mean[i] += rows[l * width + i] / (float)(num - apart);
}

static enum tyto_err take_clip(struct writing *w, uint32_t n, uint32_t clip)
{
    struct tyto_dataset *data = w->params->dataset;
    const struct tyto_cman_weights *head = w->params->head;
    const struct tyto_cman_dims *d = &head->dims;
    const struct sizes *s = &w->s;
    const size_t t_all = s->segments, rows = s->apart + 1;
    const enum tyto_err err = tyto_dataset_read(data, clip, &w->clip);
    for (size_t t = 0; t < data->len[clip] && !err; t++) {
        const size_t at = n * t_all + t;
        w->has[(2 * n) * t_all + t] = w->clip.has_audio[t];
        w->has[(2 * n + 1) * t_all + t] = w->clip.has_visual[t];
        if (w->clip.has_audio[t])
            project(w->clip.audio + t * d->audio_in, 1, d->audio_in, d->audio_width,
                    head->tensors[TYTO_CMAN_ADAPT_AUDIO_WEIGHT],
                    head->tensors[TYTO_CMAN_ADAPT_AUDIO_BIAS], w->audio + at * s->audio);
        if (!w->clip.has_visual[t])
            continue;
        project(w->clip.visual + t * d->num_places * d->visual_in, d->num_places, d->visual_in,
                d->visual_width, head->tensors[TYTO_CMAN_ADAPT_VISUAL_WEIGHT],
                head->tensors[TYTO_CMAN_ADAPT_VISUAL_BIAS], w->projected);
        split_places(w, w->projected, w->places + at * s->apart, w->visual + at * rows * s->visual);
    }
    memcpy(w->truth + n * t_all * s->classes, data->truth + clip * t_all * s->classes,
           t_all * s->classes);
    w->len[n] = data->len[clip];
    return err;
}

/* (rows, width) to bytes of -127..127, in steps of ret_steps (width). */
static void quantise(const float *values, size_t rows, size_t width, int8_t *ret_bytes,
                     float *ret_steps)
{
    for (size_t i = 0; i < width; i++) {
        float most = 0;
        for (size_t r = 0; r < rows; r++)
            most = fmaxf(most, fabsf(values[r * width + i]));
        ret_steps[i] = most > 0 ? most / 127 : 1;
        for (size_t r = 0; r < rows; r++)
            ret_bytes[r * width + i] = (int8_t)lrintf(values[r * width + i] / ret_steps[i]);
    }
}

static char *print_classes(const struct tyto_dataset *data)
{
    struct tyto_json *json = tyto_json_new_array();
    for (uint32_t k = 0; k < data->shape.num_classes; k++)
        tyto_json_push(&json, tyto_json_new_string(data->classes[k]));
    char *text = tyto_json_print(json);
    tyto_json_destroy(&json);
    return text;
}

static enum tyto_err write_file(const char *path, struct writing *w, struct tyto_fault *ret_fault)
{
    const struct sizes *s = &w->s;
    const size_t segments = w->num * s->segments, rows = segments * (s->apart + 1);
    int8_t *audio = malloc(segments * s->audio), *visual = malloc(rows * s->visual);
    float *audio_steps = calloc(s->audio, sizeof(float));
    float *visual_steps = calloc(s->visual, sizeof(float));
    char *classes = print_classes(w->params->dataset), adapters[TYTO_DIGEST_HEX_BYTES], hop[32];
    enum tyto_err err =
        audio && visual && audio_steps && visual_steps && classes ? TYTO_OK : TYTO_ERR_NOMEM;
    if (!err) {
        quantise(w->audio, segments, s->audio, audio, audio_steps);
        quantise(w->visual, rows, s->visual, visual, visual_steps);
        name_adapters(w->params->head, adapters);
        snprintf(hop, sizeof(hop), "%lld", (long long)w->params->dataset->segment_ns);
        const uint64_t n = w->num, t = s->segments, p = s->apart;
        const struct tyto_tensor tensors[] = {
            {"audio", TYTO_DTYPE_I8, 3, {n, t, s->audio}, 0, 0, audio},
            {"visual", TYTO_DTYPE_I8, 4, {n, t, p + 1, s->visual}, 0, 0, visual},
            {"places", TYTO_DTYPE_U16, 3, {n, t, p}, 0, 0, w->places},
            {"has", TYTO_DTYPE_U8, 3, {n, 2, t}, 0, 0, w->has},
            {"truth", TYTO_DTYPE_U8, 3, {n, t, s->classes}, 0, 0, w->truth},
            {"len", TYTO_DTYPE_U32, 1, {n}, 0, 0, w->len},
            {"audio_steps", TYTO_DTYPE_F32, 1, {s->audio}, 0, 0, audio_steps},
            {"visual_steps", TYTO_DTYPE_F32, 1, {s->visual}, 0, 0, visual_steps},
        };
        const struct tyto_meta metas[] = {
            {"tyto.format", format},
            {"tyto.classes", classes},
            {"tyto.adapters", adapters},
            {"tyto.segment_ns", hop},
            {"tyto.audio_encoder", w->params->dataset->audio_encoder},
            {"tyto.visual_encoder", w->params->dataset->visual_encoder}};
        err = tyto_weights_write(path, tensors, sizeof(tensors) / sizeof(*tensors), metas,
                                 sizeof(metas) / sizeof(*metas), ret_fault);
    }
    free(audio);
    free(visual);
    free(audio_steps);
    free(visual_steps);
    free(classes);
    return err;
}

static enum tyto_err make_room(struct writing *w)
{
    const struct sizes *s = &w->s;
    const struct tyto_cman_dims *d = &w->params->head->dims;
    const size_t segments = w->num * s->segments;
    w->audio = calloc(segments * s->audio, sizeof(float));
    w->visual = calloc(segments * (s->apart + 1) * s->visual, sizeof(float));
    w->places = calloc(segments * s->apart, sizeof(*w->places));
    w->has = calloc(2 * segments, 1);
    w->truth = calloc(segments * s->classes, 1);
    w->len = calloc(w->num, sizeof(*w->len));
    w->projected = calloc(s->places * s->visual, sizeof(float));
    w->distances = calloc(s->places, sizeof(float));
    w->clip = (struct tyto_dataset_clip){
        .audio = calloc(s->segments * d->audio_in, sizeof(float)),
        .visual = calloc(s->segments * s->places * d->visual_in, sizeof(float)),
        .has_audio = calloc(s->segments, sizeof(bool)),
        .has_visual = calloc(s->segments, sizeof(bool)),
    };
    return w->audio && w->visual && w->places && w->has && w->truth && w->len && w->projected &&
                   w->distances && w->clip.audio && w->clip.visual && w->clip.has_audio &&
                   w->clip.has_visual
               ? TYTO_OK
               : TYTO_ERR_NOMEM;
}

static void free_room(struct writing *w)
{
    void *const all[] = {w->audio,      w->visual,      w->places,         w->has,
                         w->truth,      w->len,         w->projected,      w->distances,
                         w->clip.audio, w->clip.visual, w->clip.has_audio, w->clip.has_visual};
    for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++)
        free(all[i]);
}

enum tyto_err tyto_kept_write(const char *path, const struct tyto_kept_params *params,
                              uint32_t *ret_num, struct tyto_fault *ret_fault)
{
    const struct tyto_cman_dims *d = &params->head->dims;
    const struct tyto_dataset_shape *shape = &params->dataset->shape;
    struct writing w = {.params = params,
                        .s = sizes_of(d, shape->num_segments, shape->num_classes)};
    const struct sizes *s = &w.s;
    if (!has_adapters(params->head) || shape->audio_in != d->audio_in ||
        shape->visual_in != d->visual_in || shape->num_places != d->num_places)
        return tyto_fault_set(ret_fault, TYTO_ERR_SHAPE, path, 0, NULL,
                              "the features do not fit the head, or it has no adapters");
    const uint64_t each =
        s->segments * (s->audio + (s->apart + 1) * s->visual + 2 * s->apart + 2 + s->classes) + 4;
    const uint64_t most = params->max_bytes / each;
    uint32_t *clips = calloc(shape->num_clips, sizeof(*clips));
    if (!clips)
        return TYTO_ERR_NOMEM;
    w.num =
        choose(params->dataset, most < shape->num_clips ? (uint32_t)most : shape->num_clips, clips);
    enum tyto_err err = w.num > 0 ? make_room(&w)
                                  : tyto_fault_set(ret_fault, TYTO_ERR_EMPTY, path, 0, NULL,
                                                   "no clip with known times fits %llu bytes",
                                                   (unsigned long long)params->max_bytes);
    for (uint32_t n = 0; n < w.num && !err; n++) {
        err = take_clip(&w, n, clips[n]);
        if (!err && params->should_stop && params->should_stop(params->user))
            err = TYTO_ERR_CLOSED;
    }
    if (!err)
        err = write_file(path, &w, ret_fault);
    free_room(&w);
    free(clips);
    *ret_num = w.num;
    return err;
}

/* --- reading -------------------------------------------------------------------------------- */

struct kept {
    struct tyto_weights *file;
    struct sizes s;
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
    const struct sizes *s = &kept->s;
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
    kept->s = sizes_of(d, (uint32_t)t, (uint32_t)k);
    const struct sizes *s = &kept->s;
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
    if (!is || strcmp(is, format) != 0 || !of) {
        err = tyto_fault_set(ret_fault, TYTO_ERR_FORMAT, path, 0, "tyto.format",
                             "is no set of kept clips (%s)", format);
    } else if (!has_adapters(head)) {
        err = tyto_fault_set(ret_fault, TYTO_ERR_SHAPE, path, 0, NULL, "the head has no adapters");
    } else {
        name_adapters(head, adapters);
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
