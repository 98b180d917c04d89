/* SPDX-License-Identifier: MIT */
/* Any bytes as a label file, of each format and of the one that it looks like: sound labels, or
 * faults that say something. */
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "trainer/labels/labels.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t num_bytes);

static void on_fault(void *user, const struct tyto_fault *fault, bool is_error)
{
    uint32_t *num_errors = user;
    *num_errors += is_error;
    if (!fault->text[0] || !fault->file[0])
        abort();
    for (const char *at = fault->text; *at; at++) {
        if ((unsigned char)*at < 0x20)
            abort();
    }
}

static void check(const struct tyto_labels *labels)
{
    for (uint32_t i = 0; i < labels->num_labels; i++) {
        const struct tyto_label *label = &labels->labels[i];
        const bool has_times = label->begin_ns >= 0 && label->begin_ns < label->end_ns;
        if (label->file_idx >= labels->num_files || label->class_idx >= labels->num_classes ||
            label->source_idx >= labels->num_sources || label->truth < 1 || label->truth > 3 ||
            (label->is_weak ? label->end_ns != 0 : !has_times))
            abort();
        if (i > 0 && label[-1].file_idx > label->file_idx)
            abort();
    }
    for (uint32_t i = 0; i < labels->num_classes; i++) {
        char name[TYTO_DATASET_NAME_BYTES];
        if (!tyto_label_class_name(labels->classes[i], name) ||
            strcmp(name, labels->classes[i]) != 0 ||
            (i > 0 && strcmp(labels->classes[i - 1], labels->classes[i]) >= 0))
            abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t num_bytes)
{
    for (enum tyto_label_format format = 0; format < TYTO_LABEL_NUM_FORMATS; format++) {
        uint32_t num_errors = 0;
        struct tyto_labels labels = {0};
        const struct tyto_labels_params params = {.format = format,
                                                  .media_dir = "",
                                                  .fps = 25,
                                                  .user = &num_errors,
                                                  .on_fault = on_fault};
        const enum tyto_err err =
            tyto_labels_read_memory(&params, "fuzz", data, num_bytes, &labels);
        if ((err == TYTO_ERR_FORMAT) != (num_errors > 0))
            abort();
        if (!err)
            check(&labels);
        tyto_labels_finish(&labels);
    }
    return 0;
}
