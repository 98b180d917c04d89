/* SPDX-License-Identifier: MIT */
#include "options/options.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SHOWN_CHARS = 60 };

/* How many of what is stored one of the unit is. */
static double unit_factor(const struct tyto_option *option)
{
    static const struct {
        const char *unit;
        double factor;
    } units[] = {
        {"ms", 1e6}, {"s", 1e9}, {"days", 86400e9}, {"MiB", 1 << 20}, {"GiB", 1024.0 * (1 << 20)}};
    if (option->type != TYTO_OPTION_TIME && option->type != TYTO_OPTION_BYTES)
        return 1;
    for (size_t i = 0; option->unit && i < sizeof(units) / sizeof(units[0]); i++) {
        if (strcmp(units[i].unit, option->unit) == 0)
            return units[i].factor;
    }
    return 1;
}

void *tyto_option_value(const struct tyto_option_group *group, uint32_t row_idx, const void *target)
{
    return (char *)(uintptr_t)target + group->offset + group->rows[row_idx].offset;
}

/* --- reading ---------------------------------------------------------------------------------- */

static bool is_whole(const struct tyto_option *option)
{
    return option->type == TYTO_OPTION_U32 || option->type == TYTO_OPTION_U64;
}

static enum tyto_err wants(const struct tyto_option *option, const char *text, const char *wrong,
                           struct tyto_fault *ret_fault)
{
    char range[256];
    tyto_option_range(option, range, sizeof(range));
    return tyto_fault_set(ret_fault, TYTO_ERR_INVALID, NULL, 0, NULL, "'%.*s' %s%s", SHOWN_CHARS,
                          text, wrong, range);
}

static void store(const struct tyto_option *option, void *value, double number)
{
    const double stored = number * unit_factor(option);
    if (option->type == TYTO_OPTION_F32)
        *(float *)value = (float)number;
    else if (option->type == TYTO_OPTION_F64)
        *(double *)value = number;
    else if (option->type == TYTO_OPTION_TIME)
        *(int64_t *)value = (int64_t)llround(stored);
    else if (option->type == TYTO_OPTION_BYTES)
        *(uint64_t *)value = (uint64_t)llround(stored);
    else if (option->type == TYTO_OPTION_U64)
        *(uint64_t *)value = (uint64_t)number;
    else
        *(uint32_t *)value = (uint32_t)number;
}

static enum tyto_err set_number(const struct tyto_option *option, void *value, const char *text,
                                struct tyto_fault *ret_fault)
{
    uint32_t special = 0;
    if (option->words && tyto_word_find(option->words, text, &special)) {
        const double factor = unit_factor(option);
        store(option, value, (double)special / factor);
        return TYTO_OK;
    }
    char *end;
    errno = 0;
    const double number = strtod(text, &end);
    /* strtod also reads hexadecimal, inf and nan, which nobody means here. */
    if (!text[0] || *end || strspn(text, "0123456789.eE+-") != strlen(text) || errno != 0 ||
        !isfinite(number) || (is_whole(option) && number != floor(number)))
        return wants(option, text,
                     is_whole(option) ? "must be a whole number from " : "must be a number from ",
                     ret_fault);
    if (number < option->min || number > option->max)
        return wants(option, text, "is out of range: must be from ", ret_fault);
    store(option, value, number);
    if (option->type == TYTO_OPTION_U64 && strspn(text, "0123456789") == strlen(text))
        *(uint64_t *)value = strtoull(text, NULL, 10); /* a double has 53 bits only */
    return TYTO_OK;
}

static enum tyto_err set_range(const struct tyto_option *option, double *value, const char *text,
                               struct tyto_fault *ret_fault)
{
    char *end;
    const double low = strtod(text, &end);
    const bool has_two = end != text && *end == ':' && end[1];
    const double high = has_two ? strtod(end + 1, &end) : low - 1;
    if (*end || !(low >= option->min && high >= low && high <= option->max))
        return wants(option, text, "must be ", ret_fault);
    value[0] = low;
    value[1] = high;
    return TYTO_OK;
}

