#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The pages of tyto serve by keyboard alone, in a real browser: everything that can be used is reached by Tab in the
order of the page and shows that it has the focus; what one does most is done; and what is drawn anew, or a dialog that
is closed, leaves the focus where it was. Skipped (77) where chromium and chromedriver are not installed.

  test_keyboard.py TYTO SAY_EVENTS"""
import os
import shutil
import sys
import tempfile
import unittest

import browser
from controlling import Control
from serving import CLIP, CLIP_ID, Serving, make_recording

TYTO, SAY_EVENTS = sys.argv[1:3]
NUM_PAST = 12
TAB, ENTER, ESCAPE, SPACE, LEFT, UP, RIGHT, DOWN = "\ue004", "\ue007", "\ue00c", " ", "\ue012", "\ue013", "\ue014", "\ue015"
# path, what is there once the page is drawn
PAGES = (
    ("now", "document.querySelectorAll('.tile').length === 3"),
    ("timeline", "document.querySelectorAll('#in-view a').length > 2"),
    ("health", "document.querySelectorAll('#latency tbody tr').length === 6"),
    ("zones", "document.getElementById('add-zone') !== null"),
    ("review", "document.querySelector('#recordings a, #others a') !== null"),
    ("teach", "document.querySelector('#start') !== null"),
    ("thresholds", "document.querySelector('.empty') !== null"),
    (f"event/{CLIP_ID}", "document.querySelector('video')?.readyState >= 1 && document.querySelector('.span') && document.querySelector('.beside a')"),
)
# Keeps what gets the focus: which of the things that can be used it is, and what is wrong with how that looks.
RECORD = """
const usable = "a[href], button, input, select, textarea, summary, video, [tabindex='0']";
const root = document.querySelector(arguments[0]);
window.usable = () => [...root.querySelectorAll(usable)].filter((one) => !one.disabled && one.getClientRects().length > 0);
const walked = window.walked = new Map();
const look = (one) => {
  if (document.activeElement !== one) return;
  const style = getComputedStyle(one), box = one.getBoundingClientRect();
  const x = Math.min(innerWidth - 1, Math.max(0, box.left + Math.min(box.width, innerWidth) / 2)), y = box.top + Math.min(box.height, 60) / 2;
  const top = document.elementFromPoint(x, y);
  const faults = [];
  if (style.outlineStyle === "none" || parseFloat(style.outlineWidth) < 1) faults.push("no outline");
  if (box.bottom < 0 || box.top > innerHeight) faults.push("out of sight");
  else if (top && !one.contains(top) && !top.contains(one)) faults.push(`below ${top.tagName} ${top.className}`);
  walked.set(one, faults);
};
root.addEventListener("focusin", (event) => {
  if (!walked.has(event.target)) walked.set(event.target, []);
  setTimeout(() => look(event.target), 0);
});
return window.usable().length;
"""
FOUND = """
const all = window.usable(), order = [...window.walked.keys()].filter((one) => all.includes(one));
const name = (one) => `${one.tagName} ${one.id || one.getAttribute("href") || one.getAttribute("aria-label") || one.textContent.slice(0, 30)}`;
return {missed: all.filter((one) => !window.walked.has(one)).map(name),
        order: order.map((one) => all.indexOf(one)),
        faults: [...window.walked].filter(([, faults]) => faults.length > 0).map(([one, faults]) => `${name(one)}: ${faults}`)};
