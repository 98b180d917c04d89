/* SPDX-License-Identifier: MIT */
#include "trainer/compose/assets.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/nearest.h"
#include "base/text.h"
#include "files/open.h"

enum {
    MAX_LINE = 8192,
    MAX_FIELDS = 32,
    MAX_ENTRIES = 1000000,
    MAX_CLASSES = 4096,
    MAX_PATH = 3000
};

static const char place_class[] = "background", noise_class[] = "other";

enum column { COL_PATH, COL_KIND, COL_CLASS, COL_SPLIT, COL_SOURCE, NUM_COLUMNS };
static const char *const column_names[NUM_COLUMNS] = {"path", "kind", "class", "split", "source"};

struct reader {
    const struct tyto_compose_assets_params *params;
    struct tyto_compose_assets assets;
    uint32_t columns[NUM_COLUMNS]; /* where in a row; UINT32_MAX: nowhere */
    uint32_t line, num_faults, num_missing, entry_room, class_room;
    char folder[MAX_PATH]; /* of the manifest, with a slash at its end, or "" */
};

__attribute__((format(printf, 3, 4))) static void report(struct reader *r, const char *key,
                                                         const char *fmt, ...)
{
    struct tyto_fault fault;
    char text[sizeof(fault.text)];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    tyto_fault_set(&fault, TYTO_ERR_FORMAT, r->params->manifest, r->line, key, "%s", text);
    r->num_faults++;
    if (r->params->on_fault)
        r->params->on_fault(r->params->user, &fault);
}

/* --- lists -------------------------------------------------------------------------------- */

static bool list_append(struct tyto_compose_list *list, uint32_t idx)
{
    if (list->num == list->room) {
        const uint32_t room = list->room ? list->room * 2 : 16;
        uint32_t *idxs = realloc(list->idxs, room * sizeof(*idxs));
        if (!idxs)
            return false;
        list->idxs = idxs;
        list->room = room;
    }
    list->idxs[list->num++] = idx;
    return true;
}

static uint32_t find_class(const struct tyto_compose_assets *assets, const char *name)
{
    uint32_t i = 0;
    while (i < assets->num_classes && strcmp(assets->classes[i].name, name) != 0)
        i++;
    return i;
}

/* NOMEM, SHAPE. */
static enum tyto_err add_class(struct reader *r, const char *name, uint32_t *ret_idx)
{
    struct tyto_compose_assets *assets = &r->assets;
    *ret_idx = find_class(assets, name);
    if (*ret_idx < assets->num_classes)
        return TYTO_OK;
    if (assets->num_classes == MAX_CLASSES)
        return TYTO_ERR_SHAPE;
    if (assets->num_classes == r->class_room) {
        const uint32_t room = r->class_room ? r->class_room * 2 : 64;
        struct tyto_compose_class *classes = realloc(assets->classes, room * sizeof(*classes));
        if (!classes)
            return TYTO_ERR_NOMEM;
        assets->classes = classes;
        r->class_room = room;
    }
    struct tyto_compose_class *class = &assets->classes[assets->num_classes++];
    *class = (struct tyto_compose_class){0};
    snprintf(class->name, sizeof(class->name), "%s", name);
    return TYTO_OK;
}

/* --- lines --------------------------------------------------------------------------------- */

/* Cuts a line into fields, in place. 0: a quote is wrong, or too many fields. */
static uint32_t cut_fields(char *line, char **fields)
{
    uint32_t num = 0;
    for (char *next = line; next;) {
        if (num == MAX_FIELDS || !tyto_text_csv_field(next, &fields[num++], &next))
            return 0;
    }
    return num;
}

static bool read_header(struct reader *r, char **fields, uint32_t num)
{
    for (uint32_t c = 0; c < NUM_COLUMNS; c++) {
        r->columns[c] = UINT32_MAX;
        for (uint32_t i = 0; i < num; i++) {
            if (strcmp(fields[i], column_names[c]) == 0)
                r->columns[c] = i;
        }
        if (c != COL_SOURCE && r->columns[c] == UINT32_MAX) {
            report(r, column_names[c],
                   "the first line lacks this column; it must read path,kind,class,split[,source]");
            return false;
        }
    }
    return true;
}

