#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Each piece of memory that tytod asks for is refused once, the first one, the second one, and so on: from its
start on, and while it tells of events. A start without memory either goes on or ends with an error that is
told; what runs goes on. At the end numbers are contiguous, who follows was given exactly the messages of the
journal, and each NEW has an END. Counted is what tytod's own code and SQLite ask for (failing_alloc.c).

  each_alloc.py --build DIR [--times N] [--short] [--seed S] [--patience X] [--keep DIR] [--quiet]

--times: of starts, and of moments while it runs (150 of each). --short: a few of both."""
import collections
import mmap
import os
import signal
import struct
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import house  # noqa: E402
from house import Violation  # noqa: E402

MOST = 2 ** 31
FURTHEST = 3000  # while it runs: some seconds of a camera, commits, and what recordings need
WITHIN_S = 20  # that many are asked for
CONTROL_BYTES = 16  # of failing_alloc


class EachAlloc(house.Recorded):
    def __init__(self, args, folder):
        super().__init__(args, folder)
        path = os.path.join(folder, "memory")
        with open(path, "wb") as file:
            file.write(bytes(CONTROL_BYTES))
        with open(path, "r+b") as file:
            self.memory = mmap.mmap(file.fileno(), CONTROL_BYTES)
        self.preloads.append(self.program("tests/chaos/failing_alloc.so"))
        self.daemon_env["TYTO_CHAOS_MEMORY"] = path
        self.places = collections.Counter()

    def refuse(self, number):
        """The number-th piece from now on; 0: none."""
        self.memory[8:16] = bytes(8)
        self.memory[0:4] = struct.pack("<I", number)

    def to_go(self):
        return struct.unpack("<I", self.memory[0:4])[0]

    def note(self):
        """What was refused, if anything was."""
        if self.to_go() > 0:
            self.refuse(0)
            self.counts["not asked for"] += 1
            return
        where = struct.unpack("<Q", self.memory[8:16])[0]
        self.places[where] += 1
        self.counts["refused"] += 1
        self.say(f"refused: {self.place(where) if where and not self.args.quiet else 'of SQLite' if not where else hex(where)}")

    def place(self, where):
        found = subprocess.run(["addr2line", "-e", self.program("daemon/tytod"), "-fs", hex(where - 1)],
                               capture_output=True, text=True, check=False).stdout.split()
        return " ".join(found) or hex(where)

    def count(self):
        """Those of a start, until it answers."""
        self.refuse(MOST)
        self.start_daemon()
        num = MOST - self.to_go()
        self.refuse(0)
        self.wait_for("messages", lambda: self.followers[0].position() > 10, house.START_S)
        self.stop_daemon("SIGTERM")
        return num

    def has_ended(self):
        """By itself, which must not be by a signal, and must be told."""
        status = self.daemon.poll()
        if status is None:
            return False
        text = self.tail()
        if status <= 0 or not any(word in text for word in ("error", "memory")):
            raise Violation(f"it ended with {status}\n{text}")
        self.check_log()
        return True

    def refuse_at_start(self, number):
        self.say(f"piece {number} of the start")
        self.refuse(number)
        self.start_daemon(is_waited_for=False)
        end = time.monotonic() + house.START_S * self.args.patience
        while not self.has_ended() and self.status() is None:
            if time.monotonic() > end:
                raise Violation(f"it neither answers nor ends\n{self.tail()}")
            time.sleep(0.1)
        self.note()
        if self.daemon.poll() is not None:
            self.counts["starts refused"] += 1
            return
        time.sleep(self.chance.uniform(0, 0.5))
        self.check_alive()
        self.stop_daemon("SIGTERM")

    def refuse_while_it_runs(self):
        self.refuse(self.chance.randint(1, FURTHEST))
        end = time.monotonic() + WITHIN_S
        while self.to_go() > 0 and time.monotonic() < end:
            self.check_alive()
            # What is asked of it needs memory, too; without it the one who asks is sent away.
            self.status()
            time.sleep(0.02)
        self.note()
        before = self.followers[0].position()
        self.wait_for("messages", lambda: self.followers[0].position() > before + 3, house.START_S)

    def run(self):
        num = self.count()
        self.say(f"{num} pieces from a start until it answers")
        times = 5 if self.args.short else self.args.times
        for number in range(1, num + 1, max(num // times, 1)):
            self.refuse_at_start(number)
        self.refuse(0)
        self.start_daemon()
        for _ in range(times):
            self.refuse_while_it_runs()
        self.wait_until_written()
        self.finish()
        self.say("places:", len(self.places))


def main():
    parser = house.arguments(__doc__)
    parser.add_argument("--times", type=int, default=150)
    return house.keep(parser.parse_args(), "each piece of memory", EachAlloc)


if __name__ == "__main__":
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    sys.exit(main())
