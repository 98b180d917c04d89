/* SPDX-License-Identifier: MIT */
/* Predictions over a data set, by the daemon's code, against the trainer's forward pass on the same
 * weights and inputs: shifted, with a stream dropped, of short clips, of baselines. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "files/safetensors.h"
#include "tests/check/check.h"
#include "tests/check/network/cman_rig.h"
#include "trainer/eval/predict.h"
#include "trainer/step/step.h"

enum { T = 6, L = 9, A = 12, V = 20, K = 5, CLIPS = 7, BATCH = 3, ROWS = CLIPS * T };

static const double tolerance = 1e-4; /* of probabilities */

static const struct cman_spec spec = {
    .dims = {.num_segments = T,
             .num_places = L,
             .audio_in = A,
             .visual_in = V,
             .audio_width = 8,
             .visual_width = 16,
             .match_width = 12,
             .when_width = 8,
             .hidden_width = 12,
             .which_width = 8,
             .head_width = 16,
             .num_classes = K,
             .look_ahead = UINT32_MAX,
             .head = TYTO_HEAD_MULTI_LABEL},
    .adapt_audio = true,
    .adapt_visual = true,
    .where_scale = 8.0f,
};

/* --- a data set in memory ------------------------------------------------------------------- */

struct clips {
    float audio[ROWS * A], visual[ROWS * L * V];
    bool has_audio[ROWS], has_visual[ROWS];
};

static enum tyto_err read_clip(struct tyto_dataset *dataset, uint32_t clip,
                               const struct tyto_dataset_clip *ret_clip)
{
    const struct clips *clips = dataset->self;
    const size_t row = (size_t)clip * T;

    memcpy(ret_clip->audio, clips->audio + row * A, sizeof(float) * T * A);
    memcpy(ret_clip->visual, clips->visual + row * L * V, sizeof(float) * T * L * V);
    memcpy(ret_clip->has_audio, clips->has_audio + row, T);
    memcpy(ret_clip->has_visual, clips->has_visual + row, T);
    return TYTO_OK;
}

static void drop_nothing(struct tyto_dataset *dataset)
{
    (void)dataset;
}

static struct tyto_dataset *make_dataset(struct check *check, struct clips *clips)
{
    static const struct tyto_dataset_ops ops = {.read = read_clip, .destroy = drop_nothing};
    const struct tyto_dataset_shape shape = {.num_clips = CLIPS,
                                             .num_segments = T,
                                             .audio_in = A,
                                             .num_places = L,
                                             .visual_in = V,
                                             .num_classes = K};
    struct tyto_dataset *dataset = NULL;

    check_must(tyto_dataset_create(&shape, &dataset), "data set");
    check_fill(check, clips->audio, (size_t)ROWS * A, 2);
    check_fill(check, clips->visual, (size_t)ROWS * L * V, 2);
    for (size_t r = 0; r < ROWS; r++) {
        clips->has_audio[r] = r % 11 != 4;
        clips->has_visual[r] = r % 13 != 6;
    }
    dataset->len[1] = 4;
    dataset->len[3] = 1;
    dataset->len[6] = 5;
    dataset->self = clips;
    dataset->ops = &ops;
    return dataset;
}

/* --- the trainer's forward pass ------------------------------------------------------------- */

static struct tyto_step *make_step(struct check *check, const struct tyto_cman_weights *weights)
{
    const struct tyto_step_params params = {
        .gpu = check->gpu, .dims = weights->dims, .adapt = {true, true}, .batch = CLIPS};
    struct tyto_step *step = NULL;

    check_must(tyto_step_create(&params, &step), "step");
    float *values = check_floats(tyto_step_layout(step)->num);
    tyto_params_put(tyto_step_layout(step), weights->tensors, values);
    check_must(tyto_step_write(step, values, NULL, NULL), "write");
    free(values);
    return step;
}

/* Where the sound of row r comes from; -1: nowhere. */
static long sound_of(const struct tyto_dataset *dataset, const struct clips *clips, size_t r,
                     const struct tyto_predict_change *change)
{
    const long clip = (long)(r / T), len = (long)dataset->len[clip];
    long t = (long)(r % T) - change->audio_shift;

    if (change->repeats_edge)
        t = t < 0 ? 0 : t >= len ? len - 1 : t;
    if (t < 0 || t >= len || change->drops_audio || !clips->has_audio[clip * T + t])
        return -1;
    return clip * T + t;
}