static char *join(const char *folder, const char *name)
{
    const size_t bytes = strlen(folder) + strlen(name) + 1;
    char *path = malloc(bytes);
    if (path)
        snprintf(path, bytes, "%s%s", name[0] == '/' ? "" : folder, name);
    return path;
}

/* A good line becomes an entry, if it is of the split. */
static enum tyto_err add_entry(struct reader *r, const char *const *values)
{
    struct tyto_compose_assets *assets = &r->assets;
    if (strcmp(values[COL_SPLIT], r->params->split) != 0)
        return TYTO_OK;
    if (assets->num_entries == MAX_ENTRIES)
        return TYTO_ERR_SHAPE;
    if (assets->num_entries == r->entry_room) {
        const uint32_t room = r->entry_room ? r->entry_room * 2 : 256;
        struct tyto_compose_entry *entries = realloc(assets->entries, room * sizeof(*entries));
        if (!entries)
            return TYTO_ERR_NOMEM;
        assets->entries = entries;
        r->entry_room = room;
    }
    struct tyto_compose_entry entry = {
        .line = r->line,
        .is_audio = strcmp(values[COL_KIND], "audio") == 0,
    };
    enum tyto_err err = add_class(r, values[COL_CLASS], &entry.class_idx);
    if (err)
        return err;
    entry.path = join(r->folder, values[COL_PATH]);
    entry.name = strdup(values[COL_PATH]);
    entry.source = strdup(values[COL_SOURCE]);
    assets->entries[assets->num_entries++] = entry;
    if (!entry.path || !entry.name || !entry.source)
        return TYTO_ERR_NOMEM;
    if (access(entry.path, R_OK) != 0) {
        report(r, entry.name, "cannot be read (%s): put it there, or take the line out",
               strerror(errno));
        r->num_missing++;
    }
    return TYTO_OK;
}

static enum tyto_err take_line(struct reader *r, char *line, bool *has_header)
{
    char *fields[MAX_FIELDS];
    const char *values[NUM_COLUMNS];
    const size_t len = strcspn(line, "\r\n");
    line[len] = '\0';
    if (len == 0 || line[0] == '#')
        return TYTO_OK;
    const uint32_t num = cut_fields(line, fields);
    if (num == 0) {
        report(r, NULL, "a quote is not closed, or there are more than %d fields", MAX_FIELDS);
        return TYTO_OK;
    }
    if (!*has_header) {
        *has_header = true;
        return read_header(r, fields, num) ? TYTO_OK : TYTO_ERR_FORMAT;
    }
    for (uint32_t c = 0; c < NUM_COLUMNS; c++) {
        values[c] = r->columns[c] < num ? fields[r->columns[c]] : "";
        if (c != COL_SOURCE && values[c][0] == '\0') {
            report(r, column_names[c],
                   "is empty or missing: each line is "
                   "path,kind,class,split[,source]");
            return TYTO_OK;
        }
    }
    if (strcmp(values[COL_KIND], "audio") != 0 && strcmp(values[COL_KIND], "image") != 0)
        report(r, "kind", "is audio or image, not '%.40s'", values[COL_KIND]);
    else if (!tyto_text_is_name(values[COL_CLASS], TYTO_DATASET_NAME_BYTES))
        report(r, "class", "is 1 to 64 of a-z 0-9 _ -, not '%.70s'", values[COL_CLASS]);
    else if (strlen(values[COL_PATH]) >= MAX_PATH)
        report(r, "path", "is longer than %d bytes", MAX_PATH - 1);
    else
        return add_entry(r, values);
    return TYTO_OK;
}

