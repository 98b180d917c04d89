/* SPDX-License-Identifier: MIT */
/* Confusions, F1 of each class, and timelines of single clips. */
#include <math.h>
#include <stdlib.h>

#include "trainer/eval/report/internal.h"

enum { MAX_CLIPS = 6, LABEL_CHARS = 20, NAME_CHARS = 60 };

static const char *class_name(const struct tyto_page *page, uint32_t class_idx)
{
    return class_idx < page->report->judgement->num_classes
               ? page->report->dataset->classes[class_idx]
               : "(background)";
}

/* --- confusions ------------------------------------------------------------------------------- */

static void put_cells(struct tyto_page *page, double cell, double left, double top)
{
    const struct tyto_judgement *j = page->report->judgement;
    const uint32_t num = j->num_classes + 1;

    for (uint32_t r = 0; r < num; r++) {
        uint64_t sum = 0;

        for (uint32_t c = 0; c < num; c++)
            sum += j->confusion[(size_t)r * num + c];
        for (uint32_t c = 0; c < num; c++) {
            const uint64_t n = j->confusion[(size_t)r * num + c];
            const double share = sum > 0 ? (double)n / (double)sum : 0;

            if (n == 0)
                continue;
            tyto_page_put(page,
                          "<rect class=\"%s\" fill-opacity=\"%.3f\" x=\"%.1f\" y=\"%.1f\" "
                          "width=\"%.1f\" height=\"%.1f\"><title>",
                          r == c ? "good" : "bad", 0.08 + 0.92 * share, left + c * cell + 0.5,
                          top + r * cell + 0.5, cell - 1, cell - 1);
            tyto_page_text(page, class_name(page, r));
            tyto_page_put(page, " taken for ");
            tyto_page_text(page, class_name(page, c));
            tyto_page_put(page, ": %llu of %llu</title></rect>\n", (unsigned long long)n,
                          (unsigned long long)sum);
        }
    }
}

static void put_matrix(struct tyto_page *page)
{
    const uint32_t num = page->report->judgement->num_classes + 1;
    const double cell = fmin(30, fmax(5, 620.0 / num)), left = 150, top = 118;
    const double side = cell * num;

    tyto_page_put(page,
                  "<section>\n<h2>What is taken for what</h2>\n<p class=\"note\">Rows are true, "
                  "columns predicted; a row's colours share out its segments.</p>\n"
                  "<svg viewBox=\"0 0 %.0f %.0f\" width=\"%.0f\" height=\"%.0f\" role=\"img\" "
                  "aria-label=\"confusion matrix\">\n",
                  left + side + 60, top + side + 8, left + side + 60, top + side + 8);
    tyto_page_put(page,
                  "<rect class=\"frame\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\"/>\n",
                  left, top, side, side);
    put_cells(page, cell, left, top);
    for (uint32_t k = 0; k < num && cell >= 10; k++) {
        const double at = (k + 0.5) * cell;

        tyto_page_put(page, "<text class=\"end\" x=\"%.1f\" y=\"%.1f\">", left - 7, top + at + 4);
        tyto_page_text_cut(page, class_name(page, k), LABEL_CHARS);
        tyto_page_put(page, "</text><text transform=\"translate(%.1f %.1f) rotate(-45)\">",
                      left + at + 2, top - 7);
        tyto_page_text_cut(page, class_name(page, k), LABEL_CHARS);
        tyto_page_put(page, "</text>\n");
    }
    tyto_page_put(page, "</svg>\n</section>\n");
}

static void put_bar(struct tyto_page *page, uint32_t class_idx, double y)
{
    const struct tyto_class_measures *m = &page->report->judgement->classes[class_idx].measures;
    const double f1 = isnan(m->f1) ? 0 : m->f1;
    const double left = 150, width = 560;

    tyto_page_put(page, "<text class=\"end\" x=\"%.1f\" y=\"%.1f\">", left - 8, y + 12);
    tyto_page_text_cut(page, class_name(page, class_idx), LABEL_CHARS);
    tyto_page_put(page,
                  "</text><rect class=\"void\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"14\" "
                  "rx=\"2\"/><rect class=\"fa\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" "
                  "height=\"14\" rx=\"2\"><title>",
                  left, y, width, left, y, f1 * width);
    tyto_page_text(page, class_name(page, class_idx));
    tyto_page_put(page, ": ");
    if (!isnan(m->precision))
        tyto_page_put(page, "precision %.1f %%, ", m->precision * 100);
    if (!isnan(m->recall))
        tyto_page_put(page, "recall %.1f %%, ", m->recall * 100);
    tyto_page_put(page, "%llu true, %llu predicted</title></rect>", (unsigned long long)m->num_true,
                  (unsigned long long)m->num_pred);
    if (isnan(m->f1))
        tyto_page_put(page, "<text class=\"tick\" x=\"%.1f\" y=\"%.1f\">never comes</text>\n",
                      left + width + 8, y + 12);
    else
        tyto_page_put(page, "<text x=\"%.1f\" y=\"%.1f\">%.1f</text>\n", left + width + 8, y + 12,
                      f1 * 100);
}

