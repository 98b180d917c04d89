/* SPDX-License-Identifier: MIT */
#include "trainer/loop/batch.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "shaders/cosine_attn/cosine_attn_shape.h"

enum { NUM_SLOTS = 2 };

/* One clip as it was read. */
struct clip {
    float *audio, *visual;
    bool *has_audio, *has_visual;
};

struct tyto_prefetch {
    struct tyto_dataset_shape shape;
    uint32_t rows, stride; /* of a clip's targets */
    uint32_t audio_width;  /* of a batch's sound */
    pthread_t thread;
    pthread_mutex_t mutex; /* guards everything below but the slots' contents and the clips */
    pthread_cond_t changed;
    struct tyto_batch slots[NUM_SLOTS];
    enum tyto_err errs[NUM_SLOTS];
    struct tyto_batch_source source;
    uint32_t next, last;    /* batches to fill */
    uint32_t filled, taken; /* since begin(); batch i is in slot i % NUM_SLOTS */
    bool is_filling, is_ending, has_lent;
    struct clip clips[2]; /* the thread's: a clip and its partner */
    float *shares;        /* (T) */
    int32_t *sounds;      /* (T) */
};

/* --- one clip -------------------------------------------------------------------------------- */

static void mix(float *values, const float *others, size_t num, float share)
{
    for (size_t i = 0; i < num; i++)
        values[i] = share * values[i] + (1 - share) * others[i];
}

/* Mixes clip 0 with clip 1 where both have something. */
static void mix_clips(struct tyto_prefetch *prefetch, uint32_t len, float share)
{
    const struct tyto_dataset_shape *s = &prefetch->shape;
    struct clip *own = &prefetch->clips[0], *other = &prefetch->clips[1];
    const size_t wide = (size_t)s->num_places * s->visual_in;

    for (size_t t = 0; t < len; t++) {
        if (own->has_audio[t] && other->has_audio[t])
            mix(own->audio + t * s->audio_in, other->audio + t * s->audio_in, s->audio_in, share);
        if (own->has_visual[t] && other->has_visual[t])
            mix(own->visual + t * wide, other->visual + t * wide, wide, share);
    }
}

/* One row of a stream into the batch: from, or zeros. */
static void place_row(float *to, const float *from, size_t width, bool has)
{
    if (has)
        memcpy(to, from, width * sizeof(*to));
    else
        memset(to, 0, width * sizeof(*to));
}

/* Sound beside the mean over the places of the picture; what is missing is 0. */
static void place_early(const struct tyto_dataset_shape *s, const float *audio, const float *visual,
                        float *to)
{
    float *mean = to + s->audio_in;

    place_row(to, audio, s->audio_in, audio != NULL);
    memset(mean, 0, s->visual_in * sizeof(*mean));
    for (uint32_t i = 0; visual && i < s->num_places * s->visual_in; i++)
        mean[i % s->visual_in] += visual[i] / (float)s->num_places;
}

/* Clip 0 into place b of the batch, its sound moved. */
static void place_clip(struct tyto_prefetch *prefetch, const struct tyto_batch_source *source,
                       const struct tyto_augment *augment, uint32_t len, uint32_t b,
                       struct tyto_batch *batch)
{
    const struct tyto_dataset_shape *s = &prefetch->shape;
    const struct clip *clip = &prefetch->clips[0];
    const size_t num = s->num_segments, wide = (size_t)s->num_places * s->visual_in;
    const bool is_early = source->fusion == TYTO_CMAN_FUSION_EARLY;

    for (size_t t = 0; t < num; t++) {
        const int32_t from = t < len ? prefetch->sounds[t] : -1;
        const float *audio = clip->audio + (size_t)(from < 0 ? 0 : from) * s->audio_in;
        const float *visual = clip->visual + t * wide;
        const size_t row = b * num + t;
        bool has_audio = from >= 0 && clip->has_audio[from] && !augment->drops_audio;
        bool has_visual = t < len && clip->has_visual[t] && !augment->drops_visual;

        has_audio &= source->fusion != TYTO_CMAN_FUSION_VISUAL;
        has_visual &= source->fusion != TYTO_CMAN_FUSION_AUDIO;
        if (is_early) {
            place_early(s, has_audio ? audio : NULL, has_visual ? visual : NULL,
                        batch->audio + row * prefetch->audio_width);
            has_audio |= has_visual;
            has_visual = false;
        } else {
            place_row(batch->audio + row * s->audio_in, audio, s->audio_in, has_audio);
        }
        place_row(batch->visual + row * wide, visual, wide, has_visual);
        batch->has[0][row] = has_audio ? (uint32_t)row : TYTO_ROW_NONE;
        batch->has[1][row] = has_visual ? (uint32_t)row : TYTO_ROW_NONE;
    }
    batch->len[b] = len;
}

