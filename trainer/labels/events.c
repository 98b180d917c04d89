/* SPDX-License-Identifier: MIT */
/* The daemon's events as JSON lines (tyto watch --json, tyto localize --json), corrected by a
 * person. Of each id the last line counts; "wrong": true or "correct": false on any of its lines
 * drops it. The recording is "file" where the line says it, else the one called like the camera. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "files/json.h"
#include "trainer/labels/reader.h"

enum { MAX_LINE = 1 << 20, NAME_BYTES = 512 };

/* The last state of an event. */
struct event {
    uint32_t line;
    bool is_dropped, has_end, is_sound, is_clip;
    char *file, *class_name; /* owned */
    double begin_s, end_s;
    uint8_t truth;
};

struct events {
    struct tyto_label_reader *reader;
    struct tyto_strings ids;
    struct event *items; /* owned */
    uint32_t capacity;
    uint32_t line;
};

static bool read_time(struct events *events, const struct tyto_json *json, const char *key,
                      double *ret_seconds)
{
    const struct tyto_json *value = tyto_json_get(json, key);
    if (tyto_json_f64(value, ret_seconds))
        return true;
    tyto_label_error(events->reader, events->line, key,
                     value ? "it is not a number of seconds" : "the event lacks it: write seconds");
    return false;
}

/* The daemon's av, a, v, or our own words. */
static bool read_modality(struct events *events, const struct tyto_json *json, uint8_t *ret_truth)
{
    const struct tyto_json *value = tyto_json_get(json, "modality");
    const char *text = tyto_json_string(value);
    *ret_truth = TYTO_TRUTH_BOTH;
    if (!value)
        return true;
    text = text ? text : "";
    if (strcmp(text, "av") == 0)
        return true;
    if (strcmp(text, "a") == 0 || strcmp(text, "v") == 0) {
        *ret_truth = text[0] == 'a' ? TYTO_TRUTH_HEARD : TYTO_TRUTH_SEEN;
        return true;
    }
    return tyto_label_read_modality(events->reader, text, events->line, "modality", ret_truth);
}

/* Fills the event from its line; what is wrong has been reported. */
static void read_event(struct events *events, const struct tyto_json *json, struct event *event)
{
    const char *file = tyto_json_string(tyto_json_get(json, "file"));
    const char *camera = tyto_json_string(tyto_json_get(json, "camera"));
    const char *class_name = tyto_json_string(tyto_json_get(json, "class"));
    free(event->file);
    free(event->class_name);
    *event = (struct event){.line = events->line, .is_dropped = event->is_dropped};
    event->is_clip = file != NULL;
    event->has_end = tyto_json_get(json, "end_s") != NULL;
    if (!class_name || !class_name[0]) {
        tyto_label_error(events->reader, events->line, "class",
                         "the event has none: write it, or add \"wrong\": true");
        return;
    }
    if (!read_time(events, json, "begin_s", &event->begin_s) ||
        (event->has_end && !read_time(events, json, "end_s", &event->end_s)) ||
        !read_modality(events, json, &event->truth))
        return;
    event->file = strdup(file ? file : camera ? camera : "");
    event->class_name = strdup(class_name);
    event->is_sound = event->file && event->class_name;
    if (!event->is_sound)
        events->reader->err = TYTO_ERR_NOMEM;
}

/* Of an event that never was only its recording stays: as far as it goes, it is background. */
static void drop_event(struct events *events, const struct tyto_json *json, struct event *event)
{
    const char *file = tyto_json_string(tyto_json_get(json, "file"));
    char *copy = file ? strdup(file) : NULL;
    if (file && !copy)
        events->reader->err = TYTO_ERR_NOMEM;
    if (copy) {
        free(event->file);
        event->file = copy;
        event->is_clip = true;
        event->line = events->line;
    }
}

