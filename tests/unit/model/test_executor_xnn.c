/* SPDX-License-Identifier: MIT */
/* The CPU executor against the reference runner, on graphs drawn at random and on
 * every op by itself; and what the graph check refuses. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "model/executor/xnnpack.h"
#include "model/graph/ref.h"
#include "tests/unit/model/random_graph.h"

enum { MAX_BATCH = 3 };

static int fill_pool(void **state)
{
    (void)state;
    random_graph_init(7);
    return 0;
}

static void assert_agrees(const struct tyto_graph *graph, uint32_t num_threads)
{
    char text[256] = "";
    if (tyto_graph_check(graph, text, sizeof(text)))
        fail_msg("%s", text);
    const size_t num_in = (size_t)tyto_value_num_floats(&graph->values[0]);
    const uint32_t num_outs = tyto_graph_num_outs(graph);
    size_t num_out[TYTO_GRAPH_MAX_OUTS];
    float *input = calloc(num_in * MAX_BATCH, sizeof(*input)), *outputs[TYTO_GRAPH_MAX_OUTS];
    double *want[TYTO_GRAPH_MAX_OUTS];
    for (uint32_t o = 0; o < num_outs; o++) {
        num_out[o] = (size_t)tyto_value_num_floats(&graph->values[tyto_graph_out(graph, o)]);
        outputs[o] = calloc(num_out[o] * MAX_BATCH, sizeof(float));
        want[o] = calloc(num_out[o], sizeof(double));
        assert_true(input && outputs[o] && want[o]);
    }
    for (size_t i = 0; i < num_in * MAX_BATCH; i++)
        input[i] = (float)drand48() * 4 - 2;
    struct tyto_executor_xnn *exec = NULL;
    assert_int_equal(tyto_executor_xnn_create(graph, MAX_BATCH, num_threads, &exec), TYTO_OK);
    assert_int_equal(tyto_executor_xnn_run(exec, input, outputs, MAX_BATCH + 1), TYTO_ERR_INVALID);
    for (uint32_t batch = MAX_BATCH; batch >= 1; batch--) {
        assert_int_equal(tyto_executor_xnn_run(exec, input, outputs, batch), TYTO_OK);
        for (uint32_t b = 0; b < batch; b++) {
            assert_int_equal(tyto_graph_ref_run_all(graph, input + b * num_in, want), TYTO_OK);
            for (uint32_t o = 0; o < num_outs; o++)
                for (size_t i = 0; i < num_out[o]; i++) {
                    const double got = (double)outputs[o][b * num_out[o] + i];
                    if (!(fabs(got - want[o][i]) <= 2e-5 * (1 + fabs(want[o][i]))))
                        fail_msg("last op %s, output %u, batch %u of %u, element %zu: %g, "
                                 "reference %g",
                                 tyto_layer_op_name(graph->layers[graph->num_layers - 1].op), o, b,
                                 batch, i, got, want[o][i]);
                }
        }
    }
    tyto_executor_xnn_destroy(&exec);
    assert_null(exec);
    free(input);
    for (uint32_t o = 0; o < num_outs; o++) {
        free(outputs[o]);
        free(want[o]);
    }
}

static void each_op_agrees_with_the_reference(void **state)
{
    (void)state;
    for (int op = 0; op < TYTO_LAYER_NUM_OPS; op++)
        for (int round = 0; round < 60; round++) {
            struct tyto_graph graph = {.num_values = 1};
            graph.values[0] = (struct tyto_value){
                1 + random_graph_draw(9), 1 + random_graph_draw(9), 1 + random_graph_draw(17)};
            if (random_graph_append(&graph, (enum tyto_layer_op)op, 0))
                assert_agrees(&graph, 1);
        }
}

static void random_graphs_agree_with_the_reference(void **state)
{
    (void)state;
    for (int round = 0; round < 150; round++) {
        struct tyto_graph graph = {.num_values = 1};
        graph.values[0] = (struct tyto_value){4 + random_graph_draw(12), 4 + random_graph_draw(12),
                                              1 + random_graph_draw(8)};
        while (graph.num_layers < 10)
            random_graph_append(&graph, (enum tyto_layer_op)random_graph_draw(TYTO_LAYER_NUM_OPS),
                                random_graph_draw(graph.num_values));
        random_graph_more_outs(&graph);
        assert_agrees(&graph, round % 8 == 0 ? 2 : 1);
    }
}

/* A residual block: its input must survive until the addition. */
static void a_value_lives_until_its_last_reader(void **state)
{
    (void)state;
    struct tyto_graph graph = {.num_values = 1};
    graph.values[0] = (struct tyto_value){6, 6, 4};
    const struct tyto_layer conv = {.op = TYTO_LAYER_CONV,
                                    .kernel_h = 3,
                                    .kernel_w = 3,
                                    .stride_h = 1,
                                    .stride_w = 1,
                                    .pad_top = 1,
                                    .pad_left = 1,
                                    .pad_bottom = 1,
                                    .pad_right = 1,
                                    .weight = random_graph_pool,
                                    .bias = random_graph_pool};
    for (uint32_t i = 0; i < 5; i++) {
        graph.values[i + 1] = graph.values[0];
        graph.layers[i] = conv;
        graph.layers[i].in_idx[0] = i;
        graph.layers[i].out_idx = i + 1;
    }
    graph.layers[4].op = TYTO_LAYER_ADD;
    graph.layers[4].in_idx[1] = 1;
    graph.num_layers = 5;
    graph.num_values = 6;
    graph.out_idx = 5;
    assert_agrees(&graph, 1);
}

