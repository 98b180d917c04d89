/* SPDX-License-Identifier: MIT */
/* What is wrong with a label file, or worth a note, told with its line. */
#include "trainer/labels/reader.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/text.h"

static void put_fault(struct tyto_label_reader *reader, bool is_error, uint32_t line,
                      const char *key, const char *text)
{
    const struct tyto_labels_params *params = reader->params;
    struct tyto_fault fault;
    tyto_fault_set(&fault, TYTO_OK, reader->source, line, key, "%s", text);
    tyto_text_make_printable(fault.text); /* what a label file says goes to a terminal */
    tyto_text_make_printable(fault.key);
    if (params->on_fault)
        params->on_fault(params->user, &fault, is_error);
}

static void TYTO_PRINTF(5, 0) report(struct tyto_label_reader *reader, bool is_error, uint32_t line,
                                     const char *key, const char *fmt, va_list args)
{
    if (reader->num_faults > TYTO_LABELS_MAX_FAULTS)
        return;
    char text[384];
    vsnprintf(text, sizeof(text), fmt, args);
    *(is_error ? &reader->labels.num_errors : &reader->labels.num_notes) += 1;
    if (++reader->num_faults <= TYTO_LABELS_MAX_FAULTS) {
        put_fault(reader, is_error, line, key, text);
        return;
    }
    put_fault(reader, true, line, NULL,
              "there is more to report than anyone can read: it stops "
              "here. Is this the right format?");
    if (!reader->err)
        reader->err = TYTO_ERR_FORMAT;
}

void tyto_label_error(struct tyto_label_reader *reader, uint32_t line, const char *key,
                      const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    report(reader, true, line, key, fmt, args);
    va_end(args);
}

void tyto_label_note(struct tyto_label_reader *reader, uint32_t line, const char *key,
                     const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    report(reader, false, line, key, fmt, args);
    va_end(args);
}
