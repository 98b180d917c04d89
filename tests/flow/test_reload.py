#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Another configuration for a running tytod: what differs is applied, a bad file changes nothing,
cameras that stay lose no segment, and however often it is done nothing is left behind. The networks
are made up by make_small_models, so that this runs anywhere.

  test_reload.py --bin DIR ... --make PROGRAM [--camera PROGRAM] [--reloads N] [NAME...]

--camera: an RTSP server to connect to, too. --reloads: how many of them in a row (50); with 1000 it
prints the figures of doc/measured.md."""
import os
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import cases  # noqa: E402
from test_control import Place  # noqa: E402
from test_daemon import EAGER, end, lines_of, text_of, wait_for  # noqa: E402
from test_record import MEDIA, launch  # noqa: E402

SMALL = "test://?width=64&height=48"


def camera(name, uri=SMALL, more=""):
    return "  - {id: %s, uri: '%s'%s}\n" % (name, uri, more)


def events_of(watch):
    return [e for e in lines_of(watch) if e["type"] == "event"]


def state_of(place, name):
    return {c["id"]: c for c in place.ask(command="status")["cameras"]}.get(name)


def reload(place, text):
    place.config(text)
    answer = place.ask(command="reload")
    assert answer["ok"], answer
    return answer


def is_live(place, name):
    return (state_of(place, name) or {}).get("status") == "live"


def config_of(place):
    return place.ask(command="status")["config"]


def start(place, text):
    daemon = place.serve(config=text)
    wait_for("it answers", lambda: daemon.poll() is not None or os.path.exists(place.socket))
    wait_for("all cameras are live", lambda: all(
        c["status"] == "live" for c in place.ask(command="status")["cameras"]))
    return daemon


def figure(place, name):
    for line in place.ask(command="metrics")["metrics"].splitlines():
        if line.startswith(name + " "):
            return float(line.split()[1])
    raise AssertionError(f"no figure {name}")


# --- cases --------------------------------------------------------------------------------------


def cameras_come_go_and_change_while_others_go_on(place):
    watch = place.start_watch("watch.log")
    head = "cameras:\n" + camera("a")
    eager = EAGER.replace("}", ", update_every_s: 1}")
    daemon = start(place, head + camera("b") + camera("c") + eager)
    wait_for("events are open on all of them", lambda: {"a", "b", "c"} <= {
        e["camera"] for e in events_of(watch) if e["phase"] == "new"})
    assert config_of(place)["generation"] == 1
    before = state_of(place, "a")
    # b goes, c is another source, d comes.
    answer = reload(place, head + camera("c", "test://?width=80&height=48") + camera("d") + eager)
    assert (answer["generation"], answer["cameras_added"], answer["cameras_changed"],
            answer["cameras_removed"], answer["cameras_failed"]) == (2, 1, 1, 1, 0), answer
    assert not answer["tuned"] and answer["same"] and answer["needs_restart"] == [], answer
    wait_for("the others are live", lambda: is_live(place, "c") and is_live(place, "d"))
    assert state_of(place, "b") is None
    after = state_of(place, "a")
    assert after["losses"] == 0 and after["segments"] >= before["segments"], (before, after)
    # What was open on b and c has ended, what is open on a goes on under its id.
    gone = {e["id"] for e in events_of(watch) if e["phase"] == "new" and e["camera"] in "bc"
            and e["config_generation"] == 1}
    ended = wait_for("they have ended", lambda: (lambda found: found if gone <= set(found) else None)(
        {e["id"]: e for e in events_of(watch) if e["phase"] == "end"}))
    assert {ended[i]["reason"] for i in gone} == {"shutdown"}, ended
    assert not [e for e in events_of(watch) if e["camera"] == "a" and e["phase"] == "end"]
    wait_for("new ones carry the new number", lambda: any(
        e["camera"] in "cd" and e["config_generation"] == 2 for e in events_of(watch)))
    wait_for("those that go on, too", lambda: any(
        e["camera"] == "a" and e["config_generation"] == 2 for e in events_of(watch)))
    told = wait_for("subscribers hear that b is gone", lambda: [
        s for s in lines_of(watch) if s["type"] == "camera" and s["camera"] == "b"
        and s["status"] == "ended"])
    assert "removed from the configuration" in told[0]["text"], told
    # And b may come back.
    answer = reload(place, head + camera("b") + eager)
    assert answer["cameras_added"] == 1 and answer["cameras_removed"] == 2, answer
    wait_for("b is live", lambda: is_live(place, "b"))
    assert end(daemon) == 0, text_of(daemon)


def thresholds_change_without_a_new_connection(place):
    watch = place.start_watch("watch.log")
    cameras = "cameras:\n" + camera("a") + camera("b")
    daemon = start(place, cameras + EAGER.replace("}", ", hang_over_s: 1}"))
    wait_for("dogs", lambda: {"a", "b"} <= {
        e["camera"] for e in events_of(watch) if e["class"] == "dog"})
    quiet = "classes: {dog: {publish: false}}\nlog: {level: warning}\nconnects_per_s: 7\n"
    answer = reload(place, cameras + EAGER.replace("}", ", hang_over_s: 1}") + quiet)
    assert answer["tuned"] and answer["cameras_changed"] == 0 and answer["generation"] == 2, answer
    config = place.ask(command="config")["config"]
    assert config["classes"]["dog"]["publish"] is False and config["connects_per_s"] == 7, config
    wait_for("the dogs end", lambda: {"a", "b"} == {
        e["camera"] for e in events_of(watch) if e["class"] == "dog" and e["phase"] == "end"})
    assert not [e for e in events_of(watch) if e["class"] != "dog" and e["phase"] == "end"]
    for name in "ab":
        now = state_of(place, name)
        assert now["losses"] == 0 and now["status"] == "live", now
    assert end(daemon) == 0, text_of(daemon)


def a_signal_while_it_starts_is_not_forgotten(place):
    path = place.config("cameras: []\n" + EAGER)
    daemon = place.start_daemon("--config", path, env=place.env)
    wait_for("it has read its file", lambda: "begins" in text_of(daemon))
    place.config("cameras:\n" + camera("a") + EAGER)
    daemon.send_signal(signal.SIGHUP)
    wait_for("the camera", lambda: daemon.poll() is not None or "a is live" in text_of(daemon))
    assert end(daemon) == 0, text_of(daemon)


def what_cannot_change_is_named_and_stays(place):
    cameras = "cameras:\n" + camera("a")
    daemon = start(place, cameras + EAGER)
    late = ("publish: {max_users: 3}\njournal: {path: /nowhere/j}\ninference: {hop_s: 0.5}\n"
            "log: {format: json, summary_every_s: 7}\n")
    answer = reload(place, cameras + EAGER + late)
    waiting = ["inference.hop_s", "publish.max_users", "journal.path", "log.format"]
    assert answer["needs_restart"] == waiting, answer
    assert config_of(place)["needs_restart"] == waiting, config_of(place)
    wait_for("the log says it", lambda: "needs a restart: " + ", ".join(waiting) in text_of(daemon))
    config = place.ask(command="config")["config"]
    assert config["inference"]["hop_s"] == 1 and config["publish"]["max_users"] == 64, config
    assert config["log"]["summary_every_s"] == 7, config
    assert figure(place, "tyto_config_waiting_keys") == 4
    many = "cameras:\n" + "".join(camera(f"m{i}") for i in range(33)) + EAGER
    place.config(many)
    answer = place.ask(command="reload")
    assert not answer["ok"] and "there is room for 32 until a restart" in answer["text"], answer
    assert reload(place, cameras + EAGER)["needs_restart"] == []
    assert end(daemon) == 0, text_of(daemon)


BAD = (("cameras:\n  - {id: a, uri: 'test://', transprot: tcp}\n", 2, "cameras[a].transprot"),
       ("cameras: [\n", None, None), ("", None, None),
       ("cameras:\n  - {id: a, uri: 'gopher://h'}\n", 2, "cameras[a].uri"),
       ("cameras:\n  - {id: a, uri: 'test://'}\nclasses:\n  dgo: {threshold: 0.4}\n", 4,
        "classes.dgo"),
       ("cameras:\n  - {id: a, uri: 'test://', zones: [{name: z, polygon: '0,0 1,0 1,1', only: dgo}]}\n",
        2, "cameras[a].zones"),
       ("cameras:\n  - {id: a, uri: 'test://'}\nrecord: {dir: /x, cameras: [b]}\n", 3,
        "record.cameras"))


def a_bad_file_changes_nothing_and_is_named(place):
    watch = place.start_watch("watch.log")
    good = "cameras:\n" + camera("a") + EAGER
    daemon = start(place, good)
    for number, (text, line, key) in enumerate(BAD):
        path = place.config(text)
        answer = place.ask(command="reload")
        assert not answer["ok"] and answer["file"] == path, (text, answer)
        assert line is None or (answer["line"], answer["key"]) == (line, key), (text, answer)
        told = config_of(place)
        assert told["generation"] == 1 and told["refused"] == number + 1, told
        assert told["file"] == path and told.get("line") == answer.get("line"), told
        wait_for("the log says it", lambda: answer["text"][:150] in text_of(daemon))
        assert figure(place, "tyto_config_refused") == 1
    shown = place.run("tyto", "status", "--socket", place.socket).stdout
    assert f"the last reload was refused: {path}:3: record.cameras: 'b' is no camera" in shown, shown
    daemon.send_signal(signal.SIGHUP)  # by signal, too
    wait_for("that is refused", lambda: config_of(place)["refused"] == len(BAD) + 1)
    os.unlink(os.path.join(place.folder, "t.yaml"))
    assert "cannot be opened" in place.ask(command="reload")["text"]
    assert reload(place, good)["generation"] == 2
    assert "error" not in config_of(place) and figure(place, "tyto_config_refused") == 0
    assert [c["id"] for c in place.ask(command="status")["cameras"]] == ["a"]
    assert not [e for e in events_of(watch) if e["phase"] == "end"]
    assert end(daemon) == 0, text_of(daemon)


def descriptors_and_threads(pid):
    return len(os.listdir(f"/proc/{pid}/fd")), len(os.listdir(f"/proc/{pid}/task"))


def resident_kib(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmRSS"))


def serve_camera(place):
    """An RTSP camera; each connection gets its file from the beginning."""
    path = os.path.join(place.folder, "camera.mp4")
    if not os.path.exists(path):
        seconds = 60 + place.args.reloads // 4
        launch(MEDIA % (10 * seconds, "ball", 100, path, 100 * seconds), 120)
    server = subprocess.Popen([place.args.camera, path, "0"], stdout=subprocess.PIPE, text=True)
    server.log = os.devnull
    place.processes.append(server)
    return f"rtsp://127.0.0.1:{server.stdout.readline().split()[1]}/camera"


def configurations(uris):
    """What is asked for, one after another: b comes, changes and goes, thresholds differ."""
    cameras = "cameras:\n" + camera("a", uris[0])
    return (cameras + camera("b", uris[1]) + EAGER, cameras + camera("b", SMALL) + EAGER,
            cameras + EAGER, cameras + EAGER + "classes: {cat: {publish: false}}\n",
            cameras + camera("b", uris[1]) + camera("c") + EAGER)


def many_reloads_leave_nothing_behind(place):
    num = place.args.reloads
    uris = [SMALL, SMALL]
    if place.args.camera:
        uris = [serve_camera(place), serve_camera(place)]
    watch = place.start_watch("watch.log")
    texts = configurations(uris)
    daemon = start(place, texts[2] + "connects_per_s: 100\n")
    wait_for("segments", lambda: state_of(place, "a")["segments"] > 2)

    def round_of(count):
        applied = refused = 0
        for i in range(count):
            if i % 10 == 9:
                place.config(BAD[(i // 10) % len(BAD)][0])
                refused += not place.ask(command="reload")["ok"]
            else:
                reload(place, texts[i % len(texts)] + "connects_per_s: 100\n")
                applied += 1
        reload(place, texts[2] + "connects_per_s: 100\n")
        return applied + 1, refused

    def settled():
        """Pipelines that were let go of take a moment."""
        last = None
        for _ in range(100):
            now = descriptors_and_threads(daemon.pid)
            if now == last:
                return now
            last = now
            time.sleep(0.3)
        return last

    warm = round_of(10)  # what is set up once is there from here on
    before, memory = settled(), resident_kib(daemon.pid)
    begin = time.monotonic()
    applied, refused = round_of(num)
    seconds = time.monotonic() - begin
    after = wait_for("descriptors and threads are as before", lambda: (
        lambda now: now if now[0] <= before[0] and now[1] <= before[1] else None)(
            descriptors_and_threads(daemon.pid)), 30)
    told = config_of(place)
    assert refused == num // 10 and told["generation"] == 1 + warm[0] + applied, told
    grown = resident_kib(daemon.pid) - memory
    print(f"    {num} reloads, {refused} of them invalid, in {seconds:.1f} s: descriptors "
          f"{before[0]} -> {after[0]}, threads {before[1]} -> {after[1]}, resident "
          f"{memory / 1024:.1f} MiB {grown / 1024:+.1f}")
    assert grown < 64 * 1024, grown
    status = state_of(place, "a")
    assert status["losses"] == 0 and status["status"] == "live", status
    assert end(daemon, seconds=40) == 0, text_of(daemon)
    begun = [e["id"] for e in events_of(watch) if e["phase"] == "new"]
    ended = [e["id"] for e in events_of(watch) if e["phase"] == "end"]
    assert len(begun) == len(set(begun)) and sorted(begun) == sorted(ended), (begun, ended)


CASES = [cameras_come_go_and_change_while_others_go_on, thresholds_change_without_a_new_connection,
         a_signal_while_it_starts_is_not_forgotten, what_cannot_change_is_named_and_stays,
         a_bad_file_changes_nothing_and_is_named, many_reloads_leave_nothing_behind]


def main():
    parser = cases.parser()
    parser.add_argument("--camera")
    parser.add_argument("--reloads", type=int, default=50)
    return cases.run_cases(CASES, parser.parse_args(), Place)


if __name__ == "__main__":
    sys.exit(main())
