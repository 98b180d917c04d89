/* SPDX-License-Identifier: MIT */
#include "trainer/eval/metrics/sync.h"

#include <math.h>
#include <stdlib.h>

#include "trainer/eval/metrics/metrics.h"

uint32_t tyto_cml_start(const float *distances, uint32_t num_segments, uint32_t begin, uint32_t num)
{
    uint32_t best = 0;
    double best_sum = INFINITY;

    for (uint32_t start = 0; start + num <= num_segments; start++) {
        double sum = 0;

        for (uint32_t i = 0; i < num; i++)
            sum += (double)distances[(size_t)(begin + i) * num_segments + start + i];
        if (sum < best_sum) {
            best_sum = sum;
            best = start;
        }
    }
    return best;
}

void tyto_measure_cml(const float *audio_visual, const float *visual_audio, const uint32_t *begins,
                      const uint32_t *nums, uint32_t num_clips, uint32_t num_segments,
                      double segment_s, struct tyto_cml_measures *ret)
{
    const float *const distances[] = {audio_visual, visual_audio};
    double right[2] = {0}, error[2] = {0}, chance = 0;
    uint32_t n = 0;

    for (uint32_t c = 0; c < num_clips; c++) {
        if (nums[c] == 0 || nums[c] >= num_segments)
            continue;
        n++;
        chance += 1.0 / (num_segments - nums[c] + 1);
        for (int way = 0; way < 2; way++) {
            const float *matrix = distances[way] + (size_t)c * num_segments * num_segments;
            const uint32_t start = tyto_cml_start(matrix, num_segments, begins[c], nums[c]);

            right[way] += start == begins[c];
            error[way] += fabs((double)start - (double)begins[c]) * segment_s;
        }
    }
    const double by = n > 0 ? n : (double)NAN;
    *ret = (struct tyto_cml_measures){
        .num_clips = n,
        .a2v = right[0] / by,
        .v2a = right[1] / by,
        .chance = chance / by,
        .a2v_error_s = error[0] / by,
        .v2a_error_s = error[1] / by,
    };
}

enum tyto_err tyto_measure_offsets(const double *estimates_s, const double *truth_s,
                                   const float *confidences, size_t num, double segment_s,
                                   struct tyto_offset_measures *ret)
{
    double *errors = calloc(num > 0 ? num : 1, sizeof(*errors));
    bool *in_step = calloc(num > 0 ? num : 1, sizeof(*in_step));
    size_t exact = 0, near = 0, n = 0;
    double auroc = (double)NAN;
    enum tyto_err err = errors && in_step ? TYTO_OK : TYTO_ERR_NOMEM;

    for (size_t i = 0; i < num && !err; i++) {
        in_step[i] = lround(truth_s[i] / segment_s) == 0;
        if (isnan(estimates_s[i]))
            continue;
        const long off = lround(estimates_s[i] / segment_s) - lround(truth_s[i] / segment_s);

        exact += off == 0;
        near += labs(off) <= 1;
        errors[n++] = fabs(estimates_s[i] - truth_s[i]) * 1000;
    }
    if (!err && confidences)
        err = tyto_auroc(confidences, in_step, num, &auroc);
    if (!err)
        *ret = (struct tyto_offset_measures){
            .acc = num > 0 ? (double)exact / (double)num : (double)NAN,
            .acc_1 = num > 0 ? (double)near / (double)num : (double)NAN,
            .median_error_ms = tyto_quantile(errors, n, 0.5),
            .auroc = auroc,
        };
    free(errors);
    free(in_step);
    return err;
}
