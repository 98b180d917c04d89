#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""tyto adapt from outside: a made head learns a class it did not have from a few clips and goes on
telling what it knew, out of a small set of kept clips.
    test_adapt.py TYTO MAKE_SMALL_MODELS"""
import json
import os
import shutil
import subprocess
import sys
import tempfile
import unittest

MAKE = os.path.abspath(sys.argv.pop())
TYTO = os.path.abspath(sys.argv.pop())
SECONDS = 6
# Class: colour and pitch.
LOOKS = {"dog": ("red", 300), "cat": ("green", 900), "owl": ("blue", 2500)}


class Adapt(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.temporary = tempfile.TemporaryDirectory()
        cls.folder = cls.temporary.name
        cls.models = cls.path("models")
        os.mkdir(cls.models)
        subprocess.run([MAKE, cls.models], check=True, timeout=120)
        for name in LOOKS:
            for i in range(3):
                cls.make(f"{name}-{i}.mp4", *LOOKS[name], 0.1 * i)
        cls.make("none-0.mp4", "black", 0, 0)
        cls.make("none-1.mp4", "gray", 0, 0)
        cls.labels("old.csv", ["dog", "cat"])
        cls.labels("new.csv", ["owl"])
        cls.tyto("train", "--labels", cls.path("old.csv"), "--out", cls.path("old"), "--epochs",
                 "40", "--rate", "3e-3", "--segments", str(SECONDS), "--val-share", "0", "--batch",
                 "4", "--basis", "4", "--report", "none", *cls.common())
        cls.head = cls.path("old/model.safetensors")
        cls.kept = cls.path("kept.safetensors")
        cls.tyto("adapt", "--head", cls.head, "--labels", cls.path("old.csv"), "--keep", cls.kept,
                 *cls.common())

    @classmethod
    def tearDownClass(cls):
        cls.temporary.cleanup()

    @classmethod
    def path(cls, name):
        return os.path.join(cls.folder, name)

    @classmethod
    def make(cls, name, colour, pitch, shade):
        sound = f"sine={pitch}:d={SECONDS}" if pitch else f"anullsrc=d={SECONDS}"
        subprocess.run(
            ["ffmpeg", "-v", "error", "-y", "-nostdin", "-f", "lavfi", "-i",
             f"color={colour}:s=64x48:r=10:d={SECONDS},eq=brightness={shade}", "-f", "lavfi", "-i",
             sound, "-t", str(SECONDS), "-c:v", "libx264", "-preset", "ultrafast", "-c:a", "aac",
             cls.path(name)], check=True, timeout=60)

    @classmethod
    def labels(cls, name, classes):
        with open(cls.path(name), "w", encoding="utf-8") as file:
            file.write("file,class,begin_s,end_s,modality\n")
            for one in classes:
                for i in range(3):
                    file.write(f"{one}-{i}.mp4,{one},0,{SECONDS},both\n")
            for i in range(2):
                file.write(f"none-{i}.mp4,,,,\n")

    @classmethod
    def common(cls):
        return ["--models", cls.models, "--cache", cls.path("cache"), "--device", "cpu",
                "--no-progress"]

    @classmethod
    def tyto(cls, *args, status=0):
        done = subprocess.run([TYTO, *args], capture_output=True, text=True, check=False, timeout=200)
        if done.returncode != status:
            raise AssertionError(f"{args}: {done.returncode}\n{done.stdout}\n{done.stderr}")
        return done.stdout, done.stderr

    def scores(self, head, clip):
        """The mean joint score of each class."""
        out, _ = self.tyto("localize", self.path(clip), "--json", "--segments", "--models",
                           self.models, "--weights", head, "--device", "cpu")
        rows = [json.loads(line) for line in out.splitlines()]
        rows = [row["joint"] for row in rows if row["type"] == "segment"]
        return {name: sum(row[name] for row in rows) / len(rows) for name in rows[0]}

    def test_a_new_class_is_learnt_and_the_old_ones_stay(self):
        out, _ = self.tyto("adapt", "--head", self.head, "--kept", self.kept, "--labels",
                           self.path("new.csv"), "--out", self.path("new"), *self.common())
        self.assertIn("new class: owl", out)
        self.assertRegex(out, r"kept clips that were not learnt from: F1 of segments 0?\.?\d")
        head = self.path("new/model.safetensors")
        owl = self.scores(head, "owl-1.mp4")
        self.assertEqual(max(owl, key=owl.get), "owl")
        for name in ("dog", "cat"):
            before, after = (self.scores(one, name + "-1.mp4") for one in (self.head, head))
            self.assertEqual(max(before, key=before.get), name)
            self.assertEqual(max(after, key=after.get), name)
            self.assertLess(abs(after[name] - before[name]), 0.2)
            self.assertLess(after["owl"], after[name])
        names, _ = self.tyto("model", "info", head, "--classes")
        self.assertEqual(names.split(), ["cat", "dog", "owl"])

    def test_the_kept_clips_are_few_bytes_and_the_head_makes_the_same_of_them(self):
        self.assertLess(os.path.getsize(self.kept), 40000)
        out, _ = self.tyto("adapt", "--head", self.head, "--labels", self.path("old.csv"), "--keep",
                           self.path("less.safetensors"), "--keep-mib", "0.01", *self.common())
        self.assertRegex(out, r": \d+ of 8 clips")

    def test_what_does_not_fit_is_said(self):
        _, err = self.tyto("adapt", "--head", self.head, "--labels", self.path("new.csv"), "--keep",
                           self.path("x"), *self.common(), status=1)
        self.assertIn("none of the head's classes", err)
        _, err = self.tyto("adapt", "--head", self.head, "--kept", self.path("nowhere"), "--labels",
                           self.path("new.csv"), "--out", self.path("y"), *self.common(), status=1)
        self.assertIn("nowhere", err)
        other = os.path.join(self.models, "head.safetensors")
        _, err = self.tyto("adapt", "--head", other, "--kept", self.kept, "--labels",
                           self.path("new.csv"), "--out", self.path("z"), *self.common(), status=1)
        self.assertRegex(err, "made for another head|has no adapters")
        self.tyto("adapt", "--labels", self.path("new.csv"), status=2)


if __name__ == "__main__":
    if not shutil.which("ffmpeg"):
        print("ffmpeg is missing: scripts/setup installs it")
        sys.exit(77)
    unittest.main(argv=sys.argv[:1], verbosity=0)
