/* SPDX-License-Identifier: MIT */
#include "trainer/eval/events/events.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "files/open.h"
#include "trainer/eval/events/internal.h"
#include "trainer/eval/metrics/metrics.h"

static const size_t max_bytes = (size_t)1 << 30;
static const double stray_s = 1; /* a begin or end that far from every true one is a stray */

struct spans {
    struct tyto_span *items; /* owned */
    size_t num, room;
};

static enum tyto_err push(struct spans *spans, struct tyto_span span)
{
    if (spans->num == spans->room) {
        const size_t room = spans->room > 0 ? 2 * spans->room : 64;
        struct tyto_span *items = realloc(spans->items, room * sizeof(*items));

        if (!items)
            return TYTO_ERR_NOMEM;
        spans->items = items;
        spans->room = room;
    }
    spans->items[spans->num++] = span;
    return TYTO_OK;
}

/* --- truth ------------------------------------------------------------------------------------ */

static int compare_labels(const void *a, const void *b)
{
    const struct tyto_label *x = *(const struct tyto_label *const *)a;
    const struct tyto_label *y = *(const struct tyto_label *const *)b;

    if (x->file_idx != y->file_idx)
        return x->file_idx < y->file_idx ? -1 : 1;
    if (x->class_idx != y->class_idx)
        return x->class_idx < y->class_idx ? -1 : 1;
    return (x->begin_ns > y->begin_ns) - (x->begin_ns < y->begin_ns);
}

/* A label begins (by +1) or ends (by -1). */
struct edge {
    int64_t at_ns;
    int by;
    uint8_t truth;
};

static int compare_edges(const void *a, const void *b)
{
    const struct edge *x = a, *y = b;

    return (x->at_ns > y->at_ns) - (x->at_ns < y->at_ns);
}

/* Labels of one class in one recording as runs during which any bit is set, or both are. edges has
 * room for two of each. */
static enum tyto_err add_runs(const struct tyto_label **labels, size_t num, bool wants_both,
                              struct edge *edges, struct spans *spans)
{
    enum tyto_err err = TYTO_OK;
    int64_t begin_ns = -1;
    int heard = 0, seen = 0;

    for (size_t i = 0; i < num; i++) {
        edges[2 * i] = (struct edge){labels[i]->begin_ns, 1, labels[i]->truth};
        edges[2 * i + 1] = (struct edge){labels[i]->end_ns, -1, labels[i]->truth};
    }
    qsort(edges, 2 * num, sizeof(*edges), compare_edges);
    for (size_t i = 0; i < 2 * num && !err; i++) {
        heard += (edges[i].truth & TYTO_TRUTH_HEARD) ? edges[i].by : 0;
        seen += (edges[i].truth & TYTO_TRUTH_SEEN) ? edges[i].by : 0;
        if (i + 1 < 2 * num && edges[i].at_ns == edges[i + 1].at_ns)
            continue;
        const bool is_on = wants_both ? heard > 0 && seen > 0 : heard > 0 || seen > 0;
        if (is_on && begin_ns < 0)
            begin_ns = edges[i].at_ns;
        if (is_on || begin_ns < 0)
            continue;
        err = push(spans, (struct tyto_span){.recording_idx = labels[0]->file_idx,
                                             .class_idx = labels[0]->class_idx,
                                             .begin_s = (double)begin_ns / 1e9,
                                             .end_s = (double)edges[i].at_ns / 1e9});
        begin_ns = -1;
    }
    return err;
}

/* ret_any, ret_joint: of recordings that are told of. */
static enum tyto_err find_truth(const struct tyto_labels *labels, const struct tyto_told *told,
                                struct spans *ret_any, struct spans *ret_joint)
{
    const struct tyto_label **order = calloc((size_t)labels->num_labels + 1, sizeof(*order));
    struct edge *edges = calloc(2 * (size_t)labels->num_labels + 1, sizeof(*edges));
    enum tyto_err err = order && edges ? TYTO_OK : TYTO_ERR_NOMEM;
    size_t num = 0;

