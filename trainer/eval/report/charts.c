/* SPDX-License-Identifier: MIT */
/* Curves, calibration, shifts. */
#include <math.h>

#include "trainer/eval/report/internal.h"

static void begin_svg(struct tyto_page *page, double width, double height, const char *name)
{
    tyto_page_put(page,
                  "<svg viewBox=\"0 0 %.0f %.0f\" width=\"%.0f\" height=\"%.0f\" role=\"img\" "
                  "aria-label=\"%s\">\n",
                  width, height, width, height, name);
}

static void put_key(struct tyto_page *page, double x, double y, const char *color, const char *name)
{
    tyto_page_put(page,
                  "<line class=\"line %s\" x1=\"%.0f\" x2=\"%.0f\" y1=\"%.0f\" y2=\"%.0f\"/>"
                  "<text x=\"%.0f\" y=\"%.0f\">%s</text>\n",
                  color, x, x + 18, y, y, x + 24, y + 4, name);
}

/* --- over epochs ------------------------------------------------------------------------------ */

enum column { TRAIN_LOSS, VAL_LOSS, VAL_ACCURACY };

static double value_of(const struct tyto_report_epoch *epoch, enum column column)
{
    return column == TRAIN_LOSS ? epoch->train_loss
           : column == VAL_LOSS ? epoch->val_loss
                                : epoch->val_accuracy;
}

static bool has_any(const struct tyto_report *report, enum column column)
{
    for (uint32_t i = 0; i < report->num_epochs; i++)
        if (isfinite(value_of(&report->epochs[i], column)))
            return true;
    return false;
}

static void put_curve(struct tyto_page *page, const struct tyto_axes *axes, enum column column,
                      const char *color, const char *name)
{
    const struct tyto_report *report = page->report;
    const char *sep = "";

    tyto_page_put(page, "<polyline class=\"line s%s\" points=\"", color);
    for (uint32_t i = 0; i < report->num_epochs; i++) {
        const double value = value_of(&report->epochs[i], column);

        if (!isfinite(value))
            continue;
        tyto_page_put(page, "%s%.1f,%.1f", sep, tyto_axes_x(axes, report->epochs[i].epoch),
                      tyto_axes_y(axes, value));
        sep = " ";
    }
    tyto_page_put(page, "\"/>\n");
    for (uint32_t i = 0; i < report->num_epochs; i++) {
        const struct tyto_report_epoch *epoch = &report->epochs[i];
        const double value = value_of(epoch, column);

        if (isfinite(value))
            tyto_page_put(page,
                          "<circle class=\"f%s\" cx=\"%.1f\" cy=\"%.1f\" r=\"%s\"><title>epoch %u: "
                          "%s %.4g%s</title></circle>\n",
                          color, tyto_axes_x(axes, epoch->epoch), tyto_axes_y(axes, value),
                          epoch->is_best ? "4.5" : "2", epoch->epoch, name, value,
                          epoch->is_best ? " (best)" : "");
    }
}

static void put_epochs(struct tyto_page *page, bool is_loss)
{
    const struct tyto_report *report = page->report;
    struct tyto_axes axes = {.x0 = report->epochs[0].epoch,
                             .x1 = report->epochs[report->num_epochs - 1].epoch,
                             .left = 52,
                             .top = 44,
                             .width = 380,
                             .height = 196};

    if (axes.x1 <= axes.x0)
        axes.x1 = axes.x0 + 1;
    for (uint32_t i = 0; i < report->num_epochs; i++) {
        const struct tyto_report_epoch *epoch = &report->epochs[i];

        axes.y1 = fmax(axes.y1, is_loss ? fmax(isfinite(epoch->train_loss) ? epoch->train_loss : 0,
                                               isfinite(epoch->val_loss) ? epoch->val_loss : 0)
                                        : epoch->val_accuracy);
    }
    axes.y1 = !is_loss ? 1 : axes.y1 > 0 ? axes.y1 * 1.05 : 1;
    tyto_page_put(page, "<section>\n<h2>%s</h2>\n", is_loss ? "Loss" : "Accuracy on validation");
    begin_svg(page, 450, 286, is_loss ? "loss over epochs" : "accuracy over epochs");
    tyto_page_axes(page, &axes, !is_loss, "epoch", is_loss ? "loss" : "per cent");
    if (is_loss) {
        put_curve(page, &axes, TRAIN_LOSS, "b", "training loss");
        put_key(page, 170, 20, "sb", "training");
    }
    if (is_loss && has_any(report, VAL_LOSS)) {
        put_curve(page, &axes, VAL_LOSS, "a", "validation loss");
        put_key(page, 280, 20, "sa", "validation");
    }
    if (!is_loss)
        put_curve(page, &axes, VAL_ACCURACY, "a", "accuracy");
    tyto_page_put(page, "</svg>\n</section>\n");
}

void tyto_page_curves(struct tyto_page *page)
{
    if (page->report->num_epochs == 0)
        return;
    tyto_page_put(page, "<div class=\"two\">\n");
    put_epochs(page, true);
    if (has_any(page->report, VAL_ACCURACY))
        put_epochs(page, false);
    tyto_page_put(page, "</div>\n");
}

/* --- calibration ------------------------------------------------------------------------------ */

