#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Recordings around events: tytod watches a camera on loopback that forces events, and what it
writes is looked at with ffprobe and `tyto label check`.

  test_record.py --camera PROGRAM [--bin DIR ...] --make PROGRAM [NAME...]

Without networks (scripts/setup makes them) or without ffprobe the exit status is 77."""
import csv
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import unittest
import urllib.parse

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import cases  # noqa: E402
import test_daemon  # noqa: E402  (its World, and its ways to wait)

PRE_S, POST_S = 2.0, 1.5
# Some class is always over this, or over a twentieth of it once begun; events are cut into pieces.
EAGER = ("tracker: {threshold: 0.01, threshold_single: 0.01, peak: 0, off_ratio: 0.05, "
         "onset_num: 1, onset_window: 1, hang_over_s: 0.1, max_duration_s: 3}\n")
MEDIA = ("videotestsrc num-buffers=%d pattern=%s ! video/x-raw,format=I420,width=320,height=240,"
         "framerate=10/1 ! x264enc speed-preset=ultrafast bitrate=%d key-int-max=10 "
         "option-string=scenecut=0 ! h264parse ! mp4mux name=m ! filesink location=%s "
         "audiotestsrc wave=pink-noise samplesperbuffer=480 num-buffers=%d ! "
         "audio/x-raw,rate=48000,channels=1 ! avenc_aac ! aacparse ! m.")


def launch(text, seconds):
    """Runs a pipeline of GStreamer's own. Its sound must not be audiotestsrc's ticks: between two of
    them it leaves its buffers as they came, and of what is no number avenc_aac never makes an end."""
    subprocess.run(["gst-launch-1.0", "-q"] + text.split(), check=True, timeout=seconds)


class World(test_daemon.World):
    def __init__(self, args, folder):
        super().__init__(args, folder)
        self.camera = args.camera

    def program(self, name):
        try:
            return super().program(name)
        except FileNotFoundError as error:
            if name == "tyto-demo-camera":
                raise unittest.SkipTest("no demo camera (scripts/setup makes it)") from error
            raise

    def make_media(self, name, bitrate=300, pattern="ball", seconds=120):
        path = os.path.join(self.folder, name)
        text = MEDIA % (seconds * 10, pattern, bitrate, path, seconds * 100)
        launch(text, 120)
        return path

    def serve(self, path):
        process = subprocess.Popen([self.camera, path, "0"], stdout=subprocess.PIPE, text=True)
        process.log = os.devnull
        self.processes.append(process)
        port = process.stdout.readline().split()[1]
        return f"rtsp://127.0.0.1:{port}/camera"

    def start_daemon(self, *arguments, **kwargs):
        return super().start_daemon("--control", "off", *arguments, **kwargs)

    def record(self, uri, record, extra="", **kwargs):
        path = self.config(f"cameras: [{{id: front, uri: '{uri}'}}]\n{EAGER}{extra}"
                           f"record: {{pre_s: {PRE_S}, post_s: {POST_S}, {record}}}\n")
        return self.start_daemon("--config", path, **kwargs)


def probe(path, *arguments):
    result = subprocess.run(["ffprobe", "-v", "error", *arguments, "-of", "json", path],
                            capture_output=True, text=True, timeout=60, check=False)
    assert result.returncode == 0 and not result.stderr, (path, result.stderr)
    return json.loads(result.stdout)


def packets(path, kind):
    found = probe(path, "-select_streams", kind, "-show_entries",
                  "packet=pts_time,duration_time,flags")["packets"]
    return [(float(p["pts_time"]), p["flags"], float(p.get("duration_time", 0))) for p in found]


def clips_in(folder):
    camera = os.path.join(folder, "front")
    return sorted(n for n in os.listdir(camera) if n.endswith(".mkv")) if os.path.isdir(
        camera) else []


def rows_of(folder):
    path = os.path.join(folder, "labels.csv")
    if not os.path.exists(path):
        return []
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def events_of(watch):
    return [e for e in test_daemon.lines_of(watch) if e["type"] == "event"]


def sound_of(path):
    """(first, last) time of the sound."""
    sound = packets(path, "a")
    return sound[0][0], sound[-1][0] + sound[-1][2]


def check_clip(path, events, clip_rows):
    """One recording against the events that name it. Returns where it begins in media time, and how long
    after its picture its sound does."""
    pictures = packets(path, "v")
    assert "K" in pictures[0][1] and pictures[0][0] == 0.0, (path, pictures[0])
    end_s = max(p[0] + max(p[2], 0.1) for p in pictures)
    begin = min(e["begin_s"] for e in events)
    over = max(e["end_s"] for e in events)
    assert len(clip_rows) == len(events), (clip_rows, events)
    zeros = []
    for row, event in zip(sorted(clip_rows, key=lambda r: (float(r["begin_s"]), r["class"])),
                          sorted(events, key=lambda e: (e["begin_s"], e["class"]))):
        assert row["class"] == event["class"], (row, event)
        length = float(row["end_s"]) - float(row["begin_s"])
        assert abs(length - (event["end_s"] - event["begin_s"])) < 0.2, (row, event)
        zeros.append(event["begin_s"] - float(row["begin_s"]))
        truth = {"av": "both", "a": "heard", "v": "seen"}[event["modality"]]
        assert row["modality"] == truth, (row, event)
    assert max(zeros) - min(zeros) < 0.2, zeros
    zero = zeros[0]
    # A keyframe a second: the recording begins up to that much before what was asked for, but
    # never before the stream itself did, whose first keyframe comes within its first second.
    wanted = begin - PRE_S
    assert zero <= max(wanted, 1.0) + 0.2 and zero >= wanted - 1.3, (zero, wanted)
    assert abs(zero + end_s - (over + POST_S)) < 1.0, (zero, end_s, over)
    first, last = sound_of(path)
    assert first < 1.0 and abs(last - end_s) < 0.4, (zero, first, last, end_s)
    return zero, first


# --- cases ------------------------------------------------------------------------------------


def events_are_recorded_with_what_was_before_and_after(world):
    """The demo camera's scene, so that there is nothing to notice in between."""
    world.models = test_daemon.SHIPPED  # the scene must have begin and end to it
    if not world.has_models():
        raise unittest.SkipTest(f"no networks in {world.models} (scripts/setup)")
    folder = os.path.join(world.folder, "a b")  # a URI has to write that differently
    scene = os.path.join(world.folder, "scene.mp4")
    subprocess.run([world.program("tyto-demo-camera"), "--quiet", "--seed", "1", "--seconds", "40",
                    "--write", scene], check=True, timeout=300)
    uri = world.serve(scene)
    watch = world.start_watch("watch.log")
    path = world.config(f"cameras: [{{id: front, uri: '{uri}'}}]\n"
                        f"record: {{pre_s: {PRE_S}, post_s: {POST_S}, dir: '{folder}'}}\n")
    daemon = world.start_daemon("--config", path)
    test_daemon.wait_for("the scene's end", lambda: "front is lost" in test_daemon.text_of(daemon),
                         90)
    time.sleep(1)
    assert test_daemon.end(daemon) == 0, test_daemon.text_of(daemon)
    by_path = {}
    for event in events_of(watch):
        if event["phase"] == "end":
            clip = urllib.parse.unquote(urllib.parse.urlparse(event["clip"]).path)
            by_path.setdefault(clip, []).append(event)
    rows = rows_of(folder)
    assert by_path and set(by_path) == {os.path.join(folder, "front", n)
                                        for n in clips_in(folder)}, (by_path, clips_in(folder))
    begin_of = {path: check_clip(path, events, [r for r in rows if r["file"] ==
                                                os.path.relpath(path, folder)])
                for path, events in by_path.items()}
    # A camera on a busy machine sets off its sound some time after its picture, and mends that at once when it
    # next says how their times belong together: one recording, not all, may begin there.
    late = [zero for zero, first in begin_of.values() if zero > 1.0 and first >= 0.2]
    assert len(late) <= min(1, len(begin_of) - 1), begin_of
    for path in by_path:
        name = os.path.relpath(path, folder)
        assert re.fullmatch(r"front/\d{8}T\d{6}Z-[a-z0-9_-]+-[0-9A-Z]{26}\.mkv", name), name
        subprocess.run(["ffmpeg", "-v", "error", "-xerror", "-i", path, "-f", "null", "-"],
                       check=True, timeout=60)
    result = world.run("tyto", "label", "check", os.path.join(folder, "labels.csv"))
    assert result.returncode == 0, result.stdout + result.stderr
    print(f"    {len(rows)} events in {len(by_path)} recordings, of media time "
          f"{sorted(round(zero, 2) for zero, _ in begin_of.values())} on")


