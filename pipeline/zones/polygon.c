/* SPDX-License-Identifier: MIT */
#include "pipeline/zones/polygon.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Clipping at one line adds at most half as many corners as there are: 32 become 162 after four. */
enum { CLIPPED_MAX = 176 };

struct point {
    double x, y;
};

static uint32_t after(const struct tyto_polygon *polygon, uint32_t i)
{
    return i + 1 < polygon->num ? i + 1 : 0;
}

/* --- what is a polygon ------------------------------------------------------------------------ */

/* Twice the area of a triangle, its sign by the sense of rotation. Differences and products of
 * floats are exact in doubles, or nearly. */
static double turn_of(const struct tyto_corner *a, const struct tyto_corner *b,
                      const struct tyto_corner *c)
{
    const double abx = (double)b->x - (double)a->x, aby = (double)b->y - (double)a->y;
    const double acx = (double)c->x - (double)a->x, acy = (double)c->y - (double)a->y;
    return abx * acy - aby * acx;
}

/* Of c on the line through a and b: whether it lies between them. */
static bool lies_between(const struct tyto_corner *a, const struct tyto_corner *b,
                         const struct tyto_corner *c)
{
    return c->x >= fminf(a->x, b->x) && c->x <= fmaxf(a->x, b->x) && c->y >= fminf(a->y, b->y) &&
           c->y <= fmaxf(a->y, b->y);
}

/* Whether the edges a-b and c-d have a point in common. */
static bool meet(const struct tyto_corner *a, const struct tyto_corner *b,
                 const struct tyto_corner *c, const struct tyto_corner *d)
{
    const double abc = turn_of(a, b, c), abd = turn_of(a, b, d);
    const double cda = turn_of(c, d, a), cdb = turn_of(c, d, b);
    if (((abc > 0 && abd < 0) || (abc < 0 && abd > 0)) &&
        ((cda > 0 && cdb < 0) || (cda < 0 && cdb > 0)))
        return true;
    return (abc == 0 && lies_between(a, b, c)) || (abd == 0 && lies_between(a, b, d)) ||
           (cda == 0 && lies_between(c, d, a)) || (cdb == 0 && lies_between(c, d, b));
}

/* Two edges that share the corner b: whether the second goes back along the first. */
static bool folds(const struct tyto_corner *a, const struct tyto_corner *b,
                  const struct tyto_corner *c)
{
    const double along = ((double)a->x - (double)b->x) * ((double)c->x - (double)b->x) +
                         ((double)a->y - (double)b->y) * ((double)c->y - (double)b->y);
    return turn_of(a, b, c) == 0 && along > 0;
}

static enum tyto_err check_neighbours(const struct tyto_polygon *polygon,
                                      struct tyto_fault *ret_fault)
{
    const struct tyto_corner *at = polygon->corners;
    for (uint32_t i = 0; i < polygon->num; i++) {
        const uint32_t b = after(polygon, i);
        if (at[i].x == at[b].x && at[i].y == at[b].y)
            return tyto_fault_set(ret_fault, TYTO_ERR_INVALID, NULL, 0, NULL,
                                  "has the corner %g,%g twice in a row", (double)at[i].x,
                                  (double)at[i].y);
        if (folds(&at[i], &at[b], &at[after(polygon, b)]))
            return tyto_fault_set(ret_fault, TYTO_ERR_INVALID, NULL, 0, NULL,
                                  "goes back along its own edge at the corner %g,%g",
                                  (double)at[b].x, (double)at[b].y);
    }
    return TYTO_OK;
}

static enum tyto_err check_edges(const struct tyto_polygon *polygon, struct tyto_fault *ret_fault)
{
    const struct tyto_corner *at = polygon->corners;
    for (uint32_t i = 0; i < polygon->num; i++) {
        const uint32_t b = after(polygon, i);
        for (uint32_t k = i + 2; k < polygon->num; k++) {
            const bool is_neighbour = after(polygon, k) == i;
            if (!is_neighbour && meet(&at[i], &at[b], &at[k], &at[after(polygon, k)]))
                return tyto_fault_set(ret_fault, TYTO_ERR_INVALID, NULL, 0, NULL,
                                      "crosses itself: its edges from %g,%g and from %g,%g meet",
                                      (double)at[i].x, (double)at[i].y, (double)at[k].x,
                                      (double)at[k].y);
        }
    }
    return TYTO_OK;
}

