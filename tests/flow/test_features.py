#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""tyto features as a person calls it: recordings and label files, killed and started again.
    test_features.py TYTO MODELS"""
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import unittest

MODELS = os.path.abspath(sys.argv.pop())
TYTO = os.path.abspath(sys.argv.pop())
NUM = 8


def make(paths, seconds):
    """Moving stripes and a tone; an empty box at the end makes each file another recording."""
    subprocess.run(
        ["ffmpeg", "-v", "error", "-y", "-nostdin",
         "-f", "lavfi", "-i", f"testsrc2=s=320x240:r=25:d={seconds}",
         "-f", "lavfi", "-i", f"sine=500:d={seconds}",
         "-c:v", "libx264", "-preset", "ultrafast", "-g", "250", "-c:a", "aac", paths[0]],
        check=True)
    with open(paths[0], "rb") as file:
        data = file.read()
    for i, path in enumerate(paths[1:], 1):
        with open(path, "wb") as file:
            file.write(data + b"\0\0\0\x08free" * i)


class Features(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.files = [os.path.join(cls.folder.name, f"{i}.mp4") for i in range(NUM)]
        make(cls.files, 12)

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def setUp(self):
        self.cache = tempfile.TemporaryDirectory(dir=self.folder.name)

    def tearDown(self):
        self.cache.cleanup()

    def command(self, *args):
        return [TYTO, "features", "--models", MODELS, "--cache", self.cache.name, *args]

    def run_tyto(self, *args):
        done = subprocess.run(self.command(*args), capture_output=True, text=True, check=False,
                              timeout=120)
        return done.returncode, done.stdout, done.stderr

    def shards(self):
        return [name for name in os.listdir(self.cache.name) if name.endswith(".features")]

    def test_recordings_go_into_the_cache_once(self):
        status, out, err = self.run_tyto(*self.files[:2])
        self.assertEqual((status, err), (0, ""))
        self.assertIn("2 of 2 recordings are in", out)
        self.assertRegex(out, r"24 s of footage in [\d.]+ s: [\d.]+ x real time")
        self.assertEqual(len(self.shards()), 2)
        status, out, err = self.run_tyto(*self.files[:3])
        self.assertEqual((status, err), (0, ""))
        self.assertIn("(2 were there already)", out)
        self.assertIn("12 s of footage", out)

    def test_label_files_name_their_recordings(self):
        labels = os.path.join(self.folder.name, "labels.csv")
        with open(labels, "w", encoding="ascii") as file:
            file.write("file,class,begin_s,end_s\n0.mp4,dog,1,2\n1.mp4,cat,0,3\n0.mp4,cat,4,5\n")
        status, out, err = self.run_tyto(labels)
        self.assertEqual((status, err), (0, ""))
        self.assertIn("2 of 2 recordings", out)
        with open(labels, "a", encoding="ascii") as file:
            file.write("nowhere.mp4,dog,1,2\n")
        status, out, err = self.run_tyto(labels)
        self.assertEqual(status, 1)
        self.assertIn("labels.csv:5", err)

    def test_a_recording_that_cannot_be_read_is_told_and_the_others_are_done(self):
        status, out, err = self.run_tyto(self.files[0], __file__)
        self.assertEqual(status, 1)
        self.assertRegex(err, r"^\S*test_features.py: .+\n$")
        self.assertIn("1 of 2 recordings", out)

    def kill_in_the_middle(self, number):
        process = subprocess.Popen(self.command("--jobs", "1", *self.files),
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        until = time.monotonic() + 60
        while not self.shards() and time.monotonic() < until:
            time.sleep(0.001)
        process.send_signal(number)
        out, err = process.communicate(timeout=60)
        return process.returncode, out, err

    def check_resumed(self):
        before = self.shards()
        self.assertGreaterEqual(len(before), 1)
        status, out, err = self.run_tyto(*self.files)
        self.assertEqual((status, err), (0, ""))
        there = int(re.search(r"\((\d+) were there already\)", out).group(1))
        self.assertEqual(there, len(before))
        self.assertFalse([name for name in os.listdir(self.cache.name) if ".part" in name])
        self.assertEqual(len(self.shards()), NUM)

    def test_a_killed_run_loses_the_recording_in_hand_alone(self):
        status, _, _ = self.kill_in_the_middle(signal.SIGKILL)
        self.assertEqual(status, -signal.SIGKILL)
        self.assertLess(len(self.shards()), NUM)
        self.check_resumed()

    def test_an_interrupted_run_says_so_and_goes_on_later(self):
        status, out, err = self.kill_in_the_middle(signal.SIGINT)
        self.assertEqual(status, 1)
        self.assertIn("interrupted", err)
        self.assertRegex(out, rf"[1-{NUM - 1}] of {NUM} recordings")
        self.assertFalse([name for name in os.listdir(self.cache.name) if ".part" in name])
        self.check_resumed()

    def test_wrong_usage_is_status_2_and_help_has_examples(self):
        for args in ((), ("--jobs", "0", "a.mp4"), ("--exec", "magic", "a.mp4"), ("--what",),
                     ("--cache",)):
            done = subprocess.run([TYTO, "features", *args], capture_output=True, text=True,
                                  check=False)
            self.assertEqual((done.returncode, done.stdout), (2, ""), args)
            self.assertRegex(done.stderr, "^tyto features: ")
        done = subprocess.run([TYTO, "features", "--help"], capture_output=True, text=True,
                              check=False)
        self.assertEqual(done.returncode, 0)
        self.assertIn("examples:", done.stdout)

    def test_models_that_are_not_there_are_said(self):
        done = subprocess.run([TYTO, "features", "--models", self.folder.name, self.files[0]],
                              capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("visual.safetensors", done.stderr)


if __name__ == "__main__":
    unittest.main()
