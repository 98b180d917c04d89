/* SPDX-License-Identifier: MIT */
#include "cli/common/topics.h"

#include <stdio.h>

#include "client/tyto.h"

enum { MAX_PREFIXES = 400 };

const char *const *tyto_topics_of(const struct tyto_texts *cameras,
                                  const struct tyto_texts *classes, uint32_t *ret_num)
{
    static char prefixes[MAX_PREFIXES][TYTO_TOPIC_MAX_BYTES];
    static const char *pointers[MAX_PREFIXES];
    const uint32_t num_classes = classes->num > 0 ? classes->num : 1;
    uint32_t num = 0;
    *ret_num = 0;
    /* A class alone is no topic. */
    if (cameras->num == 0 || 1 + cameras->num * (num_classes + 1) > MAX_PREFIXES)
        return NULL;
    snprintf(prefixes[num++], TYTO_TOPIC_MAX_BYTES, "md/");
    for (uint32_t i = 0; i < cameras->num; i++) {
        const char *camera = cameras->texts[i];
        snprintf(prefixes[num++], TYTO_TOPIC_MAX_BYTES, "st/%s/", camera);
        if (classes->num == 0)
            snprintf(prefixes[num++], TYTO_TOPIC_MAX_BYTES, "ev/%s/", camera);
        for (uint32_t c = 0; c < classes->num; c++)
            snprintf(prefixes[num++], TYTO_TOPIC_MAX_BYTES, "ev/%s/%s/", camera, classes->texts[c]);
    }
    for (uint32_t i = 0; i < num; i++)
        pointers[i] = prefixes[i];
    *ret_num = num;
    return pointers;
}
