/* SPDX-License-Identifier: MIT */
#include "trainer/eval/predict.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "model/cman/cman.h"
#include "trainer/eval/match.h"

enum { DEFAULT_BATCH = 16, MAX_BATCH = 256 };

struct tyto_predictor {
    struct tyto_cman_weights head; /* without tensors */
    struct tyto_cman *cman;
    struct tyto_cman_dims dims; /* T as asked for */
    struct tyto_buf *bufs[2];   /* one segment of each clip of the batch: sound, picture */
    uint32_t batch;
    float *rows[2];           /* owned, what goes there next */
    struct tyto_match *match; /* NULL: a baseline */
    float *neutral;           /* owned, (A): sound that an adapter makes zeros of; NULL: zeros */
};

/* A batch of clips in memory, as the data set gives them. */
struct batch {
    uint32_t first, num;
    float *audio, *visual; /* (batch, T, A'), (batch, T, L, V) */
    bool *has_audio, *has_visual;
};

/* --- the head ------------------------------------------------------------------------------- */

/* The shortest input x with W x + b = 0, where the rows of W are orthogonal (as a basis' are).
 * For early fusion: what stands for a modality that is missing beside one that is there. */
static enum tyto_err find_neutral(const struct tyto_cman_weights *head, float **ret_neutral)
{
    const float *weight = head->tensors[TYTO_CMAN_ADAPT_AUDIO_WEIGHT];
    const float *bias = head->tensors[TYTO_CMAN_ADAPT_AUDIO_BIAS];
    const size_t width = head->dims.audio_in;

    if (head->fusion != TYTO_CMAN_FUSION_EARLY || !weight || !bias)
        return TYTO_OK;
    float *neutral = calloc(width, sizeof(*neutral));
    if (!neutral)
        return TYTO_ERR_NOMEM;
    for (size_t r = 0; r < head->dims.audio_width; r++) {
        const float *row = weight + r * width;
        double norm = 0;

        for (size_t i = 0; i < width; i++)
            norm += (double)row[i] * (double)row[i];
        for (size_t i = 0; i < width && norm > 0; i++)
            neutral[i] -= (float)((double)row[i] * (double)bias[r] / norm);
    }
    *ret_neutral = neutral;
    return TYTO_OK;
}

/* Everything about the head but its tensors, before these go to the device. */
static enum tyto_err copy_head(const struct tyto_cman_weights *head, struct tyto_cman_weights *ret)
{
    const size_t num = head->dims.num_classes;

    *ret = *head;
    memset(ret->tensors, 0, sizeof(ret->tensors));
    ret->classes = calloc(num, sizeof(*ret->classes));
    ret->thresholds = calloc(TYTO_CMAN_NUM_TASKS * (size_t)num, sizeof(*ret->thresholds));
    if (!ret->classes || !ret->thresholds)
        return TYTO_ERR_NOMEM;
    memcpy(ret->classes, head->classes, num * sizeof(*ret->classes));
    memcpy(ret->thresholds, head->thresholds,
           TYTO_CMAN_NUM_TASKS * (size_t)num * sizeof(*ret->thresholds));
    return TYTO_OK;
}

static enum tyto_err make_rows(struct tyto_predictor *p, struct tyto_gpu *gpu)
{
    const size_t widths[] = {p->dims.audio_in, (size_t)p->dims.num_places * p->dims.visual_in};
    enum tyto_err err = TYTO_OK;

    for (int s = 0; s < 2 && !err; s++) {
        const size_t num = p->batch * widths[s];

        p->rows[s] = calloc(num, sizeof(float));
        err = p->rows[s] ? tyto_buf_create(gpu, TYTO_BUF_DEVICE, num * sizeof(float), &p->bufs[s])
                         : TYTO_ERR_NOMEM;
    }
    return err;
}

enum tyto_err tyto_predictor_create(const struct tyto_predictor_params *params,
                                    struct tyto_predictor **ret_predictor,
                                    struct tyto_fault *ret_fault)
{
    struct tyto_predictor *p = calloc(1, sizeof(*p));
    struct tyto_cman_weights head = {0};

