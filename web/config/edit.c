/* SPDX-License-Identifier: MIT */
/* One value after the other: the text is read, the place of the value is found by the marks that
 * the reader gives its nodes, and the text changed there. */
#include "web/config/edit.h"

#include <glib.h>
#include <string.h>
#include <yaml.h>

enum { LEVELS = 3 /* classes, the class, the key */ };

/* A text that is being changed. */
struct edit {
    const char *file;
    GString *text;
    yaml_document_t document;
    struct tyto_fault *fault;
};

static enum tyto_err fail(struct edit *edit, enum tyto_err err, const yaml_node_t *node,
                          const char *key, const char *text)
{
    return tyto_fault_set(edit->fault, err, edit->file,
                          node ? (uint32_t)node->start_mark.line + 1 : 0, key, "%s", text);
}

/* --- reading --------------------------------------------------------------------------------- */

/* Aliases would make one place stand for several. */
static enum tyto_err check_aliases(struct edit *edit)
{
    yaml_parser_t parser;
    enum tyto_err err = yaml_parser_initialize(&parser) ? TYTO_OK : TYTO_ERR_NOMEM;
    if (err)
        return err;
    yaml_parser_set_input_string(&parser, (const unsigned char *)edit->text->str, edit->text->len);
    for (bool is_over = false; !err && !is_over;) {
        yaml_event_t event;
        if (!yaml_parser_parse(&parser, &event)) {
            err = tyto_fault_set(edit->fault, TYTO_ERR_FORMAT, edit->file,
                                 (uint32_t)parser.problem_mark.line + 1, NULL, "is no YAML: %s",
                                 parser.problem ? parser.problem : "it cannot be read");
            break;
        }
        if (event.type == YAML_ALIAS_EVENT)
            err = tyto_fault_set(
                edit->fault, TYTO_ERR_FORMAT, edit->file, (uint32_t)event.start_mark.line + 1, NULL,
                "has an alias (*%s): change it by hand", (const char *)event.data.alias.anchor);
        is_over = event.type == YAML_STREAM_END_EVENT;
        yaml_event_delete(&event);
    }
    yaml_parser_delete(&parser);
    return err;
}

static enum tyto_err load(struct edit *edit)
{
    yaml_parser_t parser;
    if (!yaml_parser_initialize(&parser))
        return TYTO_ERR_NOMEM;
    yaml_parser_set_input_string(&parser, (const unsigned char *)edit->text->str, edit->text->len);
    const bool is_read = yaml_parser_load(&parser, &edit->document);
    yaml_parser_delete(&parser);
    return is_read ? TYTO_OK : fail(edit, TYTO_ERR_FORMAT, NULL, NULL, "is no YAML");
}

/* Marks count characters. */
static size_t byte_of(const struct edit *edit, size_t at)
{
    const char *text = edit->text->str;
    size_t byte = 0;
    for (size_t i = 0; i < at && byte < edit->text->len; i++) {
        byte++;
        while (byte < edit->text->len && ((unsigned char)text[byte] & 0xc0) == 0x80)
            byte++;
    }
    return byte;
}

static bool is_text(const yaml_node_t *node, const char *text)
{
    return node && node->type == YAML_SCALAR_NODE &&
           strcmp((const char *)node->data.scalar.value, text) == 0;
}

/* Of a mapping; NULL: it has no such key. */
static yaml_node_t *member_of(struct edit *edit, const yaml_node_t *mapping, const char *key)
{
    for (const yaml_node_pair_t *pair = mapping->data.mapping.pairs.start;
         pair < mapping->data.mapping.pairs.top; pair++) {
        if (is_text(yaml_document_get_node(&edit->document, pair->key), key))
            return yaml_document_get_node(&edit->document, pair->value);
    }
    return NULL;
}

/* --- writing --------------------------------------------------------------------------------- */

