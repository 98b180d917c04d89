#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A crowd at the event socket: 64 fast subscribers, one that is slow, one that stands still, and one
that floods it with subscriptions (100,000 at a time, and prefixes of 60,000 bytes). Each fast one must
get every event, the slow one and the stopped one, too, by replay, each once and in order; and a tytod in
such a crowd must end within 5 s of SIGTERM.

  crowd.py --build DIR [--events N] [--short] [--patience X] [--quiet]

Prints what handing in an event took, how late events arrived, and how much memory it took. --short: for
tests; times and memory are printed and not judged."""
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import clients  # noqa: E402
import house  # noqa: E402

MOST_STALL_MS, MOST_MIB, NUM_FLOOD = 5, 20, 100000


class Flood:
    """Floods a path until it is told to end: few bytes and many, in turn."""

    def __init__(self, path):
        self.path, self.num, self.is_over = path, 0, threading.Event()
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self):
        while not self.is_over.is_set():
            for topic, num in ((b"x" * 10, NUM_FLOOD), (b"y" * 60000, 200)):
                self.num += clients.flood_with(self.path, topic, num)

    def end(self):
        self.is_over.set()
        self.thread.join()


def publish_to_a_crowd(args):
    num_events, every_us = (400, 2000) if args.short else (args.events, 2500)
    with tempfile.TemporaryDirectory(prefix="tyto-") as folder:
        crowd = subprocess.Popen([os.path.join(args.build, "tests/chaos/crowd"), folder, str(num_events), str(every_us)],
                                 stdout=subprocess.PIPE, text=True)
        flood = None
        try:
            if crowd.stdout.readline() != "ready\n":
                raise house.Violation("the crowd did not come together")
            flood = Flood(folder + "/events")
            line = crowd.stdout.readline().strip() + " " + crowd.stdout.readline().strip()
        finally:
            if flood:
                flood.end()
            crowd.wait(120)
        words = line.split()
        found = dict(zip(words[::2], map(float, words[1::2])))
    print(f"crowd: {line}; {flood.num} subscriptions sent", flush=True)
    if crowd.returncode != 0 or not found:
        raise house.Violation(f"the crowd ended with {crowd.returncode}")
    wrong = [name for name in ("fast", "slow", "stopped") if found[name] != num_events]
    wrong += [name for name in ("fast_lost", "slow_wrong", "stopped_wrong") if found[name]]
    if not args.short:
        wrong += [name for name, most in (("handing_in_most_ms", MOST_STALL_MS * args.patience),
                                          ("more_mib", MOST_MIB),
                                          ("after_s", house.END_S)) if found[name] > most]
    if not args.short and not found["cut_off"]:
        wrong.append("cut_off")
    if wrong:
        raise house.Violation(f"not as promised: {', '.join(wrong)}")


class Crowded(house.House):
    def config(self, variant=""):
        return (f"cameras: [{{id: a, uri: 'test://?width=64&height=48'}}]\n{house.TRACKER}"
                f"journal: {{path: {self.journal}}}\npublish: {{endpoints: ['{self.endpoint}']}}\n"
                f"control: {self.control}\nstate: {self.disk}\n")

    def run(self):
        """In the middle of it tytod is asked to end, some times."""
        publish_to_a_crowd(self.args)
        for _ in range(1 if self.args.short else 10):
            self.start_daemon()
            floods = [Flood(self.endpoint[6:]) for _ in range(2)]
            idle = clients.stand_still(self.endpoint[6:])
            try:
                time.sleep(self.chance.uniform(0.5, 2))
                self.stop_daemon("SIGTERM")
            finally:
                for flood in floods:
                    flood.end()
                for client in idle:
                    client.close()


def main():
    parser = house.arguments(__doc__)
    parser.add_argument("--events", type=int, default=4000)
    return house.keep(parser.parse_args(), "crowd", Crowded)


if __name__ == "__main__":
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    sys.exit(main())
