/* SPDX-License-Identifier: MIT */
#include "model/graph/detector.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { MAX_SIDE = 4096, MAX_CANDIDATES = 256 };

uint32_t tyto_detector_num_anchors(const struct tyto_detector *detector)
{
    uint32_t num = 0;
    for (uint32_t i = 0; i < detector->num_levels; i++) {
        const struct tyto_detector_level *level = &detector->levels[i];
        num += level->rows * level->cols * level->num_shapes;
    }
    return num;
}

static bool level_is_sane(const struct tyto_detector_level *level)
{
    if (level->rows < 1 || level->cols < 1 || level->rows > MAX_SIDE || level->cols > MAX_SIDE ||
        level->num_shapes < 1 || level->num_shapes > TYTO_DETECTOR_MAX_SHAPES)
        return false;
    for (uint32_t i = 0; i < level->num_shapes; i++)
        if (!(level->heights[i] > 0 && level->heights[i] < 1e6f) ||
            !(level->widths[i] > 0 && level->widths[i] < 1e6f))
            return false;
    return true;
}

const char *tyto_detector_check(const struct tyto_detector *detector,
                                const struct tyto_graph *graph)
{
    if (detector->num_classes < 1 || detector->num_classes > TYTO_DETECTOR_MAX_CLASSES ||
        detector->num_levels < 1 || detector->num_levels > TYTO_DETECTOR_MAX_LEVELS)
        return "no classes or levels, or too many";
    for (uint32_t i = 0; i < detector->num_levels; i++)
        if (!level_is_sane(&detector->levels[i]))
            return "a level has no rows, columns or anchors, or absurd ones";
    if (!(detector->centre_scale > 0) || !(detector->size_scale > 0) ||
        !isfinite(detector->centre_scale) || !isfinite(detector->size_scale))
        return "its scales are no positive numbers";
    if (tyto_graph_num_outs(graph) != 3)
        return "the graph does not give features, scores and boxes";
    const uint64_t num = tyto_detector_num_anchors(detector);
    if (tyto_value_num_floats(&graph->values[tyto_graph_out(graph, TYTO_DETECTOR_SCORES)]) !=
            num * detector->num_classes ||
        tyto_value_num_floats(&graph->values[tyto_graph_out(graph, TYTO_DETECTOR_BOXES)]) !=
            num * 4)
        return "its anchors do not fit to the graph's scores and boxes";
    if (detector->first_column != TYTO_DETECTOR_NO_COLUMNS &&
        (uint64_t)detector->first_column + detector->num_classes > graph->values[graph->out_idx].c)
        return "the features have no such columns";
    return NULL;
}

/* --- decoding --------------------------------------------------------------------------- */

static float clamp_share(float x)
{
    return x > 0.0f ? (x < 1.0f ? x : 1.0f) : 0.0f; /* NaN becomes 0 */
}

static float shared_area(const struct tyto_detection *a, const struct tyto_detection *b)
{
    const float w = fminf(a->right, b->right) - fmaxf(a->left, b->left);
    const float h = fminf(a->bottom, b->bottom) - fmaxf(a->top, b->top);
    return w > 0.0f && h > 0.0f ? w * h : 0.0f;
}

static float area(const struct tyto_detection *a)
{
    return (a->right - a->left) * (a->bottom - a->top);
}

/* Same class, and at least half of the area they cover together is shared. */
static bool is_same(const struct tyto_detection *a, const struct tyto_detection *b)
{
    const float both = shared_area(a, b);
    return a->class_idx == b->class_idx && 2.0f * both >= area(a) + area(b) - both;
}

/* The highest so far, sorted. */
struct candidates {
    uint32_t num;
    struct tyto_detection all[MAX_CANDIDATES];
};

static void insert(struct candidates *candidates, const struct tyto_detection *one)
{
    uint32_t at = candidates->num;
    while (at > 0 && candidates->all[at - 1].score < one->score)
        at--;
    if (at == MAX_CANDIDATES)
        return;
    const uint32_t behind =
        (candidates->num < MAX_CANDIDATES ? candidates->num : MAX_CANDIDATES - 1) - at;
    memmove(&candidates->all[at + 1], &candidates->all[at], behind * sizeof(*one));
    candidates->all[at] = *one;
    candidates->num = at + behind + 1;
}

/* The mean of all boxes that are the same as one, weighed by their scores: each place sees the
 * edges that are near to it best (box voting: Gidaris and Komodakis, ICCV 2015). */