static enum tyto_err set_flag(bool *value, const char *text, struct tyto_fault *ret_fault)
{
    static const char *const words[] = {"false", "true", "no", "yes", "off", "on"};
    for (int i = 0; i < 6; i++) {
        if (strcmp(text, words[i]) == 0) {
            *value = i % 2 == 1;
            return TYTO_OK;
        }
    }
    return tyto_fault_set(ret_fault, TYTO_ERR_INVALID, NULL, 0, NULL,
                          "'%.*s' must be true or false", SHOWN_CHARS, text);
}

static enum tyto_err add_text(const struct tyto_option *option, struct tyto_texts *texts,
                              const char *text, struct tyto_fault *ret_fault)
{
    if (texts->num >= option->max)
        return tyto_fault_set(ret_fault, TYTO_ERR_INVALID, NULL, 0, NULL,
                              "'%.*s' is one too many: %g at most", SHOWN_CHARS, text, option->max);
    for (uint32_t i = 0; option->is_same && i < texts->num; i++) {
        if (option->is_same(texts->texts[i], text))
            return tyto_fault_set(ret_fault, TYTO_ERR_INVALID, NULL, 0, NULL,
                                  "'%.*s' is the same as '%.*s': once is enough", SHOWN_CHARS, text,
                                  SHOWN_CHARS, texts->texts[i]);
    }
    char **grown = realloc(texts->texts, ((size_t)texts->num + 1) * sizeof(*grown));
    if (!grown)
        return tyto_fault_set(ret_fault, TYTO_ERR_NOMEM, NULL, 0, NULL, "out of memory");
    texts->texts = grown;
    grown[texts->num] = strdup(text);
    if (!grown[texts->num])
        return tyto_fault_set(ret_fault, TYTO_ERR_NOMEM, NULL, 0, NULL, "out of memory");
    texts->num++;
    return TYTO_OK;
}

static enum tyto_err set_text(const struct tyto_option *option, void *value, const char *text,
                              struct tyto_fault *ret_fault)
{
    if (option->type == TYTO_OPTION_TEXTS)
        return add_text(option, value, text, ret_fault);
    if (option->type == TYTO_OPTION_CHARS) {
        const size_t len = strlen(text);
        if (len >= option->size)
            return tyto_fault_set(ret_fault, TYTO_ERR_INVALID, NULL, 0, NULL,
                                  "is too long: %zu characters at most", option->size - 1);
        memcpy(value, text, len + 1);
        return TYTO_OK;
    }
    char *copy = strdup(text);
    if (!copy)
        return tyto_fault_set(ret_fault, TYTO_ERR_NOMEM, NULL, 0, NULL, "out of memory");
    free(*(char **)value);
    *(char **)value = copy;
    return TYTO_OK;
}

enum tyto_err tyto_option_set(const struct tyto_option *option, void *value, const char *text,
                              struct tyto_fault *ret_fault)
{
    enum tyto_err err = option->check ? option->check(text, ret_fault) : TYTO_OK;
    if (err)
        return err;
    switch (option->type) {
    case TYTO_OPTION_FLAG:
        return set_flag(value, text, ret_fault);
    case TYTO_OPTION_WORD:
        if (tyto_word_find(option->words, text, value))
            return TYTO_OK;
        return wants(option, text, "must be one of: ", ret_fault);
    case TYTO_OPTION_U32:
    case TYTO_OPTION_U64:
    case TYTO_OPTION_F32:
    case TYTO_OPTION_F64:
    case TYTO_OPTION_TIME:
    case TYTO_OPTION_BYTES:
        return set_number(option, value, text, ret_fault);
    case TYTO_OPTION_RANGE:
        return set_range(option, value, text, ret_fault);
    case TYTO_OPTION_CHARS:
    case TYTO_OPTION_TEXT:
    case TYTO_OPTION_TEXTS:
        return set_text(option, value, text, ret_fault);
    case TYTO_OPTION_OTHER:
        return option->set(value, text, ret_fault);
    }
    return TYTO_ERR_INTERNAL;
}