def the_quota_deletes_the_oldest(world):
    folder = os.path.join(world.folder, "clips")
    quota = 0.0015 * 1024 ** 3
    uri = world.serve(world.make_media("camera.mp4", pattern="snow", bitrate=1000))
    daemon = world.record(uri, f"dir: '{folder}', max_gib: 0.0015, max_clip_s: 5")
    seen, most = [], 0
    begin = time.monotonic()
    while time.monotonic() - begin < 60:
        names = clips_in(folder)
        used = 0
        for root, _, files in os.walk(folder):
            for name in files:
                try:
                    used += os.path.getsize(os.path.join(root, name))
                except OSError:
                    pass
        most = max(most, used)
        seen += [n for n in names if n not in seen]
        if len(seen) - len(names) >= 2 and names:
            break
        time.sleep(0.1)
    assert len(seen) - len(names) >= 2, (seen, names)
    assert most <= quota, (most, quota)
    assert test_daemon.end(daemon) == 0
    left = clips_in(folder)
    assert left == sorted(left) and seen[0] not in left and seen[1] not in left, (seen, left)
    assert {r["file"] for r in rows_of(folder)} == {"front/" + n for n in left}
    print(f"    {len(seen)} recordings, {len(left)} left; at most {most / quota:.2f} of the quota")


