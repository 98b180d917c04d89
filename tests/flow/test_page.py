#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The page of tyto serve in a real browser; skipped (77) where chromium and chromedriver are not
installed.

test_page.py TYTO SAY_EVENTS [--shots DIR]      also writes pictures of each page to DIR
"""
import os
import shutil
import subprocess
import sys
import tempfile

import browser
from serving import Serving

TYTO, SAY_EVENTS = sys.argv[1:3]
SHOTS = sys.argv[4] if len(sys.argv) > 4 else None
CLIP = "yard/20261123T155715Z-dog-01M84J0DCR3A85TD3GBA6TMY9D.mkv"
ID = CLIP[-30:-4]
SIZES = (("", 1280, 860, "light"), ("-dark", 1280, 860, "dark"), ("-phone", 390, 844, "light"))


def make_recording(folder):
    os.makedirs(os.path.join(folder, "yard"))
    subprocess.run(["ffmpeg", "-v", "error", "-f", "lavfi", "-i", "testsrc=size=640x360:rate=12", "-f", "lavfi", "-i", "sine=440", "-t", "12",
                    "-c:v", "libx264", "-g", "12", "-pix_fmt", "yuv420p", "-c:a", "aac", os.path.join(folder, CLIP)], check=True, timeout=120)
    with open(os.path.join(folder, "labels.csv"), "w", encoding="ascii") as file:
        file.write(f"file,class,begin_s,end_s,modality\n{CLIP},dog,5.000,9.000,both\n")


def shoot(page, name):
    if not SHOTS:
        return
    for ending, width, height, theme in SIZES:
        page.size(width, height)
        page.run("document.documentElement.dataset.theme = arguments[0]; window.dispatchEvent(new Event('resize'))", theme)
        page.run("return new Promise((done) => setTimeout(done, 700))")
        page.screenshot(os.path.join(SHOTS, f"{name}{ending}.png"))
    page.size(1280, 860)
    page.run("document.documentElement.dataset.theme = 'light'")


def check(page, serving, corrections):
    page.open(serving.address + "#/now")
    page.wait("return document.querySelectorAll('.tile').length === 3")
    page.wait("return document.getElementById('link').textContent === 'watching'")
    page.wait("return [...document.querySelectorAll('.bar')].some((bar) => Number(bar.getAttribute('aria-valuenow')) > 0)", what="scores")
    assert page.run("return document.body.innerText").count("<b>rtsp</b>") == 0  # only cameras that are not live say their text
    shoot(page, "now")
    page.open(serving.address + "#/timeline")
    page.wait("return Number(document.querySelector('canvas')?.dataset.ready) > 40", what="the timeline")
    page.run("document.querySelector('canvas').focus()")
    page.keys("]")
    page.wait("return document.querySelector('.tip') && !document.querySelector('.tip').hidden", what="an event chosen by keyboard")
    page.keys("n")
    shoot(page, "timeline")
    page.open(serving.address + "#/health")
    page.wait("return document.querySelectorAll('tbody tr').length === 3 && document.body.innerText.includes('All is well')")
    shoot(page, "health")
    newest = serving.get("/api/now")["events"][-1]["id"]
    page.open(serving.address + f"#/event/{newest}")
    page.wait("return document.querySelector('.curves') !== null", what="the scores of an event")
    shoot(page, "event")
    page.open(serving.address + f"#/event/{ID}")
    page.wait("return document.querySelector('video')?.readyState >= 2 && document.querySelector('.span')", what="the recording")
    page.run("const v = document.querySelector('video'); v.currentTime = 1; v.play()")
    page.wait("return document.querySelector('video').currentTime > 1.3", what="the recording to play")
    page.run("const v = document.querySelector('video'); v.pause(); v.currentTime = 4")
    page.wait("return !document.querySelector('video').seeking")
    shoot(page, "review")
    page.run("document.activeElement.blur()")
    page.keys("b")
    page.keys("m")
    page.keys("r")
    page.wait("return document.querySelector('[role=status].soft').textContent === 'saved'", what="the correction to be saved")
    with open(os.path.join(corrections, "labels.csv"), encoding="ascii") as file:
        assert file.read().endswith(f"{CLIP},dog,4.000,9.000,heard\n"), "labels.csv"
    # A script in the page's own text does not run.
    page.run("const s = document.createElement('script'); s.textContent = 'window.wasRun = true'; document.body.append(s)")
    assert page.run("return window.wasRun === undefined"), "an inline script was run"
    complaints = [text for text in page.complaints() if "Content Security Policy" not in text and "inline script" not in text]
    assert not complaints, complaints
    foreign = [url for url in page.requested() if not url.startswith((serving.address, "data:", "chrome:", "blob:"))]
    assert not foreign, foreign


def main():
    missing = browser.why_missing()
    if missing:
        print("skipped:", missing)
        return 77
    folder = tempfile.mkdtemp(prefix="tyto-page-")
    clips, corrections = os.path.join(folder, "clips"), os.path.join(folder, "corrections")
    try:
        make_recording(clips)
        with Serving(TYTO, SAY_EVENTS, 60, ["--recordings", clips, "--corrections", corrections]) as serving, browser.Browser() as page:
            check(page, serving, corrections)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print("ok")
    return 0


if __name__ == "__main__":
    sys.exit(main())
