/* SPDX-License-Identifier: MIT */
#include "daemon/config/config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "daemon/config/parse.h"
#include "daemon/config/schema.h"
#include "model/cman/cman.h"

#define DEFAULT_ROLL_NS (5 * (int64_t)TYTO_NS_PER_S)
#define DEFAULT_ENDPOINT "tcp://127.0.0.1:5571"

enum tyto_err tyto_config_create(struct tyto_config **ret_config)
{
    struct tyto_config *config = calloc(1, sizeof(*config));
    if (!config)
        return TYTO_ERR_NOMEM;
    snprintf(config->device, sizeof(config->device), "auto");
    config->look_ahead = TYTO_CMAN_LOOK_AHEAD_FROM_WEIGHTS;
    config->log_level = TYTO_LOG_INFO;
    snprintf(config->endpoints[0], sizeof(config->endpoints[0]), DEFAULT_ENDPOINT);
    config->num_endpoints = 1;
    config->record.pre_ns = config->record.post_ns = DEFAULT_ROLL_NS;
    *ret_config = config;
    return TYTO_OK;
}

void tyto_config_destroy(struct tyto_config **config)
{
    if (!config || !*config)
        return;
    for (uint32_t i = 0; i < (*config)->num_cameras; i++)
        free((*config)->cameras[i].rules.items);
    free((*config)->cameras);
    free((*config)->rules.items);
    free((*config)->record.cameras);
    free(*config);
    *config = NULL;
}

void tyto_uri_redact(const char *uri, char *ret_text, size_t text_bytes)
{
    const char *scheme_end = strstr(uri, "://");
    const char *host = scheme_end ? scheme_end + 3 : uri;
    const size_t num_authority = strcspn(host, "/?#");
    const char *at = NULL; /* the last one: passwords hold '@', too */
    for (const char *c = host; scheme_end && c < host + num_authority; c++)
        at = *c == '@' ? c : at;
    /* A '/' in a password ends the authority early by the rules; be safe. */
    const char *late_at = scheme_end && !at ? strchr(host, '@') : NULL;
    if (late_at && memchr(host, ':', (size_t)(late_at - host)))
        at = late_at;
    const char *rest = at ? at + 1 : host;
    const size_t num_rest = scheme_end ? strcspn(rest, "?") : strlen(rest);
    snprintf(ret_text, text_bytes, "%.*s%s%.*s%s", (int)(host - uri), uri, at ? "***@" : "",
             (int)num_rest, rest, rest[num_rest] ? "?***" : "");
}

/* --- checks between values ------------------------------------------------------------- */

static enum tyto_err check_camera(const struct tyto_config *config,
                                  const struct tyto_config_camera *camera,
                                  struct tyto_fault *ret_fault)
{
    struct tyto_fault fault;
    bool is_file = false;
    const enum tyto_err err = tyto_source_check_uri(camera->uri, &is_file, &fault);
    char shown[TYTO_CONFIG_URI_MAX];
    if (err == TYTO_OK)
        return TYTO_OK;
    tyto_uri_redact(camera->uri, shown, sizeof(shown));
    const char *where = camera->line ? config->file : NULL;
    return tyto_fault_set(ret_fault, TYTO_ERR_INVALID, where, camera->line, camera->id,
                          "'%.150s' cannot be watched: %.200s", shown, fault.text);
}

