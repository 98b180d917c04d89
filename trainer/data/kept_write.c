/* SPDX-License-Identifier: MIT */
/* Choosing and writing the clips that kept.c reads. */
#include "trainer/data/kept.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "files/json.h"
#include "files/safetensors.h"
#include "trainer/data/eigen.h"
#include "trainer/data/internal.h"

enum { BACKGROUND_EVERY = 8 /* one clip of so many is without any class */ };

/* --- which clips ---------------------------------------------------------------------------- */

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

/* --- a clip ----------------------------------------------------------------------------
 */

struct writing {
    const struct tyto_kept_params *params;
    struct tyto_kept_sizes s;
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
    const struct tyto_kept_sizes *s = &w->s;
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
    const struct tyto_kept_sizes *s = &w->s;
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
        tyto_kept_name_adapters(w->params->head, adapters);
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
            {"tyto.format", tyto_kept_format},
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
    const struct tyto_kept_sizes *s = &w->s;
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
                        .s = tyto_kept_sizes_of(d, shape->num_segments, shape->num_classes)};
    const struct tyto_kept_sizes *s = &w.s;
    if (!tyto_kept_has_adapters(params->head) || shape->audio_in != d->audio_in ||
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
