/* SPDX-License-Identifier: MIT */
#include "daemon/access/rights.h"

#include <string.h>

void tyto_rights_of_all(struct tyto_rights *ret_rights)
{
    memset(ret_rights, 0, sizeof(*ret_rights));
    ret_rights->num = 1;
}

bool tyto_rights_allow(const struct tyto_rights *rights, const char *topic)
{
    for (uint32_t i = 0; i < rights->num; i++) {
        if (strncmp(topic, rights->prefixes[i], strlen(rights->prefixes[i])) == 0)
            return true;
    }
    return false;
}

bool tyto_rights_reach(const struct tyto_rights *rights, const char *prefix)
{
    const size_t num = strlen(prefix);
    for (uint32_t i = 0; i < rights->num; i++) {
        const size_t num_its = strlen(rights->prefixes[i]);
        if (strncmp(prefix, rights->prefixes[i], num < num_its ? num : num_its) == 0)
            return true;
    }
    return false;
}
