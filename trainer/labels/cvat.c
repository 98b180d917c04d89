/* SPDX-License-Identifier: MIT */
/* CVAT for video 1.1: a track is seen from each shape that is not outside until the next that is.
 * Frames become seconds by the file's own rate (<fps> or <frame_rate> in its meta part, which CVAT
 * itself does not write) or by the one given. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "trainer/labels/reader.h"
#include "trainer/labels/xml.h"

enum { NAME_BYTES = 256, MAX_TASKS = 4096, MAX_FRAME = 1000000000 };

struct task {
    char id[64], source[NAME_BYTES];
    double fps;
    uint32_t file_idx;
    bool is_resolved, is_bad;
};

struct track {
    uint32_t line, depth, task_idx;
    char label[NAME_BYTES];
    bool is_open; /* within the element */
    bool is_seen; /* a run has begun */
    uint32_t run_line;
    int64_t begin, last; /* frames */
};

struct cvat {
    struct tyto_label_reader *reader;
    struct tyto_xml *xml;
    struct task *tasks; /* owned; the first stands for what names no task */
    uint32_t num_tasks, tasks_capacity;
    uint32_t task_depth; /* 0: not in a task */
    char element[64];    /* whose text comes */
    uint32_t element_depth;
    struct track track;
    uint32_t num_tracks;
    bool has_images;
};

/* --- meta ---------------------------------------------------------------------------- */

static void add_task(struct cvat *cvat, uint32_t depth)
{
    void *items = cvat->tasks;
    struct tyto_label_reader *reader = cvat->reader;
    if (cvat->num_tasks == MAX_TASKS) {
        tyto_label_error(reader, tyto_xml_line(cvat->xml), "task", "there are more than %d tasks",
                         MAX_TASKS);
        reader->err = TYTO_ERR_FULL;
        return;
    }
    reader->err = tyto_grow(&items, &cvat->tasks_capacity, cvat->num_tasks, sizeof(*cvat->tasks));
    cvat->tasks = items;
    if (reader->err)
        return;
    cvat->tasks[cvat->num_tasks++] = (struct task){0};
    cvat->task_depth = depth;
}

static void read_meta_text(struct cvat *cvat, const char *text)
{
    const bool in_task = cvat->task_depth > 0;
    struct task *task = &cvat->tasks[in_task ? cvat->num_tasks - 1 : 0];
    const char *element = cvat->element;
    if (cvat->element_depth != (in_task ? cvat->task_depth + 1 : 2))
        return;
    if (strcmp(element, "id") == 0) {
        snprintf(task->id, sizeof(task->id), "%s", text);
    } else if (strcmp(element, "source") == 0) {
        tyto_label_url_path(text, task->source, sizeof(task->source));
    } else if (strcmp(element, "name") == 0 && !task->source[0]) {
        snprintf(task->source, sizeof(task->source), "%s", text);
    } else if (strcmp(element, "fps") == 0 || strcmp(element, "frame_rate") == 0) {
        if (!tyto_label_number(text, &task->fps) || task->fps <= 0 || task->fps > 1000)
            tyto_label_error(cvat->reader, tyto_xml_line(cvat->xml), element,
                             "'%.40s' is no number of pictures a second", text);
    }
}

/* The recording and rate of the track's task. False: reported, once for each task. */
static bool resolve(struct cvat *cvat, struct track *track)
{
    struct task *task = &cvat->tasks[track->task_idx];
    if (task->is_resolved)
        return !task->is_bad;
    const char *source = task->source[0] ? task->source : cvat->tasks[0].source;
    char stem[NAME_BYTES];
    const bool is_named = source[0] != '\0';
    task->fps = task->fps > 0 ? task->fps : cvat->tasks[0].fps;
    task->fps = task->fps > 0 ? task->fps : cvat->reader->params->fps;
    task->is_resolved = true;
    if (task->fps <= 0)
        tyto_label_error(cvat->reader, track->line, "fps",
                         "the file counts frames and does not say how many make a second: say it "
                         "with --fps N");
    tyto_label_stem(cvat->reader->source, stem, sizeof(stem));
    task->is_bad = !tyto_label_file(cvat->reader, is_named ? source : stem, !is_named, track->line,
                                    "source", &task->file_idx) ||
                   task->fps <= 0;
    return !task->is_bad;
}

/* --- tracks -------------------------------------------------------------------------- */

static void begin_track(struct cvat *cvat)
{
    char task_id[64];
    struct track *track = &cvat->track;
    *track = (struct track){.line = tyto_xml_line(cvat->xml),
                            .depth = tyto_xml_depth(cvat->xml),
                            .is_open = true,
                            .last = -1};
    cvat->num_tracks++;
    tyto_xml_attribute(cvat->xml, "label", track->label, sizeof(track->label));
    if (!track->label[0])
        tyto_label_error(cvat->reader, track->line, "label",
                         "the track has no label: give it one in CVAT");
    track->task_idx = cvat->num_tasks == 2 ? 1 : 0;
    if (tyto_xml_attribute(cvat->xml, "task_id", task_id, sizeof(task_id))) {
        uint32_t i = cvat->num_tasks - 1;
        while (i > 0 && strcmp(cvat->tasks[i].id, task_id) != 0)
            i--;
        track->task_idx = i ? i : track->task_idx;
    }
}

