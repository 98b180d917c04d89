/* SPDX-License-Identifier: MIT */
#include "cli/common/position.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "files/open.h"
#include "files/replace.h"

enum tyto_err tyto_position_read(const char *path, struct tyto_feed_position *ret_position,
                                 struct tyto_fault *ret_fault)
{
    char line[TYTO_FEED_POSITION_CHARS + 16] = "";
    FILE *file = tyto_fopen_input(path);
    if (!file)
        return tyto_fault_set(ret_fault, errno == ENOENT ? TYTO_ERR_NOT_FOUND : TYTO_ERR_IO, path,
                              0, NULL, "%s", strerror(errno));
    errno = 0;
    const bool is_read = fgets(line, sizeof(line), file) != NULL;
    const bool is_more = is_read && fgetc(file) != EOF;
    const int error = is_read ? 0 : errno;
    (void)fclose(file);
    if (error != 0)
        return tyto_fault_set(ret_fault, TYTO_ERR_IO, path, 0, NULL, "%s", strerror(error));
    if (is_more || tyto_feed_position_parse(tyto_text_trim(line), ret_position) != TYTO_OK)
        return tyto_fault_set(ret_fault, TYTO_ERR_FORMAT, path, 1, NULL,
                              "this is no position: 32 hexadecimal digits and a number; a file "
                              "that is not there is made");
    return TYTO_OK;
}

enum tyto_err tyto_position_write(const char *path, const struct tyto_feed_position *position,
                                  struct tyto_fault *ret_fault)
{
    char text[TYTO_FEED_POSITION_CHARS + 2];
    tyto_feed_position_format(position, text);
    const size_t num = strlen(text);
    text[num] = '\n';
    const enum tyto_err err = tyto_replace_all(path, 0644, text, num + 1);
    return err ? tyto_fault_set(ret_fault, err, path, 0, NULL, "%s",
                                err == TYTO_ERR_IO ? strerror(errno) : tyto_err_text(err))
               : TYTO_OK;
}
