# SPDX-License-Identifier: MIT
"""Ports of this machine that nobody listens on, for tests whose programs are told where to listen."""
import socket


def free_ports(num):
    """All different: none is let go before the last one is found."""
    servers = [socket.create_server(("127.0.0.1", 0)) for _ in range(num)]
    ports = [server.getsockname()[1] for server in servers]
    for server in servers:
        server.close()
    return ports


def free_port():
    return free_ports(1)[0]
