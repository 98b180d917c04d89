/* SPDX-License-Identifier: MIT */
/* Reads a YAML mapping into a struct as a table of options says, with the line and the value in
 * every complaint. */
#ifndef TYTO_DAEMON_CONFIG_PARSE_H
#define TYTO_DAEMON_CONFIG_PARSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/fault.h"
#include "options/options.h"

struct yaml_document_s;
struct yaml_node_s;

struct tyto_yaml {
    const char *file;
    struct yaml_document_s *document;
    char path[128];    /* of the node being read: cameras[yard].uri, cameras[1].id */
    uint32_t key_line; /* within the read() of tyto_yaml_members: of the member's key */
    struct tyto_fault *fault;
};

/* What stands below a mapping beside the rows of a table. */
struct tyto_yaml_part {
    const char *key;
    const struct tyto_option_group *group; /* its rows; or NULL: read() does it */
    enum tyto_err (*read)(struct tyto_yaml *yaml, const struct yaml_node_s *node, void *target);
};

/* Sets the fault at this node; value (may be NULL) is quoted in front of the text. */
enum tyto_err tyto_yaml_fail(struct tyto_yaml *yaml, const struct yaml_node_s *node,
                             const char *value, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

/* Reads the keys of a mapping: rows of group (NULL: none) and parts, all into target. */
TYTO_MUST_CHECK
enum tyto_err tyto_yaml_mapping(struct tyto_yaml *yaml, const struct yaml_node_s *node,
                                const struct tyto_option_group *group,
                                const struct tyto_yaml_part *parts, uint32_t num_parts,
                                void *target);
/* Calls read for each item of a sequence; path gets [i]. *ret_num is their number (<= max). */
TYTO_MUST_CHECK
enum tyto_err
tyto_yaml_sequence(struct tyto_yaml *yaml, const struct yaml_node_s *node, uint32_t max,
                   enum tyto_err (*read)(struct tyto_yaml *yaml, const struct yaml_node_s *node,
                                         uint32_t idx, void *user),
                   void *user);
/* Calls read for each member of a mapping whose keys are free; path gets .key. */
TYTO_MUST_CHECK
enum tyto_err
tyto_yaml_members(struct tyto_yaml *yaml, const struct yaml_node_s *node, uint32_t max,
                  enum tyto_err (*read)(struct tyto_yaml *yaml, const char *key,
                                        const struct yaml_node_s *node, uint32_t idx, void *user),
                  void *user);
/* Within the read() of tyto_yaml_sequence: path gets the item's name for its number where key's
 * value is one that names may be. */
void tyto_yaml_name_item(struct tyto_yaml *yaml, const struct yaml_node_s *node, const char *key,
                         bool (*is_name)(const char *text));
uint32_t tyto_yaml_line(const struct yaml_node_s *node);
/* Of the value of a key; 0: the mapping has no such key. */
uint32_t tyto_yaml_key_line(const struct tyto_yaml *yaml, const struct yaml_node_s *node,
                            const char *key);

/* Parses text and calls read with its root; FORMAT when it is no YAML. */
TYTO_MUST_CHECK
enum tyto_err tyto_yaml_parse(const char *text, size_t text_bytes, const char *file,
                              enum tyto_err (*read)(struct tyto_yaml *yaml,
                                                    const struct yaml_node_s *node, void *target),
                              void *target, struct tyto_fault *ret_fault);

#endif
