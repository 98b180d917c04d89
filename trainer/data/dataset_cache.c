/* SPDX-License-Identifier: MIT */
#include "trainer/data/dataset_cache.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DEFAULT_SEGMENTS = 10, NUM_BITS = 2 };

struct cached {
    struct tyto_cache_file **files; /* (num_files), NULL: left out */
    uint32_t num_files;
    uint32_t *clip_files; /* (clips): which file */
    uint32_t *clip_begin; /* (clips): first segment there */
};

/* What is open while a data set is built. */
struct build {
    const struct tyto_dataset_cache_params *params;
    const struct tyto_labels *labels;
    uint32_t num_segments; /* T */
    uint32_t num_classes;
    uint32_t *class_of; /* (labels' classes): number in the data set; UINT32_MAX: not wanted */
    struct cached *cached;
    struct tyto_dataset *dataset;
    uint32_t num_clips;
    /* Of one recording, for each segment, class and bit: */
    int64_t *covered_ns; /* (S, K, 2) */
    int64_t *until_ns;   /* (K, 2): end of the label before */
};

static void cached_free(struct cached *cached)
{
    for (uint32_t i = 0; cached && cached->files && i < cached->num_files; i++)
        tyto_cache_file_close(&cached->files[i]);
    if (cached) {
        free(cached->files);
        free(cached->clip_files);
        free(cached->clip_begin);
    }
    free(cached);
}

static void cached_destroy(struct tyto_dataset *dataset)
{
    cached_free(dataset->self);
}

static enum tyto_err cached_read(struct tyto_dataset *dataset, uint32_t clip,
                                 const struct tyto_dataset_clip *ret)
{
    const struct cached *cached = dataset->self;
    const struct tyto_dataset_shape *s = &dataset->shape;
    const size_t num_visual = (size_t)s->num_places * s->visual_in;
    for (uint32_t t = 0; t < s->num_segments; t++) {
        float *audio = ret->audio + (size_t)t * s->audio_in;
        float *visual = ret->visual ? ret->visual + t * num_visual : NULL;
        ret->has_audio[t] = ret->has_visual[t] = false;
        if (t >= dataset->len[clip]) {
            memset(audio, 0, s->audio_in * sizeof(*audio));
            if (visual)
                memset(visual, 0, num_visual * sizeof(*visual));
            continue;
        }
        const enum tyto_err err = tyto_cache_file_read(cached->files[cached->clip_files[clip]],
                                                       cached->clip_begin[clip] + t, audio, visual,
                                                       &ret->has_audio[t], &ret->has_visual[t]);
        if (err)
            return err;
    }
    return TYTO_OK;
}

/* --- classes ---------------------------------------------------------------------------- */

static uint32_t find_class(const struct tyto_dataset_cache_params *params, const char *name)
{
    for (uint32_t i = 0; i < params->num_classes; i++) {
        if (strcmp(params->classes[i], name) == 0)
            return i;
    }
    return UINT32_MAX;
}

static enum tyto_err map_classes(struct build *build, struct tyto_fault *ret_fault)
{
    const struct tyto_labels *labels = build->labels;
    const struct tyto_dataset_cache_params *params = build->params;
    build->num_classes = params->num_classes ? params->num_classes : labels->num_classes;
    build->class_of = malloc((labels->num_classes + 1) * sizeof(*build->class_of));
    if (!build->class_of)
        return TYTO_ERR_NOMEM;
    if (build->num_classes == 0)
        return tyto_fault_set(ret_fault, TYTO_ERR_FORMAT, NULL, 0, "labels",
                              "there is not a single class: label some events first");
    for (uint32_t i = 0; i < labels->num_classes; i++)
        build->class_of[i] = params->num_classes ? find_class(params, labels->classes[i]) : i;
    for (uint32_t i = 0; i < labels->num_labels && !params->skips_unknown; i++) {
        const struct tyto_label *label = &labels->labels[i];
        if (build->class_of[label->class_idx] == UINT32_MAX)
            return tyto_fault_set(ret_fault, TYTO_ERR_FORMAT, labels->sources[label->source_idx],
                                  label->line, labels->classes[label->class_idx],
                                  "is none of the %u classes that are asked for: leave its labels "
                                  "out, or rename them",
                                  params->num_classes);
    }
    return TYTO_OK;
}

/* --- shards ------------------------------------------------------------------------------- */

