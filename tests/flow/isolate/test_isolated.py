#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""tytod with cameras that have a process of their own (isolate: true): the same events, and a process
that is killed, or that outlives its parent, is nobody else's trouble. The networks are made up by
make_small_models, so that this runs anywhere.

  test_isolated.py --bin DIR ... --make PROGRAM --camera PROGRAM [NAME...]"""
import os
import shutil
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import cases  # noqa: E402
from test_control import Place  # noqa: E402
from test_daemon import EAGER, end, lines_of, text_of, wait_for  # noqa: E402
from test_record import MEDIA, launch, packets  # noqa: E402

SMALL = "test://?width=64&height=48"
# What is of the moment, or of chance.
PASSING = ("id", "seq", "begin_utc", "end_utc", "told_utc")


def cameras(*rows):
    return "cameras:\n" + "".join("  - {id: %s, uri: '%s', isolate: %s}\n" % row for row in rows)


def events_of(watch):
    return [e for e in lines_of(watch) if e["type"] == "event"]


def states_of(place):
    return {c["id"]: c for c in place.ask(command="status")["cameras"]}


def start(place, text, names):
    daemon = place.serve(config=text)
    wait_for("it answers", lambda: daemon.poll() is not None or os.path.exists(place.socket))
    wait_for("all are live", lambda: all(states_of(place)[n]["status"] == "live" for n in names))
    return daemon


def is_there(pid):
    """Zombies are not: nobody waits for them any more."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


# --- cases --------------------------------------------------------------------------------------


def a_file_gives_the_same_events(place):
    path = os.path.join(place.folder, "scene.mp4")
    launch(MEDIA % (300, "ball", 300, path, 3000), 120)
    told = []
    for isolate in ("false", "true"):
        watch = place.start_watch(f"watch-{isolate}.log")
        time.sleep(1)
        config = place.config(cameras(("scene", path, isolate)) + EAGER)
        daemon = place.start_daemon("--config", config, "--once", env=place.env)
        assert daemon.wait(90) == 0, text_of(daemon)
        wait_for("all is told", lambda: events_of(watch) and events_of(watch)[-1]["phase"] == "end")
        watch.kill()
        told.append([{k: v for k, v in e.items() if k not in PASSING}
                     for e in events_of(watch)])
    assert len(told[0]) >= 10, told[0]
    differing = [(a, b) for a, b in zip(*told) if a != b]
    assert len(told[0]) == len(told[1]) and not differing, differing[:1]


def a_process_that_crashes_is_one_camera_lost_and_back(place):
    watch = place.start_watch("watch.log")
    eager = EAGER.replace("}", ", update_every_s: 1}")
    daemon = start(place, cameras(("a", SMALL, "true"), ("b", SMALL, "true"), ("c", SMALL, "false")) + eager, "abc")
    wait_for("events are open on all of them", lambda: {"a", "b", "c"} <= {
        e["camera"] for e in events_of(watch) if e["phase"] == "new"})
    before = states_of(place)
    assert before["a"]["pid"] != before["b"]["pid"] and "pid" not in before["c"], before
    num_segments = {name: before[name]["segments"] for name in "bc"}
    os.kill(before["a"]["pid"], signal.SIGSEGV)
    wait_for("it is lost", lambda: any(
        e["type"] == "camera" and e["camera"] == "a" and "signal 11" in e["text"] for e in lines_of(watch)))
    wait_for("it is back", lambda: states_of(place)["a"]["status"] == "live")
    after = wait_for("all go on", lambda: (lambda s: all(
        s[n]["segments"] >= num_segments[n] + 3 for n in "bc") and s)(states_of(place)))
    assert after["a"]["processes"] == 2 and after["a"]["losses"] == 1, after
    for name in "bc":
        assert after[name]["losses"] == 0 and after[name]["dropped"] == 0, after
    assert after["b"]["pid"] == before["b"]["pid"], (before, after)
    ended = [e for e in events_of(watch) if e["phase"] == "end" and e["reason"] == "source_lost"]
    assert ended and {e["camera"] for e in ended} == {"a"}, ended
    assert 'tyto_camera_processes_total{camera="a"} 2' in place.ask(command="metrics")["metrics"]
    assert end(daemon) == 0, text_of(daemon)
    begun = {e["id"] for e in events_of(watch) if e["phase"] == "new"}
    wait_for("each event has ended", lambda: begun == {
        e["id"] for e in events_of(watch) if e["phase"] == "end"})


