/* SPDX-License-Identifier: MIT */
/* The demo's script. Of each five events three are seen and heard, one is only
 * heard, one only seen; classes take turns in a shuffled order. */
#include "demo/scene.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"

static const double first_begin_s = 3.0;
static const double tail_s = 2.5;
static const double min_event_s = 3.0, max_event_s = 8.0;
static const double min_gap_s = 2.5, max_gap_s = 5.0;
static const float max_width = 0.62f;

uint64_t demo_random(uint64_t *state)
{
    return tyto_random_bits(state);
}

double demo_random_between(uint64_t *state, double low, double high)
{
    return low + (high - low) * tyto_random_share(state);
}

static void shuffle(uint64_t *random, uint32_t *idxs, uint32_t num)
{
    for (uint32_t i = num; i > 1; i--) {
        uint32_t j = (uint32_t)(demo_random(random) % i);
        uint32_t kept = idxs[i - 1];
        idxs[i - 1] = idxs[j];
        idxs[j] = kept;
    }
}

/* Cuts the next comma-separated field out of *rest into out, with a terminator. */
static bool take_field(const char **rest, char *out, size_t out_bytes)
{
    size_t len = strcspn(*rest, ",\r\n");

    if (len == 0 || len >= out_bytes) {
        return false;
    }
    memcpy(out, *rest, len);
    out[len] = '\0';
    *rest += len;
    if (**rest == ',') {
        (*rest)++;
    }
    return true;
}

static bool take_height(const char **rest, float *ret_height)
{
    char text[32];
    char *end = NULL;

    if (!take_field(rest, text, sizeof(text))) {
        return false;
    }
    errno = 0;
    float value = strtof(text, &end);
    if (errno != 0 || end == text || *end != '\0' || !(value > 0.0f && value <= 1.0f)) {
        return false;
    }
    *ret_height = value;
    return true;
}

enum tyto_err demo_stamp_table_read(FILE *file, struct demo_stamp_table *ret_table,
                                    uint32_t *ret_line)
{
    char line[DEMO_PATH_MAX + DEMO_NAME_MAX + 80];
    uint32_t num_lines = 0;

    *ret_line = 0;
    ret_table->num_rows = 0;
    while (fgets(line, sizeof(line), file)) {
        const char *rest = line;
        struct demo_stamp_row row = {.aspect = 1.0f};

        *ret_line = ++num_lines;
        if (line[0] == '#' || line[0] == '\n') {
            continue;
        }
        if (ret_table->num_rows == DEMO_MAX_STAMPS || !strchr(line, '\n') ||
            !take_field(&rest, row.class_name, sizeof(row.class_name)) ||
            !take_field(&rest, row.stamp, sizeof(row.stamp)) ||
            !take_height(&rest, &row.min_height) || !take_height(&rest, &row.max_height) ||
            row.max_height < row.min_height) {
            return TYTO_ERR_FORMAT;
        }
        ret_table->rows[ret_table->num_rows++] = row;
    }
    return ferror(file) ? TYTO_ERR_IO : TYTO_OK;
}

/* Index of each class's first row; *ret_num classes. */
static void list_classes(const struct demo_stamp_table *table, uint32_t *ret_firsts,
                         uint32_t *ret_num)
{
    uint32_t num = 0;

    for (uint32_t i = 0; i < table->num_rows; i++) {
        bool known = false;
        for (uint32_t j = 0; j < num && !known; j++) {
            known = strcmp(table->rows[ret_firsts[j]].class_name, table->rows[i].class_name) == 0;
        }
        if (!known) {
            ret_firsts[num++] = i;
        }
    }
    *ret_num = num;
}

static uint32_t pick_row(const struct demo_stamp_table *table, uint32_t first_idx, uint64_t *random)
{
    uint32_t same[DEMO_MAX_STAMPS];
    uint32_t num = 0;

    for (uint32_t i = 0; i < table->num_rows; i++) {
        if (strcmp(table->rows[i].class_name, table->rows[first_idx].class_name) == 0) {
            same[num++] = i;
        }
    }
    return num > 0 ? same[demo_random(random) % num] : first_idx;
}

