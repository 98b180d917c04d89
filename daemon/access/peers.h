/* SPDX-License-Identifier: MIT */
/* What every ZeroMQ socket of the daemon asks of its peers, and how it comes to them. */
#ifndef TYTO_DAEMON_ACCESS_PEERS_H
#define TYTO_DAEMON_ACCESS_PEERS_H

#include <stdbool.h>
#include <stdint.h>

/* Frames of max_bytes at most, a handshake in time, and a sign
 * of life. Before it binds. False: errno says why. */
bool tyto_peers_limit(void *socket, int64_t max_bytes);
/* The socket serves whom listen_fd hears of, on a duplicate. endpoint: with its port. False: errno
 * says why. */
bool tyto_peers_serve(void *socket, const char *endpoint, int listen_fd);

#endif
