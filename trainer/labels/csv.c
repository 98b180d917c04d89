/* SPDX-License-Identifier: MIT */
/* CSV: file,class,begin_s,end_s[,modality], fields quoted as in RFC 4180 but without line breaks.
 * A first row of names may put the columns in another order. No times: the event is somewhere in
 * the recording. No class: the recording is background. */
#include <string.h>
#include <strings.h>

#include "base/nearest.h"
#include "base/text.h"
#include "trainer/labels/reader.h"

enum { MAX_LINE = 8192, MAX_FIELDS = 32 };

enum column { FILE_NAME, CLASS, BEGIN, END, MODALITY, NUM_COLUMNS };
static const char *const column_names[NUM_COLUMNS] = {"file", "class", "begin_s", "end_s",
                                                      "modality"};

struct row {
    uint32_t line, num;
    char *fields[MAX_FIELDS];
};

/* Where each column is; -1: nowhere. */
struct columns {
    int at[NUM_COLUMNS];
    uint32_t num; /* in each row at most */
};

static bool split(struct tyto_label_reader *reader, char *text, struct row *row)
{
    row->num = 0;
    for (char *next = text; next;) {
        if (row->num == MAX_FIELDS) {
            tyto_label_error(reader, row->line, NULL, "the row has more than %d fields",
                             MAX_FIELDS);
            return false;
        }
        if (!tyto_text_csv_field(next, &row->fields[row->num++], &next)) {
            tyto_label_error(reader, row->line, NULL,
                             "field %u has a quote that is not closed on this line, or stands "
                             "inside: write \"a \"\"b\"\"\" for a \"b\"",
                             row->num);
            return false;
        }
    }
    return true;
}

static bool is_header(const struct row *row)
{
    bool has_file = false, has_class = false;
    for (uint32_t i = 0; i < row->num; i++) {
        has_file |= strcasecmp(row->fields[i], "file") == 0;
        has_class |= strcasecmp(row->fields[i], "class") == 0;
    }
    return has_file && has_class;
}

static void read_header(struct tyto_label_reader *reader, const struct row *row,
                        struct columns *ret_columns)
{
    *ret_columns = (struct columns){.at = {-1, -1, -1, -1, -1}, .num = row->num};
    for (uint32_t i = 0; i < row->num; i++) {
        enum column column = 0;
        while (column < NUM_COLUMNS && strcasecmp(row->fields[i], column_names[column]) != 0)
            column++;
        if (column < NUM_COLUMNS && ret_columns->at[column] < 0) {
            ret_columns->at[column] = (int)i;
            continue;
        }
        const char *near = tyto_nearest(row->fields[i], column_names, NUM_COLUMNS);
        if (column < NUM_COLUMNS)
            tyto_label_error(reader, row->line, row->fields[i], "the column is there twice");
        else if (near)
            tyto_label_error(reader, row->line, row->fields[i],
                             "there is no such column: did you mean '%s'?", near);
        else
            tyto_label_note(reader, row->line, row->fields[i], "the column is not read");
    }
}

static char *field(const struct row *row, const struct columns *columns, enum column column)
{
    static char nothing[1];
    const int at = columns->at[column];
    return at >= 0 && (uint32_t)at < row->num ? row->fields[at] : nothing;
}

/* A recording without events, or part of one. */
static void read_background(struct tyto_label_reader *reader, const struct row *row,
                            uint32_t file_idx, bool has_times, const char *modality)
{
    if (modality[0])
        tyto_label_error(reader, row->line, "modality",
                         "a background recording is neither heard nor seen: leave it empty, or "
                         "name the class");
    else if (!has_times)
        tyto_label_background(reader, file_idx, row->line);
}

static void read_row(struct tyto_label_reader *reader, const struct row *row,
                     const struct columns *columns)
{
    if (row->num > columns->num || row->num < 2) {
        tyto_label_error(reader, row->line, NULL,
                         "the row has %u field%s, not file,class,begin_s,end_s[,modality]%s",
                         row->num, row->num == 1 ? "" : "s",
                         row->num < 2 ? "" : ": quote a name that has a comma in it");
        return;
    }
    const char *begin = field(row, columns, BEGIN), *end = field(row, columns, END);
    const char *modality = field(row, columns, MODALITY);
    struct tyto_label_raw raw = {.line = row->line,
                                 .class_name = field(row, columns, CLASS),
                                 .is_weak = !begin[0] && !end[0],
                                 .truth = TYTO_TRUTH_BOTH};
    uint32_t file_idx;
    if (!tyto_label_file(reader, field(row, columns, FILE_NAME), false, row->line, "file",
                         &file_idx))
        return;
    if (!raw.is_weak && (!tyto_label_seconds(reader, begin, row->line, "begin_s", &raw.begin_s) ||
                         !tyto_label_seconds(reader, end, row->line, "end_s", &raw.end_s)))
        return;
    if (!raw.class_name[0]) {
        read_background(reader, row, file_idx, !raw.is_weak, modality);
        return;
    }
    if (!modality[0] ||
        tyto_label_read_modality(reader, modality, row->line, "modality", &raw.truth))
        (void)tyto_label_add(reader, file_idx, &raw);
}

void tyto_label_read_csv(struct tyto_label_reader *reader)
{
    struct tyto_label_lines lines = tyto_label_lines(reader, MAX_LINE);
    struct columns columns = {.at = {0, 1, 2, 3, 4}, .num = NUM_COLUMNS};
    bool is_first = true;
    char *text;
    while ((text = tyto_label_line(reader, &lines))) {
        struct row row = {.line = lines.line};
        if (!text[strspn(text, " \t")])
            continue;
        if (is_first && strchr(text, ';') && !strchr(text, ',')) {
            tyto_label_error(reader, row.line, NULL,
                             "fields are separated by ';': save the file with commas");
            return;
        }
        if (split(reader, text, &row)) {
            if (is_first && is_header(&row))
                read_header(reader, &row, &columns);
            else
                read_row(reader, &row, &columns);
        }
        is_first = false;
    }
    if (is_first && !reader->err)
        tyto_label_note(reader, 0, NULL, "the file has no rows");
}
