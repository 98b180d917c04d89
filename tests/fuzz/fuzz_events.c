/* SPDX-License-Identifier: MIT */
/* Any bytes as what a daemon told: measures within their bounds, or an error that says something,
 * with every bad line named. */
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "trainer/eval/events/events.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t num_bytes);

static const char csv[] = "file,class,begin_s,end_s,modality\n"
                          "yard.mp4,cat,10,20,heard\n"
                          "yard.mp4,cat,12,20,seen\n"
                          "yard.mp4,dog,30,34,both\n"
                          "gate.mp4,dog,1,2,both\n";

static void on_fault(void *user, const struct tyto_fault *fault)
{
    uint32_t *num = user;

    ++*num;
    if (!fault->text[0] || fault->line == 0)
        abort();
}

static void check_share(double value)
{
    if (!isnan(value) && !(value >= 0 && value <= 1))
        abort();
}

static void check_spans(const struct tyto_span_measures *m, uint32_t num_labels)
{
    for (int i = 0; i < TYTO_SPAN_NUM_TIOUS; i++) {
        check_share(m->at[i].precision);
        check_share(m->at[i].recall);
        check_share(m->at[i].f1);
    }
    for (int i = 0; i < TYTO_SPAN_NUM_AP_TIOUS; i++)
        check_share(m->map[i]);
    check_share(m->miss_rate);
    if (m->num_matched > num_labels || m->num_detected > num_labels)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t num_bytes)
{
    const struct tyto_labels_params label_params = {.format = TYTO_LABEL_CSV, .media_dir = ""};
    struct tyto_labels labels;
    struct tyto_events_measures m;
    struct tyto_fault fault = {0};
    uint32_t num_faults = 0;

    if (tyto_labels_read_memory(&label_params, "labels.csv", csv, strlen(csv), &labels) != TYTO_OK)
        abort();
    const struct tyto_events_params params = {.labels = &labels,
                                              .path = "events.jsonl",
                                              .offset_ms = 100,
                                              .user = &num_faults,
                                              .on_fault = on_fault};
    const enum tyto_err err = tyto_measure_events_memory(&params, data, num_bytes, &m, &fault);
    tyto_labels_finish(&labels);
    if (err) {
        if (!fault.text[0])
            abort();
        return 0;
    }
    if (num_faults > 0 || m.num_recordings == 0 || m.num_recordings > 2 || m.num_labels > 3)
        abort();
    check_spans(&m.any, m.num_labels);
    check_spans(&m.joint, m.num_joint_labels);
    check_share(m.frame_map);
    return 0;
}