enum tyto_err tyto_polygon_check(const struct tyto_polygon *polygon, struct tyto_fault *ret_fault)
{
    if (polygon->num < TYTO_POLYGON_MIN_CORNERS || polygon->num > TYTO_POLYGON_MAX_CORNERS)
        return tyto_fault_set(ret_fault, TYTO_ERR_INVALID, NULL, 0, NULL,
                              "must have %d to %d corners, like '0.1,0.5 0.9,0.5 0.9,1'",
                              TYTO_POLYGON_MIN_CORNERS, TYTO_POLYGON_MAX_CORNERS);
    for (uint32_t i = 0; i < polygon->num; i++) {
        const struct tyto_corner *at = &polygon->corners[i];
        if (!(at->x >= 0 && at->x <= 1 && at->y >= 0 && at->y <= 1))
            return tyto_fault_set(ret_fault, TYTO_ERR_INVALID, NULL, 0, NULL,
                                  "has the corner %g,%g outside the picture: corners are shares of "
                                  "it, 0 to 1",
                                  (double)at->x, (double)at->y);
    }
    enum tyto_err err = check_neighbours(polygon, ret_fault);
    if (!err)
        err = check_edges(polygon, ret_fault);
    if (err)
        return err;
    if (!(tyto_polygon_area(polygon) >= TYTO_POLYGON_MIN_AREA))
        return tyto_fault_set(ret_fault, TYTO_ERR_INVALID, NULL, 0, NULL,
                              "covers less than a ten-thousandth of the picture");
    return TYTO_OK;
}

/* --- text ------------------------------------------------------------------------------------- */

/* "0.1,0.5" */
static bool read_corner(const char *text, struct tyto_corner *ret_corner, const char **ret_end)
{
    char *end;
    const size_t num = strspn(text, "0123456789.,eE+-");
    ret_corner->x = strtof(text, &end);
    if (end == text || *end != ',')
        return false;
    const char *second = end + 1;
    ret_corner->y = strtof(second, &end);
    *ret_end = text + num;
    return end != second && end == text + num && isfinite(ret_corner->x) && isfinite(ret_corner->y);
}

enum tyto_err tyto_polygon_read(const char *text, struct tyto_polygon *ret_polygon,
                                struct tyto_fault *ret_fault)
{
    struct tyto_polygon polygon = {.num = 0};
    const char *at = text + strspn(text, " \t\n");
    while (*at) {
        struct tyto_corner corner;
        if (!read_corner(at, &corner, &at) || (*at && !strchr(" \t\n", *at)))
            return tyto_fault_set(ret_fault, TYTO_ERR_INVALID, NULL, 0, NULL,
                                  "'%.60s' must be corners with spaces between them, like "
                                  "'0.1,0.5 0.9,0.5 0.9,1' (in quotes where it stands in {})",
                                  text);
        if (polygon.num == TYTO_POLYGON_MAX_CORNERS)
            return tyto_fault_set(ret_fault, TYTO_ERR_INVALID, NULL, 0, NULL,
                                  "has too many corners: %d at most", TYTO_POLYGON_MAX_CORNERS);
        polygon.corners[polygon.num++] = corner;
        at += strspn(at, " \t\n");
    }
    const enum tyto_err err = tyto_polygon_check(&polygon, ret_fault);
    if (!err)
        *ret_polygon = polygon;
    return err;
}

/* The fewest digits that are read as the same. */
static int print_share(float share, char *ret_text, size_t text_bytes)
{
    int num = 0;
    for (int digits = 1; digits <= 9; digits++) {
        num = snprintf(ret_text, text_bytes, "%.*g", digits, (double)share);
        if (strtof(ret_text, NULL) == share)
            break;
    }
    return num;
}

void tyto_polygon_print(const struct tyto_polygon *polygon, char *ret_text, size_t text_bytes)
{
    size_t len = 0;
    ret_text[0] = '\0';
    for (uint32_t i = 0; i < polygon->num && len < text_bytes; i++) {
        char x[24], y[24];
        print_share(polygon->corners[i].x, x, sizeof(x));
        print_share(polygon->corners[i].y, y, sizeof(y));
        const int num =
            snprintf(ret_text + len, text_bytes - len, "%s%s,%s", i > 0 ? " " : "", x, y);
        len += num > 0 ? (size_t)num : 0;
    }
}

