/* SPDX-License-Identifier: MIT */
/* The executors behind one interface: Vulkan against the reference runner and
 * against the CPU executor on graphs drawn at random; how a graph becomes steps and
 * slots; how windows become one taller input. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "model/encoder/encoder.h"
#include "model/executor/memory.h"
#include "model/graph/ref.h"
#include "model/graph/stretch.h"
#include "tests/unit/model/random_graph.h"

enum { MAX_BATCH = 3, NUM_ROUNDS_OP = 8, NUM_ROUNDS_GRAPH = 30 };

static struct tyto_gpu *gpu;

static int open_gpu(void **state)
{
    const char *require = getenv("TYTO_REQUIRE_GPU");
    const struct tyto_gpu_params params = {.device = getenv("TYTO_DEVICE"), .validate = true};
    (void)state;
    random_graph_init(11);
    const enum tyto_err err = tyto_gpu_create(&params, &gpu);
    if (err == TYTO_ERR_NO_DEVICE && !(require && strcmp(require, "1") == 0)) {
        printf("SKIP: %s\n", tyto_err_text(err));
        exit(77);
    }
    return err ? 1 : 0;
}

static int close_gpu(void **state)
{
    (void)state;
    const uint64_t num_messages = tyto_gpu_num_validation_messages(gpu);
    tyto_gpu_destroy(&gpu);
    return num_messages != 0;
}

static size_t num_floats(const struct tyto_value *value)
{
    return (size_t)tyto_value_num_floats(value);
}

/* Output o of the first `batch` rows. */
static void assert_output_agrees(const struct tyto_executor *exec, const struct tyto_graph *graph,
                                 const float *rows, uint32_t batch, uint32_t o)
{
    struct tyto_graph one = *graph; /* the reference gives this output alone */
    one.out_idx = tyto_graph_out(graph, o);
    one.num_more_outs = 0;
    const size_t num_in = num_floats(&graph->values[0]);
    const size_t num_out = num_floats(&graph->values[one.out_idx]);
    float *got = calloc(batch * num_out, sizeof(*got));
    double *want = calloc(num_out, sizeof(*want));
    assert_true(got && want);
    assert_int_equal(
        tyto_buf_read(tyto_executor_output_at(exec, o), 0, got, batch * num_out * sizeof(*got)),
        TYTO_OK);
    for (uint32_t b = 0; b < batch; b++) {
        assert_int_equal(tyto_graph_ref_run(&one, rows + b * num_in, want), TYTO_OK);
        for (size_t i = 0; i < num_out; i++) {
            const double value = (double)got[b * num_out + i];
            if (!(fabs(value - want[i]) <= 5e-5 * (1 + fabs(want[i]))))
                fail_msg("last op %s, output %u, batch %u of %u, element %zu: %g, reference %g",
                         tyto_layer_op_name(graph->layers[graph->num_layers - 1].op), o, b, batch,
                         i, value, want[i]);
        }
    }
    free(got);
    free(want);
}

/* Both executors on the same rows, each against the reference. */
static void assert_agrees(const struct tyto_graph *graph, enum tyto_exec kind)
{
    char text[256] = "";
    if (tyto_graph_check(graph, text, sizeof(text)))
        fail_msg("%s", text);
    const size_t num_in = num_floats(&graph->values[0]);
    float *rows = calloc(num_in * MAX_BATCH, sizeof(*rows));
    assert_non_null(rows);
    for (size_t i = 0; i < num_in * MAX_BATCH; i++)
        rows[i] = (float)drand48() * 4 - 2;

    const struct tyto_executor_params params = {
        .graph = graph, .gpu = gpu, .exec = kind, .max_batch = MAX_BATCH, .num_threads = 1};
    struct tyto_executor *exec = NULL;
    assert_int_equal(tyto_executor_create(&params, &exec), TYTO_OK);
    assert_int_equal(tyto_executor_kind(exec), kind);
    assert_int_equal(tyto_executor_run(exec, 0), TYTO_ERR_INVALID);
    assert_int_equal(tyto_executor_run(exec, MAX_BATCH + 1), TYTO_ERR_INVALID);
    struct tyto_buf *in = tyto_executor_input(exec);
    for (uint32_t batch = MAX_BATCH; batch >= 1; batch--) {
        assert_int_equal(tyto_buf_write(in, 0, rows, batch * num_in * sizeof(*rows)), TYTO_OK);
        assert_int_equal(tyto_executor_run(exec, batch), TYTO_OK);
        for (uint32_t o = 0; o < tyto_graph_num_outs(graph); o++)
            assert_output_agrees(exec, graph, rows, batch, o);
    }
    tyto_executor_destroy(&exec);
    assert_null(exec);
    free(rows);
}

