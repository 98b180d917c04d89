/* SPDX-License-Identifier: MIT */
/* What must hold between values. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/secret.h"
#include "daemon/config/config.h"
#include "model/cman/cman.h"
#include "pipeline/track/options.h"

static enum tyto_err check_camera(const struct tyto_config *config,
                                  const struct tyto_config_camera *camera,
                                  struct tyto_fault *ret_fault)
{
    struct tyto_fault fault;
    bool is_file = false;
    const char *doubt = tyto_secret_doubt(camera->uri);
    char shown[TYTO_CONFIG_URI_MAX];
    const enum tyto_err err =
        doubt ? tyto_fault_set(&fault, TYTO_ERR_INVALID, NULL, 0, NULL, "%s", doubt)
              : tyto_source_check_uri(camera->uri, &is_file, &fault);
    if (!err)
        return TYTO_OK;
    tyto_secret_redact(camera->uri, shown, sizeof(shown));
    const char *where = camera->line ? config->file : NULL;
    char key[TYTO_CONFIG_KEY_MAX];
    tyto_config_key(camera, "uri", key);
    return tyto_fault_set(ret_fault, TYTO_ERR_INVALID, where, camera->line,
                          camera->line ? key : camera->id, "'%.150s' cannot be watched: %.200s",
                          shown, fault.text);
}

static enum tyto_err check_tracker(const struct tyto_config *config,
                                   const struct tyto_config_camera *camera,
                                   struct tyto_fault *ret_fault)
{
    struct tyto_tracker_params tracker;
    struct tyto_fault fault;
    enum tyto_err err = tyto_config_make_tracker(config, camera, &tracker);
    if (err)
        return tyto_fault_set(ret_fault, err, NULL, 0, NULL, "%s", tyto_err_text(err));
    err = tyto_tracker_params_check(&tracker, &fault);
    free((void *)(uintptr_t)tracker.rules);
    if (!err)
        return TYTO_OK;
    char part[TYTO_CONFIG_KEY_MAX], key[TYTO_CONFIG_KEY_MAX];
    snprintf(part, sizeof(part), "tracker.%s", fault.key);
    tyto_config_key(camera, part, key);
    return tyto_fault_set(ret_fault, err, config->file, camera ? camera->line : 0, key, "%s",
                          fault.text);
}

/* Zones that a class requires are the camera's own: what is said for all cameras names none. */
static enum tyto_err check_required(const struct tyto_config *config,
                                    const struct tyto_config_camera *camera,
                                    struct tyto_fault *ret_fault)
{
    const struct tyto_config_rules *rules = camera ? &camera->rules : &config->rules;
    for (uint32_t i = 0; i < rules->num; i++) {
        const struct tyto_zone_names *required = &rules->items[i].rule.required_zones;
        for (uint32_t k = 0; k < required->num; k++) {
            bool is_known = false;
            for (uint32_t z = 0; camera && z < camera->zones.num_zones && !is_known; z++)
                is_known = strcmp(camera->zones.zones[z].name, required->names[k]) == 0;
            char part[TYTO_CONFIG_KEY_MAX], key[TYTO_CONFIG_KEY_MAX];
            snprintf(part, sizeof(part), "classes.%s.required_zones",
                     rules->items[i].rule.class_name);
            tyto_config_key(camera, part, key);
            if (!is_known)
                return tyto_fault_set(
                    ret_fault, TYTO_ERR_INVALID, config->file, rules->items[i].line, key,
                    "'%s' is no zone of %s", required->names[k],
                    camera ? camera->id : "all cameras: say it in a camera's own classes");
        }
    }
    return TYTO_OK;
}