"""
ACTIVE = "const one = document.activeElement; return one.id || one.getAttribute('href') || one.getAttribute('aria-label') || one.tagName"


class Keyboard(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="tyto-keyboard-")
        cls.addClassCleanup(shutil.rmtree, cls.folder, ignore_errors=True)
        path = lambda name: os.path.join(cls.folder, name)
        make_recording(path("clips"))
        os.makedirs(path("corrections"))
        os.makedirs(path("downloads"))
        cls.control = Control(path("control.sock"))
        cls.control.__enter__()
        cls.addClassCleanup(cls.control.__exit__, None, None, None)
        cls.serving = Serving(TYTO, SAY_EVENTS, NUM_PAST, ["--socket", path("control.sock"), "--recordings", path("clips"), "--corrections", path("corrections"), "--teach", path("runs")])
        cls.addClassCleanup(cls.serving.close)
        cls.page = browser.Browser()
        cls.addClassCleanup(cls.page.close)
        cls.page.call("POST", "/goog/cdp/execute", {"cmd": "Browser.setDownloadBehavior", "params": {"behavior": "allow", "downloadPath": path("downloads")}})
        cls.num_opened = 0

    def open(self, path, is_there="true"):
        """Anew, so that nothing has the focus."""
        Keyboard.num_opened += 1
        self.page.open(f"{self.serving.address.rstrip('/')}/?{self.num_opened}#/{path}")
        self.page.wait(f"return Boolean({is_there}) && document.querySelector('main').childElementCount > 0", what=path)

    def tab_to(self, css):
        """By as many Tabs as it takes."""
        for _ in range(120):
            if self.page.run("return document.activeElement.matches(arguments[0])", css):
                return
            self.page.keys(TAB)
        self.fail(f"{css} is not reached: {self.page.run(ACTIVE)}")

    def test_everything_is_reached_in_order_and_seen(self):
        found = {}
        for path, is_there in PAGES:
            if path == PAGES[0][0]:
                self.open(path, is_there)
            else:  # where the focus begins in the page, behind what is the same on each
                self.page.run("location.hash = arguments[0]", f"#/{path}")
                self.page.wait(f"return {is_there} && document.activeElement.id === 'main'", what=path)
            num = self.page.run(RECORD, "body" if path == PAGES[0][0] else "main")
            for _ in range(8):  # some have parts of their own: a film's buttons, a date's numbers
                self.page.keys(TAB * num)
                one = self.page.run(FOUND)
                num = len(one["missed"]) + 6
                if not one["missed"]:
                    break
            if one["missed"] or one["faults"] or one["order"] != sorted(one["order"]):
                found[path] = one
        self.assertEqual(found, {})
        self.assertEqual(self.page.complaints(), [])

    def test_content_keys_and_back(self):
        self.open("now", PAGES[0][1])
        self.page.keys(TAB + ENTER)  # to the content
        self.assertEqual(self.page.run("return [document.activeElement.id, location.hash]"), ["main", "#/now"])
        self.page.keys("?")
        self.page.wait("return document.querySelector('dialog[open]')?.contains(document.activeElement)", what="the keys")
        self.page.keys("2")  # is no page's while it is open
        self.assertEqual(self.page.run("return location.hash"), "#/now")
        self.page.keys(ESCAPE)
        self.page.wait("return document.querySelector('dialog') === null && document.activeElement.id === 'main'", what="the focus where it was")
        self.open("now", PAGES[0][1])
        self.tab_to("#keys")
        self.page.keys(ENTER)
        self.page.wait("return document.querySelector('dialog[open]') !== null", what="the keys")
        self.page.keys(ENTER)  # Close
        self.page.wait("return document.querySelector('dialog') === null && document.activeElement.id === 'keys'", what="the focus where it was")

    def test_what_is_drawn_anew_keeps_the_focus(self):
        self.open("now", "document.querySelectorAll('.happening .list a').length > 3")
        self.tab_to(".happening .list a")
        held, aloud = self.page.run(ACTIVE), self.page.run("return document.getElementById('aloud').textContent")
        first = "return document.querySelector('.happening .list a').getAttribute('href')"
        self.page.wait(f"return (() => {{ {first} }})() !== arguments[0]", held, what="another event")
        self.assertEqual(self.page.run(ACTIVE), held)
        self.assertNotEqual(self.page.run("return document.getElementById('aloud').textContent"), aloud)
        self.open("health", PAGES[2][1])
        self.tab_to("[aria-label='latency by stage']")
        self.page.run("window.old = document.activeElement; window.dispatchEvent(new Event('resize'))")
        self.page.wait("return !window.old.isConnected", what="what is drawn anew")
        self.assertEqual(self.page.run(ACTIVE), "latency by stage")

    def test_timeline_to_an_event_and_back(self):
        self.open("now", PAGES[0][1])
        self.page.keys("2")
        self.page.wait(f"return {PAGES[1][1]} && document.activeElement.id === 'main'", what="the timeline, and the focus in it")
        self.page.keys("[")
        self.page.wait("return document.querySelector('.tip:not([hidden])') && document.getElementById('aloud').textContent.includes('heard')", what="an event, read out")
        self.tab_to(".chip")
        self.page.keys(ENTER)  # presses what has the focus, and does not open the event
        name = self.page.run("return document.activeElement.textContent")
        self.page.wait("return location.hash.includes(`class=${arguments[0]}`) && document.activeElement.getAttribute('aria-pressed') === 'true'", name, what="the class in the address")
        self.tab_to("canvas")
        self.page.keys("[")
        self.page.keys(ENTER)
        self.page.wait("return location.hash.startsWith('#/event/') && location.hash.endsWith(`?class=${arguments[0]}`) && document.querySelector('.beside a')", name, what="the event")
        place = "document.querySelector('.beside small')?.textContent"  # "5 of 6"
        at = int(self.page.run(f"return {place}").split()[0])
        self.page.keys("[")
        self.page.wait(f"return {place}?.startsWith(`${{arguments[0]}} of `) && document.querySelector('h1').textContent === arguments[1]", at - 1, name, what="the event before, of the same class")
        self.page.keys("]")
        self.page.wait(f"return {place}?.startsWith(`${{arguments[0]}} of `)", at, what="the event after that")
        self.page.keys("t")
        self.page.wait("return document.querySelector('.chip[aria-pressed=true]')?.textContent === arguments[0]", name, what="the timeline as it was left")
        self.page.wait("return document.querySelectorAll('#in-view a').length > 0")
        self.page.keys("g")
        self.assertEqual(self.page.run(ACTIVE), "go-to")
        self.page.keys(DOWN)  # a month, or a day, earlier
        self.page.wait("return /at=/.test(location.hash) && document.querySelector('#in-view').textContent.includes('Nothing in this time')", what="a time when nothing was")
        self.tab_to("#in-view button")
        self.page.keys(ENTER)
        self.page.wait("return document.querySelectorAll('#in-view a').length > 0", what="the event that is nearest")
        address = self.page.run("return location.hash")
        self.open(address[2:], PAGES[1][1].replace("> 2", "> 0"))
        self.assertEqual(self.page.run("return document.querySelector('.chip[aria-pressed=true]').textContent"), name)

    def test_table_to_take_along(self):
        self.open("timeline?camera=yard", PAGES[1][1])
        self.tab_to("#csv")
        self.page.keys(SPACE)
        folder = os.path.join(self.folder, "downloads")
        text = ""
        for _ in range(600):
            names = [name for name in os.listdir(folder) if name.endswith(".csv")]
            if names:
                with open(os.path.join(folder, names[0]), encoding="ascii") as file:
                    text = file.read()
                break
            self.page.run("return new Promise((done) => setTimeout(done, 100))")
        head, *rows = text.splitlines()
        self.assertEqual(head, "id,camera,class,begin_utc,end_utc,modality,joint,heard,seen,zones")
        shown = int(self.page.run("return document.querySelector('.head small').textContent").split(" of ")[0].replace(",", ""))
        self.assertGreaterEqual(shown, len(rows))
        self.assertGreater(len(rows), 2)
        self.assertEqual({row.split(",")[1] for row in rows}, {"yard"})
        self.assertRegex(rows[-1], r"^[0-9A-Z]{26},yard,[a-z]+,20\d\d-\d\d-\d\dT[\d:.]+Z,20[\d:T.Z-]+,av,0\.\d{3},")

    def test_a_correction(self):
        self.open("review", PAGES[4][1])
        self.tab_to("#others a")
        self.page.keys(ENTER)
        self.page.wait(f"return {PAGES[7][1]}", what="the recording")
        self.page.run("document.querySelector('video').currentTime = 4")
        self.page.wait("return !document.querySelector('video').seeking && Math.abs(document.querySelector('video').currentTime - 4) < 0.01")
        self.page.keys(RIGHT)
        self.page.wait("return Math.abs(document.querySelector('video').currentTime - 5) < 0.01", what="a second on")
        self.page.keys("b")
        self.page.keys("c")
        self.page.wait("return document.activeElement.id === 'class'")
        self.page.keys("owl" + ENTER)
        self.tab_to("#save")
        self.page.keys(SPACE)  # presses the button, and plays nothing
        self.page.wait("return [...document.querySelectorAll('[role=status]')].some((one) => one.textContent === 'saved')", what="the correction to be saved")
        self.assertTrue(self.page.run("return document.querySelector('video').paused && document.activeElement.id === 'save'"))
        with open(os.path.join(self.folder, "corrections", "labels.csv"), encoding="ascii") as file:
            self.assertIn(f"{CLIP},owl,5.000,9.000,", file.read())
        self.tab_to(".acts button[title=n]")
        self.page.keys(ENTER)
        self.page.wait("return document.body.textContent.includes('all recordings have been looked through')", what="that there is no other")

    def test_a_zone(self):
        self.open("zones", PAGES[3][1])
        yaml = "return document.getElementById('yaml').value"
        self.tab_to("#add-zone")
        self.page.keys(ENTER)
        self.page.wait("return document.activeElement.classList.contains('corner')", what="the focus on the first corner")
        self.page.keys(LEFT + UP)
        self.assertIn("polygon: 0.29,0.29 0.7,0.3", self.page.run(yaml))
        self.tab_to("#shapes button")
        self.page.keys(ENTER)
        self.assertEqual(self.page.run(ACTIVE), "shape-0")  # it is drawn anew
        self.tab_to("#remove")
        self.page.keys(ENTER)
        self.assertEqual(self.page.run(yaml).strip(), "")


if __name__ == "__main__":
    if browser.why_missing():
        print("skipped:", browser.why_missing())
        sys.exit(77)
    unittest.main(argv=sys.argv[:1])
