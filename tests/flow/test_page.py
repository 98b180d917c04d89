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
import time

import browser
from controlling import Control
from serving import CLIP, CLIP_ID as ID, Serving, make_recording

TYTO, SAY_EVENTS = sys.argv[1:3]
SHOTS = sys.argv[4] if len(sys.argv) > 4 else None


def shoot(page, name):
    page.shoot(SHOTS, name)


YAML = "return document.getElementById('yaml').value"
SAID = "return document.getElementById('said').textContent"
PASTED = """    zones:
      - name: drive
        polygon: 0.1,0.5 0.9,0.5 0.9,1 0.1,1
        only: [dog, car]
      - {name: porch, polygon: "0,0 0.2,0 0.2,0.2"}
    masks: [{polygon: '0,0 1,0 1,0.1'}, {polygon: 0.5,0.5 1,0.5 1,1}]
    transport: tcp
"""


def check_zones(page, serving):
    """Polygons by keyboard, mouse and paste; what comes out is what tytod takes."""
    page.open(serving.address + "#/zones")
    page.wait("return document.getElementById('camera') !== null")
    choose = "const c = document.getElementById('camera'); c.value = arguments[0]; c.dispatchEvent(new Event('change'))"
    page.run(choose, "front-door")  # of which there is no recording
    page.wait("return !document.querySelector('.drawing canvas').hidden && document.querySelector('.drawing canvas').width === 480", what="what the camera sees")
    page.run(choose, "yard")
    page.wait("return !document.querySelector('.drawing video').hidden", what="the camera's picture")
    page.click("#add-zone")
    assert "polygon: 0.3,0.3 0.7,0.3 0.7,0.7 0.3,0.7" in page.run(YAML)
    page.keys("\ue012" * 3 + "\ue013")  # three to the left, one up
    assert "polygon: 0.27,0.29 0.7,0.3" in page.run(YAML), page.run(YAML)
    page.keys("\ue007")  # another corner after it
    assert len(page.run(YAML).split("polygon: ")[1].split()) == 5
    page.keys("\ue017")  # and away with it
    assert "polygon: 0.27,0.29 0.7,0.3 0.7,0.7 0.3,0.7" in page.run(YAML), page.run(YAML)
    page.drag(".corner:nth-child(3)", "#stage", 0.9, 0.8)
    found = page.run(YAML).split("polygon: ")[1].split()[2]
    assert abs(float(found.split(",")[0]) - 0.9) < 0.02 and abs(float(found.split(",")[1]) - 0.8) < 0.02, found
    shoot(page, "zones")
    page.drag(".corner:nth-child(3)", "#stage", 0.5, 0.1)
    assert "crosses itself" in page.run(SAID), page.run(SAID)
    page.run("const y = document.getElementById('yaml'); y.value = arguments[0]; y.dispatchEvent(new Event('change'))", PASTED)
    assert page.run("return [document.querySelectorAll('polygon.zone').length, document.querySelectorAll('polygon.mask').length]") == [2, 2]
    assert "Paste these lines" in page.run(SAID), page.run(SAID)
    text = page.run(YAML)
    assert "only: [dog, car]" in text and "name: porch" in text, text
    tytod = os.path.join(os.path.dirname(TYTO), "..", "daemon", "tytod")
    if os.access(tytod, os.X_OK):
        with tempfile.NamedTemporaryFile("w", suffix=".yaml") as config:
            config.write(f"cameras:\n  - id: yard\n    uri: a.mp4\n{text}")
            config.flush()
            # The file is read whole before networks are looked for, of which there are none.
            done = subprocess.run([tytod, "--check", "--models", "/nonexistent", "--config", config.name], capture_output=True, text=True, timeout=60)
            assert "/nonexistent/visual.safetensors" in done.stderr, done.stderr
    page.run("const y = document.getElementById('yaml'); y.value = 'zones:\\n  - polygon: 1,2'; y.dispatchEvent(new Event('change'))")
    assert "no zones and masks" in page.run(SAID), page.run(SAID)


