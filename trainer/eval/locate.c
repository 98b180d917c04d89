/* SPDX-License-Identifier: MIT */
#include "trainer/eval/locate.h"

#include <math.h>
#include <string.h>

struct located {
    const float *scores;
    enum tyto_head_kind head;
    uint32_t num_classes, num_logits, len;
    uint8_t *truth;
};

static float score_of(const struct located *l, uint32_t t, enum tyto_cman_task task, uint32_t k)
{
    const float *row = l->scores + (size_t)t * l->num_logits;

    if (l->head == TYTO_HEAD_SOFTMAX)
        return row[k] / fmaxf(row[k] + row[l->num_classes], 1e-30f);
    return row[(size_t)task * l->num_classes + k];
}

static void mark(const struct located *l, enum tyto_cman_task task, uint32_t k, uint8_t bits)
{
    float top = 0;

    for (uint32_t t = 0; t < l->len; t++)
        top = fmaxf(top, score_of(l, t, task, k));
    for (uint32_t t = 0; t < l->len; t++)
        if (score_of(l, t, task, k) >= TYTO_LOCATE_SHARE * top)
            l->truth[(size_t)t * l->num_classes + k] |= bits;
}

void tyto_locate_clip(const float *scores, enum tyto_head_kind head, uint32_t num_classes,
                      uint32_t len, const uint8_t *clip_truth, uint8_t *ret_truth)
{
    const struct located l = {.scores = scores,
                              .head = head,
                              .num_classes = num_classes,
                              .num_logits = tyto_head_num_logits(head, num_classes),
                              .len = len,
                              .truth = ret_truth};

    memset(ret_truth, 0, (size_t)len * num_classes);
    for (uint32_t k = 0; k < num_classes; k++) {
        const uint8_t bits = clip_truth[k];

        if (head == TYTO_HEAD_SOFTMAX && bits)
            mark(&l, TYTO_CMAN_JOINT, k, bits);
        if (head != TYTO_HEAD_SOFTMAX && bits & TYTO_TRUTH_HEARD)
            mark(&l, TYTO_CMAN_HEARD, k, TYTO_TRUTH_HEARD);
        if (head != TYTO_HEAD_SOFTMAX && bits & TYTO_TRUTH_SEEN)
            mark(&l, TYTO_CMAN_SEEN, k, TYTO_TRUTH_SEEN);
    }
}

static enum tyto_err check_classes(const struct tyto_cman_weights *head,
                                   const struct tyto_dataset *dataset, const char *path,
                                   struct tyto_fault *ret_fault)
{
    const uint32_t num = dataset->shape.num_classes;
    bool fits = head->dims.num_classes == num;

    for (uint32_t k = 0; k < num && fits; k++)
        fits = strcmp(head->classes[k], dataset->classes[k]) == 0;
    if (fits)
        return TYTO_OK;
    return tyto_fault_set(ret_fault, TYTO_ERR_INVALID, path, 0, NULL,
                          "its classes are not those of the labels: it must have been trained with "
                          "the same ones");
}

enum tyto_err tyto_locate(const char *head_path, struct tyto_gpu *gpu, struct tyto_dataset *dataset,
                          const struct tyto_predict_params *params, uint32_t *ret_num,
                          struct tyto_fault *ret_fault)
{
    const struct tyto_dataset_shape *s = &dataset->shape;
    const struct tyto_predictor_params how = {
        .head_path = head_path, .gpu = gpu, .num_segments = s->num_segments};
    struct tyto_predictor *predictor = NULL;
    struct tyto_predictions said = {0};
    enum tyto_err err = tyto_predictor_create(&how, &predictor, ret_fault);

    *ret_num = 0;
    if (!err)
        err = check_classes(tyto_predictor_head(predictor), dataset, head_path, ret_fault);
    if (!err)
        err = tyto_predict(predictor, dataset, params, &said, ret_fault);
    for (size_t clip = 0; clip < s->num_clips && !err; clip++) {
        if (!dataset->is_weak[clip])
            continue;
        tyto_locate_clip(said.scores + clip * s->num_segments * said.num_logits, said.head,
                         s->num_classes, dataset->len[clip],
                         dataset->clip_truth + clip * s->num_classes,
                         dataset->truth + clip * s->num_segments * s->num_classes);
        dataset->is_weak[clip] = false;
        ++*ret_num;
    }
    tyto_predictions_finish(&said);
    tyto_predictor_destroy(&predictor);
    return err;
}
