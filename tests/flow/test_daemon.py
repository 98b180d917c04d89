#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""tytod as a process: its command line, start and stop, what it tells systemd, what subscribers
see when it ends or when one of them stands still, and that secrets stay out of its log.

  test_daemon.py [--bin DIR ...] --make PROGRAM [NAME...]

Programs are looked for in each --bin DIR, then in dist/bin. The networks are made up by
make_small_models, so that this runs anywhere and some class always has a score."""
import json
import os
import signal
import socket
import subprocess
import sys
import time

import cases

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
DIST = os.environ.get("TYTO_DIST") or os.path.join(ROOT, "dist")
SHIPPED = os.path.join(DIST, "share", "tyto", "models")
# Any score of made-up networks opens an event at once, and hardly anything closes it again.
EAGER = "tracker: {threshold: 0.01, threshold_single: 0.01, peak: 0, onset_num: 1, onset_window: 1}\n"
# And each is cut after two seconds: some begin and end all the time.
BUSY = EAGER.replace("}", ", max_duration_s: 2, update_every_s: 0.5}")


class World:
    def __init__(self, args, folder):
        self.folder = folder
        self.bins = args.bin + [os.path.join(DIST, "bin")]
        self.models = getattr(args, "models", None) or SHIPPED
        if getattr(args, "make", None):
            self.models = os.path.join(folder, "models")
            os.mkdir(self.models)
            subprocess.run([args.make, self.models], check=True, timeout=60)
        self.endpoint = "ipc://" + os.path.join(folder, "events.sock")
        self.processes = []

    def program(self, name):
        for folder in self.bins:
            path = os.path.join(folder, name)
            if os.access(path, os.X_OK):
                return path
        raise FileNotFoundError(f"no {name} in {self.bins}")

    def has_models(self):
        names = ("visual", "audio", "head")
        return all(os.access(os.path.join(self.models, n + ".safetensors"), os.R_OK) for n in names)

    def config(self, text, name="t.yaml"):
        path = os.path.join(self.folder, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return path

    def run(self, name, *arguments, **kwargs):
        return subprocess.run([self.program(name), *arguments], capture_output=True, text=True,
                              timeout=60, check=False, **kwargs)

    def start(self, name, *arguments, log=None, env=None):
        out = open(os.path.join(self.folder, log or name + ".log"), "w", encoding="utf-8")
        process = subprocess.Popen([self.program(name), *arguments], stdout=out, stderr=out,
                                   env={**os.environ, "XDG_STATE_HOME": self.folder,
                                        **(env or {})})
        out.close()
        process.log = os.path.join(self.folder, log or name + ".log")
        self.processes.append(process)
        return process

    def start_daemon(self, *arguments, **kwargs):
        return self.start("tytod", "--models", self.models, "--endpoint", self.endpoint,
                          "--log-level", "debug", *arguments, **kwargs)

    def start_watch(self, log, *arguments):
        return self.start("tyto", "watch", self.endpoint, "--json", *arguments, log=log)

    def stop_all(self):
        for process in self.processes:
            if process.poll() is None:
                process.send_signal(signal.SIGCONT)
                process.kill()
            process.wait()


def text_of(process):
    with open(process.log, encoding="utf-8", errors="replace") as file:
        return file.read()


def lines_of(process):
    """The JSON lines so far; the last one may be cut."""
    found = []
    for line in text_of(process).splitlines():
        if line.startswith("{"):
            try:
                found.append(json.loads(line))
            except json.JSONDecodeError:
                pass
    return found


def wait_for(what, condition, seconds=120):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        result = condition()
        if result:
            return result
        time.sleep(0.1)
    raise AssertionError(f"not within {seconds} s: {what}")


def end(process, number=signal.SIGTERM, seconds=20):
    process.send_signal(number)
    return process.wait(seconds)


# --- cases without networks ----------------------------------------------------------------


def help_and_version_are_there(world):
    for name, arguments in (("tytod", ["--help"]), ("tyto", ["--help"]), ("tyto", ["help"]),
                            ("tyto", ["watch", "--help"]), ("tyto", ["devices", "--help"]),
                            ("tyto", ["localize", "--help"]), ("tyto", ["model", "--help"]),
                            ("tyto", ["help", "watch"])):
        result = world.run(name, *arguments)
        assert result.returncode == 0, (name, arguments, result.stderr)
        assert "examples:" in result.stdout and "usage:" in result.stdout, (name, arguments)
    for name in ("tytod", "tyto"):
        assert world.run(name, "--version").stdout.startswith(name + " 0.")


def wrong_usage_says_what_is_wrong(world):
    for name, arguments, said in (
            ("tytod", [], "nothing to watch"),
            ("tytod", ["--frobnicate"], "See tytod --help"),
            ("tytod", ["--log", "loud", "x.mp4"], "--log: 'loud' must be one of: auto, human, json"),
            ("tyto", ["watsh"], "Did you mean 'watch'?"),
            ("tyto", [], "usage: tyto"),
            ("tyto", ["watch", "--camera", "Front Door"], "--camera: 'Front Door' must be 1 to 64"),
            ("tyto", ["watch", "--count", "many"], "--count: 'many' must be a whole number from 1 to"),
            ("tyto", ["watch", "udp:nonsense"], "cannot watch udp:nonsense"),
            ("tytod", ["--device", "x", "a.mp4"], "must be auto, gpu, cpu or an index"),
            ("tyto", ["devices", "x"], "takes no 'x'")):
        result = world.run(name, *arguments)
        assert result.returncode == 2, (name, arguments, result)
        assert said in result.stderr, (name, arguments, result.stderr)
    for arguments, said in ((["Bad=rtsp://h/s"], "'Bad' is no camera name"),
                            (["gopher://h"], "unknown scheme 'gopher'"),
                            (["--endpoint", "tcp://0.0.0.0:1", "a.mp4"], "nothing is encrypted"),
                            (["--models", "/nonexistent", "a.mp4"], "run scripts/setup"),
                            (["--config", "/nonexistent.yaml"], "cannot be opened")):
        result = world.run("tytod", *arguments)
        assert result.returncode in (1, 2), (arguments, result)
        assert said in result.stderr, (arguments, result.stderr)


def what_is_printed_and_not_written_is_a_failure(world):
    """As to a file on a disk that is full."""
    good = world.config("cameras: []\n")
    cases = [("tyto", "--help"), ("tyto", "--version"), ("tyto", "devices"), ("tyto", "watch", "--help"),
             ("tytod", "--help"), ("tytod", "--version")]
    if world.has_models():
        cases += [("tytod", "--check", "--config", good, "--models", world.models),
                  ("tyto", "localize", "--models", world.models, "--json", "/nonexistent.wav"),
                  ("tyto", "model", "info", os.path.join(world.models, "head.safetensors"))]
    for name, *arguments in cases:
        with open("/dev/full", "w", encoding="ascii") as full:
            result = subprocess.run([world.program(name), *arguments], stdout=full, stderr=subprocess.PIPE, text=True,
                                    timeout=60, check=False)
        assert result.returncode == 1, (name, arguments, result)
        assert "cannot be written" in result.stderr or arguments == ["--help"], (name, arguments, result)


def a_bad_file_is_named_with_line_and_key(world):
    path = world.config("cameras:\n  - id: a\n    uri: rtsp://me:hunter2@h/s\n    transprot: tcp\n")
    result = world.run("tytod", "--check", "--config", path)
    assert result.returncode == 1
    assert f"{path}:4: cameras[a].transprot: unknown key; did you mean 'transport'?" in result.stderr
    assert "hunter2" not in result.stderr + result.stdout


def watch_waits_without_a_daemon(world):
    result = world.run("tyto", "watch", world.endpoint, "--exit-after", "0.5")
    assert result.returncode == 0 and f"waiting for tytod at {world.endpoint}" in result.stderr
    result = world.run("tyto", "watch", world.endpoint, "--exit-after", "0.5", "--count", "1")
    assert result.returncode == 1 and "only 0 of 1 events" in result.stderr
    watch = world.start_watch("waiting.log")
    wait_for("watch is waiting", lambda: "waiting for" in text_of(watch))
    assert end(watch, signal.SIGINT) == 0


# --- cases with networks --------------------------------------------------------------------


def a_good_file_is_called_good(world):
    path = world.config("cameras: [{id: a, uri: 'test://'}]\n")
    result = world.run("tytod", "--check", "--config", path, "--models", world.models)
    assert result.returncode == 0 and "good: 1 camera, publishing on" in result.stdout, result


def a_class_that_the_networks_do_not_know_is_named(world):
    zone = "{name: z, polygon: '0,0 1,0 1,1'%s}"
    for own, text, where in (
            ("", "classes:\n  dgo:\n    threshold: 0.5\n", ":3: classes.dgo: "),
            (", classes: {dgo: {publish: false}}", "", ":1: cameras[a].classes.dgo: "),
            (", zones: [%s]" % (zone % ", only: dgo"), "", ":1: cameras[a].zones: "),
            (", zones: [%s]" % (zone % ", classes: {dgo: {threshold: 0.5}}"), "", ":1: cameras[a].zones: "),
            (", quiet_hours: [{times: 22:00-06:00, classes: [dgo]}]", "", ":1: cameras[a].quiet_hours: "),
            ("", "quiet_hours: [{times: 22:00-06:00, classes: [dgo]}]\n", ": quiet_hours: ")):
        path = world.config("cameras: [{id: a, uri: 'test://'%s}]\n%s" % (own, text))
        result = world.run("tytod", "--check", "--config", path, "--models", world.models)
        assert result.returncode == 1, result
        assert f"{path}{where}the networks know no class 'dgo'" in result.stderr, result
        assert "`tyto model info" in result.stderr
    broken = os.path.join(world.folder, "broken")
    os.mkdir(broken)
    for name in ("visual", "audio", "head"):
        with open(os.path.join(world.models, name + ".safetensors"), "rb") as file:
            data = file.read()
        with open(os.path.join(broken, name + ".safetensors"), "wb") as file:
            file.write(data[:1000] if name == "audio" else data)
    result = world.run("tytod", "--check", "--models", broken, "test://")
    assert result.returncode == 1 and "audio.safetensors" in result.stderr, result


def it_tells_systemd_and_ends_cleanly(world):
    address = os.path.join(world.folder, "notify")
    notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    notify.bind(address)
    notify.settimeout(60)
    daemon = world.start_daemon("--log", "json", "test://",
                                env={"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "1000000"})
    told = ""
    while "READY=1" not in told or told.count("WATCHDOG=1") < 3:
        told += notify.recv(4096).decode() + "\n"
    second = world.start_daemon("test://", log="second.log")
    assert second.wait(60) == 1 and "another process listens there" in text_of(second)
    begin = time.monotonic()
    assert end(daemon) == 0, text_of(daemon)
    print(f"    ended within {time.monotonic() - begin:.1f} s")
    while "STOPPING=1" not in told:
        told += notify.recv(4096).decode() + "\n"
    for line in text_of(daemon).splitlines():
        message = json.loads(line)
        assert set(message) == {"time", "level", "room", "text"}, line
    assert not os.path.exists(world.endpoint[6:]), "the socket file is left behind"


def open_events_are_ended_at_shutdown(world):
    path = world.config("cameras: [{id: a, uri: 'test://'}, {id: b, uri: 'test://'}]\n" + EAGER)
    watch = world.start_watch("watch.log")
    daemon = world.start_daemon("--config", path)
    wait_for("an event of each camera", lambda: {"a", "b"} <= {
        e["camera"] for e in lines_of(watch) if e["type"] == "event"})
    assert end(daemon) == 0, text_of(daemon)
    wait_for("the daemon's silence is seen",
             lambda: any(e["type"] == "silent" for e in lines_of(watch)))
    events = [e for e in lines_of(watch) if e["type"] == "event"]
    begun = {e["id"] for e in events if e["phase"] == "new"}
    ended = {e["id"]: e for e in events if e["phase"] == "end"}
    assert begun and begun == set(ended), (len(begun), len(ended))
    assert any(e["reason"] == "shutdown" for e in ended.values())
    seqs = [e["seq"] for e in events]
    assert seqs == sorted(set(seqs)), "out of order"
    assert not any(e["type"] == "lost" for e in lines_of(watch))
    assert end(watch, signal.SIGINT) == 0


def a_file_that_ends_can_end_the_daemon(world):
    daemon = world.start_daemon("--once", "test://?live=0&seconds=5")
    assert daemon.wait(60) == 0, text_of(daemon)
    assert "cam1 is ended" in text_of(daemon)
    noise = os.path.join(world.folder, "noise.mp4")
    with open(noise, "wb") as file:
        file.write(os.urandom(4000))
    for path in (os.path.join(world.folder, "none.mp4"), noise):
        daemon = world.start_daemon("--once", path, "good=test://?live=0&seconds=2")
        assert daemon.wait(60) == 1, text_of(daemon)
        assert f"camera cam1 failed: {path}: " in text_of(daemon), text_of(daemon)


def a_watcher_that_stands_still_holds_up_nobody(world):
    path = world.config("cameras: [{id: a, uri: 'test://'}]\n" + EAGER)
    still, live = world.start_watch("still.log"), world.start_watch("live.log")
    daemon = world.start_daemon("--config", path)
    wait_for("both watch", lambda: all(
        any(e["type"] == "event" for e in lines_of(w)) for w in (still, live)))
    still.send_signal(signal.SIGSTOP)
    seen = len(lines_of(live))
    wait_for("more events", lambda: len(lines_of(live)) > seen + 2)
    still.send_signal(signal.SIGCONT)
    wait_for("the other caught up", lambda: len(lines_of(still)) > seen + 2)
    for watch in (still, live):
        assert not any(e["type"] == "lost" for e in lines_of(watch))
    assert end(daemon) == 0


def secrets_stay_out_of_the_log(world):
    daemon = world.start_daemon("rtsp://me:hunter2@127.0.0.1:9/s?token=hunter2")
    wait_for("the camera is tried", lambda: "cam1 is" in text_of(daemon))
    time.sleep(3)
    with open(f"/proc/{daemon.pid}/cmdline", encoding="utf-8") as file:
        assert "hunter2" not in file.read()
    assert end(daemon) == 0
    assert "rtsp://***@127.0.0.1:9/s?***" in text_of(daemon)
    assert "hunter2" not in text_of(daemon), text_of(daemon)
    for arguments in (["rtsp://me:hu@nter2/s@127.0.0.1:9/s"], ["x", "rtsp://me:hunter2@h/s"],
                      ["--log", "rtsp://me:hunter2@h/s", "x"], ["Door=rtsp://me:hunter2@h/s"],
                      ["--endpoint", "rtsp://me:hunter2@h/s", "x"]):
        result = world.run("tytod", "--check", "--models", world.models, *arguments)
        assert "nter2" not in result.stderr + result.stdout, result


CASES = [help_and_version_are_there, wrong_usage_says_what_is_wrong,
         what_is_printed_and_not_written_is_a_failure,
         a_bad_file_is_named_with_line_and_key, watch_waits_without_a_daemon,
         a_good_file_is_called_good, a_class_that_the_networks_do_not_know_is_named,
         it_tells_systemd_and_ends_cleanly, open_events_are_ended_at_shutdown,
         a_file_that_ends_can_end_the_daemon, a_watcher_that_stands_still_holds_up_nobody,
         secrets_stay_out_of_the_log]


if __name__ == "__main__":
    sys.exit(cases.run_cases(CASES, cases.parser().parse_args(), World))
