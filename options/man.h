/* SPDX-License-Identifier: MIT */
/* Pieces of a man page in roff. */
#ifndef TYTO_OPTIONS_MAN_H
#define TYTO_OPTIONS_MAN_H

#include <stdio.h>

#include "options/options.h"

/* .TH and NAME. name: "tyto train" becomes tyto-train. */
void tyto_man_put_head(FILE *out, const char *name, int section, const char *version,
                       const char *summary);
/* Paragraphs, which empty lines part; NULL: none. */
void tyto_man_put_text(FILE *out, const char *text);
/* Lines as they are. */
void tyto_man_put_lines(FILE *out, const char *lines);
/* Rows as a list: on a command line (as_options) or in a file. */
void tyto_man_put_rows(FILE *out, const struct tyto_option_group *group, const void *defaults,
                       bool as_options);

#endif
