/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "files/open.h"
#include "trainer/data/ave/ave.h"
#include "trainer/labels/labels.h"

enum { MAX_LINE = 1024, MAX_ROWS = 1 << 20, MAX_CATEGORIES = 1024, MAX_SECONDS = 4096 };

static bool read_second(const char *text, uint32_t *ret_second)
{
    char *end;
    errno = 0;
    const unsigned long value = strtoul(text, &end, 10);
    if (errno || end == text || text[0] == '-' || (*end != '\0' && *end != '\n' && *end != '\r') ||
        value > MAX_SECONDS)
        return false;
    *ret_second = (uint32_t)value;
    return true;
}

static enum tyto_err find_category(struct tyto_ave_rows *rows, const char *text, uint32_t *ret_idx)
{
    char name[TYTO_DATASET_NAME_BYTES];
    if (!tyto_label_class_name(text, name))
        return TYTO_ERR_FORMAT;
    for (*ret_idx = 0; *ret_idx < rows->num_categories; (*ret_idx)++) {
        if (strcmp(rows->categories[*ret_idx], name) == 0)
            return TYTO_OK;
    }
    if (rows->num_categories == MAX_CATEGORIES)
        return TYTO_ERR_FORMAT;
    memcpy(rows->categories[rows->num_categories++], name, sizeof(name));
    return TYTO_OK;
}

/* category&id&quality&begin&end */
static bool read_row(struct tyto_ave_rows *rows, char *line)
{
    struct tyto_ave_row *row = &rows->rows[rows->num_rows];
    char *fields[5];
    uint32_t num = 0;
    for (char *next = line; next; num++) {
        char *stop = strchr(next, '&');
        if (stop)
            *stop++ = '\0';
        if (num < 5)
            fields[num] = next;
        next = stop;
    }
    if (num != 5 || fields[1][0] == '\0' || strlen(fields[1]) >= sizeof(row->id))
        return false;
    memcpy(row->id, fields[1], strlen(fields[1]) + 1);
    return read_second(fields[3], &row->begin) && read_second(fields[4], &row->end) &&
           row->begin <= row->end && find_category(rows, fields[0], &row->category) == TYTO_OK;
}

static enum tyto_err read_lines(FILE *file, const char *path, struct tyto_ave_rows *rows,
                                struct tyto_fault *ret_fault)
{
    char line[MAX_LINE];
    uint32_t capacity = 0;
    for (uint32_t number = 1; fgets(line, sizeof(line), file); number++) {
        if (rows->num_rows == capacity) {
            capacity = capacity ? capacity * 2 : 4096;
            void *grown = reallocarray(rows->rows, capacity, sizeof(*rows->rows));
            if (!grown)
                return TYTO_ERR_NOMEM;
            rows->rows = grown;
        }
        if (number == 1 && strncmp(line, "Category&", 9) == 0)
            continue;
        if (rows->num_rows == MAX_ROWS || !read_row(rows, line))
            return tyto_fault_set(ret_fault, TYTO_ERR_FORMAT, path, number, NULL,
                                  "it is not category&id&quality&begin&end with whole seconds: "
                                  "tyto label check says more");
        rows->num_rows++;
    }
    if (rows->num_rows == 0)
        return tyto_fault_set(ret_fault, TYTO_ERR_FORMAT, path, 0, NULL, "it has no rows");
    return ferror(file) ? TYTO_ERR_IO : TYTO_OK;
}

enum tyto_err tyto_ave_rows_read(const char *path, struct tyto_ave_rows *ret_rows,
                                 struct tyto_fault *ret_fault)
{
    struct tyto_ave_rows rows = {.categories = calloc(MAX_CATEGORIES, sizeof(*rows.categories))};
    FILE *file = rows.categories ? tyto_fopen_text(path) : NULL;
    enum tyto_err err = TYTO_ERR_NOMEM;
    if (rows.categories && !file)
        err = tyto_fault_set(ret_fault, errno == ENOENT ? TYTO_ERR_NOT_FOUND : TYTO_ERR_IO, path, 0,
                             NULL, "it cannot be read: %s", tyto_open_reason(errno));
    if (file) {
        err = read_lines(file, path, &rows, ret_fault);
        fclose(file);
    }
    if (err)
        tyto_ave_rows_finish(&rows);
    else
        *ret_rows = rows;
    return err;
}

void tyto_ave_rows_finish(struct tyto_ave_rows *rows)
{
    free(rows->rows);
    free(rows->categories);
    *rows = (struct tyto_ave_rows){0};
}
