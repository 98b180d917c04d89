/* SPDX-License-Identifier: MIT */
#include "cli/eval/print.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "cli/event/json.h"
#include "trainer/eval/figures.h"

static const struct tyto_word *const fusions = TYTO_WORDS(TYTO_CMAN_FUSION_LIST);

static void put_value(double value, enum tyto_figure_unit unit)
{
    char text[24];

    tyto_figure_print(value, unit, text);
    printf(" %12s", text);
}

static void put_shifts(const struct tyto_evaluation *e)
{
    const double kept = tyto_shift_retention(e->shifts, e->num_shifts);

    if (e->num_shifts > 0) {
        printf("\nSound shifted by (segments, later is positive)\n  %-24s", "");
        for (uint32_t i = 0; i < e->num_shifts; i++)
            printf(" %+6d", e->shifts[i].shift);
        printf("\n  %-24s", "right by the picture");
        for (uint32_t i = 0; i < e->num_shifts; i++)
            printf(" %6.1f", e->shifts[i].on_video * 100);
        printf("\n  %-24s", "where both still are");
        for (uint32_t i = 0; i < e->num_shifts; i++)
            printf(" %6.1f", e->shifts[i].on_both * 100);
        if (!isnan(kept))
            printf("\n  %-24s %6.1f", "kept, mean", kept * 100);
        printf("\n");
    }
    if (e->has_drops)
        printf("\nOne stream alone\n  %-24s %6.1f\n  %-24s %6.1f\n", "without sound",
               e->no_audio.on_video * 100, "without picture", e->no_visual.on_video * 100);
}

void tyto_eval_print_table(const struct tyto_eval_print *print)
{
    const struct tyto_evaluation *e = print->evaluation;
    const struct tyto_measurement *j = &e->measurement;
    struct tyto_figure figures[TYTO_FIGURES_MAX];
    const uint32_t num = tyto_figures_list(j, figures);
    const char *group = "";

    printf("%s%s%s (%s%s, %s): %u clips, %llu segments, %u classes\n\n", print->model,
           print->late ? " and " : "", print->late ? print->late : "",
           tyto_word_of(fusions, e->fusion), print->late ? ", late" : "",
           e->predictions.head == TYTO_HEAD_SOFTMAX ? "softmax" : "multi-label",
           print->dataset->shape.num_clips, (unsigned long long)j->model.segments.num,
           j->num_classes);
    printf("%-44s %12s %12s %12s\n", "per cent, where no unit is given", "model", "nothing",
           "class only");
    for (uint32_t i = 0; i < num; i++) {
        if (strcmp(group, figures[i].group) != 0)
            printf("%s\n", figures[i].group);
        group = figures[i].group;
        printf("  %-42s", figures[i].text);
        put_value(figures[i].model, figures[i].unit);
        put_value(figures[i].background, figures[i].unit);
        put_value(figures[i].all_event, figures[i].unit);
        printf("\n");
    }
    put_shifts(e);
    printf(
        "\nnothing: no event is ever predicted. class only: the right class in all of a clip.\n");
}

/* --- JSON ------------------------------------------------------------------------------------- */

/* NAN is left out. */
static void set_number(struct tyto_json *json, const char *key, double value)
{
    if (isfinite(value))
        tyto_json_set(json, key, tyto_json_new_f64(value));
}

static struct tyto_json *new_figures(const struct tyto_figure *figures, uint32_t num,
                                     bool with_baselines)
{
    struct tyto_json *json = tyto_json_new_object();

    for (uint32_t i = 0; i < num; i++) {
        if (!with_baselines) {
            set_number(json, figures[i].key, figures[i].model);
            continue;
        }
        struct tyto_json *figure = tyto_json_new_object();
        set_number(figure, "model", figures[i].model);
        set_number(figure, "nothing", figures[i].background);
        set_number(figure, "class_only", figures[i].all_event);
        tyto_json_set(json, figures[i].key, figure);
    }
    return json;
}

