#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""tyto explain from outside: what stands in the page is what tyto localize says of the same file,
sound and picture that are taken away are gone, and a browser draws it.
    test_explain.py TYTO MAKE_SMALL_MODELS"""
import base64
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import unittest

MAKE = os.path.abspath(sys.argv.pop())
TYTO = os.path.abspath(sys.argv.pop())
CHROMIUM = shutil.which("chromium")
SECONDS = 9
# Made-up networks are sure of nothing.
TOLD = ["--threshold", "0.02", "--threshold-single", "0.02"]


def run(*args):
    done = subprocess.run([TYTO, *args], capture_output=True, text=True, check=False, timeout=120)
    return done.returncode, done.stdout, done.stderr


class Explain(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.temporary = tempfile.TemporaryDirectory()
        cls.folder = cls.temporary.name
        cls.models = cls.path("models")
        os.mkdir(cls.models)
        subprocess.run([MAKE, cls.models], check=True, timeout=60)
        cls.clip = cls.path("clip.mp4")
        cls.make(cls.clip, "-f", "lavfi", "-i", f"testsrc2=s=128x72:r=10:d={SECONDS}",
                 "-f", "lavfi", "-i", f"sine=800:d={SECONDS}")

    @classmethod
    def tearDownClass(cls):
        cls.temporary.cleanup()

    @classmethod
    def path(cls, name):
        return os.path.join(cls.folder, name)

    @staticmethod
    def make(path, *inputs):
        subprocess.run(["ffmpeg", "-v", "error", "-y", "-nostdin", *inputs, "-c:v", "libx264",
                        "-preset", "ultrafast", "-c:a", "aac", path], check=True, timeout=60)

    def explain(self, *args, clip=None):
        page = self.path("page.html")
        status, out, err = run("explain", clip or self.clip, "-o", page, "--models", self.models,
                               "--device", "cpu", *TOLD, *args)
        self.assertEqual((status, err), (0, ""))
        with open(page, encoding="utf-8") as file:
            text = file.read()
        return json.loads(re.search(r'id="data">(.*?)</script>', text, re.S).group(1)), out

    def localize(self, *args, clip=None):
        status, out, err = run("localize", clip or self.clip, "--json", "--segments", "--models",
                               self.models, "--device", "cpu", *TOLD, *args)
        self.assertEqual((status, err), (0, ""))
        lines = [json.loads(line) for line in out.splitlines()]
        return ([line for line in lines if line["type"] == "segment"],
                [line for line in lines if line["type"] == "event"])

    def dump_dom(self, page):
        """The page as the browser has it once its script has run."""
        with subprocess.Popen(
                [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
                 "--user-data-dir=" + self.path("browser"), "--dump-dom", "file://" + page],
                stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
                start_new_session=True) as browser:
            try:
                text, _ = browser.communicate(timeout=100)
            except subprocess.TimeoutExpired:
                self.skipTest("the browser does not answer on this machine")
            finally:
                try: # its processes, too
                    os.killpg(browser.pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
        return text

    def check_scores(self, data, segments, name="both"):
        way = [one for one in data["runs"] if one["name"] == name][0]
        self.assertEqual(len(way["joint"]), len(segments))
        for i, segment in enumerate(segments):
            for sense in ("joint", "heard", "seen"):
                said = dict(zip(data["classes"], way[sense][i]))
                self.assertEqual(said, segment[sense], (i, sense))

    def test_the_page_says_what_localize_says(self):
        data, out = self.explain()
        segments, events = self.localize()
        self.assertEqual(len(data["segments"]), SECONDS)
        self.check_scores(data, segments)
        for shown, segment in zip(data["segments"], segments):
            for key in ("begin_s", "end_s", "audio", "video"):
                self.assertEqual(shown[key], segment[key])
            self.assertEqual(shown["weight_audio"], segment["weights"]["audio"])
        told = data["runs"][0]["events"]
        self.assertGreater(len(told), 0)
        self.assertIn(f"{len(told)} events told", out)
        self.assertEqual(len(told), len(events))
        for shown, event in zip(told, events):
            for key in ("class", "begin_s", "end_s", "modality", "scores", "weights"):
                self.assertEqual(shown[key], event[key])
        self.assertIsNone(data["truth"])

    def test_each_second_has_its_picture_sound_place_and_alignment(self):
        data, _ = self.explain()
        for i, one in enumerate(data["segments"]):
            for key in ("picture", "sound"):
                kind, text = one[key].split(",")
                self.assertEqual(kind, "data:image/jpeg;base64")
                self.assertEqual(base64.b64decode(text)[:3], b"\xff\xd8\xff")
            self.assertAlmostEqual(one["aspect"], 128 / 72, 3)
            self.assertEqual(len(one["place"]["cells"]), 4)
            align = one["alignment"]
            self.assertLessEqual(align["first"], i)
            for which in ("audio", "visual"):
                self.assertLessEqual(i, align["first"] + len(align[which]) - 1)
                self.assertAlmostEqual(sum(align[which]), 1, 2)

    def test_what_is_taken_away_is_gone(self):
        data, _ = self.explain()
        for name, args in (("without sound", ["-an"]), ("without picture", ["-vn"])):
            path = self.path(name.replace(" ", "-") + ".mp4")
            subprocess.run(["ffmpeg", "-v", "error", "-y", "-nostdin", "-i", self.clip, "-c",
                            "copy", *args, path], check=True, timeout=60)
            segments, _ = self.localize(clip=path)
            way = [one for one in data["runs"] if one["name"] == name][0]
            for i in range(min(len(segments), SECONDS) - 1):
                for sense in ("joint", "heard", "seen"):
                    for k, one in enumerate(data["classes"]):
                        self.assertAlmostEqual(way[sense][i][k], segments[i][sense][one], 3)

    def test_an_event_and_the_truth_can_be_asked_for(self):
        labels = self.path("truth.csv")
        with open(labels, "w", encoding="utf-8") as file:
            file.write("file,class,begin_s,end_s,modality\nclip.mp4,dog,2,5,both\n"
                       "clip.mp4,owl,1,2,heard\nother.mp4,cat,0,1,both\n")
        data, _ = self.explain("--event", "1", "--labels", labels)
        self.assertEqual(data["event"], 1)
        self.assertEqual(data["truth"], [
            {"class": "owl", "begin_s": 1, "end_s": 2, "is_heard": True, "is_seen": False},
            {"class": "dog", "begin_s": 2, "end_s": 5, "is_heard": True, "is_seen": True}])
        data, _ = self.explain("--begin", "3", "--seconds", "2")
        self.assertEqual([one["begin_s"] for one in data["segments"]], [3, 4])
        self.assertEqual([len(way["joint"]) for way in data["runs"]], [2, 2, 2])

    def test_what_cannot_be_explained_is_said(self):
        page = self.path("none.html")
        common = ["--models", self.models, "--device", "cpu"]
        for args, text in (([self.clip, "--event", "999"], "there is no event 999"),
                           ([self.clip, "--begin", "99"], "behind the recording's end"),
                           ([self.clip, "--labels", page + "x"], "cannot be used"),
                           (["rtsp://camera/"], "live source"), (["nowhere.mp4"], "nowhere.mp4")):
            status, _, err = run("explain", *args, "-o", page, *common)
            self.assertEqual(status, 1, args)
            self.assertIn(text, err)
            self.assertFalse(os.path.exists(page))
        self.assertEqual(run("explain", self.clip)[0], 2)

    @unittest.skipUnless(CHROMIUM, "chromium is not installed")
    def test_a_browser_draws_it(self):
        self.explain()
        drawn = self.dump_dom(self.path("page.html")).split("<script", 1)[0]
        titles = re.findall(r"<h2>(.*?)</h2>", drawn)
        self.assertEqual(titles, ["Events", "Second by second", "Which second answered which",
                                  "When sound or picture is taken away", "What was run"])
        self.assertEqual(drawn.count('<image class="picture"'), SECONDS)
        self.assertEqual(drawn.count('<image class="sound"'), SECONDS)


if __name__ == "__main__":
    if not shutil.which("ffmpeg"):
        print("ffmpeg is missing: scripts/setup installs it")
        sys.exit(77)
    unittest.main(argv=sys.argv[:1], verbosity=0)
