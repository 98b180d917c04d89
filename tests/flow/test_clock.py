#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The clock of the host is set while tytod runs, by a day ahead, back and into 2039, and tytod is
started in 2039, a moment before daylight saving begins: events have the time that it says then,
those that are open keep their begin and their length, numbers go on without a gap, and nothing that
is kept is deleted for it.

  test_clock.py --bin DIR ... --make PROGRAM --clock LIBRARY [NAME...]

LIBRARY is faked_clock.so, which is loaded before libc. How old what is kept gets is in
tests/unit/daemon/test_journal_age.c."""
import calendar
import datetime
import os
import sqlite3
import struct
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import cases  # noqa: E402
from test_control import Place  # noqa: E402
from test_daemon import BUSY, end, lines_of, text_of, wait_for  # noqa: E402

CONFIG = "cameras: [{id: a, uri: 'test://?width=64&height=48'}]\n" + BUSY
LONGEST_S = 2 + 1  # one segment more: it is cut at the end of one
DAY_S = 86400
SUMMER_S = calendar.timegm((2039, 3, 27, 1, 0, 0))  # daylight saving begins in Berlin
LATE_S = 30  # what a machine with other work may be late by; a step is a thousand times as much


class Clock(Place):
    """Of the daemon alone: the test and `tyto watch` go by the real one."""

    def __init__(self, args, folder):
        super().__init__(args, folder)
        self.path = os.path.join(self.folder, "clock")
        self.journal = os.path.join(self.folder, "journal")
        with open(self.path, "wb") as file:
            file.write(struct.pack("q", 0))
        self.ahead_s = 0

    def set(self, ahead_s):
        """By how much it is ahead of the real one. The daemon has it at once: the file is mapped."""
        with open(self.path, "r+b", buffering=0) as file:
            file.write(struct.pack("q", round(ahead_s * 1e9)))
        self.ahead_s = ahead_s

    def run_daemon(self, log):
        path = self.config(CONFIG + f"journal: {{path: {self.journal}, max_days: 1, scores_days: 1}}\n")
        env = {**self.env, "LD_PRELOAD": self.args.clock, "TYTO_CHAOS_CLOCK": self.path, "TZ": "Europe/Berlin"}
        return self.start_daemon("--config", path, env=env, log=log)

    def kept(self):
        database = sqlite3.connect(f"file:{self.journal}?mode=ro", uri=True, timeout=20)
        try:
            return [seq for seq, in database.execute("SELECT seq FROM messages ORDER BY seq")]
        finally:
            database.close()


def seconds_of(utc):
    return datetime.datetime.fromisoformat(utc.replace("Z", "+00:00")).timestamp()


def events_of(watch):
    return [e for e in lines_of(watch) if e["type"] == "event"]


def is_now(clock, event):
    """It began by what the clock says, a moment ago."""
    return -1 < time.time() + clock.ahead_s - seconds_of(event["begin_utc"]) < LATE_S


def wait_for_events(clock, watch):
    """Two that have begun since the clock was set: one of them has nothing of what was before."""
    num_before = len(events_of(watch))
    wait_for("events of now", lambda: sum(
        e["phase"] == "new" and is_now(clock, e) for e in events_of(watch)[num_before:]) > 1)


def check_events(watch):
    """Begin and length of each, whatever the clock was set to while it was open. -> how many"""
    begins, lengths, num_crossed = {}, {}, 0
    for event in events_of(watch):
        begin, told = seconds_of(event["begin_utc"]), seconds_of(event["told_utc"])
        assert begins.setdefault(event["id"], begin) == begin, event
        num_crossed += abs(told - begin) > DAY_S / 2
        if event["phase"] == "end" and event["reason"] != "recovered":
            lengths[event["id"]] = seconds_of(event["end_utc"]) - begin
            assert 0 < lengths[event["id"]] <= LONGEST_S, event
    assert num_crossed > 0, "no event was open while the clock was set"
    return len(lengths)


def what_is_told_and_kept_bears_a_clock_that_is_set(clock):
    watch = clock.start_watch("watch.log")
    daemon = clock.run_daemon("first.log")
    wait_for_events(clock, watch)
    for ahead_s in (DAY_S, -DAY_S, SUMMER_S - time.time(), 0):
        clock.set(ahead_s)
        wait_for_events(clock, watch)
    wait_for("it is told", lambda: text_of(daemon).count("clock was set ") >= 4)
    assert end(daemon) == 0, text_of(daemon)
    num_events = check_events(watch)
    clock.set(SUMMER_S - time.time() - 2)
    daemon = clock.run_daemon("second.log")
    wait_for_events(clock, watch)
    wait_for("summer has begun", lambda: time.time() + clock.ahead_s > SUMMER_S)
    wait_for_events(clock, watch)
    assert end(daemon) == 0, text_of(daemon)
    assert check_events(watch) > num_events
    kept = clock.kept()
    assert kept == list(range(1, len(kept) + 1)), "numbers are not contiguous, or some were deleted"
    told = sorted({e["seq"] for e in events_of(watch)})
    assert set(told) <= set(kept) and len(told) > 10, told


if __name__ == "__main__":
    arguments = cases.parser()
    arguments.add_argument("--clock", required=True)
    sys.exit(cases.run_cases([what_is_told_and_kept_bears_a_clock_that_is_set], arguments.parse_args(), Clock))
