/* SPDX-License-Identifier: MIT */
/* Standard input, output and error of a program that may have been started without them. */
#ifndef TYTO_BASE_STANDARD_FDS_H
#define TYTO_BASE_STANDARD_FDS_H

#include <fcntl.h>
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

#endif
