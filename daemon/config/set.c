/* SPDX-License-Identifier: MIT */
/* Single values of a configuration, as files and command lines give them. */
#include "daemon/config/config.h"
#include "daemon/config/schema.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct tyto_config_camera *tyto_config_new_camera(struct tyto_config *config)
{
    const size_t num = (size_t)config->num_cameras + 1;
    struct tyto_config_camera *grown = realloc(config->cameras, num * sizeof(*grown));
    if (!grown)
        return NULL;
    config->cameras = grown;
    struct tyto_config_camera *camera = &grown[config->num_cameras++];
    memset(camera, 0, sizeof(*camera));
    camera->audio = true;
    camera->video = true;
    return camera;
}

enum tyto_err tyto_config_set_exec(struct tyto_config *config, const char *value,
                                   struct tyto_fault *ret_fault)
{
    if (strcmp(value, "auto") == 0)
        config->exec = TYTO_EXEC_AUTO;
    else if (strcmp(value, "vulkan") == 0)
        config->exec = TYTO_EXEC_VULKAN;
    else if (strcmp(value, "cpu") == 0)
        config->exec = TYTO_EXEC_CPU;
    else
        return tyto_fault_set(ret_fault, TYTO_ERR_INVALID, NULL, 0, NULL,
                              "'%.40s' must be one of: auto, vulkan, cpu", value);
    return TYTO_OK;
}

enum tyto_err tyto_config_set_device(struct tyto_config *config, const char *value,
                                     struct tyto_fault *ret_fault)
{
    const bool is_word =
        strcmp(value, "auto") == 0 || strcmp(value, "gpu") == 0 || strcmp(value, "cpu") == 0;
    const size_t len = strlen(value);
    const bool is_index = len >= 1 && len <= 3 && strspn(value, "0123456789") == len;
    if (!is_word && !is_index)
        return tyto_fault_set(ret_fault, TYTO_ERR_INVALID, NULL, 0, NULL,
                              "'%.40s' must be auto, gpu, cpu or an index of `tyto devices`",
                              value);
    snprintf(config->device, sizeof(config->device), "%s", value);
    return TYTO_OK;
}
