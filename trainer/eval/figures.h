/* SPDX-License-Identifier: MIT */
/* The measures of a measurement as rows, the same for the terminal, CSV, JSON and the report. */
#ifndef TYTO_TRAINER_EVAL_FIGURES_H
#define TYTO_TRAINER_EVAL_FIGURES_H

#include "trainer/eval/measure.h"

enum tyto_figure_unit {
    TYTO_FIGURE_SHARE, /* 0..1, told in per cent */
    TYTO_FIGURE_SECONDS,
    TYTO_FIGURE_NUMBER,
};

struct tyto_figure {
    const char *group; /* static: "Segments" */
    const char *key;   /* static: of JSON and CSV, "segment_f1" */
    const char *text;  /* static: for people */
    enum tyto_figure_unit unit;
    double model;
    double background, all_event; /* trivial baselines; NAN: says nothing there */
};

enum { TYTO_FIGURES_MAX = 80 };

/* Gives the number of rows; rows of measures that the head does not have are left out. */
uint32_t tyto_figures_list(const struct tyto_measurement *measurement,
                           struct tyto_figure ret_figures[TYTO_FIGURES_MAX]);
/* The same for spans alone (the daemon's events); baselines are NAN. */
uint32_t tyto_figures_list_spans(const struct tyto_span_measures *measures,
                                 struct tyto_figure ret_figures[TYTO_FIGURES_MAX]);
/* "78.3" (per cent), "0.25 s", "-" for NAN. */
void tyto_figure_print(double value, enum tyto_figure_unit unit, char ret_text[24]);

#endif
