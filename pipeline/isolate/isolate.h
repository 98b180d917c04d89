/* SPDX-License-Identifier: MIT */
/* A source in a process of its own: what a decoder does to the process that it runs in, it does to
 * that one. The process runs the pipeline and nothing else; pictures, sound, coded data and what it
 * knows of itself come over a socket and are checked. For everybody else it is a source as any
 * other (source.h). How it works, what it bounds and what it does not keep out: README.md beside
 * this. */
#ifndef TYTO_PIPELINE_ISOLATE_ISOLATE_H
#define TYTO_PIPELINE_ISOLATE_ISOLATE_H

#include "pipeline/source/source.h"

/* How such processes are begun; all borrowed as long as there is a source by it. */
struct tyto_isolation {
    const char *program; /* absolute path of tyto-source */
    char *const *env;    /* its whole environment, ended by NULL; no secret may be in it */
    /* A line that a process wrote to its standard error, without secrets of its URI. On the thread
     * that waits for the source. NULL: nobody wants them. */
    void (*on_line)(void *user, const char *camera, const char *text);
    void *user;
};

/* As tyto_source_create(); but for what cannot be known here (a file that is missing) errors come
 * by tyto_source_wait(). camera: its id, for ps and on_line(); copied. *ret_pid: of the process. To
 * be called by the thread that will destroy the source: with that thread the process ends. */
TYTO_MUST_CHECK
enum tyto_err tyto_isolate_create(const struct tyto_isolation *isolation, const char *camera,
                                  const struct tyto_source_params *params,
                                  struct tyto_source **ret_source, int *ret_pid,
                                  struct tyto_fault *ret_fault);

/* The process's side: serves the socket fd until the other end is closed or the source is over.
 * confine is called once plug-ins are loaded and before anything is connected to; NULL: nothing.
 * Exit status. */
int tyto_isolate_serve(int fd, void (*confine)(void));

#endif
