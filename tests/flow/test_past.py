#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What tyto shows of the past: replay, list, show, and watch that goes on where it stopped, against
what delivers events in tytod, which is killed meanwhile.

  test_past.py TYTO PUBLISH_EVENTS"""
import json
import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
import unittest

TYTO, PUBLISH = sys.argv[1:3]
DEADLINE_S = 120


def wait_for(what, is_so):
    end = time.monotonic() + DEADLINE_S
    while not is_so():
        assert time.monotonic() < end, what
        time.sleep(0.05)


class Place(unittest.TestCase):
    """A folder, and what publishes there."""

    def open_place(self):
        self.folder = tempfile.TemporaryDirectory(prefix="tyto-")
        self.addCleanup(self.folder.cleanup)
        self.journal = self.at("journal")
        self.endpoint = f"ipc://{self.at('events')}"
        self.processes = []
        self.addCleanup(self.end_all)

    def at(self, name):
        return os.path.join(self.folder.name, name)

    def end_all(self):
        for process in self.processes:
            process.kill()
            process.wait()

    def publish(self, every_us):
        process = subprocess.Popen([PUBLISH, self.journal, self.endpoint, f"ipc://{self.at('query')}", str(every_us)],
                                   stderr=subprocess.DEVNULL)
        self.processes.append(process)
        return process

    def past(self, num):
        """So many messages at least, and nothing new."""
        publisher = self.publish(2000)
        wait_for("there are enough", lambda: len(self.kept()) >= num)
        publisher.terminate()
        publisher.wait()
        self.publish(0)

    def kept(self):
        try:
            database = sqlite3.connect(f"file:{self.journal}?mode=ro", uri=True, timeout=10)
        except sqlite3.OperationalError:
            return []
        try:
            return database.execute("SELECT seq, topic FROM messages ORDER BY seq").fetchall()
        except sqlite3.OperationalError:
            return []
        finally:
            database.close()

    def tyto(self, *arguments, status=0):
        done = subprocess.run([TYTO, *arguments], capture_output=True, text=True, timeout=DEADLINE_S)
        self.assertEqual(done.returncode, status, done.stderr)
        return done.stdout, done.stderr

    def events(self, *arguments, status=0):
        out, error = self.tyto(arguments[0], *arguments[1:], "--json", status=status)
        return [json.loads(line) for line in out.splitlines()], error


class Past(Place):
    """What has been, asked in three ways."""

    def test_the_past(self):
        self.open_place()
        self.past(60)
        self.replay_shows_each_message_and_what_was_asked_for_alone()
        self.list_has_each_event_once_page_by_page()
        self.show_tells_one_event_in_full()
        self.find_says_where_nothing_is_kept_of_an_event()

    def find_says_where_nothing_is_kept_of_an_event(self):
        """Nothing is embedded of owls, and what publishes here keeps no scores; what is alike is looked at in the unit test `prints`."""
        first = self.events("list", self.endpoint, "--oldest-first", "--class", "owl", "-n", "1")[0][0]
        out, error = self.tyto("find", "--like", first["id"], self.endpoint, "--by", "sound", status=1)
        self.assertEqual((out, f"nothing is kept of how event {first['id']} sounded" in error), ("", True), error)
        _, error = self.tyto("find", "--like", "01ARZ3NDEKTSV4RRFFQ69G5FAV", self.endpoint, status=1)
        self.assertIn("no event of this id", error)
        for wrong in (("--like", "nonsense"), (), ("--like", first["id"], "--among", "picture")):
            self.tyto("find", *wrong, self.endpoint, status=2)

    def replay_shows_each_message_and_what_was_asked_for_alone(self):
        kept = self.kept()
        told, _ = self.events("replay", self.endpoint)
        self.assertEqual([e["seq"] for e in told], [seq for seq, _ in kept])
        told, _ = self.events("replay", self.endpoint, "--from", "10", "--to", "20")
        self.assertEqual([e["seq"] for e in told], list(range(10, 21)))
        told, _ = self.events("replay", self.endpoint, "--camera", "cam1", "--class", "dog")
        self.assertEqual([e["seq"] for e in told], [seq for seq, topic in kept if topic == "ev/cam1/dog/"])
        told, _ = self.events("replay", self.endpoint, "--class", "cat", "--modality", "both")
        self.assertEqual([e["seq"] for e in told], [seq for seq, topic in kept if topic.endswith("/cat/")])
        self.assertEqual(self.events("replay", self.endpoint, "--modality", "heard")[0], [])
        self.assertEqual(self.events("replay", self.endpoint, "--until", "1d", "--since", "2d")[0], [])
        self.assertEqual(len(self.events("replay", self.endpoint, "--since", "1h")[0]), len(kept))
        lines = self.tyto("replay", self.endpoint, "--from", "1", "--to", "2", "--ascii")[0].splitlines()
        self.assertEqual(len(lines), 4, lines)  # head, day, NEW, END
        self.assertIn(" dog ", lines[2])

    def list_has_each_event_once_page_by_page(self):
        ids, after = [], []
        for _ in range(100):
            told, error = self.events("list", self.endpoint, "--limit", "15", *after)
            ids += [e["id"] for e in told]
            if "--after" not in error:
                break
            after = ["--after", error.split()[-1]]
        every, _ = self.events("list", self.endpoint, "--limit", "none")
        self.assertEqual(ids, [e["id"] for e in every])
        self.assertEqual(len(set(ids)), len(ids))
        self.assertEqual(len(ids), len({e["id"] for e in self.events("replay", self.endpoint)[0]}))
        oldest, _ = self.events("list", self.endpoint, "--oldest-first", "--limit", "3", "--class", "owl")
        self.assertEqual([e["class"] for e in oldest], ["owl"] * 3)
        self.assertEqual(oldest, [e for e in reversed(every) if e["class"] == "owl"][:3])
        lines = self.tyto("list", self.endpoint, "-n", "2")[0].splitlines()
        self.assertEqual(len(lines), 3)
        self.assertTrue(lines[1].endswith(ids[0]), lines)
        self.tyto("list", self.endpoint, "--after", "xy", status=2)

    def show_tells_one_event_in_full(self):
        first = self.events("list", self.endpoint, "--oldest-first", "-n", "1")[0][0]
        shown = self.events("show", first["id"], self.endpoint)[0][0]
        self.assertEqual((shown["id"], shown["phase"], shown["class"]), (first["id"], "end", "dog"))
        self.assertEqual([(h["seq"], h["phase"]) for h in shown["history"]], [(1, "new"), (2, "end")])
        self.assertEqual(shown["alignment"], {"before": 1, "audio": [[0.8, 0, 0]] * 2, "visual": [[0, 0.2, 0]] * 2, "trust": [0.4, 0.4]})
        text = self.tyto("show", first["id"], self.endpoint)[0]
        self.assertIn("sound was answered by the picture 1 s before, picture by the sound of the same second; sound was trusted 40 % (last 2 s)", text)
        self.assertIn(f"event       {first['id']}", text)
        self.assertIn("recording   none", text)
        _, error = self.tyto("show", "01ARZ3NDEKTSV4RRFFQ69G5FAV", self.endpoint, status=1)
        self.assertIn("no event of this id", error)
        self.tyto("show", "nonsense", self.endpoint, status=2)


class Followed(Place):
    def setUp(self):
        self.open_place()

    def test_watch_goes_on_where_it_stopped_while_what_publishes_is_killed(self):
        position, told = self.at("position"), self.at("told")

        def watch():
            with open(told, "a", encoding="utf-8") as out:
                process = subprocess.Popen([TYTO, "watch", self.endpoint, "--json", "--all", "--position", position],
                                           stdout=out, stderr=subprocess.DEVNULL)
            self.processes.append(process)
            return process

        def seqs():
            with open(told, encoding="utf-8") as file:
                lines = [json.loads(line) for line in file.read().split("\n")[:-1]]
            self.assertEqual([e for e in lines if e["type"] == "lost"], [])
            return [e["seq"] for e in lines if e["type"] == "event" and not e.get("snapshot")]

        publisher, watcher = self.publish(2000), watch()
        num_told = 0
        for i in range(4):
            before = len(self.kept())
            wait_for("it publishes", lambda: len(self.kept()) > before + 50)
            wait_for("it tells", lambda: len(seqs()) > num_told)
            publisher.kill()
            publisher.wait()
            if i % 2 == 1:  # in between it is stopped as by Ctrl-C
                watcher.send_signal(signal.SIGINT)
                self.assertEqual(watcher.wait(), 0)
                num_told = len(seqs())
            publisher = self.publish(2000)
            if watcher.poll() is not None:
                watcher = watch()
        publisher.terminate()
        publisher.wait()
        self.publish(0)
        time.sleep(2.5)  # what was open at a kill ends 2 s later
        wait_for("all is told", lambda: seqs()[-1:] == [self.kept()[-1][0]])
        self.assertEqual(seqs(), [seq for seq, _ in self.kept()])
        with open(position, encoding="ascii") as file:
            self.assertEqual(int(file.read().split()[1]), seqs()[-1])

    def test_a_journal_that_was_deleted_is_said_and_the_next_one_gone_on_with(self):
        position = self.at("position")
        self.past(20)
        last = self.kept()[-1][0]
        self.events("watch", self.endpoint, "--all", "--count", "1", "--position", position)
        self.end_all()
        for name in os.listdir(self.folder.name):
            if name.startswith("journal"):
                os.unlink(self.at(name))
        self.past(20)
        told, _ = self.events("watch", self.endpoint, "--count", "5", "--position", position)
        lost = [e for e in told if e["type"] == "lost"]
        self.assertEqual([e["why"] for e in lost], ["other log"], told)
        self.assertLessEqual(lost[0]["from_seq"], last + 1)
        seqs = [e["seq"] for e in told if e["type"] == "event" and not e.get("snapshot")]
        self.assertEqual(seqs, list(range(1, len(seqs) + 1)))

    def test_a_file_that_is_no_position_is_named(self):
        path = self.at("position")
        with open(path, "w", encoding="ascii") as file:
            file.write("nonsense\n")
        _, error = self.tyto("watch", self.endpoint, "--position", path, status=1)
        self.assertIn(f"{path}:1", error)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