enum tyto_err tyto_option_give(const struct tyto_option_group *group, uint32_t row_idx,
                               void *target, uint64_t *given, const char *text,
                               struct tyto_fault *ret_fault)
{
    const struct tyto_option *option = &group->rows[row_idx];
    void *value = tyto_option_value(group, row_idx, target);
    const uint64_t bit = UINT64_C(1) << row_idx;
    if (option->type == TYTO_OPTION_TEXTS && !(*given & bit))
        tyto_option_clear(option, value);
    const enum tyto_err err = tyto_option_set(option, value, text, ret_fault);
    if (err)
        return err;
    *given |= bit;
    if (group->marks)
        *(uint64_t *)(void *)((char *)target + group->marks) |= bit;
    return TYTO_OK;
}

/* --- the way back ----------------------------------------------------------------------------- */

static double load(const struct tyto_option *option, const void *value)
{
    switch (option->type) {
    case TYTO_OPTION_F32:
        return (double)*(const float *)value;
    case TYTO_OPTION_F64:
        return *(const double *)value;
    case TYTO_OPTION_TIME:
        return (double)*(const int64_t *)value;
    case TYTO_OPTION_BYTES:
    case TYTO_OPTION_U64:
        return (double)*(const uint64_t *)value;
    case TYTO_OPTION_U32:
    case TYTO_OPTION_WORD:
    case TYTO_OPTION_FLAG:
    case TYTO_OPTION_RANGE:
    case TYTO_OPTION_CHARS:
    case TYTO_OPTION_TEXT:
    case TYTO_OPTION_TEXTS:
    case TYTO_OPTION_OTHER:
        break;
    }
    return *(const uint32_t *)value;
}

static void print_number(const struct tyto_option *option, const void *value, char *ret_text,
                         size_t text_bytes)
{
    const double number = load(option, value);
    const char *word = NULL;
    if (option->words && number >= 0 && number <= UINT32_MAX && number == floor(number))
        word = tyto_word_of(option->words, (uint32_t)number);
    if (word)
        snprintf(ret_text, text_bytes, "%s", word);
    else if (option->type == TYTO_OPTION_U64)
        snprintf(ret_text, text_bytes, "%llu",
                 (unsigned long long)*(const uint64_t *)value); /* a double would round it */
    else if (option->type != TYTO_OPTION_F32)
        snprintf(ret_text, text_bytes, "%.15g", number / unit_factor(option));
    for (int digits = 1; !word && option->type == TYTO_OPTION_F32 && digits <= 9; digits++) {
        snprintf(ret_text, text_bytes, "%.*g", digits, number); /* 0.15 stays 0.15 */
        if (strtof(ret_text, NULL) == (float)number)
            break;
    }
}

static void print_texts(const struct tyto_texts *texts, char *ret_text, size_t text_bytes)
{
    size_t num = 0;
    ret_text[0] = '\0';
    for (uint32_t i = 0; i < texts->num && num < text_bytes; i++) {
        const int len =
            snprintf(ret_text + num, text_bytes - num, "%s%s", i ? ", " : "", texts->texts[i]);
        num += len > 0 ? (size_t)len : 0;
    }
}