    if (!p)
        return TYTO_ERR_NOMEM;
    p->batch = params->batch == 0 ? DEFAULT_BATCH : params->batch;
    p->batch = p->batch > MAX_BATCH ? MAX_BATCH : p->batch;
    enum tyto_err err = tyto_cman_weights_load(params->head_path, &head, ret_fault);
    if (!err)
        err = copy_head(&head, &p->head);
    if (!err)
        err = find_neutral(&head, &p->neutral);
    if (!err && head.fusion == TYTO_CMAN_FUSION_CMAN)
        err = tyto_match_create(&head, &p->match);
    if (!err) {
        p->dims = head.dims;
        if (params->num_segments > 0)
            p->dims.num_segments = params->num_segments;
        err = make_rows(p, params->gpu);
    }
    if (!err) {
        const struct tyto_cman_params cman = {
            .weights_path = params->head_path,
            .weights = &head,
            .gpu = params->gpu,
            .num_segments = p->dims.num_segments,
            .look_ahead = TYTO_CMAN_LOOK_AHEAD_FROM_WEIGHTS,
            .max_streams = p->batch,
            .max_batch = p->batch,
            .audio_features = p->bufs[0],
            .visual_features = p->bufs[1],
            .any_fusion = true,
            .log = params->log,
        };
        err = tyto_cman_create(&cman, &p->cman, ret_fault);
    }
    tyto_cman_weights_finish(&head);
    if (err) {
        tyto_predictor_destroy(&p);
        return err;
    }
    *ret_predictor = p;
    return TYTO_OK;
}

void tyto_predictor_destroy(struct tyto_predictor **predictor)
{
    struct tyto_predictor *p = predictor ? *predictor : NULL;

    if (!p)
        return;
    *predictor = NULL;
    tyto_cman_destroy(&p->cman);
    for (int s = 0; s < 2; s++) {
        tyto_buf_destroy(&p->bufs[s]);
        free(p->rows[s]);
    }
    free(p->neutral);
    tyto_match_destroy(&p->match);
    tyto_cman_weights_finish(&p->head);
    free(p);
}

const struct tyto_cman_dims *tyto_predictor_dims(const struct tyto_predictor *predictor)
{
    return &predictor->dims;
}

const struct tyto_cman_weights *tyto_predictor_head(const struct tyto_predictor *predictor)
{
    return &predictor->head;
}

/* --- inputs --------------------------------------------------------------------------------- */

/* What a head reads of one segment. */
struct segment {
    const float *audio, *visual; /* NULL: missing */
};

/* The segment that is at t after all came `by` segments later; len: none. */
static uint32_t moved(const struct tyto_predict_change *change, int32_t by, uint32_t t,
                      uint32_t len)
{
    const int64_t from = (int64_t)t - by;

    if (t >= len)
        return len;
    if (from >= 0 && from < (int64_t)len)
        return (uint32_t)from;
    if (!change->repeats_edge)
        return len;
    return from < 0 ? 0 : len - 1;
}

/* The segment whose sound is heard at t; len: none. */
static uint32_t shifted(const struct tyto_predict_change *change, uint32_t t, uint32_t len)
{
    return moved(change, change->audio_shift, moved(change, -change->moved_back, t, len), len);
}

static struct segment take_segment(const struct tyto_predictor *p,
                                   const struct tyto_dataset *dataset, const struct batch *batch,
                                   const struct tyto_predict_change *change, uint32_t b, uint32_t t)
{
    const struct tyto_dataset_shape *shape = &dataset->shape;
    const uint32_t len = dataset->len[batch->first + b];
    const size_t row = (size_t)b * shape->num_segments;
    const uint32_t heard = shifted(change, t, len);
    struct segment segment = {0};

    if (heard < len && batch->has_audio[row + heard] && !change->drops_audio &&
        p->head.fusion != TYTO_CMAN_FUSION_VISUAL)
        segment.audio = batch->audio + (row + heard) * shape->audio_in;
    if (batch->has_visual[row + t] && !change->drops_visual &&
        p->head.fusion != TYTO_CMAN_FUSION_AUDIO)
        segment.visual = batch->visual + (row + t) * shape->num_places * shape->visual_in;
    return segment;
}

/* ret_row (A + V) <- sound, and the mean over the places of the picture. */
static void fuse_early(const struct tyto_predictor *p, const struct tyto_dataset_shape *shape,
                       const struct segment *segment, float *ret_row)
{
    const size_t width = p->dims.audio_in, sound = shape->audio_in, picture = shape->visual_in;
    const size_t places = shape->num_places;

    if (p->neutral)
        memcpy(ret_row, p->neutral, width * sizeof(*ret_row));
    else
        memset(ret_row, 0, width * sizeof(*ret_row));
    if (segment->audio)
        memcpy(ret_row, segment->audio, sound * sizeof(*ret_row));
    for (size_t v = 0; v < picture && segment->visual; v++) {
        double sum = 0;

        for (size_t l = 0; l < places; l++)
            sum += (double)segment->visual[l * picture + v];
        ret_row[sound + v] = (float)(sum / (double)places);
    }
}

