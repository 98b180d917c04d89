#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""tyto sync from outside: composed discs that move with irregular knocks are found in step, moved
sound is found moved, and what shares nothing is not believed.

  test_sync.py TYTO"""
import array
import json
import math
import os
import random
import subprocess
import sys
import tempfile
import unittest
import wave

TYTO = sys.argv[1] if len(sys.argv) > 1 else ""
RATE_HZ = 16000
COLOURS = {"red": (230, 20, 20), "blue": (20, 20, 230), "green": (20, 200, 20)}


def write_picture(path, colour):
    side, rows = 96, bytearray()
    for y in range(side):
        for x in range(side):
            inside = math.hypot(x - side / 2, y - side / 2) < side * 0.36
            rows += bytes(colour if inside else (250, 250, 250))
    with open(path, "wb") as file:
        file.write(b"P6\n%d %d\n255\n" % (side, side) + rows)


def write_knocks(path, seed, seconds=9):
    """Bursts of noise at irregular times, which never repeat."""
    chance = random.Random(seed)
    samples, level, next_at = array.array("h"), 0.0, 0
    for i in range(seconds * RATE_HZ):
        if i >= next_at:
            level = chance.uniform(0.4, 1)
            next_at = i + int(chance.uniform(0.15, 1.1) * RATE_HZ)
        level *= math.exp(-1 / (0.06 * RATE_HZ))
        samples.append(int(chance.uniform(-1, 1) * (20 + 14000 * level)))
    with wave.open(path, "wb") as file:
        file.setparams((1, 2, RATE_HZ, len(samples), "NONE", ""))
        file.writeframes(samples.tobytes())


def compose(folder, seed, seconds, moving=1):
    out = os.path.join(folder, f"clips-{seed}")
    subprocess.run([TYTO, "compose", os.path.join(folder, "manifest.csv"), "--out", out, "--clips",
                    "1", "--seconds", str(seconds), "--seed", str(seed), "--size", "160x90",
                    "--fps", "25", "--whole-seconds", "0", "--moving", str(moving), "--share",
                    "both=1", "--snr", "15:25", "--distractors", "0", "--jobs", "1",
                    "--no-progress"], check=True, capture_output=True, timeout=300)
    return os.path.join(out, "clip-000001.mp4")


def sync(*args):
    done = subprocess.run([TYTO, "sync", *args], capture_output=True, text=True, timeout=300)
    return done.returncode, done.stdout, done.stderr


def result_of(*args):
    code, out, err = sync(*args, "--json", "--no-progress")
    lines = [json.loads(line) for line in out.splitlines()]
    assert lines and lines[-1]["type"] == "result", (code, out, err)
    return code, lines


class Sync(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        at = cls.folder.name
        with open(os.path.join(at, "manifest.csv"), "w") as file:
            file.write("path,kind,class,split,source\n")
            for n, (name, colour) in enumerate(COLOURS.items()):
                write_picture(os.path.join(at, name + ".ppm"), colour)
                write_knocks(os.path.join(at, name + ".wav"), n)
                file.write("%s.ppm,image,%s,train,made\n%s.wav,audio,%s,train,made\n" %
                           ((name,) * 4))
        cls.clip = compose(at, 1, 90)

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def test_what_is_in_step_is_found_in_step_and_moved_sound_moved(self):
        for shift_s in (0, 0.6, -1.4):
            code, lines = result_of(self.clip, "--audio-shift", str(shift_s))
            last = lines[-1]
            self.assertEqual((code, last["status"]), (0, "confident"), last)
            self.assertLess(abs(last["offset_ms"] - 1000 * shift_s), 60, last)
            self.assertLessEqual(last["low_ms"], last["offset_ms"])
            self.assertGreaterEqual(last["high_ms"], last["offset_ms"])
            times = [line["time_s"] for line in lines]
            self.assertEqual(times, sorted(times))

    def test_sound_that_shares_nothing_is_not_believed(self):
        other = os.path.join(self.folder.name, "other.wav")
        write_knocks(other, 99, 100)
        code, lines = result_of(self.clip, "--audio", other)
        self.assertEqual(code, 3, lines[-1])
        self.assertNotIn("offset_ms", lines[-1])
        self.assertIn(lines[-1]["status"], ("not synchronizable", "listening"))

    def test_a_page_shows_it(self):
        page = os.path.join(self.folder.name, "page.html")
        code, out, _ = sync(self.clip, "--plot", page, "--no-progress")
        self.assertEqual(code, 0)
        self.assertIn("av_offset_ms", out)
        with open(page) as file:
            text = file.read()
        self.assertEqual(text.count("<svg"), 3)
        self.assertEqual(text.count("<title>"), 1 + 16 * 9)

    def test_what_cannot_be_compared_is_said(self):
        sound = os.path.join(self.folder.name, "red.wav")
        code, _, err = sync(sound)
        self.assertEqual(code, 1)
        self.assertIn("no picture", err)
        self.assertEqual(sync("nowhere.mp4")[0], 1)
        self.assertEqual(sync()[0], 2)
        self.assertEqual(sync(self.clip, "--audio-step", "soon")[0], 2)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
