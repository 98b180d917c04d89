/* SPDX-License-Identifier: MIT */
#include "daemon/monitor/metrics.h"

#include <inttypes.h>
#include <math.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct tyto_metrics_text {
    char *bytes;
    size_t num, size;
    enum tyto_err err; /* the first; then nothing is added any more */
};

struct source {
    tyto_metrics_source put;
    void *user;
};

struct tyto_metrics {
    pthread_mutex_t lock; /* held while sources are asked */
    bool is_stopped;
    uint32_t num_sources;
    struct source sources[TYTO_METRICS_MAX_SOURCES];
};

/* --- writing ---------------------------------------------------------------------------------- */

/* Room for num more and a NUL. */
static bool make_room(struct tyto_metrics_text *text, size_t num)
{
    if (text->err)
        return false;
    const size_t wanted = text->num + num + 1;
    if (wanted > TYTO_METRICS_MAX_BYTES) {
        text->err = TYTO_ERR_FULL;
        return false;
    }
    if (wanted <= text->size)
        return true;
    const size_t size = wanted + wanted / 2 + 4096;
    char *grown = realloc(text->bytes, size);
    if (!grown) {
        text->err = TYTO_ERR_NOMEM;
        return false;
    }
    text->bytes = grown;
    text->size = size;
    return true;
}

static void put_text(struct tyto_metrics_text *text, const char *bytes)
{
    const size_t num = strlen(bytes);
    if (!make_room(text, num))
        return;
    memcpy(text->bytes + text->num, bytes, num + 1);
    text->num += num;
}

/* As the format wants it in HELP, and between the quotes of a label. */
static void put_escaped(struct tyto_metrics_text *text, const char *bytes, bool is_quoted)
{
    for (const char *c = bytes; *c; c++) {
        const char one[2] = {*c, '\0'};
        if (*c == '\\')
            put_text(text, "\\\\");
        else if (*c == '\n')
            put_text(text, "\\n");
        else if (*c == '"' && is_quoted)
            put_text(text, "\\\"");
        else
            put_text(text, one);
    }
}

static void put_number(struct tyto_metrics_text *text, double value)
{
    char number[40];
    if (isnan(value))
        snprintf(number, sizeof(number), "NaN");
    else if (isinf(value))
        snprintf(number, sizeof(number), value > 0 ? "+Inf" : "-Inf");
    else if (value == floor(value) && fabs(value) < 1e15)
        snprintf(number, sizeof(number), "%.0f", value);
    else
        snprintf(number, sizeof(number), "%.9g", value);
    put_text(text, number);
}

void tyto_metrics_head(struct tyto_metrics_text *text, const char *name, const char *kind,
                       const char *help)
{
    put_text(text, "# HELP ");
    put_text(text, name);
    put_text(text, " ");
    put_escaped(text, help, false);
    put_text(text, "\n# TYPE ");
    put_text(text, name);
    put_text(text, " ");
    put_text(text, kind);
    put_text(text, "\n");
}

static void put_line(struct tyto_metrics_text *text, const char *name, const char *suffix,
                     const struct tyto_metric_label *const *labels, uint32_t num_labels,
                     double value)
{
    bool is_open = false;
    put_text(text, name);
    put_text(text, suffix);
    for (uint32_t i = 0; i < num_labels; i++) {
        if (!labels[i] || !labels[i]->name)
            continue;
        put_text(text, is_open ? "," : "{");
        is_open = true;
        put_text(text, labels[i]->name);
        put_text(text, "=\"");
        put_escaped(text, labels[i]->value, true);
        put_text(text, "\"");
    }
    put_text(text, is_open ? "} " : " ");
    put_number(text, value);
    put_text(text, "\n");
}

enum { MAX_LABELS = 4 };

void tyto_metrics_value(struct tyto_metrics_text *text, const char *name,
                        const struct tyto_metric_label *labels, uint32_t num_labels, double value)
{
    const struct tyto_metric_label *all[MAX_LABELS];
    const uint32_t num = num_labels < MAX_LABELS ? num_labels : MAX_LABELS;
    for (uint32_t i = 0; i < num; i++)
        all[i] = &labels[i];
    put_line(text, name, "", all, num, value);
}

void tyto_metrics_histogram(struct tyto_metrics_text *text, const char *name,
                            const struct tyto_metric_label *label,
                            const struct tyto_histogram *histogram)
{
    uint64_t num = 0;
    for (uint32_t i = 0; i <= TYTO_HISTOGRAM_NUM_BOUNDS; i++) {
        char bound[32] = "+Inf";
        if (i < TYTO_HISTOGRAM_NUM_BOUNDS)
            snprintf(bound, sizeof(bound), "%g", (double)tyto_histogram_bounds_ms[i] / 1e3);
        const struct tyto_metric_label le = {"le", bound};
        const struct tyto_metric_label *labels[] = {label, &le};
        num += histogram->counts[i];
        put_line(text, name, "_bucket", labels, 2, (double)num);
    }
    put_line(text, name, "_sum", &label, 1, (double)histogram->sum_ns / 1e9);
    put_line(text, name, "_count", &label, 1, (double)num);
}

