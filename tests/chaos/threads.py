#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Each thread of a running tytod is held in turn, as by a call that never returns. Of those that all
depends on it is told within 15 s and the process ends within 30 s, then the next run goes on; of a
camera's own the camera is told of, or nothing happens. At the end each event has an END, and a
follower was given exactly the messages of the journal.

  threads.py --build DIR [--seed S] [--patience X] [--keep DIR] [--quiet] [NAME...]"""
import os
import signal
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import house  # noqa: E402

TOLD_S, ENDED_S, QUIET_S = 15, 30, 25
# Nothing waits for it but a socket that is closed, which happens at the end.
HARMLESS = ("ZMQbg/Reaper",)


class Threads(house.House):
    def __init__(self, args, folder):
        super().__init__(args, folder)
        self.followers = [house.Follower(self, "live")]

    def config(self, variant=""):
        cameras = "".join(f"  - {{id: {name}, uri: 'test://?width=64&height=48'}}\n" for name in ("a", "b"))
        return (f"cameras:\n{cameras}{house.TRACKER}metrics: {{listen: '127.0.0.1:{self.port}'}}\n"
                f"journal: {{path: {self.journal}}}\npublish: {{endpoints: ['{self.endpoint}']}}\n"
                f"control: {self.control}\nstate: {self.disk}\n"
                f"record: {{dir: {self.disk}/clips, pre_s: 1, post_s: 1, max_gib: 0.02, min_free_gib: 0.001}}\n"
                f"snapshots: {{dir: {self.disk}/pictures}}\n")

    def names(self):
        folder = f"/proc/{self.daemon.pid}/task"
        found = set()
        for number in os.listdir(folder):
            try:
                with open(f"{folder}/{number}/comm", encoding="utf-8") as file:
                    found.add(file.read().rstrip("\n"))
            except OSError:
                pass
        return sorted(found)

    def is_live(self):
        status = self.status()
        return status and all(c["status"] == "live" for c in status["cameras"])

    def hold(self, name):
        holder = self.spawn([self.program("tests/flow/hold_thread"), str(self.daemon.pid), name],
                            stdout=subprocess.PIPE, text=True)
        held = holder.stdout.readline().strip()
        begin, told_s = time.monotonic(), None
        while self.daemon.poll() is None and time.monotonic() - begin < ENDED_S * self.args.patience:
            if told_s is None and "still" in self.tail():
                told_s = time.monotonic() - begin
            if told_s is None and time.monotonic() - begin > QUIET_S * self.args.patience:
                break
            time.sleep(0.1)
        ended_s = time.monotonic() - begin
        status = self.daemon.poll()
        told = f"told after {told_s:.1f} s" if told_s is not None else "not told"
        ended = f"ended with {status} after {ended_s:.1f} s" if status is not None else "goes on"
        print(f"  {name:16} {held}, {told}, {ended}", flush=True)
        if status is not None and (told_s is None or told_s > TOLD_S * self.args.patience):
            raise house.Violation(f"{name}: it was not told within {TOLD_S * self.args.patience:.0f} s\n{self.tail()}")
        is_ours = name == "tytod" or name.startswith(("tyto-", "ZMQbg")) and name not in (*HARMLESS, "tyto-keep")
        if status is None and is_ours:
            raise house.Violation(f"{name}: the process has not ended\n{self.tail()}")
        if status is None:  # then it must end by itself, as it is
            self.daemon.send_signal(signal.SIGTERM)
            try:
                self.daemon.wait(ENDED_S * self.args.patience)
            except subprocess.TimeoutExpired:
                raise house.Violation(f"{name}: SIGTERM was not obeyed\n{self.tail()}") from None
        holder.wait()
        self.counts["held"] += 1

    def run(self):
        self.start_daemon()
        self.wait_for("it is live", self.is_live, house.START_S)
        for name in self.args.names or self.names():
            self.hold(name)
            self.start_daemon()
            self.wait_for("it is live", self.is_live, house.START_S)
            time.sleep(2)
        self.finish()


def main():
    parser = house.arguments(__doc__)
    parser.add_argument("names", nargs="*")
    return house.keep(parser.parse_args(), "threads", Threads)


if __name__ == "__main__":
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    sys.exit(main())
