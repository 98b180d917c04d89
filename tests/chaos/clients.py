# SPDX-License-Identifier: MIT
"""Clients of tytod that do not behave, each for a moment: they say what they do in words of the wire,
so that nothing on their side holds them back. All take the paths of Unix sockets."""
import json
import socket
import time

GREETING = b"\xff" + b"\0" * 8 + b"\x7f\x03\0NULL" + b"\0" * 48


def connect(path, seconds=5):
    client = socket.socket(socket.AF_UNIX)
    client.settimeout(seconds)
    client.connect(path)
    return client


def shake_hands(path, kind):
    """A ZeroMQ peer of this kind ("SUB", "DEALER"), its hands shaken."""
    client = connect(path)
    client.sendall(GREETING)
    client.recv(64, socket.MSG_WAITALL)
    ready = b"\x05READY\x0bSocket-Type" + len(kind).to_bytes(4, "big") + kind.encode()
    client.sendall(b"\x04" + bytes([len(ready)]) + ready)
    return client


def frame(data):
    if len(data) < 256:
        return b"\0" + bytes([len(data)]) + data
    return b"\2" + len(data).to_bytes(8, "big") + data


def flood_with(path, topic, num):
    """Subscribes num times, to another topic each. Returns how many went out before it was cut off."""
    done = 0
    try:
        with shake_hands(path, "SUB") as client:
            while done < num:
                client.sendall(b"".join(frame(b"\x01%06d" % (done + i) + topic) for i in range(50)))
                done += 50
    except OSError:
        pass
    return done


def flood(path, chance, seconds):
    """Subscribes without end. Returns how many went out before it was cut off."""
    until, num, topic = time.monotonic() + seconds, 0, b"x" * chance.choice((10, 200, 500, 60000))
    while time.monotonic() < until:
        num += flood_with(path, topic, 1000)
    return num


def garbage(path, chance):
    """Noise in the place of a greeting, or behind hands that were shaken."""
    try:
        with (shake_hands(path, chance.choice(("SUB", "DEALER"))) if chance.random() < 0.7
              else connect(path)) as client:
            for _ in range(chance.randrange(1, 20)):
                noise = chance.randbytes(chance.randrange(1, 3000))
                client.sendall(frame(noise) if chance.random() < 0.7 else noise)
    except OSError:
        pass


def stand_about(path, num):
    """Connections that say nothing; as many as there is room for. To be closed by the caller."""
    found = []
    for _ in range(num):
        try:
            found.append(connect(path, 1))
        except OSError:
            break
    return found


def stand_still(path):
    """Subscribes to everything and reads nothing. To be closed by the caller."""
    try:
        client = shake_hands(path, "SUB")
        client.sendall(frame(b"\x01"))
        return [client]
    except OSError:
        return []


def bother_control(path, chance):
    line = chance.choice((b"{", b"null\n", b'{"command": "swap"}\n', chance.randbytes(400) + b"\n",
                          b'{"command": "swap", "path": "/dev/zero"}\n', b"[" * 5000 + b"\n",
                          b'{"command": "status"}\n' * 50, b"x" * 200000))
    try:
        with connect(path) as client:
            client.sendall(line)
            if chance.random() < 0.5:
                client.recv(100)
    except OSError:
        pass


def bother_http(port, chance):
    request = chance.choice((b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n", b"GET /", chance.randbytes(500),
                             b"POST /metrics HTTP/1.1\r\nContent-Length: 999999999\r\n\r\n",
                             b"GET /" + b"a" * 100000 + b" HTTP/1.1\r\n\r\n",
                             b"GET /healthz HTTP/1.1\r\n" + b"X: y\r\n" * 3000))
    try:
        with socket.create_connection(("127.0.0.1", port), 5) as client:
            client.sendall(request)
            client.settimeout(0.2)
            client.recv(100)
    except OSError:
        pass


def ask(path, seconds, /, **request):
    """What the control socket answers."""
    with connect(path, seconds) as client:
        stream = client.makefile("rw")
        stream.write(json.dumps(request) + "\n")
        stream.flush()
        line = stream.readline()
        if not line:
            raise ConnectionError("the control socket was closed without an answer")
        return json.loads(line)
