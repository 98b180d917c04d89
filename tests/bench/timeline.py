#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""How fast the page's timeline is with many events, in a real browser.

  timeline.py TYTO SAY_EVENTS [--events N] [--turns N]

Per turn the page is opened anew: first paint (the newest events drawn, from the page's opening), all events
there, and the time from the click on a class's chip until the canvas has been drawn without it and the browser
has shown a picture more. Medians (least, most)."""
import argparse
import os
import statistics
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "flow"))
import browser
from serving import Serving

# The page draws in a callback of the next picture; the one after it comes when that has been shown.
FILTER = """
const done = arguments[arguments.length - 1];
const chip = document.querySelector('.chips button');
const begin = performance.now();
chip.click();
requestAnimationFrame(() => requestAnimationFrame(() => done(performance.now() - begin)));
"""


def measure(page, serving, num_events):
    page.open("about:blank")
    begin = time.monotonic()
    page.open(serving.address + "#/timeline")
    page.wait("return document.querySelector('canvas')?.dataset.painted")
    painted_ms = float(page.run("return document.querySelector('canvas').dataset.painted"))
    opened_ms = 1e3 * (time.monotonic() - begin)
    page.wait(f"return Number(document.querySelector('canvas').dataset.ready) > {0.8 * num_events}")
    ready_ms = 1e3 * (time.monotonic() - begin)
    filter_ms = float(page.call("POST", "/execute/async", {"script": FILTER, "args": []}))
    return painted_ms, opened_ms, ready_ms, filter_ms


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tyto")
    parser.add_argument("say_events")
    parser.add_argument("--events", type=int, default=110000)
    parser.add_argument("--turns", type=int, default=7)
    args = parser.parse_args()
    missing = browser.why_missing()
    if missing:
        sys.exit(missing)
    with Serving(args.tyto, args.say_events, args.events) as serving, browser.Browser() as page:
        turns = [measure(page, serving, args.events) for _ in range(args.turns)]
        ready = page.run("return document.querySelector('canvas').dataset.ready")
    print(f"{ready} events of {args.events}, {args.turns} turns, load {os.getloadavg()[0]:.1f}; ms, median (least, most)")
    for name, values in zip(("first paint, by the page's clock", "first paint, with the browser's opening", "all events", "a filter changed"), zip(*turns)):
        print(f"{name:42} {statistics.median(values):7.0f} ({min(values):.0f}, {max(values):.0f})")


if __name__ == "__main__":
    main()