static double read_value(const struct tyto_metric *row, const void *values)
{
    const char *at = (const char *)values + row->offset;
    const double scale = row->scale != 0 ? row->scale : 1;
    uint32_t u32;
    uint64_t u64;
    int64_t i64;
    double f64 = 0;
    bool flag;
    switch (row->type) {
    case TYTO_METRIC_U32:
        memcpy(&u32, at, sizeof(u32));
        f64 = (double)u32;
        break;
    case TYTO_METRIC_U64:
        memcpy(&u64, at, sizeof(u64));
        f64 = (double)u64;
        break;
    case TYTO_METRIC_I64:
        memcpy(&i64, at, sizeof(i64));
        f64 = (double)i64;
        break;
    case TYTO_METRIC_F64:
        memcpy(&f64, at, sizeof(f64));
        break;
    case TYTO_METRIC_BOOL:
        memcpy(&flag, at, sizeof(flag));
        f64 = flag;
        break;
    }
    return f64 * scale;
}

void tyto_metrics_put(struct tyto_metrics_text *text, const struct tyto_metric *rows,
                      uint32_t num_rows, const struct tyto_metric_subject *subjects,
                      uint32_t num_subjects)
{
    for (uint32_t i = 0; i < num_rows && num_subjects > 0;) {
        uint32_t end = i + 1;
        while (end < num_rows && strcmp(rows[end].name, rows[i].name) == 0)
            end++;
        tyto_metrics_head(text, rows[i].name,
                          rows[i].kind == TYTO_METRIC_COUNTER ? "counter" : "gauge", rows[i].help);
        for (uint32_t s = 0; s < num_subjects; s++) {
            for (uint32_t r = i; r < end; r++) {
                const struct tyto_metric_label *labels[] = {&subjects[s].label, &rows[r].label};
                put_line(text, rows[r].name, "", labels, 2,
                         read_value(&rows[r], subjects[s].values));
            }
        }
        i = end;
    }
}

void tyto_metrics_put_one(struct tyto_metrics_text *text, const struct tyto_metric *rows,
                          uint32_t num_rows, const void *values)
{
    const struct tyto_metric_subject subject = {.values = values};
    tyto_metrics_put(text, rows, num_rows, &subject, 1);
}

/* --- collecting ------------------------------------------------------------------------------- */

enum tyto_err tyto_metrics_create(struct tyto_metrics **ret_metrics)
{
    struct tyto_metrics *metrics = calloc(1, sizeof(*metrics));
    if (!metrics)
        return TYTO_ERR_NOMEM;
    pthread_mutex_init(&metrics->lock, NULL);
    *ret_metrics = metrics;
    return TYTO_OK;
}

void tyto_metrics_destroy(struct tyto_metrics **metrics)
{
    if (!metrics || !*metrics)
        return;
    pthread_mutex_destroy(&(*metrics)->lock);
    free(*metrics);
    *metrics = NULL;
}

enum tyto_err tyto_metrics_add(struct tyto_metrics *metrics, tyto_metrics_source put, void *user)
{
    enum tyto_err err = TYTO_OK;
    pthread_mutex_lock(&metrics->lock);
    if (metrics->num_sources < TYTO_METRICS_MAX_SOURCES)
        metrics->sources[metrics->num_sources++] = (struct source){put, user};
    else
        err = TYTO_ERR_FULL;
    pthread_mutex_unlock(&metrics->lock);
    return err;
}

void tyto_metrics_stop(struct tyto_metrics *metrics)
{
    if (!metrics)
        return;
    pthread_mutex_lock(&metrics->lock);
    metrics->is_stopped = true;
    pthread_mutex_unlock(&metrics->lock);
}

enum tyto_err tyto_metrics_print(struct tyto_metrics *metrics, char **ret_text, size_t *ret_bytes)
{
    struct tyto_metrics_text text = {0};
    put_text(&text, "");
    pthread_mutex_lock(&metrics->lock);
    for (uint32_t i = 0; i < metrics->num_sources && !metrics->is_stopped; i++)
        metrics->sources[i].put(metrics->sources[i].user, &text);
    pthread_mutex_unlock(&metrics->lock);
    if (text.err) {
        free(text.bytes);
        return text.err;
    }
    *ret_text = text.bytes;
    *ret_bytes = text.num;
    return TYTO_OK;
}
