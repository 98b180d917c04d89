/* SPDX-License-Identifier: MIT */
/* libyaml's document API rather than a schema library: every node knows its line. */
#include "daemon/config/parse.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <yaml.h>

#include "base/nearest.h"
#include "base/text.h"

enum { MAX_KEYS = 32, SHOWN_CHARS = 60, MAX_DEPTH = 100, MAX_ANCHORS = 4096 };

uint32_t tyto_yaml_line(const struct yaml_node_s *node)
{
    return (uint32_t)node->start_mark.line + 1;
}

enum tyto_err tyto_yaml_fail(struct tyto_yaml *yaml, const struct yaml_node_s *node,
                             const char *value, const char *fmt, ...)
{
    char text[400];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    const enum tyto_err err = tyto_fault_set(
        yaml->fault, TYTO_ERR_INVALID, yaml->file, tyto_yaml_line(node), yaml->path, "%s%.*s%s%s",
        value ? "'" : "", SHOWN_CHARS, value ? value : "", value ? "' " : "", text);
    if (yaml->fault) { /* escapes in a quoted value may hold anything */
        tyto_text_make_printable(yaml->fault->text);
        tyto_text_make_printable(yaml->fault->key);
    }
    return err;
}

static const char *tyto_yaml_text(struct tyto_yaml *yaml, const struct yaml_node_s *node)
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

/* A relative path counts from the folder of the file that holds it. */
static enum tyto_err complete_place(struct tyto_yaml *yaml, const struct yaml_node_s *node,
                                    const char *text, char *ret_text, size_t text_bytes)
{
    const char *slash = strrchr(yaml->file, '/');
    const bool is_relative = text[0] != '/' && !strstr(text, "://") && slash;
    const int num = snprintf(ret_text, text_bytes, "%.*s%s",
                             is_relative ? (int)(slash - yaml->file) + 1 : 0, yaml->file, text);
    if (num < 0 || (size_t)num >= text_bytes)
        return tyto_yaml_fail(yaml, node, NULL, "is too long: %zu characters at most",
                              text_bytes - 1);
    return TYTO_OK;
}

/* What a value is read into. */
struct slot {
    const struct tyto_option_group *group;
    uint32_t row_idx;
    void *target;
    uint64_t *given;
};

static enum tyto_err read_text(struct tyto_yaml *yaml, const struct yaml_node_s *node, uint32_t idx,
                               void *user)
{
    const struct slot *slot = user;
    const struct tyto_option *option = &slot->group->rows[slot->row_idx];
    char place[TYTO_OPTIONS_TEXT_MAX];
    struct tyto_fault fault = {.text = ""};
    const char *text = tyto_yaml_text(yaml, node);
    (void)idx;
    if (!text)
        return TYTO_ERR_INVALID;
    if (option->is_place) {
        const enum tyto_err err = complete_place(yaml, node, text, place, sizeof(place));
        if (err)
            return err;
        text = place;
    }
    const enum tyto_err err =
        tyto_option_give(slot->group, slot->row_idx, slot->target, slot->given, text, &fault);
    if (err == TYTO_ERR_INVALID)
        return tyto_yaml_fail(yaml, node, NULL, "%s", fault.text);
    if (err)
        return tyto_fault_set(yaml->fault, err, yaml->file, 0, NULL, "%s", fault.text);
    return TYTO_OK;
}

static enum tyto_err read_value(struct tyto_yaml *yaml, const struct yaml_node_s *node,
                                const struct slot *slot)
{
    const struct tyto_option *option = &slot->group->rows[slot->row_idx];
    struct slot copy = *slot;
    const bool is_list =
        option->type == TYTO_OPTION_TEXTS || (option->type == TYTO_OPTION_OTHER && option->max > 0);
    if (!is_list || node->type != YAML_SEQUENCE_NODE)
        return read_text(yaml, node, 0, &copy);
    tyto_option_clear(option, tyto_option_value(slot->group, slot->row_idx, slot->target));
    return tyto_yaml_sequence(yaml, node, (uint32_t)option->max, read_text, &copy);
}

/* --- structure ---------------------------------------------------------------------------- */

