/* SPDX-License-Identifier: MIT */
/* Private to this folder: which column of a table is what, by the names that people and tools give
 * them (DCASE and sed_eval, DESED, Audacity, Raven, Excel). */
#ifndef TYTO_TRAINER_LABELS_CSV_HEADER_H
#define TYTO_TRAINER_LABELS_CSV_HEADER_H

#include "trainer/labels/reader.h"

enum { TYTO_CSV_MAX_FIELDS = 32 };

enum tyto_csv_column {
    TYTO_CSV_FILE,
    TYTO_CSV_CLASS,
    TYTO_CSV_BEGIN,
    TYTO_CSV_END,
    TYTO_CSV_MODALITY,
    TYTO_CSV_DURATION,
    TYTO_CSV_NUM_COLUMNS,
};

struct tyto_csv_row {
    uint32_t line, num;
    char *fields[TYTO_CSV_MAX_FIELDS];
};

struct tyto_csv_columns {
    int at[TYTO_CSV_NUM_COLUMNS];         /* where each column is; -1: nowhere */
    double seconds[TYTO_CSV_NUM_COLUMNS]; /* that its 1 stands for */
    bool is_other[TYTO_CSV_MAX_FIELDS];   /* a column that is not read */
    bool is_time[TYTO_CSV_MAX_FIELDS];    /* one of these that is called like times */
    char names[TYTO_CSV_MAX_FIELDS][48];  /* as written */
    uint32_t num;                         /* in each row at most */
    bool has_many_classes;                /* a field holds several, between commas */
};

/* file,class,begin_s,end_s,modality. */
struct tyto_csv_columns tyto_csv_plain_columns(void);
/* Whether the first row of a file holds names. */
bool tyto_csv_is_header(const struct tyto_csv_row *row);
/* False: the file cannot be read by it, which has been reported. */
bool tyto_csv_read_header(struct tyto_label_reader *reader, const struct tyto_csv_row *row,
                          struct tyto_csv_columns *ret_columns);

#endif
