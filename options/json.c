/* SPDX-License-Identifier: MIT */
#include "options/json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/nearest.h"

enum { MAX_GROUPS = 16, MAX_KEYS = 160 };

/* --- to JSON ---------------------------------------------------------------------------------- */

static struct tyto_json *texts_to_json(const struct tyto_texts *texts)
{
    struct tyto_json *array = tyto_json_new_array();
    for (uint32_t i = 0; i < texts->num; i++)
        tyto_json_push(&array, tyto_json_new_string(texts->texts[i]));
    return array;
}

static struct tyto_json *value_to_json(const struct tyto_option *option, const void *value)
{
    char text[TYTO_OPTIONS_TEXT_MAX];
    char *end = NULL;
    if (option->type == TYTO_OPTION_TEXTS)
        return texts_to_json(value);
    if (option->type == TYTO_OPTION_FLAG)
        return tyto_json_new_bool(*(const bool *)value);
    if (option->type == TYTO_OPTION_U64)
        return tyto_json_new_u64(*(const uint64_t *)value);
    tyto_option_print(option, value, text, sizeof(text));
    const bool is_number = option->type != TYTO_OPTION_WORD && option->type != TYTO_OPTION_CHARS &&
                           option->type != TYTO_OPTION_TEXT && option->type != TYTO_OPTION_OTHER &&
                           option->type != TYTO_OPTION_RANGE;
    const double number = strtod(text, &end);
    if (!is_number || end == text || *end)
        return tyto_json_new_string(text);
    if (option->type == TYTO_OPTION_U32)
        return tyto_json_new_u64((uint64_t)number);
    return tyto_json_new_f64(number);
}

bool tyto_options_put_json(const struct tyto_option_group *group, const void *target,
                           struct tyto_json *json)
{
    bool good = true;
    for (uint32_t i = 0; i < group->num_rows; i++) {
        const struct tyto_option *option = &group->rows[i];
        const void *value = tyto_option_value(group, i, target);
        good &= tyto_json_set(json, option->key, value_to_json(option, value));
    }
    return good;
}

struct tyto_json *tyto_options_to_json(const struct tyto_option_group *groups, uint32_t num_groups,
                                       const void *target)
{
    struct tyto_json *json = tyto_json_new_object();
    bool good = json != NULL;
    for (uint32_t g = 0; g < num_groups; g++)
        good &= tyto_options_put_json(&groups[g], target, json);
    if (!good)
        tyto_json_destroy(&json);
    return json;
}

/* --- from JSON -------------------------------------------------------------------------------- */

struct reading {
    const struct tyto_option_group *groups;
    uint32_t num_groups;
    void *target;
    uint64_t before[MAX_GROUPS], given[MAX_GROUPS]; /* marks before it all; of this reading */
    const char *file;
    struct tyto_fault *fault;
};

static enum tyto_err fail_unknown(const struct reading *reading, const char *key)
{
    const char *keys[MAX_KEYS];
    uint32_t num = 0;
    for (uint32_t g = 0; g < reading->num_groups; g++) {
        for (uint32_t i = 0; i < reading->groups[g].num_rows && num < MAX_KEYS; i++)
            keys[num++] = reading->groups[g].rows[i].key;
    }
    const char *near = tyto_nearest(key, keys, num);
    return tyto_fault_set(reading->fault, TYTO_ERR_FORMAT, reading->file, 0, key,
                          "no option is called so%s%s%s", near ? "; did you mean '" : "",
                          near ? near : "", near ? "'?" : "");
}

static enum tyto_err give(struct reading *reading, uint32_t group_idx, uint32_t row_idx,
                          const struct tyto_json *json)
{
    const struct tyto_option_group *group = &reading->groups[group_idx];
    const struct tyto_option *option = &group->rows[row_idx];
    const char *text = tyto_json_string(json);
    struct tyto_fault fault = {.text = ""};
    char number[32] = "";
    double real = 0;
    uint64_t whole = 0;
    bool flag = false;
    if (text && option->type == TYTO_OPTION_TEXT && !text[0])
        return TYTO_OK;
    if (!text && tyto_json_u64(json, &whole))
        snprintf(number, sizeof(number), "%llu", (unsigned long long)whole);
    else if (!text && tyto_json_f64(json, &real))
        snprintf(number, sizeof(number), "%.9g", real);
    else if (!text && tyto_json_bool(json, &flag))
        snprintf(number, sizeof(number), "%s", flag ? "true" : "false");
    else if (!text)
        return tyto_fault_set(reading->fault, TYTO_ERR_FORMAT, reading->file, 0, option->key,
                              "must be a text, a number, true or false");
    const enum tyto_err err = tyto_option_give(
        group, row_idx, reading->target, &reading->given[group_idx], text ? text : number, &fault);
    if (!err)
        return TYTO_OK;
    return tyto_fault_set(reading->fault, err, reading->file, 0, option->key, "%s", fault.text);
}

static enum tyto_err visit(void *user, const char *key, const struct tyto_json *json)
{
    struct reading *reading = user;
    for (uint32_t g = 0; g < reading->num_groups; g++) {
        for (uint32_t i = 0; i < reading->groups[g].num_rows; i++) {
            enum tyto_err err = TYTO_OK;
            if (strcmp(reading->groups[g].rows[i].key, key) != 0)
                continue;
            if (reading->before[g] >> i & 1)
                return TYTO_OK; /* who gave it before has the last word */
            if (!tyto_json_is_array(json))
                return give(reading, g, i, json);
            for (uint32_t k = 0; k < tyto_json_num_items(json) && !err; k++)
                err = give(reading, g, i, tyto_json_at(json, k));
            return err;
        }
    }
    return fail_unknown(reading, key);
}

enum tyto_err tyto_options_from_json(const struct tyto_option_group *groups, uint32_t num_groups,
                                     void *target, const struct tyto_json *json, const char *file,
                                     struct tyto_fault *ret_fault)
{
    struct reading reading = {.groups = groups,
                              .num_groups = num_groups,
                              .target = target,
                              .file = file,
                              .fault = ret_fault};
    if (!tyto_json_is_object(json))
        return tyto_fault_set(ret_fault, TYTO_ERR_FORMAT, file, 0, "options",
                              "must be an object of options");
    for (uint32_t g = 0; g < num_groups; g++) {
        if (groups[g].marks)
            reading.before[g] = *(uint64_t *)(void *)((char *)target + groups[g].marks);
    }
    return tyto_json_each(json, visit, &reading);
}
