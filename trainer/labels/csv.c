/* SPDX-License-Identifier: MIT */
/* Tables: file,class,begin_s,end_s[,modality], fields quoted as in RFC 4180, between commas,
 * semicolons or tabs. A first row of names may put the columns in another
 * order and call them otherwise (csv_header.c). No times: the event is somewhere in the recording.
 * No class: the recording is background. */
#include <string.h>
#include <strings.h>

#include "base/text.h"
#include "trainer/labels/csv_header.h"

enum { MAX_LINE = 8192 };

struct table {
    struct tyto_label_reader *reader;
    struct tyto_csv_columns columns;
    char separator;
};

static bool split(struct table *table, char *text, struct tyto_csv_row *row)
{
    row->num = 0;
    for (char *next = text; next;) {
        if (row->num == TYTO_CSV_MAX_FIELDS) {
            tyto_label_error(table->reader, row->line, NULL, "the row has more than %d fields",
                             TYTO_CSV_MAX_FIELDS);
            return false;
        }
        if (!tyto_text_table_field(next, table->separator, &row->fields[row->num++], &next)) {
            tyto_label_error(table->reader, row->line, NULL,
                             "field %u has a quote that is not closed, or stands "
                             "inside: write \"a \"\"b\"\"\" for a \"b\"",
                             row->num);
            return false;
        }
    }
    return true;
}

/* Outside of quotes the first line has more of it than of any other. */
static char separator_of(const char *text)
{
    static const char separators[] = {'\t', ';', ','};
    uint32_t nums[3] = {0};
    bool is_quoted = false;
    for (; *text; text++) {
        is_quoted ^= *text == '"';
        for (int i = 0; i < 3 && !is_quoted; i++)
            nums[i] += *text == separators[i];
    }
    if (nums[0] > 0)
        return '\t';
    return nums[1] > 0 && nums[1] >= nums[2] ? ';' : ',';
}

/* Whether the text ends within a field that was quoted from its begin: a note of several lines. */
static bool is_open(const struct table *table, const char *text)
{
    bool is_begin = true, is_quoted = false;
    for (; *text; text++) {
        if (is_quoted)
            is_quoted = *text != '"'; /* of two, the second opens it again */
        else
            is_quoted = *text == '"' && (is_begin || text[-1] == '"');
        is_begin = !is_quoted && (*text == table->separator || (is_begin && *text == ' '));
    }
    return is_quoted;
}

/* Whether the quote that is open is closed further down, at a field's end. */
static bool closes(const struct table *table, const char *at, const char *end)
{
    while ((at = memchr(at, '"', (size_t)(end - at)))) {
        at++;
        if (at == end || *at == table->separator || *at == '\r' || *at == '\n')
            return true;
        if (*at != '"')
            return false;
        at++;
    }
    return false;
}

/* Lines up to the one that closes the quote, as one, with spaces for the breaks. */
static void join_lines(struct table *table, struct tyto_label_lines *lines, char *text)
{
    const char *limit = lines->end - text > MAX_LINE ? text + MAX_LINE : lines->end;
    while (is_open(table, text) && lines->at < limit && closes(table, lines->at, limit)) {
        char *end = text + strlen(text);
        char *next = tyto_label_line(table->reader, lines);
        if (!next)
            return;
        memset(end, ' ', (size_t)(next - end));
    }
}

/* Nothing, or nothing between separators: spreadsheets write rows of them. */
static bool is_blank(const struct table *table, const char *text)
{
    const char nothing[] = {' ', '\t', '\r', table->separator, '\0'};
    return !text[strspn(text, nothing)];
}

/* Excel's own first line, "sep=;", says what separates those below. */
static bool is_separator_line(const char *text)
{
    return strncasecmp(text, "sep=", 4) == 0 && text[4] && strchr(";,\t", text[4]) &&
           text[5] == '\0';
}

static bool read_number(const struct table *table, const char *text, double *ret_value)
{
    return table->separator == ',' ? tyto_label_number(text, ret_value)
                                   : tyto_label_local_number(text, ret_value);
}

/* Reports what is no time. */
static bool read_seconds(const struct table *table, const struct tyto_csv_row *row,
                         enum tyto_csv_column column, const char *text, double *ret_seconds)
{
    const char *name = column == TYTO_CSV_BEGIN      ? "begin_s"
                       : column == TYTO_CSV_DURATION ? "duration"
                                                     : "end_s";
    if (!read_number(table, text, ret_seconds) &&
        !tyto_label_seconds(table->reader, text, row->line, name, ret_seconds))
        return false;
    if (!strchr(text, ':')) /* a clock's time is in no unit of the column's */
        *ret_seconds *= table->columns.seconds[column];
    return true;
}