static void put_row(const struct tyto_dataset *dataset, const struct clips *clips, size_t r,
                    const struct tyto_predict_change *change, bool is_early,
                    const struct tyto_step_in *in)
{
    const long sound = sound_of(dataset, clips, r, change);
    const bool sees = clips->has_visual[r] && !change->drops_visual;
    const size_t width = is_early ? A + V : A;

    in->has[0][r] = sound >= 0 || (is_early && sees) ? (uint32_t)r : UINT32_MAX;
    in->has[1][r] = sees && !is_early ? (uint32_t)r : UINT32_MAX;
    memset(in->audio + r * width, 0, width * sizeof(float));
    if (sound >= 0)
        memcpy(in->audio + r * width, clips->audio + sound * A, A * sizeof(float));
    memcpy(in->visual + r * L * V, clips->visual + r * L * V, sizeof(float) * L * V);
    for (size_t v = 0; v < V && is_early && sees; v++) {
        double sum = 0;

        for (size_t l = 0; l < L; l++)
            sum += (double)clips->visual[(r * L + l) * V + v];
        in->audio[r * width + A + v] = (float)(sum / L);
    }
}

static void compare(struct check *check, struct tyto_dataset *dataset, struct tyto_step *step,
                    const struct tyto_predictions *got, const char *sentence)
{
    const float *logits = NULL;
    const size_t stride = tyto_step_layout(step)->widths.logits;
    double worst = 0;
    float loss = 0;

    check_must(tyto_step_eval(step, &logits, &loss), "eval");
    for (size_t r = 0; r < ROWS; r++)
        for (size_t i = 0; i < 3 * K && r % T < dataset->len[r / T]; i++) {
            const double want = 1 / (1 + exp(-(double)logits[r * stride + i]));

            worst = fmax(worst, fabs(want - (double)got->scores[r * 3 * K + i]));
        }
    check_that(check, worst < tolerance, "%s: off by %g", sentence, worst);
}

static void one_case(struct check *check, struct tyto_predictor *predictor, struct tyto_step *step,
                     struct tyto_dataset *dataset, struct tyto_predict_change change,
                     const char *sentence)
{
    const struct tyto_step_in in = tyto_step_in(step);
    const struct tyto_predict_params params = {.change = change, .with_details = true};
    const bool is_early = tyto_predictor_head(predictor)->fusion == TYTO_CMAN_FUSION_EARLY;
    struct tyto_predictions got;
    struct tyto_fault fault = {0};

    for (size_t r = 0; r < ROWS; r++)
        put_row(dataset, dataset->self, r, &change, is_early, &in);
    for (size_t c = 0; c < CLIPS; c++)
        in.len[c] = dataset->len[c];
    check_must(tyto_predict(predictor, dataset, &params, &got, &fault), fault.text);
    compare(check, dataset, step, &got, sentence);
    tyto_predictions_finish(&got);
}

/* The cosine that "where" starts from, by hand in double, for sound t and picture k of clip 0. */
static double distance(const struct tyto_cman_weights *w, const struct clips *clips, size_t t,
                       size_t k)
{
    const struct tyto_cman_dims *d = &w->dims;
    float *const *x = w->tensors;
    double best = 2;

    for (size_t l = 0; l < L; l++) {
        double dot = 0, norm_a = 0, norm_v = 0;

        for (size_t o = 0; o < d->match_width; o++) {
            double a = (double)x[TYTO_CMAN_WHERE_AUDIO_BIAS][o];
            double v = (double)x[TYTO_CMAN_WHERE_VISUAL_BIAS][o];

            for (size_t m = 0; m < d->audio_width; m++) {
                double in = (double)x[TYTO_CMAN_ADAPT_AUDIO_BIAS][m];
                for (size_t i = 0; i < A; i++)
                    in += (double)x[TYTO_CMAN_ADAPT_AUDIO_WEIGHT][m * A + i] *
                          (double)clips->audio[t * A + i];
                a += (double)x[TYTO_CMAN_WHERE_AUDIO_WEIGHT][o * d->audio_width + m] * in;
            }
            for (size_t m = 0; m < d->visual_width; m++) {
                double in = (double)x[TYTO_CMAN_ADAPT_VISUAL_BIAS][m];
                for (size_t i = 0; i < V; i++)
                    in += (double)x[TYTO_CMAN_ADAPT_VISUAL_WEIGHT][m * V + i] *
                          (double)clips->visual[(k * L + l) * V + i];
                v += (double)x[TYTO_CMAN_WHERE_VISUAL_WEIGHT][o * d->visual_width + m] * in;
            }
            dot += a * v;
            norm_a += a * a;
            norm_v += v * v;
        }
        best = fmin(best, 1 - dot / sqrt(norm_a * norm_v));
    }
    return best;
}

