/* SPDX-License-Identifier: MIT */
#include "daemon/debug_scores.h"

#include <stdio.h>
#include <string.h>

void tyto_debug_scores_make(const struct tyto_segment_result *result,
                            struct tyto_debug_scores *ret_debug)
{
    const float *joint = result->evidence.joint;
    const bool has_single = result->evidence.has_heard_seen;
    uint32_t best[TYTO_DEBUG_MAX_TOP];
    uint32_t num = 0;
    for (uint32_t k = 0; k < result->num_classes; k++) { /* insertion into the few best */
        uint32_t at = num < TYTO_DEBUG_MAX_TOP ? num++ : num;
        for (; at > 0 && joint[best[at - 1]] < joint[k]; at--) {
            if (at < TYTO_DEBUG_MAX_TOP)
                best[at] = best[at - 1];
        }
        if (at < TYTO_DEBUG_MAX_TOP)
            best[at] = k;
    }
    memset(ret_debug, 0, sizeof(*ret_debug));
    snprintf(ret_debug->camera, sizeof(ret_debug->camera), "%s", result->camera);
    ret_debug->begin_media_ns = result->begin_ns;
    ret_debug->end_media_ns = result->end_ns;
    ret_debug->has_audio = result->evidence.has_audio;
    ret_debug->has_video = result->evidence.has_video;
    ret_debug->num_top = num;
    for (uint32_t i = 0; i < num; i++) {
        struct tyto_class_score *top = &ret_debug->top[i];
        snprintf(top->class_name, sizeof(top->class_name), "%s", result->class_names[best[i]]);
        top->joint = joint[best[i]];
        top->heard = has_single ? result->evidence.heard[best[i]] : 0.0f;
        top->seen = has_single ? result->evidence.seen[best[i]] : 0.0f;
    }
}