void tyto_option_print(const struct tyto_option *option, const void *value, char *ret_text,
                       size_t text_bytes)
{
    const char *text = NULL;
    switch (option->type) {
    case TYTO_OPTION_FLAG:
        text = *(const bool *)value ? "true" : "false";
        break;
    case TYTO_OPTION_WORD:
        text = tyto_word_of(option->words, *(const uint32_t *)value);
        break;
    case TYTO_OPTION_RANGE:
        snprintf(ret_text, text_bytes, "%.15g:%.15g", ((const double *)value)[0],
                 ((const double *)value)[1]);
        return;
    case TYTO_OPTION_CHARS:
        text = value;
        break;
    case TYTO_OPTION_TEXT:
        text = *(char *const *)value;
        break;
    case TYTO_OPTION_TEXTS:
        print_texts(value, ret_text, text_bytes);
        return;
    case TYTO_OPTION_OTHER:
        option->print(value, ret_text, text_bytes);
        return;
    case TYTO_OPTION_U32:
    case TYTO_OPTION_U64:
    case TYTO_OPTION_F32:
    case TYTO_OPTION_F64:
    case TYTO_OPTION_TIME:
    case TYTO_OPTION_BYTES:
        print_number(option, value, ret_text, text_bytes);
        return;
    }
    snprintf(ret_text, text_bytes, "%s", text ? text : "");
}

/* Whether a number is one that nobody could have given. */
static bool is_out_of_range(const struct tyto_option *option, const char *text)
{
    char *end;
    const double number = strtod(text, &end);
    return option->max > option->min && end != text && !*end &&
           !(number >= option->min && number <= option->max); /* not a number: neither */
}

void tyto_option_default(const struct tyto_option *option, const void *value, char *ret_text,
                         size_t text_bytes)
{
    tyto_option_print(option, value, ret_text, text_bytes);
    if (option->is_needed)
        ret_text[0] = '\0';
    if (option->absent && (!ret_text[0] || is_out_of_range(option, ret_text)))
        snprintf(ret_text, text_bytes, "%s", option->absent);
}

void tyto_option_default_given(const struct tyto_option_group *group,
                               const struct tyto_option *option, const void *value, char *ret_text,
                               size_t text_bytes)
{
    char name[48];
    tyto_option_default(option, value, ret_text, text_bytes);
    if (option->type != TYTO_OPTION_FLAG)
        return;
    const bool is_on = strcmp(ret_text, "true") == 0;
    ret_text[0] = '\0';
    tyto_option_name(group, option, name, sizeof(name));
    if (is_on)
        snprintf(ret_text, text_bytes, "on; %s=false turns it off", name);
}

enum tyto_err tyto_texts_copy(const struct tyto_texts *texts, struct tyto_texts *ret_texts)
{
    *ret_texts = (struct tyto_texts){0};
    if (texts->num == 0)
        return TYTO_OK;
    ret_texts->texts = calloc(texts->num, sizeof(*ret_texts->texts));
    if (!ret_texts->texts)
        return TYTO_ERR_NOMEM;
    for (; ret_texts->num < texts->num; ret_texts->num++) {
        char *copy = strdup(texts->texts[ret_texts->num]);
        if (!copy)
            return TYTO_ERR_NOMEM;
        ret_texts->texts[ret_texts->num] = copy;
    }
    return TYTO_OK;
}

void tyto_texts_finish(struct tyto_texts *texts)
{
    for (uint32_t i = 0; i < texts->num; i++)
        free(texts->texts[i]);
    free(texts->texts);
    *texts = (struct tyto_texts){0};
}

void tyto_option_clear(const struct tyto_option *option, void *value)
{
    if (option->type == TYTO_OPTION_TEXT) {
        free(*(char **)value);
        *(char **)value = NULL;
    }
    if (option->type == TYTO_OPTION_TEXTS)
        tyto_texts_finish(value);
}

void tyto_options_finish(const struct tyto_option_group *groups, uint32_t num_groups, void *target)
{
    for (uint32_t i = 0; i < num_groups; i++) {
        for (uint32_t k = 0; k < groups[i].num_rows; k++)
            tyto_option_clear(&groups[i].rows[k], tyto_option_value(&groups[i], k, target));
    }
}

void tyto_options_overlay(const struct tyto_option *rows, uint32_t num_rows, const void *from,
                          uint64_t marks, void *to)
{
    for (uint32_t i = 0; i < num_rows; i++) {
        if (marks >> i & 1)
            memcpy((char *)to + rows[i].offset, (const char *)from + rows[i].offset, rows[i].size);
    }
}
