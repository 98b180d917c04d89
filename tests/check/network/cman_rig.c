/* SPDX-License-Identifier: MIT */
#include "tests/check/network/cman_rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "model/cman/host.h"
#include "tests/golden/fill.h"

/* --- the file ----------------------------------------------------------------------------- */

void cman_write_weights(const struct cman_spec *spec, const char *path)
{
    struct tyto_cman_weights weights = {.dims = spec->dims};
    struct tyto_cman_dims *dims = &weights.dims;
    struct tyto_cman_tensor_info infos[TYTO_CMAN_NUM_TENSORS];

    dims->num_logits = tyto_head_num_logits(dims->head, dims->num_classes);
    weights.classes = calloc(dims->num_classes, sizeof(*weights.classes));
    if (!weights.classes)
        check_must(TYTO_ERR_NOMEM, "class names");
    for (uint32_t i = 0; i < dims->num_classes; i++)
        snprintf(weights.classes[i], sizeof(weights.classes[i]), "class-%u", i);
    tyto_cman_list_tensors(dims, infos);
    for (uint32_t i = 0; i < TYTO_CMAN_NUM_TENSORS; i++) {
        const struct tyto_cman_tensor_info *info = &infos[i];
        const size_t count = (size_t)info->rows * (info->cols ? info->cols : 1);

        if ((info->part == TYTO_CMAN_PART_ADAPT_AUDIO && !spec->adapt_audio) ||
            (info->part == TYTO_CMAN_PART_ADAPT_VISUAL && !spec->adapt_visual) ||
            (info->part == TYTO_CMAN_PART_SKIP && !spec->skip))
            continue;
        weights.tensors[i] = check_floats(count);
        golden_fill(info->name, weights.tensors[i], count,
                    info->cols ? golden_weight_scale(info->cols) : 0.125f);
    }
    weights.tensors[TYTO_CMAN_WHERE_SCALE][0] = spec->where_scale;
    check_must(tyto_cman_weights_write(path, &weights, NULL, NULL), "weights file");
    tyto_cman_weights_finish(&weights);
}

/* --- the rig ------------------------------------------------------------------------------ */

void cman_rig_open(struct cman_rig *rig, struct check *check, const struct cman_rig_params *params)
{
    const char *tmp = getenv("TMPDIR");
    const struct tyto_cman_dims *dims = &params->spec->dims;
    struct tyto_fault fault = {0};
    int fd = -1;

    *rig = (struct cman_rig){.check = check, .max_batch = params->max_batch};
    snprintf(rig->path, sizeof(rig->path), "%s/tyto-head-XXXXXX", tmp ? tmp : "/tmp");
    fd = mkstemp(rig->path);
    if (fd < 0)
        check_must(TYTO_ERR_IO, "temporary file");
    close(fd);
    cman_write_weights(params->spec, rig->path);
    check_must(tyto_cman_weights_load(rig->path, &rig->weights, &fault), fault.text);
    check_must(tyto_buf_create(check->gpu, TYTO_BUF_UPLOAD,
                               (uint64_t)params->max_batch * dims->audio_in * sizeof(float),
                               &rig->audio),
               "audio features");
    check_must(tyto_buf_create(check->gpu, TYTO_BUF_UPLOAD,
                               (uint64_t)params->max_batch * dims->num_places * dims->visual_in *
                                   sizeof(float),
                               &rig->visual),
               "visual features");
    const struct tyto_cman_params cman = {
        .weights_path = rig->path,
        .gpu = check->gpu,
        .num_segments = params->num_segments,
        .look_ahead = params->look_ahead,
        .max_streams = params->max_streams,
        .max_batch = params->max_batch,
        .audio_features = rig->audio,
        .visual_features = rig->visual,
    };
    check_must(tyto_cman_create(&cman, &rig->cman, &fault), fault.text);
    rig->num_segments = tyto_cman_get_dims(rig->cman)->num_segments;
}

void cman_rig_close(struct cman_rig *rig)
{
    tyto_cman_destroy(&rig->cman);
    tyto_buf_destroy(&rig->audio);
    tyto_buf_destroy(&rig->visual);
    tyto_cman_weights_finish(&rig->weights);
    unlink(rig->path);
}

struct cman_clip cman_clip_random(struct cman_rig *rig, uint32_t num_segments, float scale)
{
    const struct tyto_cman_dims *d = &rig->weights.dims;
    const size_t num_audio = (size_t)num_segments * d->audio_in;
    const size_t num_visual = (size_t)num_segments * d->num_places * d->visual_in;
    struct cman_clip clip = {.num_segments = num_segments,
                             .audio = check_floats(num_audio),
                             .visual = check_floats(num_visual)};

    check_fill(rig->check, clip.audio, num_audio, scale);
    check_fill(rig->check, clip.visual, num_visual, scale);
    return clip;
}