static void end_run(struct cvat *cvat, int64_t end)
{
    struct track *track = &cvat->track;
    track->is_seen = false;
    if (!track->label[0] || !resolve(cvat, track))
        return;
    const struct task *task = &cvat->tasks[track->task_idx];
    const struct tyto_label_raw raw = {.line = track->run_line,
                                       .class_name = track->label,
                                       .begin_s = (double)track->begin / task->fps,
                                       .end_s = (double)end / task->fps,
                                       .truth = TYTO_TRUTH_SEEN,
                                       .merges = true};
    (void)tyto_label_add(cvat->reader, task->file_idx, &raw);
}

static void read_shape(struct cvat *cvat, const char *frame_text)
{
    struct track *track = &cvat->track;
    const uint32_t line = tyto_xml_line(cvat->xml);
    double frame;
    char outside[16];
    if (!tyto_label_number(frame_text, &frame) || frame < 0 || frame > MAX_FRAME ||
        frame - floor(frame) > 0) {
        tyto_label_error(cvat->reader, line, "frame", "'%.40s' is no number of a frame",
                         frame_text);
        return;
    }
    if ((int64_t)frame <= track->last) {
        tyto_label_error(cvat->reader, line, "frame",
                         "frame %.0f comes after frame %lld: shapes of a track go by time", frame,
                         (long long)track->last);
        return;
    }
    track->last = (int64_t)frame;
    tyto_xml_attribute(cvat->xml, "outside", outside, sizeof(outside));
    const bool is_outside = strcmp(outside, "1") == 0;
    if (is_outside && track->is_seen) {
        end_run(cvat, track->last);
    } else if (!is_outside && !track->is_seen) {
        track->is_seen = true;
        track->begin = track->last;
        track->run_line = line;
    }
}

/* --- the file ------------------------------------------------------------------------ */

static bool begin_element(struct cvat *cvat)
{
    const char *name = tyto_xml_name(cvat->xml);
    const uint32_t depth = tyto_xml_depth(cvat->xml);
    char frame[64];
    if (depth == 0 && strcmp(name, "annotations") != 0) {
        tyto_label_error(cvat->reader, tyto_xml_line(cvat->xml), NULL,
                         "it is no CVAT file: it begins with <%.40s>", name);
        return false;
    }
    snprintf(cvat->element, sizeof(cvat->element), "%s", name);
    cvat->element_depth = depth;
    if (cvat->track.is_open) {
        if (depth == cvat->track.depth + 1 &&
            tyto_xml_attribute(cvat->xml, "frame", frame, sizeof(frame)))
            read_shape(cvat, frame);
    } else if (strcmp(name, "track") == 0) {
        begin_track(cvat);
    } else if ((strcmp(name, "task") == 0 || strcmp(name, "job") == 0) && depth >= 2) {
        add_task(cvat, depth);
    } else if (strcmp(name, "image") == 0 && depth == 1 && !cvat->has_images) {
        cvat->has_images = true;
        tyto_label_error(cvat->reader, tyto_xml_line(cvat->xml), "image",
                         "these are labels of single pictures: export as 'CVAT for video 1.1'");
    }
    return true;
}

static void end_element(struct cvat *cvat)
{
    const uint32_t depth = tyto_xml_depth(cvat->xml);
    cvat->element[0] = '\0';
    if (cvat->track.is_open && depth == cvat->track.depth) {
        if (cvat->track.is_seen)
            end_run(cvat, cvat->track.last + 1);
        cvat->track.is_open = false;
    } else if (cvat->task_depth > 0 && depth == cvat->task_depth) {
        cvat->task_depth = 0;
    }
}

static void read_elements(struct cvat *cvat)
{
    while (!cvat->reader->err) {
        switch (tyto_xml_next(cvat->xml)) {
        case TYTO_XML_BEGIN:
            if (!begin_element(cvat))
                return;
            break;
        case TYTO_XML_TEXT:
            if (!cvat->track.is_open)
                read_meta_text(cvat, tyto_xml_text(cvat->xml));
            break;
        case TYTO_XML_END:
            end_element(cvat);
            break;
        case TYTO_XML_ERROR:
            tyto_label_error(cvat->reader, tyto_xml_line(cvat->xml), NULL, "%s",
                             tyto_xml_text(cvat->xml));
            return;
        case TYTO_XML_DONE:
            if (cvat->num_tracks == 0 && !cvat->has_images)
                tyto_label_error(cvat->reader, 0, NULL,
                                 "it has no tracks: export from CVAT as 'CVAT for video 1.1'");
            return;
        }
    }
}

void tyto_label_read_cvat(struct tyto_label_reader *reader)
{
    struct cvat cvat = {.reader = reader};
    if (!tyto_label_text_is_sound(reader))
        return;
    reader->err = tyto_xml_create(reader->bytes, reader->num_bytes, &cvat.xml);
    if (!reader->err)
        add_task(&cvat, 0);
    if (!reader->err)
        read_elements(&cvat);
    tyto_xml_destroy(&cvat.xml);
    free(cvat.tasks);
}