static void distances(struct check *check, struct tyto_predictor *predictor,
                      const struct tyto_cman_weights *weights, struct tyto_dataset *dataset)
{
    const struct tyto_predict_params params = {.with_details = true};
    const struct clips *clips = dataset->self;
    struct tyto_predictions got;
    double worst = 0;

    check_must(tyto_predict(predictor, dataset, &params, &got, NULL), "predict");
    for (size_t t = 0; t < T; t++)
        for (size_t k = 0; k < T; k++) {
            const bool has = clips->has_audio[t] && clips->has_visual[k];
            const double want = has ? distance(weights, clips, t, k) : 1;

            worst = fmax(worst, fabs(want - (double)got.match[t * T + k]));
        }
    check_that(check, worst < 1e-5, "distances of sounds and pictures: off by %g", worst);
    double sum = 0;
    for (size_t l = 0; l < L; l++)
        sum += (double)got.place[l];
    check_that(check, fabs(sum - 1) < 1e-4, "a place map sums to 1: %g", sum);
    tyto_predictions_finish(&got);
}

static void changes(struct check *check, const char *path, struct tyto_dataset *dataset)
{
    const struct tyto_predictor_params params = {
        .head_path = path, .gpu = check->gpu, .batch = BATCH};
    struct tyto_cman_weights weights = {0};
    struct tyto_predictor *predictor = NULL;
    struct tyto_fault fault = {0};

    check_must(tyto_cman_weights_load(path, &weights, &fault), fault.text);
    check_must(tyto_predictor_create(&params, &predictor, &fault), fault.text);
    struct tyto_step *step = make_step(check, &weights);
    one_case(check, predictor, step, dataset, (struct tyto_predict_change){0}, "as it is");
    distances(check, predictor, &weights, dataset);
    one_case(check, predictor, step, dataset, (struct tyto_predict_change){.audio_shift = 2},
             "sound 2 late, missing at the edge");
    one_case(check, predictor, step, dataset,
             (struct tyto_predict_change){.audio_shift = -1, .repeats_edge = true},
             "sound 1 early, the edge repeated");
    one_case(check, predictor, step, dataset,
             (struct tyto_predict_change){.audio_shift = 5, .repeats_edge = true},
             "a shift as long as the clip");
    one_case(check, predictor, step, dataset, (struct tyto_predict_change){.drops_audio = true},
             "no sound");
    one_case(check, predictor, step, dataset, (struct tyto_predict_change){.drops_visual = true},
             "no picture");
    tyto_step_destroy(&step);
    tyto_predictor_destroy(&predictor);
    tyto_cman_weights_finish(&weights);
}

/* --- baselines and refusals ------------------------------------------------------------------ */

static void copy_with_fusion(const char *from, const char *to, const char *fusion)
{
    struct tyto_weights *file = NULL;
    struct tyto_tensor tensors[TYTO_CMAN_NUM_TENSORS];
    struct tyto_meta metas[16];
    uint32_t num = 0, num_tensors = 0;

    check_must(tyto_weights_open(from, &file, NULL), "open");
    for (; num_tensors < tyto_weights_num_tensors(file); num_tensors++)
        tensors[num_tensors] = *tyto_weights_tensor(file, num_tensors);
    for (; num < tyto_weights_num_metas(file) && num < 15; num++)
        metas[num] = *tyto_weights_meta_at(file, num);
    metas[num++] = (struct tyto_meta){"tyto.fusion", fusion};
    check_must(tyto_weights_write(to, tensors, num_tensors, metas, num, NULL), "write");
    tyto_weights_close(&file);
}

static void early(struct check *check, const char *path, struct tyto_dataset *dataset)
{
    const struct tyto_predictor_params params = {
        .head_path = path, .gpu = check->gpu, .batch = CLIPS};
    struct cman_spec early_spec = spec;
    struct tyto_predictor *predictor = NULL;
    struct tyto_cman_weights weights = {0};
    struct tyto_fault fault = {0};
    char plain[300];

    (void)snprintf(plain, sizeof(plain), "%s.plain", path);
    early_spec.dims.audio_in = A + V;
    cman_write_weights(&early_spec, plain);
    copy_with_fusion(plain, path, "early");
    (void)unlink(plain);
    check_must(tyto_cman_weights_load(path, &weights, &fault), fault.text);
    check_must(tyto_predictor_create(&params, &predictor, &fault), fault.text);
    struct tyto_step *step = make_step(check, &weights);
    struct clips *clips = dataset->self;
    for (size_t r = 0; r < ROWS;
         r++) /* what one missing stream counts as is the adapter's affair */
        clips->has_audio[r] = clips->has_visual[r] = r % 5 != 3;
    one_case(check, predictor, step, dataset, (struct tyto_predict_change){0}, "early fusion");
    tyto_step_destroy(&step);
    tyto_predictor_destroy(&predictor);
    tyto_cman_weights_finish(&weights);
}

