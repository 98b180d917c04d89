/* SPDX-License-Identifier: MIT */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "files/json.h"
#include "trainer/eval/events/internal.h"

enum { MAX_SCORES = 1 << 24, MAX_FAULTS = 1000 };

static const double max_s = 1e9; /* 31 years: what is beyond is no time of a recording */

struct reader {
    const struct tyto_events_params *params;
    struct tyto_told *told;
    uint32_t line, num_bad;
    enum tyto_err err;
};

static void tell(struct reader *reader, const char *key, const char *text)
{
    struct tyto_fault fault;

    (void)tyto_fault_set(&fault, TYTO_ERR_FORMAT, reader->params->path, reader->line, key, "%s",
                         text);
    if (reader->params->on_fault && reader->num_bad < MAX_FAULTS)
        reader->params->on_fault(reader->params->user, &fault);
    reader->num_bad++;
}

/* --- which recording -------------------------------------------------------------------------- */

static const char *last_part(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash ? slash + 1 : path;
}

/* Whether a camera or file is called like the recording: its name, with or without its suffix. */
static bool is_called(const char *path, const char *name)
{
    const char *last = last_part(path), *dot = strrchr(last, '.');
    const size_t stem = dot ? (size_t)(dot - last) : strlen(last);

    return strcmp(last, name) == 0 || (strlen(name) == stem && strncmp(last, name, stem) == 0);
}

/* UINT32_MAX: the labels do not know it, or know several. */
static uint32_t find_recording(const struct tyto_labels *labels, const char *name)
{
    uint32_t found = UINT32_MAX;

    for (uint32_t i = 0; i < labels->num_files; i++)
        if (strcmp(labels->files[i], name) == 0)
            return i;
    for (uint32_t i = 0; i < labels->num_files; i++) {
        if (!is_called(labels->files[i], last_part(name)))
            continue;
        if (found != UINT32_MAX)
            return UINT32_MAX;
        found = i;
    }
    return found;
}

/* False: not labelled (counted), or reader->err. */
static bool read_recording(struct reader *reader, const struct tyto_json *json, uint32_t *ret_idx)
{
    const char *file = tyto_json_string(tyto_json_get(json, "file"));
    const char *camera = tyto_json_string(tyto_json_get(json, "camera"));
    const char *name = file ? file : camera;

    if (!name) {
        tell(reader, "file", "the line names neither a file nor a camera");
        return false;
    }
    *ret_idx = find_recording(reader->params->labels, name);
    reader->told->num_strange += *ret_idx == UINT32_MAX;
    return *ret_idx != UINT32_MAX;
}

static void reach(struct reader *reader, uint32_t recording_idx, double end_s)
{
    double *reached = &reader->told->ends_s[recording_idx];

    if (isnan(*reached) || end_s > *reached)
        *reached = end_s;
}

/* --- values ----------------------------------------------------------------------------------- */

static bool read_seconds(struct reader *reader, const struct tyto_json *json, const char *key,
                         double *ret_seconds)
{
    double value;

    if (tyto_json_f64(tyto_json_get(json, key), &value) && fabs(value) <= max_s) {
        *ret_seconds = value;
        return true;
    }
    tell(reader, key, "must be a number of seconds");
    return false;
}

/* "2026-01-31T12:00:00.123Z" as seconds since 1970; NAN: none. */
static double read_utc(const struct tyto_json *json, const char *key)
{
    const char *text = tyto_json_string(tyto_json_get(json, key));
    struct tm parts = {0};
    const char *rest = text ? strptime(text, "%Y-%m-%dT%H:%M:%S", &parts) : NULL;
    char *end = NULL;

    if (!rest)
        return (double)NAN;
    const double fraction = *rest == '.' ? strtod(rest, &end) : 0;
    return (double)timegm(&parts) + fraction;
}

/* When the event was told, on the recording's clock: the clock is known by its begin. */
static double read_told(const struct tyto_json *json, double begin_s)
{
    return read_utc(json, "told_utc") - read_utc(json, "begin_utc") + begin_s;
}

static bool read_class(struct reader *reader, const char *name, uint32_t *ret_idx)
{
    char plain[TYTO_DATASET_NAME_BYTES];

    if (!name || !tyto_label_class_name(name, plain)) {
        tell(reader, "class", "must be a class's name");
        return false;
    }
    reader->err =
        tyto_strings_add(&reader->told->classes, plain, TYTO_LABELS_MAX_CLASSES * 2, ret_idx, NULL);
    return !reader->err;
}

/* --- lines ------------------------------------------------------------------------------------ */

