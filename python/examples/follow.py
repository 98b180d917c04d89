#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Keeps a day's events by camera and class in a table, and misses none over restarts of this program
or of tytod.

  follow.py [ENDPOINT [POSITION_FILE [SECONDS]]]

Each message is printed when it has been worked on: its number, the event's id, camera, class, phase."""
import collections
import datetime
import signal
import sys
import time

import tyto

SHOW_EVERY_S = 60


def show(counts):
    print("events that ended today (UTC), by camera and class:", file=sys.stderr)
    for (camera, class_name), num in sorted(counts.items()):
        print(f"  {camera:24} {class_name:24} {num:6}", file=sys.stderr)


def main():
    args = dict(enumerate(sys.argv[1:]))
    endpoint = args.get(0, "tcp://127.0.0.1:5571")
    position = args.get(1, "events.position")
    end = time.monotonic() + float(args.get(2, 1e9))
    counts, day, shown = collections.Counter(), None, time.monotonic()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with tyto.follow(endpoint, position, timeout=1) as feed:
        while time.monotonic() < end:
            # Without an item for a second the loop below ends, and the table may be due.
            for item in feed:
                if isinstance(item, tyto.Lost):
                    print("lost", item.from_seq, item.to_seq, item.num, item.why, flush=True)
                elif item.event:
                    event = item.event
                    today = datetime.datetime.now(datetime.timezone.utc).date()
                    if today != day:
                        counts.clear()
                        day = today
                    if event.phase == "end" and event.end and event.end.date() == day:
                        counts[event.camera, event.class_name] += 1
                    print(item.seq, event.id, event.camera, event.class_name, event.phase, flush=True)
                if time.monotonic() >= end:
                    feed.done()  # no more is asked for: this one has been worked on
                    break
            if time.monotonic() - shown > SHOW_EVERY_S:
                show(counts)
                shown = time.monotonic()


if __name__ == "__main__":
    main()