/* Makes what is missing and opens every shard; the shape that they share. */
static enum tyto_err open_files(struct build *build, struct tyto_cache_shape *ret_shape,
                                struct tyto_features *features, struct tyto_fault *ret_fault)
{
    struct cached *cached = build->cached;
    uint32_t num_open = 0;
    enum tyto_err err = tyto_features_run(features, NULL, ret_fault);
    for (uint32_t i = 0; !err && i < cached->num_files; i++) {
        const char *path = tyto_features_shard(features, i);
        if (!path)
            continue;
        err = tyto_cache_file_open(path, tyto_features_key(features, i), &cached->files[i],
                                   ret_fault);
        if (err)
            return err;
        const struct tyto_cache_shape *shape = tyto_cache_file_shape(cached->files[i]);
        if (num_open++ == 0)
            *ret_shape = *shape;
        if (shape->audio_in != ret_shape->audio_in || shape->num_places != ret_shape->num_places ||
            shape->visual_in != ret_shape->visual_in)
            return tyto_fault_set(ret_fault, TYTO_ERR_FORMAT, path, 0, NULL,
                                  "has another shape than the other shards: delete it, it is made "
                                  "again");
        build->num_clips += (shape->num_segments + build->num_segments - 1) / build->num_segments;
    }
    if (!err && build->num_clips == 0)
        err = tyto_fault_set(ret_fault, TYTO_ERR_FORMAT, NULL, 0, NULL,
                             "not one of %u recordings could be read", cached->num_files);
    return err;
}

/* --- truth --------------------------------------------------------------------------------- */