def no_process_outlives_its_parent(place):
    rows = cameras(("a", SMALL, "true"), ("b", SMALL, "true")) + EAGER
    for number, is_held in ((signal.SIGTERM, False), (signal.SIGKILL, False), (signal.SIGKILL, True)):
        daemon = start(place, rows, "ab")
        pids = [state["pid"] for state in states_of(place).values()]
        assert all(is_there(pid) for pid in pids), pids
        if is_held:
            for pid in pids:
                os.kill(pid, signal.SIGSTOP)
        end(daemon, number)
        wait_for("they are gone", lambda: not any(is_there(pid) for pid in pids), 10)
        if number == signal.SIGKILL and os.path.exists(place.socket):
            os.unlink(place.socket)


def a_reload_brings_a_process_and_takes_it(place):
    daemon = start(place, cameras(("a", SMALL, "false"), ("b", SMALL, "true")) + EAGER, "ab")
    kept = states_of(place)["b"]["pid"]
    assert "pid" not in states_of(place)["a"]
    for isolate, changed in (("true", 1), ("false", 1), ("false", 0)):
        place.config(cameras(("a", SMALL, isolate), ("b", SMALL, "true")) + EAGER)
        answer = place.ask(command="reload")
        assert answer["ok"] and answer["cameras_changed"] == changed, answer
        wait_for("it is live, and in a process of its own or not", lambda: (
            lambda a: a["status"] == "live" and (a.get("pid", 0) > 0) == (isolate == "true"))(states_of(place)["a"]))
        assert states_of(place)["b"]["pid"] == kept
    assert end(daemon) == 0, text_of(daemon)
    assert not is_there(kept)


def recordings_are_made_of_it(place):
    if not shutil.which("ffprobe"):
        return
    path, clips = os.path.join(place.folder, "camera.mp4"), os.path.join(place.folder, "clips")
    launch(MEDIA % (600, "ball", 300, path, 6000), 120)
    camera = subprocess.Popen([place.args.camera, path, "0"], stdout=subprocess.PIPE, text=True)
    camera.log = os.devnull
    place.processes.append(camera)
    uri = f"rtsp://127.0.0.1:{camera.stdout.readline().split()[1]}/camera"
    short = EAGER.replace("}", ", max_duration_s: 3}") if "max_duration_s" not in EAGER else EAGER
    daemon = start(place, cameras(("front", uri, "true")) + short +
                   f"record: {{dir: {clips}, pre_s: 2, post_s: 1}}\n", ["front"])
    folder = os.path.join(clips, "front")
    wait_for("a recording", lambda: os.path.isdir(folder) and any(n.endswith(".mkv") for n in os.listdir(folder)), 90)
    assert end(daemon) == 0, text_of(daemon)
    clip = os.path.join(folder, sorted(n for n in os.listdir(folder) if n.endswith(".mkv"))[0])
    pictures, sound = packets(clip, "v"), packets(clip, "a")
    assert "K" in pictures[0][1] and pictures[0][0] == 0.0, pictures[0]
    times = [p[0] for p in pictures]
    assert max(b - a for a, b in zip(times, times[1:])) < 0.35 and len(sound) > 40, (times, len(sound))


def a_program_that_is_not_there_is_a_configuration_error(place):
    alone = os.path.join(place.folder, "tytod")
    shutil.copy(place.program("tytod"), alone)
    config = place.config(cameras(("a", SMALL, "false"), ("b", SMALL, "true")))
    result = subprocess.run([alone, "--check", "--models", place.models, "--config", config], capture_output=True,
                            text=True, timeout=60, check=False)
    assert result.returncode == 1 and f"{config}:3: cameras[b].isolate: there is no " in result.stderr, result


CASES = (a_file_gives_the_same_events, a_process_that_crashes_is_one_camera_lost_and_back,
         no_process_outlives_its_parent, a_reload_brings_a_process_and_takes_it, recordings_are_made_of_it,
         a_program_that_is_not_there_is_a_configuration_error)


def main():
    parser = cases.parser()
    parser.add_argument("--camera", required=True)
    return cases.run_cases(CASES, parser.parse_args(), Place, at_a_time=2)


if __name__ == "__main__":
    sys.exit(main())