/* Where the last line of a node ends that is written on lines of its own; SIZE_MAX: not known. */
static size_t end_of(struct edit *edit, const yaml_node_t *node)
{
    const bool is_mapping = node->type == YAML_MAPPING_NODE;
    const yaml_node_t *last = NULL;
    if (node->type == YAML_SCALAR_NODE && (node->data.scalar.style == YAML_LITERAL_SCALAR_STYLE ||
                                           node->data.scalar.style == YAML_FOLDED_SCALAR_STYLE))
        return SIZE_MAX;
    if (is_mapping && node->data.mapping.style != YAML_FLOW_MAPPING_STYLE)
        last = yaml_document_get_node(&edit->document, node->data.mapping.pairs.top[-1].value);
    else if (node->type == YAML_SEQUENCE_NODE &&
             node->data.sequence.style != YAML_FLOW_SEQUENCE_STYLE)
        last = yaml_document_get_node(&edit->document, node->data.sequence.items.top[-1]);
    if (last)
        return end_of(edit, last);
    const size_t at = byte_of(edit, node->end_mark.index);
    return at + strcspn(edit->text->str + at, "\r\n");
}

/* keys[from..LEVELS): value, as it stands in a line. */
static void put_rest(GString *out, const char *const keys[LEVELS], int from, const char *value)
{
    for (int i = from; i < LEVELS; i++)
        g_string_append_printf(out, i > from ? "{%s: " : "%s: ", keys[i]);
    g_string_append(out, value);
    for (int i = from + 1; i < LEVELS; i++)
        g_string_append_c(out, '}');
}

/* A member that the mapping does not have yet. */
static void insert(struct edit *edit, const yaml_node_t *mapping, const char *const keys[LEVELS],
                   int from, const char *value)
{
    GString *made = g_string_new(NULL);
    const bool is_empty = mapping->data.mapping.pairs.start == mapping->data.mapping.pairs.top;
    size_t at;
    if (is_empty) {
        at = byte_of(edit, mapping->start_mark.index) + 1;
        put_rest(made, keys, from, value);
    } else if (mapping->data.mapping.style == YAML_FLOW_MAPPING_STYLE) {
        const yaml_node_t *last =
            yaml_document_get_node(&edit->document, mapping->data.mapping.pairs.top[-1].value);
        at = byte_of(edit, last->end_mark.index);
        g_string_append(made, ", ");
        put_rest(made, keys, from, value);
    } else {
        const yaml_node_t *first =
            yaml_document_get_node(&edit->document, mapping->data.mapping.pairs.start->key);
        const int column = (int)first->start_mark.column;
        at = end_of(edit, mapping);
        const bool is_before = at == SIZE_MAX;
        if (is_before)
            at = byte_of(edit, first->start_mark.index);
        else
            g_string_append_printf(made, "\n%*s", column, "");
        if (from == 0) { /* classes are listed one below the other */
            g_string_append_printf(made, "%s:\n%*s", keys[0], column + 2, "");
            put_rest(made, keys, 1, value);
        } else {
            put_rest(made, keys, from, value);
        }
        if (is_before)
            g_string_append_printf(made, "\n%*s", column, "");
    }
    g_string_insert_len(edit->text, (gssize)at, made->str, (gssize)made->len);
    (void)g_string_free(made, TRUE);
}

static enum tyto_err find_base(struct edit *edit, const char *camera, yaml_node_t **ret_base)
{
    yaml_node_t *root = yaml_document_get_root_node(&edit->document);
    if (!root || root->type != YAML_MAPPING_NODE)
        return fail(edit, TYTO_ERR_FORMAT, root, NULL, "is no configuration of tytod");
    *ret_base = root;
    if (!camera)
        return TYTO_OK;
    const yaml_node_t *cameras = member_of(edit, root, "cameras");
    const bool is_list = cameras && cameras->type == YAML_SEQUENCE_NODE;
    for (const yaml_node_item_t *item = is_list ? cameras->data.sequence.items.start : NULL;
         is_list && item < cameras->data.sequence.items.top; item++) {
        yaml_node_t *node = yaml_document_get_node(&edit->document, *item);
        if (node && node->type == YAML_MAPPING_NODE &&
            is_text(member_of(edit, node, "id"), camera)) {
            *ret_base = node;
            return TYTO_OK;
        }
    }
    return tyto_fault_set(edit->fault, TYTO_ERR_NOT_FOUND, edit->file, 0, "cameras",
                          "there is no camera '%s'", camera);
}

