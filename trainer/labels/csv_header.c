/* SPDX-License-Identifier: MIT */
#include "trainer/labels/csv_header.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/nearest.h"

/* Names are compared by their letters and digits alone: "Begin Time (s)" is begintimes. */
enum { NAME_BYTES = 48 };

static const char *const file_names[] = {
    "file",  "filename",      "filepath",  "path",    "recording",     "clip",      "clipname",
    "video", "audio",         "videofile", "videoid", "audiofilename", "audiofile", "audiopath",
    "media", "slicefilename", "wav",       "fname",   "mediafile",     "beginfile", NULL};
static const char *const class_names[] = {
    "class",      "classname", "label",     "event",      "category",   "tag", "eventlabel",
    "eventclass", "sound",     "eventtype", "annotation", "soundclass", NULL};
static const char *const many_class_names[] = {"labels", "eventlabels", "classes", "tags", NULL};
static const char *const begin_names[] = {"begin",     "begintime", "start",  "starttime", "onset",
                                          "onsettime", "from",      "tstart", "tmin",      NULL};
static const char *const end_names[] = {"end",        "endtime", "stop", "stoptime", "offset",
                                        "offsettime", "to",      "tend", "tmax",     NULL};
static const char *const duration_names[] = {"duration", "dur", "length", NULL};

static const struct {
    const char *suffix;
    double seconds;
} units[] = {{"milliseconds", 1e-3},
             {"millis", 1e-3},
             {"msec", 1e-3},
             {"ms", 1e-3},
             {"seconds", 1},
             {"secs", 1},
             {"sec", 1},
             {"s", 1},
             {"", 1}};

struct tyto_csv_columns tyto_csv_plain_columns(void)
{
    return (struct tyto_csv_columns){
        .at = {0, 1, 2, 3, 4, -1}, .seconds = {1, 1, 1, 1, 1, 1}, .num = TYTO_CSV_MODALITY + 1};
}

static void make_plain(const char *text, char ret_name[NAME_BYTES])
{
    size_t num = 0;
    for (; *text && num + 1 < NAME_BYTES; text++) {
        if (isalnum((unsigned char)*text))
            ret_name[num++] = (char)tolower((unsigned char)*text);
    }
    ret_name[num] = '\0';
}

static bool is_among(const char *name, size_t num_chars, const char *const names[])
{
    for (; *names; names++) {
        if (strlen(*names) == num_chars && memcmp(*names, name, num_chars) == 0)
            return true;
    }
    return false;
}

/* A name of times, its unit taken off. */
static bool is_time(const char *name, const char *const names[], double *ret_seconds)
{
    const size_t num = strlen(name);
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        const size_t num_suffix = strlen(units[i].suffix);
        if (num > num_suffix && strcmp(name + num - num_suffix, units[i].suffix) == 0 &&
            is_among(name, num - num_suffix, names)) {
            *ret_seconds = units[i].seconds;
            return true;
        }
    }
    return false;
}

/* Whether a column of that name is one of times, though not of begins or ends. */
static bool names_time(const char *text)
{
    static const char *const names[] = {"time",  "times",   "timestamp", "timestamps", "timerange",
                                        "range", "seconds", "interval",  NULL};
    char name[NAME_BYTES];
    make_plain(text, name);
    return is_among(name, strlen(name), names);
}

/* NUM_COLUMNS: none of them. */
static enum tyto_csv_column column_of(const char *text, double *ret_seconds, bool *ret_many)
{
    char name[NAME_BYTES];
    make_plain(text, name);
    *ret_seconds = 1;
    *ret_many = is_among(name, strlen(name), many_class_names);
    if (is_among(name, strlen(name), file_names))
        return TYTO_CSV_FILE;
    if (*ret_many || is_among(name, strlen(name), class_names))
        return TYTO_CSV_CLASS;
    if (strcmp(name, "modality") == 0)
        return TYTO_CSV_MODALITY;
    if (is_time(name, begin_names, ret_seconds))
        return TYTO_CSV_BEGIN;
    if (is_time(name, end_names, ret_seconds))
        return TYTO_CSV_END;
    return is_time(name, duration_names, ret_seconds) ? TYTO_CSV_DURATION : TYTO_CSV_NUM_COLUMNS;
}

bool tyto_csv_is_header(const struct tyto_csv_row *row)
{
    bool has[TYTO_CSV_NUM_COLUMNS + 1] = {false}, many;
    double value;
    for (uint32_t i = 0; i < row->num; i++) {
        if (tyto_label_number(row->fields[i], &value))
            return false;
        has[column_of(row->fields[i], &value, &many)] = true;
    }
    const bool has_time = has[TYTO_CSV_BEGIN] && (has[TYTO_CSV_END] || has[TYTO_CSV_DURATION]);
    return (has[TYTO_CSV_FILE] && has[TYTO_CSV_CLASS]) || (has[TYTO_CSV_FILE] && has_time) ||
           (has[TYTO_CSV_CLASS] && has_time);
}

