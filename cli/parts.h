/* SPDX-License-Identifier: MIT */
/* Commands that are not in this tyto: those of the trainer and of the page, which a small build
 * leaves out, and which packages bring as programs of their own (meson's option `split`). */
#ifndef TYTO_CLI_PARTS_H
#define TYTO_CLI_PARTS_H

#include <stdbool.h>

/* Runs the program that has the command `name`, ../libexec/tyto-train or ../libexec/tyto-serve
 * beside this one, in place of this one and with the same arguments. Returns where that cannot be.
 */
void tyto_parts_run(const char *name, char **argv);
/* Says on stderr what brings the command `name`; false: no part has it, and nothing is said. */
bool tyto_parts_explain(const char *name);

/* For tyto --help: what comes with others. */
#if TYTO_IS_SPLIT
#define TYTO_PARTS_NOTE                                                                            \
    "\n\nThe package tyto-train brings adapt, compose, eval, explain, features, label and train; " \
    "tyto-web brings serve and user."
#else
#define TYTO_PARTS_NOTE ""
#endif

#endif
