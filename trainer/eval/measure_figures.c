/* SPDX-License-Identifier: MIT */
#include <math.h>
#include <stdlib.h>

#include "trainer/eval/internal.h"

/* --- rankings of segments --------------------------------------------------------------------- */

struct column {
    float *scores;
    bool *truth;
};

/* Average precision of one class over all valid segments. */
static enum tyto_err class_ap(const struct tyto_measured *in, struct column *column, uint32_t set,
                              uint32_t class_idx, double *ret_ap)
{
    static const uint8_t bits[] = {TYTO_CELL_JOINT, TYTO_CELL_HEARD, TYTO_CELL_SEEN};
    const struct tyto_measurement *j = in->measurement;
    size_t num = 0;

    for (size_t c = 0; c < j->num_clips; c++)
        for (size_t t = 0; t < j->len[c]; t++, num++) {
            const size_t row = c * j->num_segments + t;

            column->scores[num] = in->scores[row * in->stride + set * j->num_classes + class_idx];
            column->truth[num] = j->truth_cells[row * j->num_classes + class_idx] & bits[set];
        }
    return tyto_average_precision(column->scores, column->truth, num, ret_ap);
}

static enum tyto_err mean_aps(const struct tyto_measured *in, struct tyto_figures *figures,
                              struct tyto_class_figures *classes)
{
    const struct tyto_measurement *j = in->measurement;
    const size_t rows = (size_t)j->num_clips * j->num_segments;
    struct column column = {.scores = calloc(rows + 1, sizeof(float)),
                            .truth = calloc(rows + 1, sizeof(bool))};
    double *aps = calloc((size_t)j->num_classes + 1, sizeof(*aps));
    double means[3] = {(double)NAN, (double)NAN, (double)NAN};
    enum tyto_err err = column.scores && column.truth && aps ? TYTO_OK : TYTO_ERR_NOMEM;

    for (uint32_t set = 0; set < (in->is_single ? 1U : 3U) && !err; set++) {
        for (uint32_t k = 0; k < j->num_classes && !err; k++) {
            err = class_ap(in, &column, set, k, &aps[k]);
            if (classes && !err)
                *(set == 0   ? &classes[k].ap_joint
                  : set == 1 ? &classes[k].ap_heard
                             : &classes[k].ap_seen) = aps[k];
        }
        means[set] = tyto_mean(aps, j->num_classes);
    }
    figures->map_joint = means[0];
    figures->map_heard = means[1];
    figures->map_seen = means[2];
    free(column.scores);
    free(column.truth);
    free(aps);
    return err;
}

/* --- events ----------------------------------------------------------------------------------- */

/* Runs of joint cells; ret_spans NULL: counts only. scores NULL: 1. */
static size_t find_spans(const struct tyto_measured *in, const uint8_t *cells, const float *scores,
                         struct tyto_span *ret_spans)
{
    const struct tyto_measurement *j = in->measurement;
    size_t num = 0;

    for (uint32_t c = 0; c < j->num_clips; c++)
        for (uint32_t k = 0; k < j->num_classes; k++) {
            bool was_on = false;
            uint32_t begin = 0;
            double sum = 0;

            for (uint32_t t = 0; t <= j->len[c]; t++) {
                const size_t row = (size_t)c * j->num_segments + t;
                const bool is_on =
                    t < j->len[c] && (cells[row * j->num_classes + k] & TYTO_CELL_JOINT);

                if (is_on && !was_on) {
                    begin = t;
                    sum = 0;
                }
                if (is_on)
                    sum += scores ? (double)scores[row * in->stride + k] : 1;
                if (was_on && !is_on && ret_spans)
                    ret_spans[num] = (struct tyto_span){
                        .recording_idx = c,
                        .class_idx = k,
                        .begin_s = begin * in->segment_s,
                        .end_s = t * in->segment_s,
                        .score = (float)(sum / (t - begin)),
                        .emitted_s = (double)NAN,
                    };
                num += was_on && !is_on;
                was_on = is_on;
            }
        }
    return num;
}

static enum tyto_err measure_events(const struct tyto_measured *in, struct tyto_figures *figures)
{
    const struct tyto_measurement *j = in->measurement;
    const size_t num_truth = find_spans(in, j->truth_cells, NULL, NULL);
    const size_t num_pred = find_spans(in, in->cells, in->scores, NULL);
    struct tyto_span *truth = calloc(num_truth + 1, sizeof(*truth));
    struct tyto_span *pred = calloc(num_pred + 1, sizeof(*pred));
    struct tyto_spans spans = {.truth = truth,
                               .pred = pred,
                               .num_truth = num_truth,
                               .num_pred = num_pred,
                               .num_classes = j->num_classes};
    enum tyto_err err = truth && pred ? TYTO_OK : TYTO_ERR_NOMEM;

    for (uint32_t c = 0; c < j->num_clips; c++)
        spans.media_s += j->len[c] * in->segment_s;
    if (!err) {
        (void)find_spans(in, j->truth_cells, NULL, truth);
        (void)find_spans(in, in->cells, in->scores, pred);
        err = tyto_measure_spans(&spans, &figures->spans);
    }
    free(truth);
    free(pred);
    return err;
}

/* --- all -------------------------------------------------------------------------------------- */

static void forget_parts(struct tyto_f_scores *f)
{
    f->heard = f->seen = f->type_av = f->event_av = (double)NAN;
}

enum tyto_err tyto_measure_figures(const struct tyto_measured *in, struct tyto_figures *ret,
                                   struct tyto_class_figures *ret_classes, uint64_t *ret_confusion)
{
    const struct tyto_measurement *j = in->measurement;
    const struct tyto_segments segments = {.num_clips = j->num_clips,
                                           .num_segments = j->num_segments,
                                           .num_classes = j->num_classes,
                                           .len = j->len,
                                           .truth = j->truth,
                                           .pred = in->pred};
    const struct tyto_grids grids = {.num_clips = j->num_clips,
                                     .num_segments = j->num_segments,
                                     .num_classes = j->num_classes,
                                     .len = j->len,
                                     .truth = j->truth_cells,
                                     .pred = in->cells};
    struct tyto_f_scores *const all_f[] = {&ret->seg_f, &ret->seg_f_bg, &ret->ev_f, &ret->ev_f_bg};

    *ret = (struct tyto_figures){0};
    tyto_measure_segments(&segments, &ret->segments, ret_confusion);
    ret->flips_per_minute = tyto_measure_flips_per_minute(&segments, in->segment_s);
    for (int i = 0; i < 4; i++) {
        tyto_measure_f(&grids, i / 2 ? 0.5 : 0, i % 2, all_f[i]);
        if (in->is_single)
            forget_parts(all_f[i]);
    }
    for (uint32_t k = 0; ret_classes && k <= j->num_classes; k++) {
        ret_classes[k] = (struct tyto_class_figures){
            .ap_joint = (double)NAN, .ap_heard = (double)NAN, .ap_seen = (double)NAN};
        tyto_measure_class(ret_confusion, j->num_classes, k, &ret_classes[k].measures);
    }
    const enum tyto_err err = mean_aps(in, ret, ret_classes);
    return err ? err : measure_events(in, ret);
}
