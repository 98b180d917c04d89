/* SPDX-License-Identifier: MIT */
/* What `tyto localize` prints: JSON lines or a table. Calls come one at a time. */
#ifndef TYTO_CLI_LOCALIZE_PRINT_H
#define TYTO_CLI_LOCALIZE_PRINT_H

#include <stdbool.h>
#include <stdint.h>

#include "cli/event/line.h"
#include "pipeline/engine/engine.h"

struct tyto_localize_print {
    bool is_json;
    struct tyto_line_style style;
    struct tyto_engine *engine; /* for class names; borrowed */
    char file[2048];            /* now; without what is secret in a URI */
    char shown_file[2048];      /* the same, for a terminal */
    bool has_head;              /* the table's head was printed */
    uint32_t num_events;        /* of this file */
    bool failed;                /* stdout does not take it any more */
};

struct tyto_localize_file {
    bool ok;
    const char *text; /* why not */
    bool has_audio, has_video;
    uint64_t num_segments, num_missing_audio, num_missing_video;
    uint64_t took_ns;
};

void tyto_localize_begin_file(struct tyto_localize_print *print, const char *file);
void tyto_localize_put_event(struct tyto_localize_print *print, const struct tyto_event *event);
void tyto_localize_put_segment(struct tyto_localize_print *print,
                               const struct tyto_segment_result *result);
void tyto_localize_end_file(struct tyto_localize_print *print,
                            const struct tyto_localize_file *file);

#endif