    for (uint32_t i = 0; i < labels->num_labels && !err; i++)
        if (!labels->labels[i].is_weak && !isnan(told->ends_s[labels->labels[i].file_idx]))
            order[num++] = &labels->labels[i];
    if (!err)
        qsort(order, num, sizeof(*order), compare_labels);
    for (size_t i = 0, end; i < num && !err; i = end) {
        for (end = i; end < num && order[end]->file_idx == order[i]->file_idx &&
                      order[end]->class_idx == order[i]->class_idx;)
            end++;
        err = add_runs(order + i, end - i, false, edges, ret_any);
        if (!err)
            err = add_runs(order + i, end - i, true, edges, ret_joint);
    }
    free(order);
    free(edges);
    return err;
}

/* --- frames ----------------------------------------------------------------------------------- */

static bool covers_half(const struct spans *truth, const struct tyto_told_frame *frame,
                        uint32_t class_idx)
{
    double covered = 0;

    for (size_t i = 0; i < truth->num; i++) {
        const struct tyto_span *span = &truth->items[i];

        if (span->recording_idx == frame->recording_idx && span->class_idx == class_idx)
            covered +=
                fmax(0, fmin(span->end_s, frame->end_s) - fmax(span->begin_s, frame->begin_s));
    }
    return covered > 0 && covered >= (frame->end_s - frame->begin_s) / 2;
}

/* Mean AP over all frames of each class that comes. */
static enum tyto_err measure_frames(const struct tyto_told *told, const struct spans *truth,
                                    double *ret_map)
{
    const uint32_t num_classes = told->classes.num;
    float *scores = calloc((size_t)told->num_frames + 1, sizeof(*scores));
    bool *is_true = calloc((size_t)told->num_frames + 1, sizeof(*is_true));
    double *aps = calloc((size_t)num_classes + 1, sizeof(*aps));
    enum tyto_err err = scores && is_true && aps ? TYTO_OK : TYTO_ERR_NOMEM;

    for (uint32_t k = 0; k < num_classes && !err; k++) {
        for (uint32_t f = 0; f < told->num_frames; f++) {
            const struct tyto_told_frame *frame = &told->frames[f];

            scores[f] = 0;
            for (uint32_t i = 0; i < frame->num_scores; i++)
                if (told->scores[frame->first_score + i].class_idx == k)
                    scores[f] = told->scores[frame->first_score + i].joint;
            is_true[f] = covers_half(truth, frame, k);
        }
        err = tyto_average_precision(scores, is_true, told->num_frames, &aps[k]);
    }
    if (!err)
        *ret_map = tyto_mean(aps, num_classes);
    free(scores);
    free(is_true);
    free(aps);
    return err;
}

/* --- the whole -------------------------------------------------------------------------------- */

static bool is_near(const struct spans *truth, const struct tyto_span *pred, bool is_begin)
{
    for (size_t i = 0; i < truth->num; i++) {
        const struct tyto_span *span = &truth->items[i];
        const double at = is_begin ? pred->begin_s : pred->end_s;

        if (span->recording_idx == pred->recording_idx && span->class_idx == pred->class_idx &&
            (fabs(span->begin_s - at) <= stray_s || fabs(span->end_s - at) <= stray_s))
            return true;
    }
    return false;
}

static double find_media_s(const struct tyto_events_params *params, const struct tyto_told *told,
                           const struct spans *truth)
{
    double sum = 0;

    for (size_t k = 0; k < truth->num; k++) {
        double *end_s = &told->ends_s[truth->items[k].recording_idx];

        *end_s = fmax(*end_s, truth->items[k].end_s);
    }
    for (uint32_t i = 0; i < params->labels->num_files; i++)
        sum += isnan(told->ends_s[i]) ? 0 : told->ends_s[i];
    return params->media_s > 0 ? params->media_s : sum;
}

