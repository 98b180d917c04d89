/* SPDX-License-Identifier: MIT */
/* A folder for recordings, away with all that is in it after each test. */
#ifndef TYTO_TESTS_CLIP_FOLDER_H
#define TYTO_TESTS_CLIP_FOLDER_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char folder[64];

static inline int make_folder(void **state)
{
    (void)state;
    snprintf(folder, sizeof(folder), "/tmp/tyto-record-XXXXXX");
    return mkdtemp(folder) ? 0 : -1;
}

static inline int remove_folder(void **state)
{
    (void)state;
    char command[128];
    const char *subs[] = {"/front", "/clips/front", "/clips", ""};
    for (size_t i = 0; i < sizeof(subs) / sizeof(subs[0]); i++) {
        snprintf(command, sizeof(command), "%s%s", folder, subs[i]);
        DIR *dir = opendir(command);
        for (struct dirent *entry; dir && (entry = readdir(dir));) {
            char path[512];
            snprintf(path, sizeof(path), "%s/%s", command, entry->d_name);
            unlink(path);
        }
        if (dir)
            closedir(dir);
        rmdir(command);
    }
    return 0;
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