static struct tyto_told_event *find_event(struct reader *reader, const struct tyto_json *json)
{
    struct tyto_told *told = reader->told;
    const char *id = tyto_json_string(tyto_json_get(json, "id"));
    void *events = told->events;
    uint32_t idx = 0;
    bool is_new = false;

    if (!id || !*id) {
        tell(reader, "id", "the event lacks it");
        return NULL;
    }
    reader->err = tyto_grow(&events, &told->event_room, told->ids.num, sizeof(*told->events));
    told->events = events;
    if (!reader->err)
        reader->err = tyto_strings_add(&told->ids, id, TYTO_EVENTS_MAX, &idx, &is_new);
    if (reader->err)
        return NULL;
    if (is_new)
        told->events[idx] = (struct tyto_told_event){
            .span = {.recording_idx = UINT32_MAX, .emitted_s = (double)NAN},
            .offset_ms = (double)NAN};
    return &told->events[idx];
}

static void read_event(struct reader *reader, const struct tyto_json *json)
{
    const char *phase = tyto_json_string(tyto_json_get(json, "phase"));
    const char *modality = tyto_json_string(tyto_json_get(json, "modality"));
    const bool is_end = !phase || strcmp(phase, "end") == 0;
    const struct tyto_json *scores = tyto_json_get(json, "scores");
    struct tyto_span span = {.emitted_s = (double)NAN};
    double score = 1, other = 0;

    if (!read_recording(reader, json, &span.recording_idx))
        return;
    struct tyto_told_event *event = find_event(reader, json);
    if (!event)
        return;
    event->line = reader->line;
    if (phase && strcmp(phase, "retracted") == 0)
        event->is_dropped = true;
    if (event->is_dropped || event->has_end ||
        !read_seconds(reader, json, "begin_s", &span.begin_s))
        return;
    if (!read_class(reader, tyto_json_string(tyto_json_get(json, "class")), &span.class_idx))
        return;
    span.end_s = span.begin_s;
    if (is_end && !read_seconds(reader, json, "end_s", &span.end_s))
        return;
    if (span.end_s < span.begin_s) {
        tell(reader, "end_s", "lies before begin_s");
        return;
    }
    if (tyto_json_f64(tyto_json_get(scores, "joint"), &score) && modality && *modality == 'a' &&
        !modality[1] && tyto_json_f64(tyto_json_get(scores, "heard"), &other))
        score = other;
    else if (modality && *modality == 'v' && tyto_json_f64(tyto_json_get(scores, "seen"), &other))
        score = other;
    span.score = isfinite(score) ? (float)score : 0;
    const double told_s = read_told(json, span.begin_s), before_s = event->span.emitted_s;
    span.emitted_s = isnan(before_s) || told_s < before_s ? told_s : before_s;
    if (tyto_json_f64(tyto_json_get(json, "av_offset_ms"), &other))
        event->offset_ms = other;
    event->span = span;
    event->has_end = is_end;
    event->is_joint = !modality || strcmp(modality, "av") == 0;
    reach(reader, span.recording_idx, span.end_s);
}

static enum tyto_err read_score(void *user, const char *key, const struct tyto_json *value)
{
    struct reader *reader = user;
    struct tyto_told *told = reader->told;
    struct tyto_told_score score;
    double joint;

    if (!tyto_json_f64(value, &joint) || !(joint >= 0 && joint <= 1)) {
        tell(reader, key, "must be a score, 0 to 1");
        return TYTO_OK;
    }
    if (!read_class(reader, key, &score.class_idx))
        return reader->err;
    if (told->num_scores >= MAX_SCORES)
        return TYTO_ERR_FULL;
    void *scores = told->scores;
    const enum tyto_err err =
        tyto_grow(&scores, &told->score_room, told->num_scores, sizeof(score));
    told->scores = scores;
    score.joint = (float)joint;
    if (!err)
        told->scores[told->num_scores++] = score;
    return err;
}

static void read_segment(struct reader *reader, const struct tyto_json *json)
{
    struct tyto_told *told = reader->told;
    struct tyto_told_frame frame = {.first_score = told->num_scores};
    const struct tyto_json *joint = tyto_json_get(json, "joint");

    if (!read_recording(reader, json, &frame.recording_idx) ||
        !read_seconds(reader, json, "begin_s", &frame.begin_s) ||
        !read_seconds(reader, json, "end_s", &frame.end_s))
        return;
    if (!tyto_json_is_object(joint)) {
        tell(reader, "joint", "must be an object of class names and scores");
        return;
    }
    reader->err = tyto_json_each(joint, read_score, reader);
    void *frames = told->frames;
    if (!reader->err)
        reader->err = tyto_grow(&frames, &told->frame_room, told->num_frames, sizeof(frame));
    if (reader->err)
        return;
    told->frames = frames;
    frame.num_scores = told->num_scores - frame.first_score;
    told->frames[told->num_frames++] = frame;
    reach(reader, frame.recording_idx, frame.end_s);
}

