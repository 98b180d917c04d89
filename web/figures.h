/* SPDX-License-Identifier: MIT */
/* tytod's own figures, as monitors get them (doc/monitoring.md), asked for by its control socket
 * while somebody looks at them: at most once in two seconds, however many look. */
#ifndef TYTO_WEB_FIGURES_H
#define TYTO_WEB_FIGURES_H

#include "web/request.h"

struct tyto_figures;

struct tyto_figures *tyto_figures_new(struct tyto_serving *serving);
/* Waits for a question that is under way. */
void tyto_figures_free(struct tyto_figures *figures);

void tyto_figures_get(const struct tyto_web_request *request);

#endif
