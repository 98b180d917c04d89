/* SPDX-License-Identifier: MIT */
/* How pictures of a Matroska or WebM file are to be turned: its first picture track's projection.
 * Neither GStreamer 1.22 nor FFmpeg 5.1 reads it. */
#ifndef TYTO_FILES_MATROSKA_TURN_H
#define TYTO_FILES_MATROSKA_TURN_H

#include "base/turn.h"

/* TURN_NONE as well where there is no such file, or it is of another kind, or its pictures are not
 * only turned or mirrored. */
enum tyto_turn tyto_matroska_turn(const char *path);

#endif
