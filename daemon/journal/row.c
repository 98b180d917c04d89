/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/journal/journal.h"

struct tyto_journal_scores *tyto_journal_scores_new(const char *camera, const uint8_t *rules,
                                                    size_t num_rules, size_t max_bytes)
{
    struct tyto_journal_scores *scores = calloc(1, sizeof(*scores) + num_rules + max_bytes);
    if (!scores)
        return NULL;
    snprintf(scores->camera, sizeof(scores->camera), "%s", camera);
    scores->rules = scores->memory;
    scores->num_rules = num_rules;
    memcpy(scores->memory, rules, num_rules);
    scores->bytes = scores->memory + num_rules;
    return scores;
}

void tyto_journal_scores_free(struct tyto_journal_scores **scores)
{
    if (scores)
        free(*scores);
    if (scores)
        *scores = NULL;
}
