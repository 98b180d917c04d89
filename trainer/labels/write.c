/* SPDX-License-Identifier: MIT */
/* Labels as CSV. */
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/folder.h"
#include "base/text.h"
#include "files/replace.h"
#include "trainer/labels/labels.h"

/* As few digits as say it exactly. */
static void put_seconds(FILE *out, int64_t ns)
{
    char text[32];
    snprintf(text, sizeof(text), "%" PRId64 ".%09" PRId64, ns / 1000000000, ns % 1000000000);
    char *end = text + strlen(text) - 1;
    while (*end == '0')
        *end-- = '\0';
    if (*end == '.')
        *end = '\0';
    fputs(text, out);
}

/* A recording's path as seen from folder (a real path). */
static void put_path(FILE *out, const char *file, bool is_found, const char *folder)
{
    char real[PATH_MAX];
    const size_t num = strlen(folder);
    if (!is_found || !realpath(file, real))
        tyto_text_csv_put(out, file);
    else if (strncmp(real, folder, num) == 0 && real[num] == '/')
        tyto_text_csv_put(out, real + num + 1);
    else
        tyto_text_csv_put(out, real);
}

static const char *truth_name(uint8_t truth)
{
    return truth == TYTO_TRUTH_HEARD ? "heard" : truth == TYTO_TRUTH_SEEN ? "seen" : "both";
}

static void put_all(FILE *out, const struct tyto_labels *labels, const char *folder)
{
    uint32_t at = 0;
    fputs("file,class,begin_s,end_s,modality\n", out);
    for (uint32_t file = 0; file < labels->num_files; file++) {
        const bool is_found = labels->is_found[file];
        const uint32_t begin = at;
        for (; at < labels->num_labels && labels->labels[at].file_idx == file; at++) {
            const struct tyto_label *label = &labels->labels[at];
            put_path(out, labels->files[file], is_found, folder);
            fprintf(out, ",%s,", labels->classes[label->class_idx]);
            if (!label->is_weak)
                put_seconds(out, label->begin_ns);
            fputc(',', out);
            if (!label->is_weak)
                put_seconds(out, label->end_ns);
            fprintf(out, ",%s\n", truth_name(label->truth));
        }
        if (at == begin) {
            put_path(out, labels->files[file], is_found, folder);
            fputs(",,,,\n", out);
        }
    }
}

enum tyto_err tyto_labels_write_csv(const struct tyto_labels *labels, const char *path,
                                    struct tyto_fault *ret_fault)
{
    char dir[PATH_MAX], folder[PATH_MAX];
    const char *slash = strrchr(path, '/');
    const int num_dir = slash ? (int)(slash - path) + 1 : 0;
    struct tyto_replace *replace = NULL;
    snprintf(dir, sizeof(dir), "%.*s", num_dir ? num_dir : 1, num_dir ? path : ".");
    enum tyto_err err = tyto_folder_make_for(path);
    if (!err && !realpath(dir, folder))
        err = TYTO_ERR_IO;
    if (!err)
        err = tyto_replace_begin(path, 0644, &replace);
    FILE *out = !err ? tyto_replace_file(replace) : NULL;
    if (out)
        put_all(out, labels, folder);
    if (!err)
        err = out ? tyto_replace_commit(&replace) : TYTO_ERR_NOMEM;
    if (!err)
        return TYTO_OK;
    const int reason = errno;
    tyto_replace_abandon(&replace);
    return tyto_fault_set(ret_fault, err, path, 0, NULL, "it cannot be written: %s",
                          err == TYTO_ERR_IO ? strerror(reason) : tyto_err_text(err));
}
