#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Thresholds on the page: what other ones would have given is counted from the scores that a real
tytod has kept, and applying them changes its configuration. By HTTP, and where chromium is
installed in a browser. The networks are made up by make_small_models.

  test_thresholds.py --bin DIR ... --make PROGRAM [--shots DIR]"""
import argparse
import json
import os
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import browser  # noqa: E402
from serving import Serving  # noqa: E402
from test_control import Place  # noqa: E402
from test_daemon import text_of, wait_for  # noqa: E402

# One second of a class is an event, so that there are many.
TRACKER = ("tracker: {threshold: 0.4, threshold_single: 0.4, onset_num: 1, onset_window: 1,"
           " hang_over_s: 0.5, max_duration_s: 1}\n")
HEAD = "# which cameras there are\ncameras:\n  - id: yard # the gate\n    uri: %s\n"


def make_clip(path):
    subprocess.run(["ffmpeg", "-v", "error", "-f", "lavfi", "-i", "testsrc2=size=64x48:rate=4", "-f", "lavfi", "-i",
                    "aevalsrc=random(0)*sin(t*3):s=16000", "-t", "30", "-c:v", "libx264", "-g", "4", "-pix_fmt", "yuv420p", "-c:a", "aac", path],
                   check=True, timeout=60)


def moved(threshold, by):
    odds = (threshold / (1 - threshold)) * 2.718281828459045 ** by
    return odds / (1 + odds)


def post(serving, path, body, token):
    status, _, text = serving.request("POST", path, json.dumps(body).encode(), {"X-Tyto-Token": token, "Content-Type": "application/json"})
    return status, json.loads(text)


def counted(place, threshold):
    """The same by `tyto scores`."""
    done = place.run("tyto", "scores", place.endpoint, "--camera", "yard", "--json", "--threshold", str(threshold), "--threshold-single", str(threshold))
    assert done.returncode == 0, done.stderr
    return {row["class"]: (row["was"], row["would"]) for row in map(json.loads, done.stdout.splitlines())}


def check_count(place, serving, token):
    status, answer = post(serving, "/api/thresholds/count", {"cameras": [], "hours": 24}, token)
    assert status == 200, answer
    answer = serving.wait("/api/thresholds", lambda a: a["state"] != "counting")
    assert answer["state"] == "done" and answer["can_apply"], answer
    (camera,) = answer["cameras"]
    assert camera["id"] == "yard" and camera["segments"] > 20, camera
    classes = {one["name"]: one for one in camera["classes"]}
    assert classes and all(one["thresholds"] == [0.4] * 3 for one in classes.values()), classes
    steps = answer["steps"]
    tried = 0
    for step in (steps.index(0), steps.index(-0.5), steps.index(1)):
        told = counted(place, 0.4 if steps[step] == 0 else moved(0.4, steps[step]))
        for name, one in classes.items():
            was, would = told.get(name, (0, 0))
            assert (one["was"], one["counts"][step]) == (was, would), (name, steps[step], one, told)
            tried += would
    assert tried > 10, (tried, classes)
    for body, words in (({"cameras": ["yard"], "hours": 0}, "hours"), ({"cameras": ["No"], "hours": 1}, "no cameras"), ({"hours": "x"}, "hours")):
        status, answer = post(serving, "/api/thresholds/count", body, token)
        assert status == 400 and words in answer["error"], (body, status, answer)
    status, answer = post(serving, "/api/thresholds/count", {"cameras": ["cellar"], "hours": 1}, token)
    assert status == 200, answer
    answer = serving.wait("/api/thresholds", lambda a: a["state"] != "counting")
    assert answer["state"] in ("done", "failed"), answer
    return classes


def check_apply(place, serving, token, path):
    before = text_at(path)
    body = {"camera": None, "classes": [{"name": "dog", "thresholds": [0.5, 0.6, 0.7]}]}
    assert post(serving, "/api/thresholds/apply", body, "wrong")[0] == 403
    assert text_at(path) == before
    for bad in ({"classes": []}, {"classes": [{"name": "dog", "thresholds": [0.5, 2, 1]}]}, {"classes": [{"name": "a b", "thresholds": [1, 1, 1]}]}):
        assert post(serving, "/api/thresholds/apply", bad, token)[0] == 400, bad
    assert post(serving, "/api/thresholds/apply", body, token)[0] == 200
    change = serving.wait("/api/thresholds", lambda a: a["change"]["state"] != "applying")["change"]
    assert change == {"state": "done", "generation": 2, "tuned": True}, change
    assert text_at(path) == before + "classes:\n  dog: {threshold: 0.5, threshold_heard: 0.6, threshold_seen: 0.7}\n", text_at(path)
    # A class that the model does not have: tytod refuses it, and the file is as it was.
    before = text_at(path)
    body["classes"][0]["name"] = "unicorn"
    assert post(serving, "/api/thresholds/apply", body, token)[0] == 200
    change = serving.wait("/api/thresholds", lambda a: a["change"]["state"] != "applying")["change"]
    assert change["state"] == "failed" and "tytod refuses it" in change["error"], change
    assert text_at(path) == before
    assert place.ask(command="status")["config"]["generation"] == 2


def text_at(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def check_page(page, serving, place, path, shots):
    page.open(serving.address + "#/thresholds")
    page.wait("return document.querySelector('#camera option[value=yard]') !== null", what="the camera")
    page.click("#count")
    page.wait("return document.querySelector('.sliders tbody tr') !== null", what="the sliders")
    before = text_at(path)
    name = page.run("return document.querySelector('.sliders input:enabled').dataset.class")
    row = f"tr[data-class={name}]"
    now = int(page.run(f"return document.querySelector('{row} .would').textContent"))
    page.run(f"document.querySelector('{row} input').focus()")
    page.keys("\ue014" * 6)  # six steps to the right, by keyboard
    told = page.run(f"return document.querySelector('{row} input').getAttribute('aria-valuetext')")
    then = int(page.run(f"return document.querySelector('{row} .would').textContent"))
    assert then <= now and told.endswith(f", {then} events"), (now, then, told)
    assert f"  {name}: {{threshold: " in page.run("return document.getElementById('yaml').value")
    page.shoot(shots, "thresholds")
    assert text_at(path) == before, "something was changed before it was said"
    page.click("#apply")
    page.wait("return document.getElementById('applied').textContent.startsWith('tytod uses them')", what="tytod to use them")
    assert f"{name}: {{" in text_at(path) and place.ask(command="status")["config"]["generation"] == 3
    # Who comes later finds what was counted.
    page.open(serving.address + "#/health")
    page.open(serving.address + "#/thresholds")
    page.wait("return document.querySelector('.sliders tbody tr') !== null", what="the sliders again")
    complaints = page.complaints()
    assert not complaints, complaints


def check(place, shots):
    clip = os.path.join(place.folder, "yard.mp4")
    make_clip(clip)
    path = place.config(HEAD % clip + TRACKER, "tytod.yaml")
    tytod = place.start_daemon("--config", path, env=place.env)
    wait_for("the clip's end", lambda: "yard is ended" in text_of(tytod), 120)
    wait_for("its scores", lambda: counted(place, 0.4))
    tyto = place.program("tyto")
    with Serving(tyto, None, args=["--config", path, "--socket", place.socket], endpoint=place.endpoint) as serving:
        token = serving.get("/api/me")["token"]
        serving.wait("/api/now", lambda now: now["cameras"])
        check_count(place, serving, token)
        check_apply(place, serving, token, path)
        if not browser.why_missing():
            with browser.Browser() as page:
                check_page(page, serving, place, path, shots)
    # A file that is not this server's to write: the lines are to be pasted in.
    with Serving(tyto, None, args=["--config", "/etc/passwd-not-there", "--socket", place.socket], endpoint=place.endpoint) as serving:
        answer = serving.get("/api/thresholds")
        assert not answer["can_apply"] and "No such file" in answer["why_not"], answer


def main(check):
    """check(place, where screenshots go) with a place to run tytod in."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--bin", action="append", default=[])
    parser.add_argument("--make")
    parser.add_argument("--shots")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        place = Place(args, folder)
        try:
            check(place, args.shots)
        finally:
            place.stop_all()
    print("ok" if not browser.why_missing() else f"ok, without a browser: {browser.why_missing()}")
    return 0


if __name__ == "__main__":
    sys.exit(main(check))
