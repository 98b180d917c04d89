/* SPDX-License-Identifier: MIT */
#include "daemon/heads.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/config/pushed.h"

struct tyto_heads {
    struct tyto_heads_params p;

    pthread_mutex_t lock; /* guards what follows; held for copies only */
    struct tyto_heads_places places;
    char previous_digest[TYTO_DIGEST_MAX + 1];
};

/* --- md/ -------------------------------------------------------------------------------------- */

static void publish(struct tyto_heads *heads, const struct tyto_engine_head *head,
                    enum tyto_model_outcome outcome, const char *text)
{
    struct tyto_model_state model;
    memset(&model, 0, sizeof(model));
    memcpy(model.digest, head->digest, sizeof(model.digest));
    snprintf(model.device, sizeof(model.device), "%s", tyto_engine_device_name(heads->p.engine));
    snprintf(model.exec, sizeof(model.exec), "%s",
             tyto_engine_exec(heads->p.engine) == TYTO_EXEC_CPU ? "cpu" : "vulkan");
    snprintf(model.text, sizeof(model.text), "%s", text);
    model.config_generation = tyto_running_generation(heads->p.running);
    model.outcome = outcome;
    model.num_classes = head->num_classes;
    for (uint32_t k = 0; k < head->num_classes && k < TYTO_MODEL_MAX_NAMES; k++)
        memcpy(model.class_names[model.num_names++], head->class_names[k],
               sizeof(model.class_names[0]));
    if (outcome == TYTO_MODEL_OUTCOME_LOADED) {
        pthread_mutex_lock(&heads->lock);
        memcpy(model.previous_digest, heads->previous_digest, sizeof(model.previous_digest));
        memcpy(heads->previous_digest, head->digest, sizeof(heads->previous_digest));
        pthread_mutex_unlock(&heads->lock);
    }
    const enum tyto_err err = tyto_publisher_model_state(heads->p.publisher, &model);
    if (err)
        tyto_log_write(heads->p.log, TYTO_LOG_WARNING, "daemon", "model state not published: %s",
                       tyto_err_text(err));
}

void tyto_heads_changed(struct tyto_heads *heads, const struct tyto_engine_head *head)
{
    publish(heads, head, TYTO_MODEL_OUTCOME_LOADED, "");
}

void tyto_heads_moved(struct tyto_heads *heads, const struct tyto_engine_head *head,
                      const char *text)
{
    publish(heads, head, TYTO_MODEL_OUTCOME_LOADED, text);
}

static enum tyto_err tell(struct tyto_heads *heads, enum tyto_model_outcome outcome,
                          const char *text)
{
    struct tyto_engine_head head;
    const enum tyto_err err = tyto_engine_get_head(heads->p.engine, &head);
    if (err)
        return err;
    publish(heads, &head, outcome, text);
    tyto_engine_head_finish(&head);
    return TYTO_OK;
}

void tyto_heads_tell(struct tyto_heads *heads)
{
    (void)!tell(heads, TYTO_MODEL_OUTCOME_LOADED, "");
}

void tyto_heads_refused(struct tyto_heads *heads, const struct tyto_fault *fault)
{
    char text[sizeof(fault->text) + sizeof(fault->file) + sizeof(fault->key) + 16];
    tyto_fault_print(fault, text, sizeof(text));
    tyto_log_write(heads->p.log, TYTO_LOG_WARNING, "daemon",
                   "model refused, the old one goes on: %s", text);
    (void)!tell(heads, TYTO_MODEL_OUTCOME_REJECTED, text);
}

/* --- life ---------------------------------------------------------------------------------------
 */

enum tyto_err tyto_heads_create(const struct tyto_heads_params *params,
                                struct tyto_heads **ret_heads)
{
    struct tyto_heads *heads = calloc(1, sizeof(*heads));
    if (!heads)
        return TYTO_ERR_NOMEM;
    heads->p = *params;
    heads->p.config = NULL;
    pthread_mutex_init(&heads->lock, NULL);
    memcpy(heads->places.path, params->config->models.first_head, sizeof(heads->places.path));
    tyto_heads_look(heads, params->config);
    const enum tyto_err err = tell(heads, TYTO_MODEL_OUTCOME_LOADED, "");
    if (err)
        tyto_heads_destroy(&heads);
    else
        *ret_heads = heads;
    return err;
}

