/* SPDX-License-Identifier: MIT */
/* Label Studio's JSON export: for each task its recording and the annotations' results. Regions of
 * a video's timeline and rectangles count frames from 1; regions of sound are in seconds; choices
 * without a region are weak, and choices of heard, seen or both belong to the region of their id.
 * A control with "heard" or "seen" in its name says the modality. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "files/json.h"
#include "trainer/labels/reader.h"

enum { KEY_BYTES = 128, MAX_FRAME = 1000000000 };

struct studio {
    struct tyto_label_reader *reader;
    const struct tyto_json *task;
    uint32_t line, file_idx, task_idx;
    double fps;          /* of the task; 0: not known */
    bool misses_fps;     /* reported */
    char key[KEY_BYTES]; /* of the result at hand */
    struct tyto_strings region_ids;
    uint8_t *region_truth; /* owned, (region_ids); of the annotation at hand */
    uint32_t region_capacity;
    struct tyto_strings unknown_types; /* reported */
};

/* --- which recording, which rate ----------------------------------------------------- */

struct media_search {
    const char *best;
    uint32_t rank;
};

static enum tyto_err look_for_media(void *user, const char *key, const struct tyto_json *value)
{
    struct media_search *search = user;
    const char *text = tyto_json_string(value);
    uint32_t rank = 0;
    if (!text || !text[0])
        return TYTO_OK;
    if (strcasestr(key, "video"))
        rank = 4;
    else if (strcasestr(key, "audio"))
        rank = 3;
    else if (strcasestr(key, "file") || strcasestr(key, "url") || strcasestr(key, "media"))
        rank = 2;
    else if (strchr(text, '.'))
        rank = 1;
    if (rank > search->rank)
        *search = (struct media_search){.best = text, .rank = rank};
    return TYTO_OK;
}

/* Uploaded files have eight hexadecimal digits and '-' before their names. */
static const char *without_prefix(const char *name)
{
    return strspn(name, "0123456789abcdef") == 8 && name[8] == '-' && name[9] ? name + 9 : name;
}

static bool find_recording(struct studio *studio)
{
    struct media_search search = {0};
    char name[TYTO_LABEL_PATH_BYTES];
    const struct tyto_json *data = tyto_json_get(studio->task, "data");
    const enum tyto_err err = tyto_json_each(data, look_for_media, &search);
    const char *upload = tyto_json_string(tyto_json_get(studio->task, "file_upload"));
    if (err || (!search.best && !upload)) {
        tyto_label_error(studio->reader, studio->line, studio->key,
                         "the task's data names no recording: it needs \"video\" or \"audio\"");
        return false;
    }
    const char *url = search.best ? search.best : upload;
    const char *local = strstr(url, "?d=");
    tyto_label_url_path(local ? local + 3 : url, name, sizeof(name));
    const bool is_upload = !search.best || strstr(url, "upload/");
    const char *last = strrchr(name, '/');
    const char *written = is_upload ? without_prefix(last ? last + 1 : name) : name;
    return tyto_label_file(studio->reader, written, false, studio->line, studio->key,
                           &studio->file_idx);
}

static double rate_of(const struct tyto_json *json)
{
    static const char *const keys[] = {"frameRate", "framerate", "frame_rate", "fps"};
    double fps = 0;
    for (uint32_t i = 0; i < 4; i++) {
        const struct tyto_json *value = tyto_json_get(json, keys[i]);
        const char *text = tyto_json_string(value);
        if ((tyto_json_f64(value, &fps) || (text && tyto_label_number(text, &fps))) && fps > 0 &&
            fps <= 1000)
            return fps;
    }
    return 0;
}