static enum tyto_err check_record(const struct tyto_config *config, struct tyto_fault *ret_fault)
{
    for (uint32_t i = 0; i < config->record.cameras.num; i++) {
        const char *id = config->record.cameras.texts[i];
        if (tyto_config_find_camera(config, id) == config->num_cameras)
            return tyto_fault_set(ret_fault, TYTO_ERR_INVALID, config->file,
                                  config->record.cameras_line, "record.cameras",
                                  "'%s' is no camera of this file: leave record.cameras out to "
                                  "record all of them",
                                  id);
    }
    if (config->record.line && !config->record.store.dir[0])
        return tyto_fault_set(ret_fault, TYTO_ERR_INVALID, config->file, config->record.line,
                              "record.dir", "is missing: name the folder that recordings go to");
    if (config->record.store.dir[0] &&
        config->record.max_clip_ns <= config->record.pre_ns + config->record.post_ns)
        return tyto_fault_set(ret_fault, TYTO_ERR_INVALID, config->file, config->record.line,
                              "record.max_clip_s",
                              "leaves no time for an event between record.pre_s and record.post_s");
    if (config->snapshots.store.dir[0] &&
        strcmp(config->snapshots.store.dir, config->record.store.dir) == 0)
        return tyto_fault_set(ret_fault, TYTO_ERR_INVALID, config->file, 0, "snapshots.dir",
                              "'%.200s' is record.dir, too: the two need a folder each",
                              config->snapshots.store.dir);
    return TYTO_OK;
}

static enum tyto_err check_metrics(const struct tyto_config *config, struct tyto_fault *ret_fault)
{
    const char *listen = config->metrics.listen;
    bool is_loopback = true;
    if (!listen[0] || strcmp(listen, "off") == 0)
        return TYTO_OK;
    const enum tyto_err err = tyto_http_check_address(listen, &is_loopback, ret_fault);
    if (err || is_loopback || config->metrics.may_leave_loopback)
        return err;
    return tyto_fault_set(
        ret_fault, TYTO_ERR_INVALID, config->file, 0, "metrics.listen",
        "other hosts could reach %s, and nothing is encrypted: bind 127.0.0.1, or "
        "say metrics.beyond_loopback: true",
        listen);
}

/* Whether HOST:PORT and a tcp:// endpoint, further ports on, are one address. */
static bool is_same_address(const char *listen, const char *endpoint, long further)
{
    const char *colon = strrchr(listen, ':'), *at = strrchr(endpoint, ':');
    const char *host = colon ? listen : "127.0.0.1";
    const size_t num_host = colon ? (size_t)(colon - listen) : strlen(host);
    if (strncmp(endpoint, "tcp://", 6) != 0 || at < endpoint + 6)
        return false;
    const char *other = endpoint + 6;
    size_t num_other = (size_t)(at - other);
    if (num_other == 9 && strncmp(other, "localhost", 9) == 0) {
        other = "127.0.0.1";
        num_other = strlen(other);
    }
    return strtol(colon ? colon + 1 : listen, NULL, 10) == strtol(at + 1, NULL, 10) + further &&
           num_host == num_other && strncmp(host, other, num_host) == 0;
}

/* What would be refused only when it is bound. */
static enum tyto_err check_addresses(const struct tyto_config *config, struct tyto_fault *ret_fault)
{
    const char *listen = config->metrics.listen;
    const struct tyto_texts *events = &config->endpoints, *queries = &config->query_endpoints;
    if (!listen[0] || strcmp(listen, "off") == 0)
        return TYTO_OK;
    for (uint32_t i = 0; i < events->num + queries->num; i++) {
        const bool is_event = i < events->num;
        const char *text = is_event ? events->texts[i] : queries->texts[i - events->num];
        const bool is_beside = is_event && queries->num == 0 && is_same_address(listen, text, 1);
        if (is_same_address(listen, text, 0) || is_beside)
            return tyto_fault_set(ret_fault, TYTO_ERR_INVALID, config->file, 0, "metrics.listen",
                                  "'%s' is an endpoint, too (%.100s%s): give it another port",
                                  listen, text, is_beside ? ", queries one port further" : "");
    }
    return TYTO_OK;
}