static enum tyto_err fail_unknown(struct tyto_yaml *yaml, const struct yaml_node_s *node,
                                  const struct tyto_option_group *group,
                                  const struct tyto_yaml_part *parts, uint32_t num_parts,
                                  const char *key)
{
    const char *names[MAX_KEYS];
    char all[256] = "";
    uint32_t num = 0;
    for (uint32_t i = 0; i < num_parts && num < MAX_KEYS; i++)
        names[num++] = parts[i].key;
    for (uint32_t i = 0; group && i < group->num_rows && num < MAX_KEYS; i++)
        names[num++] = group->rows[i].key;
    for (uint32_t i = 0; i < num; i++) {
        const size_t len = strlen(all);
        snprintf(all + len, sizeof(all) - len, "%s%s", i ? ", " : "", names[i]);
    }
    const char *near = tyto_nearest(key, names, num);
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

/* A row or a part of that name; *ret_is_known says whether there is one. */
static enum tyto_err read_member(struct tyto_yaml *yaml, const char *key,
                                 const struct yaml_node_s *node, const struct slot *slot,
                                 const struct tyto_yaml_part *parts, uint32_t num_parts,
                                 bool *ret_is_known)
{
    *ret_is_known = true;
    for (uint32_t i = 0; slot->group && i < slot->group->num_rows; i++) {
        struct slot one = *slot;
        one.row_idx = i;
        if (strcmp(slot->group->rows[i].key, key) == 0)
            return read_value(yaml, node, &one);
    }
    for (uint32_t i = 0; i < num_parts; i++) {
        if (strcmp(parts[i].key, key) == 0)
            return parts[i].group
                       ? tyto_yaml_mapping(yaml, node, parts[i].group, NULL, 0, slot->target)
                       : parts[i].read(yaml, node, slot->target);
    }
    *ret_is_known = false;
    return TYTO_OK;
}

static bool knows(const struct tyto_option_group *group, const struct tyto_yaml_part *parts,
                  uint32_t num_parts, const char *key)
{
    bool is_known = false;
    for (uint32_t i = 0; group && i < group->num_rows; i++)
        is_known |= strcmp(group->rows[i].key, key) == 0;
    for (uint32_t i = 0; i < num_parts; i++)
        is_known |= strcmp(parts[i].key, key) == 0;
    return is_known;
}

/* Of {threshold: 0,4} the 4 is a key, and would be complained about as one, or after the 0. */
static enum tyto_err check_commas(struct tyto_yaml *yaml, const struct yaml_node_s *node,
                                  const struct tyto_option_group *group,
                                  const struct tyto_yaml_part *parts, uint32_t num_parts)
{
    if (node->data.mapping.style != YAML_FLOW_MAPPING_STYLE)
        return TYTO_OK;
    for (const yaml_node_pair_t *pair = node->data.mapping.pairs.start;
         pair < node->data.mapping.pairs.top; pair++) {
        const yaml_node_t *key = yaml_document_get_node(yaml->document, pair->key);
        const yaml_node_t *value = yaml_document_get_node(yaml->document, pair->value);
        if (key && value && key->type == YAML_SCALAR_NODE && value->type == YAML_SCALAR_NODE &&
            value->data.scalar.length == 0 &&
            !knows(group, parts, num_parts, (const char *)key->data.scalar.value))
            return tyto_yaml_fail(yaml, key, (const char *)key->data.scalar.value,
                                  "stands alone: between { and } a comma ends a value; quote one "
                                  "that has a comma in it, and write 0.4, not 0,4");
    }
    return TYTO_OK;
}

enum tyto_err tyto_yaml_mapping(struct tyto_yaml *yaml, const struct yaml_node_s *node,
                                const struct tyto_option_group *group,
                                const struct tyto_yaml_part *parts, uint32_t num_parts,
                                void *target)
{
    uint64_t given = 0;
    const struct slot slot = {.group = group, .target = target, .given = &given};
    enum tyto_err err = check_mapping(yaml, node);
    if (!err)
        err = check_commas(yaml, node, group, parts, num_parts);
    if (err)
        return err;
    for (const yaml_node_pair_t *pair = node->data.mapping.pairs.start;
         !err && pair < node->data.mapping.pairs.top; pair++) {
        const char *key = read_key(yaml, node, pair);
        if (!key)
            return TYTO_ERR_INVALID;
        const size_t before = path_add(yaml, key, 0);
        const yaml_node_t *value = yaml_document_get_node(yaml->document, pair->value);
        const yaml_node_t *key_node = yaml_document_get_node(yaml->document, pair->key);
        bool is_known = false;
        err = read_member(yaml, key, value, &slot, parts, num_parts, &is_known);
        if (!is_known)
            err = fail_unknown(yaml, key_node, group, parts, num_parts, key);
        yaml->path[before] = '\0';
    }
    return err;
}

/* The value of a key; NULL: the mapping has no such key, or it is no mapping. */
static const yaml_node_t *find_member(const struct tyto_yaml *yaml, const struct yaml_node_s *node,
                                      const char *key)
{
    if (node->type != YAML_MAPPING_NODE)
        return NULL;
    for (const yaml_node_pair_t *pair = node->data.mapping.pairs.start;
         pair < node->data.mapping.pairs.top; pair++) {
        const yaml_node_t *key_node = yaml_document_get_node(yaml->document, pair->key);
        if (key_node && key_node->type == YAML_SCALAR_NODE &&
            strcmp((const char *)key_node->data.scalar.value, key) == 0)
            return yaml_document_get_node(yaml->document, pair->value);
    }
    return NULL;
}

uint32_t tyto_yaml_key_line(const struct tyto_yaml *yaml, const struct yaml_node_s *node,
                            const char *key)
{
    const yaml_node_t *member = find_member(yaml, node, key);
    return member ? tyto_yaml_line(member) : 0;
}

void tyto_yaml_name_item(struct tyto_yaml *yaml, const struct yaml_node_s *node, const char *key,
                         bool (*is_name)(const char *text))
{
    const yaml_node_t *member = find_member(yaml, node, key);
    char *number = strrchr(yaml->path, '[');
    if (!number || !member || member->type != YAML_SCALAR_NODE)
        return;
    const char *name = (const char *)member->data.scalar.value;
    if (strlen(name) == member->data.scalar.length && is_name(name))
        snprintf(number, sizeof(yaml->path) - (size_t)(number - yaml->path), "[%s]", name);
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
         !err && item < node->data.sequence.items.top; item++, idx++) {
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
    if (err)
        return err;
    if (node->data.mapping.pairs.top - node->data.mapping.pairs.start > (ptrdiff_t)max)
        return tyto_yaml_fail(yaml, node, NULL, "has too many keys: %u at most", max);
    for (const yaml_node_pair_t *pair = node->data.mapping.pairs.start;
         !err && pair < node->data.mapping.pairs.top; pair++, idx++) {
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
    if (err)
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

/* What a nested value or an anchor costs. */
static void count_cost(const yaml_event_t *event, uint32_t *depth, uint32_t *num_anchors)
{
    const bool is_sequence = event->type == YAML_SEQUENCE_START_EVENT;
    const bool is_mapping = event->type == YAML_MAPPING_START_EVENT;
    const bool is_end =
        event->type == YAML_SEQUENCE_END_EVENT || event->type == YAML_MAPPING_END_EVENT;
    *depth += is_sequence || is_mapping;
    *depth -= is_end;
    *num_anchors += event->type == YAML_ALIAS_EVENT ||
                    (is_sequence && event->data.sequence_start.anchor) ||
                    (is_mapping && event->data.mapping_start.anchor) ||
                    (event->type == YAML_SCALAR_EVENT && event->data.scalar.anchor);
}

/* libyaml's time grows with the square of depth and of the number of anchors: 200 kB of '[' would
 * take minutes. No configuration is near these bounds. Its own parser counts, so that comments and
 * quotes are what it takes them for, and stops at once. What is no YAML is left to the reader. */
static enum tyto_err check_cost(const char *text, size_t text_bytes, const char *file,
                                struct tyto_fault *ret_fault)
{
    yaml_parser_t parser;
    yaml_event_t event;
    uint32_t depth = 0, num_anchors = 0, line = 0;
    bool is_over = false;
    if (!yaml_parser_initialize(&parser))
        return tyto_fault_set(ret_fault, TYTO_ERR_NOMEM, file, 0, NULL, "out of memory");
    yaml_parser_set_input_string(&parser, (const unsigned char *)text, text_bytes);
    while (!is_over && depth <= MAX_DEPTH && num_anchors <= MAX_ANCHORS &&
           yaml_parser_parse(&parser, &event)) {
        count_cost(&event, &depth, &num_anchors);
        line = (uint32_t)event.start_mark.line + 1;
        is_over = event.type == YAML_STREAM_END_EVENT;
        yaml_event_delete(&event);
    }
    yaml_parser_delete(&parser);
    if (depth > MAX_DEPTH || num_anchors > MAX_ANCHORS)
        return tyto_fault_set(ret_fault, TYTO_ERR_INVALID, file, line, NULL,
                              "too many %s: is it the right file?",
                              depth > MAX_DEPTH ? "open brackets" : "'&' and '*'");
    return TYTO_OK;
}

enum tyto_err tyto_yaml_parse(const char *text, size_t text_bytes, const char *file,
                              enum tyto_err (*read)(struct tyto_yaml *yaml,
                                                    const struct yaml_node_s *node, void *target),
                              void *target, struct tyto_fault *ret_fault)
{
    const enum tyto_err cost_err = check_cost(text, text_bytes, file, ret_fault);
    if (cost_err)
        return cost_err;
    yaml_parser_t parser;
    if (!yaml_parser_initialize(&parser))
        return tyto_fault_set(ret_fault, TYTO_ERR_NOMEM, file, 0, NULL, "out of memory");
    yaml_parser_set_input_string(&parser, (const unsigned char *)text, text_bytes);
    const enum tyto_err err = read_document(&parser, file, read, target, ret_fault);
    yaml_parser_delete(&parser);
    return err;
}
