#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A quiet life for an hour: four RTSP cameras, or fewer, that lose their connection once a minute, reloads (one in ten
of a bad file), other models. Resident memory is looked at every ten seconds; after settling its slope must
not be more than asked.

  soak.py --build DIR [--minutes M] [--settle-minutes M] [--pace-s S] [--seed S] [--patience X]
          [--keep DIR] [--cameras N] [--rate R] [--quiet]

Prints the slope by least squares with its standard error, in which values that follow each other count as
what they are: not independent (their autocorrelation makes it larger). --keep: memory.txt
has what was seen, a line each: seconds, KiB resident. --rate: all clocks, the cameras' too, go so
many times faster (faked_clock.c): --minutes, --settle-minutes and --pace-s are theirs, and 72 hours at 40
take 108 minutes; memory.txt has real seconds."""
import os
import signal
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import house  # noqa: E402
import wear  # noqa: E402
from house import Violation  # noqa: E402

LOOK_S, TELL_S = 10, 300
ASKED_KIB = 1024  # an hour
LEAST_POINTS = 12


def line_through(points):
    """Of (x, y): y for each 1 of x, and its standard error."""
    num = len(points)
    slope = wear.slope(points)
    mean_x, mean_y = sum(x for x, _ in points) / num, sum(y for _, y in points) / num
    rests = [y - mean_y - slope * (x - mean_x) for x, y in points]
    squares = sum(rest * rest for rest in rests)
    if squares == 0:
        return slope, 0.0
    alike = min(max(sum(a * b for a, b in zip(rests, rests[1:])) / squares, 0), 0.99)
    spread = sum((x - mean_x) ** 2 for x, _ in points)
    return slope, (squares / (num - 2) / spread * (1 + alike) / (1 - alike)) ** 0.5


class Soak(wear.Wear):
    def step(self, num):
        """One thing at a time, in turns: most of them a lost connection."""
        self.drop_the_live()
        if num % 2 == 1:
            self.reload()
        if num % 3 == 2:
            self.swap()

    def run(self):
        args = self.args
        self.start_daemon()
        self.wait_for("all cameras are live", self.is_all_live, house.START_S)
        begin = told = stepped = time.monotonic()
        points, num_steps = [], 0
        with open(os.path.join(self.folder, "memory.txt"), "w", encoding="ascii") as file:
            while time.monotonic() - begin < args.minutes * 60 / args.rate:
                time.sleep(min(LOOK_S, args.pace_s / args.rate))
                self.check_alive()
                self.look(points, begin)
                print(f"{points[-1][0]:.1f} {points[-1][1]}", file=file, flush=True)
                if time.monotonic() - stepped > args.pace_s / args.rate:
                    stepped = time.monotonic()
                    self.step(num_steps)
                    num_steps += 1
                    self.count_connections()
                if time.monotonic() - told > TELL_S:
                    told = time.monotonic()
                    self.tell("soak", points)
        points = [(seconds * args.rate, kib) for seconds, kib in points]
        settled = [point for point in points if point[0] >= args.settle_minutes * 60]
        self.tell("soak", points)
        if len(settled) < LEAST_POINTS:
            raise Violation(f"only {len(settled)} looks at memory after settling")
        per_s, error = (value * 3600 / 1024 for value in line_through(settled))
        self.say(f"{len(settled)} looks from minute {args.settle_minutes:g} on: "
                 f"{per_s:+.2f} +- {error:.2f} MiB an hour")
        if (per_s - 2 * error) * 1024 > ASKED_KIB and args.minutes >= 30:
            raise Violation(f"memory grows by {per_s:.2f} +- {error:.2f} MiB an hour")
        self.finish()


def main():
    parser = house.arguments(__doc__)
    for name, value in (("minutes", 60), ("settle-minutes", 10), ("pace-s", 60)):
        parser.add_argument("--" + name, type=float, default=value)
    parser.add_argument("--cameras", type=int, default=wear.GROUP, choices=range(1, wear.GROUP + 1))
    args = parser.parse_args()
    return house.keep(args, "soak", Soak)


if __name__ == "__main__":
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    sys.exit(main())