void tyto_heads_destroy(struct tyto_heads **heads)
{
    if (!heads || !*heads)
        return;
    pthread_mutex_destroy(&(*heads)->lock);
    free(*heads);
    *heads = NULL;
}

/* --- another head -------------------------------------------------------------------------------
 */

static void note(struct tyto_heads *heads, const char *path, const struct tyto_swap_result *result)
{
    pthread_mutex_lock(&heads->lock);
    snprintf(heads->places.path, sizeof(heads->places.path), "%s", path);
    pthread_mutex_unlock(&heads->lock);
    if (result->is_same)
        tyto_log_write(heads->p.log, TYTO_LOG_INFO, "daemon", "%s is the model that serves already",
                       path);
    else
        tyto_log_write(heads->p.log, TYTO_LOG_INFO, "daemon",
                       "model %.12s has taken over from %.12s: %.0f ms to read, %.0f ms without "
                       "batches; %" PRIu32 " open events go on, %" PRIu32 " ended",
                       result->new_digest, result->old_digest, (double)result->load_ns / 1e6,
                       (double)result->stop_ns / 1e6, result->num_went_on, result->num_ended);
}

enum tyto_err tyto_heads_change(struct tyto_heads *heads, const char *path,
                                const struct tyto_engine_tuning *tuning,
                                struct tyto_swap_result *ret_result, struct tyto_fault *ret_fault)
{
    const enum tyto_err err =
        tyto_engine_change(heads->p.engine, path, tuning, ret_result, ret_fault);
    if (!err)
        note(heads, path, ret_result);
    else if (!tuning || strcmp(ret_fault->file, path) == 0)
        tyto_heads_refused(heads, ret_fault);
    return err;
}

/* --- over restarts ------------------------------------------------------------------------------
 */

static void set_places(struct tyto_heads *heads, const struct tyto_pushed *pushed)
{
    pthread_mutex_lock(&heads->lock);
    memcpy(heads->places.first, pushed->first, sizeof(pushed->first));
    memcpy(heads->places.first_digest, pushed->first_digest, sizeof(pushed->first_digest));
    memcpy(heads->places.before, pushed->before, sizeof(pushed->before));
    pthread_mutex_unlock(&heads->lock);
}

void tyto_heads_look(struct tyto_heads *heads, const struct tyto_config *config)
{
    struct tyto_pushed pushed;
    tyto_pushed_find(config, &pushed);
    set_places(heads, &pushed);
    if (strcmp(pushed.first, config->models.head) != 0)
        tyto_log_write(heads->p.log, TYTO_LOG_INFO, "daemon",
                       "the model that was pushed last is kept: %s", pushed.first);
    if (pushed.is_stale)
        tyto_log_write(heads->p.log, TYTO_LOG_INFO, "daemon",
                       "%s is another file than when a model was pushed in its place: it serves, "
                       "the pushed one does not",
                       config->models.head);
    if (pushed.is_damaged)
        tyto_log_write(heads->p.log, TYTO_LOG_WARNING, "daemon",
                       "the copy of the model that was pushed last is gone or damaged: %s serves",
                       config->models.head);
}

void tyto_heads_keep(struct tyto_heads *heads, const struct tyto_config *config, const char *digest)
{
    struct tyto_heads_places places;
    struct tyto_pushed pushed;
    struct tyto_fault fault = {.text = ""};
    char text[1024];
    tyto_heads_get_places(heads, &places);
    const enum tyto_err err = tyto_pushed_keep(config, places.path, digest, &pushed, &fault);
    if (!err) {
        set_places(heads, &pushed);
        return;
    }
    if (!fault.text[0])
        (void)tyto_fault_set(&fault, err, NULL, 0, NULL, "%s",
                             err == TYTO_ERR_CLOSED ? "there is no folder for state"
                                                    : tyto_err_text(err));
    tyto_fault_print(&fault, text, sizeof(text));
    tyto_log_write(heads->p.log, TYTO_LOG_WARNING, "daemon",
                   "the model serves until the next start, and is not kept: %s", text);
}

void tyto_heads_get_places(struct tyto_heads *heads, struct tyto_heads_places *ret_places)
{
    pthread_mutex_lock(&heads->lock);
    *ret_places = heads->places;
    pthread_mutex_unlock(&heads->lock);
}
