/* SPDX-License-Identifier: MIT */
/* struct tyto_json is Jansson's json_t under another name; nothing is added to it. */
#include "files/json.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static json_t *unwrap(const struct tyto_json *json)
{
    return (json_t *)(uintptr_t)json;
}

static struct tyto_json *wrap(json_t *json)
{
    return (struct tyto_json *)json;
}

enum tyto_err tyto_json_parse_at(const char *text, size_t num_bytes, struct tyto_json **ret_json,
                                 char *error_text, size_t error_bytes, uint32_t *ret_line)
{
    json_error_t error = {0};
    json_t *json = json_loadb(text, num_bytes, JSON_REJECT_DUPLICATES, &error);
    if (!json) {
        if (error_text)
            snprintf(error_text, error_bytes, "%s", error.text);
        *ret_line = error.line > 0 ? (uint32_t)error.line : 1;
        return json_error_code(&error) == json_error_out_of_memory ? TYTO_ERR_NOMEM
                                                                   : TYTO_ERR_FORMAT;
    }
    *ret_json = wrap(json);
    return TYTO_OK;
}

enum tyto_err tyto_json_parse(const char *text, size_t num_bytes, struct tyto_json **ret_json,
                              char *error_text, size_t error_bytes)
{
    uint32_t line;
    return tyto_json_parse_at(text, num_bytes, ret_json, error_text, error_bytes, &line);
}

void tyto_json_destroy(struct tyto_json **json)
{
    json_decref(unwrap(*json));
    *json = NULL;
}

bool tyto_json_is_object(const struct tyto_json *json)
{
    return json_is_object(unwrap(json));
}

bool tyto_json_is_array(const struct tyto_json *json)
{
    return json_is_array(unwrap(json));
}

bool tyto_json_is_null(const struct tyto_json *json)
{
    return json_is_null(unwrap(json));
}

uint32_t tyto_json_num_items(const struct tyto_json *json)
{
    const json_t *value = unwrap(json);
    return (uint32_t)(json_is_object(value) ? json_object_size(value) : json_array_size(value));
}

const struct tyto_json *tyto_json_get(const struct tyto_json *object, const char *key)
{
    return wrap(json_object_get(unwrap(object), key));
}

const struct tyto_json *tyto_json_at(const struct tyto_json *array, uint32_t idx)
{
    return wrap(json_array_get(unwrap(array), idx));
}

const char *tyto_json_string(const struct tyto_json *json)
{
    return json_string_value(unwrap(json));
}

bool tyto_json_u64(const struct tyto_json *json, uint64_t *ret_value)
{
    const json_t *value = unwrap(json);
    if (!json_is_integer(value) || json_integer_value(value) < 0)
        return false;
    *ret_value = (uint64_t)json_integer_value(value);
    return true;
}

bool tyto_json_u32(const struct tyto_json *json, uint32_t max, uint32_t *ret_value)
{
    uint64_t value;
    if (!tyto_json_u64(json, &value) || value > max)
        return false;
    *ret_value = (uint32_t)value;
    return true;
}

bool tyto_json_f64(const struct tyto_json *json, double *ret_value)
{
    const json_t *value = unwrap(json);
    if (!json_is_number(value))
        return false;
    *ret_value = json_number_value(value);
    return true;
}

bool tyto_json_bool(const struct tyto_json *json, bool *ret_value)
{
    const json_t *value = unwrap(json);
    if (!json_is_boolean(value))
        return false;
    *ret_value = json_is_true(value);
    return true;
}

enum tyto_err tyto_json_each(const struct tyto_json *object, tyto_json_visit visit, void *user)
{
    const char *key;
    json_t *value;
    json_object_foreach(unwrap(object), key, value)
    {
        const enum tyto_err err = visit(user, key, wrap(value));
        if (err)
            return err;
    }
    return TYTO_OK;
}

struct tyto_json *tyto_json_new_object(void)
{
    return wrap(json_object());
}

struct tyto_json *tyto_json_new_array(void)
{
    return wrap(json_array());
}

struct tyto_json *tyto_json_new_string(const char *text)
{
    return wrap(json_string(text));
}

struct tyto_json *tyto_json_new_name(const char *text)
{
    struct tyto_json *json = tyto_json_new_string(text);
    char *shown = json ? NULL : strdup(text);
    for (char *at = shown; at && *at; at++) {
        if ((unsigned char)*at >= 0x80)
            *at = '?';
    }
    if (shown)
        json = tyto_json_new_string(shown);
    free(shown);
    return json;
}

struct tyto_json *tyto_json_new_u64(uint64_t value)
{
    return value > INT64_MAX ? NULL : wrap(json_integer((json_int_t)value));
}

struct tyto_json *tyto_json_new_f64(double value)
{
    return wrap(json_real(value));
}

struct tyto_json *tyto_json_new_bool(bool value)
{
    return wrap(json_boolean(value));
}

struct tyto_json *tyto_json_new_null(void)
{
    return wrap(json_null());
}

bool tyto_json_set(struct tyto_json *object, const char *key, struct tyto_json *value)
{
    return json_object_set_new(unwrap(object), key, unwrap(value)) == 0;
}

bool tyto_json_append(struct tyto_json *array, struct tyto_json *value)
{
    return json_array_append_new(unwrap(array), unwrap(value)) == 0;
}

void tyto_json_put(struct tyto_json **object, const char *key, struct tyto_json *value)
{
    if (!tyto_json_set(*object, key, value))
        tyto_json_destroy(object);
}

void tyto_json_push(struct tyto_json **array, struct tyto_json *value)
{
    if (!tyto_json_append(*array, value))
        tyto_json_destroy(array);
}

char *tyto_json_print(const struct tyto_json *json)
{
    return json_dumps(unwrap(json), JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION(9));
}
