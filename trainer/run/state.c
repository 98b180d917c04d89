/* SPDX-License-Identifier: MIT */
/* What every part of a run asks of it: whether this process speaks for it, and its notes. */
#include "trainer/run/internal.h"
#include <stdarg.h>
#include <stdio.h>

bool tyto_run_is_first(const struct tyto_run_state *run)
{
    return !run->params->ranks || tyto_ranks_rank(run->params->ranks) == 0;
}

void tyto_run_note(const struct tyto_run_state *run, const char *fmt, ...)
{
    char text[512];
    va_list args;

    if (!run->params->on_note || !tyto_run_is_first(run))
        return;
    va_start(args, fmt);
    vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    run->params->on_note(run->params->user, text);
}
