#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Five hundred TCP connections that say nothing, half of what they should, or all but their request, at
each of our sockets: events, queries (both without and with keys), metrics and the page. Whoever behaves is
served meanwhile, and descriptors and memory stay within bounds.

  test_idle.py --bin DIR ... --make PROGRAM [NAME...]"""
import os
import re
import resource
import socket
import sys
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import cases  # noqa: E402
from ports import free_port, free_ports  # noqa: E402
from test_control import Place  # noqa: E402
from test_daemon import BUSY, end, text_of, wait_for  # noqa: E402

NUM = 500
GREETING = b"\xff" + b"\0" * 8 + b"\x7f\x03\0"
WORDS = {"zmq": (b"", GREETING[:5], GREETING, GREETING + b"NULL" + b"\0" * 48, GREETING + b"CURVE" + b"\0" * 47),
         "http": (b"", b"GE", b"GET / HTTP/1.1\r\nHost: x", b"POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\nx")}
# Turned away are those that come while all places are taken: for each of these the system, and libzmq, hold
# a little until they have heard of it.
MORE_KIB, MORE_FDS = 24 * 1024, 400
SERVED_S = 20  # of a client that behaves, start of its process and all


class Crowd:
    """Connections to one port, that do no more than they have done."""

    def __init__(self, port, kind):
        self.clients = []
        for number in range(NUM):
            client = socket.socket()
            client.setblocking(False)
            self.clients.append(client)
            try:
                client.connect(("127.0.0.1", port))
            except BlockingIOError:
                pass
        for number, client in enumerate(self.clients):
            try:
                client.setblocking(True)
                client.settimeout(0.1)
                client.sendall(WORDS[kind][number % len(WORDS[kind])])
            except OSError:
                pass  # turned away, or not let in yet

    def close(self):
        for client in self.clients:
            client.close()


def held(process):
    folder = f"/proc/{process.pid}"
    with open(folder + "/status", encoding="ascii") as file:
        return len(os.listdir(folder + "/fd")), int(re.search(r"VmRSS:\s+(\d+)", file.read()).group(1))


def check_crowd(process, port, kind, served):
    """served() while five hundred stand about, and the process is as it was when they have gone."""
    before = held(process)
    crowd = Crowd(port, kind)
    try:
        begin = time.monotonic()
        served()
        seconds = time.monotonic() - begin
        fds, kib = held(process)
        print(f"    {served.__name__}: {seconds:.1f} s, {fds - before[0]:+} descriptors, {kib - before[1]:+} KiB",
              flush=True)
        assert seconds < SERVED_S, (served.__name__, seconds)
        assert fds < before[0] + MORE_FDS and kib < before[1] + MORE_KIB, (served.__name__, before, fds, kib)
    finally:
        crowd.close()
    wait_for("all are let go", lambda: held(process)[0] <= before[0] + 4)


def check_daemon(place, more, arguments):
    events, queries, metrics = free_ports(3)
    path = place.config(f"cameras: [{{id: a, uri: 'test://?width=64&height=48'}}]\n{BUSY}"
                        f"metrics: {{listen: '{metrics}'}}\npublish: {{query: ['tcp://127.0.0.1:{queries}'], "
                        f"endpoints: ['tcp://127.0.0.1:{events}']{more}}}\n")
    daemon = place.start("tytod", "--models", place.models, "--config", path, env=place.env)
    address = f"tcp://127.0.0.1:{events}"
    wait_for("a camera is live", lambda: "a is live" in text_of(daemon))

    def a_subscriber_is_served():
        result = place.run("tyto", "watch", address, "--json", "--count", "1", "--exit-after", "60", *arguments)
        assert result.returncode == 0 and '"type": "event"' in result.stdout.replace('":"', '": "'), result

    def a_query_is_answered():
        result = place.run("tyto", "list", address, "--json", *arguments)
        assert result.returncode == 0 and "begin_utc" in result.stdout, result

    def metrics_are_told():
        with socket.create_connection(("127.0.0.1", metrics), 60) as client:
            client.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            assert b" 200 " in client.recv(100)

    wait_for("events are there", lambda: "begin_utc" in place.run(
        "tyto", "list", address, "--json", *arguments).stdout)
    check_crowd(daemon, events, "zmq", a_subscriber_is_served)
    check_crowd(daemon, queries, "zmq", a_query_is_answered)
    check_crowd(daemon, metrics, "http", metrics_are_told)
    before = place.segments()
    wait_for("segments go on", lambda: place.segments() > before + 1)
    assert end(daemon) == 0, text_of(daemon)


def idle_clients_hold_nobody_up(place):
    check_daemon(place, "", ())


def idle_clients_hold_nobody_up_where_there_are_keys(place):
    config, arguments = place.make_keys()
    check_daemon(place, ", " + config, arguments)


def idle_clients_hold_nobody_up_at_the_page(place):
    if place.run("tyto", "serve", "--help").returncode != 0:
        raise unittest.SkipTest("tyto was built without its page")
    page = free_port()
    serving = place.start("tyto", "serve", place.endpoint, "--listen", f"127.0.0.1:{page}", log="serve.log")
    wait_for("it listens", lambda: f":{page}" in text_of(serving))

    def the_page_is_shown():
        with socket.create_connection(("127.0.0.1", page), 60) as client:
            client.sendall(b"GET / HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nConnection: close\r\n\r\n" % page)
            assert b" 200 " in client.recv(100)

    check_crowd(serving, page, "http", the_page_is_shown)
    assert end(serving) == 0, text_of(serving)


CASES = [idle_clients_hold_nobody_up, idle_clients_hold_nobody_up_where_there_are_keys,
         idle_clients_hold_nobody_up_at_the_page]

if __name__ == "__main__":
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(max(soft, 4096), hard), hard))
    sys.exit(cases.run_cases(CASES, cases.parser().parse_args(), Place, at_a_time=3))
