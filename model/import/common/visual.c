/* SPDX-License-Identifier: MIT */
#include "model/import/common/visual.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { CODES = 4, MAX_COLUMNS = 256 };

/* --- names ------------------------------------------------------------------------------ */

/* The columns of the scores: which of them are classes, and their names. */
struct columns {
    uint32_t num;
    bool is_class[MAX_COLUMNS];
};

static bool is_background(const char *name, size_t num_bytes)
{
    return (num_bytes == 3 && memcmp(name, "???", 3) == 0) ||
           (num_bytes == 10 && memcmp(name, "background", 10) == 0);
}

static enum tyto_err read_names(struct tyto_build *build, const char *text,
                                struct columns *ret_columns, struct tyto_detector *detector)
{
    while (*text) {
        size_t num_bytes = strcspn(text, "\n");
        const char *next = text + num_bytes + (text[num_bytes] == '\n');
        num_bytes -= num_bytes > 0 && text[num_bytes - 1] == '\r';
        if (num_bytes == 0 || num_bytes >= TYTO_DETECTOR_NAME_BYTES ||
            ret_columns->num == MAX_COLUMNS || detector->num_classes == TYTO_DETECTOR_MAX_CLASSES)
            return tyto_build_fail(build, TYTO_ERR_FORMAT,
                                   "class name %u is empty or too long, or there are too many",
                                   ret_columns->num);
        const bool is_class = !is_background(text, num_bytes);
        ret_columns->is_class[ret_columns->num++] = is_class;
        if (is_class)
            snprintf(detector->names[detector->num_classes++], TYTO_DETECTOR_NAME_BYTES, "%.*s",
                     (int)num_bytes, text);
        text = next;
    }
    return detector->num_classes
               ? TYTO_OK
               : tyto_build_fail(build, TYTO_ERR_FORMAT, "there are no class names");
}

/* --- heads ------------------------------------------------------------------------------- */

static struct tyto_layer *maker_of(struct tyto_build *build, uint32_t value)
{
    for (uint32_t i = 0; i < build->num_layers; i++)
        if (build->layers[i].out_idx == value)
            return &build->layers[i];
    return NULL;
}

/* The stack that makes scores or boxes of the levels' maps. */
static enum tyto_err find_stack(struct tyto_build *build, uint32_t value,
                                struct tyto_layer **ret_stack)
{
    struct tyto_layer *stack = maker_of(build, value);
    if (!stack || stack->op != TYTO_LAYER_STACK || stack->act != TYTO_ACT_NONE)
        return tyto_build_fail(build, TYTO_ERR_UNSUPPORTED,
                               "scores and boxes must each be a CONCATENATION of the levels' maps");
    *ret_stack = stack;
    return TYTO_OK;
}

/* Takes the columns that are no class out of the convolution that makes a level's scores. */
static enum tyto_err drop_columns(struct tyto_build *build, uint32_t value,
                                  const struct columns *columns)
{
    struct tyto_layer *conv = maker_of(build, value);
    if (!conv || conv->op != TYTO_LAYER_CONV || conv->act != TYTO_ACT_NONE)
        return tyto_build_fail(build, TYTO_ERR_UNSUPPORTED,
                               "a level's scores must be what a convolution gives");
    struct tyto_value *out = &build->values[value];
    const uint64_t row =
        (uint64_t)conv->kernel_h * conv->kernel_w * build->values[conv->in_idx[0]].c;
    float *weight = tyto_build_floats(build, row * out->c);
    float *bias = tyto_build_floats(build, out->c);
    if (!weight || !bias)
        return tyto_build_fail(build, TYTO_ERR_NOMEM, "too many weights");
    uint32_t num = 0;
    for (uint32_t i = 0; i < out->c; i++) {
        if (!columns->is_class[i % columns->num])
            continue;
        memcpy(weight + num * row, conv->weight + i * row, (size_t)row * sizeof(float));
        bias[num++] = conv->bias[i];
    }
    conv->weight = weight;
    conv->bias = bias;
    out->c = num;
    return TYTO_OK;
}

/* Anchors as the single-shot detectors of TensorFlow's object detection have them: scales evenly
 * from the finest to the coarsest level; aspect ratios 1, 2, 1/2, 3, 1/3, and 1 between this scale
 * and the next; a level of three has one half as large, and 2 and 1/2. */