static bool is_dropped(struct events *events, const struct tyto_json *json)
{
    const struct tyto_json *wrong = tyto_json_get(json, "wrong");
    const struct tyto_json *correct = tyto_json_get(json, "correct");
    bool is_wrong = false, is_correct = true;
    if (wrong && !tyto_json_bool(wrong, &is_wrong))
        tyto_label_error(events->reader, events->line, "wrong", "it is neither true nor false");
    if (correct && !tyto_json_bool(correct, &is_correct))
        tyto_label_error(events->reader, events->line, "correct", "it is neither true nor false");
    return is_wrong || !is_correct;
}

static void read_object(struct events *events, const struct tyto_json *json)
{
    struct tyto_label_reader *reader = events->reader;
    const char *type = tyto_json_string(tyto_json_get(json, "type"));
    const char *id = tyto_json_string(tyto_json_get(json, "id"));
    char own_id[32];
    if (!tyto_json_is_object(json)) {
        tyto_label_error(reader, events->line, NULL,
                         "it is no JSON object: {\"type\": \"event\"...}");
        return;
    }
    if (!type)
        tyto_label_error(reader, events->line, "type",
                         "the line lacks it: events have \"type\": \"event\"");
    if (!type || strcmp(type, "event") != 0) /* cameras, notices, files */
        return;
    snprintf(own_id, sizeof(own_id), "\n%u", events->line); /* added by a person */
    void *items = events->items;
    uint32_t idx = 0;
    bool is_new = false;
    reader->err = tyto_grow(&items, &events->capacity, events->ids.num, sizeof(*events->items));
    events->items = items;
    if (!reader->err)
        reader->err = tyto_strings_add(&events->ids, id && id[0] ? id : own_id,
                                       TYTO_LABELS_MAX_LABELS, &idx, &is_new);
    if (reader->err)
        return;
    if (is_new)
        events->items[idx] = (struct event){0};
    events->items[idx].is_dropped |= is_dropped(events, json);
    if (events->items[idx].is_dropped)
        drop_event(events, json, &events->items[idx]);
    else
        read_event(events, json, &events->items[idx]);
}

static void add_event(struct events *events, const struct event *event)
{
    struct tyto_label_reader *reader = events->reader;
    const struct tyto_label_raw raw = {.line = event->line,
                                       .class_name = event->class_name,
                                       .begin_s = event->begin_s,
                                       .end_s = event->end_s,
                                       .truth = event->truth};
    uint32_t file_idx;
    if (!event->has_end)
        tyto_label_error(reader, event->line, "end_s",
                         "the event has not ended here: add \"end_s\", or \"wrong\": true");
    else if (tyto_label_file(reader, event->file, !event->is_clip, event->line,
                             event->is_clip ? "file" : "camera", &file_idx))
        (void)tyto_label_add(reader, file_idx, &raw);
}

void tyto_label_read_events(struct tyto_label_reader *reader)
{
    struct events events = {.reader = reader};
    struct tyto_label_lines lines = tyto_label_lines(reader, MAX_LINE);
    char *text;
    while ((text = tyto_label_line(reader, &lines))) {
        struct tyto_json *json = NULL;
        char error[160] = "";
        events.line = lines.line;
        if (!text[strspn(text, " \t")])
            continue;
        const enum tyto_err err = tyto_json_parse(text, strlen(text), &json, error, sizeof(error));
        if (err == TYTO_ERR_NOMEM)
            reader->err = err;
        else if (err)
            tyto_label_error(reader, lines.line, NULL, "it is no JSON: %s", error);
        else
            read_object(&events, json);
        tyto_json_destroy(&json);
    }
    for (uint32_t i = 0; i < events.ids.num; i++) {
        struct event *event = &events.items[i];
        uint32_t file_idx;
        if (event->is_dropped && event->is_clip && event->file && !reader->err)
            (void)tyto_label_file(reader, event->file, false, event->line, "file", &file_idx);
        else if (event->is_sound && !event->is_dropped && !reader->err)
            add_event(&events, event);
        free(event->file);
        free(event->class_name);
    }
    free(events.items);
    tyto_strings_finish(&events.ids);
}
