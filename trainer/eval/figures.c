/* SPDX-License-Identifier: MIT */
#include "trainer/eval/figures.h"

#include <math.h>
#include <stdio.h>

struct list {
    struct tyto_figure *rows;
    uint32_t num;
    const struct tyto_measurement *measurement; /* NULL: spans alone */
    const struct tyto_span_measures *spans;
};

/* field: of struct tyto_figures. */
#define ADD(list, group_, key_, text_, unit_, field)                                               \
    put(list, (struct tyto_figure){.group = (group_),                                              \
                                   .key = (key_),                                                  \
                                   .text = (text_),                                                \
                                   .unit = TYTO_FIGURE_##unit_,                                    \
                                   .model = (list)->measurement->model.field,                      \
                                   .background = (list)->measurement->background.field,            \
                                   .all_event = (list)->measurement->all_event.field})

static void put(struct list *list, struct tyto_figure figure)
{
    if (isnan(figure.model) || list->num >= TYTO_FIGURES_MAX)
        return;
    list->rows[list->num++] = figure;
}

static void list_segments(struct list *list)
{
    static const char group[] = "Segments";

    ADD(list, group, "accuracy", "right, background included", SHARE, segments.accuracy);
    ADD(list, group, "category_accuracy", "clips with the right class", SHARE, segments.cat_acc);
    ADD(list, group, "detection_balance", "event or background, balanced", SHARE, segments.det_bal);
    ADD(list, group, "event_recall", "event segments noticed", SHARE, segments.event_recall);
    ADD(list, group, "background_recall", "background left alone", SHARE, segments.bg_recall);
    ADD(list, group, "background_precision", "background that is", SHARE, segments.bg_precision);
    ADD(list, group, "flips_per_minute", "label flips a minute", NUMBER, flips_per_minute);
}

static void list_f(struct list *list)
{
    static const char group[] = "F-scores (AVVP)";

    ADD(list, group, "segment_f1", "segments", SHARE, seg_f.joint);
    ADD(list, group, "segment_f1_background", "segments, background a class", SHARE,
        seg_f_bg.joint);
    ADD(list, group, "event_f1", "events at IoU 0.5", SHARE, ev_f.joint);
    ADD(list, group, "event_f1_background", "events, background a class", SHARE, ev_f_bg.joint);
    ADD(list, group, "segment_f1_heard", "segments, heard", SHARE, seg_f.heard);
    ADD(list, group, "segment_f1_seen", "segments, seen", SHARE, seg_f.seen);
    ADD(list, group, "segment_type_av", "segments, Type@AV", SHARE, seg_f.type_av);
    ADD(list, group, "segment_event_av", "segments, Event@AV", SHARE, seg_f.event_av);
    ADD(list, group, "event_f1_heard", "events, heard", SHARE, ev_f.heard);
    ADD(list, group, "event_f1_seen", "events, seen", SHARE, ev_f.seen);
    ADD(list, group, "event_type_av", "events, Type@AV", SHARE, ev_f.type_av);
    ADD(list, group, "event_event_av", "events, Event@AV", SHARE, ev_f.event_av);
}

static void list_rankings(struct list *list)
{
    static const char group[] = "Rankings";

    ADD(list, group, "map_segments", "mAP of segments", SHARE, map_joint);
    ADD(list, group, "map_segments_heard", "mAP of segments, heard", SHARE, map_heard);
    ADD(list, group, "map_segments_seen", "mAP of segments, seen", SHARE, map_seen);
    ADD(list, group, "map_clips", "mAP of clips", SHARE, clip_map);
}

/* field: of struct tyto_span_measures. */
#define ADD_SPAN(list, key_, text_, unit_, field)                                                  \
    put(list, (struct tyto_figure){                                                                \
                  .group = "Events",                                                               \
                  .key = (key_),                                                                   \
                  .text = (text_),                                                                 \
                  .unit = TYTO_FIGURE_##unit_,                                                     \
                  .model = (list)->spans->field,                                                   \
                  .background = (list)->measurement ? (list)->measurement->background.spans.field  \
                                                    : (double)NAN,                                 \
                  .all_event = (list)->measurement ? (list)->measurement->all_event.spans.field    \
                                                   : (double)NAN})