/* By the result, the task, the number of frames, or the caller; 0 reported once for a task. */
static double fps_of(struct studio *studio, const struct tyto_json *result,
                     const struct tyto_json *value)
{
    double num_frames, duration_s;
    double fps = rate_of(value);
    fps = fps > 0 ? fps : rate_of(result);
    fps = fps > 0 ? fps : studio->fps;
    if (fps <= 0 && tyto_json_f64(tyto_json_get(value, "framesCount"), &num_frames) &&
        tyto_json_f64(tyto_json_get(value, "duration"), &duration_s) && num_frames >= 1 &&
        duration_s > 0)
        fps = num_frames / duration_s;
    fps = fps > 0 && fps <= 1000 ? fps : studio->reader->params->fps;
    if (fps <= 0 && !studio->misses_fps) {
        studio->misses_fps = true;
        tyto_label_error(studio->reader, studio->line, studio->key,
                         "it counts frames and does not say how many make a second: say it with "
                         "--fps N, or as \"frameRate\" in the task's data");
    }
    return fps;
}

/* --- results ------------------------------------------------------------------------- */

static void add(struct studio *studio, const struct tyto_label_raw *raw)
{
    struct tyto_label_raw copy = *raw;
    copy.line = studio->line;
    copy.key = studio->key;
    (void)tyto_label_add(studio->reader, studio->file_idx, &copy);
}

static bool read_frame(struct studio *studio, const struct tyto_json *json, const char *name,
                       double *ret_frame)
{
    const struct tyto_json *value = tyto_json_get(json, name);
    if (tyto_json_f64(value, ret_frame) && *ret_frame >= 0 && *ret_frame <= MAX_FRAME)
        return true;
    tyto_label_error(studio->reader, studio->line, studio->key, "its %s is no number of a frame",
                     name);
    return false;
}

/* Frames from..to, both counted, the first being 1. */
static void add_frames(struct studio *studio, const struct tyto_label_raw *raw, double from,
                       double to, double fps)
{
    struct tyto_label_raw copy = *raw;
    copy.begin_s = from >= 1 ? (from - 1) / fps : 0;
    copy.end_s = to / fps;
    add(studio, &copy);
}

static void read_ranges(struct studio *studio, const struct tyto_json *ranges, double fps,
                        const struct tyto_label_raw *raw)
{
    for (uint32_t i = 0; i < tyto_json_num_items(ranges) && !studio->reader->err; i++) {
        double from, to;
        const struct tyto_json *range = tyto_json_at(ranges, i);
        if (read_frame(studio, range, "start", &from) && read_frame(studio, range, "end", &to))
            add_frames(studio, raw, from, to, fps);
    }
}

/* A rectangle's key frames: it is there from an enabled one to the next that is not. */
static void read_sequence(struct studio *studio, const struct tyto_json *value, double fps,
                          const struct tyto_label_raw *raw)
{
    const struct tyto_json *sequence = tyto_json_get(value, "sequence");
    double begin = 0, frame = 0, num_frames = 0;
    bool is_seen = false;
    for (uint32_t i = 0; i < tyto_json_num_items(sequence) && !studio->reader->err; i++) {
        const struct tyto_json *item = tyto_json_at(sequence, i);
        bool is_enabled = true;
        (void)tyto_json_bool(tyto_json_get(item, "enabled"), &is_enabled);
        if (!read_frame(studio, item, "frame", &frame))
            return;
        if (is_enabled && !is_seen)
            begin = frame;
        else if (!is_enabled && is_seen)
            add_frames(studio, raw, begin, frame, fps);
        is_seen = is_enabled;
    }
    if (is_seen) {
        if (!tyto_json_f64(tyto_json_get(value, "framesCount"), &num_frames) || num_frames < frame)
            num_frames = frame;
        add_frames(studio, raw, begin, num_frames, fps);
    }
}

/* The names in a result: under the key of its type, or "labels". */
static const struct tyto_json *names_of(const struct tyto_json *value, const char *type)
{
    const struct tyto_json *names = tyto_json_get(value, type);
    return tyto_json_is_array(names) ? names : tyto_json_get(value, "labels");
}

