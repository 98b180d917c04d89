/* SPDX-License-Identifier: MIT */
#include "base/paths.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A variable's value as far as it is one absolute path (systemd gives several, between colons). */
static bool read_folder(const char *variable, const char **ret_folder, int *ret_bytes)
{
    const char *value = getenv(variable);
    if (!value || value[0] != '/')
        return false;
    *ret_folder = value;
    *ret_bytes = (int)strnlen(value, PATH_MAX);
    return true;
}

static bool read_systemd(const char *variable, const char **ret_folder, int *ret_bytes)
{
    if (!read_folder(variable, ret_folder, ret_bytes))
        return false;
    *ret_bytes = (int)strcspn(*ret_folder, ":");
    return true;
}

static bool join(const char *folder, int folder_bytes, const char *below, const char *name,
                 char *ret_path, size_t path_bytes)
{
    const int num = snprintf(ret_path, path_bytes, "%.*s%s%s%s", folder_bytes, folder, below,
                             name[0] ? "/" : "", name);
    return num > 0 && (size_t)num < path_bytes;
}

/* systemd's folder, else the user's for this kind, else one below his home. */
static bool find_kept(const char *systemd, const char *user, const char *below_home,
                      const char *name, char *ret_path, size_t path_bytes)
{
    const char *folder = NULL;
    int num_bytes = 0;
    if (read_systemd(systemd, &folder, &num_bytes))
        return join(folder, num_bytes, "", name, ret_path, path_bytes);
    if (read_folder(user, &folder, &num_bytes))
        return join(folder, num_bytes, "/tyto", name, ret_path, path_bytes);
    return read_folder("HOME", &folder, &num_bytes) &&
           join(folder, num_bytes, below_home, name, ret_path, path_bytes);
}

bool tyto_paths_cache(const char *name, char *ret_path, size_t path_bytes)
{
    return find_kept("CACHE_DIRECTORY", "XDG_CACHE_HOME", "/.cache/tyto", name, ret_path,
                     path_bytes);
}

bool tyto_paths_state(const char *name, char *ret_path, size_t path_bytes)
{
    return find_kept("STATE_DIRECTORY", "XDG_STATE_HOME", "/.local/state/tyto", name, ret_path,
                     path_bytes);
}

bool tyto_paths_runtime(const char *name, char *ret_path, size_t path_bytes)
{
    const char *folder = NULL;
    int num_bytes = 0;
    if (read_systemd("RUNTIME_DIRECTORY", &folder, &num_bytes))
        return join(folder, num_bytes, "", name, ret_path, path_bytes);
    return read_folder("XDG_RUNTIME_DIR", &folder, &num_bytes) &&
           join(folder, num_bytes, "/tyto", name, ret_path, path_bytes);
}

bool tyto_paths_meeting(const char *name, char *ret_path, size_t path_bytes)
{
    const char *folder = NULL;
    int num_bytes = 0;
    if (!read_folder("XDG_RUNTIME_DIR", &folder, &num_bytes))
        return tyto_paths_system(name, ret_path, path_bytes);
    return join(folder, num_bytes, "/tyto", name, ret_path, path_bytes);
}

bool tyto_paths_system(const char *name, char *ret_path, size_t path_bytes)
{
    return join("/run", 4, "/tyto", name, ret_path, path_bytes);
}

bool tyto_paths_program(const char *name, char *ret_path, size_t path_bytes)
{
    char program[PATH_MAX];
    const ssize_t num = readlink("/proc/self/exe", program, sizeof(program) - 1);
    if (num <= 0)
        return false;
    program[num] = '\0';
    const char *slash = strrchr(program, '/');
    return slash && join(program, (int)(slash - program), "", name, ret_path, path_bytes);
}
