/* SPDX-License-Identifier: MIT */
/* One recording being written: coded pictures and sounds into a Matroska file, as
 * they are. One thread. */
#ifndef TYTO_PIPELINE_RECORD_CLIP_H
#define TYTO_PIPELINE_RECORD_CLIP_H

#include "base/err.h"
#include "base/fault.h"
#include "pipeline/source/tap.h"

struct tyto_clip_params {
    const char *path;                                 /* overwritten */
    const struct tyto_coded *first[TYTO_NUM_STREAMS]; /* of each stream; NULL: it has none */
    int64_t zero_ns;                                  /* what becomes 0 s in the file */
};

struct tyto_clip;

/* UNSUPPORTED when Matroska takes neither stream or an element is not installed, IO; *ret_fault
 * says why. ret_has: which streams will be in it. */
TYTO_MUST_CHECK
enum tyto_err tyto_clip_create(const struct tyto_clip_params *params, struct tyto_clip **ret_clip,
                               bool ret_has[TYTO_NUM_STREAMS], struct tyto_fault *ret_fault);
/* FULL: too much waits for the disk already, try again later. IO: it cannot be written any more,
 * give it up; the reason is in *ret_fault. */
TYTO_MUST_CHECK
enum tyto_err tyto_clip_push(struct tyto_clip *clip, enum tyto_stream stream,
                             const struct tyto_coded *coded, struct tyto_fault *ret_fault);
/* Nothing more of this stream; the others go on. */
void tyto_clip_end_stream(struct tyto_clip *clip, enum tyto_stream stream);
/* Ends the file and lets go of it; waits for the disk, at most 10 s. IO, with the reason. */
TYTO_MUST_CHECK
enum tyto_err tyto_clip_finish(struct tyto_clip **clip, struct tyto_fault *ret_fault);
/* Lets go of it as it is. */
void tyto_clip_abandon(struct tyto_clip **clip);

#endif