static int64_t max_of(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* What labels of one class cover together counts, so that one event in two pieces is not lost. They
 * come in the order of their begins. */
static void cover(struct build *build, const struct tyto_label *label, uint32_t class_idx,
                  uint32_t num_segments)
{
    const int64_t segment_ns = build->dataset->segment_ns;
    for (uint32_t bit = 0; bit < NUM_BITS; bit++) {
        int64_t *until_ns = &build->until_ns[class_idx * NUM_BITS + bit];
        if (!(label->truth & (1u << bit)))
            continue;
        const int64_t begin_ns = max_of(max_of(label->begin_ns, *until_ns), 0);
        for (int64_t t = begin_ns / segment_ns; t < num_segments && t * segment_ns < label->end_ns;
             t++) {
            const int64_t from_ns = max_of(begin_ns, t * segment_ns);
            const int64_t end_ns = (t + 1) * segment_ns;
            const int64_t to_ns = label->end_ns < end_ns ? label->end_ns : end_ns;
            if (to_ns > from_ns)
                build->covered_ns[((size_t)t * build->num_classes + class_idx) * NUM_BITS + bit] +=
                    to_ns - from_ns;
        }
        *until_ns = max_of(*until_ns, label->end_ns);
    }
}

static uint8_t truth_of(const struct build *build, size_t t, uint32_t class_idx)
{
    const int64_t half_ns = build->dataset->segment_ns / 2;
    const int64_t *covered = &build->covered_ns[(t * build->num_classes + class_idx) * NUM_BITS];
    return (uint8_t)((covered[0] >= half_ns ? TYTO_TRUTH_HEARD : 0) |
                     (covered[1] >= half_ns ? TYTO_TRUTH_SEEN : 0));
}

static enum tyto_err name_clip(struct build *build, uint32_t clip, const char *file,
                               uint32_t segment)
{
    const char *slash = strrchr(file, '/');
    return asprintf(&build->dataset->names[clip], "%s@%.0fs", slash ? slash + 1 : file,
                    (double)segment * (double)build->dataset->segment_ns / 1e9) < 0
               ? TYTO_ERR_NOMEM
               : TYTO_OK;
}

/* The clips of recording file_idx, from number clip on. Its labels are labels[first, first+num). */
static enum tyto_err put_recording(struct build *build, uint32_t file_idx, uint32_t first,
                                   uint32_t num, uint32_t *clip)
{
    struct tyto_dataset *dataset = build->dataset;
    const uint32_t num_classes = build->num_classes, num_t = build->num_segments;
    const uint32_t num_segments =
        tyto_cache_file_shape(build->cached->files[file_idx])->num_segments;
    const size_t num_covered = (size_t)num_segments * num_classes * NUM_BITS;
    uint8_t *weak = calloc(num_classes, sizeof(*weak));
    bool is_weak = false;
    build->covered_ns = calloc(num_covered + 1, sizeof(*build->covered_ns));
    build->until_ns = calloc((size_t)num_classes * NUM_BITS, sizeof(*build->until_ns));
    enum tyto_err err = weak && build->covered_ns && build->until_ns ? TYTO_OK : TYTO_ERR_NOMEM;
    for (uint32_t i = first; !err && i < first + num; i++) {
        const struct tyto_label *label = &build->labels->labels[i];
        const uint32_t class_idx = build->class_of[label->class_idx];
        is_weak |= label->is_weak;
        if (class_idx == UINT32_MAX)
            continue;
        if (label->is_weak)
            weak[class_idx] |= label->truth;
        else
            cover(build, label, class_idx, num_segments);
    }
    for (uint32_t begin = 0; !err && begin < num_segments; begin += num_t) {
        const uint32_t i = (*clip)++;
        dataset->len[i] = num_segments - begin < num_t ? num_segments - begin : num_t;
        dataset->groups[i] = file_idx;
        dataset->is_weak[i] = is_weak;
        build->cached->clip_files[i] = file_idx;
        build->cached->clip_begin[i] = begin;
        uint8_t *clip_truth = dataset->clip_truth + (size_t)i * num_classes;
        memcpy(clip_truth, weak, num_classes);
        for (uint32_t t = 0; t < dataset->len[i]; t++) {
            uint8_t *truth = dataset->truth + ((size_t)i * num_t + t) * num_classes;
            for (uint32_t c = 0; c < num_classes; c++) {
                const uint8_t bits = truth_of(build, begin + t, c);
                clip_truth[c] |= bits;
                truth[c] = is_weak ? 0 : bits;
            }
        }
        err = name_clip(build, i, build->labels->files[file_idx], begin);
    }
    free(weak);
    free(build->covered_ns);
    free(build->until_ns);
    return err;
}

static enum tyto_err put_all(struct build *build)
{
    const struct tyto_labels *labels = build->labels;
    uint32_t label = 0, clip = 0;
    for (uint32_t file = 0; file < labels->num_files; file++) {
        const uint32_t first = label;
        while (label < labels->num_labels && labels->labels[label].file_idx == file)
            label++;
        if (!build->cached->files[file])
            continue;
        const enum tyto_err err = put_recording(build, file, first, label - first, &clip);
        if (err)
            return err;
    }
    return TYTO_OK;
}

/* --- opening ---------------------------------------------------------------------------------- */

static enum tyto_err create_dataset(struct build *build, const struct tyto_cache_shape *from,
                                    const struct tyto_features *features)
{
    static const struct tyto_dataset_ops ops = {.read = cached_read, .destroy = cached_destroy};
    const struct tyto_dataset_shape shape = {
        .num_clips = build->num_clips,
        .num_segments = build->num_segments,
        .audio_in = from->audio_in,
        .num_places = from->num_places,
        .visual_in = from->visual_in,
        .num_classes = build->num_classes,
    };
    enum tyto_err err = tyto_dataset_create(&shape, &build->dataset);
    if (err)
        return err;
    struct tyto_dataset *dataset = build->dataset;
    dataset->self = build->cached;
    dataset->ops = &ops;
    build->cached->clip_files = calloc(build->num_clips, sizeof(uint32_t));
    build->cached->clip_begin = calloc(build->num_clips, sizeof(uint32_t));
    if (!build->cached->clip_files || !build->cached->clip_begin)
        return TYTO_ERR_NOMEM;
    const int64_t segment_ns = build->params->features->segment_ns;
    if (segment_ns > 0)
        dataset->segment_ns = segment_ns;
    snprintf(dataset->audio_encoder, sizeof(dataset->audio_encoder), "%s",
             tyto_features_audio_digest(features));
    snprintf(dataset->visual_encoder, sizeof(dataset->visual_encoder), "%s",
             tyto_features_visual_digest(features));
    const bool given = build->params->num_classes > 0;
    for (uint32_t i = 0; i < build->num_classes; i++)
        memcpy(dataset->classes[i], given ? build->params->classes[i] : build->labels->classes[i],
               sizeof(dataset->classes[i]));
    return put_all(build);
}

enum tyto_err tyto_dataset_cache_open(const struct tyto_dataset_cache_params *params,
                                      struct tyto_dataset **ret_dataset,
                                      struct tyto_fault *ret_fault)
{
    const struct tyto_labels *labels = params->labels;
    struct build build = {
        .params = params,
        .labels = labels,
        .num_segments = params->num_segments ? params->num_segments : DEFAULT_SEGMENTS,
    };
    struct tyto_features *features = NULL;
    struct tyto_cache_shape shape = {0};
    enum tyto_err err = map_classes(&build, ret_fault);
    if (!err) {
        build.cached = calloc(1, sizeof(*build.cached));
        err = build.cached ? TYTO_OK : TYTO_ERR_NOMEM;
    }
    if (!err) {
        build.cached->num_files = labels->num_files;
        build.cached->files = calloc(labels->num_files + 1, sizeof(struct tyto_cache_file *));
        err = build.cached->files ? TYTO_OK : TYTO_ERR_NOMEM;
    }
    if (!err)
        err = tyto_features_create(params->features, (const char *const *)labels->files,
                                   labels->num_files, &features, ret_fault);
    if (!err)
        err = open_files(&build, &shape, features, ret_fault);
    if (!err)
        err = create_dataset(&build, &shape, features);
    tyto_features_destroy(&features);
    free(build.class_of);
    if (!err) {
        *ret_dataset = build.dataset;
        return TYTO_OK;
    }
    if (build.dataset)
        tyto_dataset_destroy(&build.dataset);
    else
        cached_free(build.cached);
    if (ret_fault && !ret_fault->text[0])
        tyto_fault_set(ret_fault, err, NULL, 0, NULL, "%s", tyto_err_text(err));
    return err;
}