def check_login(page, serving):
    """Two people, by keyboard alone and on a telephone; who only looks is not asked what it is."""
    page.open(serving.address + f"#/event/{ID}")
    page.wait("return document.activeElement?.id === 'login-name'", what="the form, ready to be typed into")
    assert page.run("return document.getElementById('nav').hidden && document.getElementById('who').hidden")
    shoot(page, "login")
    page.keys("viv\ue004wrong in every way\ue007")
    page.wait("return document.querySelector('.said').textContent === 'name or password is wrong'")
    page.keys("looks but touches not\ue007")
    page.wait("return document.getElementById('who').textContent === 'viv · log out'", what="viv to be let in")
    page.wait("return document.querySelector('video')?.readyState >= 1", what="the recording")
    assert page.run("return document.querySelector('.lane') === null"), "a viewer is offered to correct"
    assert page.run("return document.cookie") == "", "scripts can read a session's cookie"
    page.size(390, 844)
    page.click("#who")
    page.wait("return document.querySelector('.login') !== null && document.querySelector('video') === null", what="viv to be gone")
    page.type("#login-name", "Anna")
    page.type("#login-password", "a right long word")
    box = page.run("const b = document.getElementById('login').getBoundingClientRect(); return [b.left, b.right, b.height]")
    assert box[0] >= 0 and box[1] <= 390 and box[2] >= 36, box
    page.click("#login")
    page.wait("return document.querySelector('.lane') !== null", what="anna's event, to be corrected")
    page.size(1280, 860)
    # Of many events the newest are drawn first, then all of them.
    page.run("location.hash = '#/timeline'")
    page.wait("return document.querySelector('canvas')?.dataset.painted", what="the newest events")
    page.wait("return Number(document.querySelector('canvas').dataset.ready) > 2000", what="all events")
    page.wait("return /^([0-9.,]+) of \\1 events$/.test(document.querySelector('.head small').textContent)", what="how many there are")
    # Without a session the page asks again, whatever it shows.
    page.call("DELETE", "/cookie")
    page.open(serving.address + "#/health")
    page.wait("return document.querySelector('.login') !== null", what="the form once the cookie is gone")
    complaints = [text for text in page.complaints() if "401" not in text]
    assert not complaints, complaints