static struct tyto_json *new_class(const struct tyto_eval_print *print, uint32_t k)
{
    const struct tyto_class_figures *figures = &print->evaluation->measurement.classes[k];
    const bool is_background = k == print->evaluation->measurement.num_classes;
    struct tyto_json *json = tyto_json_new_object();

    tyto_json_set(
        json, "class",
        tyto_json_new_string(is_background ? "(background)" : print->dataset->classes[k]));
    tyto_json_set(json, "num_true", tyto_json_new_u64(figures->measures.num_true));
    tyto_json_set(json, "num_predicted", tyto_json_new_u64(figures->measures.num_pred));
    set_number(json, "precision", figures->measures.precision);
    set_number(json, "recall", figures->measures.recall);
    set_number(json, "f1", figures->measures.f1);
    set_number(json, "ap_joint", figures->ap_joint);
    set_number(json, "ap_heard", figures->ap_heard);
    set_number(json, "ap_seen", figures->ap_seen);
    return json;
}

static struct tyto_json *new_confusion(const struct tyto_measurement *j)
{
    struct tyto_json *rows = tyto_json_new_array();
    const size_t num = (size_t)j->num_classes + 1;

    for (size_t r = 0; r < num; r++) {
        struct tyto_json *row = tyto_json_new_array();

        for (size_t c = 0; c < num; c++)
            tyto_json_append(row, tyto_json_new_u64(j->confusion[r * num + c]));
        tyto_json_append(rows, row);
    }
    return rows;
}

static void set_shifts(struct tyto_json *json, const struct tyto_evaluation *e)
{
    struct tyto_json *shifts = tyto_json_new_array();

    for (uint32_t i = 0; i < e->num_shifts; i++) {
        struct tyto_json *point = tyto_json_new_object();

        set_number(point, "shift", e->shifts[i].shift);
        set_number(point, "on_video", e->shifts[i].on_video);
        set_number(point, "on_both", e->shifts[i].on_both);
        tyto_json_append(shifts, point);
    }
    tyto_json_set(json, "shifts", shifts);
    set_number(json, "retention", tyto_shift_retention(e->shifts, e->num_shifts));
    if (e->has_drops) {
        set_number(json, "without_sound", e->no_audio.on_video);
        set_number(json, "without_picture", e->no_visual.on_video);
    }
}

bool tyto_eval_print_json(const struct tyto_eval_print *print)
{
    const struct tyto_evaluation *e = print->evaluation;
    struct tyto_figure figures[TYTO_FIGURES_MAX];
    const uint32_t num = tyto_figures_list(&e->measurement, figures);
    struct tyto_json *json = tyto_json_new_object(), *classes = tyto_json_new_array();

    tyto_json_set(json, "type", tyto_json_new_string("evaluation"));
    tyto_json_set(json, "model", tyto_json_new_string(print->model));
    if (print->late)
        tyto_json_set(json, "late", tyto_json_new_string(print->late));
    tyto_json_set(json, "fusion", tyto_json_new_string(tyto_word_of(fusions, e->fusion)));
    tyto_json_set(json, "num_clips", tyto_json_new_u64(print->dataset->shape.num_clips));
    tyto_json_set(json, "num_segments", tyto_json_new_u64(e->measurement.model.segments.num));
    tyto_json_set(json, "figures", new_figures(figures, num, true));
    for (uint32_t k = 0; k <= e->measurement.num_classes; k++)
        tyto_json_append(classes, new_class(print, k));
    tyto_json_set(json, "classes", classes);
    tyto_json_set(json, "confusion", new_confusion(&e->measurement));
    set_shifts(json, e);
    return tyto_json_put_line(&json);
}

/* --- CSV -------------------------------------------------------------------------------------- */

static void put_cell(FILE *file, double value)
{
    if (isfinite(value))
        fprintf(file, ",%.6g", value);
    else
        fputc(',', file);
}

