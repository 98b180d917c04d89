/* SPDX-License-Identifier: MIT */
/* libyaml's document API rather than a schema library: every node knows its line. */
#include "daemon/config_yaml.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <yaml.h>

#include "base/clock.h"
#include "base/nearest.h"
#include "daemon/config.h"

enum { MAX_FIELDS = 32, SHOWN_CHARS = 60, MAX_DEPTH = 100, MAX_ANCHORS = 4096 };

uint32_t tyto_yaml_line(const struct yaml_node_s *node)
{
    return (uint32_t)node->start_mark.line + 1;
}

bool tyto_yaml_is_sequence(const struct yaml_node_s *node)
{
    return node->type == YAML_SEQUENCE_NODE;
}

enum tyto_err tyto_yaml_fail(struct tyto_yaml *yaml, const struct yaml_node_s *node,
                             const char *value, const char *fmt, ...)
{
    char text[300];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    const enum tyto_err err = tyto_fault_set(
        yaml->fault, TYTO_ERR_INVALID, yaml->file, tyto_yaml_line(node), yaml->path, "%s%.*s%s%s",
        value ? "'" : "", SHOWN_CHARS, value ? value : "", value ? "' " : "", text);
    if (yaml->fault) { /* escapes in a quoted value may hold anything */
        tyto_fault_hide_controls(yaml->fault->text);
        tyto_fault_hide_controls(yaml->fault->key);
    }
    return err;
}

const char *tyto_yaml_text(struct tyto_yaml *yaml, const struct yaml_node_s *node)
{
    if (node->type != YAML_SCALAR_NODE) {
        (void)tyto_yaml_fail(yaml, node, NULL, "must be a single value, not a %s",
                             node->type == YAML_SEQUENCE_NODE ? "list" : "group of keys");
        return NULL;
    }
    const char *text = (const char *)node->data.scalar.value;
    if (strlen(text) != node->data.scalar.length) {
        (void)tyto_yaml_fail(yaml, node, NULL, "holds a NUL character");
        return NULL;
    }
    if (!text[0]) {
        (void)tyto_yaml_fail(yaml, node, NULL, "is empty: give a value or remove the key");
        return NULL;
    }
    return text;
}

/* --- path ---------------------------------------------------------------------------- */

/* Adds ".key", or "[idx]" without a key; gives the length to cut back to. */
static size_t path_add(struct tyto_yaml *yaml, const char *key, uint32_t idx)
{
    const size_t before = strlen(yaml->path);
    char part[96];
    if (key)
        snprintf(part, sizeof(part), "%s%.64s", before ? "." : "", key);
    else
        snprintf(part, sizeof(part), "[%u]", idx);
    snprintf(yaml->path + before, sizeof(yaml->path) - before, "%s", part);
    return before;
}

/* --- values --------------------------------------------------------------------------- */

static enum tyto_err read_number(struct tyto_yaml *yaml, const struct yaml_node_s *node,
                                 const struct tyto_yaml_field *field, double *ret_value)
{
    const char *text = tyto_yaml_text(yaml, node);
    if (!text)
        return TYTO_ERR_INVALID;
    char *end;
    errno = 0;
    const double value = strtod(text, &end);
    const bool is_whole = field->kind == TYTO_YAML_U32;
    /* strtod also reads hexadecimal, inf and nan, which nobody means here. */
    if (*end || strspn(text, "0123456789.eE+-") != strlen(text) || errno != 0 || !isfinite(value) ||
        (is_whole && value != floor(value)))
        return tyto_yaml_fail(yaml, node, text, "must be a %s from %.10g to %.10g",
                              is_whole ? "whole number" : "number", field->min, field->max);
    if (value < field->min || value > field->max)
        return tyto_yaml_fail(yaml, node, text, "is out of range: must be from %.10g to %.10g",
                              field->min, field->max);
    *ret_value = value;
    return TYTO_OK;
}

static enum tyto_err read_bool(struct tyto_yaml *yaml, const struct yaml_node_s *node,
                               bool *ret_value)
{
    static const char *const words[] = {"false", "true", "no", "yes", "off", "on"};
    const char *text = tyto_yaml_text(yaml, node);
    if (!text)
        return TYTO_ERR_INVALID;
    for (int i = 0; i < 6; i++) {
        if (strcmp(text, words[i]) == 0) {
            *ret_value = i % 2 == 1;
            return TYTO_OK;
        }
    }
    return tyto_yaml_fail(yaml, node, text, "must be true or false");
}

