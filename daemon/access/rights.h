/* SPDX-License-Identifier: MIT */
/* What somebody may read: topics that begin with one of some prefixes. A value of its own, which
 * stays as it is when the file of clients is read again. */
#ifndef TYTO_DAEMON_ACCESS_RIGHTS_H
#define TYTO_DAEMON_ACCESS_RIGHTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    TYTO_RIGHTS_PREFIX_BYTES = 160,    /* with the terminator */
    TYTO_RIGHTS_MAX_PREFIXES = 16 + 3, /* a client's, and everyone's */
};

struct tyto_rights {
    uint32_t num;
    char prefixes[TYTO_RIGHTS_MAX_PREFIXES][TYTO_RIGHTS_PREFIX_BYTES];
};

/* All there is: where there are no keys. */
void tyto_rights_of_all(struct tyto_rights *ret_rights);
bool tyto_rights_allow(const struct tyto_rights *rights, const char *topic);
/* Whether any topic that begins with prefix may be read. */
bool tyto_rights_reach(const struct tyto_rights *rights, const char *prefix);

#endif
