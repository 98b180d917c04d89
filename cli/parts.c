/* SPDX-License-Identifier: MIT */
#include "cli/parts.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/paths.h"

struct part {
    const char *package; /* a Debian package */
    const char *program; /* of it, in libexec; named as a man page is */
    const char *what;
    const char *names[8]; /* of commands; ends with NULL */
};

static const struct part parts[] = {
    {"tyto-train",
     "tyto-train",
     "the trainer",
     {"adapt", "compose", "eval", "explain", "features", "label", "train"}},
    {"tyto-web", "tyto-serve", "the page", {"serve", "user"}},
};

static const struct part *find(const char *name)
{
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        for (int k = 0; parts[i].names[k]; k++) {
            if (strcmp(parts[i].names[k], name) == 0)
                return &parts[i];
        }
    }
    return NULL;
}

void tyto_parts_run(const char *name, char **argv)
{
    const struct part *part = find(name);
    char beside[64], path[PATH_MAX];
    /* The programs of the parts do not hand on: what is not in them is nowhere. */
    if (!TYTO_IS_SPLIT || !part)
        return;
    snprintf(beside, sizeof(beside), "../libexec/%s", part->program);
    if (tyto_paths_program(beside, path, sizeof(path)))
        (void)execv(path, argv);
}

bool tyto_parts_explain(const char *name)
{
    const struct part *part = find(name);
    if (!part)
        return false;
    if (TYTO_IS_SPLIT)
        fprintf(stderr, "tyto: '%s' comes with the package %s: apt-get install %s\n", name,
                part->package, part->package);
    else
        fprintf(stderr,
                "tyto: '%s' needs %s, and this tyto was built without it. In tyto's "
                "checkout, scripts/setup installs what %s needs and builds it in.\n",
                name, part->what, part->what);
    return true;
}
