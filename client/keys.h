/* SPDX-License-Identifier: MIT */
/* CURVE keys of a socket. Of client/ alone. */
#ifndef TYTO_CLIENT_KEYS_H
#define TYTO_CLIENT_KEYS_H

#include <stdbool.h>

/* Before the socket connects. Both NULL: none, which is good, too. False: not both, or no keys. */
bool tyto_keys_set(void *socket, const char *server_key, const char *secret_key);

#endif
