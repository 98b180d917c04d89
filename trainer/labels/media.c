/* SPDX-License-Identifier: MIT */
/* The folder is listed once and kept; a name that is there as written needs no list. */
#include "trainer/labels/media.h"

#include <ctype.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include <glib.h>

#include "base/nearest.h"

/* More names are not compared letter by letter. */
enum { MAX_NEAR = 4096 };

enum { MAX_DEPTH = 8, MAX_RECORDINGS = 1 << 20, PATH_BYTES = 4096 };

/* Instead of a number: several recordings with pictures, or with sound alone. */
#define SEVERAL_VIDEO UINT32_MAX
#define SEVERAL_AUDIO (UINT32_MAX - 1)

static const char *const video_suffixes[] = {"mp4", "mkv",  "mov", "avi", "webm", "m4v",
                                             "mpg", "mpeg", "ts",  "mts", "m2ts", "ogv",
                                             "flv", "wmv",  "3gp", NULL};
static const char *const audio_suffixes[] = {"wav",  "flac", "mp3", "ogg", "oga",
                                             "opus", "m4a",  "aac", "wma", NULL};

static bool has_suffix(const char *name, const char *const suffixes[])
{
    const char *dot = strrchr(name, '.');
    for (int i = 0; dot && suffixes[i]; i++) {
        if (strcasecmp(dot + 1, suffixes[i]) == 0)
            return true;
    }
    return false;
}