static void visual_alone(struct check *check, const char *plain, const char *path,
                         struct tyto_dataset *dataset)
{
    struct tyto_predictor_params params = {.head_path = path, .gpu = check->gpu};
    const struct tyto_predict_params as_is = {0};
    const struct tyto_predict_params deaf = {.change = {.drops_audio = true}};
    struct tyto_predictor *predictor = NULL;
    struct tyto_predictions a, b;
    struct tyto_fault fault = {0};

    copy_with_fusion(plain, path, "visual");
    check_must(tyto_predictor_create(&params, &predictor, &fault), fault.text);
    check_must(tyto_predict(predictor, dataset, &as_is, &a, &fault), fault.text);
    tyto_predictor_destroy(&predictor);
    params.head_path = plain;
    check_must(tyto_predictor_create(&params, &predictor, &fault), fault.text);
    check_must(tyto_predict(predictor, dataset, &deaf, &b, &fault), fault.text);
    tyto_predictor_destroy(&predictor);
    check_that(check, memcmp(a.scores, b.scores, sizeof(float) * ROWS * 3 * K) == 0,
               "a head of pictures alone never hears");
    const float first = a.scores[0];
    check_err(check, tyto_predictions_blend(&a, &b), TYTO_OK, "a blend of equals");
    check_that(check, a.scores[0] == first, "is equal to them");
    b.num_clips--;
    check_err(check, tyto_predictions_blend(&a, &b), TYTO_ERR_SHAPE, "a blend of other clips");
    tyto_predictions_finish(&a);
    tyto_predictions_finish(&b);
}

static bool stop_at_once(void *user, uint32_t num_done, uint32_t num_clips)
{
    (void)user;
    return num_done > num_clips;
}

static void refusals(struct check *check, const char *path, struct tyto_dataset *dataset)
{
    const struct tyto_predictor_params params = {.head_path = path, .gpu = check->gpu};
    const struct tyto_predict_params stops = {.on_progress = stop_at_once};
    const struct tyto_predict_params plain = {0};
    struct tyto_predictor *predictor = NULL;
    struct tyto_predictions got;
    struct tyto_fault fault = {0};

    check_must(tyto_predictor_create(&params, &predictor, &fault), fault.text);
    check_err(check, tyto_predict(predictor, dataset, &stops, &got, &fault), TYTO_ERR_CLOSED,
              "a run that is stopped");
    dataset->shape.visual_in++;
    check_err(check, tyto_predict(predictor, dataset, &plain, &got, &fault), TYTO_ERR_SHAPE,
              "pictures of another encoder");
    check_that(check, strstr(fault.text, "encoders"), "it says what to do: %s", fault.text);
    dataset->shape.visual_in--;
    dataset->shape.num_classes--;
    check_err(check, tyto_predict(predictor, dataset, &plain, &got, &fault), TYTO_ERR_SHAPE,
              "other classes");
    dataset->shape.num_classes++;
    tyto_predictor_destroy(&predictor);
}

static void the_daemon_refuses(struct check *check, const char *path)
{
    struct tyto_buf *buf = NULL;
    struct tyto_cman *cman = NULL;
    struct tyto_fault fault = {0};

    check_must(tyto_buf_create(check->gpu, TYTO_BUF_DEVICE, L * V * sizeof(float), &buf), "buf");
    const struct tyto_cman_params params = {.weights_path = path,
                                            .gpu = check->gpu,
                                            .look_ahead = TYTO_CMAN_LOOK_AHEAD_FROM_WEIGHTS,
                                            .max_streams = 1,
                                            .max_batch = 1,
                                            .audio_features = buf,
                                            .visual_features = buf};
    check_err(check, tyto_cman_create(&params, &cman, &fault), TYTO_ERR_UNSUPPORTED,
              "a baseline is no head to watch with");
    check_that(check, strstr(fault.text, "tyto eval"), "it says what to do: %s", fault.text);
    tyto_buf_destroy(&buf);
}

int main(int argc, char **argv)
{
    static struct clips clips;
    struct check check;
    char path[] = "/tmp/tyto-check-predict-XXXXXX", other[sizeof(path) + 8];
    int exit_code = 0;

    if (!check_open(&check, argc, argv, &exit_code))
        return exit_code;
    const int fd = mkstemp(path);
    check_must(fd < 0 ? TYTO_ERR_IO : TYTO_OK, "temporary file");
    (void)close(fd);
    (void)snprintf(other, sizeof(other), "%s.other", path);
    struct tyto_dataset *dataset = make_dataset(&check, &clips);
    cman_write_weights(&spec, path);
    changes(&check, path, dataset);
    refusals(&check, path, dataset);
    visual_alone(&check, path, other, dataset);
    the_daemon_refuses(&check, other);
    early(&check, other, dataset);
    tyto_dataset_destroy(&dataset);
    (void)unlink(path);
    (void)unlink(other);
    return check_close(&check);
}