static enum tyto_err check_keys(const struct tyto_config *config, struct tyto_fault *ret_fault)
{
    const bool has_key = config->server_key[0], has_clients = config->clients[0];
    if (has_key != has_clients)
        return tyto_fault_set(ret_fault, TYTO_ERR_INVALID, config->file, 0,
                              has_key ? "publish.clients" : "publish.server_key",
                              "is missing: tytod's key and the file of clients belong together");
    enum tyto_err err = TYTO_OK;
    for (uint32_t i = 0; !err && i < config->endpoints.num; i++) {
        struct tyto_fault fault = {.text = ""};
        const char *endpoint = config->endpoints.texts[i];
        if (strcmp(endpoint, "ipc") != 0)
            err = tyto_publisher_check_endpoint(endpoint, has_key, &fault);
        if (err)
            (void)tyto_fault_set(ret_fault, err, config->file, config->endpoints_line,
                                 "publish.endpoints", "%s", fault.text);
    }
    for (uint32_t i = 0; !err && i < config->query_endpoints.num; i++) {
        struct tyto_fault fault = {.text = ""};
        const char *endpoint = config->query_endpoints.texts[i];
        if (strcmp(endpoint, "off") != 0)
            err = tyto_publisher_check_endpoint(endpoint, has_key, &fault);
        if (err)
            (void)tyto_fault_set(ret_fault, err, config->file, 0, "publish.query", "%s",
                                 fault.text);
    }
    return err;
}

enum tyto_err tyto_config_check(const struct tyto_config *config, struct tyto_fault *ret_fault)
{
    enum tyto_err err = TYTO_OK;
    if (config->num_cameras == 0 && !config->has_empty_list)
        return tyto_fault_set(ret_fault, TYTO_ERR_INVALID, config->file, 0, "cameras",
                              "there is no camera: add '- {id: NAME, uri: URI}' to it, or write "
                              "'cameras: []'");
    if (config->endpoints.num == 0)
        return tyto_fault_set(ret_fault, TYTO_ERR_INVALID, config->file, 0, "publish.endpoints",
                              "is empty: name at least one, or leave it out");
    for (uint32_t i = 0; i < config->endpoints.num; i++) {
        const char *endpoint = config->endpoints.texts[i];
        if (config->control[0] && strncmp(endpoint, "ipc://", 6) == 0 &&
            strcmp(endpoint + 6, config->control) == 0)
            return tyto_fault_set(ret_fault, TYTO_ERR_INVALID, config->file, 0, "control",
                                  "'%.200s' is an endpoint, too: the two need a path each",
                                  config->control);
    }
    for (uint32_t i = 0; i < config->query_endpoints.num; i++) {
        if (strcmp(config->query_endpoints.texts[i], "off") == 0 && config->query_endpoints.num > 1)
            return tyto_fault_set(ret_fault, TYTO_ERR_INVALID, config->file, 0, "publish.query",
                                  "'off' stands alone");
    }
    const bool is_causal = config->look_ahead != TYTO_CMAN_LOOK_AHEAD_FROM_WEIGHTS;
    if (is_causal && config->num_segments && config->look_ahead >= config->num_segments)
        return tyto_fault_set(ret_fault, TYTO_ERR_INVALID, config->file, 0, "inference.look_ahead",
                              "%u must be below inference.segments (%u)", config->look_ahead,
                              config->num_segments);
    err = check_metrics(config, ret_fault);
    if (!err)
        err = check_addresses(config, ret_fault);
    if (!err)
        err = check_keys(config, ret_fault);
    if (!err)
        err = check_record(config, ret_fault);
    if (!err)
        err = check_required(config, NULL, ret_fault);
    if (!err)
        err = check_tracker(config, NULL, ret_fault);
    for (uint32_t i = 0; !err && i < config->num_cameras; i++) {
        err = check_camera(config, &config->cameras[i], ret_fault);
        if (!err)
            err = check_required(config, &config->cameras[i], ret_fault);
        if (!err)
            err = check_tracker(config, &config->cameras[i], ret_fault);
    }
    return err;
}