static void vote(const struct candidates *candidates, struct tyto_detection *one)
{
    const struct tyto_detection before = *one;
    float sum = 0.0f, left = 0.0f, top = 0.0f, right = 0.0f, bottom = 0.0f;
    for (uint32_t i = 0; i < candidates->num; i++) {
        const struct tyto_detection *other = &candidates->all[i];
        if (!is_same(&before, other))
            continue;
        sum += other->score;
        left += other->score * other->left;
        top += other->score * other->top;
        right += other->score * other->right;
        bottom += other->score * other->bottom;
    }
    one->left = left / sum; /* it is the same as itself */
    one->top = top / sum;
    one->right = right / sum;
    one->bottom = bottom / sum;
}

/* From the highest down, each that is none of those before it. */
static uint32_t pick(const struct candidates *candidates, struct tyto_detection *ret_found,
                     uint32_t max_found)
{
    uint32_t num = 0;
    for (uint32_t i = 0; i < candidates->num && num < max_found; i++) {
        bool is_new = true;
        for (uint32_t j = 0; j < num && is_new; j++)
            is_new = !is_same(&ret_found[j], &candidates->all[i]);
        if (is_new)
            ret_found[num++] = candidates->all[i];
    }
    for (uint32_t i = 0; i < num; i++)
        vote(candidates, &ret_found[i]);
    return num;
}

struct anchor {
    float y, x, height, width; /* centre and size, in shares of the input */
};

static bool decode(const struct tyto_detector *detector, const struct anchor *anchor,
                   const struct tyto_picture_fit *fit, const float box[4],
                   struct tyto_detection *ret)
{
    const float y = anchor->y + box[0] / detector->centre_scale * anchor->height - fit->top;
    const float x = anchor->x + box[1] / detector->centre_scale * anchor->width - fit->left;
    const float half_h = expf(box[2] / detector->size_scale) * anchor->height / 2.0f;
    const float half_w = expf(box[3] / detector->size_scale) * anchor->width / 2.0f;
    ret->top = clamp_share((y - half_h) / fit->height);
    ret->bottom = clamp_share((y + half_h) / fit->height);
    ret->left = clamp_share((x - half_w) / fit->width);
    ret->right = clamp_share((x + half_w) / fit->width);
    return ret->bottom > ret->top && ret->right > ret->left;
}

static void look(const struct tyto_detector *detector, const struct anchor *anchor,
                 const struct tyto_picture_fit *fit, float min_logit, const float *scores,
                 const float box[4], struct candidates *candidates)
{
    for (uint32_t c = 0; c < detector->num_classes; c++) {
        if (!(scores[c] >= min_logit))
            continue;
        struct tyto_detection one = {.class_idx = c, .score = 1.0f / (1.0f + expf(-scores[c]))};
        if (decode(detector, anchor, fit, box, &one))
            insert(candidates, &one);
    }
}

uint32_t tyto_detector_find(const struct tyto_detector *detector, const struct tyto_value *input,
                            const struct tyto_picture_fit *fit, const float *scores,
                            const float *boxes, float min_score, struct tyto_detection *ret_found,
                            uint32_t max_found)
{
    struct candidates candidates = {0};
    const float min_logit = logf(min_score / (1.0f - min_score));
    for (uint32_t i = 0; i < detector->num_levels; i++) {
        const struct tyto_detector_level *level = &detector->levels[i];
        for (uint32_t place = 0; place < level->rows * level->cols; place++)
            for (uint32_t k = 0; k < level->num_shapes; k++) {
                const float y = (float)(place / level->cols), x = (float)(place % level->cols);
                const struct anchor anchor = {
                    .y = (y + 0.5f) / (float)level->rows,
                    .x = (x + 0.5f) / (float)level->cols,
                    .height = level->heights[k] / (float)input->h,
                    .width = level->widths[k] / (float)input->w,
                };
                look(detector, &anchor, fit, min_logit, scores, boxes, &candidates);
                scores += detector->num_classes;
                boxes += 4;
            }
    }
    return pick(&candidates, ret_found, max_found);
}

/* --- files ------------------------------------------------------------------------------ */

