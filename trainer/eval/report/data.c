/* SPDX-License-Identifier: MIT */
/* A report as the data that report.html draws. Where a member cannot be made the whole is NULL:
 * nobody is asked between the first step and the last. */
#include <math.h>
#include <stdlib.h>

#include "files/page.h"
#include "trainer/eval/figures.h"
#include "trainer/eval/report/internal.h"

enum { MAX_CLIPS = 6 };

/* An object in the making; json is NULL once anything could not be made. */
struct maker {
    struct tyto_json *json;
};

static struct maker begin(void)
{
    return (struct maker){tyto_json_new_object()};
}

/* value is *taken*. */
static void set(struct maker *maker, const char *key, struct tyto_json *value)
{
    if (!tyto_json_set(maker->json, key, value))
        tyto_json_destroy(&maker->json);
}

/* The same for arrays; both are *taken*, and the array comes back, or NULL. */
static struct tyto_json *append(struct tyto_json *array, struct tyto_json *value)
{
    if (!tyto_json_append(array, value))
        tyto_json_destroy(&array);
    return array;
}

/* --- parts ----------------------------------------------------------------------------------- */

static struct tyto_json *make_pairs(const struct tyto_report *report)
{
    struct tyto_json *array = tyto_json_new_array();

    for (uint32_t i = 0; i < report->num_pairs; i++) {
        struct maker pair = begin();

        set(&pair, "key", tyto_page_text(report->pairs[i].key));
        set(&pair, "value", tyto_page_text(report->pairs[i].value));
        array = append(array, pair.json);
    }
    return array;
}

static struct tyto_json *make_epochs(const struct tyto_report *report)
{
    struct tyto_json *array = tyto_json_new_array();

    for (uint32_t i = 0; i < report->num_epochs; i++) {
        const struct tyto_report_epoch *from = &report->epochs[i];
        struct maker epoch = begin();

        set(&epoch, "epoch", tyto_json_new_u64(from->epoch));
        set(&epoch, "train_loss", tyto_page_number(from->train_loss));
        set(&epoch, "val_loss", tyto_page_number(from->val_loss));
        set(&epoch, "val_accuracy", tyto_page_number(from->val_accuracy));
        set(&epoch, "is_best", tyto_json_new_bool(from->is_best));
        array = append(array, epoch.json);
    }
    return array;
}

static struct tyto_json *make_shifts(const struct tyto_report *report)
{
    struct tyto_json *array = tyto_json_new_array();

    for (uint32_t i = 0; i < report->num_shifts; i++) {
        const struct tyto_shift_point *from = &report->shifts[i];
        struct maker point = begin();

        set(&point, "shift", tyto_json_new_f64(from->shift));
        set(&point, "on_video", tyto_page_number(from->on_video));
        set(&point, "on_both", tyto_page_number(from->on_both));
        array = append(array, point.json);
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
        struct maker figure = begin();

        set(&figure, "group", tyto_page_text(figures[i].group));
        set(&figure, "key", tyto_page_text(figures[i].key));
        set(&figure, "text", tyto_page_text(figures[i].text));
        set(&figure, "unit", tyto_json_new_string(units[figures[i].unit]));
        set(&figure, "model", tyto_page_number(figures[i].model));
        set(&figure, "nothing", tyto_page_number(figures[i].background));
        set(&figure, "all_the_time", tyto_page_number(figures[i].all_event));
        array = append(array, figure.json);
    }
    return array;
}

static struct tyto_json *make_reliability(const struct tyto_reliability *from)
{
    struct tyto_json *bins = tyto_json_new_array();
    struct maker reliability = begin();

    for (int i = 0; i < TYTO_RELIABILITY_BINS; i++) {
        struct maker bin = begin();

        set(&bin, "num", tyto_json_new_u64(from->bins[i].num));
        set(&bin, "confidence", tyto_page_number(from->bins[i].confidence));
        set(&bin, "accuracy", tyto_page_number(from->bins[i].accuracy));
        bins = append(bins, bin.json);
    }
    set(&reliability, "num", tyto_json_new_u64(from->num));
    set(&reliability, "ece", tyto_page_number(from->ece));
    set(&reliability, "bins", bins);
    return reliability.json;
}