def a_disk_that_fails_disturbs_nobody(world):
    uri = world.serve(world.make_media("camera.mp4"))
    wall = os.path.join(world.folder, "wall")
    with open(wall, "w", encoding="utf-8") as file:
        file.write("no folder")
    watch = world.start_watch("watch.log")
    daemon = world.record(uri, f"dir: '{wall}/clips'")
    test_daemon.wait_for("events", lambda: len([
        e for e in events_of(watch) if e["phase"] == "end"]) >= 3)
    assert not any("clip" in e for e in events_of(watch))
    assert test_daemon.end(daemon) == 0
    text = test_daemon.text_of(daemon)
    assert text.count("events go on unrecorded") == 1, text
    assert "cannot be made" in text


def a_full_disk_keeps_what_there_was_room_for(world):
    """No file may get longer than 150 kB here: writing fails in the middle."""
    folder = os.path.join(world.folder, "clips")
    uri = world.serve(world.make_media("camera.mp4", pattern="snow", bitrate=1000))
    watch = world.start_watch("watch.log")
    wrapper = os.path.join(world.folder, "limited")
    with open(wrapper, "w", encoding="utf-8") as file:
        file.write("#!/bin/sh\ntrap '' XFSZ\nulimit -f 300\nexec \"%s\" \"$@\"\n" %
                   world.program("tytod"))
    os.chmod(wrapper, 0o755)
    path = world.config(f"cameras: [{{id: front, uri: '{uri}'}}]\n{EAGER}"
                        f"record: {{dir: '{folder}', pre_s: 2, post_s: 1}}\n")
    log = os.path.join(world.folder, "limited.log")
    with open(log, "w", encoding="utf-8") as out:
        daemon = subprocess.Popen([wrapper, "--models", world.models, "--endpoint", world.endpoint,
                                   "--control", "off", "--config", path], stderr=out)
    daemon.log = log
    world.processes.append(daemon)
    test_daemon.wait_for("events", lambda: len([
        e for e in events_of(watch) if e["phase"] == "end"]) >= 3)
    test_daemon.wait_for("the failure is told", lambda: "events go on unrecorded" in
                         test_daemon.text_of(daemon))
    assert test_daemon.end(daemon, signal.SIGTERM) == 0
    clips, rows = clips_in(folder), rows_of(folder)
    assert clips and os.listdir(os.path.join(folder, "front")) == clips, clips
    for name in clips:  # Matroska is read without its end, though it is said to lack it
        result = subprocess.run(
            ["ffprobe", "-v", "error", "-select_streams", "v", "-show_entries", "packet=pts_time",
             "-of", "csv=p=0", os.path.join(folder, "front", name)],
            capture_output=True, text=True, timeout=60, check=True)
        last = float(result.stdout.split()[-1].strip(","))
        assert last > 0.5, result.stdout
        ends = [float(row["end_s"]) for row in rows if row["file"].endswith(name)]
        assert ends and max(ends) <= last + 0.5, (ends, last)


