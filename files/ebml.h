/* SPDX-License-Identifier: MIT */
/* Elements of Matroska and WebM: an id, a size, and what is in it. Plain computation. */
#ifndef TYTO_FILES_EBML_H
#define TYTO_FILES_EBML_H

#include <stddef.h>
#include <stdint.h>

enum { TYTO_EBML_HEAD_BYTES = 12 };

enum tyto_ebml_id {
    TYTO_EBML_HEADER = 0x1A45DFA3,
    TYTO_EBML_SEGMENT = 0x18538067,
    TYTO_EBML_CLUSTER = 0x1F43B675,
    TYTO_EBML_TRACKS = 0x1654AE6B,
    TYTO_EBML_TRACK = 0xAE,
    TYTO_EBML_TRACK_TYPE = 0x83,
    TYTO_EBML_VIDEO = 0xE0,
    TYTO_EBML_PROJECTION = 0x7670,
    TYTO_EBML_POSE_YAW = 0x7673,
    TYTO_EBML_POSE_ROLL = 0x7675,
};

struct tyto_ebml {
    uint64_t id, size; /* UINT64_MAX: the writer did not know it */
};

/* The element that bytes begin with; of TYTO_EBML_HEAD_BYTES all is known. Gives the number of
 * bytes that id and size take, 0 where there is no element. */
uint32_t tyto_ebml_read(const uint8_t *bytes, size_t num_bytes, struct tyto_ebml *ret_element);

#endif
