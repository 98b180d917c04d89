/* SPDX-License-Identifier: MIT */
/* Whether all of a file was read, and what is told where it was not. Plain computation. */
#ifndef TYTO_FILES_FILE_END_H
#define TYTO_FILES_FILE_END_H

#include <stdbool.h>
#include <stdint.h>

#include "files/whole.h"

struct tyto_file_end {
    struct tyto_whole whole;
    bool has_grown;      /* since it was opened */
    int64_t duration_ns; /* as its container says; 0: not known */
    int64_t begin_ns;    /* where its sound or picture begins */
    int64_t read_ns;     /* of it that gave either */
    int64_t gap_ns;      /* of it that neither has, by the container's own word */
    bool wants_all;      /* no stream was left out */
};

/* "read in part: 10 of 20 s; ...", or "" where it is whole. */
void tyto_file_end_text(const struct tyto_file_end *end, char *ret_text, uint32_t text_bytes);

#endif