/* How much was read of a file or from a camera, also where nothing happened in it. */
static void read_length(struct reader *reader, const struct tyto_json *json)
{
    struct tyto_told *told = reader->told;
    uint64_t num = 0, num_dropped = 0;
    double took_s = 0;
    uint32_t idx;

    if (!tyto_json_u64(tyto_json_get(json, "num_segments"), &num) || num > (uint64_t)max_s)
        return;
    const uint32_t before = told->num_strange;
    if (read_recording(reader, json, &idx)) {
        reach(reader, idx, (double)num);
        if (tyto_json_u64(tyto_json_get(json, "num_dropped"), &num_dropped))
            told->num_dropped[idx] = num_dropped;
        if (tyto_json_f64(tyto_json_get(json, "took_s"), &took_s) && took_s > 0) {
            told->took_s += took_s;
            told->took_media_s += (double)num;
        }
    }
    told->num_strange = before; /* no event, no segment */
}

static void read_line(struct reader *reader, char *text)
{
    struct tyto_json *json = NULL;
    char reason[160] = "";
    const enum tyto_err err = tyto_json_parse(text, strlen(text), &json, reason, sizeof(reason));

    if (err == TYTO_ERR_NOMEM) {
        reader->err = err;
        return;
    }
    const char *type = tyto_json_string(tyto_json_get(json, "type"));
    if (err || !tyto_json_is_object(json))
        tell(reader, NULL, err ? reason : "must be a JSON object");
    else if (!type)
        tell(reader, "type",
             "the line lacks it: give what tyto watch --json or tyto localize "
             "--json wrote");
    else if (strcmp(type, "event") == 0)
        read_event(reader, json);
    else if (strcmp(type, "segment") == 0)
        read_segment(reader, json);
    else if (strcmp(type, "file") == 0 || strcmp(type, "camera") == 0)
        read_length(reader, json);
    tyto_json_destroy(&json);
}

static enum tyto_err init(const struct tyto_labels *labels, struct tyto_told *told)
{
    enum tyto_err err = TYTO_OK;
    uint32_t idx;

    told->ends_s = calloc((size_t)labels->num_files + 1, sizeof(*told->ends_s));
    told->num_dropped = calloc((size_t)labels->num_files + 1, sizeof(*told->num_dropped));
    if (!told->ends_s || !told->num_dropped)
        return TYTO_ERR_NOMEM;
    for (uint32_t i = 0; i < labels->num_files; i++)
        told->ends_s[i] = (double)NAN;
    for (uint32_t k = 0; k < labels->num_classes && !err; k++)
        err = tyto_strings_add(&told->classes, labels->classes[k], TYTO_LABELS_MAX_CLASSES, &idx,
                               NULL);
    return err;
}

enum tyto_err tyto_told_read(const struct tyto_events_params *params, char *text, size_t num_bytes,
                             struct tyto_told *ret_told, uint32_t *ret_num_bad)
{
    struct tyto_told told = {0};
    struct reader reader = {.params = params, .told = &told};
    char *const end = text + num_bytes;

    reader.err = init(params->labels, &told);
    for (char *at = text; at < end && !reader.err;) {
        char *next = memchr(at, '\n', (size_t)(end - at));

        next = next ? next : end; /* one byte beyond the text is ours */
        *next = '\0';
        reader.line++;
        if (strlen(at) != (size_t)(next - at))
            tell(&reader, NULL, "holds a NUL: it is no text");
        else if (next - at > TYTO_EVENTS_MAX_LINE)
            tell(&reader, NULL, "is too long");
        else if (at[strspn(at, " \t\r")])
            read_line(&reader, at);
        at = next + 1;
    }
    if (reader.err) {
        tyto_told_finish(&told);
        return reader.err;
    }
    *ret_told = told;
    *ret_num_bad = reader.num_bad;
    return TYTO_OK;
}

void tyto_told_finish(struct tyto_told *told)
{
    tyto_strings_finish(&told->classes);
    tyto_strings_finish(&told->ids);
    free(told->events);
    free(told->frames);
    free(told->scores);
    free(told->ends_s);
    free(told->num_dropped);
    *told = (struct tyto_told){0};
}
