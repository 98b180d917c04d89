/* SPDX-License-Identifier: MIT */
#include <math.h>

#include "trainer/eval/report.h"

enum { MAX_SHIFT = 4, NUM_SHIFTS = 2 * MAX_SHIFT + 1, NUM_RUNS = NUM_SHIFTS + 3 };

/* Progress over several predictions of the same clips. */
struct steps {
    const struct tyto_report_run *run;
    uint32_t num_before, num_runs;
};

static bool on_progress(void *user, uint32_t num_done, uint32_t num_clips)
{
    const struct steps *steps = user;
    const struct tyto_report_run *run = steps->run;

    return !run->on_progress ||
           run->on_progress(run->user, steps->num_before * num_clips + num_done,
                            steps->num_runs * num_clips);
}

static enum tyto_err measure_shift(struct tyto_predictor *predictor, struct steps *steps,
                                   struct tyto_predict_change change,
                                   struct tyto_shift_point *ret_point, struct tyto_fault *ret_fault)
{
    const struct tyto_predict_params params = {
        .change = change, .user = steps, .on_progress = on_progress};
    struct tyto_predictions predictions;
    enum tyto_err err =
        tyto_predict(predictor, steps->run->dataset, &params, &predictions, ret_fault);

    if (err)
        return err;
    err = tyto_judge_shift(steps->run->dataset, &predictions,
                           tyto_predictor_head(predictor)->thresholds, &change, ret_point);
    tyto_predictions_finish(&predictions);
    steps->num_before++;
    return err;
}

static enum tyto_err measure_shifts(struct tyto_predictor *predictor, struct steps *steps,
                                    struct tyto_shift_point *ret_shifts,
                                    struct tyto_shift_point ret_without[2],
                                    struct tyto_fault *ret_fault)
{
    enum tyto_err err = TYTO_OK;

    for (int32_t i = 0; i < NUM_SHIFTS && !err; i++)
        err = measure_shift(
            predictor, steps,
            (struct tyto_predict_change){.audio_shift = i - MAX_SHIFT, .repeats_edge = true},
            &ret_shifts[i], ret_fault);
    if (!err)
        err = measure_shift(predictor, steps, (struct tyto_predict_change){.drops_audio = true},
                            &ret_without[0], ret_fault);
    if (!err)
        err = measure_shift(predictor, steps, (struct tyto_predict_change){.drops_visual = true},
                            &ret_without[1], ret_fault);
    return err;
}

static enum tyto_err write_run(const char *path, struct tyto_predictor *predictor,
                               const struct tyto_report_run *run, struct tyto_fault *ret_fault)
{
    struct steps steps = {.run = run, .num_runs = run->skips_shifts ? 1 : NUM_RUNS};
    const struct tyto_predict_params params = {
        .with_details = true, .user = &steps, .on_progress = on_progress};
    struct tyto_shift_point shifts[NUM_SHIFTS], without[2];
    struct tyto_predictions predictions = {0};
    struct tyto_judgement judgement = {0};
    enum tyto_err err = tyto_predict(predictor, run->dataset, &params, &predictions, ret_fault);

    if (!err)
        err = tyto_judge(run->dataset, &predictions, tyto_predictor_head(predictor)->thresholds,
                         &judgement);
    steps.num_before++;
    if (!err && !run->skips_shifts)
        err = measure_shifts(predictor, &steps, shifts, without, ret_fault);
    if (!err) {
        const struct tyto_report report = {
            .title = run->title,
            .pairs = run->pairs,
            .num_pairs = run->num_pairs,
            .epochs = run->epochs,
            .num_epochs = run->num_epochs,
            .dataset = run->dataset,
            .predictions = &predictions,
            .judgement = &judgement,
            .shifts = run->skips_shifts ? NULL : shifts,
            .num_shifts = run->skips_shifts ? 0 : NUM_SHIFTS,
            .no_audio = run->skips_shifts ? NULL : &without[0],
            .no_visual = run->skips_shifts ? NULL : &without[1],
        };
        err = tyto_report_write(path, &report, ret_fault);
    }
    tyto_predictions_finish(&predictions);
    tyto_judgement_finish(&judgement);
    return err;
}

enum tyto_err tyto_report_from_run(const char *path, const struct tyto_report_run *run,
                                   struct tyto_fault *ret_fault)
{
    const struct tyto_predictor_params params = {.head_path = run->head_path,
                                                 .gpu = run->gpu,
                                                 .num_segments = run->dataset->shape.num_segments};
    struct tyto_predictor *predictor = NULL;
    enum tyto_err err = tyto_predictor_create(&params, &predictor, ret_fault);

    if (!err)
        err = write_run(path, predictor, run, ret_fault);
    tyto_predictor_destroy(&predictor);
    return err;
}