static enum tyto_err read_lines(struct reader *r, FILE *file)
{
    char line[MAX_LINE];
    bool has_header = false;
    enum tyto_err err = TYTO_OK;
    while (!err && fgets(line, sizeof(line), file)) {
        r->line++;
        const size_t len = strlen(line);
        if (len == sizeof(line) - 1 && line[len - 1] != '\n') {
            report(r, NULL, "is longer than %d bytes; is this a manifest?", MAX_LINE - 2);
            return TYTO_ERR_FORMAT;
        }
        if (len < sizeof(line) - 1 && (len == 0 || line[len - 1] != '\n') && !feof(file)) {
            report(r, NULL, "holds a zero byte: is this a manifest?");
            return TYTO_ERR_FORMAT;
        }
        char *start = r->line == 1 && strncmp(line, "\xef\xbb\xbf", 3) == 0 ? line + 3 : line;
        err = take_line(r, start, &has_header);
    }
    if (!err && ferror(file))
        err = TYTO_ERR_IO;
    if (!err && !has_header) {
        report(r, NULL, "is empty: the first line reads path,kind,class,split[,source]");
        err = TYTO_ERR_FORMAT;
    }
    return err;
}

/* --- sorting --------------------------------------------------------------------------------- */

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct tyto_compose_class *)a)->name,
                  ((const struct tyto_compose_class *)b)->name);
}

/* Classes by name; entries follow. */
static enum tyto_err sort_classes(struct tyto_compose_assets *assets)
{
    char(*names)[TYTO_DATASET_NAME_BYTES] =
        malloc((size_t)assets->num_classes * sizeof(*names) + 1);
    if (!names)
        return TYTO_ERR_NOMEM;
    for (uint32_t i = 0; i < assets->num_classes; i++)
        memcpy(names[i], assets->classes[i].name, sizeof(*names));
    if (assets->num_classes > 0)
        qsort(assets->classes, assets->num_classes, sizeof(*assets->classes), by_name);
    for (uint32_t e = 0; e < assets->num_entries; e++)
        assets->entries[e].class_idx = find_class(assets, names[assets->entries[e].class_idx]);
    free(names);
    return TYTO_OK;
}

static void say_no_class(struct reader *r, const char *name)
{
    const struct tyto_compose_assets *assets = &r->assets;
    const char **names = calloc(assets->num_classes + 1, sizeof(*names));
    for (uint32_t i = 0; names && i < assets->num_classes; i++)
        names[i] = assets->classes[i].name;
    const char *near = names ? tyto_nearest(name, names, assets->num_classes) : NULL;
    r->line = 0;
    report(r, name, "split %s has no sound and no picture of this class: %s%s%s", r->params->split,
           near ? "did you mean '" : "leave it out of --classes, or take another --split",
           near ? near : "", near ? "'?" : "");
    free(names);
}

static enum tyto_err choose_classes(struct reader *r)
{
    struct tyto_compose_assets *assets = &r->assets;
    for (uint32_t i = 0; i < r->params->num_classes; i++) {
        const uint32_t idx = find_class(assets, r->params->classes[i]);
        if (idx < assets->num_classes)
            assets->classes[idx].is_wanted = true;
        else
            say_no_class(r, r->params->classes[i]);
    }
    for (uint32_t i = 0; i < assets->num_classes && r->params->num_classes == 0; i++) {
        struct tyto_compose_class *class = &assets->classes[i];
        class->is_wanted = class->pictures.num > 0 && class->sounds.num > 0 &&
                           strcmp(class->name, place_class) != 0 &&
                           strcmp(class->name, noise_class) != 0;
    }
    assets->wanted = calloc(assets->num_classes + 1, sizeof(*assets->wanted));
    if (!assets->wanted)
        return TYTO_ERR_NOMEM;
    for (uint32_t i = 0; i < assets->num_classes; i++) {
        if (assets->classes[i].is_wanted)
            assets->wanted[assets->num_wanted++] = i;
    }
    if (assets->num_wanted == 0 && r->num_faults == 0) {
        r->line = 0;
        report(r, NULL, "split '%s' has no class with both sounds and pictures", r->params->split);
        return TYTO_ERR_NOT_FOUND;
    }
    return r->num_faults == 0 ? TYTO_OK : TYTO_ERR_NOT_FOUND;
}