/* Puts segment t of clip b into row number item and says what there is. */
static struct tyto_cman_item put_item(struct tyto_predictor *p, const struct tyto_dataset *dataset,
                                      struct segment segment, uint32_t b, uint32_t t, uint32_t item)
{
    const size_t audio = p->dims.audio_in, visual = (size_t)p->dims.num_places * p->dims.visual_in;
    struct tyto_cman_item ret = {
        .stream_idx = b, .audio_row = item, .visual_row = item, .restart = t == 0};

    if (p->head.fusion == TYTO_CMAN_FUSION_EARLY) {
        ret.has_audio = segment.audio || segment.visual;
        if (ret.has_audio)
            fuse_early(p, &dataset->shape, &segment, p->rows[0] + item * audio);
        return ret;
    }
    ret.has_audio = segment.audio;
    ret.has_visual = segment.visual;
    if (segment.audio)
        memcpy(p->rows[0] + item * audio, segment.audio, audio * sizeof(float));
    if (segment.visual)
        memcpy(p->rows[1] + item * visual, segment.visual, visual * sizeof(float));
    return ret;
}

/* --- outputs -------------------------------------------------------------------------------- */

static void softmax(const float *logits, uint32_t num, float *ret_scores)
{
    double sum = 0;
    float max = logits[0];

    for (uint32_t i = 1; i < num; i++)
        max = fmaxf(max, logits[i]);
    for (uint32_t i = 0; i < num; i++)
        sum += exp((double)(logits[i] - max));
    for (uint32_t i = 0; i < num; i++)
        ret_scores[i] = (float)(exp((double)(logits[i] - max)) / sum);
}

/* What a stream does not leave on its own sentinel it takes from the other one. */
static float weigh(float beta_audio, float beta_visual, bool has_audio, bool has_visual)
{
    const float visual = has_visual ? fmaxf(1 - beta_audio, 0) : 0;
    const float audio = has_audio ? fmaxf(1 - beta_visual, 0) : 0;

    if (audio + visual > 0)
        return audio / (audio + visual);
    return has_audio == has_visual ? 0.5f : (float)has_audio;
}

static void take_result(const struct tyto_cman_result *result, const bool (*has)[2], size_t clip,
                        struct tyto_predictions *ret)
{
    const size_t wide = ret->num_logits, num = ret->num_segments, places = ret->num_places;

    for (size_t t = 0; t < result->num_valid; t++) {
        const float *logits = result->logits + t * wide;
        float *scores = ret->scores + (clip * num + t) * wide;

        if (ret->head == TYTO_HEAD_SOFTMAX)
            softmax(logits, ret->num_logits, scores);
        else
            for (size_t i = 0; i < wide; i++)
                scores[i] = (float)(1 / (1 + exp(-(double)logits[i])));
        ret->weight_audio[clip * num + t] =
            weigh(result->beta_audio[t], result->beta_visual[t], has[t][0], has[t][1]);
    }
    if (!ret->place)
        return;
    const size_t bytes = result->num_valid * sizeof(float);
    memcpy(ret->place + clip * num * places, result->place, bytes * places);
}

/* --- batches -------------------------------------------------------------------------------- */

struct run {
    struct tyto_predictor *p;
    struct tyto_dataset *dataset;
    const struct tyto_predict_params *params;
    struct tyto_predictions *ret;
    struct batch batch;
    struct tyto_cman_item *items;     /* (batch) */
    struct tyto_cman_result *results; /* (batch) */
    uint32_t *clips;                  /* (batch): of the items */
    bool (*has)[2];                   /* (batch, T): what was fed */
};

static enum tyto_err read_batch(struct run *run)
{
    const struct tyto_dataset_shape *shape = &run->dataset->shape;
    struct batch *batch = &run->batch;
    enum tyto_err err = TYTO_OK;