static enum tyto_err read_choice(struct tyto_yaml *yaml, const struct yaml_node_s *node,
                                 const struct tyto_yaml_field *field, uint32_t *ret_value)
{
    const char *text = tyto_yaml_text(yaml, node);
    if (!text)
        return TYTO_ERR_INVALID;
    char all[128] = "";
    for (uint32_t i = 0; i < field->num_choices; i++) {
        if (strcmp(text, field->choices[i]) == 0) {
            *ret_value = i;
            return TYTO_OK;
        }
        const size_t len = strlen(all);
        snprintf(all + len, sizeof(all) - len, "%s%s", i ? ", " : "", field->choices[i]);
    }
    return tyto_yaml_fail(yaml, node, text, "must be one of: %s", all);
}

static enum tyto_err read_text(struct tyto_yaml *yaml, const struct yaml_node_s *node,
                               const struct tyto_yaml_field *field, char *ret_text)
{
    const char *text = tyto_yaml_text(yaml, node);
    if (!text)
        return TYTO_ERR_INVALID;
    if (field->kind == TYTO_YAML_ID && !tyto_id_is_valid(text))
        return tyto_yaml_fail(yaml, node, text,
                              "must be 1 to %d characters of a-z, 0-9, '_' and '-'", TYTO_ID_MAX);
    /* A relative path counts from the folder of the file that holds it. */
    const char *slash = strrchr(yaml->file, '/');
    const bool is_place = field->kind == TYTO_YAML_PATH || field->kind == TYTO_YAML_URI;
    const bool is_relative = is_place && text[0] != '/' && !strstr(text, "://") && slash;
    const int num = snprintf(ret_text, field->size, "%.*s%s",
                             is_relative ? (int)(slash - yaml->file) + 1 : 0, yaml->file, text);
    if (num < 0 || (size_t)num >= field->size)
        return tyto_yaml_fail(yaml, node, NULL, "is too long: %zu characters at most",
                              field->size - 1);
    return TYTO_OK;
}

enum tyto_err tyto_yaml_value(struct tyto_yaml *yaml, const struct yaml_node_s *node,
                              const struct tyto_yaml_field *field, void *target)
{
    void *at = target;
    double number = 0.0;
    enum tyto_err err = TYTO_OK;
    switch (field->kind) {
    case TYTO_YAML_TEXT:
    case TYTO_YAML_ID:
    case TYTO_YAML_PATH:
    case TYTO_YAML_URI:
        return read_text(yaml, node, field, at);
    case TYTO_YAML_F32:
        err = read_number(yaml, node, field, &number);
        if (err == TYTO_OK)
            *(float *)at = (float)number;
        return err;
    case TYTO_YAML_U32:
        err = read_number(yaml, node, field, &number);
        if (err == TYTO_OK)
            *(uint32_t *)at = (uint32_t)number;
        return err;
    case TYTO_YAML_SECONDS:
    case TYTO_YAML_MILLIS:
        err = read_number(yaml, node, field, &number);
        if (err == TYTO_OK)
            *(int64_t *)at = (int64_t)llround(number * (field->kind == TYTO_YAML_SECONDS
                                                            ? (double)TYTO_NS_PER_S
                                                            : (double)TYTO_NS_PER_MS));
        return err;
    case TYTO_YAML_BOOL:
        return read_bool(yaml, node, at);
    case TYTO_YAML_CHOICE:
        return read_choice(yaml, node, field, at);
    case TYTO_YAML_OTHER:
        return field->read(yaml, node, at);
    }
    return TYTO_ERR_INTERNAL;
}

/* --- structure ---------------------------------------------------------------------------- */

static enum tyto_err fail_unknown(struct tyto_yaml *yaml, const struct yaml_node_s *node,
                                  const struct tyto_yaml_field *fields, uint32_t num_fields,
                                  const char *key)
{
    const char *names[MAX_FIELDS];
    char all[256] = "";
    for (uint32_t i = 0; i < num_fields && i < MAX_FIELDS; i++) {
        const size_t len = strlen(all);
        names[i] = fields[i].key;
        snprintf(all + len, sizeof(all) - len, "%s%s", i ? ", " : "", names[i]);
    }
    const char *near = tyto_nearest(key, names, num_fields);
    if (near)
        return tyto_yaml_fail(yaml, node, NULL, "unknown key; did you mean '%s'?", near);
    return tyto_yaml_fail(yaml, node, NULL, "unknown key; known here: %s", all);
}

