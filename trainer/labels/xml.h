/* SPDX-License-Identifier: MIT */
/* Private to this folder: XML, piece by piece. No DTD, no entities but the five, no network: a
 * document type is refused, so that nothing can grow. A thin layer over libxml2. */
#ifndef TYTO_TRAINER_LABELS_XML_H
#define TYTO_TRAINER_LABELS_XML_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

enum { TYTO_XML_MAX_DEPTH = 32 };

enum tyto_xml_piece {
    TYTO_XML_BEGIN, /* of an element */
    TYTO_XML_END,   /* of an element, also of an empty one */
    TYTO_XML_TEXT,
    TYTO_XML_DONE,
    TYTO_XML_ERROR, /* nothing follows */
};

struct tyto_xml;

/* Of num_bytes of UTF-8 with a NUL behind them, borrowed until the end. NOMEM. */
TYTO_MUST_CHECK
enum tyto_err tyto_xml_create(const char *bytes, size_t num_bytes, struct tyto_xml **ret_xml);
void tyto_xml_destroy(struct tyto_xml **xml);
enum tyto_xml_piece tyto_xml_next(struct tyto_xml *xml);

/* Of the piece given last; borrowed until the next. */
const char *tyto_xml_name(const struct tyto_xml *xml); /* of an element, without prefix */
const char *tyto_xml_text(const struct tyto_xml *xml); /* of a text, or why it is an error */
uint32_t tyto_xml_line(const struct tyto_xml *xml);
uint32_t tyto_xml_depth(const struct tyto_xml *xml); /* of the outermost element: 0 */
/* An attribute's value, cut to value_bytes - 1; false and "" when it is not there. */
bool tyto_xml_attribute(const struct tyto_xml *xml, const char *name, char *ret_value,
                        size_t value_bytes);

#endif