/* With the background last. */
static struct tyto_json *make_classes(const struct tyto_report *report)
{
    const struct tyto_measurement *j = report->measurement;
    struct tyto_json *array = tyto_json_new_array();

    for (uint32_t k = 0; k <= j->num_classes; k++) {
        const struct tyto_class_measures *m = &j->classes[k].measures;
        struct maker class = begin();

        set(&class, "name",
            tyto_page_text(k < j->num_classes ? report->dataset->classes[k] : "(background)"));
        set(&class, "f1", tyto_page_number(m->f1));
        set(&class, "precision", tyto_page_number(m->precision));
        set(&class, "recall", tyto_page_number(m->recall));
        set(&class, "num_true", tyto_json_new_u64(m->num_true));
        set(&class, "num_pred", tyto_json_new_u64(m->num_pred));
        array = append(array, class.json);
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
            row = append(row, tyto_json_new_u64(j->confusion[r * num + c]));
        rows = append(rows, row);
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
    struct maker row = begin();

    for (uint32_t t = 0; t < j->len[clip]; t++) {
        const size_t cell = ((size_t)clip * j->num_segments + t) * j->num_classes + k;
        const size_t from = (size_t)j->clip_idx[clip] * j->num_segments + t;

        truth = append(truth, tyto_json_new_u64(j->truth_cells[cell]));
        said = append(said, tyto_json_new_u64((j->pred_cells[cell] & TYTO_CELL_JOINT) != 0));
        score = append(score, tyto_page_number((double)p->scores[from * p->num_logits + k]));
    }
    set(&row, "class", tyto_json_new_u64(k));
    set(&row, "truth", truth);
    set(&row, "said", said);
    set(&row, "score", score);
    return row.json;
}

static struct tyto_json *make_clip(const struct tyto_report *report, uint32_t clip)
{
    const struct tyto_measurement *j = report->measurement;
    const size_t first = (size_t)j->clip_idx[clip] * j->num_segments;
    const char *name = report->dataset->names[j->clip_idx[clip]];
    struct tyto_json *rows = tyto_json_new_array(), *audio = tyto_json_new_array();
    struct maker made = begin();

    for (uint32_t k = 0; k < j->num_classes; k++)
        if (has_class(j, clip, k))
            rows = append(rows, make_row(report, clip, k));
    for (uint32_t t = 0; t < j->len[clip]; t++)
        audio =
            append(audio, tyto_page_number((double)report->predictions->weight_audio[first + t]));
    set(&made, "name", tyto_page_text(name ? name : ""));
    set(&made, "accuracy", tyto_page_number(j->clip_accuracy[clip]));
    set(&made, "audio", audio);
    set(&made, "rows", rows);
    return made.json;
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
static void set_clips(const struct tyto_report *report, struct maker *maker)
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
        best = append(best, make_clip(report, ranked[num - 1 - i].clip));
        worst = append(worst, make_clip(report, ranked[i].clip));
    }
    set(maker, "best", best);
    set(maker, "worst", worst);
    free(ranked);
}

/* --- all ------------------------------------------------------------------------------------- */

struct tyto_json *tyto_report_data(const struct tyto_report *report)
{
    const struct tyto_measurement *j = report->measurement;
    const double nan = (double)NAN;
    struct maker data = begin();

    set(&data, "title", tyto_page_text(report->title ? report->title : "tyto"));
    set(&data, "pairs", make_pairs(report));
    set(&data, "epochs", make_epochs(report));
    if (!j)
        return data.json;
    set(&data, "shifts", make_shifts(report));
    set(&data, "shift_retention",
        tyto_page_number(tyto_shift_retention(report->shifts, report->num_shifts)));
    set(&data, "without_sound",
        tyto_page_number(report->no_audio ? report->no_audio->on_video : nan));
    set(&data, "without_picture",
        tyto_page_number(report->no_visual ? report->no_visual->on_video : nan));
    set(&data, "figures", make_figures(j));
    set(&data, "reliability", make_reliability(&j->model.reliability));
    set(&data, "classes", make_classes(report));
    set(&data, "confusion", make_confusion(j));
    set(&data, "num_segments", tyto_json_new_u64(j->num_segments));
    set_clips(report, &data);
    return data.json;
}