static enum tyto_err check_mapping(struct tyto_yaml *yaml, const struct yaml_node_s *node)
{
    if (node->type == YAML_MAPPING_NODE)
        return TYTO_OK;
    const char *value = node->type == YAML_SCALAR_NODE && node->data.scalar.length > 0
                            ? (const char *)node->data.scalar.value
                            : NULL;
    return tyto_yaml_fail(yaml, node, value, "must be a group of keys (key: value)");
}

/* The key of a pair; a fault when it is no text or stands there twice. */
static const char *read_key(struct tyto_yaml *yaml, const struct yaml_node_s *node,
                            const yaml_node_pair_t *pair)
{
    const yaml_node_t *key_node = yaml_document_get_node(yaml->document, pair->key);
    if (!key_node || key_node->type != YAML_SCALAR_NODE) {
        (void)tyto_yaml_fail(yaml, node, NULL, "holds a key that is no text");
        return NULL;
    }
    const char *key = (const char *)key_node->data.scalar.value;
    for (const yaml_node_pair_t *other = node->data.mapping.pairs.start; other < pair; other++) {
        const yaml_node_t *other_node = yaml_document_get_node(yaml->document, other->key);
        if (other_node && other_node->type == YAML_SCALAR_NODE &&
            strcmp((const char *)other_node->data.scalar.value, key) == 0) {
            const size_t before = path_add(yaml, key, 0);
            (void)tyto_yaml_fail(yaml, key_node, NULL, "stands here twice (first in line %u)",
                                 tyto_yaml_line(other_node));
            yaml->path[before] = '\0';
            return NULL;
        }
    }
    return key;
}

enum tyto_err tyto_yaml_mapping(struct tyto_yaml *yaml, const struct yaml_node_s *node,
                                const struct tyto_yaml_field *fields, uint32_t num_fields,
                                void *target)
{
    enum tyto_err err = check_mapping(yaml, node);
    if (err != TYTO_OK)
        return err;
    for (const yaml_node_pair_t *pair = node->data.mapping.pairs.start;
         err == TYTO_OK && pair < node->data.mapping.pairs.top; pair++) {
        const char *key = read_key(yaml, node, pair);
        if (!key)
            return TYTO_ERR_INVALID;
        const struct tyto_yaml_field *field = NULL;
        for (uint32_t i = 0; i < num_fields; i++) {
            if (strcmp(fields[i].key, key) == 0)
                field = &fields[i];
        }
        const size_t before = path_add(yaml, key, 0);
        const yaml_node_t *value = yaml_document_get_node(yaml->document, pair->value);
        const yaml_node_t *key_node = yaml_document_get_node(yaml->document, pair->key);
        if (!field)
            err = fail_unknown(yaml, key_node, fields, num_fields, key);
        else
            err = tyto_yaml_value(yaml, value, field, (char *)target + field->offset);
        yaml->path[before] = '\0';
    }
    return err;
}

enum tyto_err
tyto_yaml_sequence(struct tyto_yaml *yaml, const struct yaml_node_s *node, uint32_t max,
                   enum tyto_err (*read)(struct tyto_yaml *yaml, const struct yaml_node_s *node,
                                         uint32_t idx, void *user),
                   void *user)
{
    if (node->type != YAML_SEQUENCE_NODE)
        return tyto_yaml_fail(yaml, node, NULL, "must be a list (lines that begin with '- ')");
    uint32_t idx = 0;
    enum tyto_err err = TYTO_OK;
    for (const yaml_node_item_t *item = node->data.sequence.items.start;
         err == TYTO_OK && item < node->data.sequence.items.top; item++, idx++) {
        const yaml_node_t *item_node = yaml_document_get_node(yaml->document, *item);
        if (idx == max)
            return tyto_yaml_fail(yaml, item_node, NULL, "has too many items: %u at most", max);
        const size_t before = path_add(yaml, NULL, idx + 1);
        err = read(yaml, item_node, idx, user);
        yaml->path[before] = '\0';
    }
    return err;
}

enum tyto_err
tyto_yaml_members(struct tyto_yaml *yaml, const struct yaml_node_s *node, uint32_t max,
                  enum tyto_err (*read)(struct tyto_yaml *yaml, const char *key,
                                        const struct yaml_node_s *node, uint32_t idx, void *user),
                  void *user)
{
    uint32_t idx = 0;
    enum tyto_err err = check_mapping(yaml, node);
    if (err != TYTO_OK)
        return err;
    if (node->data.mapping.pairs.top - node->data.mapping.pairs.start > (ptrdiff_t)max)
        return tyto_yaml_fail(yaml, node, NULL, "has too many keys: %u at most", max);
    for (const yaml_node_pair_t *pair = node->data.mapping.pairs.start;
         err == TYTO_OK && pair < node->data.mapping.pairs.top; pair++, idx++) {
        const char *key = read_key(yaml, node, pair);
        if (!key)
            return TYTO_ERR_INVALID;
        const size_t before = path_add(yaml, key, 0);
        yaml->key_line = tyto_yaml_line(yaml_document_get_node(yaml->document, pair->key));
        err = read(yaml, key, yaml_document_get_node(yaml->document, pair->value), idx, user);
        yaml->path[before] = '\0';
    }
    return err;
}

