/* SPDX-License-Identifier: MIT */
/* Reads a YAML mapping into a struct as a table of fields says, with the line
 * and the value in every complaint. Shared by the config_*.c files only. */
#ifndef TYTO_DAEMON_CONFIG_PARSE_H
#define TYTO_DAEMON_CONFIG_PARSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/fault.h"

struct yaml_document_s;
struct yaml_node_s;

struct tyto_yaml {
    const char *file;
    struct yaml_document_s *document;
    char path[128];    /* of the node being read: cameras[1].uri */
    uint32_t key_line; /* within the read() of tyto_yaml_members: of the member's key */
    struct tyto_fault *fault;
};

enum tyto_yaml_kind {
    TYTO_YAML_TEXT, /* char array of `size` bytes */
    TYTO_YAML_ID,   /* the same, tyto_id_is_valid() */
    TYTO_YAML_PATH, /* the same, relative to the folder of the file */
    TYTO_YAML_URI,  /* the same, where no scheme is given; never shown in full */
    TYTO_YAML_F32,
    TYTO_YAML_U32,
    TYTO_YAML_BOOL,
    TYTO_YAML_CHOICE,  /* uint32_t or enum: index into choices */
    TYTO_YAML_SECONDS, /* int64_t, ns */
    TYTO_YAML_MILLIS,  /* int64_t, ns */
    TYTO_YAML_OTHER,   /* read() does it */
};

struct tyto_yaml_field {
    const char *key;
    enum tyto_yaml_kind kind;
    size_t offset, size;
    double min, max; /* of the number as written */
    const char *const *choices;
    uint32_t num_choices;
    enum tyto_err (*read)(struct tyto_yaml *yaml, const struct yaml_node_s *node, void *target);
};

/* Sets the fault at this node; value (may be NULL) is quoted in front of the text. */
enum tyto_err tyto_yaml_fail(struct tyto_yaml *yaml, const struct yaml_node_s *node,
                             const char *value, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

/* *target is the struct that the offsets count from. */
TYTO_MUST_CHECK
enum tyto_err tyto_yaml_mapping(struct tyto_yaml *yaml, const struct yaml_node_s *node,
                                const struct tyto_yaml_field *fields, uint32_t num_fields,
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
/* One value into *target, whatever field->offset says. */
TYTO_MUST_CHECK
enum tyto_err tyto_yaml_value(struct tyto_yaml *yaml, const struct yaml_node_s *node,
                              const struct tyto_yaml_field *field, void *target);
/* The text of a scalar; NULL and a fault when it is none. Borrowed from the document. */
const char *tyto_yaml_text(struct tyto_yaml *yaml, const struct yaml_node_s *node);
bool tyto_yaml_is_sequence(const struct yaml_node_s *node);
uint32_t tyto_yaml_line(const struct yaml_node_s *node);

/* Parses text and calls read with its root; FORMAT when it is no YAML. */
TYTO_MUST_CHECK
enum tyto_err tyto_yaml_parse(const char *text, size_t text_bytes, const char *file,
                              enum tyto_err (*read)(struct tyto_yaml *yaml,
                                                    const struct yaml_node_s *node, void *target),
                              void *target, struct tyto_fault *ret_fault);

#endif
