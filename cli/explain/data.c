/* SPDX-License-Identifier: MIT */
/* Where a member cannot be made the whole is NULL: nobody is asked between the first step and the
 * last. Scores are rounded as `tyto localize --json` rounds them. */
#include "cli/explain/data.h"

#include <math.h>

#include "base/clock.h"
#include "cli/event/json.h"
#include "cli/explain/explain_html.h"
#include "files/page.h"

static struct tyto_json *new_seconds(int64_t ns)
{
    return tyto_json_new_f64(round((double)ns / 1e6) / 1e3);
}

/* Null where it is not finite. */
static struct tyto_json *new_score(float value)
{
    return isfinite(value) ? tyto_json_new_score((double)value) : tyto_json_new_null();
}

static struct tyto_json *new_scores(const float *values, uint32_t num)
{
    struct tyto_json *array = tyto_json_new_array();
    for (uint32_t i = 0; i < num; i++)
        tyto_json_push(&array, new_score(values[i]));
    return array;
}

static struct tyto_json *new_box(float x0, float y0, float x1, float y1)
{
    const float sides[] = {x0, y0, x1, y1};
    return new_scores(sides, 4);
}

/* --- a second ------------------------------------------------------------------------------- */

static struct tyto_json *make_place(const struct tyto_place_map *place)
{
    struct tyto_json *cells = tyto_json_new_array();
    struct tyto_json *made = tyto_json_new_object();
    for (uint32_t i = 0; i < place->rows * place->cols; i++)
        tyto_json_push(&cells, tyto_json_new_u64(place->cells[i]));
    tyto_json_put(&made, "rows", tyto_json_new_u64(place->rows));
    tyto_json_put(&made, "cols", tyto_json_new_u64(place->cols));
    tyto_json_put(&made, "peak", new_score(place->peak));
    tyto_json_put(&made, "cells", cells);
    return made;
}

static struct tyto_json *make_found(const struct tyto_explain_segment *segment)
{
    const struct tyto_segment_result *result = &segment->result;
    struct tyto_json *array = tyto_json_new_array();
    for (uint32_t i = 0; i < result->num_found && result->detector; i++) {
        const struct tyto_detection *found = &result->found[i];
        struct tyto_json *made = tyto_json_new_object();
        tyto_json_put(&made, "name", tyto_page_text(result->detector->names[found->class_idx]));
        tyto_json_put(&made, "score", new_score(found->score));
        tyto_json_put(&made, "box", new_box(found->left, found->top, found->right, found->bottom));
        tyto_json_push(&array, made);
    }
    return array;
}

/* What the second's sound asked of the pictures of the window's seconds, and its picture of their
 * sounds. first is the number, in the page, of the window's first second, maybe before 0. */
static struct tyto_json *make_alignment(const struct tyto_evidence *evidence, int64_t own)
{
    struct tyto_json *made = tyto_json_new_object();
    tyto_json_put(&made, "first", tyto_json_new_f64((double)(own - (int64_t)evidence->align_own)));
    tyto_json_put(&made, "audio", new_scores(evidence->align_audio, evidence->num_align));
    tyto_json_put(&made, "visual", new_scores(evidence->align_visual, evidence->num_align));
    return made;
}

static struct tyto_json *take(struct tyto_json **from)
{
    struct tyto_json *json = *from;
    *from = NULL;
    return json ? json : tyto_json_new_null();
}

