/* SPDX-License-Identifier: MIT */
#include "model/executor/memory.h"

#include <string.h>

static uint32_t num_uses(const struct tyto_graph *graph, uint32_t value_idx)
{
    uint32_t num = tyto_graph_is_out(graph, value_idx) ? 1 : 0;

    for (uint32_t l = 0; l < graph->num_layers; l++)
        for (uint32_t i = 0; i < tyto_layer_num_inputs(&graph->layers[l]); i++)
            num += graph->layers[l].in_idx[i] == value_idx;
    return num;
}

/* The layer that writes a value; UINT32_MAX for the graph's input. */
static uint32_t maker_of(const struct tyto_graph *graph, uint32_t value_idx)
{
    for (uint32_t l = 0; l < graph->num_layers; l++)
        if (graph->layers[l].out_idx == value_idx)
            return l;
    return UINT32_MAX;
}

static bool can_take_sum(const struct tyto_graph *graph, uint32_t layer_idx, uint32_t other_idx)
{
    if (layer_idx == UINT32_MAX)
        return false;
    const struct tyto_layer *layer = &graph->layers[layer_idx];
    const uint32_t other_maker = maker_of(graph, other_idx);
    const bool plain = layer->act == TYTO_ACT_NONE && !layer->has_clamp_min;

    return plain && (layer->op == TYTO_LAYER_CONV || layer->op == TYTO_LAYER_LINEAR) &&
           num_uses(graph, layer->out_idx) == 1 &&
           (other_maker == UINT32_MAX || other_maker < layer_idx);
}

static struct tyto_exec_step step_of(const struct tyto_graph *graph, uint32_t layer_idx)
{
    const struct tyto_layer *layer = &graph->layers[layer_idx];

    return (struct tyto_exec_step){
        .layer_idx = layer_idx,
        .in_idx = layer->in_idx[0],
        .residual_idx = tyto_layer_is_binary(layer->op) ? layer->in_idx[1] : TYTO_NO_VALUE,
        .out_idx = layer->out_idx,
        .act = layer->act,
        .act_slope = layer->act_slope,
        .clamp_min = layer->clamp_min,
        .has_clamp_min = layer->has_clamp_min,
    };
}

/* Takes the sum `add` into the step of a layer before it, if one can. */
static bool take_sum(const struct tyto_graph *graph, struct tyto_graph_plan *plan,
                     const struct tyto_layer *add)
{
    for (uint32_t i = 0; i < 2; i++) {
        const uint32_t other_idx = add->in_idx[1 - i];
        const uint32_t maker = maker_of(graph, add->in_idx[i]);
        if (add->in_idx[0] == add->in_idx[1] || !can_take_sum(graph, maker, other_idx))
            continue;
        for (uint32_t s = 0; s < plan->num_steps; s++) {
            struct tyto_exec_step *step = &plan->steps[s];
            if (step->layer_idx != maker || step->residual_idx != TYTO_NO_VALUE)
                continue;
            step->residual_idx = other_idx;
            step->out_idx = add->out_idx;
            step->act = add->act;
            step->act_slope = add->act_slope;
            step->clamp_min = add->clamp_min;
            step->has_clamp_min = add->has_clamp_min;
            return true;
        }
    }
    return false;
}

/* --- lives ----------------------------------------------------------------------------------- */

/* Steps of a graph without slots yet; takes_sums: as tyto_graph_plan_make. */
static void make_steps(const struct tyto_graph *graph, bool takes_sums,
                       struct tyto_graph_plan *plan)
{
    plan->num_steps = plan->num_slots = 0;
    for (uint32_t l = 0; l < graph->num_layers; l++) {
        const struct tyto_layer *layer = &graph->layers[l];
        if (takes_sums && layer->op == TYTO_LAYER_ADD && take_sum(graph, plan, layer))
            continue;
        plan->steps[plan->num_steps++] = step_of(graph, l);
    }
}

static void find_lives(const struct tyto_graph *graph, struct tyto_graph_plan *plan)
{
    struct tyto_lives *lives = &plan->lives;

    memset(lives->born, 0xff, sizeof(lives->born));
    memset(lives->dies, 0, sizeof(lives->dies));
    lives->born[0] = 0;
    for (uint32_t s = 0; s < plan->num_steps; s++) {
        const struct tyto_exec_step *step = &plan->steps[s];
        const struct tyto_layer *layer = &graph->layers[step->layer_idx];
        lives->born[step->out_idx] = lives->dies[step->out_idx] = s + 1;
        lives->dies[step->in_idx] = s + 1;
        for (uint32_t i = 1; i < layer->num_ins; i++)
            lives->dies[layer->in_idx[i]] = s + 1;
        if (step->residual_idx != TYTO_NO_VALUE)
            lives->dies[step->residual_idx] = s + 1;
    }
    for (uint32_t i = 0; i < tyto_graph_num_outs(graph); i++)
        lives->dies[tyto_graph_out(graph, i)] = plan->num_steps + 1;
}

/* --- slots ----------------------------------------------------------------------------------- */

