/* SPDX-License-Identifier: MIT */
#include "web/review.h"

#include <errno.h>
#include <gio/gio.h>
#include <math.h>
#include <string.h>
#include <unistd.h>

#include "files/replace.h"
#include "web/known/clips.h"

enum { MAX_LABELS = 128, MAX_PATH = 4096, MAX_BYTES = 64 << 20, MAX_LISTED = 8192 };

static const char header[] = "file,class,begin_s,end_s,modality\n";
/* As pages and as label files say it. */
static const char *const words[][2] = {{"av", "both"}, {"a", "heard"}, {"v", "seen"}};

/* --- reading --------------------------------------------------------------------------------- */

static void add_label(struct tyto_json *labels, const struct tyto_clip_row *row)
{
    struct tyto_json *label = tyto_json_new_object();
    tyto_json_set(label, "class", tyto_json_new_string(row->class_name));
    tyto_json_set(label, "begin", tyto_json_new_f64(row->begin_s));
    tyto_json_set(label, "end", tyto_json_new_f64(row->end_s));
    tyto_json_set(label, "modality", tyto_json_new_string(tyto_modality_name(row->modality)));
    (void)tyto_json_append(labels, label);
}

struct collect {
    const char *clip;
    struct tyto_json *labels;
    bool is_there;
};

static void collect_row(void *user, const struct tyto_clip_row *row)
{
    struct collect *collect = user;
    if (strcmp(row->clip, collect->clip) != 0)
        return;
    collect->is_there = true;
    if (row->class_name[0] == '\0')
        return;
    add_label(collect->labels, row);
}

static void collect_from(struct collect *collect, const char *dir)
{
    char path[MAX_PATH];
    g_snprintf(path, sizeof(path), "%s/labels.csv", dir);
    (void)tyto_clip_rows(path, collect_row, collect);
}

struct tyto_json *tyto_review_get(const char *recordings, const char *corrections, const char *clip)
{
    struct collect collect = {.clip = clip, .labels = tyto_json_new_array()};
    if (corrections)
        collect_from(&collect, corrections);
    const bool is_corrected = collect.is_there;
    if (!is_corrected)
        collect_from(&collect, recordings);
    struct tyto_json *json = tyto_json_new_object();
    tyto_json_set(json, "corrected", tyto_json_new_bool(is_corrected));
    tyto_json_set(json, "labels", collect.labels);
    return json;
}

struct listed {
    struct tyto_json *list;
    GHashTable *known; /* clip, owned -> its labels */
};

static void list_row(void *user, const struct tyto_clip_row *row)
{
    struct listed *all = user;
    struct tyto_json *labels = g_hash_table_lookup(all->known, row->clip);
    if (!labels) {
        if (g_hash_table_size(all->known) >= MAX_LISTED)
            return;
        struct tyto_json *json = tyto_json_new_object();
        labels = tyto_json_new_array();
        tyto_json_set(json, "clip", tyto_json_new_string(row->clip));
        tyto_json_set(json, "labels", labels);
        (void)tyto_json_append(all->list, json);
        (void)g_hash_table_insert(all->known, g_strdup(row->clip), labels);
    }
    if (row->class_name[0] == '\0')
        return;
    add_label(labels, row);
}

struct tyto_json *tyto_review_list(const char *dir)
{
    struct listed all = {.list = tyto_json_new_array(),
                         .known = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL)};
    char *path = g_build_filename(dir, "labels.csv", NULL);
    (void)tyto_clip_rows(path, list_row, &all);
    g_free(path);
    g_hash_table_destroy(all.known);
    return all.list;
}

/* --- writing --------------------------------------------------------------------------------- */

static enum tyto_err fail(struct tyto_fault *ret_fault, enum tyto_err err, const char *file,
                          const char *text)
{
    return tyto_fault_set(ret_fault, err, file, 0, NULL, "%s", text);
}

static bool put_row(GString *out, const char *clip, const struct tyto_json *label)
{
    const char *class_name = tyto_json_string(tyto_json_get(label, "class"));
    const char *modality = tyto_json_string(tyto_json_get(label, "modality"));
    double begin_s = 0, end_s = 0;
    if (!class_name || !tyto_id_is_valid(class_name) || !modality ||
        !tyto_json_f64(tyto_json_get(label, "begin"), &begin_s) ||
        !tyto_json_f64(tyto_json_get(label, "end"), &end_s) || !(begin_s >= 0) ||
        !(end_s > begin_s) || end_s > 86400)
        return false;
    for (size_t i = 0; i < G_N_ELEMENTS(words); i++) {
        if (strcmp(modality, words[i][0]) != 0)
            continue;
        char begin[G_ASCII_DTOSTR_BUF_SIZE], end[G_ASCII_DTOSTR_BUF_SIZE];
        g_string_append_printf(out, "%s,%s,%s,%s,%s\n", clip, class_name,
                               g_ascii_formatd(begin, sizeof(begin), "%.3f", begin_s),
                               g_ascii_formatd(end, sizeof(end), "%.3f", end_s), words[i][1]);
        return true;
    }
    return false;
}

