/* SPDX-License-Identifier: MIT */
/* Standard input, output and error of a program that may have been started without them. */
#ifndef TYTO_BASE_STANDARD_FDS_H
#define TYTO_BASE_STANDARD_FDS_H

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* First of all in main(): those that are closed become /dev/null. Else the next file or connection
 * that is opened takes their number, and what is meant for a terminal is written into it. */
static inline void tyto_standard_fds_open(void)
{
    int fd;
    do { /* the lowest number that is free is given out */
        fd = open("/dev/null", O_RDWR);
    } while (fd >= 0 && fd <= STDERR_FILENO);
    if (fd > STDERR_FILENO)
        close(fd);
}

/* Last of all in main(): the exit status. What was printed and has not got out (a disk that is
 * full) is told, and is a failure where all else went well. Who has noticed by himself ends with a
 * failure, and need not have said why. */
static inline int tyto_standard_out_end(const char *program, int status)
{
    const int was_lost = ferror(stdout);
    const int is_lost = fflush(stdout) != 0;
    const char *why = is_lost ? strerror(errno) : "not all of it was";
    if (!was_lost && !is_lost)
        return status;
    fprintf(stderr, "%s: what is printed cannot be written: %s\n", program, why);
    return status ? status : 1;
}

#endif
