/* SPDX-License-Identifier: MIT */
/* AVE's files: their official names, and the shapes their data sets must have. */
#include "trainer/data/ave/internal.h"
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum tyto_err tyto_ave_path(const struct tyto_ave_opening *opening, const char *given,
                            const char *name, char *ret_path, size_t path_bytes)
{
    const char *dir = opening->params->dir;
    if (!given && !dir)
        return tyto_fault_set(opening->fault, TYTO_ERR_INVALID, NULL, 0, name,
                              "neither the file nor its folder is named");
    const int num = given ? snprintf(ret_path, path_bytes, "%s", given)
                          : snprintf(ret_path, path_bytes, "%s/%s", dir, name);
    if (num < 0 || (size_t)num >= path_bytes)
        return tyto_fault_set(opening->fault, TYTO_ERR_INVALID, NULL, 0, name,
                              "its path is too long");
    return TYTO_OK;
}

enum tyto_err tyto_ave_open_file(const struct tyto_ave_opening *opening, const char *given,
                                 const char *name, struct tyto_hdf5 **ret_hdf5)
{
    char path[PATH_MAX];
    const enum tyto_err err = tyto_ave_path(opening, given, name, path, sizeof(path));
    return err ? err : tyto_hdf5_open(path, NULL, ret_hdf5, opening->fault);
}

/* Of a file that may be absent, unless it was named. */
bool tyto_ave_is_there(const struct tyto_ave_opening *opening, const char *given, const char *name)
{
    char path[PATH_MAX];
    return given || (opening->params->dir &&
                     tyto_ave_path(opening, NULL, name, path, sizeof(path)) == TYTO_OK &&
                     access(path, F_OK) == 0);
}

enum tyto_err tyto_ave_shape_fault(const struct tyto_ave_opening *opening,
                                   const struct tyto_hdf5 *hdf5, const char *wanted)
{
    const struct tyto_hdf5_info *info = tyto_hdf5_get_info(hdf5);
    char dims[160] = "";
    for (uint32_t i = 0; i < info->num_dims; i++)
        snprintf(dims + strlen(dims), sizeof(dims) - strlen(dims), "%s%llu", i ? ", " : "",
                 (unsigned long long)info->dims[i]);
    return tyto_fault_set(opening->fault, TYTO_ERR_SHAPE, tyto_hdf5_get_path(hdf5), 0, info->name,
                          "its shape is (%s), not %s: do the files belong together?", dims, wanted);
}

/* dims[0..num) of the dataset, and no further ones. */
bool tyto_ave_has_dims(const struct tyto_hdf5 *hdf5, const uint64_t *dims, uint32_t num)
{
    const struct tyto_hdf5_info *info = tyto_hdf5_get_info(hdf5);
    bool ok = info->num_dims == num;
    for (uint32_t i = 0; i < num && ok; i++)
        ok = info->dims[i] == dims[i];
    return ok;
}