static enum tyto_err check_tracker(const struct tyto_config *config,
                                   const struct tyto_config_camera *camera,
                                   struct tyto_fault *ret_fault)
{
    struct tyto_tracker_params tracker;
    enum tyto_err err = tyto_config_make_tracker(config, camera, &tracker);
    if (err != TYTO_OK)
        return tyto_fault_set(ret_fault, err, NULL, 0, NULL, "%s", tyto_err_text(err));
    free((void *)(uintptr_t)tracker.rules);
    const uint32_t line = camera ? camera->line : 0;
    const uint32_t onset_num = tracker.onset_num ? tracker.onset_num : 2;
    const uint32_t onset_window = tracker.onset_window ? tracker.onset_window : 3;
    if (onset_num > onset_window)
        return tyto_fault_set(ret_fault, TYTO_ERR_INVALID, config->file, line, "tracker.onset_num",
                              "%u is more than the %u segments of tracker.onset_window: it could "
                              "never be reached",
                              onset_num, onset_window);
    const int64_t max_duration_ns =
        tracker.max_duration_ns ? tracker.max_duration_ns : 600 * (int64_t)TYTO_NS_PER_S;
    if (tracker.min_duration_ns >= max_duration_ns)
        return tyto_fault_set(ret_fault, TYTO_ERR_INVALID, config->file, line,
                              "tracker.min_duration_s",
                              "%.10g is not below tracker.max_duration_s (%.10g)",
                              (double)tracker.min_duration_ns / (double)TYTO_NS_PER_S,
                              (double)max_duration_ns / (double)TYTO_NS_PER_S);
    return TYTO_OK;
}

bool tyto_config_is_recorded(const struct tyto_config *config,
                             const struct tyto_config_camera *camera)
{
    bool is_named = config->record.num_cameras == 0;
    for (uint32_t i = 0; i < config->record.num_cameras && !is_named; i++)
        is_named = strcmp(config->record.cameras[i], camera->id) == 0;
    return config->record.dir[0] && is_named;
}

static enum tyto_err check_record(const struct tyto_config *config, struct tyto_fault *ret_fault)
{
    for (uint32_t i = 0; i < config->record.num_cameras; i++) {
        const char *id = config->record.cameras[i];
        bool is_known = false;
        for (uint32_t k = 0; k < config->num_cameras && !is_known; k++)
            is_known = strcmp(config->cameras[k].id, id) == 0;
        if (!is_known)
            return tyto_fault_set(ret_fault, TYTO_ERR_INVALID, config->file,
                                  config->record.cameras_line, "record.cameras",
                                  "'%s' is no camera of this file: leave record.cameras out to "
                                  "record all of them",
                                  id);
    }
    if (config->record.line && !config->record.dir[0])
        return tyto_fault_set(ret_fault, TYTO_ERR_INVALID, config->file, config->record.line,
                              "record.dir", "is missing: name the folder that recordings go to");
    if (config->record.max_clip_ns &&
        config->record.max_clip_ns <= config->record.pre_ns + config->record.post_ns)
        return tyto_fault_set(ret_fault, TYTO_ERR_INVALID, config->file, config->record.line,
                              "record.max_clip_s",
                              "leaves no time for an event between record.pre_s and record.post_s");
    return TYTO_OK;
}

enum tyto_err tyto_config_check(const struct tyto_config *config, struct tyto_fault *ret_fault)
{
    enum tyto_err err = TYTO_OK;
    if (config->num_cameras == 0)
        return tyto_fault_set(ret_fault, TYTO_ERR_INVALID, config->file, 0, "cameras",
                              "there is no camera: add '- {id: NAME, uri: URI}' to it");
    if (config->num_endpoints == 0)
        return tyto_fault_set(ret_fault, TYTO_ERR_INVALID, config->file, 0, "publish.endpoints",
                              "is empty: name at least one, e.g. " DEFAULT_ENDPOINT);
    if (config->control[0] && config->control[0] != '/' && strcmp(config->control, "off") != 0)
        return tyto_fault_set(ret_fault, TYTO_ERR_INVALID, config->file, 0, "control",
                              "'%s' is neither an absolute path nor 'off'", config->control);
    const bool is_causal = config->look_ahead != TYTO_CMAN_LOOK_AHEAD_FROM_WEIGHTS;
    if (is_causal && config->num_segments && config->look_ahead >= config->num_segments)
        return tyto_fault_set(ret_fault, TYTO_ERR_INVALID, config->file, 0, "inference.look_ahead",
                              "%u must be below inference.segments (%u)", config->look_ahead,
                              config->num_segments);
    err = check_record(config, ret_fault);
    if (err == TYTO_OK)
        err = check_tracker(config, NULL, ret_fault);
    for (uint32_t i = 0; err == TYTO_OK && i < config->num_cameras; i++) {
        err = check_camera(config, &config->cameras[i], ret_fault);
        if (err == TYTO_OK)
            err = check_tracker(config, &config->cameras[i], ret_fault);
    }
    return err;
}

