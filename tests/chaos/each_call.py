#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Each call that tytod makes to its disk (journal, what is set aside, recordings) fails once with EIO,
the first one, the second one, and so on: from its start on, and while it tells of events. Half of the
times it is killed (SIGKILL) a moment after that. At the end numbers are contiguous, who follows was given
exactly the messages of the journal, and each NEW has an END. The networks are made up.

  each_call.py --build DIR [--times N] [--short] [--seed S] [--patience X] [--keep DIR] [--quiet]

--times: of calls while it tells of events (150); those of its start are as many as there are. --short:
some of both."""
import collections
import os
import signal
import struct
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import house  # noqa: E402

MOST_CALLS = 20000
FURTHEST = 60  # calls while it runs: some commits, and what recordings write meanwhile


class EachCall(house.Recorded):
    def __init__(self, args, folder):
        super().__init__(args, folder)
        self.kinds, self.num_at_start = collections.Counter(), 0

    def let_fail(self, number):
        self.fault[4:12] = struct.pack("<I4s", number, b"")
        self.fault[0:1] = b"5"

    def failed(self):
        """The kind of the call that failed, if one has."""
        return self.fault[8:12].rstrip(b"\0").decode()

    def count_calls(self):
        """Of a start, until it answers."""
        self.let_fail(MOST_CALLS)
        self.start_daemon()
        num = MOST_CALLS - struct.unpack("<I", self.fault[4:8])[0]
        self.fault[0:1] = b"0"
        self.wait_for("messages", lambda: self.followers[0].position() > 10, house.START_S)
        self.stop_daemon("kill -9")
        # The first start made files that the others find.
        self.let_fail(MOST_CALLS)
        self.start_daemon()
        num = MOST_CALLS - struct.unpack("<I", self.fault[4:8])[0]
        self.fault[0:1] = b"0"
        self.stop_daemon("kill -9")
        return num

    def note(self):
        kind = self.failed()
        if kind:
            self.say("failed:", kind)
            self.kinds[kind] += 1
            self.counts["failed"] += 1
        self.fault[0:1] = b"0"

    def end_or_kill(self):
        time.sleep(self.chance.uniform(0, 0.5))
        self.check_alive()
        self.stop_daemon(self.chance.choice(("kill -9", "SIGTERM")))

    def fail_at_start(self, number):
        self.say(f"call {number} of the start")
        self.let_fail(number)
        self.start_daemon()
        self.note()
        self.end_or_kill()

    def fail_while_it_runs(self):
        before = self.followers[0].position()
        self.wait_for("messages", lambda: self.followers[0].position() > before + 3, house.START_S)
        self.let_fail(self.chance.randint(1, FURTHEST))
        self.wait_for("a call fails", self.failed, house.START_S)
        self.note()
        if self.chance.random() < 0.5:
            self.end_or_kill()
            # What was set aside for the next run is read by one that meets a failure, too.
            self.let_fail(self.chance.randint(1, self.num_at_start))
            self.start_daemon()
            self.note()

    def run(self):
        num = self.num_at_start = self.count_calls()
        self.say(f"{num} calls from a start until it answers")
        for number in range(1, num + 1, 1 if not self.args.short else max(num // 4, 1)):
            self.fail_at_start(number)
        self.start_daemon()
        for _ in range(4 if self.args.short else self.args.times):
            self.fail_while_it_runs()
        self.wait_until_written()
        self.finish()
        self.counts.update({f"{kind}": n for kind, n in self.kinds.items()})


def main():
    parser = house.arguments(__doc__)
    parser.add_argument("--times", type=int, default=150)
    return house.keep(parser.parse_args(), "each call", EachCall)


if __name__ == "__main__":
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    sys.exit(main())
