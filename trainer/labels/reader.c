/* SPDX-License-Identifier: MIT */
/* Faults, recordings, classes and events, as every format's reader hands them in. */
#include "trainer/labels/reader.h"

#include <ctype.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/nearest.h"

/* No recording is longer than a year; more is a time in another unit. */
static const double max_seconds = 366.0 * 24 * 3600;

bool tyto_label_read_modality(struct tyto_label_reader *reader, const char *text, uint32_t line,
                              const char *key, uint8_t *ret_truth)
{
    static const char *const names[] = {"heard", "seen", "both"};
    if (tyto_label_modality(text, ret_truth))
        return true;
    const char *near = tyto_nearest(text, names, 3);
    tyto_label_error(reader, line, key, "'%.40s' is none of heard, seen, both%s%s%s", text,
                     near ? ": did you mean '" : "", near ? near : "", near ? "'?" : "");
    return false;
}

static const char *last_part(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

/* --- recordings ---------------------------------------------------------------------- */

static enum tyto_err add_file(struct tyto_label_reader *reader, const char *path, bool is_found,
                              uint32_t *ret_file_idx)
{
    struct tyto_labels *labels = &reader->labels;
    void *found = labels->is_found;
    bool is_new = false;
    enum tyto_err err =
        tyto_grow(&found, &reader->found_capacity, reader->files.num, sizeof(*labels->is_found));
    labels->is_found = found;
    if (!err)
        err = tyto_strings_add(&reader->files, path, TYTO_LABELS_MAX_FILES, ret_file_idx, &is_new);
    if (!err && is_new)
        labels->is_found[*ret_file_idx] = is_found;
    return err;
}

/* Where recordings of this label file are looked for. */
static void media_dir(const struct tyto_label_reader *reader, char *ret_dir, size_t dir_bytes)
{
    const char *slash = strrchr(reader->source, '/');
    const int num = slash && slash > reader->source ? (int)(slash - reader->source) : 1;
    if (reader->params->media_dir)
        snprintf(ret_dir, dir_bytes, "%s", reader->params->media_dir);
    else
        snprintf(ret_dir, dir_bytes, "%.*s", num, slash ? reader->source : ".");
}

/* In dir; found_as tells how. As written, then as other machines and URLs write it (C:\clips\a.wav,
 * file:///clips/a%20b.wav), then as tools change names. */
static enum tyto_err look_for(struct tyto_label_reader *reader, const char *dir,
                              const char *written, bool is_stem, enum tyto_label_found *ret_found,
                              char *ret_path, size_t path_bytes)
{
    const bool is_deep = reader->params->media_dir != NULL;
    char own[TYTO_LABEL_PATH_BYTES];
    enum tyto_err err = tyto_label_media_find(&reader->media, dir, is_deep, written, is_stem,
                                              ret_found, ret_path, path_bytes);
    if (err || *ret_found != TYTO_LABEL_FOUND_NONE)
        return err;
    tyto_label_own_path(written, own, sizeof(own));
    if (strcmp(own, written) != 0 && own[0])
        err = tyto_label_media_find(&reader->media, dir, is_deep, own, is_stem, ret_found, ret_path,
                                    path_bytes);
    if (err || *ret_found != TYTO_LABEL_FOUND_NONE)
        return err;
    return tyto_label_media_find_like(&reader->media, own, is_stem, ret_found, ret_path,
                                      path_bytes);
}

/* Finds what is written; UINT32_MAX when that was a fault. */
static enum tyto_err find_file(struct tyto_label_reader *reader, const char *dir,
                               const char *written, bool is_stem, uint32_t line, const char *key,
                               uint32_t *ret_file_idx)
{
    char path[TYTO_LABEL_PATH_BYTES];
    enum tyto_label_found found = TYTO_LABEL_FOUND_NONE;
    *ret_file_idx = UINT32_MAX;
    if (strlen(dir) + strlen(written) + 2 > sizeof(path)) {
        tyto_label_error(reader, line, key, "the recording's name is too long");
        return TYTO_OK;
    }
    if (dir[0]) {
        const enum tyto_err err =
            look_for(reader, dir, written, is_stem, &found, path, sizeof(path));
        if (err)
            return err;
    }
    if (found == TYTO_LABEL_FOUND_SEVERAL) {
        tyto_label_error(reader, line, key,
                         "several recordings in %.80s are called '%.80s': give each its own name%s",
                         dir, written, is_stem ? "" : ", or write its folder, too");
        return TYTO_OK;
    }
    if (found == TYTO_LABEL_FOUND_NEAR && reader->params->needs_media) {
        tyto_label_error(reader, line, key,
                         "there is no recording '%.80s%s' in %.80s: did you mean '%.80s'?", written,
                         is_stem ? ".*" : "", dir, last_part(path));
        return TYTO_OK;
    }
    if (found == TYTO_LABEL_FOUND_NONE && reader->params->needs_media) {
        tyto_label_error(reader, line, key,
                         "there is no recording '%.80s%s' in %.80s: copy it there, or say where "
                         "recordings are (--media DIR)",
                         written, is_stem ? ".*" : "", dir[0] ? dir : "no folder");
        return TYTO_OK;
    }
    if (found == TYTO_LABEL_FOUND_LIKE)
        tyto_label_note(reader, line, key, "'%.80s' is taken for '%.80s'", written,
                        last_part(path));
    const bool is_found = found == TYTO_LABEL_FOUND || found == TYTO_LABEL_FOUND_LIKE;
    return add_file(reader, is_found ? path : written, is_found, ret_file_idx);
}

bool tyto_label_file(struct tyto_label_reader *reader, const char *written, bool is_stem,
                     uint32_t line, const char *key, uint32_t *ret_file_idx)
{
    char dir[TYTO_LABEL_PATH_BYTES], as_written[2 * TYTO_LABEL_PATH_BYTES];
    while (strncmp(written, "./", 2) == 0)
        written += 2;
    if (!written[0]) {
        tyto_label_error(reader, line, key, "no recording is named: write its file name");
        return false;
    }
    media_dir(reader, dir, sizeof(dir));
    snprintf(as_written, sizeof(as_written), "%s\n%c%s", dir, is_stem ? 's' : 'n', written);
    void *numbers = reader->file_of_written;
    uint32_t idx = 0;
    bool is_new = false;
    reader->err = tyto_grow(&numbers, &reader->written_capacity, reader->written.num,
                            sizeof(*reader->file_of_written));
    reader->file_of_written = numbers;
    if (!reader->err)
        reader->err =
            tyto_strings_add(&reader->written, as_written, TYTO_LABELS_MAX_FILES, &idx, &is_new);
    if (!reader->err && is_new) {
        enum tyto_err err =
            find_file(reader, dir, written, is_stem, line, key, &reader->file_of_written[idx]);
        reader->err = err ? err : reader->err;
    }
    if (reader->err || reader->file_of_written[idx] == UINT32_MAX)
        return false;
    *ret_file_idx = reader->file_of_written[idx];
    return true;
}

/* --- classes and events -------------------------------------------------------------- */

bool tyto_label_class_name(const char *text, char ret_name[TYTO_DATASET_NAME_BYTES])
{
    size_t num = 0;
    bool has_gap = false;
    for (; *text; text++) {
        const unsigned char letter = (unsigned char)*text;
        if (letter >= 0x80)
            return false;
        const bool is_kept = isalnum(letter) || letter == '_' || letter == '-';
        has_gap |= !is_kept;
        if (!is_kept)
            continue;
        if (num + (has_gap && num > 0) + 1 >= TYTO_DATASET_NAME_BYTES)
            return false;
        if (has_gap && num > 0)
            ret_name[num++] = '_';
        has_gap = false;
        ret_name[num++] = (char)tolower(letter);
    }
    ret_name[num] = '\0';
    return num > 0;
}

/* A spelling's class; UINT32_MAX when it is none, which has been reported. */
static enum tyto_err class_of(struct tyto_label_reader *reader, const struct tyto_label_raw *raw,
                              uint32_t *ret_class_idx)
{
    char name[TYTO_DATASET_NAME_BYTES];
    *ret_class_idx = UINT32_MAX;
    if (!tyto_label_class_name(raw->class_name, name)) {
        tyto_label_error(reader, raw->line, raw->key,
                         "'%.80s' cannot be a class's name: write 1 to %d letters a-z, digits, "
                         "'_' or '-'",
                         raw->class_name, TYTO_DATASET_NAME_BYTES - 1);
        return TYTO_OK;
    }
    if (strcmp(name, raw->class_name) != 0)
        tyto_label_note(reader, raw->line, raw->key, "class '%.80s' is read as '%s'",
                        raw->class_name, name);
    const enum tyto_err err =
        tyto_strings_add(&reader->classes, name, TYTO_LABELS_MAX_CLASSES, ret_class_idx, NULL);
    if (err == TYTO_ERR_FULL)
        tyto_label_error(reader, raw->line, raw->key,
                         "there are more than %d classes: is the column of classes the right one?",
                         TYTO_LABELS_MAX_CLASSES);
    return err;
}

bool tyto_label_class(struct tyto_label_reader *reader, const struct tyto_label_raw *raw,
                      uint32_t *ret_class_idx)
{
    void *numbers = reader->class_of_spelling;
    uint32_t idx = 0;
    bool is_new = false;
    reader->err = tyto_grow(&numbers, &reader->spellings_capacity, reader->spellings.num,
                            sizeof(*reader->class_of_spelling));
    reader->class_of_spelling = numbers;
    if (!reader->err)
        reader->err = tyto_strings_add(&reader->spellings, raw->class_name, TYTO_LABELS_MAX_LABELS,
                                       &idx, &is_new);
    if (!reader->err && is_new) {
        const enum tyto_err err = class_of(reader, raw, &reader->class_of_spelling[idx]);
        reader->err = err ? err : reader->err;
    }
    if (reader->err || reader->class_of_spelling[idx] == UINT32_MAX)
        return false;
    *ret_class_idx = reader->class_of_spelling[idx];
    return true;
}

static bool keep(struct tyto_label_reader *reader, const struct tyto_label *label, bool merges)
{
    uint32_t *num = &reader->labels.num_labels;
    void *kept = reader->kept;
    reader->err = *num >= TYTO_LABELS_MAX_LABELS
                      ? TYTO_ERR_FULL
                      : tyto_grow(&kept, &reader->kept_capacity, *num, sizeof(*reader->kept));
    reader->kept = kept;
    if (reader->err)
        return false;
    reader->kept[(*num)++] = (struct tyto_label_kept){.label = *label, .merges = merges};
    return true;
}

static bool times_are_sound(struct tyto_label_reader *reader, const struct tyto_label_raw *raw)
{
    const double begin_s = raw->begin_s, end_s = raw->end_s;
    if (!isfinite(begin_s) || !isfinite(end_s))
        tyto_label_error(reader, raw->line, raw->key, "a time is not a number");
    else if (begin_s < 0)
        tyto_label_error(reader, raw->line, raw->key,
                         "it begins at %g s, before the recording does: times count from 0",
                         begin_s);
    else if (begin_s > max_seconds || end_s > max_seconds)
        tyto_label_error(reader, raw->line, raw->key,
                         "it is %g s into the recording, more than a year: times are seconds",
                         fmax(begin_s, end_s));
    else if (end_s < begin_s)
        tyto_label_error(reader, raw->line, raw->key,
                         "it ends at %g s, before it begins at %g s: swap them", end_s, begin_s);
    else if (llrint(end_s * 1e9) == llrint(begin_s * 1e9))
        tyto_label_error(reader, raw->line, raw->key,
                         "it begins and ends at %g s: give it a length, or delete it", begin_s);
    else
        return true;
    return false;
}

bool tyto_label_add(struct tyto_label_reader *reader, uint32_t file_idx,
                    const struct tyto_label_raw *raw)
{
    struct tyto_label label = {.file_idx = file_idx,
                               .truth = raw->truth ? raw->truth : TYTO_TRUTH_BOTH,
                               .is_weak = raw->is_weak,
                               .source_idx = reader->source_idx,
                               .line = raw->line};
    if (!raw->is_weak) {
        if (!times_are_sound(reader, raw))
            return false;
        label.begin_ns = llrint(raw->begin_s * (double)TYTO_NS_PER_S);
        label.end_ns = llrint(raw->end_s * (double)TYTO_NS_PER_S);
    }
    return tyto_label_class(reader, raw, &label.class_idx) && keep(reader, &label, raw->merges);
}

void tyto_label_background(struct tyto_label_reader *reader, uint32_t file_idx, uint32_t line)
{
    const struct tyto_label label = {.file_idx = file_idx,
                                     .class_idx = TYTO_LABEL_NO_CLASS,
                                     .source_idx = reader->source_idx,
                                     .line = line};
    (void)keep(reader, &label, false);
}