static void each_op_on_vulkan_agrees_with_the_reference(void **state)
{
    (void)state;
    for (int op = 0; op < TYTO_LAYER_NUM_OPS; op++)
        for (int round = 0; round < NUM_ROUNDS_OP; round++) {
            struct tyto_graph graph = {.num_values = 1};
            graph.values[0] = (struct tyto_value){
                1 + random_graph_draw(9), 1 + random_graph_draw(9), 1 + random_graph_draw(17)};
            if (random_graph_append(&graph, (enum tyto_layer_op)op, 0))
                assert_agrees(&graph, TYTO_EXEC_VULKAN);
        }
}

static void draw_graph(struct tyto_graph *graph)
{
    *graph = (struct tyto_graph){.num_values = 1};
    graph->values[0] = (struct tyto_value){4 + random_graph_draw(12), 4 + random_graph_draw(12),
                                           1 + random_graph_draw(8)};
    for (uint32_t i = 0; i < 8; i++) {
        const uint32_t op = random_graph_draw(TYTO_LAYER_NUM_OPS);
        const uint32_t from =
            random_graph_draw(2) ? graph->num_values - 1 : random_graph_draw(graph->num_values);
        (void)random_graph_append(graph, (enum tyto_layer_op)op, from);
    }
    random_graph_more_outs(graph);
}

static void random_graphs_on_both_executors_agree_with_the_reference(void **state)
{
    (void)state;
    for (int round = 0; round < NUM_ROUNDS_GRAPH; round++) {
        struct tyto_graph graph;
        draw_graph(&graph);
        if (graph.num_layers == 0)
            continue;
        assert_agrees(&graph, TYTO_EXEC_VULKAN);
        assert_agrees(&graph, TYTO_EXEC_CPU);
    }
}

/* No step may write into memory whose value is still to be read. */
static void slots_are_never_shared_by_living_values(void **state)
{
    static struct tyto_graph_plan plan;
    (void)state;
    for (int round = 0; round < 2000; round++) {
        struct tyto_graph graph;
        uint32_t holds[TYTO_GRAPH_MAX_VALUES + 1]; /* the value in each slot */
        draw_graph(&graph);
        if (graph.num_layers == 0)
            continue;
        tyto_graph_plan_make(&graph, &plan);
        memset(holds, 0xff, sizeof(holds));
        holds[plan.slot_of[0]] = 0;
        for (uint32_t s = 0; s < plan.num_steps; s++) {
            const struct tyto_exec_step *step = &plan.steps[s];
            const uint32_t out_slot = plan.slot_of[step->out_idx];
            const struct tyto_layer *layer = &graph.layers[step->layer_idx];
            for (uint32_t i = 0; i < layer->num_ins; i++) {
                assert_int_equal(holds[plan.slot_of[layer->in_idx[i]]], layer->in_idx[i]);
                assert_int_not_equal(out_slot, plan.slot_of[layer->in_idx[i]]);
            }
            assert_int_equal(holds[plan.slot_of[step->in_idx]], step->in_idx);
            assert_int_not_equal(out_slot, plan.slot_of[step->in_idx]);
            if (step->residual_idx != TYTO_NO_VALUE) {
                assert_int_equal(holds[plan.slot_of[step->residual_idx]], step->residual_idx);
                assert_int_not_equal(out_slot, plan.slot_of[step->residual_idx]);
            }
            assert_true(plan.slot_floats[out_slot] >=
                        tyto_value_num_floats(&graph.values[step->out_idx]));
            holds[out_slot] = step->out_idx;
        }
        for (uint32_t o = 0; o < tyto_graph_num_outs(&graph); o++)
            assert_int_equal(holds[plan.slot_of[tyto_graph_out(&graph, o)]],
                             tyto_graph_out(&graph, o));
        assert_int_equal(holds[plan.slot_of[0]], 0);
    }
}

/* Whether each float of a value is still that value's. */
static bool is_whole(const uint32_t *owners, const struct tyto_block_plan *plan,
                     const struct tyto_graph *graph, uint32_t value_idx, uint32_t batch)
{
    const uint64_t num = tyto_value_num_floats(&graph->values[value_idx]) * batch;
    for (uint64_t i = 0; i < num; i++)
        if (owners[plan->offsets[value_idx] + i] != value_idx)
            return false;
    return true;
}