static bool set_anchors(const struct tyto_import_detector *rule, uint32_t level_idx,
                        uint32_t num_levels, struct tyto_detector_level *level)
{
    static const double ratios[] = {1.0, 2.0, 0.5, 3.0, 1.0 / 3.0};
    const double first = (double)rule->min_scale, last = (double)rule->max_scale;
    const double step = num_levels > 1 ? (last - first) / (num_levels - 1) : 0.0;
    const double scale = first + step * level_idx;
    const double next = level_idx + 1 < num_levels ? scale + step : 1.0;
    if (level->num_shapes != 3 && level->num_shapes != 6)
        return false;
    for (uint32_t i = 0; i < level->num_shapes; i++) {
        const bool between = i == 5, half = level->num_shapes == 3 && i == 0;
        const double side = half ? 0.5 * scale : between ? sqrt(scale * next) : scale;
        const double ratio = between ? 1.0 : ratios[i];
        level->heights[i] = (float)((double)rule->side_px * side / sqrt(ratio));
        level->widths[i] = (float)((double)rule->side_px * side * sqrt(ratio));
    }
    return true;
}

static enum tyto_err read_level(struct tyto_build *build, const struct tyto_import_detector *rule,
                                const struct columns *columns, const uint32_t maps[2],
                                uint32_t level_idx)
{
    struct tyto_detector *detector = &build->file->detector;
    struct tyto_detector_level *level = &detector->levels[level_idx];
    const struct tyto_value *scores = &build->values[maps[0]], *boxes = &build->values[maps[1]];
    level->rows = scores->h;
    level->cols = scores->w;
    level->num_shapes = scores->c / columns->num;
    if (scores->c % columns->num || boxes->h != scores->h || boxes->w != scores->w ||
        boxes->c != level->num_shapes * CODES)
        return tyto_build_fail(build, TYTO_ERR_SHAPE,
                               "level %u: scores (%u,%u,%u) and boxes (%u,%u,%u) do not fit each "
                               "other and %u names",
                               level_idx, scores->h, scores->w, scores->c, boxes->h, boxes->w,
                               boxes->c, columns->num);
    if (!set_anchors(rule, level_idx, detector->num_levels, level))
        return tyto_build_fail(build, TYTO_ERR_UNSUPPORTED,
                               "level %u has %u anchors a place; 3 and 6 are known", level_idx,
                               level->num_shapes);
    return drop_columns(build, maps[0], columns);
}

/* --- columns of the features ------------------------------------------------------------- */

/* A level's highest logit of each class at each place of the features: its own places below it, or
 * the one above it. */
static enum tyto_err level_columns(struct tyto_build *build, uint32_t level_idx, uint32_t map,
                                   const struct tyto_value *places, uint32_t *ret_value)
{
    const struct tyto_detector *detector = &build->file->detector;
    const struct tyto_detector_level *level = &detector->levels[level_idx];
    const uint32_t c = detector->num_classes, shapes = level->num_shapes;
    const uint32_t rows = (level->rows + places->h - 1) / places->h;
    const uint32_t cols = (level->cols + places->w - 1) / places->w;
    struct tyto_layer pool = {.op = TYTO_LAYER_MAX_POOL,
                              .kernel_h = rows,
                              .stride_h = rows,
                              .kernel_w = cols * shapes,
                              .stride_w = cols * shapes};
    const struct tyto_value wide = {level->rows, level->cols * shapes, c};
    const bool fine = level->rows >= places->h && level->cols >= places->w;
    if (fine) {
        pool.pad_bottom = places->h * rows - level->rows;
        pool.pad_right = (places->w * cols - level->cols) * shapes;
    }
    enum tyto_err err = tyto_build_view(build, map, wide, &pool.in_idx[0]);
    if (!err)
        err = tyto_build_layer(build, &pool, 0, ret_value);
    if (err || fine)
        return err;
    const struct tyto_layer resize = {
        .op = TYTO_LAYER_RESIZE, .in_idx = {*ret_value}, .resize = TYTO_RESIZE_NEAREST};
    return tyto_build_shaped(build, &resize, (struct tyto_value){places->h, places->w, c},
                             ret_value);
}

/* The highest over the levels: they lie beside each other at a place, so a pool over a view that
 * has a level a column finds it. */