static void list_spans(struct list *list)
{
    ADD_SPAN(list, "precision_0.3", "precision at tIoU 0.3", SHARE, at[0].precision);
    ADD_SPAN(list, "recall_0.3", "recall at tIoU 0.3", SHARE, at[0].recall);
    ADD_SPAN(list, "f1_0.3", "F1 at tIoU 0.3", SHARE, at[0].f1);
    ADD_SPAN(list, "precision_0.5", "precision at tIoU 0.5", SHARE, at[1].precision);
    ADD_SPAN(list, "recall_0.5", "recall at tIoU 0.5", SHARE, at[1].recall);
    ADD_SPAN(list, "f1_0.5", "F1 at tIoU 0.5", SHARE, at[1].f1);
    ADD_SPAN(list, "precision_0.7", "precision at tIoU 0.7", SHARE, at[2].precision);
    ADD_SPAN(list, "recall_0.7", "recall at tIoU 0.7", SHARE, at[2].recall);
    ADD_SPAN(list, "f1_0.7", "F1 at tIoU 0.7", SHARE, at[2].f1);
    ADD_SPAN(list, "map_0.5", "mAP at tIoU 0.5", SHARE, map[4]);
    ADD_SPAN(list, "map_0.1_0.9", "mAP, mean of tIoU 0.1..0.9", SHARE, mean_map);
    ADD_SPAN(list, "onset_f1_0.5s", "F1 of begins within 0.5 s", SHARE, onset_f1[0]);
    ADD_SPAN(list, "onset_f1_1s", "F1 of begins within 1 s", SHARE, onset_f1[1]);
    ADD_SPAN(list, "onset_error_median_s", "begin, median error", SECONDS, onset_median_s);
    ADD_SPAN(list, "onset_error_p90_s", "begin, 90 % of errors below", SECONDS, onset_p90_s);
    ADD_SPAN(list, "offset_error_median_s", "end, median error", SECONDS, offset_median_s);
    ADD_SPAN(list, "offset_error_p90_s", "end, 90 % of errors below", SECONDS, offset_p90_s);
    ADD_SPAN(list, "miss_rate", "events not noticed at all", SHARE, miss_rate);
    ADD_SPAN(list, "latency_median_s", "first told after, median", SECONDS, latency_median_s);
    ADD_SPAN(list, "latency_p95_s", "first told after, 95 % below", SECONDS, latency_p95_s);
    ADD_SPAN(list, "false_per_hour", "false events an hour", NUMBER, false_per_hour);
}

static void list_confidence(struct list *list)
{
    const struct tyto_cml_measures *cml = &list->measurement->model.cml;
    struct tyto_figure figure = {.group = "Sound and picture",
                                 .unit = TYTO_FIGURE_SHARE,
                                 .background = cml->chance,
                                 .all_event = (double)NAN};

    ADD(list, "Confidence", "ece", "expected calibration error", SHARE, reliability.ece);
    ADD(list, "Confidence", "brier", "Brier score of decisions", SHARE, reliability.brier);
    figure.key = "cml_a2v";
    figure.text = "sound found in the picture (chance beside)";
    figure.model = cml->a2v;
    put(list, figure);
    figure.key = "cml_v2a";
    figure.text = "picture found in the sound (chance beside)";
    figure.model = cml->v2a;
    put(list, figure);
    figure.unit = TYTO_FIGURE_SECONDS;
    figure.background = (double)NAN;
    figure.key = "cml_a2v_error_s";
    figure.text = "sound in the picture, mean error";
    figure.model = cml->a2v_error_s;
    put(list, figure);
    figure.key = "cml_v2a_error_s";
    figure.text = "picture in the sound, mean error";
    figure.model = cml->v2a_error_s;
    put(list, figure);
    ADD(list, figure.group, "offset_accuracy", "offset told, of -4..4 segments", SHARE, offset.acc);
    ADD(list, figure.group, "offset_accuracy_1", "the same within one", SHARE, offset.acc_1);
    ADD(list, figure.group, "offset_error_ms", "offset, median error in ms", NUMBER,
        offset.median_error_ms);
    ADD(list, figure.group, "offset_auroc", "in step or not, AUROC", SHARE, offset.auroc);
}

uint32_t tyto_figures_list(const struct tyto_measurement *measurement,
                           struct tyto_figure ret_figures[TYTO_FIGURES_MAX])
{
    struct list list = {
        .rows = ret_figures, .measurement = measurement, .spans = &measurement->model.spans};

    list_segments(&list);
    list_f(&list);
    list_rankings(&list);
    list_spans(&list);
    list_confidence(&list);
    return list.num;
}

uint32_t tyto_figures_list_spans(const struct tyto_span_measures *measures,
                                 struct tyto_figure ret_figures[TYTO_FIGURES_MAX])
{
    struct list list = {.rows = ret_figures, .spans = measures};

    list_spans(&list);
    return list.num;
}

void tyto_figure_print(double value, enum tyto_figure_unit unit, char ret_text[24])
{
    enum { BYTES = 24 };

    if (isnan(value))
        (void)snprintf(ret_text, BYTES, "-");
    else if (unit == TYTO_FIGURE_SHARE)
        (void)snprintf(ret_text, BYTES, "%.1f", value * 100);
    else if (unit == TYTO_FIGURE_SECONDS)
        (void)snprintf(ret_text, BYTES, "%.2f s", value);
    else
        (void)snprintf(ret_text, BYTES, fabs(value) < 100 ? "%.2f" : "%.0f", value);
}
