#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What stands between a camera and tytod, and spoils what passes: an RTSP server on loopback that gives
what another one has (chaos_stage). It says "ready PORT", and then does what it is told on its standard
input, a command a line; what held before goes on to hold.

  bad_camera.py STAGE_PORT NAME [--seed S]

  well           nothing is wrong any more, from the next connection on also with the clocks
  use NAME       connections give this camera of the stage from now on
  drop           ends all connections
  change NAME    those that are there go on with another camera of the stage, as if it had changed
                 its picture while it is watched
  stall          nothing is given any more, connections stay
  refuse         nobody is let in
  silent         who connects gets no answer
  answer CODE    requests are answered with this number, after the first one
  redirect URI   who asks is sent there; "self": here again
  starve N       stream 0 or 1 gives nothing
  lose SHARE     packets are lost;  swap SHARE: change places with the next one
  flip SHARE     packets have a bit of another value
  jump S         stamps of all packets jump by so many seconds;  clock S: the clock on the wall does
  reset          stamps go on from 0
  times          says when connections were begun since it was asked last: times S S ..., by the clock that
                 only goes on
  describe KIND  descriptions are hostile: many, long, empty, noise, deep, no-rate, twice, controls
"""
import argparse
import asyncio
import ctypes
import random
import re
import signal
import struct
import sys
import time

MAX_PENDING = 1 << 20


def hostile(kind, chance):
    head = b"v=0\r\no=- 0 0 IN IP4 0\r\ns=x\r\nt=0 0\r\n"
    video = b"m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=control:t%d\r\n"
    if kind == "many":
        return head + b"".join(video % i for i in range(4000))
    if kind == "long":
        return head + b"a=" + b"x" * 3000000 + b"\r\n" + video % 0
    if kind == "empty":
        return b""
    if kind == "deep":
        return head + b"a=fmtp:96 " + b"sprop-parameter-sets=" + b"Z0IAH" * 50000 + b"\r\n" + video % 0
    if kind == "no-rate":
        return head + b"m=audio 0 RTP/AVP 97\r\na=rtpmap:97 L16/0/0\r\na=control:t0\r\n" + video % 1
    if kind == "twice":
        return head + b"".join(video % 0 for _ in range(9))
    if kind == "controls":
        return head + b"".join(
            b"m=video 0 RTP/AVP 26\r\na=control:" + control + b"\r\n" for control in
            (b"rtsp://127.0.0.1:1/x", b"file:///etc/hostname", b"../" * 300, b"%00", b"*", b""))
    return head + chance.randbytes(20000)


class State:
    """What is wrong at present."""

    def __init__(self, args):
        self.name, self.stage_port = args.name, args.stage_port
        self.chance = random.Random(args.seed)
        self.connections, self.times = set(), []
        self.port = 0
        self.be_well()

    def be_well(self):
        self.is_stalled = self.is_refusing = self.is_silent = False
        self.code = self.uri = self.kind = self.starved = None
        self.lost = self.swapped = self.flipped = 0.0
        self.jump_s = self.clock_s = 0.0
        self.num_resets = 0

    def take(self, line):
        word, _, value = line.strip().partition(" ")
        if word == "well":
            self.be_well()
        elif word == "use":
            self.name = value
        elif word == "drop":
            for connection in list(self.connections):
                connection.end()
        elif word == "times":
            print("times", *(f"{seconds:.3f}" for seconds in self.times), flush=True)
            self.times = []
        elif word == "change":
            self.name = value
            for connection in list(self.connections):
                connection.change()
        elif word == "stall":
            self.is_stalled = True
        elif word == "refuse":
            self.is_refusing = True
        elif word == "silent":
            self.is_silent = True
        elif word == "answer":
            self.code = value
        elif word == "redirect":
            self.uri = value
        elif word == "starve":
            self.starved = int(value)
        elif word in ("lose", "swap", "flip"):
            setattr(self, {"lose": "lost", "swap": "swapped", "flip": "flipped"}[word], float(value))
        elif word == "jump":
            self.jump_s += float(value)
        elif word == "clock":
            self.clock_s += float(value)
        elif word == "reset":
            self.num_resets += 1
        elif word == "describe":
            self.kind = value
        else:
            print("what?", line.strip(), flush=True)


async def read_part(reader):
    """An interleaved packet (channel, bytes), or a message (None, head, body). At the end: raises."""
    first = await reader.readexactly(1)
    if first == b"$":
        channel, num = struct.unpack(">BH", await reader.readexactly(3))
        return channel, await reader.readexactly(num), b""
    head = first + await reader.readuntil(b"\r\n\r\n")
    length = re.search(rb"(?i)\ncontent-length: *(\d+)", head)
    return None, head, await reader.readexactly(int(length.group(1))) if length else b""


class Connection:
    def __init__(self, state, reader, writer):
        self.state, self.reader, self.writer = state, reader, writer
        self.rates, self.offsets, self.held = {}, {}, {}
        self.num_resets = state.num_resets
        self.stage = None
        self.tasks, self.over = [], asyncio.Event()
        self.name = state.name

    def end(self):
        for task in self.tasks:
            task.cancel()
        self.writer.transport.abort()
        if self.stage:
            self.stage.transport.abort()
        self.over.set()

    def change(self):
        self.tasks.append(asyncio.create_task(self.guarded(self.go_on_with_another)))

    async def guarded(self, work, *arguments):
        try:
            await work(*arguments)
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, ValueError):
            self.end()

    async def run(self):
        here = b"127.0.0.1:%d/camera" % self.state.port
        there = b"127.0.0.1:%d/%s" % (self.state.stage_port, self.name.encode())
        self.state.connections.add(self)
        try:
            reader, self.stage = await asyncio.open_connection("127.0.0.1", self.state.stage_port)
            self.tasks = [asyncio.create_task(self.guarded(self.ask, here, there)),
                          asyncio.create_task(self.guarded(self.answer, reader, here, there))]
            await self.over.wait()
        except OSError:
            pass
        finally:
            self.end()
            self.state.connections.discard(self)

    async def ask(self, here, there):
        num_asked = 0
        while True:
            channel, head, body = await read_part(self.reader)
            if self.stage.transport.is_closing():
                return self.end()
            if channel is not None:
                self.stage.write(b"$" + struct.pack(">BH", channel, len(head)) + head)
                continue
            num_asked += 1
            while self.state.is_silent:
                await asyncio.sleep(0.2)
            reply = self.refusal(head, num_asked)
            if reply:
                self.writer.write(reply)
                continue
            self.stage.write(head.replace(here, there) + body)
            await self.stage.drain()

    def refusal(self, head, num_asked):
        cseq = re.search(rb"(?i)cseq: *(\d+)", head)
        line = b"CSeq: %s\r\n" % (cseq.group(1) if cseq else b"0")
        if self.state.uri and head.startswith(b"DESCRIBE"):
            uri = self.state.uri
            if uri == "self":
                uri = f"rtsp://127.0.0.1:{self.state.port}/camera"
            return b"RTSP/1.0 302 Found\r\n" + line + b"Location: " + uri.encode() + b"\r\n\r\n"
        if self.state.code and num_asked > 1:
            return b"RTSP/1.0 " + self.state.code.encode() + b" No\r\n" + line + b"\r\n"
        if self.state.kind and head.startswith(b"DESCRIBE"):
            body = hostile(self.state.kind, self.state.chance)
            return (b"RTSP/1.0 200 OK\r\n" + line + b"Content-Type: application/sdp\r\n"
                    b"Content-Length: %d\r\n\r\n" % len(body) + body)
        return None

    async def answer(self, reader, here, there):
        while True:
            channel, head, body = await read_part(reader)
            if self.writer.transport.is_closing():
                return self.end()
            if channel is not None:
                self.pass_on(channel, bytearray(head))
                if self.writer.transport.get_write_buffer_size() > MAX_PENDING:
                    await self.writer.drain()
                continue
            if b"application/sdp" in head:
                self.learn_rates(body)
                body = body.replace(there, here)
                head = re.sub(rb"(?i)\ncontent-length: *\d+", b"\nContent-Length: %d" % len(body), head)
            self.writer.write(head.replace(there, here) + body)
            await self.writer.drain()

    def learn_rates(self, description):
        for number, media in enumerate(description.split(b"\r\nm=")[1:]):
            rate = re.search(rb"a=rtpmap:\d+ [^/\r]+/(\d+)", media)
            self.rates[number] = int(rate.group(1)) if rate else 90000 if b"video" in media[:9] else 8000

    def pass_on(self, channel, packet):
        state, stream = self.state, channel // 2
        if state.is_stalled or state.starved == stream or len(packet) < 12:
            return
        if self.num_resets != state.num_resets:
            self.num_resets = state.num_resets
            self.offsets = {}
        jump = int(state.jump_s * self.rates.get(stream, 90000))
        if channel % 2 == 0:
            if state.chance.random() < state.lost:
                return
            if state.num_resets:
                stamp = struct.unpack_from(">I", packet, 4)[0]
                jump -= self.offsets.setdefault(stream, stamp)
            self.shift(packet, 4, jump)
        elif packet[1] == 200 and len(packet) >= 28:  # a sender's report
            seconds = struct.unpack_from(">I", packet, 8)[0]
            struct.pack_into(">I", packet, 8, (seconds + int(state.clock_s)) % (1 << 32))
            self.shift(packet, 16, jump - self.offsets.get(stream, 0) * bool(state.num_resets))
        if state.chance.random() < state.flipped:
            packet[state.chance.randrange(len(packet))] ^= 1 << state.chance.randrange(8)
        framed = b"$" + struct.pack(">BH", channel, len(packet)) + packet
        if channel not in self.held and state.chance.random() < state.swapped:
            self.held[channel] = framed
            return
        self.writer.write(framed + self.held.pop(channel, b""))

    @staticmethod
    def shift(packet, at, by):
        stamp = struct.unpack_from(">I", packet, at)[0]
        struct.pack_into(">I", packet, at, (stamp + by) % (1 << 32))

    async def go_on_with_another(self):
        """A second connection to the stage, of which packets take the place of those of the first."""
        uri = f"rtsp://127.0.0.1:{self.state.stage_port}/{self.state.name}"
        reader, writer = await asyncio.open_connection("127.0.0.1", self.state.stage_port)
        session = ""

        async def ask(number, method, target, more=""):
            writer.write(f"{method} {target} RTSP/1.0\r\nCSeq: {number}\r\n{session}{more}\r\n".encode())
            while True:
                channel, head, body = await read_part(reader)
                if channel is None:
                    return head, body

        _, body = await ask(1, "DESCRIBE", uri, "Accept: application/sdp\r\n")
        for number in range(body.count(b"\r\nm=")):
            head, _ = await ask(2 + number, "SETUP", f"{uri}/stream={number}",
                                f"Transport: RTP/AVP/TCP;interleaved={2 * number}-{2 * number + 1}\r\n")
            found = re.search(rb"Session: *([^;\r]+)", head)
            if not found:
                raise ValueError("no session")
            session = f"Session: {found.group(1).decode()}\r\n"
        await ask(9, "PLAY", uri)
        before, self.stage = self.stage, writer
        self.tasks[1].cancel()
        before.transport.abort()
        self.tasks[1] = asyncio.create_task(self.guarded(self.answer, reader, b"\0here", b"\0there"))


async def read_commands(state):
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        state.take(line.decode())


async def serve(args):
    state = State(args)

    async def on_client(reader, writer):
        state.times.append(time.monotonic())
        if state.is_refusing:
            writer.transport.abort()
            return
        await Connection(state, reader, writer).run()

    server = await asyncio.start_server(on_client, "127.0.0.1", 0, limit=1 << 20)
    state.port = server.sockets[0].getsockname()[1]
    print("ready", state.port, flush=True)
    await read_commands(state)


def main():
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # a test that fails leaves none behind
    parser = argparse.ArgumentParser()
    parser.add_argument("stage_port", type=int)
    parser.add_argument("name")
    parser.add_argument("--seed", type=int, default=1)
    asyncio.run(serve(parser.parse_args()))


if __name__ == "__main__":
    main()