/* The smallest free slot that holds the value, else the largest free one, else a new one. */
static uint32_t pick_slot(struct tyto_graph_plan *plan, const bool *taken, uint64_t floats)
{
    uint32_t best = TYTO_NO_SLOT;

    for (uint32_t s = 0; s < plan->num_slots; s++) {
        if (taken[s])
            continue;
        if (best == TYTO_NO_SLOT) {
            best = s;
            continue;
        }
        const uint64_t size = plan->slot_floats[s], best_size = plan->slot_floats[best];
        const bool fits = size >= floats, best_fits = best_size >= floats;
        if ((fits && (!best_fits || size < best_size)) || (!fits && !best_fits && size > best_size))
            best = s;
    }
    if (best == TYTO_NO_SLOT) {
        best = plan->num_slots++;
        plan->slot_floats[best] = 0;
    }
    if (plan->slot_floats[best] < floats)
        plan->slot_floats[best] = floats;
    return best;
}

static void lay_values(const struct tyto_graph *graph, struct tyto_graph_plan *plan)
{
    bool taken[TYTO_GRAPH_MAX_VALUES + 1] = {false}, all_taken[TYTO_GRAPH_MAX_VALUES + 1];

    memset(all_taken, true, sizeof(all_taken));
    memset(plan->slot_of, 0xff, sizeof(plan->slot_of));
    plan->slot_of[0] = pick_slot(plan, taken, tyto_value_num_floats(&graph->values[0]));
    taken[plan->slot_of[0]] = true;
    for (uint32_t s = 1; s <= plan->num_steps; s++) {
        const uint32_t out = plan->steps[s - 1].out_idx;
        const uint64_t floats = tyto_value_num_floats(&graph->values[out]);
        /* An output gets a slot that nobody had before, so that it survives the run. */
        const bool is_out = tyto_graph_is_out(graph, out);
        plan->slot_of[out] = pick_slot(plan, is_out ? all_taken : taken, floats);
        taken[plan->slot_of[out]] = true;
        for (uint32_t v = 1; v < graph->num_values; v++)
            if (plan->slot_of[v] != TYTO_NO_SLOT && plan->lives.dies[v] == s)
                taken[plan->slot_of[v]] = false;
    }
}

void tyto_graph_plan_make(const struct tyto_graph *graph, struct tyto_graph_plan *ret_plan)
{
    make_steps(graph, true, ret_plan);
    find_lives(graph, ret_plan);
    lay_values(graph, ret_plan);
}

/* --- one block ---------------------------------------------------------------------------------
 */

struct block {
    const struct tyto_lives *lives;
    uint64_t sizes[TYTO_GRAPH_MAX_VALUES]; /* 0: the value is never made */
    bool placed[TYTO_GRAPH_MAX_VALUES];
    uint32_t num_values;
};

/* The lowest offset at which value idx meets no placed value that lives at the same time. */
static uint64_t find_place(const struct block *block, const uint64_t *offsets, uint32_t idx)
{
    const struct tyto_lives *lives = block->lives;
    uint64_t offset = 0;
    for (uint32_t i = 0; i < block->num_values; i++) {
        const bool alive_together =
            lives->born[i] <= lives->dies[idx] && lives->born[idx] <= lives->dies[i];
        if (!block->placed[i] || !alive_together || offsets[i] >= offset + block->sizes[idx] ||
            offsets[i] + block->sizes[i] <= offset)
            continue;
        offset = offsets[i] + block->sizes[i];
        i = UINT32_MAX; /* once more from the start; ends, since offset only grows */
    }
    return offset;
}

/* The largest value first. */
static void lay_block(struct block *block, struct tyto_block_plan *plan)
{
    for (;;) {
        uint32_t largest = UINT32_MAX;
        for (uint32_t i = 0; i < block->num_values; i++)
            if (!block->placed[i] && block->sizes[i] &&
                (largest == UINT32_MAX || block->sizes[i] > block->sizes[largest]))
                largest = i;
        if (largest == UINT32_MAX)
            return;
        plan->offsets[largest] = find_place(block, plan->offsets, largest);
        block->placed[largest] = true;
        const uint64_t end = plan->offsets[largest] + block->sizes[largest];
        if (end > plan->num_floats)
            plan->num_floats = end;
    }
}

void tyto_block_plan_make(const struct tyto_graph *graph, uint32_t batch, uint32_t align_floats,
                          struct tyto_block_plan *ret_plan)
{
    struct tyto_graph_plan steps;
    struct block block = {.lives = &steps.lives, .num_values = graph->num_values};

    make_steps(graph, false, &steps);
    find_lives(graph, &steps);
    for (uint32_t v = 0; v < graph->num_values; v++) {
        const uint64_t floats = tyto_value_num_floats(&graph->values[v]) * batch;
        if (steps.lives.born[v] != UINT32_MAX)
            block.sizes[v] = (floats + align_floats - 1) / align_floats * align_floats;
    }
    *ret_plan = (struct tyto_block_plan){0};
    lay_block(&block, ret_plan);
}