def make_picture(serving, folder):
    """Of the newest event that has ended, as tytod names it: its id."""
    event = [one for one in serving.get("/api/now")["events"] if one["end"] and one["class"] == "dog"][-1]
    begun = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(event["begin"] // 1000))
    path = os.path.join(folder, event["camera"], f"{begun}-{event['class']}-{event['id']}.jpg")
    os.makedirs(os.path.dirname(path), exist_ok=True)
    subprocess.run(["ffmpeg", "-v", "error", "-f", "lavfi", "-i", "testsrc=size=320x180", "-vf", "drawbox=40:30:90:80:yellow:3", "-frames:v", "1", path], check=True, timeout=60)
    return event["id"]


def check_picture(page, serving, pictures):
    """On the page of the event, and on the timeline where the mouse rests on it."""
    id = make_picture(serving, pictures)
    status, headers, body = serving.request("GET", f"/picture?id={id}")
    assert status == 200 and headers["content-type"] == "image/jpeg" and body[:2] == b"\xff\xd8", (status, headers)
    for other in (ID, "../../etc/passwd", ""):
        assert serving.request("GET", f"/picture?id={other}")[0] == 404, other
    page.open(serving.address + f"#/event/{id}")
    page.wait("return document.getElementById('picture')?.naturalWidth === 320", what="the event's picture")
    shoot(page, "picture")
    page.open(serving.address + f"#/timeline/{id}")
    page.wait("return document.querySelector('.tip:not([hidden]) img')?.naturalWidth === 320", what="the picture on the timeline")
    shoot(page, "timeline-picture")


def make_sight(folder):
    """What the cameras see."""
    path = os.path.join(folder, "sight.jpg")
    subprocess.run(["ffmpeg", "-v", "error", "-f", "lavfi", "-i", "smptehdbars=size=480x270", "-vf", "boxblur=30", "-frames:v", "1", path], check=True, timeout=60)
    return path


# A browser without a window shows none: what the page asks for is kept.
NOTIFICATION = """
window.notified = [];
window.Notification = class {
  static permission = "default";
  static async requestPermission() { return (this.permission = "granted"); }
  constructor(title, options) { window.notified.push({title, ...options}); window.notified.last = this; }
  close() {}
};
"""


def check_notify(page, serving):
    """Nothing unless somebody asks for it; then of what was chosen, on every page, and a click leads there."""
    page.open(serving.address + "#/now")
    page.wait("return document.getElementById('notify') !== null")
    page.run(NOTIFICATION)
    assert page.run("return document.getElementById('notify').value") == ""
    page.run("const n = document.getElementById('notify'); n.value = '*'; n.dispatchEvent(new Event('change'))")
    page.wait("return localStorage.getItem('notify-of') === '*'", what="the choice")
    page.run("location.hash = '#/health'")
    page.wait("return window.notified.length > 0", what="a notification")
    page.run("localStorage.setItem('notify-of', 'unicorn')")
    note = page.run("return window.notified.at(-1)")
    num = page.run("return window.notified.length")
    assert ", " in note["title"] and note["body"].split(",")[0] in ("yard", "front-door", "workshop"), note
    page.run("window.notified.last.onclick()")
    page.wait("return location.hash === `#/event/${arguments[0]}`", note["tag"], what="its event")
    newest = serving.get("/api/now")["events"][-1]["id"]
    serving.wait("/api/now", lambda now: now["events"][-1]["id"] != newest)
    page.wait("return document.getElementById('aloud') !== null")
    assert page.run("return window.notified.length") == num, "of another class"
    page.run("localStorage.removeItem('notify-of'); location.hash = '#/now'")


def check(page, serving, corrections):
    page.open(serving.address + "#/now")
    page.wait("return document.querySelectorAll('.tile').length === 3")
    page.wait("return document.getElementById('link').textContent === 'watching'")
    page.wait("return [...document.querySelectorAll('.bar')].some((bar) => Number(bar.getAttribute('aria-valuenow')) > 0)", what="scores")
    page.wait("return [...document.querySelectorAll('.sight')].filter((one) => one.naturalWidth === 480 && Number(one.dataset.num) > 1).length === 2", what="what the cameras see, again and again")
    assert page.run("return document.body.innerText").count("<b>rtsp</b>") == 0  # only cameras that are not live say their text
    shoot(page, "now")
    page.open(serving.address + "#/timeline")
    page.wait("return Number(document.querySelector('canvas')?.dataset.ready) > 40", what="the timeline")
    page.run("return import('/live.js').then((module) => { window.live = module.live; })")
    page.wait("return [...live.cameras.values()].every((one) => !one.scores)", what="a page that is told no scores")
    page.run("location.hash = '#/now'")
    page.wait("return [...live.cameras.values()].some((one) => one.scores) && [...document.querySelectorAll('.sight')].some((one) => one.naturalWidth === 480)", what="scores and pictures again")
    page.run("location.hash = '#/timeline'")
    page.wait("return Number(document.querySelector('canvas')?.dataset.ready) > 40", what="the timeline again")
    page.run("document.querySelector('canvas').focus()")
    page.keys("]")
    page.wait("return document.querySelector('.tip') && !document.querySelector('.tip').hidden", what="an event chosen by keyboard")
    page.keys("n")
    shoot(page, "timeline")
    page.run("const z = document.getElementById('zone'); z.value = 'drive'; z.dispatchEvent(new Event('change'))")
    shown, known = (int(text.replace(",", "")) for text in page.run("return document.querySelector('.head small').textContent").replace(" events", "").split(" of "))
    assert 0 < shown < known / 3, (shown, known)
    page.open(serving.address + "#/health")
    page.wait("return document.querySelectorAll('#cameras tbody tr').length === 3 && document.querySelectorAll('#latency tbody tr').length === 6 && document.body.innerText.includes('All is well')")
    shoot(page, "health")
    newest = [one for one in serving.get("/api/now")["events"] if one["modality"] == "av" and one["end"]][-1]["id"]
    page.open(serving.address + f"#/event/{newest}")
    page.wait("return document.querySelector('.curves') !== null", what="the scores of an event")
    page.wait("return document.querySelectorAll('#alignment .matrix').length === 2", what="which second answered which")
    for is_hidden in (True, False):
        page.keys("h")
        assert page.run("return document.querySelector('.heat').hidden") == is_hidden
    shoot(page, "event")
    page.open(serving.address + f"#/event/{ID}")
    page.wait("return document.querySelector('video')?.readyState >= 2 && document.querySelector('.span')", what="the recording")
    page.wait("return Number(document.querySelector('.wave').dataset.peaks) > 1000", what="the line of its sound")
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
    check_zones(page, serving)
    check_notify(page, serving)
    check_picture(page, serving, os.path.join(os.path.dirname(corrections), "pictures"))
    # A script in the page's own text does not run.
    page.run("const s = document.createElement('script'); s.textContent = 'window.wasRun = true'; document.body.append(s)")
    assert page.run("return window.wasRun === undefined"), "an inline script was run"
    complaints = [text for text in page.complaints() if "Content Security Policy" not in text and "inline script" not in text]
    assert not complaints, complaints
    requested = page.requested()
    assert serving.address.rstrip("/") + "/api/stream?seconds=no" in requested, "the timeline asks for what each second brings"
    foreign = [url for url in requested if not url.startswith((serving.address, "data:", "chrome:", "blob:"))]
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
        os.environ["TYTO_TEST_PICTURE"] = make_sight(folder)
        control = os.path.join(folder, "control.sock")
        with Control(control), Serving(TYTO, SAY_EVENTS, 60, ["--socket", control, "--recordings", clips, "--corrections", corrections, "--pictures", os.path.join(folder, "pictures")]) as serving, browser.Browser() as page:
            check(page, serving, corrections)
        users, word = os.path.join(folder, "users"), os.path.join(folder, "word")
        for name, role, password in (("anna", "admin", "a right long word"), ("viv", "viewer", "looks but touches not")):
            with open(os.open(word, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="ascii") as file:
                file.write(password)
            subprocess.run([TYTO, "user", "add", name, "--role", role, "--users", users, "--password-file", word], check=True, timeout=60)
        with Serving(TYTO, SAY_EVENTS, 4000, ["--recordings", clips, "--corrections", corrections, "--users", users]) as serving, browser.Browser() as page:
            check_login(page, serving)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print("ok")
    return 0


if __name__ == "__main__":
    sys.exit(main())
