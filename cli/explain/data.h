/* SPDX-License-Identifier: MIT */
/* Why the events of a recording were told, as one page: explain.html with these data in it. */
#ifndef TYTO_CLI_EXPLAIN_DATA_H
#define TYTO_CLI_EXPLAIN_DATA_H

#include "base/fault.h"
#include "cli/explain/look.h"
#include "cli/explain/record.h"
#include "trainer/labels/labels.h"

/* How the recording was read: as it is, and with one of the two taken away from the networks. */
enum tyto_explain_way {
    TYTO_EXPLAIN_BOTH,
    TYTO_EXPLAIN_WITHOUT_SOUND,
    TYTO_EXPLAIN_WITHOUT_PICTURE,
    TYTO_EXPLAIN_NUM_WAYS,
};

/* All borrowed. */
struct tyto_explain {
    const char *file, *model_digest, *device;
    uint32_t num_classes;       /* K */
    const char *const *classes; /* (K) */
    const float *thresholds;    /* (3, K): joint, heard, seen; 2: the class is off */
    int64_t begin_ns, end_ns;   /* what is shown */
    uint32_t event;             /* of the first run, which is looked at; from 1 on; 0: none */
    const struct tyto_explain_run *runs; /* (TYTO_EXPLAIN_NUM_WAYS) */
    struct tyto_explain_looks *looks;
    const struct tyto_labels *labels; /* NULL: the truth is not known */
    uint32_t file_idx;                /* of the recording among them */
};

/* IO, NOMEM with *ret_fault. The looks' pictures go into the page. */
TYTO_MUST_CHECK
enum tyto_err tyto_explain_write(const char *path, const struct tyto_explain *explain,
                                 struct tyto_fault *ret_fault);

#endif