static enum tyto_err all_columns(struct tyto_build *build, const struct tyto_layer *scores,
                                 const struct tyto_value *places, uint32_t *ret_value)
{
    const uint32_t num = scores->num_ins, c = build->file->detector.num_classes;
    const uint32_t maps[TYTO_LAYER_MAX_INS] = {
        scores->in_idx[0], scores->in_idx[1], scores->in_idx[2], scores->in_idx[3],
        scores->in_idx[4], scores->in_idx[5], scores->in_idx[6], scores->in_idx[7]};
    struct tyto_layer beside = {.op = TYTO_LAYER_CONCAT, .num_ins = num};
    struct tyto_layer pool = {.op = TYTO_LAYER_MAX_POOL,
                              .kernel_h = 1,
                              .stride_h = 1,
                              .kernel_w = num,
                              .stride_w = num,
                              .act = TYTO_ACT_SIGMOID};
    enum tyto_err err = TYTO_OK;
    uint32_t all = 0;
    for (uint32_t i = 0; i < num && !err; i++)
        err = level_columns(build, i, maps[i], places, &beside.in_idx[i]);
    if (!err)
        err = tyto_build_layer(build, &beside, 0, &all);
    if (!err)
        err = tyto_build_view(build, all, (struct tyto_value){places->h, places->w * num, c},
                              &pool.in_idx[0]);
    const float gain = TYTO_DETECTOR_COLUMN_GAIN;
    uint32_t best = 0;
    if (!err)
        err = tyto_build_layer(build, &pool, 0, &best);
    return err ? err : tyto_build_scale(build, best, &gain, NULL, 1, ret_value);
}

/* Appends columns to the features. Those appended before are copied once only: their layer goes to
 * the end and takes these too. */
static enum tyto_err append_columns(struct tyto_build *build, uint32_t columns,
                                    struct tyto_build_outs *outs)
{
    const uint32_t features = outs->values[0];
    struct tyto_layer *before = maker_of(build, features);
    if (before && before->op == TYTO_LAYER_CONCAT && before->num_ins < TYTO_LAYER_MAX_INS) {
        struct tyto_layer last = *before;
        struct tyto_layer *end = &build->layers[build->num_layers - 1];
        last.in_idx[last.num_ins++] = columns;
        memmove(before, before + 1, (size_t)(end - before) * sizeof(*end));
        *end = last;
        build->values[features].c += build->values[columns].c;
        return TYTO_OK;
    }
    const struct tyto_layer concat = {
        .op = TYTO_LAYER_CONCAT, .in_idx = {outs->values[0], columns}, .num_ins = 2};
    return tyto_build_layer(build, &concat, 0, &outs->values[0]);
}

enum tyto_err tyto_build_pooled(struct tyto_build *build, struct tyto_build_outs *outs)
{
    const struct tyto_value places = build->values[outs->values[0]];
    const uint32_t finer = outs->values[outs->num - 1];
    const struct tyto_value from = build->values[finer];
    build->op = "pooled";
    build->node = "output";
    if (from.h % places.h || from.w % places.w)
        return tyto_build_fail(build, TYTO_ERR_SHAPE,
                               "(%u,%u,%u) has no whole number of rows and columns for each of "
                               "(%u,%u) places",
                               from.h, from.w, from.c, places.h, places.w);
    struct tyto_layer pool = {.op = TYTO_LAYER_MAX_POOL,
                              .in_idx = {finer},
                              .kernel_h = from.h / places.h,
                              .kernel_w = from.w / places.w};
    uint32_t pooled = 0;
    pool.stride_h = pool.kernel_h;
    pool.stride_w = pool.kernel_w;
    enum tyto_err err = tyto_build_layer(build, &pool, 0, &pooled);
    if (!err)
        err = append_columns(build, pooled, outs);
    outs->num--;
    return err;
}

static enum tyto_err read_levels(struct tyto_build *build, const struct tyto_import_detector *rule,
                                 const struct columns *columns, struct tyto_layer *const stacks[2])
{
    struct tyto_detector *detector = &build->file->detector;
    detector->num_levels = stacks[0]->num_ins;
    if (stacks[1]->num_ins != stacks[0]->num_ins)
        return tyto_build_fail(build, TYTO_ERR_SHAPE, "scores have %u levels, boxes %u",
                               stacks[0]->num_ins, stacks[1]->num_ins);
    for (uint32_t i = 0; i < detector->num_levels; i++) {
        const uint32_t maps[2] = {stacks[0]->in_idx[i], stacks[1]->in_idx[i]};
        const enum tyto_err err = read_level(build, rule, columns, maps, i);
        if (err)
            return err;
    }
    return TYTO_OK;
}