static void in_one_block_nothing_is_overwritten_before_it_was_read(void **state)
{
    (void)state;
    uint64_t num_shared = 0, num_apart = 0;
    for (int round = 0; round < 300; round++) {
        const uint32_t batch = 1 + random_graph_draw(3);
        struct tyto_block_plan plan;
        struct tyto_graph graph;
        draw_graph(&graph);
        if (graph.num_layers == 0)
            continue;
        tyto_block_plan_make(&graph, batch, 16, &plan);
        uint32_t *owners = malloc(plan.num_floats * sizeof(*owners));
        assert_non_null(owners);
        for (uint32_t l = 0; l <= graph.num_layers; l++) { /* at first the input is written */
            const struct tyto_layer *layer = l > 0 ? &graph.layers[l - 1] : NULL;
            const uint32_t out = layer ? layer->out_idx : 0;
            const uint64_t num = tyto_value_num_floats(&graph.values[out]) * batch;
            assert_int_equal(plan.offsets[out] % 16, 0);
            assert_true(plan.offsets[out] + num <= plan.num_floats);
            for (uint64_t i = 0; i < num; i++)
                owners[plan.offsets[out] + i] = out;
            for (uint32_t i = 0; layer && i < tyto_layer_num_inputs(layer); i++)
                assert_true(is_whole(owners, &plan, &graph, layer->in_idx[i], batch));
            num_apart += num;
        }
        for (uint32_t o = 0; o < tyto_graph_num_outs(&graph); o++)
            assert_true(is_whole(owners, &plan, &graph, tyto_graph_out(&graph, o), batch));
        num_shared += plan.num_floats;
        free(owners);
    }
    assert_true(num_shared < num_apart); /* and places are used again */
}

static void a_sum_goes_into_the_convolution_before_it(void **state)
{
    static struct tyto_graph_plan plan;
    struct tyto_graph graph = {.num_values = 3, .num_layers = 2, .out_idx = 2};
    (void)state;
    for (int i = 0; i < 3; i++)
        graph.values[i] = (struct tyto_value){5, 4, 3};
    graph.layers[0] = (struct tyto_layer){.op = TYTO_LAYER_CONV,
                                          .out_idx = 1,
                                          .kernel_h = 1,
                                          .kernel_w = 1,
                                          .stride_h = 1,
                                          .stride_w = 1,
                                          .weight = random_graph_pool,
                                          .bias = random_graph_pool};
    graph.layers[1] = (struct tyto_layer){
        .op = TYTO_LAYER_ADD, .in_idx = {1, 0}, .out_idx = 2, .act = TYTO_ACT_RELU};
    tyto_graph_plan_make(&graph, &plan);
    assert_int_equal(plan.num_steps, 1);
    assert_int_equal(plan.steps[0].residual_idx, 0);
    assert_int_equal(plan.steps[0].act, TYTO_ACT_RELU);
    assert_agrees(&graph, TYTO_EXEC_VULKAN);

    /* Not when something happens between the two, or somebody else wants the first. */
    graph.layers[0].act = TYTO_ACT_TANH;
    tyto_graph_plan_make(&graph, &plan);
    assert_int_equal(plan.num_steps, 2);
    assert_agrees(&graph, TYTO_EXEC_VULKAN);
    graph.layers[0].act = TYTO_ACT_NONE;
    graph.layers[1].in_idx[1] = 1;
    tyto_graph_plan_make(&graph, &plan);
    assert_int_equal(plan.num_steps, 2);
    assert_agrees(&graph, TYTO_EXEC_VULKAN);
}

/* A mean, two layers behind it, and their factors for every place (Hu et al., CVPR 2018). */
static void places_are_weighed_by_factors_that_come_of_them(void **state)
{
    static const uint32_t channels[] = {13, 1, 8};
    (void)state;
    for (size_t i = 0; i < sizeof(channels) / sizeof(channels[0]); i++) {
        struct tyto_graph graph = {.num_values = 5, .num_layers = 4, .out_idx = 4}, tall;
        const uint32_t c = channels[i];
        graph.values[0] = graph.values[4] = (struct tyto_value){7, 5, c};
        graph.values[1] = graph.values[3] = (struct tyto_value){1, 1, c};
        graph.values[2] = (struct tyto_value){1, 1, 4};
        graph.layers[0] = (struct tyto_layer){.op = TYTO_LAYER_MEAN, .out_idx = 1};
        for (uint32_t l = 1; l < 3; l++)
            graph.layers[l] = (struct tyto_layer){.op = TYTO_LAYER_LINEAR,
                                                  .in_idx = {l},
                                                  .out_idx = l + 1,
                                                  .act = l == 1 ? TYTO_ACT_RELU : TYTO_ACT_SIGMOID,
                                                  .weight = random_graph_pool,
                                                  .bias = random_graph_pool + 100};
        graph.layers[3] = (struct tyto_layer){.op = TYTO_LAYER_MUL,
                                              .in_idx = {0, 3},
                                              .out_idx = 4,
                                              .act = TYTO_ACT_HARD_SWISH,
                                              .has_clamp_min = true,
                                              .clamp_min = -0.2f};
        for (uint32_t more = 0; more < 2; more++) {
            graph.num_more_outs = more; /* the factors are wanted, too */
            graph.more_outs[0] = 3;
            assert_agrees(&graph, TYTO_EXEC_VULKAN);
            assert_agrees(&graph, TYTO_EXEC_CPU);
        }
        graph.num_more_outs = 0;
        assert_false(tyto_graph_stretch(&graph, 2, 1, &tall));
    }
}

