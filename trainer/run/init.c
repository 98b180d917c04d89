/* SPDX-License-Identifier: MIT */
#include "trainer/run/init.h"

#include <string.h>

/* Tensors with a row for each logit: those go by the classes' names. */
static bool is_of_classes(uint32_t tensor)
{
    return tensor == TYTO_CMAN_HEAD_1_WEIGHT || tensor == TYTO_CMAN_HEAD_1_BIAS ||
           tensor == TYTO_CMAN_SKIP_AUDIO || tensor == TYTO_CMAN_SKIP_VISUAL;
}

/* Its row of a map to the logits, where both networks have it and it reads as many values. */
static void copy_row(const struct tyto_cman_weights *from, enum tyto_cman_tensor map,
                     uint32_t logit, uint32_t from_width, uint32_t width, float *const *tensors,
                     uint32_t to)
{
    if (from->tensors[map] && tensors[map] && from_width == width)
        memcpy(tensors[map] + (size_t)to * width, from->tensors[map] + (size_t)logit * width,
               width * sizeof(float));
}

static void copy_logit(const struct tyto_cman_weights *from, uint32_t logit,
                       const struct tyto_cman_dims *dims, float *const *tensors, uint32_t to)
{
    const struct tyto_cman_dims *d = &from->dims;

    copy_row(from, TYTO_CMAN_HEAD_1_WEIGHT, logit, d->head_width, dims->head_width, tensors, to);
    copy_row(from, TYTO_CMAN_SKIP_AUDIO, logit, d->audio_width, dims->audio_width, tensors, to);
    copy_row(from, TYTO_CMAN_SKIP_VISUAL, logit, d->visual_width, dims->visual_width, tensors, to);
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
        const uint32_t old = tyto_cman_find_class(from, classes[k]);

        if (old == UINT32_MAX)
            continue;
        report->num_classes_kept++;
        for (uint32_t g = 0; g < groups; g++)
            copy_logit(from, g * olds + old, dims, tensors, g * news + k);
    }
    if (dims->head == TYTO_HEAD_SOFTMAX) /* background */
        copy_logit(from, olds, dims, tensors, news);
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

        if (!tensors[i] || is_of_classes(i))
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
