#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Teaching on the page: a made head learns a class from corrections while somebody looks, the page is
loaded anew meanwhile, the model is brought into a running tytod, and the one before is again. By
HTTP, and where chromium is installed in a browser. The networks are made by make_small_models.

  test_teach.py --bin DIR ... --make PROGRAM [--shots DIR]"""
import glob
import os
import shutil
import signal
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import browser  # noqa: E402
from serving import Serving  # noqa: E402
from test_daemon import wait_for  # noqa: E402
from test_thresholds import main, post  # noqa: E402

SECONDS, NUM_OWLS = 6, 12
LOOKS = {"dog": ("red", 300), "cat": ("green", 900), "owl": ("blue", 2500), "none": ("gray", 0)}


def make_clip(path, colour, pitch):
    sound = f"sine={pitch}:d={SECONDS}" if pitch else f"anullsrc=d={SECONDS}"
    subprocess.run(["ffmpeg", "-v", "error", "-y", "-f", "lavfi", "-i", f"color={colour}:s=64x48:r=4:d={SECONDS}", "-f", "lavfi", "-i", sound,
                    "-t", str(SECONDS), "-c:v", "libx264", "-preset", "ultrafast", "-c:a", "aac", path], check=True, timeout=60)


def make_models(place):
    """A head that knows dogs and cats, with clips of what it knows, in the models' folder."""
    path = lambda name: os.path.join(place.folder, name)
    for name, look in LOOKS.items():
        make_clip(path(name + ".mkv"), *look)
    with open(path("old.csv"), "w", encoding="ascii") as file:
        file.write("file,class,begin_s,end_s,modality\n")
        for i in range(2):
            for name in ("dog", "cat", "none"):
                shutil.copy(path(name + ".mkv"), path(f"{name}-{i}.mkv"))
                file.write(f"{name}-{i}.mkv,,,,\n" if name == "none" else f"{name}-{i}.mkv,{name},0,{SECONDS},both\n")
    common = ["--models", place.models, "--cache", path("cache"), "--device", "cpu", "--no-progress"]
    for arguments in (["train", "--labels", path("old.csv"), "--out", path("old"), "--epochs", "2", "--rate", "3e-3", "--segments", str(SECONDS),
                       "--val-share", "0", "--batch", "4", "--basis", "4", "--report", "none"],
                      ["adapt", "--head", path("old/model.safetensors"), "--labels", path("old.csv"), "--keep", path("kept.safetensors")]):
        done = subprocess.run([place.program("tyto"), *arguments, *common], capture_output=True, text=True, timeout=1500)
        assert done.returncode == 0, done.stderr
    shutil.copy(path("old/model.safetensors"), place.model("head"))
    shutil.copy(path("kept.safetensors"), place.model("kept"))


def make_corrections(place):
    folder = os.path.join(place.folder, "corrections")
    os.makedirs(os.path.join(folder, "yard"))
    with open(os.path.join(folder, "labels.csv"), "w", encoding="ascii") as file:
        file.write("file,class,begin_s,end_s,modality\n")
        for i in range(NUM_OWLS):
            name = f"yard/20261123T1557{i:02d}Z-cat-01M84J0DCR3A85TD3GBA6TM{i:03d}.mkv"
            shutil.copy(os.path.join(place.folder, "owl.mkv"), os.path.join(folder, name))
            file.write(f"{name},owl,0.000,{SECONDS}.000,both\n")
    return folder


def over(serving):
    wait_for("the run's end", lambda: serving.get("/api/teach")["now"]["state"] != "running", 1500)
    return serving.wait("/api/teach", lambda a: a["runs"])


def check_run(place, serving, token):
    answer = serving.get("/api/teach")
    assert answer["teaches"] and answer["now"]["state"] == "none" and len(answer["corrections"]) == NUM_OWLS, answer
    assert post(serving, "/api/teach/start", {}, "wrong")[0] == 403
    status, said = post(serving, "/api/teach/start", {"clips": ["yard/../../etc/passwd"]}, token)
    assert status == 400 and "corrected" in said["error"], (status, said)
    assert post(serving, "/api/teach/push", {"run": 1}, token)[0] == 404
    status, answer = post(serving, "/api/teach/start", {}, token)
    assert status == 200 and answer["now"]["state"] == "running", answer
    assert post(serving, "/api/teach/start", {}, token)[0] == 409
    now = over(serving)["now"]
    assert now["state"] == "done", now
    assert now["clips"] == NUM_OWLS and len(now["epochs"]) == 12 and all(len(pair) == 2 for pair in (now["camera"], now["kept"])), now
    assert "new class: owl" in now["notes"], now
    print(f"    taught within {now['took_s']:.1f} s, F1 on held back {now['camera']}")


def check_cancel(serving, token):
    num = len(serving.get("/api/teach")["runs"])
    assert post(serving, "/api/teach/start", {}, token)[0] == 200
    assert post(serving, "/api/teach/cancel", {}, token)[0] == 200
    answer = serving.wait("/api/teach", lambda a: len(a["runs"]) == num + 1)
    assert answer["runs"][0]["state"] == "stopped" and answer["runs"][-1]["state"] == "done", answer["runs"]


def check_push(place, serving, token):
    before = place.ask(command="status")["model"]
    pushed = lambda: serving.wait("/api/teach", lambda a: a["push"]["state"] != "pushing")["push"]
    assert post(serving, "/api/teach/push", {"run": 1}, token)[0] == 200
    push = pushed()
    now = place.ask(command="status")["model"]
    assert push["state"] == "done" and push["digest"] == now["digest"] != before["digest"] and push["can_go_back"] and push["kept"], (push, now)
    assert "owl" in now["classes"], now
    check_review(place, serving, token, True)
    assert post(serving, "/api/teach/push", {"back": True}, token)[0] == 200
    assert pushed()["state"] == "done" and place.ask(command="status")["model"]["digest"] == before["digest"]