void cman_clip_free(struct cman_clip *clip)
{
    free(clip->audio);
    free(clip->visual);
}

void cman_rig_feed(struct cman_rig *rig, const struct cman_clip *clips, const uint32_t *streams,
                   uint32_t num, uint32_t at, bool restart, struct tyto_cman_result *results)
{
    const struct tyto_cman_dims *d = &rig->weights.dims;
    const size_t row = (size_t)d->num_places * d->visual_in;
    struct tyto_cman_item *items = calloc(num, sizeof(*items));

    if (!items)
        check_must(TYTO_ERR_NOMEM, "items");
    for (uint32_t i = 0; i < num; i++) {
        /* rows in another order than items, as they come from encoders */
        const uint32_t to = rig->max_batch - 1 - i;
        const struct cman_clip *clip = &clips[i];

        memcpy((float *)tyto_buf_map(rig->audio) + (size_t)to * d->audio_in,
               clip->audio + (size_t)at * d->audio_in, d->audio_in * sizeof(float));
        memcpy((float *)tyto_buf_map(rig->visual) + to * row, clip->visual + at * row,
               row * sizeof(float));
        items[i] = (struct tyto_cman_item){.stream_idx = streams[i],
                                           .audio_row = to,
                                           .visual_row = to,
                                           .has_audio = !clip->has_audio || clip->has_audio[at],
                                           .has_visual = !clip->has_visual || clip->has_visual[at],
                                           .restart = restart};
    }
    check_must(tyto_cman_step(rig->cman, items, num, results), "a step");
    free(items);
}

/* --- comparing ------------------------------------------------------------------------------ */

/* (n, n) -> (n, T) */
static float *widen(const float *square, size_t n, size_t width)
{
    float *wide = check_floats(n * width);

    for (size_t t = 0; t < n; t++)
        memcpy(wide + t * width, square + t * n, n * sizeof(*wide));
    return wide;
}

struct cman_want cman_rig_want(struct cman_rig *rig, const struct cman_clip *clip, uint32_t begin,
                               uint32_t num, uint32_t look_ahead)
{
    const struct tyto_cman_dims *d = &rig->weights.dims;
    const struct tyto_cman_host_in in = {
        .num_segments = num,
        .look_ahead = look_ahead,
        .audio = clip->audio + (size_t)begin * d->audio_in,
        .visual = clip->visual + (size_t)begin * d->num_places * d->visual_in,
        .has_audio = clip->has_audio ? clip->has_audio + begin : NULL,
        .has_visual = clip->has_visual ? clip->has_visual + begin : NULL,
    };
    const struct tyto_cman_host_out out = {
        .logits = check_floats((size_t)num * d->num_logits),
        .place = check_floats((size_t)num * d->num_places),
        .beta_audio = check_floats(num),
        .beta_visual = check_floats(num),
        .align_audio = check_floats((size_t)num * num),
        .align_visual = check_floats((size_t)num * num),
    };
    struct cman_want want = {num,  out.logits, out.place, out.beta_audio, out.beta_visual,
                             NULL, NULL};

    check_must(tyto_cman_host_run(&rig->weights, &in, &out), "the reference");
    want.align_audio = widen(out.align_audio, num, rig->num_segments);
    want.align_visual = widen(out.align_visual, num, rig->num_segments);
    free(out.align_audio);
    free(out.align_visual);
    return want;
}

void cman_want_free(struct cman_want *want)
{
    free(want->logits);
    free(want->place);
    free(want->beta_audio);
    free(want->beta_visual);
    free(want->align_audio);
    free(want->align_visual);
}

void cman_rig_compare(struct cman_rig *rig, const struct tyto_cman_result *result,
                      const struct cman_want *want, double tolerance, const char *sentence)
{
    const struct tyto_cman_dims *d = &rig->weights.dims;
    const size_t n = want->num_valid;
    const struct part {
        const char *name;
        const float *got, *want;
        size_t num;
    } parts[] = {
        {"logits", result->logits, want->logits, n * d->num_logits},
        {"place", result->place, want->place, n * d->num_places},
        {"beta_audio", result->beta_audio, want->beta_audio, n},
        {"beta_visual", result->beta_visual, want->beta_visual, n},
        {"align_audio", result->align_audio, want->align_audio, n * rig->num_segments},
        {"align_visual", result->align_visual, want->align_visual, n * rig->num_segments},
    };

    check_that(rig->check, result->num_valid == want->num_valid, "%s: %u valid, should be %u",
               sentence, result->num_valid, want->num_valid);
    if (result->num_valid != want->num_valid)
        return;
    for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++) {
        char text[256];

        snprintf(text, sizeof(text), "%s: %s", sentence, parts[i].name);
        check_close_to(rig->check, parts[i].got, parts[i].want, parts[i].num, tolerance, text);
    }
}
