#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""demo/score against hand-made truths and events."""
import os
import subprocess
import sys
import tempfile
import unittest

SCORE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "demo", "score")
TRUTH = "class,begin_s,end_s,modality\ncow,10,15,av\ndog,20,25,a\ncat,30,35,v\n"


def event(name, begin, end, modality="av", phase="end", key=None):
    end = "null" if end is None else end
    return (f'{{"id":"{key or name}","class":"{name}","phase":"{phase}","begin_s":{begin},'
            f'"end_s":{end},"modality":"{modality}"}}\n')


def score(events, *args):
    with tempfile.TemporaryDirectory() as folder:
        paths = [os.path.join(folder, n) for n in ("truth.csv", "events.jsonl")]
        for path, text in zip(paths, (TRUTH, events)):
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)
        done = subprocess.run([sys.executable, SCORE, *paths, "--seconds", "60", *args],
                              capture_output=True, text=True, check=False)
    return done.returncode, done.stdout.strip().split("\n")[-1]


class Score(unittest.TestCase):
    def test_a_right_event_is_found(self):
        status, line = score(event("cow", 11, 15), "--min-recall", "1", "--max-false", "0")
        self.assertEqual(status, 0, line)
        self.assertIn("1 of 1 events", line)
        self.assertIn("begin off by 1.0 s", line)

    def test_a_late_or_wrong_event_is_not_found(self):
        for events in (event("cow", 11.6, 15), event("dog", 10, 15), event("cow", 16, 18), ""):
            status, line = score(events, "--min-recall", "0.5")
            self.assertEqual(status, 1, line)
            self.assertIn("0 of 1 events", line)

    def test_only_the_newest_state_of_an_event_counts(self):
        events = event("cow", 10, None, phase="new") + event("cow", 10, 16)
        self.assertIn("1 of 1 events", score(events)[1])
        self.assertIn("; 0 false", score(events)[1])

    def test_a_retracted_event_does_not_count(self):
        events = event("dog", 40, None, phase="new") + event("dog", 40, 41, phase="retracted")
        self.assertIn("; 0 false", score(events)[1])

    def test_an_event_where_nothing_was_staged_is_false(self):
        status, line = score(event("cow", 40, 42), "--max-false", "0.5")
        self.assertEqual(status, 1)
        self.assertIn("1 false in 60 s (1.0 a minute)", line)

    def test_claiming_a_modality_that_was_not_staged_is_false(self):
        self.assertIn("; 0 false", score(event("dog", 20, 25, "a"))[1])
        self.assertIn("; 1 false", score(event("dog", 20, 25, "av"))[1])
        self.assertIn("; 1 false", score(event("cat", 30, 35, "a"))[1])

    def test_lines_that_are_no_events_are_skipped_and_bad_ones_refused(self):
        self.assertIn("1 of 1", score('{"camera":"x","status":"live"}\n' + event("cow", 10, 15))[1])
        self.assertNotEqual(score("not json\n")[0], 0)


if __name__ == "__main__":
    unittest.main(verbosity=0)