static void place(struct demo_event *event, const struct demo_stamp_row *row, float picture_aspect,
                  uint64_t *random)
{
    float height = (float)demo_random_between(random, row->min_height, row->max_height);
    float width = height * row->aspect / picture_aspect;

    if (width > max_width) {
        height *= max_width / width;
        width = max_width;
    }
    float x = (float)demo_random_between(random, 0.04, 0.96 - (double)width);
    float foot = (float)demo_random_between(random, 0.80, 0.95);
    event->x0 = x;
    event->x1 = x + width;
    event->y0 = foot - height;
    event->y1 = foot;
}

/* Times on a grid of 0.1 s, so that the truth file says exactly what is rendered. */
static double on_grid(double seconds)
{
    return (double)(int64_t)(seconds * 10.0 + 0.5) / 10.0;
}

enum tyto_err demo_scene_init(struct demo_scene *scene, const struct demo_scene_params *params,
                              const struct demo_stamp_table *table)
{
    static const enum demo_modality kinds[5] = {DEMO_MODALITY_AV, DEMO_MODALITY_AV,
                                                DEMO_MODALITY_AV, DEMO_MODALITY_A, DEMO_MODALITY_V};
    uint64_t random = params->seed;
    uint32_t classes[DEMO_MAX_STAMPS], kind_order[5] = {0, 1, 2, 3, 4};
    uint32_t num_classes = 0, turn = 0;
    double now_s = first_begin_s;

    *scene = (struct demo_scene){.seed = params->seed, .seconds = params->seconds};
    list_classes(table, classes, &num_classes);
    if (num_classes == 0) {
        return TYTO_ERR_INVALID;
    }
    while (scene->num_events < DEMO_MAX_EVENTS) {
        double length_s = demo_random_between(&random, min_event_s, max_event_s);
        struct demo_event event = {.begin_s = on_grid(now_s), .end_s = on_grid(now_s + length_s)};

        if (event.end_s > params->seconds - tail_s) {
            break;
        }
        if (scene->num_events % 5 == 0 && scene->num_events > 0) {
            shuffle(&random, kind_order, 5);
        }
        if (turn % num_classes == 0) {
            uint32_t last = classes[num_classes - 1];
            shuffle(&random, classes, num_classes);
            if (num_classes > 1 && turn > 0 && classes[0] == last) {
                classes[0] = classes[num_classes - 1];
                classes[num_classes - 1] = last;
            }
        }
        event.modality = kinds[kind_order[scene->num_events % 5]];
        event.row_idx = pick_row(table, classes[turn % num_classes], &random);
        turn++;
        if (event.modality != DEMO_MODALITY_A) {
            place(&event, &table->rows[event.row_idx], params->picture_aspect, &random);
        }
        scene->events[scene->num_events++] = event;
        now_s = event.end_s + demo_random_between(&random, min_gap_s, max_gap_s);
    }
    return scene->num_events > 0 ? TYTO_OK : TYTO_ERR_INVALID;
}

enum tyto_err demo_scene_write_truth(const struct demo_scene *scene,
                                     const struct demo_stamp_table *table, FILE *file)
{
    static const char *const names[] = {"av", "a", "v"};

    fprintf(file, "class,begin_s,end_s,modality,x0,y0,x1,y1\n");
    for (uint32_t i = 0; i < scene->num_events; i++) {
        const struct demo_event *event = &scene->events[i];
        fprintf(file, "%s,%.1f,%.1f,%s,%.3f,%.3f,%.3f,%.3f\n",
                table->rows[event->row_idx].class_name, event->begin_s, event->end_s,
                names[event->modality], (double)event->x0, (double)event->y0, (double)event->x1,
                (double)event->y1);
    }
    return fflush(file) == 0 && !ferror(file) ? TYTO_OK : TYTO_ERR_IO;
}