enum tyto_err tyto_build_detector(struct tyto_build *build, const struct tyto_import_detector *rule,
                                  struct tyto_build_outs *outs)
{
    struct tyto_detector *detector = &build->file->detector;
    struct columns columns = {0};
    struct tyto_layer *stacks[2];
    uint32_t scored = 0;
    build->op = "detector";
    build->node = "scores, boxes";
    if (outs->num != 3)
        return tyto_build_fail(build, TYTO_ERR_INVALID,
                               "needs three outputs: features, scores, boxes; %u are given",
                               outs->num);
    enum tyto_err err = read_names(build, rule->names, &columns, detector);
    for (uint32_t i = 0; i < 2 && !err; i++)
        err = find_stack(build, outs->values[i + 1], &stacks[i]);
    if (!err)
        err = read_levels(build, rule, &columns, stacks);
    if (err)
        return err;
    detector->centre_scale = rule->centre_scale;
    detector->size_scale = rule->size_scale;
    detector->first_column = build->values[outs->values[0]].c;
    build->values[outs->values[1]] =
        (struct tyto_value){tyto_detector_num_anchors(detector), 1, detector->num_classes};
    const struct tyto_value places = build->values[outs->values[0]];
    err = all_columns(build, stacks[0], &places, &scored);
    if (!err)
        err = append_columns(build, scored, outs);
    build->file->has_detector = !err;
    return err;
}

/* --- letterbox -------------------------------------------------------------------------- */

/* A channel that the foreign model does not know: weights of 0. */
static enum tyto_err add_channel(struct tyto_build *build, struct tyto_layer *layer)
{
    const uint64_t taps = (uint64_t)layer->kernel_h * layer->kernel_w;
    const uint64_t num = taps * build->values[layer->out_idx].c;
    if (layer->op != TYTO_LAYER_CONV)
        return tyto_build_fail(build, TYTO_ERR_UNSUPPORTED,
                               "only a convolution may read the picture");
    float *weight = tyto_build_floats(build, num * 4);
    if (!weight)
        return tyto_build_fail(build, TYTO_ERR_NOMEM, "too many weights");
    for (uint64_t i = 0; i < num * 3; i++)
        weight[i / 3 * 4 + i % 3] = layer->weight[i];
    layer->weight = weight;
    return TYTO_OK;
}

enum tyto_err tyto_build_letterbox(struct tyto_build *build, struct tyto_build_outs *outs)
{
    struct tyto_value *input = &build->values[0];
    const struct tyto_value places = build->values[outs->values[0]];
    build->op = "letterbox";
    build->node = "input";
    if (input->c != 3 || input->h % places.h || input->w % places.w)
        return tyto_build_fail(build, TYTO_ERR_UNSUPPORTED,
                               "the input (%u,%u,%u) must be a picture of whole places (%u,%u)",
                               input->h, input->w, input->c, places.h, places.w);
    for (uint32_t i = 0; i < build->num_layers; i++)
        for (uint32_t j = 0; j < tyto_layer_num_inputs(&build->layers[i]); j++)
            if (build->layers[i].in_idx[j] == 0) {
                const enum tyto_err err = add_channel(build, &build->layers[i]);
                if (err)
                    return err;
            }
    input->c = 4;
    struct tyto_layer cover = {
        .op = TYTO_LAYER_CONV, .kernel_h = input->h / places.h, .kernel_w = input->w / places.w};
    const uint32_t taps = cover.kernel_h * cover.kernel_w;
    float *weight = tyto_build_floats(build, 4 * (uint64_t)taps);
    if (!weight)
        return tyto_build_fail(build, TYTO_ERR_NOMEM, "too many weights");
    for (uint32_t i = 0; i < taps; i++)
        weight[4 * i + 3] = 1.0f / (float)taps;
    cover.weight = weight;
    cover.stride_h = cover.kernel_h;
    cover.stride_w = cover.kernel_w;
    uint32_t covered = 0;
    enum tyto_err err = tyto_build_layer(build, &cover, 1, &covered);
    if (!err)
        err = append_columns(build, covered, outs);
    if (!err)
        build->file->fit = TYTO_FIT_LETTERBOX;
    return err;
}
