/* SPDX-License-Identifier: MIT */
/* Reports: data in a page that draws it. A page is an HTML file of its own in the tree, with a
 * script that draws what it finds in its element <script type="application/json" id="data">. There
 * it holds a small example, so that whoever edits the page opens it in a browser; a report is the
 * page with other data. The page needs nothing else, from disk or network. */
#ifndef TYTO_FILES_PAGE_H
#define TYTO_FILES_PAGE_H

#include <stddef.h>
#include <stdint.h>

#include "base/fault.h"
#include "files/json.h"

/* Writes page (num_bytes, without a terminator) to path with data in place of its example; whole or
 * not at all (files/replace.h). data is *taken*; NULL counts as out of memory. The data stay what
 * they are also to a browser that looks for the end of a script in them. NOMEM; IO with
 * *ret_fault; INTERNAL: the page has no such element. */
TYTO_MUST_CHECK
enum tyto_err tyto_page_write(const char *path, const char *page, size_t num_bytes,
                              struct tyto_json *data, struct tyto_fault *ret_fault);

/* A string of any bytes: '?' stands for control characters and for what is not UTF-8. */
struct tyto_json *tyto_page_text(const char *text);
/* A number, or null where it is not finite. */
struct tyto_json *tyto_page_number(double value);
/* Bytes as a text that a page shows without loading anything: "data:image/jpeg;base64,...". */
struct tyto_json *tyto_page_data_url(const char *media_type, const uint8_t *bytes,
                                     size_t num_bytes);

#endif
