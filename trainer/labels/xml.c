/* SPDX-License-Identifier: MIT */
#include "trainer/labels/xml.h"

#include <libxml/xmlreader.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct tyto_xml {
    xmlTextReaderPtr reader;
    enum tyto_xml_piece piece;
    bool ends_next; /* the element that was begun is empty */
    uint32_t error_line;
    char error[256];
};

static void set_error(struct tyto_xml *xml, uint32_t line, const char *text)
{
    if (xml->error[0])
        return;
    snprintf(xml->error, sizeof(xml->error), "%s", text);
    xml->error[strcspn(xml->error, "\r\n")] = '\0';
    xml->error_line = line;
}

/* Keeps the first error, and keeps libxml2 from printing. */
static void on_error(void *user, xmlErrorPtr error)
{
    struct tyto_xml *xml = user;
    if (error->level >= XML_ERR_ERROR)
        set_error(xml, error->line > 0 ? (uint32_t)error->line : 0,
                  error->message ? error->message : "it is no XML");
}

enum tyto_err tyto_xml_create(const char *bytes, size_t num_bytes, struct tyto_xml **ret_xml)
{
    struct tyto_xml *xml = calloc(1, sizeof(*xml));
    if (!xml)
        return TYTO_ERR_NOMEM;
    const int options = XML_PARSE_NONET | XML_PARSE_NOBLANKS | XML_PARSE_NOCDATA |
                        XML_PARSE_BIG_LINES | XML_PARSE_COMPACT;
    if (num_bytes > INT_MAX)
        num_bytes = INT_MAX;
    const char *type = memmem(bytes, num_bytes, "<!DOCTYPE", 9);
    if (type) { /* before the parser sees it */
        uint32_t line = 1;
        for (const char *at = bytes; at < type; at++)
            line += *at == '\n';
        set_error(xml, line, "it has a document type (<!DOCTYPE ...>): delete that line");
        *ret_xml = xml;
        return TYTO_OK;
    }
    if (strspn(bytes, " \t\r\n") >= num_bytes) {
        set_error(xml, 0, "the file is empty");
        *ret_xml = xml;
        return TYTO_OK;
    }
    xml->reader = xmlReaderForMemory(bytes, (int)num_bytes, NULL, "UTF-8", options);
    if (!xml->reader) {
        free(xml);
        return TYTO_ERR_NOMEM;
    }
    xmlTextReaderSetStructuredErrorHandler(xml->reader, on_error, xml);
    *ret_xml = xml;
    return TYTO_OK;
}

void tyto_xml_destroy(struct tyto_xml **xml)
{
    if (*xml && (*xml)->reader)
        xmlFreeTextReader((*xml)->reader);
    free(*xml);
    *xml = NULL;
}

static enum tyto_xml_piece next(struct tyto_xml *xml)
{
    while (xml->reader) {
        const int status = xmlTextReaderRead(xml->reader);
        if (status == 0 && !xml->error[0])
            return TYTO_XML_DONE;
        if (status != 1 || xml->error[0])
            break;
        if (tyto_xml_depth(xml) > TYTO_XML_MAX_DEPTH) {
            set_error(xml, tyto_xml_line(xml), "its elements are too deep in one another");
            break;
        }
        switch (xmlTextReaderNodeType(xml->reader)) {
        case XML_READER_TYPE_ELEMENT:
            xml->ends_next = xmlTextReaderIsEmptyElement(xml->reader) == 1;
            return TYTO_XML_BEGIN;
        case XML_READER_TYPE_END_ELEMENT:
            return TYTO_XML_END;
        case XML_READER_TYPE_TEXT:
        case XML_READER_TYPE_CDATA:
        case XML_READER_TYPE_SIGNIFICANT_WHITESPACE:
            return TYTO_XML_TEXT;
        case XML_READER_TYPE_DOCUMENT_TYPE:
        case XML_READER_TYPE_ENTITY_REFERENCE:
            set_error(xml, tyto_xml_line(xml), "it has a document type or entities: delete them");
            return TYTO_XML_ERROR;
        default:
            continue;
        }
    }
    set_error(xml, 0, "it is no XML");
    return TYTO_XML_ERROR;
}

enum tyto_xml_piece tyto_xml_next(struct tyto_xml *xml)
{
    if (xml->piece == TYTO_XML_ERROR || xml->piece == TYTO_XML_DONE)
        return xml->piece;
    if (xml->ends_next) {
        xml->ends_next = false;
        xml->piece = TYTO_XML_END;
    } else {
        xml->piece = next(xml);
    }
    return xml->piece;
}

const char *tyto_xml_name(const struct tyto_xml *xml)
{
    const char *name = (const char *)xmlTextReaderConstLocalName(xml->reader);
    return name ? name : "";
}

const char *tyto_xml_text(const struct tyto_xml *xml)
{
    if (xml->piece == TYTO_XML_ERROR)
        return xml->error;
    const char *text = (const char *)xmlTextReaderConstValue(xml->reader);
    return text ? text : "";
}

uint32_t tyto_xml_line(const struct tyto_xml *xml)
{
    if (xml->piece == TYTO_XML_ERROR)
        return xml->error_line;
    const xmlNode *node = xmlTextReaderCurrentNode(xml->reader);
    const long line = node ? xmlGetLineNo(node) : 0;
    return line > 0 ? (uint32_t)line : 0;
}

uint32_t tyto_xml_depth(const struct tyto_xml *xml)
{
    const int depth = xmlTextReaderDepth(xml->reader);
    return depth > 0 ? (uint32_t)depth : 0;
}

bool tyto_xml_attribute(const struct tyto_xml *xml, const char *name, char *ret_value,
                        size_t value_bytes)
{
    ret_value[0] = '\0';
    xmlChar *value = xmlTextReaderGetAttribute(xml->reader, (const xmlChar *)name);
    if (!value)
        return false;
    snprintf(ret_value, value_bytes, "%s", (const char *)value);
    xmlFree(value);
    return true;
}