static void put_row(FILE *file, const char *key, double model, double background, double all_event)
{
    fputs(key, file);
    put_cell(file, model);
    put_cell(file, background);
    put_cell(file, all_event);
    fputc('\n', file);
}

static enum tyto_err open_csv(const char *path, FILE **ret_file, struct tyto_fault *ret_fault)
{
    *ret_file = fopen(path, "w");
    return *ret_file ? TYTO_OK
                     : tyto_fault_set(ret_fault, TYTO_ERR_IO, path, 0, NULL, "%s", strerror(errno));
}

static enum tyto_err close_csv(FILE *file, const char *path, struct tyto_fault *ret_fault)
{
    const bool is_whole = !ferror(file) && fflush(file) == 0;

    if (fclose(file) == 0 && is_whole)
        return TYTO_OK;
    return tyto_fault_set(ret_fault, TYTO_ERR_IO, path, 0, NULL, "%s", strerror(errno));
}

enum tyto_err tyto_eval_print_csv(const struct tyto_eval_print *print, const char *path,
                                  struct tyto_fault *ret_fault)
{
    const struct tyto_evaluation *e = print->evaluation;
    struct tyto_figure figures[TYTO_FIGURES_MAX];
    const uint32_t num = tyto_figures_list(&e->measurement, figures);
    const double none = (double)NAN;
    FILE *file;
    const enum tyto_err err = open_csv(path, &file, ret_fault);

    if (err)
        return err;
    fputs("figure,model,nothing,class_only\n", file);
    for (uint32_t i = 0; i < num; i++)
        put_row(file, figures[i].key, figures[i].model, figures[i].background,
                figures[i].all_event);
    for (uint32_t k = 0; k < e->measurement.num_classes; k++) {
        char key[TYTO_DATASET_NAME_BYTES + 8];

        snprintf(key, sizeof(key), "f1/%s", print->dataset->classes[k]);
        put_row(file, key, e->measurement.classes[k].measures.f1, none, none);
    }
    for (uint32_t i = 0; i < e->num_shifts; i++) {
        char key[32];

        snprintf(key, sizeof(key), "shift/%+d", e->shifts[i].shift);
        put_row(file, key, e->shifts[i].on_video, none, none);
        snprintf(key, sizeof(key), "shift_both/%+d", e->shifts[i].shift);
        put_row(file, key, e->shifts[i].on_both, none, none);
    }
    if (e->has_drops) {
        put_row(file, "without_sound", e->no_audio.on_video, none, none);
        put_row(file, "without_picture", e->no_visual.on_video, none, none);
    }
    return close_csv(file, path, ret_fault);
}

/* --- the daemon's events ---------------------------------------------------------------------- */

static void put_health(const struct tyto_events_measures *m)
{
    if (!isnan(m->told_offset_ms))
        printf("  %-42s %9.0f ms\n", "sound told to lag by, median", m->told_offset_ms);
    if (!isnan(m->offset_error_ms))
        printf("  %-42s %9.0f ms\n", "error of that, median", m->offset_error_ms);
    if (!isnan(m->realtime_share))
        printf("  %-42s %12.3f\n", "time taken for a second of media, s", m->realtime_share);
    if (m->num_dropped > 0)
        printf("  %-42s %12llu\n", "segments that cameras lost",
               (unsigned long long)m->num_dropped);
}

