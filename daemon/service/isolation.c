/* SPDX-License-Identifier: MIT */
#include "daemon/service/isolation.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/paths.h"

/* Beside tytod where it was built, and where it is installed. */
static bool find_program(char *ret_path, size_t path_bytes)
{
    return (tyto_paths_program("tyto-source", ret_path, path_bytes) &&
            access(ret_path, X_OK) == 0) ||
           (tyto_paths_program("../libexec/tyto/tyto-source", ret_path, path_bytes) &&
            access(ret_path, X_OK) == 0);
}

enum tyto_err tyto_isolation_check(const struct tyto_config *config, struct tyto_fault *ret_fault)
{
    char path[TYTO_ISOLATION_PATH_MAX] = "", key[TYTO_CONFIG_KEY_MAX];
    uint32_t i = 0;
    while (i < config->num_cameras && !config->cameras[i].isolate)
        i++;
    if (i == config->num_cameras || find_program(path, sizeof(path)))
        return TYTO_OK;
    tyto_config_key(&config->cameras[i], "isolate", key);
    return tyto_fault_set(ret_fault, TYTO_ERR_NOT_FOUND, config->file, config->cameras[i].line, key,
                          "there is no %.300s: install it (it comes with tytod), or leave isolate "
                          "out",
                          path);
}

/* --- environment ------------------------------------------------------------------------------ */

enum { NUM_OWN = 2 }; /* that are added */

/* Where a desktop's settings are kept in a folder (dconf), GIO wants to write there at each
 * connection, for proxies that are not used, and complains when it may not. */
static char no_settings[] = "GSETTINGS_BACKEND=memory";

/* What ends in '*' stands for all that begin so. Proxies are left out, whose addresses may hold a
 * password: cameras are reached without one. */
static const char *const kept[] = {
    "PATH",      "HOME",         "TMPDIR",     "TZ",       "LANG",           "LC_*",
    "XDG_*",     "LD_LIBRARY_*", "LD_PRELOAD", "MALLOC_*", "GLIBC_TUNABLES", "G_DEBUG",
    "G_SLICE",   "G_MESSAGES_*", "GIO_*",      "GST_*",    "ORC_*",          "LIBVA_*",
    "VDPAU_*",   "SSL_CERT_*",   "ASAN_*",     "UBSAN_*",  "LSAN_*",         "TSAN_*",
    "FAKETIME*", "GCOV_*",
};

static bool is_kept(const char *variable)
{
    const size_t num_chars = strcspn(variable, "=");
    bool is = false;
    for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]) && !is; i++) {
        const size_t kept_chars = strcspn(kept[i], "*");
        const bool is_beginning = kept[i][kept_chars] == '*';
        is = strncmp(variable, kept[i], kept_chars) == 0 &&
             (is_beginning ? num_chars >= kept_chars : num_chars == kept_chars);
    }
    return is;
}

void tyto_isolation_choose_env(char *const env[], char *ret_env[TYTO_ISOLATION_MAX_ENV + 1])
{
    uint32_t num = 0;
    for (; *env && num < TYTO_ISOLATION_MAX_ENV - NUM_OWN; env++) {
        if (is_kept(*env))
            ret_env[num++] = *env;
    }
    ret_env[num] = NULL;
}

/* And GStreamer keeps what it knows of its plug-ins in a file of its own; where it can write none,
 * as under systemd, each process would look at all of them for a second. */
static void add_own(struct tyto_isolation_found *found)
{
    static const char name[] = "GST_REGISTRY=";
    uint32_t num = 0;
    bool is_there = false;
    for (; found->env[num]; num++)
        is_there |= strncmp(found->env[num], name, sizeof(name) - 1) == 0;
    found->env[num++] = no_settings;
    found->env[num] = NULL;
    memcpy(found->registry, name, sizeof(name));
    if (is_there || !tyto_paths_cache("gstreamer.registry", found->registry + sizeof(name) - 1,
                                      sizeof(found->registry) - sizeof(name) + 1))
        return;
    found->env[num] = found->registry;
    found->env[num + 1] = NULL;
}

/* --- all -------------------------------------------------------------------------------------- */

static void on_line(void *user, const char *camera, const char *text)
{
    const struct tyto_log *log = user;
    tyto_log_write(log, TYTO_LOG_WARNING, "library", "process of camera %s: %s", camera, text);
}

void tyto_isolation_find(const struct tyto_log *log, struct tyto_isolation_found *ret_found)
{
    (void)find_program(ret_found->program, sizeof(ret_found->program));
    tyto_isolation_choose_env(environ, ret_found->env);
    add_own(ret_found);
    ret_found->isolation = (struct tyto_isolation){
        .program = ret_found->program,
        .env = ret_found->env,
        .on_line = on_line,
        .user = (void *)(uintptr_t)log,
    };
}