/* --- what holds for one camera ------------------------------------------------------------- */

static const struct tyto_config_rule *find_rule(const struct tyto_config_rules *rules,
                                                const char *class_name)
{
    for (uint32_t i = 0; i < rules->num; i++) {
        if (strcmp(rules->items[i].rule.class_name, class_name) == 0)
            return &rules->items[i];
    }
    return NULL;
}

/* The camera's rule on top of that for all. */
static struct tyto_class_rule merge_rule(const struct tyto_config_rule *all,
                                         const struct tyto_config_rule *own)
{
    struct tyto_class_rule rule = all ? all->rule : own->rule;
    if (!all || !own)
        return rule;
    if (own->rule.threshold > 0.0f)
        rule.threshold = own->rule.threshold;
    if (own->rule.threshold_heard > 0.0f)
        rule.threshold_heard = own->rule.threshold_heard;
    if (own->rule.threshold_seen > 0.0f)
        rule.threshold_seen = own->rule.threshold_seen;
    if (own->has_publish)
        rule.off = own->rule.off;
    return rule;
}

enum tyto_err tyto_config_make_tracker(const struct tyto_config *config,
                                       const struct tyto_config_camera *camera,
                                       struct tyto_tracker_params *ret_params)
{
    static const struct tyto_config_rules none;
    const struct tyto_config_rules *all = &config->rules;
    const struct tyto_config_rules *own = camera ? &camera->rules : &none;
    struct tyto_class_rule *rules = calloc((size_t)all->num + own->num + 1, sizeof(*rules));
    if (!rules)
        return TYTO_ERR_NOMEM;
    uint32_t num = 0;
    for (uint32_t i = 0; i < all->num; i++)
        rules[num++] = merge_rule(&all->items[i], find_rule(own, all->items[i].rule.class_name));
    for (uint32_t i = 0; i < own->num; i++) {
        if (!find_rule(all, own->items[i].rule.class_name))
            rules[num++] = merge_rule(NULL, &own->items[i]);
    }
    *ret_params = config->tracker;
    ret_params->rules = rules;
    ret_params->num_rules = num;
    if (!camera)
        return TYTO_OK;
#define TAKE(field)                                                                                \
    ret_params->field = camera->tracker.field > 0 ? camera->tracker.field : ret_params->field
    TAKE(threshold);
    TAKE(threshold_single);
    TAKE(off_ratio);
    TAKE(onset_num);
    TAKE(onset_window);
    TAKE(hang_over_ns);
    TAKE(min_duration_ns);
    TAKE(max_duration_ns);
    TAKE(update_every_ns);
#undef TAKE
    ret_params->only_joint = config->tracker.only_joint || camera->tracker.only_joint;
    return TYTO_OK;
}

/* --- reading ------------------------------------------------------------------------------ */

enum tyto_err tyto_config_parse(const char *text, size_t text_bytes, const char *file,
                                struct tyto_config **ret_config, struct tyto_fault *ret_fault)
{
    struct tyto_config *config = NULL;
    enum tyto_err err = tyto_config_create(&config);
    if (err != TYTO_OK)
        return tyto_fault_set(ret_fault, err, file, 0, NULL, "%s", tyto_err_text(err));
    snprintf(config->file, sizeof(config->file), "%s", file);
    err = tyto_yaml_parse(text, text_bytes, file, tyto_config_read_root, config, ret_fault);
    if (err == TYTO_OK)
        err = tyto_config_check(config, ret_fault);
    if (err != TYTO_OK)
        tyto_config_destroy(&config);
    else
        *ret_config = config;
    return err;
}