def other_codings_go_into_it_as_they_are(world):
    """A file as the camera, with Opus; and one without sound."""
    folder = os.path.join(world.folder, "clips")
    opus = os.path.join(world.folder, "opus.mkv")
    launch("videotestsrc num-buffers=150 pattern=ball ! video/x-raw,"
           "format=I420,width=320,height=240,framerate=10/1 ! x264enc key-int-max=10 ! "
           "h264parse ! matroskamux name=m ! filesink location=%s audiotestsrc "
           "samplesperbuffer=480 num-buffers=1500 ! audio/x-raw,rate=48000,channels=1 ! "
           "opusenc ! m." % opus, 60)
    mute = os.path.join(world.folder, "mute.mp4")
    launch("videotestsrc num-buffers=150 pattern=ball ! video/x-raw,"
           "format=I420,width=320,height=240,framerate=10/1 ! x264enc key-int-max=10 ! "
           "h264parse ! mp4mux ! filesink location=%s" % mute, 60)
    for name, codecs in ((opus, {"h264", "opus"}), (mute, {"h264"})):
        shutil.rmtree(folder, ignore_errors=True)
        path = world.config(f"cameras: [{{id: front, uri: '{name}'}}]\n{EAGER}"
                            f"record: {{dir: '{folder}', pre_s: 2, post_s: 1}}\n")
        daemon = world.start_daemon("--config", path, "--once")
        assert daemon.wait(60) == 0, test_daemon.text_of(daemon)
        names = clips_in(folder)
        assert names, test_daemon.text_of(daemon)
        streams = probe(os.path.join(folder, "front", names[0]), "-show_streams")["streams"]
        assert {s["codec_name"] for s in streams} == codecs, streams
        result = world.run("tyto", "label", "check", os.path.join(folder, "labels.csv"))
        assert result.returncode == 0, result.stdout + result.stderr


CASES = [events_are_recorded_with_what_was_before_and_after, the_quota_deletes_the_oldest,
         a_disk_that_fails_disturbs_nobody, a_full_disk_keeps_what_there_was_room_for,
         other_codings_go_into_it_as_they_are]


def main():
    parser = cases.parser()
    parser.add_argument("--camera", required=True)
    args = parser.parse_args()
    if not shutil.which("ffprobe") or not shutil.which("gst-launch-1.0"):
        print("SKIP: no ffprobe or gst-launch-1.0 (scripts/setup installs them)")
        return 77
    return cases.run_cases(CASES, args, World, at_a_time=2)


if __name__ == "__main__":
    sys.exit(main())
