/* SPDX-License-Identifier: MIT */
/* What the pages' parts share. No file but report*.c includes this. */
#ifndef TYTO_TRAINER_EVAL_REPORT_INTERNAL_H
#define TYTO_TRAINER_EVAL_REPORT_INTERNAL_H

#include <stdio.h>

#include "trainer/eval/report/report.h"

struct tyto_page {
    FILE *file;
    const struct tyto_report *report;
};

/* printf into the page; arguments must be free of what HTML would read as markup. */
void tyto_page_put(struct tyto_page *page, const char *fmt, ...) TYTO_PRINTF(2, 3);
/* Any text, escaped for elements and attributes; what is no UTF-8 or no character of XML becomes
 * '?'. */
void tyto_page_text(struct tyto_page *page, const char *text);
/* The same, cut to so many characters and an ellipsis. */
void tyto_page_text_cut(struct tyto_page *page, const char *text, uint32_t max);

/* A place for points: data x0..x1, y0..y1 to pixels. */
struct tyto_axes {
    double x0, x1, y0, y1;
    double left, top, width, height;
};
double tyto_axes_x(const struct tyto_axes *axes, double x);
double tyto_axes_y(const struct tyto_axes *axes, double y);
/* Grid, numbers at the left (share: in per cent) and below, and the names of both. */
void tyto_page_axes(struct tyto_page *page, const struct tyto_axes *axes, bool is_share,
                    const char *x_name, const char *y_name);

void tyto_page_curves(struct tyto_page *page);    /* loss and accuracy over epochs */
void tyto_page_confusion(struct tyto_page *page); /* and F1 of each class */
void tyto_page_reliability(struct tyto_page *page);
void tyto_page_shifts(struct tyto_page *page);
void tyto_page_clips(struct tyto_page *page); /* timelines of the best and the worst */

#endif
