/* SPDX-License-Identifier: MIT */
/* Files that are read from begin to end: what a person named may be a pipe that nobody writes to,
 * and opening it would wait for ever. */
#ifndef TYTO_FILES_OPEN_H
#define TYTO_FILES_OPEN_H

#include <stdio.h>

/* Opens path for reading; closed on exec. A pipe is waited for until something can be read from it,
 * 5 s at most. -1 with errno; ENODATA: nobody writes to the pipe. */
int tyto_open_input(const char *path);
/* Likewise; NULL with errno. */
FILE *tyto_fopen_input(const char *path);
/* The same of text, which is read as UTF-8 without a mark of byte order, whatever a regular file
 * has it in (files/encoding.h). EILSEQ: it is no sound UTF-16 or UTF-32. */
FILE *tyto_fopen_text(const char *path);
/* What errno says of an input that could not be opened, for a message. */
const char *tyto_open_reason(int error);

#endif
