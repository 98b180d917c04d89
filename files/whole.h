/* SPDX-License-Identifier: MIT */
/* Whether a recording is all there, by what its container says of its own size: a copy that was cut
 * off plays to its last byte, and nobody notices. MP4 and MOV, Matroska and WebM, WAV and RF64,
 * AVI, Ogg, FLV, AIFF, CAF, AU, ASF (WMV, WMA), ADTS, MP3 with a table; of MPEG-TS whether it is
 * one throughout and ends with a whole packet. Of any other kind nothing is known. */
#ifndef TYTO_FILES_WHOLE_H
#define TYTO_FILES_WHOLE_H

#include <stdbool.h>
#include <stddef.h>
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
/* "it breaks off: of 2000 bytes it should have, 1000 are there: copy or record it again", or ""
 * where nothing is known to be wrong. */
void tyto_whole_text(const struct tyto_whole *whole, char *ret_text, size_t text_bytes);

#endif
