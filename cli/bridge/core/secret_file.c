/* SPDX-License-Identifier: MIT */
#include "cli/bridge/core/secret_file.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "files/guarded.h"

static enum tyto_err refuse(struct tyto_fault *ret_fault, enum tyto_err err, const char *path,
                            const char *text)
{
    return tyto_fault_set(ret_fault, err, path, 0, NULL, "%s", text);
}

enum tyto_err tyto_bridge_secret_read(const char *path, char **ret_secret,
                                      struct tyto_fault *ret_fault)
{
    char text[TYTO_SECRET_MAX_BYTES + 1];
    *ret_secret = NULL;
    if (!path)
        return TYTO_OK;
    enum tyto_err err =
        tyto_guarded_read(path, TYTO_GUARD_OTHERS, "a secret", text, sizeof(text), ret_fault);
    const char *secret = err ? "" : tyto_text_trim(text);
    if (!err && !*secret)
        err = refuse(ret_fault, TYTO_ERR_FORMAT, path, "is empty, one line is expected");
    for (const char *c = secret; !err && *c; c++) {
        if (tyto_text_is_control(c))
            err = refuse(ret_fault, TYTO_ERR_FORMAT, path,
                         "has more than one line, or control characters in it");
    }
    if (!err && !(*ret_secret = strdup(secret)))
        err = TYTO_ERR_NOMEM;
    explicit_bzero(text, sizeof(text));
    return err;
}

void tyto_bridge_secret_free(char **secret)
{
    if (!*secret)
        return;
    explicit_bzero(*secret, strlen(*secret));
    free(*secret);
    *secret = NULL;
}
