/* SPDX-License-Identifier: MIT */
/* The pages, which are compiled in: page/ of this folder. */
#ifndef TYTO_WEB_PAGES_H
#define TYTO_WEB_PAGES_H

#include <stdbool.h>

#include "web/http.h"

/* Answers with the file that path ("/", "/now.js") names; false: there is none. */
bool tyto_pages_answer(SoupServerMessage *msg, const char *path);

#endif
