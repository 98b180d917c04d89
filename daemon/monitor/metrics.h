/* SPDX-License-Identifier: MIT */
/* Figures in the text format that Prometheus reads (version 0.0.4). A figure is one row of a table
 * that says where it lies in a struct: to show another one, add a row. Whoever has figures hands
 * in a function that puts its tables; it is called at each scrape, on the asking thread, so it may
 * take locks that are held for copies only, and nothing else. */
#ifndef TYTO_DAEMON_MONITOR_METRICS_H
#define TYTO_DAEMON_MONITOR_METRICS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/histogram.h"

enum { TYTO_METRICS_MAX_SOURCES = 16, TYTO_METRICS_MAX_BYTES = 2 << 20 };

/* --- writing ---------------------------------------------------------------------------------- */

/* Text that grows; beyond TYTO_METRICS_MAX_BYTES, or without memory, it is broken and nothing is
 * told. */
struct tyto_metrics_text;

enum tyto_metric_kind { TYTO_METRIC_GAUGE, TYTO_METRIC_COUNTER };
enum tyto_metric_type {
    TYTO_METRIC_U32,
    TYTO_METRIC_U64,
    TYTO_METRIC_I64,
    TYTO_METRIC_F64,
    TYTO_METRIC_BOOL,
};

/* Values outside are escaped; at most TYTO_METRICS_MAX_LABELS of them. */
struct tyto_metric_label {
    const char *name, *value;
};

struct tyto_metric {
    const char *name; /* "tyto_batches_total"; rows of one name stand side by side */
    const char *help;
    enum tyto_metric_kind kind;
    enum tyto_metric_type type;
    size_t offset;                  /* of the value in its struct */
    double scale;                   /* what it is multiplied by; 0: 1. 1e-9: nanoseconds */
    struct tyto_metric_label label; /* of this row alone; name NULL: none */
};
#define TYTO_METRIC_NUM_ROWS(rows) ((uint32_t)(sizeof(rows) / sizeof((rows)[0])))

/* A struct that rows are read from, and what tells it from its like: {"camera", "door"}. */
struct tyto_metric_subject {
    const void *values;
    struct tyto_metric_label label; /* name NULL: none */
};

/* Each row of every subject. */
void tyto_metrics_put(struct tyto_metrics_text *text, const struct tyto_metric *rows,
                      uint32_t num_rows, const struct tyto_metric_subject *subjects,
                      uint32_t num_subjects);
/* Rows of a single struct. */
void tyto_metrics_put_one(struct tyto_metrics_text *text, const struct tyto_metric *rows,
                          uint32_t num_rows, const void *values);
/* Name, type and help of what the next values belong to. kind: "gauge", "counter", "histogram". */
void tyto_metrics_head(struct tyto_metrics_text *text, const char *name, const char *kind,
                       const char *help);
void tyto_metrics_value(struct tyto_metrics_text *text, const char *name,
                        const struct tyto_metric_label *labels, uint32_t num_labels, double value);
/* After its head; in seconds. */
void tyto_metrics_histogram(struct tyto_metrics_text *text, const char *name,
                            const struct tyto_metric_label *label,
                            const struct tyto_histogram *histogram);

/* --- collecting ------------------------------------------------------------------------------- */

struct tyto_metrics;

/* NOMEM. */
TYTO_MUST_CHECK
enum tyto_err tyto_metrics_create(struct tyto_metrics **ret_metrics);
void tyto_metrics_destroy(struct tyto_metrics **metrics);

typedef void (*tyto_metrics_source)(void *user, struct tyto_metrics_text *text);
/* Sources are asked in the order in which they came. FULL. Any thread. */
TYTO_MUST_CHECK
enum tyto_err tyto_metrics_add(struct tyto_metrics *metrics, tyto_metrics_source put, void *user);
/* Once it returns no source is asked any more, and none will be. Any thread. */
void tyto_metrics_stop(struct tyto_metrics *metrics);

/* What all sources put. *ret_text is owned: free(). NOMEM, FULL. Any thread; one at a time. */
TYTO_MUST_CHECK
enum tyto_err tyto_metrics_print(struct tyto_metrics *metrics, char **ret_text, size_t *ret_bytes);

#endif
