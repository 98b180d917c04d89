/* SPDX-License-Identifier: MIT */
/* A file, or a URI of the command line, to a configuration. */
#include "daemon/config/config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/paths.h"
#include "daemon/config/parse.h"
#include "daemon/config/schema.h"
#include "files/open.h"

/* --- reading ------------------------------------------------------------------------------ */

enum tyto_err tyto_config_parse(const char *text, size_t text_bytes, const char *file,
                                struct tyto_config **ret_config, struct tyto_fault *ret_fault)
{
    struct tyto_config *config = NULL;
    enum tyto_err err = tyto_config_create(&config);
    if (err)
        return tyto_fault_set(ret_fault, err, file, 0, NULL, "%s", tyto_err_text(err));
    snprintf(config->file, sizeof(config->file), "%s", file);
    err = tyto_yaml_parse(text, text_bytes, file, tyto_config_read_root, config, ret_fault);
    if (!err)
        err = tyto_config_check(config, ret_fault);
    if (err)
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
    FILE *file = tyto_fopen_text(path);
    if (!file)
        return tyto_fault_set(ret_fault, errno == ENOENT ? TYTO_ERR_NOT_FOUND : TYTO_ERR_IO, path,
                              0, NULL, "cannot be opened: %s", tyto_open_reason(errno));
    const size_t text_bytes = TYTO_CONFIG_FILE_MAX_BYTES + 1;
    char *text = malloc(text_bytes);
    size_t num_bytes = 0;
    enum tyto_err err = TYTO_ERR_NOMEM;
    if (text)
        err = read_file(path, file, text, text_bytes, &num_bytes, ret_fault);
    else
        (void)tyto_fault_set(ret_fault, err, path, 0, NULL, "out of memory");
    (void)fclose(file);
    if (!err)
        err = tyto_config_parse(text, num_bytes, path, ret_config, ret_fault);
    free(text);
    return err;
}

/* --- the folder for state ------------------------------------------------------------------------
 */

bool tyto_config_find_state(const struct tyto_config *config, const char *suffix, char *ret_path,
                            size_t path_bytes)
{
    char name[256];
    const int num = snprintf(name, sizeof(name), "%.220s.%s", config->endpoints.texts[0], suffix);
    for (char *c = name; *c; c++) {
        if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-", *c))
            *c = '_';
    }
    if (strcmp(config->state_dir, "off") == 0)
        return false;
    if (!config->state_dir[0])
        return tyto_paths_state(name, ret_path, path_bytes);
    const int num_path = snprintf(ret_path, path_bytes, "%s/%s", config->state_dir, name);
    return num > 0 && num_path > 0 && (size_t)num_path < path_bytes;
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
    if (tyto_config_find_camera(config, id) < config->num_cameras)
        return tyto_fault_set(ret_fault, TYTO_ERR_EXISTS, NULL, 0, id,
                              "two cameras have this id: name them apart with NAME=URI");
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
