#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""An RTSP server that does one odd thing; prints "ready PORT" and then "+SECONDS" for each
connection, since the server began.

  odd_camera.py many N        describes N streams and answers nothing after that
  odd_camera.py redirect URI  sends every request on to URI ("self": to itself)
  odd_camera.py status CODE   answers every request with CODE
  odd_camera.py body N        describes itself in N bytes, which it sends
  odd_camera.py close N       closes the connection after N answers
  odd_camera.py web CODE:PATH  HTTP: answers everything with CODE, sent on to PATH
  odd_camera.py playlist N    HTTP: gives a live playlist that names N pieces, none of which is there
  odd_camera.py later A.ts:B.ts   HTTP: gives A and then B to the first that comes, B to others
"""
import ctypes
import itertools
import re
import signal
import socket
import sys
import threading
import time

MODE, ARGUMENT = sys.argv[1], sys.argv[2]
BEGIN = time.monotonic()


def describe(num):
    media = (b"m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=control:t%d\r\n" % i for i in range(num))
    return b"v=0\r\no=- 0 0 IN IP4 0\r\ns=x\r\nt=0 0\r\n" + b"".join(media)


def answer(method, cseq, port):
    head = b"CSeq: %s\r\n" % cseq
    if MODE == "redirect":
        uri = "rtsp://127.0.0.1:%d/x" % port if ARGUMENT == "self" else ARGUMENT
        return b"RTSP/1.0 302 Found\r\n" + head + b"Location: " + uri.encode() + b"\r\n\r\n"
    if MODE == "status" and method != b"OPTIONS":
        return b"RTSP/1.0 " + ARGUMENT.encode() + b" No\r\n" + head + b"\r\n"
    if method == b"DESCRIBE":
        sdp = describe(int(ARGUMENT) if MODE == "many" else 1)
        head += b"Content-Type: application/sdp\r\nContent-Length: %d\r\n" % len(sdp)
        return b"RTSP/1.0 200 OK\r\n" + head + b"\r\n" + sdp
    if method == b"OPTIONS":
        return b"RTSP/1.0 200 OK\r\n" + head + b"Public: OPTIONS, DESCRIBE, SETUP, PLAY\r\n\r\n"
    return None


def serve(client, port):
    data, num = b"", 0
    with client:
        while True:
            while b"\r\n\r\n" not in data:
                more = client.recv(4096)
                if not more:
                    return
                data += more
            request, data = data.split(b"\r\n\r\n", 1)
            cseq = re.search(rb"(?i)cseq: *(\d+)", request).group(1)
            reply = answer(request.split(b" ", 1)[0], cseq, port)
            if reply is None:
                time.sleep(3600)
            if MODE == "body" and b"application/sdp" in reply:
                head = b"CSeq: %s\r\nContent-Type: application/sdp\r\nContent-Length: %d\r\n\r\n"
                client.sendall(b"RTSP/1.0 200 OK\r\n" + head % (cseq, int(ARGUMENT)))
                for _ in range(int(ARGUMENT) // 65536):
                    client.sendall(bytes(65536))
            client.sendall(reply)
            num += 1
            if MODE == "close" and num == int(ARGUMENT):
                return


def give(client, num_before):
    names = ARGUMENT.split(":")
    with client:
        client.recv(4096)
        client.sendall(b"HTTP/1.0 200 OK\r\nContent-Type: video/mp2t\r\n\r\n")
        for name in names if num_before == 0 else names[1:]:
            with open(name, "rb") as file:
                client.sendall(file.read())
        time.sleep(3600)


def refuse(client):
    code, path = ARGUMENT.split(":", 1)
    with client:
        client.recv(4096)
        client.sendall(b"HTTP/1.1 %s No\r\nLocation: %s\r\nContent-Length: 0\r\n\r\n" % (code.encode(), path.encode()))


def play_nothing(client):
    with client:
        path = client.recv(4096).split(b" ")[1]
        first = int(time.monotonic() - BEGIN)
        pieces = b"".join(b"#EXTINF:1.0,\n%d.ts\n" % i for i in range(first, first + int(ARGUMENT)))
        head = b"#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:1\n#EXT-X-MEDIA-SEQUENCE:%d\n" % first
        body = head + pieces if b".m3u8" in path else b""
        answer = b"HTTP/1.1 %s\r\nContent-Length: %d\r\nConnection: close\r\n"
        client.sendall(answer % (b"200 OK" if body else b"404 Not Found", len(body)))
        client.sendall(b"Content-Type: application/vnd.apple.mpegurl\r\n\r\n" + body)


def quietly(client, port, num_before):
    try:
        if MODE == "web":
            refuse(client)
        elif MODE == "playlist":
            play_nothing(client)
        elif MODE == "later":
            give(client, num_before)
        else:
            serve(client, port)
    except OSError:
        pass


def main():
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # a test that fails leaves none behind
    server = socket.create_server(("127.0.0.1", 0), backlog=64)
    port = server.getsockname()[1]
    print("ready", port, flush=True)
    for num_before in itertools.count():
        client, _ = server.accept()
        print("+%.3f" % (time.monotonic() - BEGIN), flush=True)
        threading.Thread(target=quietly, args=(client, port, num_before), daemon=True).start()


if __name__ == "__main__":
    main()
