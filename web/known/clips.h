/* SPDX-License-Identifier: MIT */
/* tytod's folder of recordings (pipeline/record/store.h): DIR/CAMERA/TIME-CLASS-ID.mkv and
 * DIR/labels.csv. Read only. */
#ifndef TYTO_WEB_KNOWN_CLIPS_H
#define TYTO_WEB_KNOWN_CLIPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/event.h"
#include "web/known/events.h"

/* Whether text is "CAMERA/NAME.mkv" as tytod names recordings: so it cannot leave the folder. */
bool tyto_clip_is_name(const char *text);
/* The recording that an event's clip_uri names, as "CAMERA/NAME.mkv"; false where it names none of
 * the folder's. dir may be NULL. */
bool tyto_clip_of_uri(const char *dir, const char *uri, char *ret_clip, size_t clip_bytes);

/* What a row of labels.csv says. */
struct tyto_clip_row {
    char clip[TYTO_WEB_CLIP_MAX];     /* "CAMERA/NAME.mkv" */
    char class_name[TYTO_ID_MAX + 1]; /* "": nothing is in it */
    double begin_s, end_s;            /* in the recording */
    enum tyto_modality modality;
};

/* Calls visit for each row of a label file as tytod and this server write them; rows of another
 * kind are passed over. At most 64 MiB of it are read. False: there is no such file. */
bool tyto_clip_rows(const char *path, void (*visit)(void *user, const struct tyto_clip_row *row),
                    void *user);
/* Puts in what the folder's labels tell of earlier runs. */
void tyto_clips_load(const char *dir, struct tyto_web_events *events);
/* The file of an event's picture in tytod's folder of pictures (snapshots.dir): DIR/CAMERA/
 * TIME-CLASS-ID.jpg, as tytod names it. False: it is not there. */
bool tyto_clip_picture(const char *dir, const struct tyto_web_events *events,
                       const struct tyto_web_event *event, char *ret_path, size_t path_bytes);

#endif
