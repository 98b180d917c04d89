/* SPDX-License-Identifier: MIT */
/* The readable lines of `tyto watch` (and whoever wants the same look). */
#ifndef TYTO_CLI_EVENT_LINE_H
#define TYTO_CLI_EVENT_LINE_H

#include <stdbool.h>
#include <stdio.h>

#include "proto/event.h"

struct tyto_line_style {
    bool color;
    bool ascii; /* no blocks, no dots */
    bool map;   /* the place map below each line */
};

/* A head for the columns of tyto_line_event(). */
void tyto_line_head(const struct tyto_line_style *style, FILE *out);
/* now_unix_ns tells the first column; for files the media time stands there. */
void tyto_line_event(const struct tyto_line_style *style, const struct tyto_event *event,
                     int64_t now_unix_ns, FILE *out);
void tyto_line_camera(const struct tyto_line_style *style, const struct tyto_camera_state *state,
                      int64_t now_unix_ns, FILE *out);
void tyto_line_notice(const struct tyto_line_style *style, bool is_bad, int64_t now_unix_ns,
                      const char *text, FILE *out);
/* Where the map's weight lies: "upper left", "centre", "everywhere"; "" without a map. Static. */
const char *tyto_place_words(const struct tyto_place_map *place);

#endif