static struct tyto_compose_list *other_list(struct tyto_compose_assets *assets,
                                            const struct tyto_compose_entry *entry)
{
    const struct tyto_compose_class *class = &assets->classes[entry->class_idx];
    if (class->is_wanted)
        return NULL;
    if (entry->is_audio)
        return strcmp(class->name, noise_class) == 0 ? &assets->noises : &assets->odd_sounds;
    return strcmp(class->name, place_class) == 0 ? &assets->places : &assets->odd_pictures;
}

static enum tyto_err sort_entries(struct reader *r)
{
    struct tyto_compose_assets *assets = &r->assets;
    enum tyto_err err = sort_classes(assets);
    for (uint32_t e = 0; !err && e < assets->num_entries; e++) {
        struct tyto_compose_class *class = &assets->classes[assets->entries[e].class_idx];
        if (!list_append(assets->entries[e].is_audio ? &class->sounds : &class->pictures, e))
            err = TYTO_ERR_NOMEM;
    }
    if (!err)
        err = choose_classes(r);
    for (uint32_t e = 0; !err && e < assets->num_entries; e++) {
        struct tyto_compose_list *list = other_list(assets, &assets->entries[e]);
        if (list && !list_append(list, e))
            err = TYTO_ERR_NOMEM;
    }
    return err;
}

/* From where paths count; false: its name is too long. */
static bool set_folder(struct reader *r)
{
    const char *manifest = r->params->manifest, *slash = strrchr(manifest, '/');
    const char *folder = r->params->folder ? r->params->folder : manifest;
    const size_t len = r->params->folder ? strlen(folder)
                       : slash           ? (size_t)(slash + 1 - manifest)
                                         : 0;
    if (len + 2 > sizeof(r->folder))
        return false;
    snprintf(r->folder, sizeof(r->folder), "%.*s%s", (int)len, folder,
             r->params->folder ? "/" : "");
    return true;
}

enum tyto_err tyto_compose_assets_read_stream(const struct tyto_compose_assets_params *params,
                                              FILE *file, struct tyto_compose_assets *ret_assets)
{
    struct reader r = {.params = params};
    if (!set_folder(&r))
        return TYTO_ERR_SHAPE;
    enum tyto_err err = read_lines(&r, file);
    if (!err && r.num_faults > 0)
        err = r.num_missing == r.num_faults ? TYTO_ERR_NOT_FOUND : TYTO_ERR_FORMAT;
    if (!err)
        err = sort_entries(&r);
    if (err) {
        tyto_compose_assets_finish(&r.assets);
        return err;
    }
    *ret_assets = r.assets;
    return TYTO_OK;
}

enum tyto_err tyto_compose_assets_read(const struct tyto_compose_assets_params *params,
                                       struct tyto_compose_assets *ret_assets)
{
    FILE *file = tyto_fopen_text(params->manifest);
    if (!file) {
        struct reader r = {.params = params};
        const int code = errno;
        report(&r, NULL, "cannot be opened: %s", tyto_open_reason(code));
        return code == ENOENT ? TYTO_ERR_NOT_FOUND : TYTO_ERR_IO;
    }
    const enum tyto_err err = tyto_compose_assets_read_stream(params, file, ret_assets);
    fclose(file);
    return err;
}

void tyto_compose_assets_finish(struct tyto_compose_assets *assets)
{
    for (uint32_t i = 0; i < assets->num_entries; i++) {
        free(assets->entries[i].path);
        free(assets->entries[i].name);
        free(assets->entries[i].source);
    }
    for (uint32_t i = 0; i < assets->num_classes; i++) {
        free(assets->classes[i].pictures.idxs);
        free(assets->classes[i].sounds.idxs);
    }
    free(assets->places.idxs);
    free(assets->noises.idxs);
    free(assets->odd_pictures.idxs);
    free(assets->odd_sounds.idxs);
    free(assets->entries);
    free(assets->classes);
    free(assets->wanted);
    *assets = (struct tyto_compose_assets){0};
}