    for (uint32_t b = 0; b < batch->num && !err; b++) {
        const size_t row = (size_t)b * shape->num_segments;
        const struct tyto_dataset_clip clip = {
            .audio = batch->audio + row * shape->audio_in,
            .visual = batch->visual + row * shape->num_places * shape->visual_in,
            .has_audio = batch->has_audio + row,
            .has_visual = batch->has_visual + row,
        };
        err = tyto_dataset_read(run->dataset, batch->first + b, &clip);
        if (!err && run->ret->match)
            tyto_match_clip(
                run->p->match, &clip, run->dataset->len[batch->first + b], shape->num_segments,
                run->ret->match + (batch->first + row / shape->num_segments) *
                                      (size_t)shape->num_segments * shape->num_segments);
    }
    return err;
}

static enum tyto_err send_rows(struct tyto_predictor *p, uint32_t num)
{
    const size_t bytes[] = {p->dims.audio_in * sizeof(float),
                            (size_t)p->dims.num_places * p->dims.visual_in * sizeof(float)};
    enum tyto_err err = TYTO_OK;

    for (int s = 0; s < 2 && !err && num > 0; s++)
        err = tyto_buf_write(p->bufs[s], 0, p->rows[s], num * bytes[s]);
    return err;
}

/* Segment t of the clips that go on after it (is_last false), or that end with it. */
static enum tyto_err feed(struct run *run, uint32_t t, bool is_last)
{
    struct tyto_predictor *p = run->p;
    uint32_t num = 0;

    for (uint32_t b = 0; b < run->batch.num; b++) {
        const uint32_t clip = run->batch.first + b, len = run->dataset->len[clip];

        if (t >= len || (t + 1 == len) != is_last)
            continue;
        const struct segment segment =
            take_segment(p, run->dataset, &run->batch, &run->params->change, b, t);
        bool *has = run->has[(size_t)b * p->dims.num_segments + t];

        has[0] = segment.audio;
        has[1] = segment.visual;
        run->items[num] = put_item(p, run->dataset, segment, b, t, num);
        run->clips[num++] = clip;
    }
    enum tyto_err err = send_rows(p, num);
    if (err || num == 0)
        return err;
    if (!is_last)
        return tyto_cman_feed(p->cman, run->items, num);
    err = tyto_cman_step(p->cman, run->items, num, run->results);
    for (uint32_t i = 0; i < num && !err; i++) {
        const size_t b = run->clips[i] - run->batch.first;
        const bool(*has)[2] = (const bool(*)[2])run->has + b * p->dims.num_segments;

        take_result(&run->results[i], has, run->clips[i], run->ret);
    }
    return err;
}

static enum tyto_err run_all(struct run *run)
{
    const uint32_t num_clips = run->dataset->shape.num_clips;
    struct batch *batch = &run->batch;
    enum tyto_err err = TYTO_OK;

    for (batch->first = 0; batch->first < num_clips && !err; batch->first += batch->num) {
        const uint32_t left = num_clips - batch->first;

        batch->num = left < run->p->batch ? left : run->p->batch;
        err = read_batch(run);
        for (uint32_t t = 0; t < 2 * run->p->dims.num_segments && !err; t++)
            err = feed(run, t / 2, t % 2);
        if (!err && run->params->on_progress &&
            !run->params->on_progress(run->params->user, batch->first + batch->num, num_clips))
            err = TYTO_ERR_CLOSED;
    }
    return err;
}

/* --- the whole ------------------------------------------------------------------------------ */

static enum tyto_err check_fit(const struct tyto_predictor *p, const struct tyto_dataset *dataset,
                               struct tyto_fault *ret_fault)
{
    const struct tyto_dataset_shape *shape = &dataset->shape;
    const bool is_early = p->head.fusion == TYTO_CMAN_FUSION_EARLY;
    const uint32_t audio_in = shape->audio_in + (is_early ? shape->visual_in : 0);

    if (audio_in != p->dims.audio_in || shape->num_places != p->dims.num_places ||
        shape->visual_in != p->dims.visual_in)
        return tyto_fault_set(ret_fault, TYTO_ERR_SHAPE, NULL, 0, NULL,
                              "the model reads sound of %u and pictures of (%u, %u); the data has "
                              "%u and (%u, %u): use the encoders that it was trained with",
                              p->dims.audio_in, p->dims.num_places, p->dims.visual_in, audio_in,
                              shape->num_places, shape->visual_in);
    if (shape->num_segments != p->dims.num_segments || shape->num_classes != p->dims.num_classes)
        return tyto_fault_set(ret_fault, TYTO_ERR_SHAPE, NULL, 0, NULL,
                              "the model scores %u segments for %u classes; the data has %u and %u",
                              p->dims.num_segments, p->dims.num_classes, shape->num_segments,
                              shape->num_classes);
    return TYTO_OK;
}

