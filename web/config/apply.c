/* SPDX-License-Identifier: MIT */
#include "web/config/apply.h"

#include <errno.h>
#include <glib.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "client/control/ask.h"
#include "files/replace.h"

bool tyto_config_is_writable(const char *file, struct tyto_fault *ret_fault)
{
    struct stat found;
    char *path = realpath(file, NULL);
    const char *why = NULL;
    if (!path || stat(path, &found) != 0 || !S_ISREG(found.st_mode)) {
        why = path ? "is no file" : g_strerror(errno);
    } else {
        char *folder = g_path_get_dirname(path);
        /* It is replaced as a whole, so that it never stands there half: by another owner's it
         * would become this one's. */
        if (access(path, W_OK) != 0 || access(folder, W_OK) != 0)
            why = "this server may not write it";
        else if (found.st_uid != geteuid())
            why = "it belongs to somebody else than this server";
        g_free(folder);
    }
    free(path);
    if (why)
        (void)tyto_fault_set(ret_fault, TYTO_ERR_IO, file, 0, NULL, "%s", why);
    return why == NULL;
}

/* tytod's own words where it says no. */
static enum tyto_err reload(const struct tyto_config_change *change, uint32_t *ret_generation,
                            bool *ret_tuned, struct tyto_fault *ret_fault)
{
    struct tyto_json *request = tyto_json_new_object(), *answer = NULL;
    bool is_ok = false;
    uint32_t line = 0;
    tyto_json_set(request, "command", tyto_json_new_string("reload"));
    enum tyto_err err = tyto_ask_daemon(change->socket, request, &answer, ret_fault);
    tyto_json_destroy(&request);
    if (err)
        return err;
    *ret_generation = 0;
    *ret_tuned = false;
    (void)tyto_json_bool(tyto_json_get(answer, "ok"), &is_ok);
    (void)tyto_json_u32(tyto_json_get(answer, "generation"), UINT32_MAX, ret_generation);
    (void)tyto_json_bool(tyto_json_get(answer, "tuned"), ret_tuned);
    (void)tyto_json_u32(tyto_json_get(answer, "line"), UINT32_MAX, &line);
    if (!is_ok) {
        const char *text = tyto_json_string(tyto_json_get(answer, "error"));
        err = tyto_fault_set(ret_fault, TYTO_ERR_INVALID,
                             tyto_json_string(tyto_json_get(answer, "file")), line,
                             tyto_json_string(tyto_json_get(answer, "key")), "tytod refuses it: %s",
                             text ? text : "it does not say why");
    }
    tyto_json_destroy(&answer);
    return err;
}

static enum tyto_err write_file(const char *path, mode_t mode, const char *text, size_t num_bytes,
                                struct tyto_fault *ret_fault)
{
    const enum tyto_err err = tyto_replace_all(path, mode, text, num_bytes);
    return err ? tyto_fault_set(ret_fault, err, path, 0, NULL, "%s", g_strerror(errno)) : TYTO_OK;
}

/* path: without symbolic links, which a replaced file would take the place of. */
static enum tyto_err apply(const struct tyto_config_change *change, const char *path,
                           uint32_t *ret_generation, bool *ret_tuned, struct tyto_fault *ret_fault)
{
    struct stat found;
    char *before = NULL, *after = NULL;
    gsize num_bytes = 0;
    if (stat(path, &found) != 0 || found.st_size > TYTO_CONFIG_MAX_BYTES ||
        !g_file_get_contents(path, &before, &num_bytes, NULL))
        return tyto_fault_set(ret_fault, TYTO_ERR_IO, path, 0, NULL,
                              "cannot be read, or is larger than any configuration");
    enum tyto_err err = tyto_config_edit(path, before, num_bytes, change->camera, change->wishes,
                                         change->num_wishes, &after, ret_fault);
    if (!err)
        err = write_file(path, found.st_mode & 07777, after, strlen(after), ret_fault);
    if (!err) {
        err = reload(change, ret_generation, ret_tuned, ret_fault);
        if (err && write_file(path, found.st_mode & 07777, before, num_bytes, ret_fault) != TYTO_OK)
            err = TYTO_ERR_IO;
    }
    g_free(before);
    g_free(after);
    return err;
}

enum tyto_err tyto_config_apply(const struct tyto_config_change *change, uint32_t *ret_generation,
                                bool *ret_tuned, struct tyto_fault *ret_fault)
{
    if (!tyto_config_is_writable(change->file, ret_fault))
        return TYTO_ERR_IO;
    char *path = realpath(change->file, NULL);
    const enum tyto_err err = path ? apply(change, path, ret_generation, ret_tuned, ret_fault)
                                   : tyto_fault_set(ret_fault, TYTO_ERR_IO, change->file, 0, NULL,
                                                    "%s", g_strerror(errno));
    free(path);
    return err;
}
