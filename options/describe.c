/* SPDX-License-Identifier: MIT */
/* What a row says of itself. */
#include <stdio.h>
#include <string.h>

#include "options/options.h"

void tyto_option_name(const struct tyto_option_group *group, const struct tyto_option *option,
                      char *ret_text, size_t text_bytes)
{
    if (option->name)
        snprintf(ret_text, text_bytes, "--%s", option->name);
    else
        snprintf(ret_text, text_bytes, "--%s%s%s", group->prefix ? group->prefix : "",
                 group->prefix ? "-" : "", option->key);
    for (char *c = ret_text; *c; c++)
        *c = *c == '_' ? '-' : *c;
}

void tyto_option_value_name(const struct tyto_option *option, char *ret_text, size_t text_bytes)
{
    const char *text = "";
    switch (option->type) {
    case TYTO_OPTION_FLAG:
        break;
    case TYTO_OPTION_WORD:
        tyto_words_print(option->words, "|", ret_text, text_bytes);
        if (strlen(ret_text) <= 16 && !option->value)
            return;
        text = "WORD";
        break;
    case TYTO_OPTION_U32:
    case TYTO_OPTION_U64:
        text = "N";
        break;
    case TYTO_OPTION_F32:
    case TYTO_OPTION_F64:
    case TYTO_OPTION_BYTES:
        text = "X";
        break;
    case TYTO_OPTION_TIME:
        text = option->unit && strcmp(option->unit, "s") == 0 ? "S" : "X";
        break;
    case TYTO_OPTION_RANGE:
        text = "LOW:HIGH";
        break;
    case TYTO_OPTION_CHARS:
    case TYTO_OPTION_TEXT:
    case TYTO_OPTION_TEXTS:
    case TYTO_OPTION_OTHER:
        text = "TEXT";
        break;
    }
    snprintf(ret_text, text_bytes, "%s", option->value ? option->value : text);
}

void tyto_option_range(const struct tyto_option *option, char *ret_text, size_t text_bytes)
{
    char words[192] = "";
    ret_text[0] = '\0';
    if (option->words)
        tyto_words_print(option->words, ", ", words, sizeof(words));
    switch (option->type) {
    case TYTO_OPTION_FLAG:
        snprintf(ret_text, text_bytes, "true or false");
        break;
    case TYTO_OPTION_WORD:
        snprintf(ret_text, text_bytes, "%s", words);
        break;
    case TYTO_OPTION_U32:
    case TYTO_OPTION_U64:
    case TYTO_OPTION_F32:
    case TYTO_OPTION_F64:
    case TYTO_OPTION_TIME:
    case TYTO_OPTION_BYTES:
        snprintf(ret_text, text_bytes, "%.10g to %.10g%s%s", option->min, option->max,
                 words[0] ? ", or " : "", words);
        break;
    case TYTO_OPTION_RANGE:
        snprintf(ret_text, text_bytes, "LOW:HIGH, within %.10g to %.10g", option->min, option->max);
        break;
    case TYTO_OPTION_CHARS:
    case TYTO_OPTION_TEXT:
    case TYTO_OPTION_TEXTS:
    case TYTO_OPTION_OTHER:
        break;
    }
}
