/* SPDX-License-Identifier: MIT */
#include "daemon/models.h"

#include <stdio.h>
#include <string.h>

#include "base/nearest.h"
#include "base/text.h"
#include "daemon/config/pushed.h"
#include "files/json.h"
#include "files/safetensors.h"
#include "model/cman/cman.h"
#include "model/paths/paths.h"

/* --- do they fit what the configuration says? --------------------------------------------- */

struct class_names {
    const char *names[TYTO_CMAN_MAX_CLASSES]; /* borrowed from the JSON */
    uint32_t num;
};

/* camera: whose key it is, NULL: that of all. */
static enum tyto_err refuse(const struct tyto_config *config,
                            const struct tyto_config_camera *camera, uint32_t line,
                            const char *part, const char *name, const struct class_names *known,
                            struct tyto_fault *ret_fault)
{
    char key[TYTO_CONFIG_KEY_MAX];
    tyto_config_key(camera, part, key);
    const char *near = tyto_nearest(name, known->names, known->num);
    return tyto_fault_set(ret_fault, TYTO_ERR_INVALID, config->file, line, key,
                          "the networks know no class '%s'%s%s%s `tyto model info "
                          "%.150s` lists them",
                          name, near ? "; did you mean '" : ".", near ? near : "", near ? "'?" : "",
                          config->models.first_head);
}

static enum tyto_err check_rules(const struct tyto_config *config,
                                 const struct tyto_config_camera *camera,
                                 const struct class_names *known, struct tyto_fault *ret_fault)
{
    const struct tyto_config_rules *rules = camera ? &camera->rules : &config->rules;
    for (uint32_t i = 0; i < rules->num; i++) {
        const char *name = rules->items[i].rule.class_name;
        char part[TYTO_CONFIG_KEY_MAX];
        snprintf(part, sizeof(part), "classes.%s", name);
        if (tyto_text_find(known->names, known->num, name) == known->num)
            return refuse(config, camera, rules->items[i].line, part, name, known, ret_fault);
    }
    return TYTO_OK;
}

/* What is said of a camera (NULL: of all) but its classes. Zones and quiet hours have no lines of
 * their own: the camera's is told. */
static enum tyto_err check_limits(const struct tyto_config *config,
                                  const struct tyto_config_camera *camera,
                                  const struct class_names *known, struct tyto_fault *ret_fault)
{
    const struct tyto_config_quiet *quiet = camera ? &camera->quiet : &config->quiet;
    const struct tyto_tracker_params zones = {.zones = camera ? &camera->zones : NULL};
    const struct tyto_tracker_params hours = {.quiet = quiet->items, .num_quiet = quiet->num};
    const uint32_t line = camera ? camera->line : 0;
    const char *name = tyto_tracker_params_stranger(&zones, known->names, known->num);
    if (name)
        return refuse(config, camera, line, "zones", name, known, ret_fault);
    name = tyto_tracker_params_stranger(&hours, known->names, known->num);
    return name ? refuse(config, camera, line, "quiet_hours", name, known, ret_fault) : TYTO_OK;
}

static enum tyto_err check_classes(const struct tyto_config *config, const struct tyto_json *json,
                                   struct tyto_fault *ret_fault)
{
    struct class_names known;
    known.num = 0;
    for (uint32_t i = 0; i < tyto_json_num_items(json) && i < TYTO_CMAN_MAX_CLASSES; i++) {
        const char *name = tyto_json_string(tyto_json_at(json, i));
        if (name)
            known.names[known.num++] = name;
    }
    enum tyto_err err = check_rules(config, NULL, &known, ret_fault);
    if (!err)
        err = check_limits(config, NULL, &known, ret_fault);
    for (uint32_t i = 0; !err && i < config->num_cameras; i++) {
        err = check_rules(config, &config->cameras[i], &known, ret_fault);
        if (!err)
            err = check_limits(config, &config->cameras[i], &known, ret_fault);
    }
    return err;
}

static enum tyto_err check_models(const struct tyto_config *config, struct tyto_fault *ret_fault)
{
    const char *const paths[] = {config->models.visual, config->models.audio};
    struct tyto_weights *weights = NULL;
    enum tyto_err err = TYTO_OK;
    for (int i = 0; !err && i < 2; i++) {
        err = tyto_weights_open(paths[i], &weights, ret_fault);
        if (!err)
            tyto_weights_close(&weights);
    }
    if (!err)
        err = tyto_weights_open(config->models.first_head, &weights, ret_fault);
    if (err)
        return err;
    const char *text = tyto_weights_meta(weights, "tyto.classes");
    struct tyto_json *json = NULL;
    if (text && tyto_json_parse(text, strlen(text), &json, NULL, 0) == TYTO_OK) {
        err = check_classes(config, json, ret_fault);
        tyto_json_destroy(&json);
    }
    tyto_weights_close(&weights);
    return err;
}

enum tyto_err tyto_config_find_models(struct tyto_config *config, struct tyto_fault *ret_fault)
{
    struct tyto_model_paths paths;
    struct tyto_pushed pushed;
    const struct {
        char *wanted, *found;
    } files[] = {{config->models.visual, paths.visual},
                 {config->models.audio, paths.audio},
                 {config->models.head, paths.head}};
    for (int i = 0; i < 3; i++)
        snprintf(files[i].found, TYTO_MODEL_PATH_MAX, "%s", files[i].wanted);
    enum tyto_err err = tyto_model_paths_find(config->models.dir, &paths, ret_fault);
    for (int i = 0; !err && i < 3; i++) {
        const int num = snprintf(files[i].wanted, TYTO_CONFIG_PATH_MAX, "%s", files[i].found);
        if (num < 0 || num >= TYTO_CONFIG_PATH_MAX)
            err = tyto_fault_set(ret_fault, TYTO_ERR_INVALID, NULL, 0, "models", "path too long");
    }
    if (err)
        return err;
    tyto_pushed_find(config, &pushed);
    memcpy(config->models.first_head, pushed.first, sizeof(pushed.first));
    return check_models(config, ret_fault);
}