static enum tyto_err take_events(const struct tyto_told *told, struct spans *any,
                                 struct spans *joint, uint32_t *ret_num_open)
{
    enum tyto_err err = TYTO_OK;

    for (uint32_t i = 0; i < told->ids.num && !err; i++) {
        const struct tyto_told_event *event = &told->events[i];

        if (event->is_dropped || event->span.recording_idx == UINT32_MAX)
            continue;
        *ret_num_open += !event->has_end;
        if (!event->has_end)
            continue;
        err = push(any, event->span);
        if (!err && event->is_joint)
            err = push(joint, event->span);
    }
    return err;
}

/* What events say of the offset, and how the run went. */
static enum tyto_err measure_health(const struct tyto_events_params *params,
                                    const struct tyto_told *told, struct tyto_events_measures *ret)
{
    double *offsets = calloc((size_t)told->ids.num + 1, sizeof(*offsets));
    size_t num = 0;

    if (!offsets)
        return TYTO_ERR_NOMEM;
    for (uint32_t i = 0; i < told->ids.num; i++)
        if (!told->events[i].is_dropped && !isnan(told->events[i].offset_ms))
            offsets[num++] = told->events[i].offset_ms;
    ret->told_offset_ms = tyto_quantile(offsets, num, 0.5);
    for (size_t i = 0; i < num; i++)
        offsets[i] = fabs(offsets[i] - params->offset_ms);
    ret->offset_error_ms =
        isnan(params->offset_ms) ? (double)NAN : tyto_quantile(offsets, num, 0.5);
    free(offsets);
    ret->realtime_share = told->took_media_s > 0 ? told->took_s / told->took_media_s : (double)NAN;
    for (uint32_t i = 0; i < params->labels->num_files; i++)
        ret->num_dropped += told->num_dropped[i];
    return TYTO_OK;
}

enum { ANY_TRUTH, JOINT_TRUTH, ANY_PRED, JOINT_PRED, NUM_SPANS };

static enum tyto_err measure(const struct tyto_events_params *params, const struct tyto_told *told,
                             struct spans *s, struct tyto_events_measures *ret)
{
    enum tyto_err err = find_truth(params->labels, told, &s[ANY_TRUTH], &s[JOINT_TRUTH]);

    if (!err)
        err = take_events(told, &s[ANY_PRED], &s[JOINT_PRED], &ret->num_open);
    if (err)
        return err;
    ret->media_s = find_media_s(params, told, &s[ANY_TRUTH]);
    for (uint32_t i = 0; i < params->labels->num_files; i++)
        ret->num_recordings += isnan(told->ends_s[i]) ? 0 : 1;
    ret->num_labels = (uint32_t)s[ANY_TRUTH].num;
    ret->num_joint_labels = (uint32_t)s[JOINT_TRUTH].num;
    ret->num_events = (uint32_t)s[ANY_PRED].num;
    ret->num_joint_events = (uint32_t)s[JOINT_PRED].num;
    ret->num_strange = told->num_strange;
    ret->num_frames = told->num_frames;
    ret->frame_map = (double)NAN;
    for (uint32_t i = 0; i < 2 && !err; i++) {
        const struct tyto_spans spans = {.truth = s[i].items,
                                         .pred = s[2 + i].items,
                                         .num_truth = s[i].num,
                                         .num_pred = s[2 + i].num,
                                         .num_classes = told->classes.num,
                                         .media_s = ret->media_s};

        err = tyto_measure_spans(&spans, i == 0 ? &ret->any : &ret->joint);
    }
    if (!err)
        err = measure_health(params, told, ret);
    if (!err && told->num_frames > 0)
        err = measure_frames(told, &s[JOINT_TRUTH], &ret->frame_map);
    double strays = 0;
    for (size_t i = 0; i < s[ANY_PRED].num; i++)
        strays += !is_near(&s[ANY_TRUTH], &s[ANY_PRED].items[i], true) +
                  !is_near(&s[ANY_TRUTH], &s[ANY_PRED].items[i], false);
    ret->strays_per_minute = ret->media_s > 0 ? strays / (ret->media_s / 60) : (double)NAN;
    return err;
}