static enum tyto_err read_file(const char *path, FILE *file, char *text, size_t text_bytes,
                               size_t *ret_bytes, struct tyto_fault *ret_fault)
{
    struct stat info;
    if (fstat(fileno(file), &info) == 0 && S_ISDIR(info.st_mode))
        return tyto_fault_set(ret_fault, TYTO_ERR_IO, path, 0, NULL, "is a folder, not a file");
    const size_t num_bytes = fread(text, 1, text_bytes, file);
    if (ferror(file))
        return tyto_fault_set(ret_fault, TYTO_ERR_IO, path, 0, NULL, "cannot be read: %s",
                              strerror(errno));
    if (num_bytes == text_bytes)
        return tyto_fault_set(ret_fault, TYTO_ERR_INVALID, path, 0, NULL,
                              "is larger than %d KiB: is it the right file?",
                              TYTO_CONFIG_FILE_MAX_BYTES / 1024);
    *ret_bytes = num_bytes;
    return TYTO_OK;
}

enum tyto_err tyto_config_load(const char *path, struct tyto_config **ret_config,
                               struct tyto_fault *ret_fault)
{
    FILE *file = fopen(path, "re");
    if (!file)
        return tyto_fault_set(ret_fault, errno == ENOENT ? TYTO_ERR_NOT_FOUND : TYTO_ERR_IO, path,
                              0, NULL, "cannot be opened: %s", strerror(errno));
    const size_t text_bytes = TYTO_CONFIG_FILE_MAX_BYTES + 1;
    char *text = malloc(text_bytes);
    size_t num_bytes = 0;
    enum tyto_err err = TYTO_ERR_NOMEM;
    if (text)
        err = read_file(path, file, text, text_bytes, &num_bytes, ret_fault);
    else
        (void)tyto_fault_set(ret_fault, err, path, 0, NULL, "out of memory");
    (void)fclose(file);
    if (err == TYTO_OK)
        err = tyto_config_parse(text, num_bytes, path, ret_config, ret_fault);
    free(text);
    return err;
}

/* --- the command line ----------------------------------------------------------------------- */

enum tyto_err tyto_config_add_uri(struct tyto_config *config, const char *argument,
                                  struct tyto_fault *ret_fault)
{
    char id[TYTO_ID_MAX + 1];
    const char *uri = argument;
    const size_t num_name = strcspn(argument, "=:/");
    const bool has_name = argument[num_name] == '=' && num_name > 0;
    snprintf(id, sizeof(id), "cam%u", config->num_cameras + 1);
    if (has_name) {
        uri = argument + num_name + 1;
        if (num_name < sizeof(id))
            snprintf(id, sizeof(id), "%.*s", (int)num_name, argument);
        if (num_name >= sizeof(id) || !tyto_id_is_valid(id))
            return tyto_fault_set(ret_fault, TYTO_ERR_INVALID, NULL, 0, NULL,
                                  "'%.*s' is no camera name: use a-z, 0-9, '_' and '-'",
                                  (int)(num_name < 64 ? num_name : 64), argument);
    }
    if (!uri[0] || strlen(uri) >= TYTO_CONFIG_URI_MAX)
        return tyto_fault_set(ret_fault, TYTO_ERR_INVALID, NULL, 0, id, "the URI is %s",
                              uri[0] ? "too long" : "empty");
    for (uint32_t i = 0; i < config->num_cameras; i++) {
        if (strcmp(config->cameras[i].id, id) == 0)
            return tyto_fault_set(ret_fault, TYTO_ERR_EXISTS, NULL, 0, id,
                                  "two cameras have this id: name them apart with NAME=URI");
    }
    if (config->num_cameras == TYTO_ENGINE_MAX_CAMERAS)
        return tyto_fault_set(ret_fault, TYTO_ERR_INVALID, NULL, 0, id, "over %d cameras",
                              TYTO_ENGINE_MAX_CAMERAS);
    struct tyto_config_camera *camera = tyto_config_new_camera(config);
    if (!camera)
        return tyto_fault_set(ret_fault, TYTO_ERR_NOMEM, NULL, 0, id, "out of memory");
    snprintf(camera->id, sizeof(camera->id), "%s", id);
    snprintf(camera->uri, sizeof(camera->uri), "%s", uri);
    return TYTO_OK;
}
