/* SPDX-License-Identifier: MIT */
/* Data sets made from data sets: projected, fused early. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/half.h"
#include "files/safetensors.h"
#include "trainer/data/basis.h"
#include "trainer/data/eigen.h"

#define DEFAULT_MAX_BYTES (4ull << 30)

/* --- projected --------------------------------------------------------------------- */

struct projected {
    size_t num_audio, num_visual; /* numbers of a clip: T da, T L dv */
    float *audio;                 /* (clips, T, da) */
    float *visual;                /* (clips, T, L, dv), or NULL: in the file */
    bool *has;                    /* (clips, 2, T): sound, picture */
    int fd;                       /* binary16 visual; -1: in memory */
    uint16_t *halves;             /* a clip's, when there is a file */
};

static void projected_free(struct projected *p)
{
    if (!p)
        return;
    if (p->fd >= 0)
        close(p->fd);
    free(p->audio);
    free(p->visual);
    free(p->has);
    free(p->halves);
    free(p);
}

static void projected_destroy(struct tyto_dataset *dataset)
{
    projected_free(dataset->self);
}

static bool transfer(int fd, bool writes, void *bytes, size_t num_bytes, off_t offset)
{
    for (size_t done = 0; done < num_bytes;) {
        char *at = (char *)bytes + done;
        const ssize_t num = writes ? pwrite(fd, at, num_bytes - done, offset + (off_t)done)
                                   : pread(fd, at, num_bytes - done, offset + (off_t)done);
        if (num < 0 && errno == EINTR)
            continue;
        if (num <= 0)
            return false;
        done += (size_t)num;
    }
    return true;
}

static enum tyto_err projected_read(struct tyto_dataset *dataset, uint32_t clip,
                                    const struct tyto_dataset_clip *ret)
{
    const struct projected *p = dataset->self;
    const size_t t = dataset->shape.num_segments;
    memcpy(ret->audio, p->audio + clip * p->num_audio, p->num_audio * sizeof(float));
    memcpy(ret->has_audio, p->has + clip * 2 * t, t);
    memcpy(ret->has_visual, p->has + clip * 2 * t + t, t);
    if (!ret->visual)
        return TYTO_OK;
    if (p->visual) {
        memcpy(ret->visual, p->visual + clip * p->num_visual, p->num_visual * sizeof(float));
        return TYTO_OK;
    }
    const size_t num_bytes = p->num_visual * sizeof(*p->halves);
    if (!transfer(p->fd, false, p->halves, num_bytes, (off_t)(clip * num_bytes)))
        return TYTO_ERR_IO;
    for (size_t i = 0; i < p->num_visual; i++)
        ret->visual[i] = tyto_half_to_f32(p->halves[i]);
    return TYTO_OK;
}

static enum tyto_err projected_create(const struct tyto_dataset_shape *shape,
                                      const struct tyto_project_params *params,
                                      struct projected **ret)
{
    struct projected *p = calloc(1, sizeof(*p));
    if (!p)
        return TYTO_ERR_NOMEM;
    const size_t t = shape->num_segments, clips = shape->num_clips;
    const uint64_t max_bytes = params->max_bytes ? params->max_bytes : DEFAULT_MAX_BYTES;
    p->fd = -1;
    p->num_audio = t * shape->audio_in;
    p->num_visual = t * shape->num_places * shape->visual_in;
    p->audio = malloc(clips * p->num_audio * sizeof(float) + 1);
    p->has = calloc(clips * 2 * t, sizeof(*p->has));
    enum tyto_err err = p->audio && p->has ? TYTO_OK : TYTO_ERR_NOMEM;
    if (clips * p->num_visual * sizeof(float) <= max_bytes) {
        p->visual = malloc(clips * p->num_visual * sizeof(float) + 1);
        if (!p->visual)
            err = TYTO_ERR_NOMEM;
    } else {
        char path[4096];
        p->halves = malloc(p->num_visual * sizeof(*p->halves));
        snprintf(path, sizeof(path), "%s/tyto-projected-XXXXXX",
                 params->temp_dir ? params->temp_dir : "/tmp");
        p->fd = mkostemp(path, O_CLOEXEC);
        if (p->fd >= 0)
            unlink(path);
        if (!err)
            err = !p->halves ? TYTO_ERR_NOMEM : p->fd < 0 ? TYTO_ERR_IO : TYTO_OK;
    }
    if (err) {
        projected_free(p);
        return err;
    }
    *ret = p;
    return TYTO_OK;
}

