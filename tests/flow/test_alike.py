#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Events that are like another one: tyto find, and "more like this" on the page, against what
delivers events in tytod. The button is pressed where chromium and chromedriver are installed.

  test_alike.py TYTO PUBLISH_EVENTS"""
import collections
import json
import os
import subprocess
import sys
import tempfile
import time
import unittest

import browser
from serving import Serving

TYTO, PUBLISH = sys.argv[1:3]
DEADLINE_S = 120


class Alike(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory(prefix="tyto-")
        cls.endpoint = f"ipc://{cls.folder.name}/events"
        cls.publisher = None
        cls.publish(2000)
        end = time.monotonic() + DEADLINE_S
        while len(cls.listed()) < 30:
            assert time.monotonic() < end, "too few events"
            time.sleep(0.1)
        cls.publisher.terminate()
        cls.publisher.wait()
        cls.publish(0)
        cls.ids = collections.defaultdict(list)
        for event in cls.listed():
            if event["phase"] == "end":
                cls.ids[event["class"]].append(event["id"])

    @classmethod
    def tearDownClass(cls):
        cls.publisher.kill()
        cls.publisher.wait()
        cls.folder.cleanup()

    @classmethod
    def publish(cls, every_us):
        cls.publisher = subprocess.Popen([PUBLISH, os.path.join(cls.folder.name, "journal"), cls.endpoint,
                                          f"ipc://{cls.folder.name}/query", str(every_us)], stderr=subprocess.DEVNULL)

    @classmethod
    def listed(cls):
        done = subprocess.run([TYTO, "list", cls.endpoint, "--json", "--limit", "60"], capture_output=True, text=True, check=False, timeout=60)
        return [json.loads(line) for line in done.stdout.splitlines()]

    def find(self, like, *args):
        return subprocess.run([TYTO, "find", self.endpoint, "--like", like, "--json", *args], capture_output=True, text=True, check=False, timeout=60)

    def found(self, like, *args):
        done = self.find(like, *args)
        self.assertEqual(done.returncode, 0, done.stderr)
        return [json.loads(line) for line in done.stdout.splitlines()]

    def test_find_tells_the_most_alike_first(self):
        like = self.ids["dog"][0]
        found = self.found(like, "--limit", "5")
        self.assertEqual([one["class"] for one in found], ["dog"] * 5)
        self.assertNotIn(like, [one["id"] for one in found])
        self.assertTrue(all(one["similarity"] > 0.99 for one in found), found)

    def test_a_sound_finds_pictures(self):
        found = self.found(self.ids["dog"][0], "--by", "sound", "--among", "picture", "--limit", "4")
        self.assertEqual([one["class"] for one in found], ["cat"] * 4)
        self.assertEqual(self.found(self.ids["dog"][0], "--by", "sound", "--among", "picture", "--class", "dog"), [])

    def test_what_has_no_embedding_is_looked_for_by_scores(self):
        done = self.find(self.ids["owl"][0])
        self.assertEqual(done.returncode, 1)
        self.assertIn("nothing is kept of how", done.stderr)

    def test_a_file_that_is_none_is_refused(self):
        self.assertEqual(self.find(os.path.join(self.folder.name, "none.wav")).returncode, 2)
        done = self.find(__file__, "--models", self.folder.name)
        self.assertEqual(done.returncode, 1)
        self.assertIn("visual.safetensors", done.stderr)

    def test_more_like_this_on_the_page(self):
        like = self.ids["dog"][0]
        with Serving(TYTO, None, endpoint=self.endpoint) as serving:
            answer = serving.get(f"/api/alike?id={like}&by=sound&among=picture")
            self.assertEqual({one["class"] for one in answer["events"]}, {"cat"})
            self.assertTrue(answer["has_sound"] and answer["has_picture"])
            answer = serving.get(f"/api/alike?id={self.ids['owl'][0]}")
            self.assertEqual((answer["events"], answer["has_sound"]), ([], False))
            for query in ("", "?id=1", f"?id={like}&by=smell", f"?id={like}&among=sound"):
                self.assertEqual(serving.request("GET", "/api/alike" + query)[0], 400, query)
            self.assertEqual(serving.request("GET", "/api/alike?id=01ARZ3NDEKTSV4RRFFQ69G5FAV")[0], 404)
            missing = browser.why_missing()
            if missing:
                self.skipTest(missing)
            serving.wait("/api/health", lambda health: health["events"] >= 30)
            with browser.Browser() as page:
                page.open(serving.address + f"#/event/{like}")
                page.click("#more")
                page.wait("return document.querySelectorAll('#alike li').length > 3", what="events that are alike")
                self.assertTrue(page.run("return [...document.querySelectorAll('#alike b')].every((one) => one.textContent === 'dog')"))
                page.run("const by = document.querySelector('#more + select'); by.value = 'sound&among=picture'; by.dispatchEvent(new Event('change'))")
                page.wait("return document.querySelector('#alike b')?.textContent === 'cat'", what="pictures like its sound")
                page.click("#alike a")
                page.wait("return document.querySelector('h1').textContent === 'cat'", what="the other event's page")
                self.assertEqual(page.complaints(), [])


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=0)
