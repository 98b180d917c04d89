/* SPDX-License-Identifier: MIT */
/* The display matrix of an MP4 or MOV file's first picture track: qtdemux tells seven of the eight
 * ways to turn a picture, not the one that is transverse. */
#ifndef TYTO_PIPELINE_CONTAINER_MP4_TURN_H
#define TYTO_PIPELINE_CONTAINER_MP4_TURN_H

#include "base/turn.h"

/* NONE for what is no such file, too. Reads some 100 bytes of each box on the way. */
enum tyto_turn tyto_mp4_turn(const char *path);

#endif
