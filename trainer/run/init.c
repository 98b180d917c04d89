/* SPDX-License-Identifier: MIT */
#include "trainer/run/init.h"

#include <string.h>

static uint32_t find_class(const struct tyto_cman_weights *from, const char *name)
{
    for (uint32_t k = 0; k < from->dims.num_classes; k++)
        if (strcmp(from->classes[k], name) == 0)
            return k;
    return UINT32_MAX;
}

static void copy_logit(const struct tyto_cman_weights *from, uint32_t logit, uint32_t width,
                       float *const *tensors, uint32_t to)
{
    const float *weight = from->tensors[TYTO_CMAN_HEAD_1_WEIGHT];

    memcpy(tensors[TYTO_CMAN_HEAD_1_WEIGHT] + (size_t)to * width, weight + (size_t)logit * width,
           width * sizeof(float));
    tensors[TYTO_CMAN_HEAD_1_BIAS][to] = from->tensors[TYTO_CMAN_HEAD_1_BIAS][logit];
}

static void copy_classes(const struct tyto_cman_weights *from, const struct tyto_cman_dims *dims,
                         char (*classes)[TYTO_DATASET_NAME_BYTES], float *const *tensors,
                         struct tyto_init_report *report)
{
    const uint32_t olds = from->dims.num_classes, news = dims->num_classes;
    const uint32_t groups = dims->head == TYTO_HEAD_SOFTMAX ? 1 : 3;

    report->other_head = from->dims.head != dims->head;
    if (report->other_head || from->dims.head_width != dims->head_width)
        return;
    for (uint32_t k = 0; k < news; k++) {
        const uint32_t old = find_class(from, classes[k]);

        if (old == UINT32_MAX)
            continue;
        report->num_classes_kept++;
        for (uint32_t g = 0; g < groups; g++)
            copy_logit(from, g * olds + old, dims->head_width, tensors, g * news + k);
    }
    if (dims->head == TYTO_HEAD_SOFTMAX) /* background */
        copy_logit(from, olds, dims->head_width, tensors, news);
}

void tyto_init_tensors(const struct tyto_cman_weights *from, const struct tyto_cman_dims *dims,
                       char (*classes)[TYTO_DATASET_NAME_BYTES], float *const *tensors,
                       struct tyto_init_report *ret_report)
{
    struct tyto_cman_tensor_info olds[TYTO_CMAN_NUM_TENSORS], news[TYTO_CMAN_NUM_TENSORS];
    struct tyto_init_report report = {0};

    tyto_cman_list_tensors(&from->dims, olds);
    tyto_cman_list_tensors(dims, news);
    for (uint32_t i = 0; i < TYTO_CMAN_NUM_TENSORS; i++) {
        const size_t num = (size_t)news[i].rows * (news[i].cols > 0 ? news[i].cols : 1);

        if (!tensors[i] || i == TYTO_CMAN_HEAD_1_WEIGHT || i == TYTO_CMAN_HEAD_1_BIAS)
            continue;
        report.num_tensors++;
        if (from->tensors[i] && olds[i].rows == news[i].rows && olds[i].cols == news[i].cols) {
            memcpy(tensors[i], from->tensors[i], num * sizeof(float));
            report.num_kept++;
        } else if (!report.first_misfit) {
            report.first_misfit = news[i].name;
        }
    }
    copy_classes(from, dims, classes, tensors, &report);
    *ret_report = report;
}
