# SPDX-License-Identifier: MIT
"""tyto bridge and a stand-in for tytod, as processes; for the tests of bridges."""
import os
import shutil
import signal
import sqlite3
import subprocess
import tempfile
import time

# How long the other side is away at least; for measuring: TYTO_TEST_AWAY_S=60.
AWAY_S = float(os.environ.get("TYTO_TEST_AWAY_S", "0"))
DEADLINE_S = 90 + AWAY_S


def wait_for(is_done, what, deadline_s=DEADLINE_S):
    """Until is_done() is true, which it gives back."""
    end = time.monotonic() + deadline_s
    while True:
        done = is_done()
        if done:
            return done
        assert time.monotonic() < end, what() if callable(what) else what
        time.sleep(0.02)


class Bridging:
    """A folder with a journal; publish_events writes into it and tells, bridges read."""

    def __init__(self, tyto, publish_events):
        self.tyto, self.publish_events = tyto, publish_events
        self.dir = tempfile.mkdtemp(prefix="tyto-bridge-")
        self.endpoint = f"ipc://{self.dir}/events"
        self.journal = self.path("journal")
        self.position = self.path("state/position")
        self.processes = []
        self.log_path = self.path("log")
        self.log = open(self.log_path, "ab")

    def path(self, name):
        return os.path.join(self.dir, name)

    def secret(self, name, text):
        path = self.path(name)
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w",
                  encoding="utf-8") as file:
            file.write(text + "\n")
        return path

    def start(self, command):
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=self.log)
        self.processes.append(process)
        return process

    def publish(self, every_us, picture_bytes=0):
        """An event's NEW and END every so many microseconds, and a picture of each; 0: nothing."""
        before = self.num_events()
        process = self.start([self.publish_events, self.journal, self.endpoint,
                              f"ipc://{self.dir}/query", str(every_us), str(picture_bytes)])
        if every_us:
            wait_for(lambda: self.num_events() > before, "nothing is published")
        return process

    def bridge(self, kind, url, *args):
        return self.start([self.tyto, "bridge", kind, *([url] if url else []), "--endpoint", self.endpoint,
                           "--state", self.position, "--from", "oldest", "--retry-s", "0.05:0.4", *args])

    def stop(self, process, number=signal.SIGTERM):
        process.send_signal(number)
        return process.wait(DEADLINE_S)

    def seqs(self):
        """The numbers of all messages about events that the journal has."""
        if not os.path.exists(self.journal):
            return []
        database = sqlite3.connect(f"file:{self.journal}?mode=ro", uri=True, timeout=10)
        try:
            return [row[0] for row in database.execute(
                "SELECT seq FROM messages WHERE topic LIKE 'ev/%' ORDER BY seq")]
        except sqlite3.OperationalError:
            return [] # it is being made
        finally:
            database.close()

    def all_seqs(self):
        """The same when nothing is published any more: each NEW has its END, which a daemon that was
        stopped between the two gets from the next one."""
        wait_for(lambda: self.seqs() and self.num_events() % 2 == 0, "an event has no END")
        return self.seqs()

    def tell_long(self, what, arrived, seqs):
        """Of a long outage what is to be noted: how many messages, how many of them came twice."""
        if AWAY_S > 5:
            print(f"{what} away for {AWAY_S:g} s: {len(seqs)} messages, {len(set(arrived) & set(seqs))} arrived, "
                  f"{len(arrived) - len(set(arrived))} of them twice", flush=True)

    def num_events(self):
        return len(self.seqs())

    def said(self):
        self.log.flush()
        with open(self.log_path, encoding="utf-8", errors="replace") as file:
            return file.read()

    def close(self):
        for process in self.processes:
            if process.poll() is None:
                process.kill()
            process.wait()
        self.log.close()
        shutil.rmtree(self.dir, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