void tyto_page_confusion(struct tyto_page *page)
{
    const uint32_t num = page->report->judgement->num_classes + 1;
    const double height = 20.0 * num + 4;

    put_matrix(page);
    tyto_page_put(page,
                  "<section>\n<h2>F1 of each class</h2>\n<p class=\"note\">Of segments, in per "
                  "cent.</p>\n<svg viewBox=\"0 0 800 %.0f\" width=\"800\" height=\"%.0f\" "
                  "role=\"img\" aria-label=\"F1 of each class\">\n",
                  height, height);
    for (uint32_t k = 0; k < num; k++)
        put_bar(page, k, 20.0 * k + 3);
    tyto_page_put(page, "</svg>\n</section>\n");
}

/* --- timelines -------------------------------------------------------------------------------- */

/* Where a clip's cells lie. */
struct timeline {
    uint32_t clip; /* of the judgement */
    double left, cell, y;
};

static void put_cell(struct tyto_page *page, const struct timeline *line, uint32_t t, uint32_t k)
{
    const struct tyto_judgement *j = page->report->judgement;
    const struct tyto_predictions *p = page->report->predictions;
    const size_t row = (size_t)line->clip * j->num_segments + t;
    const size_t from = (size_t)j->clip_idx[line->clip] * j->num_segments + t;
    const uint8_t truth = j->truth_cells[row * j->num_classes + k];
    const uint8_t pred = j->pred_cells[row * j->num_classes + k];
    const double score = (double)p->scores[from * p->num_logits + k];
    const double x = line->left + t * line->cell;
    const bool is_true = truth & TYTO_CELL_JOINT, is_said = pred & TYTO_CELL_JOINT;

    tyto_page_put(page,
                  "<g><title>second %u: joint %.2f, %s%s</title><rect class=\"%s\" x=\"%.1f\" "
                  "y=\"%.1f\" width=\"%.1f\" height=\"8\"%s/>",
                  t, score,
                  is_true                   ? "true"
                  : truth & TYTO_CELL_HEARD ? "heard, not seen"
                  : truth & TYTO_CELL_SEEN  ? "seen, not heard"
                                            : "not true",
                  is_said ? ", predicted" : "", truth ? "truth" : "void", x, line->y,
                  line->cell - 1.5, truth && !is_true ? " fill-opacity=\".35\"" : "");
    tyto_page_put(page,
                  "<rect class=\"void\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"8\"/>"
                  "<rect class=\"%s\" fill-opacity=\"%.2f\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" "
                  "height=\"8\"/></g>\n",
                  x, line->y + 9.5, line->cell - 1.5, is_true ? "good" : "bad",
                  is_said ? fmax(score, 0.55) : score * 0.4, x, line->y + 9.5, line->cell - 1.5);
}

static void put_weights(struct tyto_page *page, const struct timeline *line, uint32_t len)
{
    const struct tyto_judgement *j = page->report->judgement;
    const size_t row = (size_t)j->clip_idx[line->clip] * j->num_segments;

    tyto_page_put(page, "<text class=\"tick end\" x=\"%.1f\" y=\"%.1f\">sound : picture</text>\n",
                  line->left - 8, line->y + 10);
    for (uint32_t t = 0; t < len; t++) {
        const double audio = (double)page->report->predictions->weight_audio[row + t];
        const double x = line->left + t * line->cell, tall = 12 * audio;

        tyto_page_put(page,
                      "<g><title>second %u: %.0f %% sound, %.0f %% picture</title>"
                      "<rect class=\"sight\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"12\"/>"
                      "<rect class=\"sound\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" "
                      "height=\"%.1f\"/></g>\n",
                      t, audio * 100, 100 - audio * 100, x, line->y, line->cell - 1.5, x,
                      line->y + 12 - tall, line->cell - 1.5, tall);
    }
}