static struct tyto_json *make_segment(const struct tyto_explain *explain,
                                      const struct tyto_explain_segment *segment, int64_t own)
{
    const struct tyto_segment_result *result = &segment->result;
    const struct tyto_evidence *evidence = &result->evidence;
    struct tyto_explain_shown *shown = tyto_explain_looks_at(explain->looks, result->begin_ns);
    struct tyto_json *made = tyto_json_new_object();
    tyto_json_put(&made, "begin_s", new_seconds(result->begin_ns));
    tyto_json_put(&made, "end_s", new_seconds(result->end_ns));
    tyto_json_put(&made, "audio", tyto_json_new_string(tyto_lack_text(result->audio_lack)));
    tyto_json_put(&made, "video", tyto_json_new_string(tyto_lack_text(result->video_lack)));
    tyto_json_put(&made, "weight_audio", new_score(evidence->weight_audio));
    tyto_json_put(&made, "weight_visual", new_score(evidence->weight_visual));
    tyto_json_put(&made, "av_offset_ms",
                  evidence->has_av_offset ? tyto_page_number(round((double)evidence->av_offset_ms))
                                          : tyto_json_new_null());
    tyto_json_put(&made, "place",
                  evidence->place.rows > 0 ? make_place(&evidence->place) : tyto_json_new_null());
    tyto_json_put(&made, "box",
                  evidence->has_box ? new_box(evidence->box.x0, evidence->box.y0, evidence->box.x1,
                                              evidence->box.y1)
                                    : tyto_json_new_null());
    tyto_json_put(&made, "found", make_found(segment));
    tyto_json_put(&made, "alignment",
                  evidence->num_align > 0 ? make_alignment(evidence, own) : tyto_json_new_null());
    tyto_json_put(&made, "aspect",
                  shown && shown->aspect > 0 ? new_score(shown->aspect) : tyto_json_new_null());
    tyto_json_put(&made, "picture", shown ? take(&shown->picture) : tyto_json_new_null());
    tyto_json_put(&made, "sound", shown ? take(&shown->sound) : tyto_json_new_null());
    return made;
}

/* --- a reading ---------------------------------------------------------------------------------
 */

static bool is_shown(const struct tyto_explain *explain, const struct tyto_explain_segment *segment)
{
    return segment->result.begin_ns >= explain->begin_ns &&
           segment->result.begin_ns < explain->end_ns;
}

/* Scores of one kind: a row for each second that is shown. */
static struct tyto_json *make_rows(const struct tyto_explain *explain,
                                   const struct tyto_explain_run *run, int kind)
{
    struct tyto_json *rows = tyto_json_new_array();
    for (uint32_t i = 0; i < run->num_segments; i++) {
        const struct tyto_evidence *evidence = &run->segments[i].result.evidence;
        const float *scores = kind == TYTO_CMAN_JOINT   ? evidence->joint
                              : kind == TYTO_CMAN_HEARD ? evidence->heard
                                                        : evidence->seen;
        if (is_shown(explain, &run->segments[i]))
            tyto_json_push(&rows, new_scores(scores, explain->num_classes));
    }
    return rows;
}

/* All events that touch what is shown, with their number among all. */
static struct tyto_json *make_events(const struct tyto_explain *explain,
                                     const struct tyto_explain_run *run)
{
    struct tyto_json *array = tyto_json_new_array();
    for (uint32_t i = 0; i < run->num_events; i++) {
        struct tyto_event copy = run->events[i];
        if (copy.end_media_ns <= explain->begin_ns || copy.begin_media_ns >= explain->end_ns)
            continue;
        copy.begin_unix_ns = copy.end_unix_ns = 0; /* when it was read says nothing about it */
        struct tyto_json *made = tyto_event_to_json(&copy, false);
        tyto_json_put(&made, "number", tyto_json_new_u64(i + 1));
        tyto_json_push(&array, made);
    }
    return array;
}

static struct tyto_json *make_run(const struct tyto_explain *explain,
                                  const struct tyto_explain_run *run, const char *name)
{
    static const char *const kinds[TYTO_CMAN_NUM_TASKS] = {"joint", "heard", "seen"};
    const bool has_all = run->num_segments > 0 && run->segments[0].result.evidence.has_heard_seen;
    struct tyto_json *made = tyto_json_new_object();
    tyto_json_put(&made, "name", tyto_json_new_string(name));
    for (int kind = 0; kind < (has_all ? TYTO_CMAN_NUM_TASKS : 1); kind++)
        tyto_json_put(&made, kinds[kind], make_rows(explain, run, kind));
    tyto_json_put(&made, "events", make_events(explain, run));
    return made;
}

static struct tyto_json *make_runs(const struct tyto_explain *explain)
{
    static const char *const names[TYTO_EXPLAIN_NUM_WAYS] = {"both", "without sound",
                                                             "without picture"};
    struct tyto_json *runs = tyto_json_new_array();
    for (int way = 0; way < TYTO_EXPLAIN_NUM_WAYS; way++)
        tyto_json_push(&runs, make_run(explain, &explain->runs[way], names[way]));
    return runs;
}

