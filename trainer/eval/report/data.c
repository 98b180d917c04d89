/* SPDX-License-Identifier: MIT */
/* A report as the data that report.html draws. Where a member cannot be made the whole is NULL:
 * nobody is asked between the first step and the last. */
#include <math.h>
#include <stdlib.h>

#include "files/page.h"
#include "trainer/eval/figures.h"
#include "trainer/eval/report/internal.h"

enum { MAX_CLIPS = 6 };

/* --- parts ----------------------------------------------------------------------------------- */

static struct tyto_json *make_pairs(const struct tyto_report *report)
{
    struct tyto_json *array = tyto_json_new_array();

    for (uint32_t i = 0; i < report->num_pairs; i++) {
        struct tyto_json *pair = tyto_json_new_object();

        tyto_json_put(&pair, "key", tyto_page_text(report->pairs[i].key));
        tyto_json_put(&pair, "value", tyto_page_text(report->pairs[i].value));
        tyto_json_push(&array, pair);
    }
    return array;
}

static struct tyto_json *make_epochs(const struct tyto_report *report)
{
    struct tyto_json *array = tyto_json_new_array();

    for (uint32_t i = 0; i < report->num_epochs; i++) {
        const struct tyto_report_epoch *from = &report->epochs[i];
        struct tyto_json *epoch = tyto_json_new_object();

        tyto_json_put(&epoch, "epoch", tyto_json_new_u64(from->epoch));
        tyto_json_put(&epoch, "train_loss", tyto_page_number(from->train_loss));
        tyto_json_put(&epoch, "val_loss", tyto_page_number(from->val_loss));
        tyto_json_put(&epoch, "val_accuracy", tyto_page_number(from->val_accuracy));
        tyto_json_put(&epoch, "is_best", tyto_json_new_bool(from->is_best));
        tyto_json_push(&array, epoch);
    }
    return array;
}

static struct tyto_json *make_shifts(const struct tyto_report *report)
{
    struct tyto_json *array = tyto_json_new_array();

    for (uint32_t i = 0; i < report->num_shifts; i++) {
        const struct tyto_shift_point *from = &report->shifts[i];
        struct tyto_json *point = tyto_json_new_object();

        tyto_json_put(&point, "shift", tyto_json_new_f64(from->shift));
        tyto_json_put(&point, "on_video", tyto_page_number(from->on_video));
        tyto_json_put(&point, "on_both", tyto_page_number(from->on_both));
        tyto_json_push(&array, point);
    }
    return array;
}

static struct tyto_json *make_figures(const struct tyto_measurement *measurement)
{
    static const char *const units[] = {[TYTO_FIGURE_SHARE] = "share",
                                        [TYTO_FIGURE_SECONDS] = "seconds",
                                        [TYTO_FIGURE_NUMBER] = "number"};
    struct tyto_figure figures[TYTO_FIGURES_MAX];
    const uint32_t num = tyto_figures_list(measurement, figures);
    struct tyto_json *array = tyto_json_new_array();

    for (uint32_t i = 0; i < num; i++) {
        struct tyto_json *figure = tyto_json_new_object();

        tyto_json_put(&figure, "group", tyto_page_text(figures[i].group));
        tyto_json_put(&figure, "key", tyto_page_text(figures[i].key));
        tyto_json_put(&figure, "text", tyto_page_text(figures[i].text));
        tyto_json_put(&figure, "unit", tyto_json_new_string(units[figures[i].unit]));
        tyto_json_put(&figure, "model", tyto_page_number(figures[i].model));
        tyto_json_put(&figure, "nothing", tyto_page_number(figures[i].background));
        tyto_json_put(&figure, "all_the_time", tyto_page_number(figures[i].all_event));
        tyto_json_push(&array, figure);
    }
    return array;
}

static struct tyto_json *make_reliability(const struct tyto_reliability *from)
{
    struct tyto_json *bins = tyto_json_new_array();
    struct tyto_json *reliability = tyto_json_new_object();

