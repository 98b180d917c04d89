/* SPDX-License-Identifier: MIT */
#include "pipeline/track/decode.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "pipeline/zones/mask.h"

/* A map whose peak is below this multiple of an even one points nowhere. */
#define BOX_MIN_PEAK 2.f
/* The box holds what reaches half way from the even level to the peak. */
#define BOX_LEVEL 0.5f
/* The same for the alignment over time. */
#define ALIGN_MIN_PEAK 2.f

enum tyto_err tyto_reading_init(struct tyto_reading *reading, uint32_t num_classes)
{
    const size_t num = 3 * (size_t)num_classes;
    *reading = (struct tyto_reading){
        .scores = calloc(num + 2 * (size_t)TYTO_CMAN_MAX_SEGMENTS, sizeof(float))};
    if (!reading->scores)
        return TYTO_ERR_NOMEM;
    reading->evidence.joint = reading->scores;
    reading->evidence.heard = reading->scores + num_classes;
    reading->evidence.seen = reading->scores + 2 * (size_t)num_classes;
    reading->evidence.align_audio = reading->scores + num;
    reading->evidence.align_visual = reading->scores + num + TYTO_CMAN_MAX_SEGMENTS;
    return TYTO_OK;
}

void tyto_reading_finish(struct tyto_reading *reading)
{
    free(reading->scores);
    *reading = (struct tyto_reading){0};
}

static float sigmoid(float x)
{
    return 1.f / (1.f + expf(-x));
}

static void take_scores(struct tyto_reading *reading, const struct tyto_cman_dims *dims,
                        const float *logits)
{
    const uint32_t num = dims->num_classes;
    reading->evidence.has_heard_seen = dims->head == TYTO_HEAD_MULTI_LABEL;
    if (reading->evidence.has_heard_seen) {
        for (uint32_t i = 0; i < 3 * num; i++)
            reading->scores[i] = sigmoid(logits[i]);
        return;
    }
    float max = logits[0];
    for (uint32_t i = 1; i < dims->num_logits; i++)
        max = fmaxf(max, logits[i]);
    float sum = 0;
    for (uint32_t i = 0; i < dims->num_logits; i++)
        sum += expf(logits[i] - max);
    for (uint32_t i = 0; i < num; i++)
        reading->scores[i] = expf(logits[i] - max) / sum;
    memset(reading->scores + num, 0, 2 * (size_t)num * sizeof(float));
}

/* The connected cells around the peak that reach the level. */
static void take_box(struct tyto_reading *reading, const float *place, uint32_t peak_idx,
                     float level)
{
    const uint32_t rows = reading->evidence.place.rows, cols = reading->evidence.place.cols;
    bool in[TYTO_PLACE_MAX_SIDE * TYTO_PLACE_MAX_SIDE] = {false};
    in[peak_idx] = true;
    for (bool grew = true; grew;) { /* at most rows * cols rounds */
        grew = false;
        for (uint32_t i = 0; i < rows * cols; i++) {
            if (in[i] || place[i] < level)
                continue;
            const uint32_t y = i / cols, x = i % cols;
            if ((x > 0 && in[i - 1]) || (x + 1 < cols && in[i + 1]) || (y > 0 && in[i - cols]) ||
                (y + 1 < rows && in[i + cols]))
                in[i] = grew = true;
        }
    }
    uint32_t x0 = cols, y0 = rows, x1 = 0, y1 = 0;
    for (uint32_t i = 0; i < rows * cols; i++) {
        const uint32_t y = i / cols, x = i % cols;
        if (!in[i])
            continue;
        x0 = x < x0 ? x : x0;
        y0 = y < y0 ? y : y0;
        x1 = x + 1 > x1 ? x + 1 : x1;
        y1 = y + 1 > y1 ? y + 1 : y1;
    }
    reading->evidence.has_box = true;
    reading->evidence.box = (struct tyto_box){
        .x0 = (float)x0 / (float)cols,
        .y0 = (float)y0 / (float)rows,
        .x1 = (float)x1 / (float)cols,
        .y1 = (float)y1 / (float)rows,
    };
}

/* The map over the picture, whose values sum to 1; false when there is none. */
static bool map_of(const struct tyto_sight *sight, const float *places,
                   float ret_map[TYTO_PLACE_MAX_SIDE * TYTO_PLACE_MAX_SIDE])
{
    const struct tyto_picture_fit *fit = &sight->fit;
    const uint32_t num = sight->rows * sight->cols;
    float sum = 0;
    for (uint32_t i = 0; i < num; i++)
        if (!isfinite(places[i]) || places[i] < 0)
            return false;
    if (fit->width >= 1.f && fit->height >= 1.f) {
        memcpy(ret_map, places, num * sizeof(*places));
        return true;
    }
    tyto_sight_map(fit, sight->rows, sight->cols, places, ret_map);
    for (uint32_t i = 0; i < num; i++)
        sum += ret_map[i];
    for (uint32_t i = 0; i < num && sum > 0; i++)
        ret_map[i] /= sum;
    return sum > 0;
}