/* --- all ------------------------------------------------------------------------------------- */

static struct tyto_json *make_thresholds(const struct tyto_explain *explain)
{
    struct tyto_json *kinds = tyto_json_new_array();
    for (int kind = 0; kind < TYTO_CMAN_NUM_TASKS; kind++) {
        const float *row = explain->thresholds + (size_t)kind * explain->num_classes;
        struct tyto_json *values = tyto_json_new_array();
        for (uint32_t k = 0; k < explain->num_classes; k++)
            tyto_json_push(&values, row[k] <= 1 ? new_score(row[k]) : tyto_json_new_null());
        tyto_json_push(&kinds, values);
    }
    return kinds;
}

static struct tyto_json *make_truth(const struct tyto_explain *explain)
{
    const struct tyto_labels *labels = explain->labels;
    struct tyto_json *array = tyto_json_new_array();
    for (uint32_t i = 0; i < labels->num_labels; i++) {
        const struct tyto_label *label = &labels->labels[i];
        if (label->file_idx != explain->file_idx ||
            (!label->is_weak &&
             (label->end_ns <= explain->begin_ns || label->begin_ns >= explain->end_ns)))
            continue;
        struct tyto_json *made = tyto_json_new_object();
        tyto_json_put(&made, "class", tyto_page_text(labels->classes[label->class_idx]));
        tyto_json_put(&made, "begin_s",
                      new_seconds(label->is_weak ? explain->begin_ns : label->begin_ns));
        tyto_json_put(&made, "end_s",
                      new_seconds(label->is_weak ? explain->end_ns : label->end_ns));
        tyto_json_put(&made, "is_heard",
                      tyto_json_new_bool((label->truth & TYTO_TRUTH_HEARD) != 0));
        tyto_json_put(&made, "is_seen", tyto_json_new_bool((label->truth & TYTO_TRUTH_SEEN) != 0));
        tyto_json_push(&array, made);
    }
    return array;
}

static struct tyto_json *make_segments(const struct tyto_explain *explain)
{
    const struct tyto_explain_run *run = &explain->runs[TYTO_EXPLAIN_BOTH];
    struct tyto_json *array = tyto_json_new_array();
    int64_t num = 0;
    for (uint32_t i = 0; i < run->num_segments; i++)
        if (is_shown(explain, &run->segments[i]))
            tyto_json_push(&array, make_segment(explain, &run->segments[i], num++));
    return array;
}

enum tyto_err tyto_explain_write(const char *path, const struct tyto_explain *explain,
                                 struct tyto_fault *ret_fault)
{
    const struct tyto_explain_run *run = &explain->runs[TYTO_EXPLAIN_BOTH];
    const int64_t duration_ns =
        run->num_segments ? run->segments[run->num_segments - 1].result.end_ns : 0;
    struct tyto_json *classes = tyto_json_new_array();
    struct tyto_json *data = tyto_json_new_object();
    for (uint32_t k = 0; k < explain->num_classes; k++)
        tyto_json_push(&classes, tyto_page_text(explain->classes[k]));
    tyto_json_put(&data, "file", tyto_page_text(explain->file));
    tyto_json_put(&data, "model_digest", tyto_page_text(explain->model_digest));
    tyto_json_put(&data, "device", tyto_page_text(explain->device));
    tyto_json_put(&data, "duration_s", new_seconds(duration_ns));
    tyto_json_put(&data, "begin_s", new_seconds(explain->begin_ns));
    tyto_json_put(&data, "end_s",
                  new_seconds(explain->end_ns < duration_ns ? explain->end_ns : duration_ns));
    tyto_json_put(&data, "event",
                  explain->event ? tyto_json_new_u64(explain->event) : tyto_json_new_null());
    tyto_json_put(&data, "classes", classes);
    tyto_json_put(&data, "thresholds", make_thresholds(explain));
    tyto_json_put(&data, "segments", make_segments(explain));
    tyto_json_put(&data, "runs", make_runs(explain));
    tyto_json_put(&data, "truth", explain->labels ? make_truth(explain) : tyto_json_new_null());
    return tyto_page_write(path, explain_html, explain_html_bytes, data, ret_fault);
}