/* The rows of a clip's targets; those after len weigh nothing. */
static void add_targets(struct tyto_prefetch *prefetch, const struct tyto_batch_source *source,
                        uint32_t clip, uint32_t len, const float *shares, uint32_t b,
                        struct tyto_batch *batch)
{
    const struct tyto_dataset *data = source->data;
    const size_t classes = data->shape.num_classes, num = data->shape.num_segments;
    const size_t at = (size_t)b * prefetch->rows * prefetch->stride;

    if (source->is_pooled)
        tyto_targets_add(&source->targets, data->clip_truth + clip * classes, 1, NULL, shares,
                         batch->yes + at, batch->no + at);
    else
        tyto_targets_add(&source->targets, data->truth + clip * num * classes, len,
                         prefetch->sounds, shares, batch->yes + at, batch->no + at);
}

/* A clip whose other stream is missing keeps the one it has. */
static void keep_one(const struct clip *clip, uint32_t len, struct tyto_augment *augment)
{
    bool has_audio = false, has_visual = false;

    for (uint32_t t = 0; t < len; t++) {
        has_audio |= clip->has_audio[t];
        has_visual |= clip->has_visual[t];
    }
    augment->drops_audio &= has_visual;
    augment->drops_visual &= has_audio;
}

static enum tyto_err read_clip(struct tyto_dataset *data, uint32_t number, const struct clip *clip)
{
    const struct tyto_dataset_clip to = {clip->audio, clip->visual, clip->has_audio,
                                         clip->has_visual};

    return tyto_dataset_read(data, number, &to);
}

static void place_features(struct tyto_prefetch *prefetch, const struct tyto_batch_source *source,
                           struct tyto_augment *augment, uint32_t len, uint32_t b,
                           struct tyto_batch *batch)
{
    const struct tyto_dataset_shape *s = &prefetch->shape;
    const uint32_t audio = s->num_segments * prefetch->audio_width;
    const uint32_t visual = s->num_segments * s->num_places * s->visual_in;

    keep_one(&prefetch->clips[0], len, augment);
    place_clip(prefetch, source, augment, len, b, batch);
    if (augment->noise > 0) {
        tyto_augment_add_noise(augment, batch->audio + (size_t)b * audio, audio);
        tyto_augment_add_noise(augment, batch->visual + (size_t)b * visual, visual);
    }
}

static enum tyto_err fill_clip(struct tyto_prefetch *prefetch,
                               const struct tyto_batch_source *source, uint32_t number, uint32_t b,
                               struct tyto_batch *batch)
{
    const struct tyto_dataset *data = source->data;
    const struct tyto_dataset_shape *s = &prefetch->shape;
    const uint32_t len = data->len[number], num = s->num_segments;
    struct tyto_augment augment = {.share = 1, .partner = number};
    const bool is_own = source->own_end == 0 || (b >= source->own_begin && b < source->own_end);
    enum tyto_err err = TYTO_OK;
    uint32_t other_len = 0;

    if (is_own)
        err = read_clip(source->data, number, &prefetch->clips[0]);

    if (err)
        return err;
    if (source->augment)
        tyto_augment_draw(source->augment, source->seed, source->epoch, number, s->num_clips,
                          &augment);
    if (augment.share < 1 && augment.partner != number) {
        other_len = data->len[augment.partner] < len ? data->len[augment.partner] : len;
        if (is_own)
            err = read_clip(source->data, augment.partner, &prefetch->clips[1]);
        if (err)
            return err;
        if (is_own)
            mix_clips(prefetch, other_len, augment.share);
    }
    for (uint32_t t = 0; t < num; t++) {
        prefetch->sounds[t] = t < len ? tyto_augment_sound(&augment, t, len) : -1;
        prefetch->shares[t] = t < other_len ? augment.share : 1;
    }
    if (is_own)
        place_features(prefetch, source, &augment, len, b, batch);
    add_targets(prefetch, source, number, len, prefetch->shares, b, batch);
    if (other_len > 0) {
        for (uint32_t t = 0; t < num; t++)
            prefetch->shares[t] = 1 - prefetch->shares[t];
        add_targets(prefetch, source, augment.partner, len, prefetch->shares, b, batch);
    }
    return TYTO_OK;
}