def check_review(place, serving, token, is_taught):
    """What the model that serves makes of the corrections, which is other than before it was taught."""
    status, answer = post(serving, "/api/review/judge", {}, token)
    assert status == 200 and answer["state"] == "running", answer
    found = serving.wait("/api/review", lambda a: a["judged"]["state"] != "running")
    judged = found["judged"]
    assert judged["state"] == "done" and judged["num"] == judged["of"] == NUM_OWLS, judged
    assert judged["model"] == place.ask(command="status")["model"]["digest"] and judged["is_present"], judged
    owls = sum(event["class"] == "owl" for one in found["corrected"] for event in one["now"])
    assert owls >= NUM_OWLS / 2 if is_taught else owls == 0, (is_taught, owls, found)
    assert post(serving, "/api/review/judge", {}, token)[0] == 200  # nothing is left to do
    found = serving.wait("/api/review", lambda a: a["judged"]["state"] != "running")
    assert found["judged"]["state"] == "done" and found["judged"]["of"] == 0 and "now" in found["corrected"][0], found["judged"]


class Held:
    """The next `tyto adapt` that this process begins, stopped as soon as it is there: it needs less time
    than somebody who looks at the page."""

    def __init__(self, parent):
        self.parent, self.child = parent, None
        self.thread = threading.Thread(target=self.catch, daemon=True)
        self.thread.start()

    def catch(self):
        begin = time.monotonic()
        while not self.child and time.monotonic() - begin < 120:
            for path in glob.glob(f"/proc/{self.parent}/task/*/children"):
                try:
                    with open(path, encoding="ascii") as file:
                        self.stop(file.read().split())
                except OSError:
                    pass  # the thread has just ended
            time.sleep(0.001)

    def stop(self, children):
        for child in children:
            with open(f"/proc/{child}/cmdline", "rb") as file:
                if b"\0adapt\0" in file.read():
                    os.kill(int(child), signal.SIGSTOP)
                    self.child = int(child)

    def let_go(self):
        self.thread.join()
        os.kill(self.child, signal.SIGCONT)


def check_page(page, serving, place, shots):
    page.open(serving.address + "#/teach")
    page.wait("return document.querySelectorAll('.picks li').length === arguments[0]", NUM_OWLS, what="the corrections")
    page.wait("return document.querySelector('tr[data-run=\"1\"] .push') !== null", what="the model")
    assert page.run("return document.getElementById('state').textContent") == "done"
    assert "→" in page.run("return document.querySelector('.facts dd').textContent")
    page.shoot(shots, "teach")
    # One recording less; it goes on without the page, and is ended from it.
    page.click(".picks input")
    assert page.run("return document.getElementById('start').textContent") == f"Teach from {NUM_OWLS - 1}"
    child = Held(serving.page.pid)
    page.click("#start")
    page.wait("return document.getElementById('start').textContent === 'Stop'", what="that it has begun")
    page.open(serving.address + "#/health")
    page.open(serving.address + "#/teach")
    page.wait("return document.getElementById('start')?.textContent === 'Stop'", what="that it goes on")
    page.click("#start")
    child.let_go()
    page.wait("return document.querySelector('tr[data-run=\"2\"]') !== null", what="its end")
    assert page.run("return document.getElementById('state').textContent") == "stopped"
    before = place.ask(command="status")["model"]["digest"]
    page.click('tr[data-run="1"] .push')
    page.wait("return document.getElementById('pushed').textContent.startsWith('tytod uses no. 1')", what="tytod to use it")
    assert place.ask(command="status")["model"]["digest"] != before
    page.click("#back")
    page.wait("return document.getElementById('pushed').textContent.startsWith('tytod uses the one before')", what="tytod to use the one before")
    assert place.ask(command="status")["model"]["digest"] == before
    complaints = page.complaints()
    assert not complaints, complaints


def check(place, shots):
    make_models(place)
    corrections, runs = make_corrections(place), os.path.join(place.folder, "runs")
    place.serve(config="cameras: [{id: yard, uri: 'test://?width=64&height=48'}]\n")
    wait_for("tytod answers", lambda: os.path.exists(place.socket) and place.ask(command="status")["ok"], 120)
    arguments = ["--corrections", corrections, "--teach", runs, "--models", place.models, "--socket", place.socket]
    with Serving(place.program("tyto"), None, args=arguments, endpoint=place.endpoint) as serving:
        token = serving.get("/api/me")["token"]
        check_run(place, serving, token)
        check_review(place, serving, token, False)
        check_push(place, serving, token)
        if not browser.why_missing():
            with browser.Browser(deadline_s=600) as page:
                check_page(page, serving, place, shots)
        check_cancel(serving, token)
        assert post(serving, "/api/teach/start", {}, token)[0] == 200
    # The run ended with its server, and who comes next finds the others.
    with Serving(place.program("tyto"), None, args=arguments, endpoint=place.endpoint) as serving:
        found = serving.get("/api/teach")["runs"]
        assert found[0]["state"] == "stopped" and found[-1]["state"] == "done", found
    done = subprocess.run([place.program("tyto"), "serve", "--listen", "127.0.0.1:0", "--teach", runs], capture_output=True, text=True, timeout=60)
    assert done.returncode == 2 and "give --corrections" in done.stderr, done


if __name__ == "__main__":
    sys.exit(main(check))
