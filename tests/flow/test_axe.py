#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Each page of tyto serve before axe-core, light, dark and on a telephone: no fault that it calls
serious or critical. Skipped (77) where there is no browser or no axe-core: scripts/setup --browser
brings both, TYTO_AXE names another axe.min.js.

  test_axe.py TYTO SAY_EVENTS"""
import os
import shutil
import subprocess
import sys
import tempfile

import browser
from serving import CLIP_ID, Serving, make_recording

TYTO, SAY_EVENTS = sys.argv[1:3]
AXE = os.environ.get("TYTO_AXE") or os.path.join(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "tyto/axe/axe.min.js")
NUM_PAST = 60
# path, what is there once the page is drawn
PAGES = (
    ("now", "document.querySelectorAll('.tile').length === 3"),
    ("timeline", "Number(document.querySelector('canvas')?.dataset.ready) > 40"),
    ("health", "document.querySelectorAll('#cameras tbody tr').length === 3"),
    ("zones", "document.getElementById('camera') !== null"),
    ("review", "document.querySelectorAll('#others li').length > 0"),
    ("teach", "document.querySelector('main').textContent.length > 40"),
    ("thresholds", "document.querySelector('main').textContent.length > 40"),
    ("event/NEWEST", "document.querySelector('.curves') !== null"),
    (f"event/{CLIP_ID}", "document.querySelector('video')?.readyState >= 1 && document.querySelector('.span')"),
)
FAULTS = """
const found = await axe.run(document, {resultTypes: ["violations"]});
return found.violations.filter((one) => ["serious", "critical"].includes(one.impact))
    .map((one) => `${one.impact} ${one.id}: ${one.help}: ${one.nodes.slice(0, 4).map((node) => `${node.target} ${node.failureSummary}`).join(" | ")}`);
"""


def look(page, name, faults):
    """At what is shown, in each size and theme."""
    for ending, width, height, theme in browser.SIZES:
        page.size(width, height)
        page.run("document.documentElement.dataset.theme = arguments[0]; window.dispatchEvent(new Event('resize'))", theme)
        page.run("return Promise.all(document.getAnimations().map((one) => one.finished.catch(() => {})))")
        faults += [f"{name}{ending}: {fault}" for fault in page.run(f"return (async () => {{ {FAULTS} }})()")]


def check(page, serving, source, faults):
    serving.wait("/api/health", lambda health: health["events"] >= NUM_PAST)
    newest = serving.get("/api/now")["events"][-1]["id"]
    page.open(serving.address + "#/now")
    page.run(source)
    for path, is_there in PAGES:
        page.run("location.hash = arguments[0]", "#/" + path.replace("NEWEST", newest))
        page.wait(f"return {is_there}", what=path)
        look(page, path, faults)


def main():
    missing = browser.why_missing() or (None if os.path.exists(AXE) else f"no axe-core at {AXE} (scripts/setup --browser)")
    if missing:
        print("skipped:", missing)
        return 77
    with open(AXE, encoding="utf-8") as file:
        source = file.read()
    folder = tempfile.mkdtemp(prefix="tyto-axe-")
    clips, corrections, runs = (os.path.join(folder, name) for name in ("clips", "corrections", "runs"))
    faults = []
    try:
        make_recording(clips)
        os.makedirs(corrections)
        with Serving(TYTO, SAY_EVENTS, NUM_PAST, ["--recordings", clips, "--corrections", corrections, "--teach", runs]) as serving, browser.Browser() as page:
            check(page, serving, source, faults)
        users, word = os.path.join(folder, "users"), os.path.join(folder, "word")
        with open(os.open(word, os.O_WRONLY | os.O_CREAT, 0o600), "w", encoding="ascii") as file:
            file.write("looks but touches not")
        subprocess.run([TYTO, "user", "add", "viv", "--users", users, "--password-file", word], check=True, timeout=60)
        with Serving(TYTO, SAY_EVENTS, 2, ["--users", users]) as serving, browser.Browser() as page:
            page.open(serving.address)
            page.wait("return document.querySelector('.login') !== null", what="the form")
            page.run(source)
            look(page, "login", faults)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print("\n".join(faults) or "ok")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