static enum tyto_err put(struct edit *edit, const char *camera, const char *const keys[LEVELS],
                         const char *value)
{
    yaml_node_t *node = NULL;
    enum tyto_err err = load(edit);
    if (err)
        return err;
    err = find_base(edit, camera, &node);
    for (int level = 0; !err && level < LEVELS; level++) {
        if (node->type != YAML_MAPPING_NODE) {
            err = fail(edit, TYTO_ERR_FORMAT, node, keys[level - 1],
                       "is no group: change it by hand");
            break;
        }
        yaml_node_t *found = member_of(edit, node, keys[level]);
        if (!found) {
            insert(edit, node, keys, level, value);
            break;
        }
        node = found;
        if (level + 1 < LEVELS)
            continue;
        const size_t begin = byte_of(edit, node->start_mark.index);
        const size_t end = byte_of(edit, node->end_mark.index);
        if (node->type != YAML_SCALAR_NODE || begin == end) {
            err = fail(edit, TYTO_ERR_FORMAT, node, keys[level],
                       "is no threshold: change it by hand");
            break;
        }
        g_string_erase(edit->text, (gssize)begin, (gssize)(end - begin));
        g_string_insert(edit->text, (gssize)begin, value);
    }
    yaml_document_delete(&edit->document);
    return err;
}

static enum tyto_err put_wish(struct edit *edit, const char *camera,
                              const struct tyto_config_wish *wish)
{
    const struct {
        const char *key;
        float value;
    } values[] = {{"threshold", wish->joint},
                  {"threshold_heard", wish->heard},
                  {"threshold_seen", wish->seen}};
    enum tyto_err err = TYTO_OK;
    for (size_t i = 0; !err && i < G_N_ELEMENTS(values); i++) {
        const char *const keys[LEVELS] = {"classes", wish->class_name, values[i].key};
        char value[G_ASCII_DTOSTR_BUF_SIZE];
        err = put(edit, camera, keys,
                  g_ascii_formatd(value, sizeof(value), "%.3g", (double)values[i].value));
    }
    return err;
}

enum tyto_err tyto_config_edit(const char *file, const char *text, size_t num_bytes,
                               const char *camera, const struct tyto_config_wish *wishes,
                               uint32_t num_wishes, char **ret_text, struct tyto_fault *ret_fault)
{
    if (num_bytes > TYTO_CONFIG_MAX_BYTES || num_wishes > TYTO_CONFIG_MAX_WISHES)
        return tyto_fault_set(ret_fault, TYTO_ERR_FULL, file, 0, NULL, "is too large");
    if (memchr(text, '\0', num_bytes) || !g_utf8_validate(text, (gssize)num_bytes, NULL) ||
        g_str_has_prefix(text, "\xef\xbb\xbf"))
        return tyto_fault_set(ret_fault, TYTO_ERR_FORMAT, file, 0, NULL,
                              "is no plain UTF-8: change it by hand");
    struct edit edit = {
        .file = file, .text = g_string_new_len(text, (gssize)num_bytes), .fault = ret_fault};
    enum tyto_err err = check_aliases(&edit);
    for (uint32_t i = 0; !err && i < num_wishes; i++)
        err = put_wish(&edit, camera, &wishes[i]);
    if (!err)
        err = check_aliases(&edit); /* it is still YAML */
    *ret_text = g_string_free(edit.text, err ? TRUE : FALSE);
    return err;
}