/* --- a batch --------------------------------------------------------------------------------- */

static enum tyto_err fill(struct tyto_prefetch *prefetch, const struct tyto_batch_source *source,
                          uint32_t number, struct tyto_batch *batch)
{
    const uint32_t clips = source->data->shape.num_clips, first = number * source->batch;
    const size_t num = (size_t)source->batch * prefetch->rows * prefetch->stride;
    enum tyto_err err = TYTO_OK;

    prefetch->shape.num_clips = clips;
    memset(batch->yes, 0, num * sizeof(float));
    memset(batch->no, 0, num * sizeof(float));
    batch->num = clips - first < source->batch ? clips - first : source->batch;
    for (uint32_t b = 0; b < source->batch && !err; b++) {
        const uint32_t at = first + b < clips ? first + b : first; /* features of any clip do */

        if (b >= batch->num) {
            batch->len[b] = 1;
            batch->has[0][b * prefetch->shape.num_segments] = TYTO_ROW_NONE;
            batch->has[1][b * prefetch->shape.num_segments] = TYTO_ROW_NONE;
            continue;
        }
        err = fill_clip(prefetch, source, source->order ? source->order[at] : at, b, batch);
    }
    batch->mass = 0;
    for (size_t i = 0; i < num; i++)
        batch->mass += (double)batch->yes[i] + (double)batch->no[i];
    for (size_t i = 0; i < num && batch->mass > 0; i++) {
        batch->yes[i] = (float)(batch->yes[i] / batch->mass);
        batch->no[i] = (float)(batch->no[i] / batch->mass);
    }
    return err;
}

static void *run(void *user)
{
    struct tyto_prefetch *prefetch = user;

    pthread_mutex_lock(&prefetch->mutex);
    while (!prefetch->is_ending) {
        const uint32_t room =
            NUM_SLOTS - (prefetch->filled - prefetch->taken) - (prefetch->has_lent ? 1 : 0);

        if (prefetch->next >= prefetch->last || room == 0) {
            pthread_cond_wait(&prefetch->changed, &prefetch->mutex);
            continue;
        }
        const uint32_t slot = prefetch->filled % NUM_SLOTS, number = prefetch->next;

        prefetch->is_filling = true;
        pthread_mutex_unlock(&prefetch->mutex);
        const enum tyto_err err = fill(prefetch, &prefetch->source, number, &prefetch->slots[slot]);

        pthread_mutex_lock(&prefetch->mutex);
        prefetch->is_filling = false;
        prefetch->errs[slot] = err;
        prefetch->next++;
        prefetch->filled++;
        pthread_cond_broadcast(&prefetch->changed);
    }
    pthread_mutex_unlock(&prefetch->mutex);
    return NULL;
}

void tyto_prefetch_begin(struct tyto_prefetch *prefetch, const struct tyto_batch_source *source,
                         uint32_t first, uint32_t last)
{
    pthread_mutex_lock(&prefetch->mutex);
    prefetch->last = 0; /* nothing more of what it did before */
    while (prefetch->is_filling)
        pthread_cond_wait(&prefetch->changed, &prefetch->mutex);
    prefetch->source = *source;
    prefetch->next = first;
    prefetch->last = last;
    prefetch->filled = prefetch->taken = 0;
    prefetch->has_lent = false;
    pthread_cond_broadcast(&prefetch->changed);
    pthread_mutex_unlock(&prefetch->mutex);
}

enum tyto_err tyto_prefetch_next(struct tyto_prefetch *prefetch,
                                 const struct tyto_batch **ret_batch)
{
    enum tyto_err err = TYTO_ERR_EMPTY;

    pthread_mutex_lock(&prefetch->mutex);
    prefetch->has_lent = false;
    pthread_cond_broadcast(&prefetch->changed);
    while (prefetch->filled == prefetch->taken && prefetch->next < prefetch->last)
        pthread_cond_wait(&prefetch->changed, &prefetch->mutex);
    if (prefetch->filled > prefetch->taken) {
        const uint32_t slot = prefetch->taken++ % NUM_SLOTS;

        err = prefetch->errs[slot];
        prefetch->has_lent = true;
        *ret_batch = &prefetch->slots[slot];
    }
    pthread_mutex_unlock(&prefetch->mutex);
    return err;
}

/* --- the whole ------------------------------------------------------------------------------- */

