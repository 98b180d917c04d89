/* SPDX-License-Identifier: MIT */
#include "cli/bridge/core/position.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/folder.h"
#include "cli/common/position.h"

enum { MODE = 0640 };

struct tyto_bridge_position {
    const char *path;
    int lock_fd;
};

bool tyto_bridge_place_is_same(const struct tyto_bridge_place *a, const struct tyto_bridge_place *b)
{
    return a->is_known == b->is_known && a->at.seq == b->at.seq &&
           memcmp(a->at.log_id, b->at.log_id, sizeof(a->at.log_id)) == 0;
}

/* --- the file ----------------------------------------------------------------------------------
 */

static enum tyto_err refuse(struct tyto_fault *ret_fault, const char *path, int reason)
{
    return tyto_fault_set(ret_fault, TYTO_ERR_IO, path, 0, NULL, "%s", strerror(reason));
}

static enum tyto_err load(const char *path, struct tyto_bridge_place *ret_place,
                          struct tyto_fault *ret_fault)
{
    struct tyto_fault none = {.text = ""};
    const enum tyto_err err = tyto_position_read(path, &ret_place->at, &none);
    ret_place->is_known = !err;
    if (err == TYTO_ERR_NOT_FOUND)
        return TYTO_OK;
    if (err)
        *ret_fault = none;
    return err;
}

static enum tyto_err lock(struct tyto_bridge_position *position, struct tyto_fault *ret_fault)
{
    char path[4096];
    const enum tyto_err err = tyto_folder_make_for(position->path);
    if (err)
        return err == TYTO_ERR_IO ? refuse(ret_fault, position->path, errno) : err;
    if (snprintf(path, sizeof(path), "%s.lock", position->path) >= (int)sizeof(path))
        return refuse(ret_fault, position->path, ENAMETOOLONG);
    position->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, MODE);
    if (position->lock_fd < 0)
        return refuse(ret_fault, path, errno);
    if (flock(position->lock_fd, LOCK_EX | LOCK_NB) == 0)
        return TYTO_OK;
    return tyto_fault_set(ret_fault, TYTO_ERR_FULL, position->path, 0, NULL,
                          "another bridge runs with this position: give each its own by --state");
}

enum tyto_err tyto_bridge_position_open(const char *path,
                                        struct tyto_bridge_position **ret_position,
                                        struct tyto_bridge_place *ret_place,
                                        struct tyto_fault *ret_fault)
{
    struct tyto_bridge_position *position = calloc(1, sizeof(*position));
    if (!position)
        return TYTO_ERR_NOMEM;
    *position = (struct tyto_bridge_position){.path = path, .lock_fd = -1};
    *ret_place = (struct tyto_bridge_place){.is_known = false};
    enum tyto_err err = lock(position, ret_fault);
    if (!err)
        err = load(path, ret_place, ret_fault);
    if (err)
        tyto_bridge_position_close(&position);
    *ret_position = position;
    return err;
}

enum tyto_err tyto_bridge_position_store(struct tyto_bridge_position *position,
                                         const struct tyto_bridge_place *place,
                                         struct tyto_fault *ret_fault)
{
    return tyto_position_write(position->path, &place->at, ret_fault);
}

void tyto_bridge_position_close(struct tyto_bridge_position **position)
{
    if (!*position)
        return;
    if ((*position)->lock_fd >= 0)
        close((*position)->lock_fd);
    free(*position);
    *position = NULL;
}
