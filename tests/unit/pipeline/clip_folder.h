/* SPDX-License-Identifier: MIT */
/* A folder for recordings, away with all that is in it after each test. */
#ifndef TYTO_TESTS_CLIP_FOLDER_H
#define TYTO_TESTS_CLIP_FOLDER_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/folder.h"

static char folder[FOLDER_MAX];

static inline int make_folder(void **state)
{
    (void)state;
    return folder_make(folder, "record");
}

static inline int remove_folder(void **state)
{
    (void)state;
    return folder_remove(folder);
}

static inline void write_file(const char *name, const char *text)
{
    char path[256];
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static inline char *read_file(const char *name)
{
    static char text[8192];
    char path[256];
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    FILE *file = fopen(path, "rb");
    text[0] = '\0';
    if (file) {
        text[fread(text, 1, sizeof(text) - 1, file)] = '\0';
        fclose(file);
    }
    return text;
}

#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, make_folder, remove_folder)

#endif