static void graphs_that_do_not_fit_are_refused(void **state)
{
    (void)state;
    struct tyto_graph good = {.num_values = 2, .num_layers = 1, .out_idx = 1};
    good.values[0] = (struct tyto_value){8, 8, 3};
    good.values[1] = (struct tyto_value){4, 4, 5};
    good.layers[0] = (struct tyto_layer){.op = TYTO_LAYER_CONV,
                                         .out_idx = 1,
                                         .kernel_h = 3,
                                         .kernel_w = 3,
                                         .stride_h = 2,
                                         .stride_w = 2,
                                         .pad_bottom = 1,
                                         .pad_right = 1,
                                         .weight = random_graph_pool,
                                         .bias = random_graph_pool};
    char text[200];
    assert_int_equal(tyto_graph_check(&good, text, sizeof(text)), TYTO_OK);
    assert_int_equal(tyto_graph_num_macs(&good), 4 * 4 * 5 * 27);
    assert_int_equal(tyto_layer_num_weights(&good, &good.layers[0]), 5 * 27);
    assert_int_equal(tyto_layer_num_biases(&good, &good.layers[0]), 5);

    struct tyto_graph bad = good;
    bad.layers[0].in_idx[0] = 1; /* reads what it writes */
    assert_int_equal(tyto_graph_check(&bad, text, sizeof(text)), TYTO_ERR_FORMAT);
    bad = good;
    bad.layers[0].out_idx = 0; /* writes the input */
    assert_int_equal(tyto_graph_check(&bad, text, sizeof(text)), TYTO_ERR_FORMAT);
    bad = good;
    bad.layers[0].out_idx = 99;
    assert_int_equal(tyto_graph_check(&bad, text, sizeof(text)), TYTO_ERR_FORMAT);
    bad = good;
    bad.values[1].h = 5;
    assert_int_equal(tyto_graph_check(&bad, text, sizeof(text)), TYTO_ERR_SHAPE);
    assert_non_null(strstr(text, "layer 0 (conv): (8,8,3) -> (5,4,5)"));
    bad = good;
    bad.values[0].c = 0;
    assert_int_equal(tyto_graph_check(&bad, text, sizeof(text)), TYTO_ERR_SHAPE);
    bad = good;
    bad.values[0] = (struct tyto_value){65536, 65536, 3};
    assert_int_equal(tyto_graph_check(&bad, text, sizeof(text)), TYTO_ERR_SHAPE);
    bad = good;
    bad.layers[0].pad_left = 3; /* a window wholly in the padding */
    assert_int_equal(tyto_graph_check(&bad, text, sizeof(text)), TYTO_ERR_SHAPE);
    bad = good;
    bad.layers[0].stride_w = 0;
    assert_int_equal(tyto_graph_check(&bad, text, sizeof(text)), TYTO_ERR_SHAPE);
    bad = good;
    bad.layers[0].kernel_h = UINT32_MAX;
    assert_int_equal(tyto_graph_check(&bad, text, sizeof(text)), TYTO_ERR_SHAPE);
    bad = good;
    bad.layers[0].bias = NULL;
    assert_int_equal(tyto_graph_check(&bad, text, sizeof(text)), TYTO_ERR_FORMAT);
    bad = good;
    bad.layers[0].op = TYTO_LAYER_NUM_OPS;
    assert_int_equal(tyto_graph_check(&bad, text, sizeof(text)), TYTO_ERR_FORMAT);
    bad = good;
    bad.layers[0].has_clamp_min = true;
    bad.layers[0].clamp_min = NAN;
    assert_int_equal(tyto_graph_check(&bad, text, sizeof(text)), TYTO_ERR_FORMAT);
    bad = good;
    bad.num_layers = TYTO_GRAPH_MAX_LAYERS + 1;
    assert_int_equal(tyto_graph_check(&bad, NULL, 0), TYTO_ERR_SHAPE);
    bad = good;
    bad.out_idx = 2;
    assert_int_equal(tyto_graph_check(&bad, text, sizeof(text)), TYTO_ERR_FORMAT);

    static const struct tyto_value no_factors[] = {{1, 2, 3}, {1, 1, 4}, {8, 8, 3}};
    struct tyto_graph product = {.num_values = 3, .num_layers = 2, .out_idx = 2};
    product.values[0] = product.values[2] = (struct tyto_value){8, 8, 3};
    product.values[1] = (struct tyto_value){1, 1, 3};
    product.layers[0] = (struct tyto_layer){.op = TYTO_LAYER_MEAN, .out_idx = 1};
    product.layers[1] = (struct tyto_layer){.op = TYTO_LAYER_MUL, .in_idx = {0, 1}, .out_idx = 2};
    assert_int_equal(tyto_graph_check(&product, text, sizeof(text)), TYTO_OK);
    for (size_t i = 0; i < 3; i++) {
        if (no_factors[i].c != 3)
            product.layers[0] = (struct tyto_layer){.op = TYTO_LAYER_LINEAR,
                                                    .out_idx = 1,
                                                    .weight = random_graph_pool,
                                                    .bias = random_graph_pool};
        else
            product.layers[0] = (struct tyto_layer){.op = TYTO_LAYER_RESIZE, .out_idx = 1};
        product.values[1] = no_factors[i];
        assert_int_equal(tyto_graph_check(&product, text, sizeof(text)), TYTO_ERR_SHAPE);
        assert_non_null(strstr(text, "layer 1 (mul)"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_op_agrees_with_the_reference),
        cmocka_unit_test(random_graphs_agree_with_the_reference),
        cmocka_unit_test(a_value_lives_until_its_last_reader),
        cmocka_unit_test(graphs_that_do_not_fit_are_refused),
    };
    return cmocka_run_group_tests_name("executor_xnn", tests, fill_pool, NULL);
}