static bool has_class(const struct tyto_judgement *j, uint32_t clip, uint32_t class_idx)
{
    for (uint32_t t = 0; t < j->len[clip]; t++) {
        const size_t row = (size_t)clip * j->num_segments + t;

        if (j->truth_cells[row * j->num_classes + class_idx] ||
            (j->pred_cells[row * j->num_classes + class_idx] & TYTO_CELL_JOINT))
            return true;
    }
    return false;
}

static void put_clip(struct tyto_page *page, uint32_t clip)
{
    const struct tyto_judgement *j = page->report->judgement;
    const char *name = page->report->dataset->names[j->clip_idx[clip]];
    struct timeline line = {.clip = clip, .left = 140, .cell = 310.0 / j->num_segments, .y = 2};
    uint32_t num = 0;

    for (uint32_t k = 0; k < j->num_classes; k++)
        num += has_class(j, clip, k);
    const double height = 24.0 * num + 38;
    tyto_page_put(page, "<div class=\"clip\"><h3>");
    tyto_page_text_cut(page, name && *name ? name : "(no name)", NAME_CHARS);
    tyto_page_put(page,
                  " <span>%.0f %% right</span></h3>\n<svg viewBox=\"0 0 455 %.0f\" width=\"455\" "
                  "height=\"%.0f\" role=\"img\" aria-label=\"truth and prediction\">\n",
                  j->clip_accuracy[clip] * 100, height, height);
    for (uint32_t k = 0; k < j->num_classes; k++) {
        if (!has_class(j, clip, k))
            continue;
        tyto_page_put(page, "<text class=\"end\" x=\"%.1f\" y=\"%.1f\">", line.left - 8,
                      line.y + 13);
        tyto_page_text_cut(page, class_name(page, k), LABEL_CHARS);
        tyto_page_put(page, "</text>\n");
        for (uint32_t t = 0; t < j->len[clip]; t++)
            put_cell(page, &line, t, k);
        line.y += 24;
    }
    put_weights(page, &line, j->len[clip]);
    const uint32_t step = j->num_segments > 20 ? 10 : j->num_segments > 10 ? 5 : 1;
    for (uint32_t t = 0; t < j->len[clip]; t += step)
        tyto_page_put(page, "<text class=\"tick mid\" x=\"%.1f\" y=\"%.1f\">%u</text>",
                      line.left + (t + 0.5) * line.cell - 0.75, line.y + 28, t);
    tyto_page_put(page, "\n</svg></div>\n");
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

static void put_clips(struct tyto_page *page, const struct ranked *ranked, uint32_t num,
                      bool is_best)
{
    tyto_page_put(page,
                  "<section>\n<h2>%s clips</h2>\n<p class=\"note\"><i class=\"key\" "
                  "style=\"background:var(--truth)\"></i>true (pale: only heard, or only seen)"
                  "<i class=\"key\" style=\"background:var(--good)\"></i>predicted, rightly"
                  "<i class=\"key\" style=\"background:var(--bad)\"></i>predicted, wrongly"
                  "<i class=\"key\" style=\"background:var(--sound)\"></i>decided by sound"
                  "<i class=\"key\" style=\"background:var(--sight)\"></i>by picture</p>\n"
                  "<div class=\"clips\">\n",
                  is_best ? "Best" : "Worst");
    for (uint32_t i = 0; i < num && i < MAX_CLIPS; i++)
        put_clip(page, ranked[is_best ? num - 1 - i : i].clip);
    tyto_page_put(page, "</div>\n</section>\n");
}

/* Clips with an event only: background all through shows nothing. */
void tyto_page_clips(struct tyto_page *page)
{
    const struct tyto_judgement *j = page->report->judgement;
    struct ranked *ranked = calloc((size_t)j->num_clips + 1, sizeof(*ranked));
    uint32_t num = 0;

    for (uint32_t c = 0; ranked && c < j->num_clips; c++) {
        bool has_any = false;

        for (uint32_t k = 0; k < j->num_classes && !has_any; k++)
            has_any = has_class(j, c, k);
        if (has_any)
            ranked[num++] = (struct ranked){j->clip_accuracy[c], c};
    }
    if (num > 0) {
        qsort(ranked, num, sizeof(*ranked), compare_ranked);
        put_clips(page, ranked, num, true);
        put_clips(page, ranked, num, false);
    }
    free(ranked);
}
