#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The page of health, of a stand-in for tytod: what is well, what is not, and what is not known. The last
part in a real browser, left out where there is none.

test_health.py TYTO SAY_EVENTS
"""
import concurrent.futures
import os
import shutil
import sys
import tempfile
import time
import unittest

import browser
from controlling import Control
from serving import Serving

TYTO, SAY_EVENTS = sys.argv[1:3]
VERDICT = "return document.querySelector('.verdict')?.textContent"
WELLS = "return [...document.querySelectorAll('.wells li')].map((one) => one.className.replace('card ', '') + ': ' + one.textContent)"


class Health(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="tyto-health-")
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.path = os.path.join(self.folder, "control.sock")
        self.serving = Serving(TYTO, SAY_EVENTS, 10, ["--socket", self.path])
        self.addCleanup(self.serving.close)

    def test_figures_are_asked_for_once_however_many_look(self):
        with Control(self.path) as control, concurrent.futures.ThreadPoolExecutor(16) as pool:
            answers = list(pool.map(lambda _: self.serving.get("/api/figures"), range(32)))
            self.assertTrue(all("tyto_segments_total" in answer["metrics"] for answer in answers))
            self.assertLessEqual(control.num_asked, 2 * 4)  # two questions, at most once in two seconds
            self.assertEqual(answers[0]["version"], "0.1.0")

    def test_without_tytod_it_is_said_why(self):
        answer = self.serving.get("/api/figures")
        self.assertIsNone(answer["metrics"])
        self.assertIn("no tytod listens there", answer["why"])

    def test_a_tytod_that_does_not_answer_holds_nobody_up(self):
        with Control(self.path) as control:
            control.is_mute = True
            begin = time.monotonic()
            with concurrent.futures.ThreadPoolExecutor(2) as pool:
                asked = pool.submit(self.serving.get, "/api/figures")
                self.assertIn("version", self.serving.get("/api/health"))
                self.assertIn("does not answer", asked.result()["why"])
            self.assertLess(time.monotonic() - begin, 30)

    def test_the_page_says_what_is_well_and_what_is_not(self):
        if browser.why_missing():
            self.skipTest(browser.why_missing())
        with browser.Browser() as page:
            page.open(self.serving.address + "#/health")
            page.wait(f"{VERDICT} === 'All is well'", what="that what is known is well")
            page.wait(f"return (() => {{ {WELLS} }})().some((one) => one.includes('Figures') && one.includes('no tytod listens'))", what="that figures are not known")
            with Control(self.path) as control:
                page.wait("return document.querySelectorAll('#latency tbody tr').length === 6 && document.querySelectorAll('#cameras tbody tr').length === 3", what="latency by stage")
                row = page.run("return [...document.querySelectorAll('#latency tbody tr')].find((one) => one.textContent.includes('eye and ear')).textContent")
                self.assertRegex(row, r"[1-9]\d ms")
                self.assertEqual(page.run(VERDICT), "All is well")
                control.wrong.update({"tyto_journal_failing": 1, 'tyto_camera_dropped_total{camera="yard",stream="video"}': 12})
                control.status["config"] = {"error": "tytod.yaml:3: cameras: no such key"}
                page.wait(f"{VERDICT} === '3 things are not well'", what="that it is not well")
                first = page.run(WELLS)[:3]
                self.assertTrue(any(one.startswith("bad: Journal") for one in first), first)
                self.assertTrue(any("12 buffers" in one for one in first), first)
                self.assertTrue(any("no such key" in one for one in first), first)
            self.assertEqual(page.complaints(), [])


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
