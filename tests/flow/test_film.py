#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Recordings as tyto serve plays them: what browsers know as fragmented MP4, in ranges; what they do not
know is named. The last part in a real browser, left out where there is none.

test_film.py TYTO SAY_EVENTS
"""
import concurrent.futures
import os
import shutil
import subprocess
import sys
import tempfile
import unittest

import browser
from serving import CLIP, Serving, make_recording

TYTO, SAY_EVENTS = sys.argv[1:3]
H264 = ("-c:v", "libx264", "-preset", "ultrafast", "-g", "24")
CODECS = {"aac": (*H264, "-c:a", "aac"), "opus": (*H264, "-c:a", "libopus", "-ar", "48000"), "g711": (*H264, "-c:a", "pcm_mulaw", "-ar", "8000"),
          "old": ("-c:v", "mpeg4", "-c:a", "pcm_s16le"), "silent": (*H264, "-an")}
CLIPS = {name: CLIP.replace("TMY9D", f"TMY9{digit}") for name, digit in zip((*CODECS, "broken", "cut", "large", "gone"), "0123456789")}
IDS = {name: clip[-30:-4] for name, clip in CLIPS.items()}


def make(folder):
    for name, codecs in CODECS.items():
        make_recording(folder, CLIPS[name], codecs)
    with open(os.path.join(folder, CLIPS["aac"]), "rb") as file:
        whole = file.read()
    with open(os.path.join(folder, CLIPS["cut"]), "wb") as file:
        file.write(whole[:len(whole) // 2])
    with open(os.path.join(folder, CLIPS["broken"]), "wb") as file:
        file.write(b"<html>no recording</html>" * 100)
    with open(os.path.join(folder, CLIPS["large"]), "wb") as file:
        file.truncate(600 << 20)
    with open(os.path.join(folder, "labels.csv"), "a", encoding="ascii") as file:
        file.write("".join(f"{CLIPS[name]},dog,5.000,9.000,both\n" for name in ("broken", "cut", "large", "gone")))


class Film(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="tyto-film-")
        clips = os.path.join(cls.folder, "clips")
        make(clips)
        cls.serving = Serving(TYTO, SAY_EVENTS, 10, ["--recordings", clips, "--corrections", os.path.join(cls.folder, "corrections")])

    @classmethod
    def tearDownClass(cls):
        cls.serving.close()
        shutil.rmtree(cls.folder, ignore_errors=True)

    def film(self, name):
        return self.serving.get(f"/api/film?id={IDS[name]}")

    def play(self, name, **headers):
        return self.serving.request("GET", f"/play?id={IDS[name]}", headers=headers)

    def test_what_is_in_it_is_said(self):
        film = self.film("aac")
        self.assertTrue(film["plays"])
        self.assertEqual(film["video"], {"codec": "H.264", "plays": True})
        self.assertEqual(film["audio"], {"codec": "AAC", "plays": True})
        self.assertAlmostEqual(film["duration_s"], 12, delta=0.2)
        self.assertEqual(self.film("opus")["audio"], {"codec": "Opus", "plays": True})
        self.assertEqual(self.film("g711")["audio"], {"codec": "G.711 (mu-law)", "plays": False})
        self.assertTrue(self.film("g711")["plays"])
        self.assertIsNone(self.film("silent")["audio"])
        old = self.film("old")
        self.assertFalse(old["plays"])
        self.assertEqual(old["video"], {"codec": "MPEG-4 Part 2", "plays": False})
        status, headers, _ = self.play("old")
        self.assertEqual((status, headers["content-type"]), (415, "application/json"))

    def test_it_is_mp4_in_fragments_and_ranges_of_it_are_given(self):
        status, headers, whole = self.play("aac")
        self.assertEqual((status, headers["content-type"], headers["accept-ranges"]), (200, "video/mp4", "bytes"))
        self.assertEqual(whole[4:8], b"ftyp")
        self.assertIn(b"sidx", whole[:4096])  # in front: so players know how long it is, and where to go on
        self.assertGreater(whole.count(b"moof"), 4)
        status, headers, part = self.play("aac", Range="bytes=1000-1999")
        self.assertEqual((status, headers["content-range"]), (206, f"bytes 1000-1999/{len(whole)}"))
        self.assertEqual(part, whole[1000:2000])
        self.assertEqual(self.play("aac", Range=f"bytes={len(whole) - 10}-")[2], whole[-10:])
        self.assertEqual(self.play("aac", Range=f"bytes={len(whole) + 5}-")[0], 416)
        path = os.path.join(self.folder, "played.mp4")
        with open(path, "wb") as file:
            file.write(whole)
        frames = subprocess.run(["ffprobe", "-v", "error", "-count_packets", "-show_entries", "stream=codec_name,nb_read_packets", "-of", "csv=p=0", path],
                                capture_output=True, text=True, check=True, timeout=60)
        self.assertEqual(frames.stderr, "")
        self.assertIn("h264,144", frames.stdout)

    def test_what_cannot_be_made_is_said(self):
        self.assertEqual(self.play("gone")[0], 404)
        # A page asks this before, so that what is still being written is no error.
        self.assertFalse(self.serving.get(f"/api/recording?id={IDS['gone']}")["whole"])
        self.assertTrue(self.serving.get(f"/api/recording?id={IDS['cut']}")["whole"])
        for name, status in (("broken", 500), ("large", 413)):
            got, _, body = self.play(name)
            self.assertEqual(got, status, body)
            self.assertIn(b"recording", body)
        self.assertEqual(self.serving.request("GET", "/play?id=../../etc/passwd")[0], 404)
        self.assertGreater(len(self.play("cut")[2]), 10000)  # as far as it goes

    def test_many_who_ask_at_once_are_answered_or_asked_to_wait(self):
        with concurrent.futures.ThreadPoolExecutor(24) as pool:
            asked = [pool.submit(self.serving.request, "GET", f"/{path}?id={id}") for id in IDS.values() for path in ("play", "api/film", "play")]
            answers = [one.result() for one in asked]
        self.assertLessEqual({status for status, _, _ in answers}, {200, 404, 413, 415, 500, 503})
        for status, headers, _ in answers:
            self.assertTrue(status != 503 or int(headers["retry-after"]) > 0)
        self.assertEqual(self.play("aac")[0], 200)

    def test_viewers_who_go_leave_nothing_behind(self):
        pid = self.serving.page.pid
        for _ in range(40):
            connection = self.serving.connect()
            connection.request("GET", f"/play?id={IDS['large']}")
            connection.close()
        self.assertEqual(self.play("opus")[0], 200)
        self.serving.wait("/api/health", lambda _: len(os.listdir(f"/proc/{pid}/fd")) < 60)
        self.assertEqual([name for name in os.listdir(tempfile.gettempdir()) if name.startswith("tyto-film-") and not os.path.isdir(os.path.join(tempfile.gettempdir(), name))], [])


PLAYED = "const v = document.querySelector('video'); return !v.hidden && v.readyState >= 2 && v.duration > 11"


class InABrowser(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        if browser.why_missing():
            raise unittest.SkipTest(browser.why_missing())
        Film.setUpClass.__func__(cls)
        cls.page = browser.Browser()

    @classmethod
    def tearDownClass(cls):
        cls.page.close()
        Film.tearDownClass.__func__(cls)

    def open(self, name):
        self.page.open(f"{self.serving.address}#/event/{IDS[name]}")
        self.page.wait("return document.querySelector('.event') !== null", what="the event")

    def test_playback_advances_also_after_a_seek(self):
        for name in ("aac", "opus"):
            self.open(name)
            self.page.wait(PLAYED, what=f"{name}'s recording")
            self.page.run("const v = document.querySelector('video'); v.currentTime = 8; v.play()")
            self.page.wait("const v = document.querySelector('video'); return v.currentTime > 8.4 && v.webkitAudioDecodedByteCount > 0 && v.webkitDecodedFrameCount > 0", what=f"{name} to go on")
            self.assertEqual(self.page.run("return document.querySelector('.filmsaid').textContent"), "")

    def test_what_is_not_played_is_named_and_can_be_had(self):
        self.open("old")
        self.page.wait("return document.querySelector('.filmsaid').textContent.includes('MPEG-4 Part 2')", what="the codec's name")
        self.assertIn("pcm_s16le", self.page.run("return document.querySelector('.filmsaid').textContent"))
        self.assertTrue(self.page.run("return document.querySelector('video').hidden && document.getElementById('download').download.endsWith('.mkv')"))
        self.open("g711")
        self.page.wait(PLAYED, what="the picture")
        self.assertIn("Only the picture is played: its sound is G.711", self.page.run("return document.querySelector('.filmsaid').textContent"))
        self.open("broken")
        self.page.wait("return document.querySelector('.filmsaid').textContent.includes('This recording')", what="what is wrong with it")


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