/* text has room for one more byte. */
static enum tyto_err measure_text(const struct tyto_events_params *params, char *text,
                                  size_t num_bytes, struct tyto_events_measures *ret_measures,
                                  struct tyto_fault *ret_fault)
{
    struct tyto_events_measures measures = {0};
    struct spans spans[NUM_SPANS] = {0};
    struct tyto_told told = {0};
    uint32_t num_bad = 0;
    enum tyto_err err = tyto_told_read(params, text, num_bytes, &told, &num_bad);

    if (err)
        return tyto_fault_set(ret_fault, err, params->path, 0, NULL, "%s",
                              err == TYTO_ERR_FULL ? "holds more than can be measured at once"
                                                   : tyto_err_text(err));
    if (num_bad == 0)
        err = measure(params, &told, spans, &measures);
    for (int i = 0; i < NUM_SPANS; i++)
        free(spans[i].items);
    tyto_told_finish(&told);
    if (num_bad > 0)
        return tyto_fault_set(ret_fault, TYTO_ERR_FORMAT, params->path, 0, NULL,
                              "%u lines are not what tyto watch --json or tyto localize --json "
                              "writes",
                              num_bad);
    if (err)
        return tyto_fault_set(ret_fault, err, params->path, 0, NULL, "%s", tyto_err_text(err));
    if (measures.num_recordings == 0)
        return tyto_fault_set(ret_fault, TYTO_ERR_FORMAT, params->path, 0, NULL,
                              "tells of no recording that the labels know: name cameras like the "
                              "recordings (front.mp4 as camera front)");
    *ret_measures = measures;
    return TYTO_OK;
}

enum tyto_err tyto_measure_events_memory(const struct tyto_events_params *params, const void *bytes,
                                         size_t num_bytes,
                                         struct tyto_events_measures *ret_measures,
                                         struct tyto_fault *ret_fault)
{
    char *text = malloc(num_bytes + 1);

    if (!text)
        return TYTO_ERR_NOMEM;
    if (num_bytes > 0)
        memcpy(text, bytes, num_bytes);
    const enum tyto_err err = measure_text(params, text, num_bytes, ret_measures, ret_fault);
    free(text);
    return err;
}

enum tyto_err tyto_measure_events(const struct tyto_events_params *params,
                                  struct tyto_events_measures *ret_measures,
                                  struct tyto_fault *ret_fault)
{
    FILE *file = tyto_fopen_text(params->path);
    size_t num = 0, room = 1 << 16;
    char *text = file ? malloc(room) : NULL;

    if (!file)
        return tyto_fault_set(ret_fault, errno == ENOENT ? TYTO_ERR_NOT_FOUND : TYTO_ERR_IO,
                              params->path, 0, NULL, "%s", tyto_open_reason(errno));
    enum tyto_err err = text ? TYTO_OK : TYTO_ERR_NOMEM;
    while (!err && !feof(file) && !ferror(file)) {
        if (room - num < 2) {
            char *more = room < max_bytes ? realloc(text, 2 * room) : NULL;

            if (!more)
                err = room < max_bytes ? TYTO_ERR_NOMEM : TYTO_ERR_FULL;
            text = more ? more : text;
            room = more ? 2 * room : room;
            continue;
        }
        num += fread(text + num, 1, room - num - 1, file);
    }
    if (!err && ferror(file))
        err = TYTO_ERR_IO;
    (void)fclose(file);
    err = err ? tyto_fault_set(ret_fault, err, params->path, 0, NULL, "%s", tyto_err_text(err))
              : measure_text(params, text, num, ret_measures, ret_fault);
    free(text);
    return err;
}