/* out (rows, n) = in (rows, k) weight' + bias; zeros in segments that are missing. */
static void apply(const float *in, const bool *has, uint32_t num_segments, uint32_t rows_each,
                  uint32_t k, uint32_t n, const float *weight, const float *bias, float *out)
{
    for (uint32_t t = 0; t < num_segments; t++) {
        float *to = out + (size_t)t * rows_each * n;
        memset(to, 0, (size_t)rows_each * n * sizeof(*to));
        if (!has[t])
            continue;
        for (uint32_t row = 0; row < rows_each; row++)
            memcpy(to + (size_t)row * n, bias, n * sizeof(*to));
        tyto_eigen_product(rows_each, n, k, in + (size_t)t * rows_each * k, weight, 1, to);
    }
}

static enum tyto_err project_clip(struct tyto_dataset *dataset, const struct tyto_basis *basis,
                                  uint32_t clip, const struct tyto_dataset_clip *scratch,
                                  struct projected *p, float *visual)
{
    const struct tyto_dataset_shape *s = &dataset->shape;
    const uint32_t t = s->num_segments;
    bool *has = p->has + (size_t)clip * 2 * t;
    const struct tyto_dataset_clip in = {.audio = scratch->audio,
                                         .visual = scratch->visual,
                                         .has_audio = has,
                                         .has_visual = has + t};
    const enum tyto_err err = tyto_dataset_read(dataset, clip, &in);
    if (err)
        return err;
    apply(in.audio, in.has_audio, t, 1, basis->audio_in, basis->audio_out, basis->audio_weight,
          basis->audio_bias, p->audio + clip * p->num_audio);
    if (p->visual)
        visual = p->visual + clip * p->num_visual;
    apply(in.visual, in.has_visual, t, s->num_places, basis->visual_in, basis->visual_out,
          basis->visual_weight, basis->visual_bias, visual);
    if (p->visual)
        return TYTO_OK;
    for (size_t i = 0; i < p->num_visual; i++)
        p->halves[i] = tyto_half_from_f32(visual[i]);
    const size_t num_bytes = p->num_visual * sizeof(*p->halves);
    return transfer(p->fd, true, p->halves, num_bytes, (off_t)(clip * num_bytes)) ? TYTO_OK
                                                                                  : TYTO_ERR_IO;
}

static enum tyto_err project_all(struct tyto_dataset *dataset, const struct tyto_basis *basis,
                                 const struct tyto_project_params *params, struct projected *p)
{
    const struct tyto_dataset_shape *s = &dataset->shape;
    const size_t t = s->num_segments;
    const struct tyto_dataset_clip scratch = {
        .audio = malloc(t * s->audio_in * sizeof(float) + 1),
        .visual = malloc(t * s->num_places * s->visual_in * sizeof(float) + 1),
    };
    float *visual = malloc(p->num_visual * sizeof(float) + 1);
    enum tyto_err err = scratch.audio && scratch.visual && visual ? TYTO_OK : TYTO_ERR_NOMEM;
    for (uint32_t i = 0; !err && i < s->num_clips; i++) {
        if (params->should_stop && params->should_stop(params->user))
            err = TYTO_ERR_CLOSED;
        if (!err)
            err = project_clip(dataset, basis, i, &scratch, p, visual);
        if (!err && params->on_progress)
            params->on_progress(params->user, i + 1, s->num_clips);
    }
    free(scratch.audio);
    free(scratch.visual);
    free(visual);
    return err;
}

