/* SPDX-License-Identifier: MIT */
#include "daemon/publish/counters.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct class_counter {
    char class_name[TYTO_ID_MAX + 1];
    uint64_t seq;
};

struct camera_counter {
    struct tyto_camera_seq camera; /* its number is the last one sent */
    uint64_t cam_seq;              /* the last one given */
    struct class_counter *classes;
    uint32_t num_classes;
    bool has_state;
    struct tyto_camera_state state;
};

struct tyto_counters {
    struct camera_counter *cameras;
    uint32_t num_cameras;
};

enum tyto_err tyto_counters_create(struct tyto_counters **ret_counters)
{
    struct tyto_counters *counters = calloc(1, sizeof(*counters));
    if (!counters)
        return TYTO_ERR_NOMEM;
    *ret_counters = counters;
    return TYTO_OK;
}

void tyto_counters_destroy(struct tyto_counters **counters)
{
    if (!counters || !*counters)
        return;
    for (uint32_t i = 0; i < (*counters)->num_cameras; i++)
        free((*counters)->cameras[i].classes);
    free((*counters)->cameras);
    free(*counters);
    *counters = NULL;
}

static struct camera_counter *find_camera(struct tyto_counters *counters, const char *camera)
{
    for (uint32_t i = 0; i < counters->num_cameras; i++) {
        if (strcmp(counters->cameras[i].camera.camera, camera) == 0)
            return &counters->cameras[i];
    }
    const size_t num = (size_t)counters->num_cameras + 1;
    struct camera_counter *grown = realloc(counters->cameras, num * sizeof(*grown));
    if (!grown)
        return NULL;
    counters->cameras = grown;
    struct camera_counter *added = &grown[counters->num_cameras++];
    memset(added, 0, sizeof(*added));
    snprintf(added->camera.camera, sizeof(added->camera.camera), "%s", camera);
    return added;
}

static struct class_counter *find_class(struct camera_counter *camera, const char *class_name)
{
    for (uint32_t i = 0; i < camera->num_classes; i++) {
        if (strcmp(camera->classes[i].class_name, class_name) == 0)
            return &camera->classes[i];
    }
    const size_t num = (size_t)camera->num_classes + 1;
    struct class_counter *grown = realloc(camera->classes, num * sizeof(*grown));
    if (!grown)
        return NULL;
    camera->classes = grown;
    struct class_counter *added = &grown[camera->num_classes++];
    memset(added, 0, sizeof(*added));
    snprintf(added->class_name, sizeof(added->class_name), "%s", class_name);
    return added;
}

enum tyto_err tyto_counters_next(struct tyto_counters *counters, const char *camera,
                                 const char *class_name, uint64_t *ret_cam_seq,
                                 uint64_t *ret_class_seq)
{
    struct camera_counter *found = find_camera(counters, camera);
    if (!found)
        return TYTO_ERR_NOMEM;
    uint64_t class_seq = 0;
    if (class_name) {
        struct class_counter *found_class = find_class(found, class_name);
        if (!found_class)
            return TYTO_ERR_NOMEM;
        class_seq = ++found_class->seq;
    }
    *ret_cam_seq = ++found->cam_seq;
    *ret_class_seq = class_seq;
    return TYTO_OK;
}

enum tyto_err tyto_counters_restore(struct tyto_counters *counters, const char *camera,
                                    const char *class_name, uint64_t num)
{
    struct camera_counter *found = find_camera(counters, camera);
    struct class_counter *found_class = found && class_name ? find_class(found, class_name) : NULL;
    if (!found || (class_name && !found_class))
        return TYTO_ERR_NOMEM;
    uint64_t *last = found_class ? &found_class->seq : &found->cam_seq;
    if (num > *last)
        *last = num;
    if (!found_class)
        found->camera.cam_seq = *last;
    return TYTO_OK;
}

uint32_t tyto_counters_num_cameras(const struct tyto_counters *counters)
{
    return counters->num_cameras;
}

void tyto_counters_note_sent(struct tyto_counters *counters, const char *camera, uint64_t cam_seq)
{
    for (uint32_t i = 0; i < counters->num_cameras; i++) {
        if (strcmp(counters->cameras[i].camera.camera, camera) == 0)
            counters->cameras[i].camera.cam_seq = cam_seq;
    }
}

void tyto_counters_note_all_sent(struct tyto_counters *counters)
{
    for (uint32_t i = 0; i < counters->num_cameras; i++)
        counters->cameras[i].camera.cam_seq = counters->cameras[i].cam_seq;
}

void tyto_counters_get_camera(const struct tyto_counters *counters, uint32_t camera_idx,
                              struct tyto_camera_seq *ret_seq)
{
    *ret_seq = counters->cameras[camera_idx].camera;
}

void tyto_counters_keep_state(struct tyto_counters *counters, const struct tyto_camera_state *state)
{
    for (uint32_t i = 0; i < counters->num_cameras; i++) {
        struct camera_counter *camera = &counters->cameras[i];
        if (strcmp(camera->camera.camera, state->camera) == 0) {
            camera->state = *state;
            camera->has_state = true;
        }
    }
}

const struct tyto_camera_state *tyto_counters_get_state(const struct tyto_counters *counters,
                                                        uint32_t camera_idx)
{
    const struct camera_counter *camera = &counters->cameras[camera_idx];
    return camera->has_state ? &camera->state : NULL;
}