static struct tyto_json *level_to_json(const struct tyto_detector_level *level)
{
    struct tyto_json *json = tyto_json_new_object();
    struct tyto_json *shapes = tyto_json_new_array();
    bool ok = true;
    for (uint32_t i = 0; i < level->num_shapes; i++) {
        struct tyto_json *shape = tyto_json_new_array();
        ok &= tyto_json_append(shape, tyto_json_new_f64((double)level->heights[i]));
        ok &= tyto_json_append(shape, tyto_json_new_f64((double)level->widths[i]));
        ok &= tyto_json_append(shapes, shape);
    }
    ok &= tyto_json_set(json, "rows", tyto_json_new_u64(level->rows));
    ok &= tyto_json_set(json, "cols", tyto_json_new_u64(level->cols));
    ok &= tyto_json_set(json, "anchors", shapes);
    if (!ok)
        tyto_json_destroy(&json);
    return json;
}

struct tyto_json *tyto_detector_to_json(const struct tyto_detector *detector)
{
    struct tyto_json *json = tyto_json_new_object();
    struct tyto_json *names = tyto_json_new_array(), *levels = tyto_json_new_array();
    bool ok = true;
    for (uint32_t i = 0; i < detector->num_classes; i++)
        ok &= tyto_json_append(names, tyto_json_new_string(detector->names[i]));
    for (uint32_t i = 0; i < detector->num_levels; i++)
        ok &= tyto_json_append(levels, level_to_json(&detector->levels[i]));
    ok &= tyto_json_set(json, "names", names);
    ok &= tyto_json_set(json, "levels", levels);
    ok &= tyto_json_set(json, "centre_scale", tyto_json_new_f64((double)detector->centre_scale));
    ok &= tyto_json_set(json, "size_scale", tyto_json_new_f64((double)detector->size_scale));
    if (detector->first_column != TYTO_DETECTOR_NO_COLUMNS)
        ok &= tyto_json_set(json, "first_column", tyto_json_new_u64(detector->first_column));
    if (!ok)
        tyto_json_destroy(&json);
    return json;
}

static bool read_f32(const struct tyto_json *json, float *ret_value)
{
    double value;
    if (!tyto_json_f64(json, &value))
        return false;
    *ret_value = (float)value;
    return true;
}

static bool read_level(const struct tyto_json *json, struct tyto_detector_level *level)
{
    const struct tyto_json *anchors = tyto_json_get(json, "anchors");
    level->num_shapes = tyto_json_num_items(anchors);
    if (!tyto_json_is_array(anchors) || level->num_shapes > TYTO_DETECTOR_MAX_SHAPES)
        return false;
    for (uint32_t i = 0; i < level->num_shapes; i++) {
        const struct tyto_json *shape = tyto_json_at(anchors, i);
        if (tyto_json_num_items(shape) != 2 ||
            !read_f32(tyto_json_at(shape, 0), &level->heights[i]) ||
            !read_f32(tyto_json_at(shape, 1), &level->widths[i]))
            return false;
    }
    return tyto_json_u32(tyto_json_get(json, "rows"), MAX_SIDE, &level->rows) &&
           tyto_json_u32(tyto_json_get(json, "cols"), MAX_SIDE, &level->cols);
}

bool tyto_detector_from_json(const struct tyto_json *json, struct tyto_detector *ret_detector)
{
    const struct tyto_json *names = tyto_json_get(json, "names");
    const struct tyto_json *levels = tyto_json_get(json, "levels");
    struct tyto_detector *detector = ret_detector;
    *detector = (struct tyto_detector){.num_classes = tyto_json_num_items(names),
                                       .num_levels = tyto_json_num_items(levels)};
    if (!tyto_json_is_array(names) || !tyto_json_is_array(levels) ||
        detector->num_classes > TYTO_DETECTOR_MAX_CLASSES ||
        detector->num_levels > TYTO_DETECTOR_MAX_LEVELS)
        return false;
    for (uint32_t i = 0; i < detector->num_classes; i++) {
        const char *name = tyto_json_string(tyto_json_at(names, i));
        if (!name || !name[0] || strlen(name) >= TYTO_DETECTOR_NAME_BYTES)
            return false;
        snprintf(detector->names[i], TYTO_DETECTOR_NAME_BYTES, "%s", name);
    }
    for (uint32_t i = 0; i < detector->num_levels; i++)
        if (!read_level(tyto_json_at(levels, i), &detector->levels[i]))
            return false;
    const struct tyto_json *column = tyto_json_get(json, "first_column");
    detector->first_column = TYTO_DETECTOR_NO_COLUMNS;
    return read_f32(tyto_json_get(json, "centre_scale"), &detector->centre_scale) &&
           read_f32(tyto_json_get(json, "size_scale"), &detector->size_scale) &&
           (!column || tyto_json_u32(column, TYTO_GRAPH_MAX_DIM, &detector->first_column));
}
