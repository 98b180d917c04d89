/* SPDX-License-Identifier: MIT */
/* From labels of whole clips to labels of their segments, by what a model says of them: the second
 * stage of learning from labels without times. */
#ifndef TYTO_TRAINER_EVAL_LOCATE_H
#define TYTO_TRAINER_EVAL_LOCATE_H

#include "trainer/eval/predict.h"

/* A class of the clip is where its score reaches this share of its largest in the clip, so that
 * it is somewhere; a softmax head's score is that against background alone. */
#define TYTO_LOCATE_SHARE 0.5f

/* ret_truth (T, K) <- which of the classes that clip_truth (K) has bits of are in which of the
 * clip's len segments; heard and seen each by their own score, both of them where a softmax head
 * knows no difference. scores: (T, num_logits) as of tyto_predict. Classes without bits are
 * nowhere. */
void tyto_locate_clip(const float *scores, enum tyto_head_kind head, uint32_t num_classes,
                      uint32_t len, const uint8_t *clip_truth, uint8_t *ret_truth);

/* Gives each clip of the data set that is labelled as a whole the truth of its segments; it is not
 * weak then any more. *ret_num: how many clips that were. The head has the data set's classes in
 * the same order: INVALID with the fault where not. Else as tyto_predict. */
TYTO_MUST_CHECK
enum tyto_err tyto_locate(const char *head_path, struct tyto_gpu *gpu, struct tyto_dataset *dataset,
                          const struct tyto_predict_params *params, uint32_t *ret_num,
                          struct tyto_fault *ret_fault);

#endif
