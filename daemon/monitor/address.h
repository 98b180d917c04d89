/* SPDX-License-Identifier: MIT */
/* An address to listen on, from text and back. */
#ifndef TYTO_DAEMON_MONITOR_ADDRESS_H
#define TYTO_DAEMON_MONITOR_ADDRESS_H

#include <stdbool.h>
#include <sys/socket.h>

#include "base/err.h"
#include "base/fault.h"

/* As tyto_http_check_address(). */
TYTO_MUST_CHECK
enum tyto_err tyto_http_read_address(const char *text, struct sockaddr_storage *ret_addr,
                                     socklen_t *ret_bytes, bool *ret_is_loopback,
                                     struct tyto_fault *ret_fault);
void tyto_http_print_address(const struct sockaddr_storage *addr, char *ret_text,
                             size_t text_bytes);

#endif
