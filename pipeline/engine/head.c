/* SPDX-License-Identifier: MIT */
/* What the serving network says of itself, and where the events it leads to go. */
#include "pipeline/engine/internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void tyto_engine_head_finish(struct tyto_engine_head *head)
{
    free(head->class_names);
    *head = (struct tyto_engine_head){0};
}

enum tyto_err tyto_engine_name_head(const struct tyto_cman *cman, const char ***ret_names,
                                    float **ret_thresholds, struct tyto_engine_head *ret_head)
{
    const uint32_t num = tyto_cman_get_dims(cman)->num_classes;
    struct tyto_engine_head head = {.num_classes = num};
    const char **names = calloc(num, sizeof(*names));
    float *thresholds = calloc(TYTO_CMAN_NUM_TASKS * (size_t)num, sizeof(*thresholds));
    head.class_names = calloc(num, sizeof(*head.class_names));
    if (!names || !thresholds || !head.class_names) {
        free((void *)names);
        free(thresholds);
        tyto_engine_head_finish(&head);
        return TYTO_ERR_NOMEM;
    }
    for (uint32_t k = 0; k < num; k++) {
        const char *name = tyto_cman_class_name(cman, k);
        for (uint32_t task = 0; task < TYTO_CMAN_NUM_TASKS; task++)
            thresholds[task * (size_t)num + k] =
                tyto_cman_threshold(cman, (enum tyto_cman_task)task, k);
        memcpy(head.class_names[k], name, strnlen(name, TYTO_ID_MAX));
        names[k] = head.class_names[k]; /* they outlive the networks */
    }
    memcpy(head.digest, tyto_cman_digest(cman), TYTO_DIGEST_MAX);
    *ret_names = names;
    *ret_thresholds = thresholds;
    *ret_head = head;
    return TYTO_OK;
}

enum tyto_err tyto_engine_get_head(struct tyto_engine *engine, struct tyto_engine_head *ret_head)
{
    enum tyto_err err = TYTO_OK;
    pthread_mutex_lock(&engine->lock);
    struct tyto_engine_head head = engine->head;
    head.class_names = calloc(head.num_classes, sizeof(*head.class_names));
    if (head.class_names)
        memcpy(head.class_names, engine->head.class_names,
               head.num_classes * sizeof(*head.class_names));
    else
        err = TYTO_ERR_NOMEM;
    pthread_mutex_unlock(&engine->lock);
    if (!err)
        *ret_head = head;
    return err;
}

void tyto_engine_on_event(void *user, const struct tyto_event *event)
{
    struct tyto_engine *engine = user;
    engine->counts.num_events++;
    engine->params.callbacks.on_event(engine->params.callbacks.user, event);
}
