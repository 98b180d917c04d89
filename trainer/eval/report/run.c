/* SPDX-License-Identifier: MIT */
#include "trainer/eval/evaluate.h"
#include "trainer/eval/report/report.h"

enum { MAX_SHIFT = 4 };

enum tyto_err tyto_report_from_run(const char *path, const struct tyto_report_run *run,
                                   struct tyto_fault *ret_fault)
{
    const struct tyto_evaluate_params params = {
        .head_path = run->head_path,
        .gpu = run->gpu,
        .dataset = run->dataset,
        .min_shift = run->skips_shifts ? 0 : -MAX_SHIFT,
        .max_shift = run->skips_shifts ? 0 : MAX_SHIFT,
        .repeats_edge = true,
        .drops = !run->skips_shifts,
        .user = run->user,
        .on_progress = run->on_progress,
    };
    struct tyto_evaluation evaluation;
    enum tyto_err err = tyto_evaluate(&params, &evaluation, ret_fault);

    if (err)
        return err;
    const struct tyto_report report = {
        .title = run->title,
        .pairs = run->pairs,
        .num_pairs = run->num_pairs,
        .epochs = run->epochs,
        .num_epochs = run->num_epochs,
        .dataset = run->dataset,
        .predictions = &evaluation.predictions,
        .measurement = &evaluation.measurement,
        .shifts = evaluation.shifts,
        .num_shifts = evaluation.num_shifts,
        .no_audio = evaluation.has_drops ? &evaluation.no_audio : NULL,
        .no_visual = evaluation.has_drops ? &evaluation.no_visual : NULL,
    };
    err = tyto_report_write(path, &report, ret_fault);
    tyto_evaluation_finish(&evaluation);
    return err;
}
