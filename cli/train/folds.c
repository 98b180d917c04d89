/* SPDX-License-Identifier: MIT */
#include "cli/train/folds.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "files/json.h"
#include "trainer/run/run.h"

static const char *const figure_names[TYTO_TRAIN_NUM_FIGURES] = {"accuracy", "macro_f1"};

static double mean_of(const double *values, uint32_t num)
{
    double sum = 0;

    for (uint32_t i = 0; i < num; i++)
        sum += values[i];
    return sum / num;
}

/* Of a sample. */
static double deviation_of(const double *values, uint32_t num)
{
    const double mean = mean_of(values, num);
    double sum = 0;

    for (uint32_t i = 0; i < num; i++)
        sum += (values[i] - mean) * (values[i] - mean);
    return num > 1 ? sqrt(sum / (num - 1)) : 0;
}

enum tyto_err tyto_train_folds_write(const struct tyto_train_folds *folds, const char *dir,
                                     struct tyto_fault *ret_fault)
{
    struct tyto_json *json = tyto_json_new_object();
    char path[TYTO_RUN_PATH_MAX + 32];
    char *text = NULL;
    enum tyto_err err = TYTO_ERR_NOMEM;

    for (size_t k = 0; k < TYTO_TRAIN_NUM_FIGURES; k++) {
        const double *values = folds->figures[k];
        struct tyto_json *figure = tyto_json_new_object(), *array = tyto_json_new_array();

        for (uint32_t i = 0; i < folds->num; i++)
            (void)tyto_json_append(array, tyto_json_new_f64(values[i]));
        (void)tyto_json_set(figure, "folds", array);
        (void)tyto_json_set(figure, "mean", tyto_json_new_f64(mean_of(values, folds->num)));
        (void)tyto_json_set(figure, "deviation",
                            tyto_json_new_f64(deviation_of(values, folds->num)));
        (void)tyto_json_set(json, figure_names[k], figure);
    }
    text = tyto_json_print(json);
    snprintf(path, sizeof(path), "%s/folds.json", dir);
    if (text)
        err = tyto_run_write_text(path, text, ret_fault);
    tyto_json_destroy(&json);
    free(text);
    return err;
}

void tyto_train_folds_print(const struct tyto_train_folds *folds)
{
    printf("\nfold   right    F1\n");
    for (uint32_t i = 0; i < folds->num; i++)
        printf("%4u  %5.1f %%  %.3f\n", i + 1, 100 * folds->figures[0][i], folds->figures[1][i]);
    printf("mean  %5.1f %%  %.3f\n", 100 * mean_of(folds->figures[0], folds->num),
           mean_of(folds->figures[1], folds->num));
    printf("  +-  %5.1f %%  %.3f\n", 100 * deviation_of(folds->figures[0], folds->num),
           deviation_of(folds->figures[1], folds->num));
}
