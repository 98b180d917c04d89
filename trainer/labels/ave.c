/* SPDX-License-Identifier: MIT */
/* AVE's Annotations.txt: category&YouTube id&quality&begin&end, seconds; the recording is the one
 * called ID.*. A row of no length is a recording without its event. */
#include <string.h>

#include "base/text.h"
#include "trainer/labels/reader.h"

enum { MAX_LINE = 1024, NUM_FIELDS = 5 };

static void read_row(struct tyto_label_reader *reader, char *const fields[NUM_FIELDS],
                     uint32_t line)
{
    struct tyto_label_raw raw = {.line = line, .class_name = fields[0], .truth = TYTO_TRUTH_BOTH};
    uint32_t file_idx, class_idx;
    if (!tyto_label_file(reader, fields[1], true, line, "id", &file_idx) ||
        !tyto_label_seconds(reader, fields[3], line, "begin", &raw.begin_s) ||
        !tyto_label_seconds(reader, fields[4], line, "end", &raw.end_s))
        return;
    if (raw.begin_s >= 0 && raw.end_s - raw.begin_s == 0.0)
        (void)tyto_label_class(reader, &raw, &class_idx);
    else
        (void)tyto_label_add(reader, file_idx, &raw);
}

void tyto_label_read_ave(struct tyto_label_reader *reader)
{
    struct tyto_label_lines lines = tyto_label_lines(reader, MAX_LINE);
    bool is_first = true;
    char *text;
    while ((text = tyto_label_line(reader, &lines))) {
        char *fields[NUM_FIELDS];
        uint32_t num = 0;
        if (!text[strspn(text, " \t")])
            continue;
        for (char *next = text; next;) {
            char *stop = strchr(next, '&');
            if (stop)
                *stop = '\0';
            if (num < NUM_FIELDS)
                fields[num] = tyto_text_trim(next);
            num++;
            next = stop ? stop + 1 : NULL;
        }
        double begin_s;
        const bool is_header = is_first && num == NUM_FIELDS &&
                               !tyto_label_number(fields[3], &begin_s) &&
                               !strpbrk(fields[3], "0123456789");
        is_first = false;
        if (num != NUM_FIELDS)
            tyto_label_error(reader, lines.line, NULL,
                             "the row has %u field%s, not category&id&quality&begin&end", num,
                             num == 1 ? "" : "s");
        else if (!is_header)
            read_row(reader, fields, lines.line);
    }
}