/* --- text to document ------------------------------------------------------------------------ */

static enum tyto_err fail_syntax(const yaml_parser_t *parser, const char *file,
                                 struct tyto_fault *ret_fault)
{
    if (parser->error == YAML_MEMORY_ERROR)
        return tyto_fault_set(ret_fault, TYTO_ERR_NOMEM, file, 0, NULL, "out of memory");
    const uint32_t line = (uint32_t)parser->problem_mark.line + 1;
    return tyto_fault_set(ret_fault, TYTO_ERR_FORMAT, file, line, NULL,
                          "not YAML: %s%s%s%s (indent with spaces, write 'key: value', and quote "
                          "values that hold ': ' or ' #')",
                          parser->problem ? parser->problem : "?", parser->context ? " (" : "",
                          parser->context ? parser->context : "", parser->context ? ")" : "");
}

static enum tyto_err read_document(yaml_parser_t *parser, const char *file,
                                   enum tyto_err (*read)(struct tyto_yaml *yaml,
                                                         const struct yaml_node_s *node,
                                                         void *target),
                                   void *target, struct tyto_fault *ret_fault)
{
    yaml_document_t document;
    if (!yaml_parser_load(parser, &document))
        return fail_syntax(parser, file, ret_fault);
    struct tyto_yaml yaml = {.file = file, .document = &document, .fault = ret_fault};
    const yaml_node_t *root = yaml_document_get_root_node(&document);
    enum tyto_err err = TYTO_OK;
    if (!root)
        err = tyto_fault_set(ret_fault, TYTO_ERR_INVALID, file, 1, NULL,
                             "the file is empty: it needs at least 'cameras:'");
    else
        err = read(&yaml, root, target);
    yaml_document_delete(&document);
    if (err != TYTO_OK)
        return err;
    if (!yaml_parser_load(parser, &document))
        return fail_syntax(parser, file, ret_fault);
    const yaml_node_t *second = yaml_document_get_root_node(&document);
    if (second)
        err = tyto_fault_set(ret_fault, TYTO_ERR_INVALID, file, tyto_yaml_line(second), NULL,
                             "a second document begins here: keep one file to one document");
    yaml_document_delete(&document);
    return err;
}

/* libyaml's time grows with the square of bracket depth and of the number of
 * anchors: 200 kB of '[' would take minutes. No configuration is near these bounds. */
static enum tyto_err check_cost(const char *text, size_t text_bytes, const char *file,
                                struct tyto_fault *ret_fault)
{
    uint32_t depth = 0;
    uint32_t num_anchors = 0;
    uint32_t line = 1;
    for (size_t i = 0; i < text_bytes; i++) {
        line += text[i] == '\n';
        num_anchors += text[i] == '&' || text[i] == '*';
        if (text[i] == '[' || text[i] == '{')
            depth++;
        else if ((text[i] == ']' || text[i] == '}') && depth > 0)
            depth--;
        if (depth > MAX_DEPTH || num_anchors > MAX_ANCHORS)
            return tyto_fault_set(ret_fault, TYTO_ERR_INVALID, file, line, NULL,
                                  "too many %s: is it the right file?",
                                  depth > MAX_DEPTH ? "open brackets" : "'&' and '*'");
    }
    return TYTO_OK;
}

enum tyto_err tyto_yaml_parse(const char *text, size_t text_bytes, const char *file,
                              enum tyto_err (*read)(struct tyto_yaml *yaml,
                                                    const struct yaml_node_s *node, void *target),
                              void *target, struct tyto_fault *ret_fault)
{
    const enum tyto_err cost_err = check_cost(text, text_bytes, file, ret_fault);
    if (cost_err != TYTO_OK)
        return cost_err;
    yaml_parser_t parser;
    if (!yaml_parser_initialize(&parser))
        return tyto_fault_set(ret_fault, TYTO_ERR_NOMEM, file, 0, NULL, "out of memory");
    yaml_parser_set_input_string(&parser, (const unsigned char *)text, text_bytes);
    const enum tyto_err err = read_document(&parser, file, read, target, ret_fault);
    yaml_parser_delete(&parser);
    return err;
}
