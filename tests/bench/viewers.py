#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What viewers of the page cost tytod and tyto serve.

  viewers.py [--viewers N] [--cameras N] [--seconds S] [--turns N] [--bin DIR --models DIR]

tytod watches the demo camera N times and sends what it sees (snapshots.send), tyto serve stands beside it.
In turns nobody looks, one viewer looks at Now, N look at Now, N at the Timeline: each a connection for the
stream, and what that page asks for (/api/now, /api/events, a picture of /live for each that is told of
while none of that camera is under way). CPU by /proc, in percent of a core; medians over the turns, so
that other work on the machine meets all of them alike.
--bin: tytod and tyto of a build's folder instead of the installed dist (TYTO_DIST), which has the demo camera;
with the models that tytod is to use."""
import argparse
import asyncio
import json
import multiprocessing
import os
import statistics
import subprocess
import sys
import tempfile
import time

import cameras

SETTLE_S = 3
WAYS = (("nobody", 0, ""), ("1 on Now", 1, "now"), ("{n} on Now", None, "now"), ("{n} on Timeline", None, "timeline"))


def ticks(pid):
    """Of all threads, those that have ended among them."""
    stat = cameras.read(f"/proc/{pid}/stat")
    fields = stat[stat.rindex(")") + 2:].split()
    return int(fields[11]) + int(fields[12])


class Viewer:
    """A page that is open: its stream, and what it asks for because of that."""

    def __init__(self, address, page, counts):
        self.host, self.port = address.split("/")[2].rsplit(":", 1)
        self.page, self.counts, self.busy, self.fetches = page, counts, set(), set()

    async def ask(self, path):
        reader, writer = await asyncio.open_connection(self.host, int(self.port), limit=1 << 24)
        writer.write(f"GET {path} HTTP/1.1\r\nHost: {self.host}:{self.port}\r\nAccept: */*\r\n\r\n".encode())
        return reader, writer

    async def get(self, path, count):
        reader, writer = await self.ask(path)
        self.counts[count] += 1
        self.counts["bytes"] += len(await reader.read())
        writer.close()

    async def picture(self, camera):
        await self.get(f"/live?camera={camera}", "pictures")
        self.busy.discard(camera)

    async def run(self):
        await self.get("/api/now", "asked")
        if self.page == "timeline":
            await self.get("/api/events", "asked")
        reader, _ = await self.ask("/api/stream" if self.page == "now" else "/api/stream?seconds=no")
        name = ""
        while line := await reader.readline():
            text = line.decode().strip()
            if text.startswith("event: "):
                name = text[7:]
                self.counts["messages"] += 1
            elif text.startswith("data: ") and name == "sight" and self.page == "now":
                camera = json.loads(text[6:])["camera"]
                if camera not in self.busy:
                    self.busy.add(camera)
                    fetch = asyncio.ensure_future(self.picture(camera))
                    self.fetches.add(fetch)  # nobody else holds it
                    fetch.add_done_callback(self.fetches.discard)


def look(address, page, num, pipe):
    """In a process of its own, until something comes by the pipe; then tells what there was."""
    counts = dict.fromkeys(("messages", "pictures", "asked", "bytes"), 0)

    async def run():
        tasks = [asyncio.ensure_future(Viewer(address, page, counts).run()) for _ in range(num)]
        while not pipe.poll():
            await asyncio.sleep(0.1)
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    asyncio.run(run())
    pipe.send(counts)


def measure(processes, address, page, num, seconds):
    """Percent of a core of each process, and what the viewers got a second."""
    ours, theirs = multiprocessing.Pipe()
    child = multiprocessing.Process(target=look, args=(address, page, num, theirs)) if num else None
    if child:
        child.start()
    time.sleep(SETTLE_S)
    before, begin = [ticks(process.pid) for process in processes], time.monotonic()
    time.sleep(seconds)
    took = time.monotonic() - begin
    used = [100 * (ticks(process.pid) - first) / cameras.TICKS / took for process, first in zip(processes, before)]
    counts = {}
    if child:
        ours.send("enough")
        counts = ours.recv()
        child.join()
    return used, {key: value / (took + SETTLE_S) for key, value in counts.items()}


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("--viewers", type=int, default=20)
    parser.add_argument("--cameras", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=15)
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--fps", type=int, default=12)
    parser.add_argument("--bin")
    parser.add_argument("--models")
    parser.add_argument("--cache", default=os.path.join(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "tyto", "demo"))
    args = parser.parse_args()
    programs = {name: os.path.join(args.bin, folder, name) if args.bin and folder else cameras.program(name)
                for name, folder in (("tytod", "daemon"), ("tyto", "cli"), ("tyto-demo-camera", None))}
    if not all(os.path.exists(path) for path in programs.values()):
        print(f"SKIP: {' or '.join(programs.values())} is not there (scripts/setup makes them)")
        return 77
    scene = ["--quiet", "--port", "0", "--cameras", str(args.cameras), "--fps", str(args.fps), "--cache", args.cache, "--seconds", "120"]
    with tempfile.TemporaryDirectory(prefix="tyto-viewers-") as folder:
        running = [subprocess.Popen([programs["tyto-demo-camera"], *scene], stdout=subprocess.PIPE, text=True)]
        try:
            uris = [running[0].stdout.readline().strip() for _ in range(args.cameras)]
            if not all(uris):
                raise SystemExit("the demo camera did not start")
            endpoint, config = f"ipc://{folder}/events.sock", os.path.join(folder, "tytod.yaml")
            with open(config, "w", encoding="utf-8") as file:
                file.write("cameras:\n" + "".join(f"  - {{id: camera-{i}, uri: \"{uri}\"}}\n" for i, uri in enumerate(uris)) +
                           f"publish: {{endpoints: [\"{endpoint}\"]}}\nsnapshots: {{send: true}}\n")
            models = ["--models", args.models] if args.models else []
            with open(os.path.join(folder, "log"), "w", encoding="utf-8") as log:
                daemon = subprocess.Popen([programs["tytod"], "--config", config, "--control", f"{folder}/control.sock", *models], stderr=log)
                running.append(daemon)
                page = subprocess.Popen([programs["tyto"], "serve", endpoint, "--listen", "127.0.0.1:0", "--socket", f"{folder}/control.sock"], stdout=subprocess.PIPE, stderr=log, text=True)
                running.append(page)
            address = page.stdout.readline().strip()
            time.sleep(cameras.WARM_UP_S)
            found = {}
            for _ in range(args.turns):
                for name, num, path in WAYS:
                    found.setdefault(name, []).append(measure((daemon, page), address, path, args.viewers if num is None else num, args.seconds))
            if any(process.poll() is not None for process in running):
                raise SystemExit("a program ended by itself")
        finally:
            for process in reversed(running):
                cameras.stop(process)
    print(f"{args.cameras} cameras, {args.turns} turns of {args.seconds} s each; load {os.getloadavg()[0]:.1f}; % of a core, median (least, most)")
    for name, _, _ in WAYS:
        used = [[turn[0][i] for turn in found[name]] for i in range(2)]
        rates = {key: statistics.median(turn[1].get(key, 0) for turn in found[name]) for key in ("messages", "pictures", "bytes")}
        cells = [f"{statistics.median(one):6.1f} ({min(one):.1f}, {max(one):.1f})" for one in used]
        print(f"{name.format(n=args.viewers):16} tytod {cells[0]:22} tyto serve {cells[1]:22} {rates['messages']:6.1f} messages, {rates['pictures']:5.1f} pictures, {rates['bytes'] / 1e6:.2f} MB a second")
    return 0


if __name__ == "__main__":
    sys.exit(main())