static char *field(const struct table *table, const struct tyto_csv_row *row,
                   enum tyto_csv_column column)
{
    static char nothing[1];
    const int at = table->columns.at[column];
    return at >= 0 && (uint32_t)at < row->num ? row->fields[at] : nothing;
}

/* A recording without events, or part of one. */
static void read_background(struct tyto_label_reader *reader, const struct tyto_csv_row *row,
                            uint32_t file_idx, bool has_times, const char *modality)
{
    if (modality[0])
        tyto_label_error(reader, row->line, "modality",
                         "a background recording is neither heard nor seen: leave it empty, or "
                         "name the class");
    else if (!has_times)
        tyto_label_background(reader, file_idx, row->line);
}

/* 3, 3,5, 0:03, 1:02:03.5, 3s: a time of some kind. */
static bool may_be_time(const char *text)
{
    text += strspn(text, " \t");
    return text[0] >= '0' && text[0] <= '9' && !text[strspn(text, "0123456789.,:+eEms ")];
}

/* A table without times, but with columns of what may be some that are not read: they are called
 * otherwise, and no label is to lose them in silence. */
static bool has_hidden_times(struct table *table, const struct tyto_csv_row *row)
{
    const struct tyto_csv_columns *columns = &table->columns;
    const char *others[2] = {NULL, NULL};
    uint32_t num = 0;
    bool is_called_so = false;
    if (columns->at[TYTO_CSV_BEGIN] >= 0)
        return false;
    for (uint32_t i = 0; i < row->num && i < columns->num && num < 2; i++) {
        const char *text = row->fields[i];
        const bool is_time =
            columns->is_time[i] && text[0] >= '0' && text[0] <= '9'; /* 3-6.6, too */
        if (is_time || (columns->is_other[i] && may_be_time(text)))
            others[num++] = columns->names[i];
        is_called_so |= is_time;
    }
    if (num == 2)
        tyto_label_error(table->reader, row->line, NULL,
                         "the columns '%.40s' and '%.40s' hold numbers, and none is read as a "
                         "time: call those of times begin_s and end_s (in seconds)",
                         others[0], others[1]);
    else if (is_called_so)
        tyto_label_error(table->reader, row->line, NULL,
                         "the column '%.40s' holds times that are not read: write them to two, "
                         "begin_s and end_s (in seconds)",
                         others[0]);
    return num == 2 || is_called_so;
}

/* Of a table that names none, the recording is the one that is called like it. */
static bool find_recording(struct table *table, const struct tyto_csv_row *row,
                           uint32_t *ret_file_idx)
{
    char stem[TYTO_LABEL_PATH_BYTES];
    if (table->columns.at[TYTO_CSV_FILE] >= 0)
        return tyto_label_file(table->reader, field(table, row, TYTO_CSV_FILE), false, row->line,
                               "file", ret_file_idx);
    tyto_label_stem(table->reader->source, stem, sizeof(stem));
    return tyto_label_file(table->reader, stem, true, row->line, NULL, ret_file_idx);
}

static void add_classes(struct table *table, uint32_t file_idx, struct tyto_label_raw *raw)
{
    char *next = (char *)(uintptr_t)raw->class_name;
    while (next && table->columns.has_many_classes) {
        char *stop = strpbrk(next, ",;|");
        if (stop)
            *stop = '\0';
        raw->class_name = tyto_text_trim(next);
        if (raw->class_name[0])
            (void)tyto_label_add(table->reader, file_idx, raw);
        next = stop ? stop + 1 : NULL;
    }
    if (!table->columns.has_many_classes)
        (void)tyto_label_add(table->reader, file_idx, raw);
}

static bool read_times(struct table *table, const struct tyto_csv_row *row,
                       struct tyto_label_raw *raw)
{
    const bool has_end = table->columns.at[TYTO_CSV_END] >= 0;
    const enum tyto_csv_column last = has_end ? TYTO_CSV_END : TYTO_CSV_DURATION;
    const char *begin = field(table, row, TYTO_CSV_BEGIN), *end = field(table, row, last);
    raw->is_weak = !begin[0] && !end[0];
    if (raw->is_weak)
        return true;
    if (!read_seconds(table, row, TYTO_CSV_BEGIN, begin, &raw->begin_s) ||
        !read_seconds(table, row, last, end, &raw->end_s))
        return false;
    raw->end_s += has_end ? 0 : raw->begin_s;
    return true;
}