static bool make_batch(const struct tyto_dataset_shape *s, uint32_t batch, size_t targets,
                       uint32_t audio_width, struct tyto_batch *ret)
{
    const size_t rows = (size_t)batch * s->num_segments;

    ret->audio = calloc(rows * audio_width, sizeof(float));
    ret->visual = calloc(rows * s->num_places * s->visual_in, sizeof(float));
    ret->has[0] = calloc(rows, sizeof(uint32_t));
    ret->has[1] = calloc(rows, sizeof(uint32_t));
    ret->len = calloc(batch, sizeof(uint32_t));
    ret->yes = calloc(targets, sizeof(float));
    ret->no = calloc(targets, sizeof(float));
    return ret->audio && ret->visual && ret->has[0] && ret->has[1] && ret->len && ret->yes &&
           ret->no;
}

static bool make_clip(const struct tyto_dataset_shape *s, struct clip *ret)
{
    const size_t num = s->num_segments;

    ret->audio = calloc(num * s->audio_in, sizeof(float));
    ret->visual = calloc(num * s->num_places * s->visual_in, sizeof(float));
    ret->has_audio = calloc(num, sizeof(bool));
    ret->has_visual = calloc(num, sizeof(bool));
    return ret->audio && ret->visual && ret->has_audio && ret->has_visual;
}

static void free_all(struct tyto_prefetch *prefetch)
{
    for (uint32_t i = 0; i < NUM_SLOTS; i++) {
        struct tyto_batch *batch = &prefetch->slots[i];

        free(batch->audio);
        free(batch->visual);
        free(batch->has[0]);
        free(batch->has[1]);
        free(batch->len);
        free(batch->yes);
        free(batch->no);
    }
    for (uint32_t i = 0; i < 2; i++) {
        free(prefetch->clips[i].audio);
        free(prefetch->clips[i].visual);
        free(prefetch->clips[i].has_audio);
        free(prefetch->clips[i].has_visual);
    }
    free(prefetch->shares);
    free(prefetch->sounds);
    free(prefetch);
}

enum tyto_err tyto_prefetch_create(const struct tyto_dataset_shape *shape, uint32_t batch,
                                   uint32_t rows, uint32_t stride, enum tyto_cman_fusion fusion,
                                   struct tyto_prefetch **ret_prefetch)
{
    struct tyto_prefetch *prefetch = calloc(1, sizeof(*prefetch));
    bool good = prefetch != NULL;

    if (!prefetch)
        return TYTO_ERR_NOMEM;
    prefetch->shape = *shape;
    prefetch->rows = rows;
    prefetch->stride = stride;
    prefetch->audio_width =
        shape->audio_in + (fusion == TYTO_CMAN_FUSION_EARLY ? shape->visual_in : 0);
    for (uint32_t i = 0; i < NUM_SLOTS; i++)
        good &= make_batch(shape, batch, (size_t)batch * rows * stride, prefetch->audio_width,
                           &prefetch->slots[i]);
    for (uint32_t i = 0; i < 2; i++)
        good &= make_clip(shape, &prefetch->clips[i]);
    prefetch->shares = calloc(shape->num_segments, sizeof(*prefetch->shares));
    prefetch->sounds = calloc(shape->num_segments, sizeof(*prefetch->sounds));
    if (!good || !prefetch->shares || !prefetch->sounds) {
        free_all(prefetch);
        return TYTO_ERR_NOMEM;
    }
    pthread_mutex_init(&prefetch->mutex, NULL);
    pthread_cond_init(&prefetch->changed, NULL);
    if (pthread_create(&prefetch->thread, NULL, run, prefetch) != 0) {
        pthread_cond_destroy(&prefetch->changed);
        pthread_mutex_destroy(&prefetch->mutex);
        free_all(prefetch);
        return TYTO_ERR_NOMEM;
    }
    *ret_prefetch = prefetch;
    return TYTO_OK;
}

void tyto_prefetch_destroy(struct tyto_prefetch **prefetch_ptr)
{
    struct tyto_prefetch *prefetch = prefetch_ptr ? *prefetch_ptr : NULL;

    if (!prefetch)
        return;
    *prefetch_ptr = NULL;
    pthread_mutex_lock(&prefetch->mutex);
    prefetch->is_ending = true;
    pthread_cond_broadcast(&prefetch->changed);
    pthread_mutex_unlock(&prefetch->mutex);
    (void)pthread_join(prefetch->thread, NULL);
    pthread_cond_destroy(&prefetch->changed);
    pthread_mutex_destroy(&prefetch->mutex);
    free_all(prefetch);
}
