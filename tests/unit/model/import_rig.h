/* SPDX-License-Identifier: MIT */
/* What the tests of import share: PyTorch's values, the small models, and a run by both plain
 * executors. Header only; include it after cmocka.h. */
#ifndef TYTO_TESTS_IMPORT_RIG_H
#define TYTO_TESTS_IMPORT_RIG_H

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "model/executor/xnnpack.h"
#include "model/graph/file.h"
#include "model/graph/ref.h"
#include "model/import/import.h"
#include "tests/golden/fill.h"
#include "tests/golden/import.h"

static float *golden;
static char dir[] = "/tmp/tyto-import-XXXXXX";
static char out_path[64];

static inline int set_up(void **state)
{
    (void)state;
    golden = golden_read("import.f32", GOLDEN_IMPORT_NUM);
    if (!golden || !mkdtemp(dir))
        return -1;
    snprintf(out_path, sizeof(out_path), "%s/out.safetensors", dir);
    return 0;
}

static inline int tear_down(void **state)
{
    (void)state;
    free(golden);
    unlink(out_path);
    return rmdir(dir);
}

static inline const char *model_path(const char *name)
{
    static char path[4096];
    const char *folder = getenv("TYTO_GOLDEN_DIR");
    snprintf(path, sizeof(path), "%s/../fuzz/corpus/import/%s", folder ? folder : "tests/golden",
             name);
    return path;
}

static inline struct tyto_encoder_file *import(const char *name, struct tyto_import_params params)
{
    struct tyto_encoder_file *file = NULL;
    struct tyto_fault fault = {0};
    params.path = model_path(name);
    if (tyto_import(&params, &file, &fault))
        fail_msg("%s: %s: %s", name, fault.key, fault.text);
    return file;
}

/* The graph's output for golden_fill(name, ..., 2) is what PyTorch gave, by both executors. */
static inline void assert_gives(const struct tyto_graph *graph, const char *name, const float *want,
                                size_t num_want)
{
    const struct tyto_value *in = &graph->values[0], *out = &graph->values[graph->out_idx];
    const size_t num_in = (size_t)in->h * in->w * in->c, num_out = (size_t)out->h * out->w * out->c;
    float *input = calloc(num_in, sizeof(*input)), *output = calloc(num_out, sizeof(*output));
    double *reference = calloc(num_out, sizeof(*reference));
    struct tyto_executor_xnn *exec = NULL;
    assert_int_equal(num_out, num_want);
    assert_true(input && output && reference);
    golden_fill(name, input, num_in, 2);
    assert_int_equal(tyto_graph_ref_run(graph, input, reference), TYTO_OK);
    assert_int_equal(tyto_executor_xnn_create(graph, 1, 1, &exec), TYTO_OK);
    assert_int_equal(tyto_executor_xnn_run(exec, input, &output, 1), TYTO_OK);
    for (size_t i = 0; i < num_out; i++) {
        const double limit = 1e-5 * (1 + fabs((double)want[i]));
        if (!(fabs(reference[i] - (double)want[i]) <= limit) ||
            !(fabs((double)output[i] - (double)want[i]) <= limit))
            fail_msg("%s, element %zu: PyTorch %g, reference %g, XNNPACK %g", name, i,
                     (double)want[i], reference[i], (double)output[i]);
    }
    tyto_executor_xnn_destroy(&exec);
    free(input);
    free(output);
    free(reference);
}

#endif