static void read_row(struct table *table, const struct tyto_csv_row *row)
{
    struct tyto_label_reader *reader = table->reader;
    const struct tyto_csv_columns *columns = &table->columns;
    if (row->num > columns->num || (row->num < 2 && columns->num > 1)) {
        tyto_label_error(reader, row->line, NULL,
                         "the row has %u field%s, not file,class,begin_s,end_s[,modality]%s",
                         row->num, row->num == 1 ? "" : "s",
                         row->num < 2 ? "" : ": quote a name that has a comma in it");
        return;
    }
    const char *modality = field(table, row, TYTO_CSV_MODALITY);
    struct tyto_label_raw raw = {.line = row->line,
                                 .class_name = field(table, row, TYTO_CSV_CLASS),
                                 .truth = TYTO_TRUTH_BOTH};
    uint32_t file_idx;
    if (!find_recording(table, row, &file_idx) || !read_times(table, row, &raw))
        return;
    if (!raw.class_name[0])
        read_background(reader, row, file_idx, !raw.is_weak, modality);
    else if (!modality[0] ||
             tyto_label_read_modality(reader, modality, row->line, "modality", &raw.truth))
        add_classes(table, file_idx, &raw);
}

/* Without names: as we write it, or as sed_eval does (file, onset, offset, label). */
static struct tyto_csv_columns guess_columns(const struct table *table,
                                             const struct tyto_csv_row *row)
{
    struct tyto_csv_columns columns = tyto_csv_plain_columns();
    double value;
    if (row->num == 4 && read_number(table, row->fields[1], &value) &&
        read_number(table, row->fields[2], &value) && !read_number(table, row->fields[3], &value)) {
        columns.at[TYTO_CSV_CLASS] = 3;
        columns.at[TYTO_CSV_BEGIN] = 1;
        columns.at[TYTO_CSV_END] = 2;
        columns.at[TYTO_CSV_MODALITY] = -1;
    }
    return columns;
}

/* Four names or more where times should be, in a language that is not read here. */
static bool is_foreign_header(const struct table *table, const struct tyto_csv_row *row)
{
    for (uint32_t i = 0; i < row->num; i++) {
        if (strpbrk(row->fields[i], "0123456789.\\/"))
            return false;
    }
    return row->num >= 4 && row->fields[table->columns.at[TYTO_CSV_BEGIN]][0] &&
           row->fields[table->columns.at[TYTO_CSV_END]][0];
}

/* False: the rest cannot be read. */
static bool read_first(struct table *table, const struct tyto_csv_row *row)
{
    if (tyto_csv_is_header(row))
        return tyto_csv_read_header(table->reader, row, &table->columns);
    if (is_foreign_header(table, row)) {
        tyto_label_error(table->reader, row->line, NULL,
                         "'%.40s', '%.40s' and what follows are read as names of columns, and are "
                         "none that is known: call them file, class, begin_s and end_s",
                         row->fields[0], row->fields[1]);
        return false;
    }
    table->columns = guess_columns(table, row);
    read_row(table, row);
    return true;
}

void tyto_label_read_csv(struct tyto_label_reader *reader)
{
    struct tyto_label_lines lines = tyto_label_lines(reader, MAX_LINE);
    struct table table = {.reader = reader, .columns = tyto_csv_plain_columns()};
    const uint32_t num_errors = reader->labels.num_errors;
    bool is_first = true, any = false;
    char *text;
    while ((text = tyto_label_line(reader, &lines))) {
        struct tyto_csv_row row = {.line = lines.line};
        if (is_first && (is_separator_line(text) || text[0] == '#'))
            continue;
        if (is_first)
            table.separator = separator_of(text);
        if (is_blank(&table, text))
            continue;
        join_lines(&table, &lines, text);
        const bool is_split = split(&table, text, &row);
        if (is_split && is_first && !read_first(&table, &row))
            return;
        any |= !is_first || !tyto_csv_is_header(&row);
        if (is_split && !is_first) {
            if (has_hidden_times(&table, &row))
                return;
            read_row(&table, &row);
        }
        is_first = false;
    }
    if (!any && !reader->err && reader->labels.num_errors == num_errors)
        tyto_label_note(reader, 0, NULL, "the file has no rows");
}