/* --- measures --------------------------------------------------------------------------------- */

bool tyto_polygon_holds(const struct tyto_polygon *polygon, float x, float y)
{
    bool is_inside = false;
    for (uint32_t i = 0; i < polygon->num; i++) {
        const struct tyto_corner *a = &polygon->corners[i];
        const struct tyto_corner *b = &polygon->corners[after(polygon, i)];
        if ((a->y > y) == (b->y > y))
            continue;
        const double share = ((double)y - (double)a->y) / ((double)b->y - (double)a->y);
        if ((double)x < (double)a->x + share * ((double)b->x - (double)a->x))
            is_inside = !is_inside;
    }
    return is_inside;
}

void tyto_polygon_spans(const struct tyto_polygon *polygon, double y, double *ret_x,
                        uint32_t *ret_num)
{
    uint32_t num = 0;
    for (uint32_t i = 0; i < polygon->num; i++) {
        const struct tyto_corner *a = &polygon->corners[i];
        const struct tyto_corner *b = &polygon->corners[after(polygon, i)];
        if (((double)a->y > y) == ((double)b->y > y))
            continue;
        const double share = (y - (double)a->y) / ((double)b->y - (double)a->y);
        const double x = (double)a->x + share * ((double)b->x - (double)a->x);
        uint32_t at = num++;
        for (; at > 0 && ret_x[at - 1] > x; at--)
            ret_x[at] = ret_x[at - 1];
        ret_x[at] = x;
    }
    *ret_num = num / 2;
}

static double area_of(const struct point *points, uint32_t num)
{
    double sum = 0;
    for (uint32_t i = 0; i < num; i++) {
        const struct point *a = &points[i], *b = &points[i + 1 < num ? i + 1 : 0];
        sum += a->x * b->y - b->x * a->y;
    }
    return fabs(sum) / 2;
}

static uint32_t to_points(const struct tyto_polygon *polygon, struct point *ret_points)
{
    for (uint32_t i = 0; i < polygon->num; i++)
        ret_points[i] =
            (struct point){(double)polygon->corners[i].x, (double)polygon->corners[i].y};
    return polygon->num;
}

double tyto_polygon_area(const struct tyto_polygon *polygon)
{
    struct point points[TYTO_POLYGON_MAX_CORNERS];
    return area_of(points, to_points(polygon, points));
}

/* How far a point lies on the side that stays: of x or y, above or below the limit. */
static double depth_of(const struct point *point, bool is_y, bool is_above, double limit)
{
    const double value = is_y ? point->y : point->x;
    return is_above ? value - limit : limit - value;
}

/* Cuts away what lies beyond one side of the box (Sutherland and Hodgman). Parts that fall apart
 * stay joined along the cut, by edges there and back, which have no area. */
static uint32_t clip(const struct point *from, uint32_t num, bool is_y, bool is_above, double limit,
                     struct point *to)
{
    uint32_t num_to = 0;
    for (uint32_t i = 0; i < num; i++) {
        const struct point *a = &from[i], *b = &from[i + 1 < num ? i + 1 : 0];
        const double da = depth_of(a, is_y, is_above, limit);
        const double db = depth_of(b, is_y, is_above, limit);
        if (da >= 0 && num_to < CLIPPED_MAX)
            to[num_to++] = *a;
        if (((da > 0 && db < 0) || (da < 0 && db > 0)) && num_to < CLIPPED_MAX) {
            const double share = da / (da - db);
            to[num_to++] =
                (struct point){a->x + share * (b->x - a->x), a->y + share * (b->y - a->y)};
        }
    }
    return num_to;
}

double tyto_polygon_shared(const struct tyto_polygon *polygon, const struct tyto_box *box)
{
    struct point one[CLIPPED_MAX], other[CLIPPED_MAX];
    uint32_t num = to_points(polygon, one);
    num = clip(one, num, false, true, (double)box->x0, other);
    num = clip(other, num, false, false, (double)box->x1, one);
    num = clip(one, num, true, true, (double)box->y0, other);
    num = clip(other, num, true, false, (double)box->y1, one);
    return area_of(one, num);
}