static enum tyto_err make_predictions(const struct tyto_predictor *p, uint32_t num_clips,
                                      bool with_details, struct tyto_predictions *ret)
{
    const size_t rows = (size_t)num_clips * p->dims.num_segments;

    *ret = (struct tyto_predictions){.num_clips = num_clips,
                                     .num_segments = p->dims.num_segments,
                                     .num_classes = p->dims.num_classes,
                                     .num_logits = p->dims.num_logits,
                                     .num_places = p->dims.num_places,
                                     .head = p->dims.head};
    ret->scores = calloc(rows * ret->num_logits, sizeof(float));
    ret->weight_audio = calloc(rows, sizeof(float));
    if (!ret->scores || !ret->weight_audio)
        return TYTO_ERR_NOMEM;
    if (!with_details)
        return TYTO_OK;
    if (p->match)
        ret->match = calloc(rows * ret->num_segments, sizeof(float));
    ret->place = calloc(rows * ret->num_places, sizeof(float));
    return (ret->match || !p->match) && ret->place ? TYTO_OK : TYTO_ERR_NOMEM;
}

enum tyto_err tyto_predict(struct tyto_predictor *p, struct tyto_dataset *dataset,
                           const struct tyto_predict_params *params,
                           struct tyto_predictions *ret_predictions, struct tyto_fault *ret_fault)
{
    const struct tyto_dataset_shape *shape = &dataset->shape;
    struct tyto_predictions predictions = {0};
    enum tyto_err err = check_fit(p, dataset, ret_fault);

    if (err)
        return err;
    const size_t rows = (size_t)p->batch * shape->num_segments;
    struct run run = {
        .p = p,
        .dataset = dataset,
        .params = params,
        .ret = &predictions,
        .batch = {.audio = calloc(rows * shape->audio_in, sizeof(float)),
                  .visual = calloc(rows * shape->num_places * shape->visual_in, sizeof(float)),
                  .has_audio = calloc(rows, sizeof(bool)),
                  .has_visual = calloc(rows, sizeof(bool))},
        .items = calloc(p->batch, sizeof(*run.items)),
        .results = calloc(p->batch, sizeof(*run.results)),
        .clips = calloc(p->batch, sizeof(*run.clips)),
        .has = calloc(rows, sizeof(*run.has)),
    };
    const bool has_room = run.batch.audio && run.batch.visual && run.batch.has_audio &&
                          run.batch.has_visual && run.items && run.results && run.clips && run.has;
    err = has_room ? make_predictions(p, shape->num_clips, params->with_details, &predictions)
                   : TYTO_ERR_NOMEM;
    if (!err)
        err = run_all(&run);
    free(run.batch.audio);
    free(run.batch.visual);
    free(run.batch.has_audio);
    free(run.batch.has_visual);
    free(run.items);
    free(run.results);
    free(run.clips);
    free(run.has);
    if (err) {
        tyto_predictions_finish(&predictions);
        return tyto_fault_set(ret_fault, err, NULL, 0, NULL, "prediction stopped: %s",
                              tyto_err_text(err));
    }
    *ret_predictions = predictions;
    return TYTO_OK;
}

void tyto_predictions_finish(struct tyto_predictions *predictions)
{
    free(predictions->scores);
    free(predictions->weight_audio);
    free(predictions->match);
    free(predictions->place);
    *predictions = (struct tyto_predictions){0};
}

enum tyto_err tyto_predictions_blend(struct tyto_predictions *predictions,
                                     const struct tyto_predictions *other)
{
    const size_t rows = (size_t)predictions->num_clips * predictions->num_segments;

    if (predictions->num_clips != other->num_clips || predictions->head != other->head ||
        predictions->num_segments != other->num_segments ||
        predictions->num_logits != other->num_logits)
        return TYTO_ERR_SHAPE;
    for (size_t i = 0; i < rows * predictions->num_logits; i++)
        predictions->scores[i] = (predictions->scores[i] + other->scores[i]) / 2;
    for (size_t i = 0; i < rows; i++)
        predictions->weight_audio[i] = 0.5f;
    return TYTO_OK;
}
