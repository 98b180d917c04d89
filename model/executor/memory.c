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

static struct tyto_step step_of(const struct tyto_graph *graph, uint32_t layer_idx)
{
    const struct tyto_layer *layer = &graph->layers[layer_idx];

    return (struct tyto_step){
        .layer_idx = layer_idx,
        .in_idx = layer->in_idx[0],
        .residual_idx = layer->op == TYTO_LAYER_ADD ? layer->in_idx[1] : TYTO_NO_VALUE,
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
            struct tyto_step *step = &plan->steps[s];
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
    uint32_t last_use[TYTO_GRAPH_MAX_VALUES];
    bool taken[TYTO_GRAPH_MAX_VALUES + 1] = {false};

    memset(last_use, 0, sizeof(last_use));
    memset(plan->slot_of, 0xff, sizeof(plan->slot_of));
    for (uint32_t s = 0; s < plan->num_steps; s++) {
        const struct tyto_layer *layer = &graph->layers[plan->steps[s].layer_idx];
        last_use[plan->steps[s].in_idx] = s;
        for (uint32_t i = 1; i < layer->num_ins; i++)
            last_use[layer->in_idx[i]] = s;
        if (plan->steps[s].residual_idx != TYTO_NO_VALUE)
            last_use[plan->steps[s].residual_idx] = s;
    }
    last_use[0] = UINT32_MAX;
    for (uint32_t i = 0; i < tyto_graph_num_outs(graph); i++)
        last_use[tyto_graph_out(graph, i)] = UINT32_MAX;
    plan->slot_of[0] = pick_slot(plan, taken, tyto_value_num_floats(&graph->values[0]));
    taken[plan->slot_of[0]] = true;
    for (uint32_t s = 0; s < plan->num_steps; s++) {
        const struct tyto_step *step = &plan->steps[s];
        const uint64_t floats = tyto_value_num_floats(&graph->values[step->out_idx]);
        /* An output gets a slot that nobody had before, so that it survives the run. */
        bool all_taken[TYTO_GRAPH_MAX_VALUES + 1];
        memset(all_taken, true, sizeof(all_taken));
        const bool is_out = tyto_graph_is_out(graph, step->out_idx);
        const uint32_t slot = pick_slot(plan, is_out ? all_taken : taken, floats);
        plan->slot_of[step->out_idx] = slot;
        taken[slot] = true;
        for (uint32_t v = 0; v < graph->num_values; v++)
            if (plan->slot_of[v] != TYTO_NO_SLOT && last_use[v] == s)
                taken[plan->slot_of[v]] = false;
        /* A result that nobody reads is dropped at once, unless it is an output. */
        if (!is_out && last_use[step->out_idx] <= s)
            taken[slot] = false;
    }
}

void tyto_graph_plan_make(const struct tyto_graph *graph, struct tyto_graph_plan *ret_plan)
{
    ret_plan->num_steps = 0;
    ret_plan->num_slots = 0;
    for (uint32_t l = 0; l < graph->num_layers; l++) {
        const struct tyto_layer *layer = &graph->layers[l];
        if (layer->op == TYTO_LAYER_ADD && take_sum(graph, ret_plan, layer))
            continue;
        ret_plan->steps[ret_plan->num_steps++] = step_of(graph, l);
    }
    lay_values(graph, ret_plan);
}