enum tyto_err tyto_dataset_project(struct tyto_dataset *dataset, const struct tyto_basis *basis,
                                   const struct tyto_project_params *params,
                                   struct tyto_dataset **ret_dataset)
{
    static const struct tyto_dataset_ops ops = {.read = projected_read,
                                                .destroy = projected_destroy};
    struct tyto_dataset_shape shape = dataset->shape;
    if (shape.audio_in != basis->audio_in || shape.visual_in != basis->visual_in)
        return TYTO_ERR_SHAPE;
    shape.audio_in = basis->audio_out;
    shape.visual_in = basis->visual_out;
    struct projected *p = NULL;
    struct tyto_dataset *made = NULL;
    enum tyto_err err = tyto_dataset_create(&shape, &made);
    if (!err)
        err = tyto_dataset_copy_truth(made, dataset, NULL);
    if (!err)
        err = projected_create(&shape, params, &p);
    if (!err)
        err = project_all(dataset, basis, params, p);
    if (err) {
        projected_free(p);
        tyto_dataset_destroy(&made);
        return err;
    }
    made->self = p;
    made->ops = &ops;
    *ret_dataset = made;
    return TYTO_OK;
}

/* --- fused early ------------------------------------------------------------------- */

struct fused {
    struct tyto_dataset *base; /* owned */
    float *audio, *visual;     /* a clip of base */
    bool *has_audio, *has_visual;
};

static void fused_free(struct fused *fused)
{
    if (!fused)
        return;
    free(fused->audio);
    free(fused->visual);
    free(fused->has_audio);
    free(fused->has_visual);
    free(fused);
}

static void fused_destroy(struct tyto_dataset *dataset)
{
    struct fused *fused = dataset->self;
    tyto_dataset_destroy(&fused->base);
    fused_free(fused);
}

static enum tyto_err fused_read(struct tyto_dataset *dataset, uint32_t clip,
                                const struct tyto_dataset_clip *ret)
{
    const struct fused *fused = dataset->self;
    const struct tyto_dataset_shape *s = &fused->base->shape;
    const struct tyto_dataset_clip in = {.audio = fused->audio,
                                         .visual = fused->visual,
                                         .has_audio = fused->has_audio,
                                         .has_visual = fused->has_visual};
    const enum tyto_err err = tyto_dataset_read(fused->base, clip, &in);
    if (err)
        return err;
    const size_t num_a = s->audio_in, num_v = s->visual_in, num_places = s->num_places;
    for (size_t t = 0; t < s->num_segments; t++) {
        float *to = ret->audio + t * (num_a + num_v);
        memcpy(to, in.audio + t * num_a, num_a * sizeof(*to));
        memset(to + num_a, 0, num_v * sizeof(*to));
        for (size_t l = 0; l < num_places; l++) {
            const float *from = in.visual + (t * num_places + l) * num_v;
            for (size_t c = 0; c < num_v; c++)
                to[num_a + c] += from[c] / (float)num_places;
        }
        ret->has_audio[t] = in.has_audio[t] || in.has_visual[t];
        ret->has_visual[t] = false;
    }
    if (ret->visual)
        memset(ret->visual, 0, s->num_segments * num_places * num_v * sizeof(*ret->visual));
    return TYTO_OK;
}

enum tyto_err tyto_dataset_fuse_early(struct tyto_dataset **dataset,
                                      struct tyto_dataset **ret_dataset)
{
    static const struct tyto_dataset_ops ops = {.read = fused_read, .destroy = fused_destroy};
    const struct tyto_dataset_shape *s = &(*dataset)->shape;
    struct tyto_dataset_shape shape = *s;
    shape.audio_in += shape.visual_in;
    struct tyto_dataset *made = NULL;
    struct fused *fused = NULL;
    enum tyto_err err = tyto_dataset_create(&shape, &made);
    if (!err)
        err = tyto_dataset_copy_truth(made, *dataset, NULL);
    if (!err) {
        const size_t t = s->num_segments;
        fused = calloc(1, sizeof(*fused));
        if (fused) {
            fused->audio = malloc(t * s->audio_in * sizeof(float) + 1);
            fused->visual = malloc(t * s->num_places * s->visual_in * sizeof(float) + 1);
            fused->has_audio = calloc(t, sizeof(bool));
            fused->has_visual = calloc(t, sizeof(bool));
        }
        if (!fused || !fused->audio || !fused->visual || !fused->has_audio || !fused->has_visual)
            err = TYTO_ERR_NOMEM;
    }
    if (err) {
        fused_free(fused);
        tyto_dataset_destroy(&made);
        return err;
    }
    fused->base = *dataset;
    *dataset = NULL;
    made->self = fused;
    made->ops = &ops;
    *ret_dataset = made;
    return TYTO_OK;
}