/* A name that is nearly one of ours is an error, unless the table has that column anyway. */
static void note_other(struct tyto_label_reader *reader, const struct tyto_csv_row *row, uint32_t i,
                       const struct tyto_csv_columns *columns)
{
    static const char *const known[] = {"file", "class", "begin_s", "end_s", "modality"};
    static const enum tyto_csv_column kinds[] = {TYTO_CSV_FILE, TYTO_CSV_CLASS, TYTO_CSV_BEGIN,
                                                 TYTO_CSV_END, TYTO_CSV_MODALITY};
    const char *near = tyto_nearest(row->fields[i], known, 5);
    bool is_there = false;
    for (int k = 0; near && k < 5; k++)
        is_there |= near == known[k] && columns->at[kinds[k]] >= 0;
    if (near && !is_there)
        tyto_label_error(reader, row->line, row->fields[i],
                         "there is no such column: did you mean '%s'?", near);
    else if (row->fields[i][0])
        tyto_label_note(reader, row->line, row->fields[i], "the column is not read");
}

/* Where a clip begins and how long it is: "offset" is the begin then. */
static void read_offset_as_begin(const struct tyto_csv_row *row, struct tyto_csv_columns *columns)
{
    int *at = columns->at;
    char name[NAME_BYTES] = "";
    if (at[TYTO_CSV_BEGIN] >= 0 || at[TYTO_CSV_DURATION] < 0 || at[TYTO_CSV_END] < 0)
        return;
    make_plain(row->fields[at[TYTO_CSV_END]], name);
    if (strncmp(name, "offset", 6) != 0)
        return;
    at[TYTO_CSV_BEGIN] = at[TYTO_CSV_END];
    columns->seconds[TYTO_CSV_BEGIN] = columns->seconds[TYTO_CSV_END];
    at[TYTO_CSV_END] = -1;
}

static bool check_header(struct tyto_label_reader *reader, const struct tyto_csv_row *row,
                         const struct tyto_csv_columns *columns)
{
    const int *at = columns->at;
    const bool has_end = at[TYTO_CSV_END] >= 0 || at[TYTO_CSV_DURATION] >= 0;
    if (at[TYTO_CSV_CLASS] < 0)
        tyto_label_error(reader, row->line, NULL, "there is no column of classes: call it class");
    else if (at[TYTO_CSV_BEGIN] >= 0 && !has_end)
        tyto_label_error(reader, row->line, row->fields[at[TYTO_CSV_BEGIN]],
                         "there is a column of begins and none of ends: call it end_s");
    else if (at[TYTO_CSV_BEGIN] < 0 && has_end)
        tyto_label_error(reader, row->line, NULL,
                         "there is a column of ends and none of begins: call it begin_s");
    else
        return true;
    return false;
}

bool tyto_csv_read_header(struct tyto_label_reader *reader, const struct tyto_csv_row *row,
                          struct tyto_csv_columns *ret_columns)
{
    struct tyto_csv_columns columns = {.at = {-1, -1, -1, -1, -1, -1}, .num = row->num};
    for (uint32_t i = 0; i < row->num; i++) {
        double seconds;
        bool many;
        const enum tyto_csv_column column = column_of(row->fields[i], &seconds, &many);
        const char *before = column < TYTO_CSV_NUM_COLUMNS && columns.at[column] >= 0
                                 ? row->fields[columns.at[column]]
                                 : "";
        const bool is_same = strcmp(row->fields[i], before) == 0;
        snprintf(columns.names[i], sizeof(columns.names[i]), "%s", row->fields[i]);
        if (column == TYTO_CSV_NUM_COLUMNS) {
            columns.is_other[i] = true;
            columns.is_time[i] = names_time(columns.names[i]);
        } else if (columns.at[column] >= 0) {
            tyto_label_error(reader, row->line, row->fields[i],
                             "the column is there twice%s%.40s%s", is_same ? "" : ", also as '",
                             is_same ? "" : before, is_same ? "" : "'");
        } else {
            columns.at[column] = (int)i;
            columns.seconds[column] = seconds;
            columns.has_many_classes |= many;
        }
    }
    for (uint32_t i = 0; i < row->num; i++) {
        if (columns.is_other[i])
            note_other(reader, row, i, &columns);
    }
    read_offset_as_begin(row, &columns);
    *ret_columns = columns;
    return check_header(reader, row, &columns);
}