void tyto_page_reliability(struct tyto_page *page)
{
    const struct tyto_reliability *r = &page->report->judgement->model.reliability;
    const struct tyto_axes axes = {
        .x1 = 1, .y1 = 1, .left = 52, .top = 30, .width = 380, .height = 210};
    const double wide = axes.width / TYTO_RELIABILITY_BINS;
    uint64_t most = 1;

    if (r->num == 0)
        return;
    for (int i = 0; i < TYTO_RELIABILITY_BINS; i++)
        most = r->bins[i].num > most ? r->bins[i].num : most;
    tyto_page_put(
        page,
        "<section>\n<h2>How sure, and how right</h2>\n<p class=\"note\">A decision's score "
        "against how often such decisions are right; on the dashed line a score means what "
        "it says. Expected calibration error %.1f %%. Pale: how many there are.</p>\n",
        r->ece * 100);
    begin_svg(page, 450, 286, "reliability diagram");
    for (int i = 0; i < TYTO_RELIABILITY_BINS; i++) {
        const double tall = (double)r->bins[i].num / (double)most * axes.height * 0.9;

        tyto_page_put(
            page, "<rect class=\"void\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\"/>\n",
            axes.left + i * wide + 1, axes.top + axes.height - tall, wide - 2, tall);
    }
    tyto_page_axes(page, &axes, true, "score of the decision", "right, per cent");
    tyto_page_put(page,
                  "<line class=\"line thin dash ss\" x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" "
                  "y2=\"%.1f\"/>\n",
                  axes.left, axes.top + axes.height, axes.left + axes.width, axes.top);
    tyto_page_put(page, "<polyline class=\"line sa\" points=\"");
    for (int i = 0; i < TYTO_RELIABILITY_BINS; i++)
        if (r->bins[i].num > 0)
            tyto_page_put(page, "%.1f,%.1f ", tyto_axes_x(&axes, r->bins[i].confidence),
                          tyto_axes_y(&axes, r->bins[i].accuracy));
    tyto_page_put(page, "\"/>\n");
    for (int i = 0; i < TYTO_RELIABILITY_BINS; i++)
        if (r->bins[i].num > 0)
            tyto_page_put(page,
                          "<circle class=\"fa\" cx=\"%.1f\" cy=\"%.1f\" r=\"4\"><title>%llu "
                          "decisions, score %.2f: %.1f %% right</title></circle>\n",
                          tyto_axes_x(&axes, r->bins[i].confidence),
                          tyto_axes_y(&axes, r->bins[i].accuracy),
                          (unsigned long long)r->bins[i].num, r->bins[i].confidence,
                          r->bins[i].accuracy * 100);
    tyto_page_put(page, "</svg>\n</section>\n");
}

/* --- shifts ----------------------------------------------------------------------------------- */

static void put_shift_line(struct tyto_page *page, const struct tyto_axes *axes, bool on_both,
                           const char *color)
{
    const struct tyto_report *report = page->report;

    tyto_page_put(page, "<polyline class=\"line s%s\" points=\"", color);
    for (uint32_t i = 0; i < report->num_shifts; i++)
        tyto_page_put(
            page, "%.1f,%.1f ", tyto_axes_x(axes, report->shifts[i].shift),
            tyto_axes_y(axes, on_both ? report->shifts[i].on_both : report->shifts[i].on_video));
    tyto_page_put(page, "\"/>\n");
    for (uint32_t i = 0; i < report->num_shifts; i++) {
        const struct tyto_shift_point *point = &report->shifts[i];
        const double value = on_both ? point->on_both : point->on_video;

        tyto_page_put(page,
                      "<circle class=\"f%s\" cx=\"%.1f\" cy=\"%.1f\" r=\"4\"><title>sound %+d "
                      "segments: %.1f %%</title></circle>\n",
                      color, tyto_axes_x(axes, point->shift), tyto_axes_y(axes, value),
                      point->shift, value * 100);
    }
}

static void put_level(struct tyto_page *page, const struct tyto_axes *axes, double value,
                      const char *name, bool is_left)
{
    const double y = tyto_axes_y(axes, value);
    const double x = is_left ? axes->left + 4 : axes->left + axes->width - 4;

    if (isnan(value))
        return;
    tyto_page_put(page,
                  "<line class=\"line thin dash ss\" x1=\"%.1f\" x2=\"%.1f\" y1=\"%.1f\" "
                  "y2=\"%.1f\"/><text class=\"tick halo%s\" x=\"%.1f\" y=\"%.1f\">%s %.1f</text>\n",
                  axes->left, axes->left + axes->width, y, y, is_left ? "" : " end", x, y + 14,
                  name, value * 100);
}

void tyto_page_shifts(struct tyto_page *page)
{
    const struct tyto_report *report = page->report;
    struct tyto_axes axes = {.y1 = 1, .left = 52, .top = 44, .width = 380, .height = 196};

    if (report->num_shifts < 2)
        return;
    axes.x0 = report->shifts[0].shift;
    axes.x1 = report->shifts[report->num_shifts - 1].shift;
    tyto_page_put(page, "<section>\n<h2>When sound and picture are out of step</h2>\n"
                        "<p class=\"note\">Share of segments right when the sound comes later "
                        "(right) or earlier (left) than it should.</p>\n");
    begin_svg(page, 450, 286, "accuracy over the shift of the sound");
    tyto_page_axes(page, &axes, true, "sound later by (segments)", "per cent");
    put_shift_line(page, &axes, true, "b");
    put_shift_line(page, &axes, false, "a");
    if (report->no_audio)
        put_level(page, &axes, report->no_audio->on_video, "without sound", true);
    if (report->no_visual)
        put_level(page, &axes, report->no_visual->on_video, "without picture", false);
    put_key(page, 120, 20, "sa", "by the picture");
    put_key(page, 260, 20, "sb", "where both still are");
    tyto_page_put(page, "</svg>\n</section>\n");
}
