/* SPDX-License-Identifier: MIT */
/* Areas of a picture: polygons whose corners are shares of the upright picture, x to the right and
 * y downwards, 0 to 1. Plain computation. */
#ifndef TYTO_PIPELINE_ZONES_POLYGON_H
#define TYTO_PIPELINE_ZONES_POLYGON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/fault.h"
#include "proto/event.h"

enum { TYTO_POLYGON_MIN_CORNERS = 3, TYTO_POLYGON_MAX_CORNERS = 32 };
/* A smaller one, as a share of the picture, is taken for a mistake. */
#define TYTO_POLYGON_MIN_AREA 0.0001

struct tyto_corner {
    float x, y;
};

/* Its last corner is joined to its first. */
struct tyto_polygon {
    uint32_t num;
    struct tyto_corner corners[TYTO_POLYGON_MAX_CORNERS];
};

/* "0.1,0.5 0.9,0.5 0.9,1": corners with spaces between them. INVALID, with the whole complaint in
 * ret_fault->text, for what is no polygon: too few or too many corners, one outside the picture,
 * edges that cross or touch each other, hardly any area. ret_fault may be NULL. */
TYTO_MUST_CHECK
enum tyto_err tyto_polygon_read(const char *text, struct tyto_polygon *ret_polygon,
                                struct tyto_fault *ret_fault);
/* As tyto_polygon_read() reads it. */
void tyto_polygon_print(const struct tyto_polygon *polygon, char *ret_text, size_t text_bytes);
/* What read() asks of the corners. */
TYTO_MUST_CHECK
enum tyto_err tyto_polygon_check(const struct tyto_polygon *polygon, struct tyto_fault *ret_fault);

/* Whether the point lies inside; of points on an edge either. */
bool tyto_polygon_holds(const struct tyto_polygon *polygon, float x, float y);
/* Shares of the picture: its area, and that of what it has in common with a box. */
double tyto_polygon_area(const struct tyto_polygon *polygon);
double tyto_polygon_shared(const struct tyto_polygon *polygon, const struct tyto_box *box);
/* Where the line at height y is inside: *ret_num pairs of x, ascending, begin and end. ret_x has
 * room for TYTO_POLYGON_MAX_CORNERS. */
void tyto_polygon_spans(const struct tyto_polygon *polygon, double y, double *ret_x,
                        uint32_t *ret_num);

#endif