/* Takes away what lies in the masks, for at least half of a cell; false when nothing is left. */
static bool hide(const struct tyto_sight *sight,
                 float place[TYTO_PLACE_MAX_SIDE * TYTO_PLACE_MAX_SIDE])
{
    uint8_t hidden[TYTO_PLACE_MAX_SIDE * TYTO_PLACE_MAX_SIDE];
    const uint32_t num = sight->rows * sight->cols;
    float sum = 0;
    tyto_mask_cells(sight->masks, sight->num_masks, sight->rows, sight->cols, 0.5, hidden);
    for (uint32_t i = 0; i < num; i++) {
        place[i] = hidden[i] ? 0 : place[i];
        sum += place[i];
    }
    for (uint32_t i = 0; i < num && sum > 0; i++)
        place[i] /= sum;
    return sum > 0;
}

static void take_place(struct tyto_reading *reading, uint32_t num_places, const float *places,
                       const struct tyto_sight *sight)
{
    const uint32_t num = sight->rows * sight->cols;
    float place[TYTO_PLACE_MAX_SIDE * TYTO_PLACE_MAX_SIDE];
    if (num == 0 || num != num_places || sight->rows > TYTO_PLACE_MAX_SIDE ||
        sight->cols > TYTO_PLACE_MAX_SIDE || !map_of(sight, places, place))
        return;
    if (sight->num_masks > 0 && !hide(sight, place))
        return;
    uint32_t peak_idx = 0;
    for (uint32_t i = 0; i < num; i++)
        if (place[i] > place[peak_idx])
            peak_idx = i;
    const float peak = place[peak_idx];
    if (!(peak > 0))
        return;
    reading->evidence.place.rows = sight->rows;
    reading->evidence.place.cols = sight->cols;
    reading->evidence.place.peak = peak > 1 ? 1 : peak;
    for (uint32_t i = 0; i < num; i++)
        reading->evidence.place.cells[i] = (uint8_t)(place[i] / peak * 255.f + 0.5f);
    const float even = 1.f / (float)num;
    if (peak >= BOX_MIN_PEAK * even)
        take_box(reading, place, peak_idx, even + BOX_LEVEL * (peak - even));
}

/* Centre of mass of one row of alignment; false when it is too even to mean anything. */
static bool centre_of(const float *row, uint32_t num, float *ret_centre)
{
    float sum = 0, moment = 0, peak = 0;
    for (uint32_t i = 0; i < num; i++) {
        sum += row[i];
        moment += row[i] * (float)i;
        peak = fmaxf(peak, row[i]);
    }
    if (!(sum > 0) || !isfinite(sum) || peak * (float)num < ALIGN_MIN_PEAK * sum)
        return false;
    *ret_centre = moment / sum;
    return true;
}

static void take_alignment(struct tyto_reading *reading, const struct tyto_cman_dims *dims,
                           const struct tyto_cman_result *result, uint32_t pos_idx)
{
    const size_t row = (size_t)pos_idx * dims->num_segments;
    const size_t bytes = result->num_valid * sizeof(float);
    float *audio = reading->scores + 3 * (size_t)dims->num_classes;
    memcpy(audio, result->align_audio + row, bytes);
    memcpy(audio + TYTO_CMAN_MAX_SEGMENTS, result->align_visual + row, bytes);
    reading->evidence.num_align = result->num_valid;
    reading->evidence.align_own = pos_idx;
}

void tyto_reading_take(struct tyto_reading *reading, const struct tyto_reader *reader,
                       const struct tyto_cman_result *result, uint32_t pos_idx, bool has_audio,
                       bool has_video, const struct tyto_sight *sight)
{
    const struct tyto_cman_dims *dims = reader->dims;
    reading->evidence.has_audio = has_audio;
    reading->evidence.has_video = has_video;
    take_scores(reading, dims, result->logits + (size_t)pos_idx * dims->num_logits);

    /* 1 - beta of a stream is what it takes from the other one. */
    float visual = has_video ? 1 - result->beta_audio[pos_idx] : 0;
    float audio = has_audio ? 1 - result->beta_visual[pos_idx] : 0;
    if (!isfinite(visual) || visual < 0)
        visual = 0;
    if (!isfinite(audio) || audio < 0)
        audio = 0;
    const float sum = audio + visual;
    reading->evidence.weight_audio = sum > 0                  ? audio / sum
                                     : has_audio == has_video ? 0.5f
                                                              : (float)has_audio;
    reading->evidence.weight_visual = 1 - reading->evidence.weight_audio;

    reading->evidence.place = (struct tyto_place_map){0};
    reading->evidence.has_box = false;
    reading->evidence.has_av_offset = false;
    reading->evidence.num_align = 0;
    if (!has_audio || !has_video) /* where needs a sound to look for */
        return;
    take_place(reading, dims->num_places, result->place + (size_t)pos_idx * dims->num_places,
               sight);
    take_alignment(reading, dims, result, pos_idx);
    /* Sound that lags finds its picture in earlier segments, the picture its
     * sound in later ones; what both share is the window's edge, not an offset. */
    float from_audio, from_visual;
    if (centre_of(result->align_audio + (size_t)pos_idx * dims->num_segments, result->num_valid,
                  &from_audio) &&
        centre_of(result->align_visual + (size_t)pos_idx * dims->num_segments, result->num_valid,
                  &from_visual)) {
        reading->evidence.has_av_offset = true;
        reading->evidence.av_offset_ms =
            (from_visual - from_audio) / 2 * (float)reader->hop_ns / 1e6f;
    }
}
