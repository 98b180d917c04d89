/* SPDX-License-Identifier: MIT */
/* Whether a recording is all there, by what its container says of its own size: a copy that was cut
 * off plays to its last byte, and nobody notices. MP4 and MOV, Matroska and WebM, WAV and RF64,
 * AVI, Ogg; of any other kind nothing is known but of MPEG-TS,
 * whether it is one throughout. */
#ifndef TYTO_FILES_WHOLE_H
#define TYTO_FILES_WHOLE_H

#include <stdbool.h>
#include <stdint.h>

struct tyto_whole {
    bool tells_length; /* a container whose word on its duration can be taken */
    bool is_cut;       /* something in it is longer than what is left of the file */
    bool is_damaged;   /* something else is where a part of it should be */
    bool lacks_index;  /* of an MP4: nothing of it can be read */
    uint64_t num_bytes;
    uint64_t asked_bytes; /* that it should have at least, where it is cut; 0: not known */
};

/* Reads some bytes of each of its parts. What cannot be opened or is of another kind: all false. */
void tyto_whole_look(const char *path, struct tyto_whole *ret_whole);

#endif