static const char *last_part(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

static bool is_file(const char *path)
{
    struct stat status;
    return stat(path, &status) == 0 && S_ISREG(status.st_mode);
}

/* Notes that name stands for paths[path_idx]. A second recording of the same name makes it
 * ambiguous, except that pictures win over sound. */
static enum tyto_err put(const struct tyto_label_media *media, struct tyto_strings *names,
                         uint32_t **values, uint32_t *capacity, const char *name, uint32_t path_idx)
{
    uint32_t idx = 0;
    bool is_new = false;
    void *grown = *values;
    enum tyto_err err = tyto_grow(&grown, capacity, names->num, sizeof(**values));
    *values = grown;
    if (!err)
        err = tyto_strings_add(names, name, MAX_RECORDINGS, &idx, &is_new);
    if (err)
        return err;
    if (is_new) {
        (*values)[idx] = path_idx;
        return TYTO_OK;
    }
    const uint32_t old = (*values)[idx];
    const bool is_video = has_suffix(media->paths.items[path_idx], video_suffixes);
    const bool was_video =
        old == SEVERAL_VIDEO ||
        (old != SEVERAL_AUDIO && has_suffix(media->paths.items[old], video_suffixes));
    if (is_video && !was_video)
        (*values)[idx] = path_idx;
    else if (is_video == was_video)
        (*values)[idx] = is_video ? SEVERAL_VIDEO : SEVERAL_AUDIO;
    return TYTO_OK;
}

static enum tyto_err add_recording(struct tyto_label_media *media, const char *path)
{
    uint32_t idx = 0;
    const char *name = last_part(path);
    enum tyto_err err = tyto_strings_add(&media->paths, path, MAX_RECORDINGS, &idx, NULL);
    if (err == TYTO_ERR_FULL) {
        media->is_cut = true;
        return TYTO_OK;
    }
    if (!err)
        err = put(media, &media->names, &media->by_name, &media->capacity_names, name, idx);
    char stem[PATH_BYTES];
    snprintf(stem, sizeof(stem), "%s", name);
    *strrchr(stem, '.') = '\0';
    if (!err)
        err = put(media, &media->stems, &media->by_stem, &media->capacity_stems, stem, idx);
    return err;
}

static enum tyto_err list(struct tyto_label_media *media, const char *dir, uint32_t depth)
{
    DIR *folder = opendir(dir);
    const struct dirent *entry;
    enum tyto_err err = TYTO_OK;
    while (folder && !err && !media->is_cut && (entry = readdir(folder))) {
        char path[PATH_BYTES];
        struct stat status;
        if (entry->d_name[0] == '.' ||
            snprintf(path, sizeof(path), "%s/%s", dir, entry->d_name) >= (int)sizeof(path) ||
            stat(path, &status) != 0)
            continue;
        if (S_ISDIR(status.st_mode) && media->is_deep && depth < MAX_DEPTH)
            err = list(media, path, depth + 1);
        else if (S_ISREG(status.st_mode) && (has_suffix(entry->d_name, video_suffixes) ||
                                             has_suffix(entry->d_name, audio_suffixes)))
            err = add_recording(media, path);
    }
    if (folder)
        closedir(folder);
    return err;
}

static enum tyto_err index_dir(struct tyto_label_media *media, const char *dir, bool is_deep)
{
    if (media->dir && strcmp(media->dir, dir) == 0 && media->is_deep == is_deep)
        return TYTO_OK;
    tyto_label_media_finish(media);
    media->is_deep = is_deep;
    enum tyto_err err = list(media, dir, 0);
    if (!err && !(media->dir = strdup(dir)))
        err = TYTO_ERR_NOMEM;
    if (err)
        tyto_label_media_finish(media);
    return err;
}

static void take_path(const struct tyto_label_media *media, uint32_t path_idx, char *ret_path,
                      size_t path_bytes)
{
    const char *path = media->paths.items[path_idx];
    snprintf(ret_path, path_bytes, "%s", strncmp(path, "./", 2) == 0 ? path + 2 : path);
}

enum tyto_err tyto_label_media_find(struct tyto_label_media *media, const char *dir, bool is_deep,
                                    const char *written, bool is_stem,
                                    enum tyto_label_found *ret_found, char *ret_path,
                                    size_t path_bytes)
{
    *ret_found = TYTO_LABEL_FOUND_NONE;
    const bool is_here = written[0] == '/' || strcmp(dir, ".") == 0;
    const int num =
        snprintf(ret_path, path_bytes, "%s%s%s", is_here ? "" : dir, is_here ? "" : "/", written);
    if (!is_stem && num >= 0 && (size_t)num < path_bytes && is_file(ret_path)) {
        *ret_found = TYTO_LABEL_FOUND;
        return TYTO_OK;
    }
    const enum tyto_err err = index_dir(media, dir, is_deep);
    if (err)
        return err;
    uint32_t idx = 0;
    const char *name = last_part(written);
    if (!tyto_strings_find(is_stem ? &media->stems : &media->names, name, &idx))
        return TYTO_OK;
    const uint32_t path_idx = (is_stem ? media->by_stem : media->by_name)[idx];
    *ret_found = path_idx >= SEVERAL_AUDIO ? TYTO_LABEL_FOUND_SEVERAL : TYTO_LABEL_FOUND;
    if (*ret_found == TYTO_LABEL_FOUND)
        take_path(media, path_idx, ret_path, path_bytes);
    return TYTO_OK;
}

/* What web tools make of a name: spaces become '_', signs are dropped. small: letters, too. Letters
 * with accents are one character, where file names of macOS have two. */
static void make_key(const char *name, bool is_small, char *ret_key, size_t key_bytes)
{
    gchar *composed = g_utf8_normalize(name, -1, G_NORMALIZE_NFC); /* NULL: it is not UTF-8 */
    size_t num = 0;
    for (const char *at = composed ? composed : name; *at && num + 1 < key_bytes; at++) {
        const unsigned char letter = (unsigned char)*at;
        if (letter == ' ' || isalnum(letter) || letter >= 0x80 || strchr("._-", letter))
            ret_key[num++] = letter == ' ' ? '_' : is_small ? (char)tolower(letter) : *at;
    }
    ret_key[num] = '\0';
    g_free(composed);
}

static enum tyto_err make_likes(struct tyto_label_media *media, bool is_stem)
{
    struct tyto_label_likes *likes = &media->likes[is_stem];
    const struct tyto_strings *names = is_stem ? &media->stems : &media->names;
    const uint32_t *paths = is_stem ? media->by_stem : media->by_name;
    enum tyto_err err = TYTO_OK;
    for (uint32_t i = 0; i < names->num && !err && !likes->is_made; i++) {
        char key[PATH_BYTES];
        make_key(names->items[i], true, key, sizeof(key));
        if (key[0] && paths[i] < SEVERAL_AUDIO)
            err = put(media, &likes->keys, &likes->by_key, &likes->capacity, key, paths[i]);
    }
    likes->is_made = !err;
    return err;
}

enum tyto_err tyto_label_media_find_like(struct tyto_label_media *media, const char *written,
                                         bool is_stem, enum tyto_label_found *ret_found,
                                         char *ret_path, size_t path_bytes)
{
    const struct tyto_strings *names = is_stem ? &media->stems : &media->names;
    const struct tyto_label_likes *likes = &media->likes[is_stem];
    const char *name = last_part(written);
    char key[PATH_BYTES], as_is[PATH_BYTES], other[PATH_BYTES];
    uint32_t idx = 0;
    *ret_found = TYTO_LABEL_FOUND_NONE;
    const enum tyto_err err = make_likes(media, is_stem);
    if (err)
        return err;
    make_key(name, true, key, sizeof(key));
    if (key[0] && tyto_strings_find(&likes->keys, key, &idx) &&
        likes->by_key[idx] < SEVERAL_AUDIO) {
        take_path(media, likes->by_key[idx], ret_path, path_bytes);
        make_key(name, false, as_is, sizeof(as_is));
        make_key(last_part(ret_path), false, other, sizeof(other));
        const size_t num = is_stem ? strlen(as_is) : strlen(other);
        const bool is_like = strncmp(as_is, other, num) == 0 && strlen(as_is) == num;
        *ret_found = is_like ? TYTO_LABEL_FOUND_LIKE : TYTO_LABEL_FOUND_NEAR;
        return TYTO_OK;
    }
    const char *near = names->num <= MAX_NEAR
                           ? tyto_nearest(name, (const char *const *)names->items, names->num)
                           : NULL;
    if (near && tyto_strings_find(names, near, &idx)) {
        const uint32_t path_idx = (is_stem ? media->by_stem : media->by_name)[idx];
        *ret_found = path_idx < SEVERAL_AUDIO ? TYTO_LABEL_FOUND_NEAR : TYTO_LABEL_FOUND_NONE;
        if (path_idx < SEVERAL_AUDIO)
            take_path(media, path_idx, ret_path, path_bytes);
    }
    return TYTO_OK;
}

void tyto_label_media_finish(struct tyto_label_media *media)
{
    for (int i = 0; i < 2; i++) {
        tyto_strings_finish(&media->likes[i].keys);
        free(media->likes[i].by_key);
    }
    free(media->dir);
    tyto_strings_finish(&media->paths);
    tyto_strings_finish(&media->names);
    tyto_strings_finish(&media->stems);
    free(media->by_name);
    free(media->by_stem);
    *media = (struct tyto_label_media){0};
}