static void read_region(struct studio *studio, const struct tyto_json *result,
                        const struct tyto_json *value, struct tyto_label_raw *raw)
{
    const struct tyto_json *ranges = tyto_json_get(value, "ranges");
    const struct tyto_json *sequence = tyto_json_get(value, "sequence");
    const struct tyto_json *start = tyto_json_get(value, "start");
    const struct tyto_json *end = tyto_json_get(value, "end");
    const double fps = ranges || sequence ? fps_of(studio, result, value) : 0;
    if (ranges) {
        if (fps > 0)
            read_ranges(studio, ranges, fps, raw);
    } else if (sequence) {
        raw->truth = TYTO_TRUTH_SEEN;
        raw->merges = true;
        if (fps > 0)
            read_sequence(studio, value, fps, raw);
    } else if (start || end) {
        if (tyto_json_f64(start, &raw->begin_s) && tyto_json_f64(end, &raw->end_s))
            add(studio, raw);
        else
            tyto_label_error(studio->reader, studio->line, studio->key,
                             "its start and end are no numbers of seconds");
    } else {
        raw->is_weak = true;
        add(studio, raw);
    }
}

/* Types of results that are no events are left out, and said once. */
static bool is_event_type(struct studio *studio, const char *type)
{
    static const char *const types[] = {"timelinelabels", "labels", "videorectangle", "choices"};
    uint32_t idx;
    bool is_new = false;
    for (uint32_t i = 0; i < 4; i++) {
        if (strcmp(type, types[i]) == 0)
            return true;
    }
    const enum tyto_err err =
        tyto_strings_add(&studio->unknown_types, type, TYTO_LABELS_MAX_LABELS, &idx, &is_new);
    if (err)
        studio->reader->err = err;
    else if (is_new)
        tyto_label_note(studio->reader, studio->line, studio->key,
                        "results of type '%.40s' are not read", type);
    return false;
}

static void read_result(struct studio *studio, const struct tyto_json *result)
{
    const struct tyto_json *value = tyto_json_get(result, "value");
    const char *type = tyto_json_string(tyto_json_get(result, "type"));
    const char *from_name = tyto_json_string(tyto_json_get(result, "from_name"));
    const char *id = tyto_json_string(tyto_json_get(result, "id"));
    uint32_t region;
    if (!type || !tyto_json_is_object(value)) {
        tyto_label_error(studio->reader, studio->line, studio->key,
                         "the result has no type or no value: export from Label Studio as JSON");
        return;
    }
    if (!is_event_type(studio, type))
        return;
    struct tyto_label_raw raw = {.truth = tyto_label_word_truth(from_name ? from_name : "")};
    if (id && tyto_strings_find(&studio->region_ids, id, &region))
        raw.truth = studio->region_truth[region];
    const struct tyto_json *names = names_of(value, type);
    if (tyto_json_num_items(names) == 0)
        tyto_label_error(studio->reader, studio->line, studio->key,
                         "the region has no label: give it one, or delete it");
    for (uint32_t i = 0; i < tyto_json_num_items(names) && !studio->reader->err; i++) {
        struct tyto_label_raw copy = raw;
        uint8_t truth;
        copy.class_name = tyto_json_string(tyto_json_at(names, i));
        if (!copy.class_name)
            tyto_label_error(studio->reader, studio->line, studio->key, "a label is no text");
        else if (strcmp(type, "choices") != 0 || !tyto_label_modality(copy.class_name, &truth))
            read_region(studio, result, value, &copy);
    }
}

/* Choices of heard, seen, both: the modality of the region with the same id. */
static void read_modality(struct studio *studio, const struct tyto_json *result)
{
    const char *type = tyto_json_string(tyto_json_get(result, "type"));
    const char *id = tyto_json_string(tyto_json_get(result, "id"));
    const struct tyto_json *choices = tyto_json_get(tyto_json_get(result, "value"), "choices");
    const char *text = tyto_json_string(tyto_json_at(choices, 0));
    uint8_t truth;
    uint32_t idx = 0;
    if (!type || strcmp(type, "choices") != 0 || !id || !text || !tyto_label_modality(text, &truth))
        return;
    void *items = studio->region_truth;
    enum tyto_err err = tyto_grow(&items, &studio->region_capacity, studio->region_ids.num,
                                  sizeof(*studio->region_truth));
    studio->region_truth = items;
    if (!err)
        err = tyto_strings_add(&studio->region_ids, id, TYTO_LABELS_MAX_LABELS, &idx, NULL);
    if (err)
        studio->reader->err = err;
    else
        studio->region_truth[idx] = truth;
}