void tyto_eval_print_events(const struct tyto_events_measures *m)
{
    struct tyto_figure any[TYTO_FIGURES_MAX], joint[TYTO_FIGURES_MAX];
    const uint32_t num = tyto_figures_list_spans(&m->any, any);
    const uint32_t num_joint = tyto_figures_list_spans(&m->joint, joint);

    printf("%u recordings, %.0f s: %u events told, %u labelled (heard and seen: %u and %u)\n",
           m->num_recordings, m->media_s, m->num_events, m->num_labels, m->num_joint_events,
           m->num_joint_labels);
    if (m->num_open > 0)
        printf("left out: %u events that never ended\n", m->num_open);
    if (m->num_strange > 0)
        printf("left out: %u lines of recordings that the labels do not know\n", m->num_strange);
    printf("\n%-44s %12s %12s\n", "per cent, where no unit is given", "any", "heard+seen");
    for (uint32_t i = 0; i < num; i++) {
        double value = (double)NAN;

        for (uint32_t k = 0; k < num_joint; k++)
            value = strcmp(joint[k].key, any[i].key) == 0 ? joint[k].model : value;
        printf("  %-42s", any[i].text);
        put_value(any[i].model, any[i].unit);
        put_value(value, any[i].unit);
        printf("\n");
    }
    printf("  %-42s", "stray begins and ends a minute");
    put_value(m->strays_per_minute, TYTO_FIGURE_NUMBER);
    printf("\n");
    if (m->num_frames > 0) {
        printf("  %-42s", "mAP of segments, heard and seen");
        put_value((double)NAN, TYTO_FIGURE_SHARE);
        put_value(m->frame_map, TYTO_FIGURE_SHARE);
        printf("\n");
    }
    put_health(m);
}

bool tyto_eval_print_events_json(const struct tyto_events_measures *m)
{
    struct tyto_figure figures[TYTO_FIGURES_MAX];
    struct tyto_json *json = tyto_json_new_object();
    uint32_t num = tyto_figures_list_spans(&m->any, figures);

    tyto_json_set(json, "type", tyto_json_new_string("events"));
    tyto_json_set(json, "num_recordings", tyto_json_new_u64(m->num_recordings));
    set_number(json, "media_s", m->media_s);
    tyto_json_set(json, "num_events", tyto_json_new_u64(m->num_events));
    tyto_json_set(json, "num_labels", tyto_json_new_u64(m->num_labels));
    tyto_json_set(json, "num_open", tyto_json_new_u64(m->num_open));
    tyto_json_set(json, "num_strange", tyto_json_new_u64(m->num_strange));
    tyto_json_set(json, "any", new_figures(figures, num, false));
    num = tyto_figures_list_spans(&m->joint, figures);
    tyto_json_set(json, "joint", new_figures(figures, num, false));
    set_number(json, "strays_per_minute", m->strays_per_minute);
    tyto_json_set(json, "num_frames", tyto_json_new_u64(m->num_frames));
    set_number(json, "frame_map", m->frame_map);
    set_number(json, "told_offset_ms", m->told_offset_ms);
    set_number(json, "offset_error_ms", m->offset_error_ms);
    set_number(json, "realtime_share", m->realtime_share);
    tyto_json_set(json, "num_dropped", tyto_json_new_u64(m->num_dropped));
    return tyto_json_put_line(&json);
}

enum tyto_err tyto_eval_print_events_csv(const struct tyto_events_measures *m, const char *path,
                                         struct tyto_fault *ret_fault)
{
    struct tyto_figure figures[TYTO_FIGURES_MAX];
    const double none = (double)NAN;
    FILE *file;
    const enum tyto_err err = open_csv(path, &file, ret_fault);

    if (err)
        return err;
    fputs("figure,value\n", file);
    for (int joint = 0; joint < 2; joint++) {
        const uint32_t num = tyto_figures_list_spans(joint ? &m->joint : &m->any, figures);

        for (uint32_t i = 0; i < num; i++) {
            fprintf(file, "%s/%s", joint ? "joint" : "any", figures[i].key);
            put_cell(file, figures[i].model);
            fputc('\n', file);
        }
    }
    fputs("strays_per_minute", file);
    put_cell(file, m->strays_per_minute);
    fputs("\nframe_map", file);
    put_cell(file, m->num_frames > 0 ? m->frame_map : none);
    fputc('\n', file);
    return close_csv(file, path, ret_fault);
}
