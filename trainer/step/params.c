/* SPDX-License-Identifier: MIT */
#include "trainer/step/params.h"

#include <stdlib.h>
#include <string.h>

static uint32_t num_blocks(uint32_t size, uint32_t block)
{
    return (size + block - 1) / block;
}

static void place(struct tyto_params_layout *layout, uint32_t idx)
{
    struct tyto_params_slot *slot = &layout->slots[idx];

    slot->at = layout->num;
    layout->num += (uint64_t)num_blocks(slot->rows, slot->row_block) * slot->padded_row_block *
                   slot->padded_cols;
    layout->num = (layout->num + 3) / 4 * 4;
}

/* What the slots hold; where they lie comes after. */
static void describe(struct tyto_params_layout *layout)
{
    struct tyto_cman_tensor_info infos[TYTO_CMAN_NUM_TENSORS];
    const uint32_t hidden = layout->dims.hidden_width;

    tyto_cman_list_tensors(&layout->dims, infos);
    for (uint32_t i = 0; i < TYTO_CMAN_NUM_TENSORS; i++) {
        struct tyto_params_slot *slot = &layout->slots[i];

        slot->rows = infos[i].rows;
        slot->cols = infos[i].cols > 0 ? infos[i].cols : 1;
        slot->row_block = slot->rows;
        slot->col_block = slot->cols;
        if ((infos[i].part == TYTO_CMAN_PART_ADAPT_AUDIO && !layout->adapt[TYTO_CMAN_AUDIO]) ||
            (infos[i].part == TYTO_CMAN_PART_ADAPT_VISUAL && !layout->adapt[TYTO_CMAN_VISUAL]) ||
            (infos[i].part == TYTO_CMAN_PART_SKIP && !layout->skip))
            slot->rows = 0;
    }
    for (uint32_t s = 0; s < TYTO_CMAN_NUM_STREAMS; s++) {
        layout->slots[tyto_cman_tensor_of(TYTO_CMAN_LSTM_AUDIO_INPUT, s)].row_block = hidden;
        layout->slots[tyto_cman_tensor_of(TYTO_CMAN_LSTM_AUDIO_HIDDEN, s)].row_block = hidden;
        layout->slots[tyto_cman_tensor_of(TYTO_CMAN_LSTM_AUDIO_BIAS, s)].row_block = hidden;
    }
    layout->slots[TYTO_CMAN_HEAD_0_WEIGHT].col_block = hidden;
    for (uint32_t i = 0; i < TYTO_CMAN_NUM_TENSORS; i++) {
        struct tyto_params_slot *slot = &layout->slots[i];

        slot->padded_row_block = tyto_cman_pad(slot->row_block);
        slot->padded_col_block = slot->cols > 1 ? tyto_cman_pad(slot->col_block) : 1;
        slot->padded_cols = num_blocks(slot->cols, slot->col_block) * slot->padded_col_block;
    }
}

/* Order matters: step.c reads q, k, v as one matrix, the LSTM's and the other stream's input
 * maps as one, hidden and gate_h as one, and the biases of the second. */
static void place_stream(struct tyto_params_layout *layout, uint32_t s)
{
    static const enum tyto_cman_tensor before[] = {
        TYTO_CMAN_WHEN_AUDIO_Q, TYTO_CMAN_WHEN_AUDIO_K, TYTO_CMAN_WHEN_AUDIO_V,
        TYTO_CMAN_LSTM_AUDIO_INPUT, TYTO_CMAN_LSTM_AUDIO_GATE_X};
    static const enum tyto_cman_tensor after[] = {
        TYTO_CMAN_LSTM_AUDIO_HIDDEN, TYTO_CMAN_LSTM_AUDIO_GATE_H, TYTO_CMAN_WHICH_AUDIO_A,
        TYTO_CMAN_WHICH_AUDIO_G,     TYTO_CMAN_WHICH_AUDIO_S,     TYTO_CMAN_WHICH_AUDIO_H};

    for (uint32_t i = 0; i < sizeof(before) / sizeof(*before); i++)
        place(layout, tyto_cman_tensor_of(before[i], s));
    place(layout, tyto_cman_tensor_of(TYTO_CMAN_WHICH_AUDIO_OTHER_WEIGHT, 1 - s));
    place(layout, tyto_cman_tensor_of(TYTO_CMAN_LSTM_AUDIO_BIAS, s));
    layout->num += layout->widths.hidden; /* the sentinel's gate has no bias: always 0 */
    place(layout, tyto_cman_tensor_of(TYTO_CMAN_WHICH_AUDIO_OTHER_BIAS, 1 - s));
    for (uint32_t i = 0; i < sizeof(after) / sizeof(*after); i++)
        place(layout, tyto_cman_tensor_of(after[i], s));
}

