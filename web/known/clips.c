/* SPDX-License-Identifier: MIT */
#include "web/known/clips.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/text.h"
#include "proto/file_name.h"

enum { MAX_LINE = 1024, MAX_BYTES = 64 << 20 };

static const char ending[] = ".mkv";

bool tyto_clip_is_name(const char *text)
{
    const char *slash = strchr(text, '/');
    char camera[TYTO_ID_MAX + 2];
    if (!slash || (size_t)(slash - text) >= sizeof(camera) || strlen(text) >= TYTO_WEB_CLIP_MAX)
        return false;
    snprintf(camera, sizeof(camera), "%.*s", (int)(slash - text), text);
    const size_t len = strlen(slash + 1), num_ending = sizeof(ending) - 1;
    if (!tyto_id_is_valid(camera) || len <= num_ending ||
        strcmp(slash + 1 + len - num_ending, ending) != 0)
        return false;
    for (const char *c = slash + 1; c < slash + 1 + len - num_ending; c++) {
        if (!isalnum((unsigned char)*c) && *c != '-' && *c != '_')
            return false;
    }
    return true;
}

bool tyto_clip_of_uri(const char *dir, const char *uri, char *ret_clip, size_t clip_bytes)
{
    static const char scheme[] = "file://";
    if (!dir || strncmp(uri, scheme, sizeof(scheme) - 1) != 0)
        return false;
    /* The folder's own name may be written in other ways: what is below it tells. */
    const char *name = strrchr(uri, '/');
    const char *camera = name;
    while (camera > uri && camera[-1] != '/')
        camera--;
    snprintf(ret_clip, clip_bytes, "%s", camera);
    return tyto_clip_is_name(ret_clip);
}

/* The recording's UTC, of its first event, and that event's id; false for another name. */
static bool read_name(const char *clip, int64_t *ret_unix_ms, char ret_id[TYTO_ULID_CHARS + 1])
{
    const char *name = strchr(clip, '/');
    const size_t num_ending = sizeof(ending) - 1, len = name ? strlen(name + 1) : 0;
    int64_t unix_s = 0;
    if (len < num_ending || !tyto_file_name_read(name + 1, len - num_ending, &unix_s, ret_id))
        return false;
    *ret_unix_ms = unix_s * 1000;
    return true;
}

static bool read_number(const char *text, double *ret_value)
{
    char *end = NULL;
    *ret_value = strtod(text, &end);
    return end != text && *end == '\0' && *ret_value >= 0 && *ret_value < 1e6;
}

static bool read_row(char *line, struct tyto_clip_row *ret_row)
{
    char *fields[5] = {NULL}, *next = line;
    uint32_t num = 0;
    while (next && num < 5 && tyto_text_csv_field(next, &fields[num], &next))
        num++;
    if (num < 4 || !tyto_clip_is_name(fields[0]))
        return false;
    memset(ret_row, 0, sizeof(*ret_row));
    snprintf(ret_row->clip, sizeof(ret_row->clip), "%s", fields[0]);
    ret_row->modality = TYTO_MODALITY_AV;
    if (fields[1][0] == '\0')
        return true;
    if (!tyto_id_is_valid(fields[1]) || !read_number(fields[2], &ret_row->begin_s) ||
        !read_number(fields[3], &ret_row->end_s) || ret_row->end_s < ret_row->begin_s)
        return false;
    snprintf(ret_row->class_name, sizeof(ret_row->class_name), "%s", fields[1]);
    if (num > 4 && strcmp(fields[4], "heard") == 0)
        ret_row->modality = TYTO_MODALITY_A;
    else if (num > 4 && strcmp(fields[4], "seen") == 0)
        ret_row->modality = TYTO_MODALITY_V;
    return true;
}

bool tyto_clip_rows(const char *path, void (*visit)(void *user, const struct tyto_clip_row *row),
                    void *user)
{
    FILE *file = fopen(path, "re");
    if (!file)
        return false;
    char line[MAX_LINE];
    struct tyto_clip_row row;
    for (size_t num = 0; num < MAX_BYTES && fgets(line, sizeof(line), file);) {
        const size_t len = strlen(line);
        num += len;
        line[strcspn(line, "\r\n")] = '\0';
        if (read_row(line, &row))
            visit(user, &row);
    }
    (void)fclose(file);
    return true;
}

/* --- events of earlier runs --------------------------------------------------------------- */

struct load {
    struct tyto_web_events *events;
    char clip[TYTO_WEB_CLIP_MAX];
    double first_s; /* begin of the recording's first event: its name's time */
};

static void load_row(void *user, const struct tyto_clip_row *row)
{
    struct load *load = user;
    char id[TYTO_ULID_CHARS + 1], camera[TYTO_ID_MAX + 1];
    int64_t unix_ms;
    if (row->class_name[0] == '\0' || !read_name(row->clip, &unix_ms, id))
        return;
    const bool is_first = strcmp(load->clip, row->clip) != 0;
    if (is_first) {
        snprintf(load->clip, sizeof(load->clip), "%s", row->clip);
        load->first_s = row->begin_s;
    } else {
        /* Labels have no ids: one that is made of its own time, the same at each start. */
        uint8_t entropy[10] = {0};
        memcpy(entropy, id + TYTO_ULID_CHARS - sizeof(entropy), sizeof(entropy));
        const int64_t begin_ms = unix_ms + (int64_t)((row->begin_s - load->first_s) * 1e3);
        tyto_event_id_format((uint64_t)begin_ms * 1000000u, entropy, id);
    }
    snprintf(camera, sizeof(camera), "%.*s", (int)strcspn(row->clip, "/"), row->clip);
    const int64_t begin_ms = unix_ms + (int64_t)((row->begin_s - load->first_s) * 1e3);
    tyto_web_events_put_label(load->events, id, camera, row->class_name, row->modality, begin_ms,
                              begin_ms + (int64_t)((row->end_s - row->begin_s) * 1e3), row->clip);
}

void tyto_clips_load(const char *dir, struct tyto_web_events *events)
{
    struct load load = {.events = events};
    char path[4096];
    snprintf(path, sizeof(path), "%s/labels.csv", dir);
    (void)tyto_clip_rows(path, load_row, &load);
}

/* --- pictures ----------------------------------------------------------------------------- */

bool tyto_clip_picture(const char *dir, const struct tyto_web_events *events,
                       const struct tyto_web_event *event, char *ret_path, size_t path_bytes)
{
    char name[TYTO_FILE_NAME_MAX];
    tyto_file_name(name, event->begin_ms * (int64_t)TYTO_NS_PER_MS,
                   tyto_web_events_class(events, event->class), event->id);
    const int num = snprintf(ret_path, path_bytes, "%s/%s/%s.jpg", dir,
                             tyto_web_events_camera(events, event->camera), name);
    return num > 0 && (size_t)num < path_bytes && access(ret_path, R_OK) == 0;
}
