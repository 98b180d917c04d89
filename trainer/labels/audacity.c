/* SPDX-License-Identifier: MIT */
/* Audacity's label tracks: begin TAB end TAB class. The recording is the one that is called like
 * the label file. Rows that begin with '\' hold the frequencies of the label above. */
#include <string.h>

#include "base/text.h"
#include "trainer/labels/reader.h"

enum { MAX_LINE = 4096 };

/* Its exports have the decimal sign of whoever made them. */
static bool read_time(struct tyto_label_reader *reader, const char *text, uint32_t line,
                      const char *key, double *ret_seconds)
{
    return tyto_label_local_number(text, ret_seconds) ||
           tyto_label_seconds(reader, text, line, key, ret_seconds);
}

static void read_row(struct tyto_label_reader *reader, uint32_t file_idx, char *text, uint32_t line)
{
    char *end = strchr(text, '\t');
    char *class_name = end ? strchr(end + 1, '\t') : NULL;
    struct tyto_label_raw raw = {.line = line, .truth = TYTO_TRUTH_BOTH};
    if (!class_name) {
        tyto_label_error(reader, line, NULL,
                         "it is not begin TAB end TAB class: export it from Audacity by File, "
                         "Export, Export Labels");
        return;
    }
    *end++ = '\0';
    *class_name++ = '\0';
    raw.class_name = tyto_text_trim(class_name);
    if (!read_time(reader, tyto_text_trim(text), line, "begin", &raw.begin_s) ||
        !read_time(reader, tyto_text_trim(end), line, "end", &raw.end_s))
        return;
    if (!raw.class_name[0])
        tyto_label_error(reader, line, NULL, "the label has no text: write the event's class");
    else if (raw.end_s - raw.begin_s == 0.0)
        tyto_label_error(reader, line, NULL,
                         "'%.60s' at %g s is a point: drag its ends apart in Audacity, or delete "
                         "it",
                         raw.class_name, raw.begin_s);
    else
        (void)tyto_label_add(reader, file_idx, &raw);
}

void tyto_label_read_audacity(struct tyto_label_reader *reader)
{
    struct tyto_label_lines lines = tyto_label_lines(reader, MAX_LINE);
    char stem[TYTO_LABEL_PATH_BYTES];
    uint32_t file_idx, num_rows = 0;
    char *text;
    tyto_label_stem(reader->source, stem, sizeof(stem));
    if (!tyto_label_file(reader, stem, true, 0, NULL, &file_idx))
        return;
    while ((text = tyto_label_line(reader, &lines))) {
        if (!text[strspn(text, " \t")] || text[0] == '\\')
            continue;
        num_rows++;
        read_row(reader, file_idx, text, lines.line);
    }
    if (num_rows == 0 && !reader->err) {
        tyto_label_note(reader, 0, NULL, "it has no labels: its recording counts as background");
        tyto_label_background(reader, file_idx, 0);
    }
}