    for (int i = 0; i < TYTO_RELIABILITY_BINS; i++) {
        struct tyto_json *bin = tyto_json_new_object();

        tyto_json_put(&bin, "num", tyto_json_new_u64(from->bins[i].num));
        tyto_json_put(&bin, "confidence", tyto_page_number(from->bins[i].confidence));
        tyto_json_put(&bin, "accuracy", tyto_page_number(from->bins[i].accuracy));
        tyto_json_push(&bins, bin);
    }
    tyto_json_put(&reliability, "num", tyto_json_new_u64(from->num));
    tyto_json_put(&reliability, "ece", tyto_page_number(from->ece));
    tyto_json_put(&reliability, "bins", bins);
    return reliability;
}

/* With the background last. */
static struct tyto_json *make_classes(const struct tyto_report *report)
{
    const struct tyto_measurement *j = report->measurement;
    struct tyto_json *array = tyto_json_new_array();

    for (uint32_t k = 0; k <= j->num_classes; k++) {
        const struct tyto_class_measures *m = &j->classes[k].measures;
        struct tyto_json *class = tyto_json_new_object();

        tyto_json_put(
            &class, "name",
            tyto_page_text(k < j->num_classes ? report->dataset->classes[k] : "(background)"));
        tyto_json_put(&class, "f1", tyto_page_number(m->f1));
        tyto_json_put(&class, "precision", tyto_page_number(m->precision));
        tyto_json_put(&class, "recall", tyto_page_number(m->recall));
        tyto_json_put(&class, "num_true", tyto_json_new_u64(m->num_true));
        tyto_json_put(&class, "num_pred", tyto_json_new_u64(m->num_pred));
        tyto_json_push(&array, class);
    }
    return array;
}

static struct tyto_json *make_confusion(const struct tyto_measurement *j)
{
    const size_t num = j->num_classes + 1;
    struct tyto_json *rows = tyto_json_new_array();

    for (size_t r = 0; r < num; r++) {
        struct tyto_json *row = tyto_json_new_array();

        for (size_t c = 0; c < num; c++)
            tyto_json_push(&row, tyto_json_new_u64(j->confusion[r * num + c]));
        tyto_json_push(&rows, row);
    }
    return rows;
}

/* --- clips ----------------------------------------------------------------------------------- */

static bool has_class(const struct tyto_measurement *j, uint32_t clip, uint32_t class_idx)
{
    for (uint32_t t = 0; t < j->len[clip]; t++) {
        const size_t row = (size_t)clip * j->num_segments + t;

        if (j->truth_cells[row * j->num_classes + class_idx] ||
            (j->pred_cells[row * j->num_classes + class_idx] & TYTO_CELL_JOINT))
            return true;
    }
    return false;
}

/* What is true and predicted of one class in one clip. */
static struct tyto_json *make_row(const struct tyto_report *report, uint32_t clip, uint32_t k)
{
    const struct tyto_measurement *j = report->measurement;
    const struct tyto_predictions *p = report->predictions;
    struct tyto_json *truth = tyto_json_new_array(), *said = tyto_json_new_array();
    struct tyto_json *score = tyto_json_new_array();
    struct tyto_json *row = tyto_json_new_object();

    for (uint32_t t = 0; t < j->len[clip]; t++) {
        const size_t cell = ((size_t)clip * j->num_segments + t) * j->num_classes + k;
        const size_t from = (size_t)j->clip_idx[clip] * j->num_segments + t;

        tyto_json_push(&truth, tyto_json_new_u64(j->truth_cells[cell]));
        tyto_json_push(&said, tyto_json_new_u64((j->pred_cells[cell] & TYTO_CELL_JOINT) != 0));
        tyto_json_push(&score, tyto_page_number((double)p->scores[from * p->num_logits + k]));
    }
    tyto_json_put(&row, "class", tyto_json_new_u64(k));
    tyto_json_put(&row, "truth", truth);
    tyto_json_put(&row, "said", said);
    tyto_json_put(&row, "score", score);
    return row;
}