/* The recording itself, into the folder of corrections. */
static enum tyto_err keep(const char *recordings, const char *corrections, const char *clip,
                          struct tyto_fault *ret_fault)
{
    char from[MAX_PATH], to[MAX_PATH];
    g_snprintf(from, sizeof(from), "%s/%s", recordings, clip);
    g_snprintf(to, sizeof(to), "%s/%s", corrections, clip);
    char *folder = g_path_get_dirname(to);
    const int made = g_mkdir_with_parents(folder, 0750);
    g_free(folder);
    if (made != 0)
        return fail(ret_fault, TYTO_ERR_IO, to, g_strerror(errno));
    if (link(from, to) == 0 || errno == EEXIST)
        return TYTO_OK;
    GFile *source = g_file_new_for_path(from), *target = g_file_new_for_path(to);
    GError *error = NULL;
    enum tyto_err err = TYTO_OK;
    if (!g_file_copy(source, target, G_FILE_COPY_NONE, NULL, NULL, NULL, &error)) {
        err = fail(ret_fault, TYTO_ERR_IO, from, error->message);
        g_error_free(error);
    }
    g_object_unref(source);
    g_object_unref(target);
    return err;
}

/* The file's lines but for those of clip; the header where there is no file. */
static enum tyto_err read_others(const char *path, const char *clip, GString *out,
                                 struct tyto_fault *ret_fault)
{
    char *text = NULL;
    gsize num_bytes = 0;
    GError *error = NULL;
    if (!g_file_get_contents(path, &text, &num_bytes, &error)) {
        const bool is_missing = g_error_matches(error, G_FILE_ERROR, G_FILE_ERROR_NOENT);
        const enum tyto_err err =
            is_missing ? TYTO_OK : fail(ret_fault, TYTO_ERR_IO, path, error->message);
        g_error_free(error);
        g_string_append(out, header);
        return err;
    }
    if (num_bytes > MAX_BYTES) {
        g_free(text);
        return fail(ret_fault, TYTO_ERR_FULL, path, "it is too large to be added to");
    }
    const size_t len = strlen(clip);
    for (char *line = text; *line;) {
        char *end = strchr(line, '\n');
        const size_t num = end ? (size_t)(end - line) + 1 : strlen(line);
        if (strncmp(line, clip, len) != 0 || line[len] != ',') {
            g_string_append_len(out, line, (gssize)num);
            if (!end)
                g_string_append_c(out, '\n');
        }
        line += num;
    }
    g_free(text);
    return TYTO_OK;
}

enum tyto_err tyto_review_put(const char *recordings, const char *corrections, const char *clip,
                              const struct tyto_json *labels, struct tyto_fault *ret_fault)
{
    char path[MAX_PATH];
    g_snprintf(path, sizeof(path), "%s/labels.csv", corrections);
    const uint32_t num = tyto_json_num_items(labels);
    if (!tyto_json_is_array(labels) || num > MAX_LABELS || !tyto_clip_is_name(clip))
        return fail(ret_fault, TYTO_ERR_INVALID, NULL, "these are no labels of a recording");
    GString *rows = g_string_new(NULL), *out = g_string_new(NULL);
    enum tyto_err err = TYTO_OK;
    for (uint32_t i = 0; !err && i < num; i++) {
        if (!put_row(rows, clip, tyto_json_at(labels, i)))
            err = tyto_fault_set(ret_fault, TYTO_ERR_INVALID, NULL, 0, "labels",
                                 "label %u must have a class ([a-z0-9_-]), begin < end in seconds, "
                                 "and a modality: av, a or v",
                                 i + 1);
    }
    if (num == 0)
        g_string_append_printf(rows, "%s,,,,\n", clip);
    if (!err)
        err = keep(recordings, corrections, clip, ret_fault);
    if (!err)
        err = read_others(path, clip, out, ret_fault);
    if (!err) {
        g_string_append_len(out, rows->str, (gssize)rows->len);
        err = tyto_replace_all(path, 0640, out->str, out->len);
        if (err)
            err = fail(ret_fault, err, path, g_strerror(errno));
    }
    (void)g_string_free(rows, TRUE);
    (void)g_string_free(out, TRUE);
    return err;
}