/* Rows 3 apart of a network with strides 1 and 3, against one run per window. */
static void windows_are_rows_of_a_taller_input(void **state)
{
    enum { WINDOWS = 4, HOP = 3, ROWS = 8, COLS = 2 };
    struct tyto_graph graph = {.num_values = 3, .num_layers = 2, .out_idx = 2}, tall;
    float in[(ROWS + HOP * (WINDOWS - 1)) * COLS];
    double want[5], got[5 * WINDOWS];
    (void)state;
    graph.values[0] = (struct tyto_value){ROWS, COLS, 1};
    graph.values[1] = (struct tyto_value){2, 2, 4};
    graph.values[2] = (struct tyto_value){1, 1, 5};
    graph.layers[0] = (struct tyto_layer){.op = TYTO_LAYER_CONV,
                                          .out_idx = 1,
                                          .kernel_h = 5,
                                          .kernel_w = 1,
                                          .stride_h = 3,
                                          .stride_w = 1,
                                          .weight = random_graph_pool,
                                          .bias = random_graph_pool + 100};
    graph.layers[1] = (struct tyto_layer){.op = TYTO_LAYER_CONV,
                                          .in_idx = {1},
                                          .out_idx = 2,
                                          .kernel_h = 2,
                                          .kernel_w = 2,
                                          .stride_h = 1,
                                          .stride_w = 1,
                                          .weight = random_graph_pool + 200,
                                          .bias = random_graph_pool};
    for (size_t i = 0; i < sizeof(in) / sizeof(in[0]); i++)
        in[i] = (float)drand48();
    assert_true(tyto_graph_stretch(&graph, WINDOWS, HOP, &tall));
    assert_int_equal(tall.values[0].h, ROWS + HOP * (WINDOWS - 1));
    assert_int_equal(tall.values[2].h, WINDOWS);
    assert_int_equal(tyto_graph_ref_run(&tall, in, got), TYTO_OK);
    for (int w = 0; w < WINDOWS; w++) {
        assert_int_equal(tyto_graph_ref_run(&graph, in + w * HOP * COLS, want), TYTO_OK);
        for (int c = 0; c < 5; c++)
            assert_true(fabs(want[c] - got[5 * w + c]) < 1e-12);
    }

    assert_false(tyto_graph_stretch(&graph, WINDOWS, 2, &tall)); /* strides multiply to 3 */
    assert_false(tyto_graph_stretch(&graph, WINDOWS, 6, &tall));
    assert_false(tyto_graph_stretch(&graph, 0, 3, &tall));
    graph.layers[0].pad_top = 1;
    graph.values[0].h = ROWS - 1;
    assert_false(tyto_graph_stretch(&graph, WINDOWS, HOP, &tall));
    graph.layers[0].pad_top = 0;
    graph.values[0].h = ROWS;
    graph.layers[1].op = TYTO_LAYER_LINEAR;
    assert_false(tyto_graph_stretch(&graph, WINDOWS, HOP, &tall));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(slots_are_never_shared_by_living_values),
        cmocka_unit_test(in_one_block_nothing_is_overwritten_before_it_was_read),
        cmocka_unit_test(a_sum_goes_into_the_convolution_before_it),
        cmocka_unit_test(windows_are_rows_of_a_taller_input),
        cmocka_unit_test(places_are_weighed_by_factors_that_come_of_them),
        cmocka_unit_test(each_op_on_vulkan_agrees_with_the_reference),
        cmocka_unit_test(random_graphs_on_both_executors_agree_with_the_reference),
    };
    return cmocka_run_group_tests(tests, open_gpu, close_gpu);
}