static struct tyto_json *make_clip(const struct tyto_report *report, uint32_t clip)
{
    const struct tyto_measurement *j = report->measurement;
    const size_t first = (size_t)j->clip_idx[clip] * j->num_segments;
    const char *name = report->dataset->names[j->clip_idx[clip]];
    struct tyto_json *rows = tyto_json_new_array(), *audio = tyto_json_new_array();
    struct tyto_json *made = tyto_json_new_object();

    for (uint32_t k = 0; k < j->num_classes; k++)
        if (has_class(j, clip, k))
            tyto_json_push(&rows, make_row(report, clip, k));
    for (uint32_t t = 0; t < j->len[clip]; t++)
        tyto_json_push(&audio,
                       tyto_page_number((double)report->predictions->weight_audio[first + t]));
    tyto_json_put(&made, "name", tyto_page_text(name ? name : ""));
    tyto_json_put(&made, "accuracy", tyto_page_number(j->clip_accuracy[clip]));
    tyto_json_put(&made, "audio", audio);
    tyto_json_put(&made, "rows", rows);
    return made;
}

struct ranked {
    double accuracy;
    uint32_t clip;
};

static int compare_ranked(const void *a, const void *b)
{
    const struct ranked *x = a, *y = b;

    if (x->accuracy != y->accuracy)
        return x->accuracy < y->accuracy ? -1 : 1;
    return (x->clip > y->clip) - (x->clip < y->clip);
}

/* Clips with an event only: background all through shows nothing. */
static void set_clips(const struct tyto_report *report, struct tyto_json **json)
{
    const struct tyto_measurement *j = report->measurement;
    struct ranked *ranked = calloc((size_t)j->num_clips + 1, sizeof(*ranked));
    struct tyto_json *best = tyto_json_new_array(), *worst = tyto_json_new_array();
    uint32_t num = 0;

    if (!ranked)
        tyto_json_destroy(&best);
    for (uint32_t c = 0; ranked && c < j->num_clips; c++) {
        bool has_any = false;

        for (uint32_t k = 0; k < j->num_classes && !has_any; k++)
            has_any = has_class(j, c, k);
        if (has_any)
            ranked[num++] = (struct ranked){j->clip_accuracy[c], c};
    }
    if (num > 0)
        qsort(ranked, num, sizeof(*ranked), compare_ranked);
    for (uint32_t i = 0; i < num && i < MAX_CLIPS; i++) {
        tyto_json_push(&best, make_clip(report, ranked[num - 1 - i].clip));
        tyto_json_push(&worst, make_clip(report, ranked[i].clip));
    }
    tyto_json_put(json, "best", best);
    tyto_json_put(json, "worst", worst);
    free(ranked);
}

/* --- all ------------------------------------------------------------------------------------- */

struct tyto_json *tyto_report_data(const struct tyto_report *report)
{
    const struct tyto_measurement *j = report->measurement;
    const double nan = (double)NAN;
    struct tyto_json *data = tyto_json_new_object();

    tyto_json_put(&data, "title", tyto_page_text(report->title ? report->title : "tyto"));
    tyto_json_put(&data, "pairs", make_pairs(report));
    tyto_json_put(&data, "epochs", make_epochs(report));
    if (!j)
        return data;
    tyto_json_put(&data, "shifts", make_shifts(report));
    tyto_json_put(&data, "shift_retention",
                  tyto_page_number(tyto_shift_retention(report->shifts, report->num_shifts)));
    tyto_json_put(&data, "without_sound",
                  tyto_page_number(report->no_audio ? report->no_audio->on_video : nan));
    tyto_json_put(&data, "without_picture",
                  tyto_page_number(report->no_visual ? report->no_visual->on_video : nan));
    tyto_json_put(&data, "figures", make_figures(j));
    tyto_json_put(&data, "reliability", make_reliability(&j->model.reliability));
    tyto_json_put(&data, "classes", make_classes(report));
    tyto_json_put(&data, "confusion", make_confusion(j));
    tyto_json_put(&data, "num_segments", tyto_json_new_u64(j->num_segments));
    set_clips(report, &data);
    return data;
}