enum tyto_err tyto_params_layout_init(const struct tyto_cman_dims *dims,
                                      const bool adapt[TYTO_CMAN_NUM_STREAMS], bool skip,
                                      struct tyto_params_layout *ret_layout)
{
    struct tyto_params_layout layout = {
        .dims = *dims,
        .widths = tyto_cman_pad_widths(dims),
        .adapt = {adapt[TYTO_CMAN_AUDIO], adapt[TYTO_CMAN_VISUAL]},
        .skip = skip,
    };

    if (dims->audio_in % 4 != 0 || dims->visual_in % 4 != 0 || dims->hidden_width == 0 ||
        (!adapt[TYTO_CMAN_AUDIO] && dims->audio_in != dims->audio_width) ||
        (!adapt[TYTO_CMAN_VISUAL] && dims->visual_in != dims->visual_width))
        return TYTO_ERR_SHAPE;
    describe(&layout);
    for (uint32_t i = TYTO_CMAN_ADAPT_AUDIO_WEIGHT; i <= TYTO_CMAN_WHERE_SCALE; i++)
        place(&layout, i);
    for (uint32_t s = 0; s < TYTO_CMAN_NUM_STREAMS; s++)
        place_stream(&layout, s);
    for (uint32_t i = TYTO_CMAN_HEAD_0_WEIGHT; i <= TYTO_CMAN_SKIP_VISUAL; i++)
        place(&layout, i);
    layout.tune_weight = layout.tune_bias = layout.num;
    *ret_layout = layout;
    return TYTO_OK;
}

enum tyto_err tyto_params_layout_tune(struct tyto_params_layout *layout, uint32_t in)
{
    if (in == 0 || in % 4 != 0 || !layout->adapt[TYTO_CMAN_VISUAL] || layout->tune_in > 0)
        return TYTO_ERR_SHAPE;
    layout->tune_in = in;
    layout->tune_weight = (layout->num + 63) / 64 * 64; /* where a bind may begin on any device */
    layout->tune_bias = layout->tune_weight + (uint64_t)layout->dims.visual_in * in;
    layout->num = layout->tune_bias + layout->dims.visual_in;
    return TYTO_OK;
}

static uint64_t padded_at(const struct tyto_params_slot *slot, uint32_t row, uint32_t col)
{
    const uint64_t r =
        (uint64_t)(row / slot->row_block) * slot->padded_row_block + row % slot->row_block;
    const uint64_t c =
        (uint64_t)(col / slot->col_block) * slot->padded_col_block + col % slot->col_block;

    return slot->at + r * slot->padded_cols + c;
}

void tyto_params_put(const struct tyto_params_layout *layout, float *const *tensors,
                     float *ret_values)
{
    memset(ret_values, 0, layout->tune_weight * sizeof(*ret_values));
    for (uint32_t i = 0; i < TYTO_CMAN_NUM_TENSORS; i++) {
        const struct tyto_params_slot *slot = &layout->slots[i];

        for (uint32_t r = 0; tensors[i] && r < slot->rows; r++)
            for (uint32_t c = 0; c < slot->cols; c++)
                ret_values[padded_at(slot, r, c)] = tensors[i][(size_t)r * slot->cols + c];
    }
}

void tyto_params_take(const struct tyto_params_layout *layout, const float *values,
                      float *const *ret_tensors)
{
    for (uint32_t i = 0; i < TYTO_CMAN_NUM_TENSORS; i++) {
        const struct tyto_params_slot *slot = &layout->slots[i];

        for (uint32_t r = 0; ret_tensors[i] && r < slot->rows; r++)
            for (uint32_t c = 0; c < slot->cols; c++)
                ret_tensors[i][(size_t)r * slot->cols + c] = values[padded_at(slot, r, c)];
    }
}

enum tyto_err tyto_params_make_tensors(const struct tyto_params_layout *layout,
                                       float *ret_tensors[TYTO_CMAN_NUM_TENSORS])
{
    for (uint32_t i = 0; i < TYTO_CMAN_NUM_TENSORS; i++) {
        const struct tyto_params_slot *slot = &layout->slots[i];

        if (slot->rows == 0)
            continue;
        ret_tensors[i] = calloc((size_t)slot->rows * slot->cols, sizeof(float));
        if (!ret_tensors[i])
            return TYTO_ERR_NOMEM;
    }
    return TYTO_OK;
}

void tyto_params_free_tensors(float *tensors[TYTO_CMAN_NUM_TENSORS])
{
    for (uint32_t i = 0; i < TYTO_CMAN_NUM_TENSORS; i++)
        free(tensors[i]);
}
