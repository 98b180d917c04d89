/* SPDX-License-Identifier: MIT */
/* Two values of one row. */
#include <stdlib.h>
#include <string.h>

#include "options/options.h"

static bool are_same_texts(const struct tyto_texts *texts, const struct tyto_texts *others)
{
    bool are_same = texts->num == others->num;
    for (uint32_t i = 0; are_same && i < texts->num; i++)
        are_same = strcmp(texts->texts[i], others->texts[i]) == 0;
    return are_same;
}

bool tyto_option_is_same(const struct tyto_option *option, const void *value, const void *other)
{
    char printed[2][TYTO_OPTIONS_TEXT_MAX];
    if (option->type == TYTO_OPTION_CHARS) /* what lies behind the NUL means nothing */
        return strncmp(value, other, option->size) == 0;
    if (option->type == TYTO_OPTION_TEXTS)
        return are_same_texts(value, other);
    if (option->type != TYTO_OPTION_TEXT && option->type != TYTO_OPTION_OTHER)
        return memcmp(value, other, option->size) == 0;
    tyto_option_print(option, value, printed[0], sizeof(printed[0]));
    tyto_option_print(option, other, printed[1], sizeof(printed[1]));
    return strcmp(printed[0], printed[1]) == 0;
}

enum tyto_err tyto_option_copy(const struct tyto_option *option, const void *from, void *to)
{
    if (option->type == TYTO_OPTION_TEXTS) {
        struct tyto_texts copy;
        const enum tyto_err err = tyto_texts_copy(from, &copy);
        tyto_option_clear(option, !err ? to : &copy);
        if (!err)
            *(struct tyto_texts *)to = copy;
        return err;
    }
    if (option->type == TYTO_OPTION_TEXT) {
        const char *text = *(char *const *)from;
        char *copy = text ? strdup(text) : NULL;
        if (text && !copy)
            return TYTO_ERR_NOMEM;
        tyto_option_clear(option, to);
        *(char **)to = copy;
        return TYTO_OK;
    }
    memcpy(to, from, option->size);
    return TYTO_OK;
}
