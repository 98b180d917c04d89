/* SPDX-License-Identifier: MIT */
/* Something that takes long, on a thread of its own; that it is done is told on the main loop. */
#ifndef TYTO_WEB_COMMON_ERRAND_H
#define TYTO_WEB_COMMON_ERRAND_H

struct tyto_errand;

struct tyto_errand_params {
    const char *name; /* of the thread */
    void (*run)(void *user);
    /* On the main loop's thread, once run is over, and after it has been joined; the errand is to
     * be freed by then or later. */
    void (*done)(void *user);
    void *user;
};

struct tyto_errand *tyto_errand_new(const struct tyto_errand_params *params);
/* Waits for run, which whoever owns it has told to end; done is not called any more. May be called
 * by done. */
void tyto_errand_free(struct tyto_errand *errand);

#endif
