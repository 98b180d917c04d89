#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""tytod is killed (SIGKILL) at random moments, many times, while three kinds of client follow it: one
that is live, one that is slow, one that goes and comes back. At the end numbers are contiguous, each
client was given exactly the messages of the journal, and each NEW has an END.

  kills.py --build DIR [--times N] [--full | --mount] [--seed S] [--patience X] [--keep DIR] [--quiet]

--full: the disk is full (chaos_disk.so) now and then, also when tytod is killed, and when it begins.
--mount: the same on a file system of its own that is really full (takes root)."""
import collections
import os
import signal
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import house  # noqa: E402

LONGEST_LIFE_S = 2.5
DISK_MIB = 64


class Kills(house.House):
    def __init__(self, args, folder):
        super().__init__(args, folder)
        self.is_mounted = False
        if args.mount:
            subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK_MIB}m", "none", self.disk], check=True)
            self.is_mounted = True
        self.followers = [house.Follower(self, name) for name in ("live", "slow", "absent")]

    def config(self, variant=""):
        cameras = "".join(f"  - {{id: {name}, uri: 'test://?width=64&height=48'}}\n" for name in ("a", "b", "c"))
        return (f"cameras:\n{cameras}{house.TRACKER}"
                f"journal: {{path: {self.journal}}}\npublish: {{endpoints: ['{self.endpoint}']}}\n"
                f"control: {self.control}\nstate: {self.disk}\n")

    def fill(self, is_full):
        self.counts["full"] += is_full
        if not self.is_mounted:
            self.fault[0:1] = b"1" if is_full else b"0"
            return
        path = os.path.join(self.disk, "filler")
        if not is_full:
            if os.path.exists(path):
                os.unlink(path)
            return
        with open(path, "ab", buffering=0) as file:
            try:
                while True:
                    file.write(bytes(4096))
            except OSError:
                pass

    def make_well(self):
        self.fill(False)
        live, slow, absent = self.followers
        slow.signal(signal.SIGCONT)
        if absent.process.poll() is not None:
            absent.start()
        for follower in self.followers:
            if follower.process.poll() is not None:
                raise house.Violation(f"follower {follower.name} has ended: {follower.process.returncode}")
        self.wait_until_written()

    def disturb_clients(self):
        _, slow, absent = self.followers
        slow.signal(self.chance.choice((signal.SIGSTOP, signal.SIGSTOP, signal.SIGCONT)))
        if self.chance.random() < 0.5:
            if absent.process.poll() is None:
                absent.kill()
                self.counts["absences"] += 1
            else:
                absent.start()

    def run(self):
        times = 6 if self.args.short else self.args.times
        is_disk_bad = self.args.full or self.args.mount
        self.start_daemon()
        for number in range(times):
            # Half of the times it is killed before it has said a word, else while it tells of events.
            if number % 2 == 0:
                before = self.followers[0].position()
                self.wait_for("messages", lambda n=before: self.followers[0].position() > n + 5, house.START_S)
            until = time.monotonic() + self.chance.uniform(0, LONGEST_LIFE_S)
            self.disturb_clients()
            while time.monotonic() < until:
                time.sleep(min(until - time.monotonic(), 0.3) if until > time.monotonic() else 0)
                if is_disk_bad:
                    self.fill(self.chance.random() < 0.6)
            self.check_alive()
            self.stop_daemon("kill -9")
            if self.chance.random() < 0.5:
                self.fill(False)
            self.start_daemon(is_waited_for=False)
            if not self.args.quiet and number % 20 == 19:
                self.say(f"{number + 1} kills")
        self.wait_for("it answers", lambda: self.status() is not None, house.START_S)
        self.make_well()
        self.wait_for("messages", lambda: self.num_kept() > 20, house.START_S)
        self.finish()
        self.count_recovered()

    def num_kept(self):
        return len(house.events_of(self.journal)[0])

    def count_recovered(self):
        ends = collections.Counter(line[5] for line in self.followers[0].lines() if line[4] == "PHASE_END")
        self.counts["ends by recovery"] = ends["recovered"]
        self.counts["messages"] = self.num_kept()

    def close(self):
        super().close()
        if self.is_mounted:
            subprocess.run(["umount", self.disk], check=False)


def main():
    parser = house.arguments(__doc__)
    parser.add_argument("--times", type=int, default=200)
    parser.add_argument("--full", action="store_true")
    parser.add_argument("--mount", action="store_true")
    return house.keep(parser.parse_args(), "kills", Kills)


if __name__ == "__main__":
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    sys.exit(main())