/* --- tasks --------------------------------------------------------------------------- */

static void read_annotation(struct studio *studio, const struct tyto_json *annotation,
                            uint32_t annotation_idx)
{
    const struct tyto_json *results = tyto_json_get(annotation, "result");
    bool was_cancelled = false;
    (void)tyto_json_bool(tyto_json_get(annotation, "was_cancelled"), &was_cancelled);
    if (was_cancelled)
        return;
    tyto_strings_finish(&studio->region_ids);
    for (uint32_t i = 0; i < tyto_json_num_items(results) && !studio->reader->err; i++)
        read_modality(studio, tyto_json_at(results, i));
    for (uint32_t i = 0; i < tyto_json_num_items(results) && !studio->reader->err; i++) {
        snprintf(studio->key, sizeof(studio->key), "[%u].annotations[%u].result[%u]",
                 studio->task_idx, annotation_idx, i);
        read_result(studio, tyto_json_at(results, i));
    }
}

static void read_task(struct studio *studio, const struct tyto_json *task)
{
    const struct tyto_json *annotations = tyto_json_get(task, "annotations");
    annotations = annotations ? annotations : tyto_json_get(task, "completions");
    snprintf(studio->key, sizeof(studio->key), "[%u]", studio->task_idx);
    studio->task = task;
    studio->misses_fps = false;
    studio->fps = rate_of(tyto_json_get(task, "data"));
    if (!tyto_json_is_object(tyto_json_get(task, "data")) || !tyto_json_is_array(annotations)) {
        tyto_label_error(studio->reader, studio->line, studio->key,
                         "it is no task with data and annotations: export from Label Studio as "
                         "JSON, not JSON-MIN");
        return;
    }
    if (tyto_json_num_items(annotations) == 0) {
        tyto_label_note(studio->reader, studio->line, studio->key,
                        "nobody has annotated the task: it is left out");
        return;
    }
    if (!find_recording(studio))
        return;
    for (uint32_t i = 0; i < tyto_json_num_items(annotations) && !studio->reader->err; i++)
        read_annotation(studio, tyto_json_at(annotations, i), i);
}

/* The next item's line in an array that is known to be JSON; *at is within it. */
static uint32_t next_item_line(const char **at, uint32_t *line)
{
    uint32_t depth = 0, begin = 0;
    bool in_string = false;
    for (; **at; (*at)++) {
        const char letter = **at;
        *line += letter == '\n';
        if (in_string) {
            if (letter == '\\')
                (*at)++;
            in_string = letter != '"';
            continue;
        }
        in_string = letter == '"';
        if (!begin && !strchr(" \t\r\n,", letter))
            begin = *line;
        if (letter == '{' || letter == '[')
            depth++;
        else if (letter == '}' || letter == ']')
            depth -= depth > 0;
        else if (letter == ',' && depth == 0 && begin)
            break;
    }
    return begin;
}

void tyto_label_read_label_studio(struct tyto_label_reader *reader)
{
    struct studio studio = {.reader = reader};
    struct tyto_json *json = NULL;
    char error[160] = "";
    uint32_t line = 1;
    if (!tyto_label_text_is_sound(reader))
        return;
    const char *at = reader->bytes;
    const enum tyto_err err =
        tyto_json_parse_at(at, reader->num_bytes, &json, error, sizeof(error), &line);
    if (err == TYTO_ERR_NOMEM)
        reader->err = err;
    else if (err)
        tyto_label_error(reader, line, NULL, "it is no JSON: %s", error);
    line = 1;
    if (tyto_json_is_array(json)) {
        for (; *at != '['; at++)
            line += *at == '\n';
        at++;
        for (uint32_t i = 0; i < tyto_json_num_items(json) && !reader->err; i++) {
            studio.task_idx = i;
            studio.line = next_item_line(&at, &line);
            read_task(&studio, tyto_json_at(json, i));
        }
    } else if (json) {
        studio.line = 1;
        read_task(&studio, json);
    }
    tyto_json_destroy(&json);
    free(studio.region_truth);
    tyto_strings_finish(&studio.region_ids);
    tyto_strings_finish(&studio.unknown_types);
}
