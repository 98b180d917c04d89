#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""tyto compose from outside: what FFmpeg decodes of the clips is where labels.csv says it is.

Pictures are plain coloured discs and sounds are tones, so that plain arithmetic sees and hears
them. Skipped (77) without ffmpeg and ffprobe.

  test_compose.py TYTO"""
import array
import csv
import json
import math
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import wave

RATE_HZ, FPS, WIDTH, HEIGHT, SECONDS = 16000, 12.5, 160, 120, 6
# class: colour of its disc, frequency of its tone
CLASSES = {"red": ((230, 20, 20), 500), "blue": ((20, 20, 230), 1250), "green": ((20, 200, 20), 3000)}
TYTO = sys.argv[1] if len(sys.argv) > 1 else ""


def run(*args, ok=True):
    done = subprocess.run([TYTO, "compose", *args], capture_output=True, text=True, timeout=120)
    if ok is not None:
        assert (done.returncode == 0) == ok, (args, done.returncode, done.stderr)
    return done


def write_picture(path, colour):
    """A disc on white, as PPM."""
    side, rows = 96, bytearray()
    for y in range(side):
        for x in range(side):
            inside = math.hypot(x - side / 2, y - side / 2) < side * 0.36
            rows += bytes(colour if inside else (250, 250, 250))
    with open(path, "wb") as file:
        file.write(b"P6\n%d %d\n255\n" % (side, side) + rows)


def write_tone(path, hz, seconds=3):
    samples = array.array("h", (int(9000 * math.sin(2 * math.pi * hz * i / RATE_HZ))
                                for i in range(int(seconds * RATE_HZ))))
    with wave.open(path, "wb") as file:
        file.setparams((1, 2, RATE_HZ, len(samples), "NONE", ""))
        file.writeframes(samples.tobytes())


def write_assets(folder):
    with open(os.path.join(folder, "manifest.csv"), "w") as file:
        file.write("path,kind,class,split,source\n")
        for name, (colour, hz) in CLASSES.items():
            write_picture(os.path.join(folder, name + ".ppm"), colour)
            write_tone(os.path.join(folder, name + ".wav"), hz)
            file.write("%s.ppm,image,%s,train,made\n%s.wav,audio,%s,train,made\n" % ((name,) * 4))
    return os.path.join(folder, "manifest.csv")


def decode(path, *options):
    return subprocess.run(["ffmpeg", "-v", "error", "-i", path, *options, "-"],
                          capture_output=True, check=True, timeout=60).stdout


def probe(path):
    out = subprocess.run(["ffprobe", "-v", "error", "-show_streams", "-show_packets", "-of", "json",
                          path], capture_output=True, check=True, timeout=60).stdout
    return json.loads(out)


def seen_frames(path, name):
    """Of each frame the share that has the colour of the class' disc."""
    raw = decode(path, "-f", "rawvideo", "-pix_fmt", "rgb24")
    want = CLASSES[name][0].index(max(CLASSES[name][0]))
    others = [c for c in range(3) if c != want]
    shares, size = [], WIDTH * HEIGHT * 3
    for at in range(0, len(raw), size):
        frame = raw[at:at + size]
        main, a, b = frame[want::3], frame[others[0]::3], frame[others[1]::3]
        shares.append(sum(m > 90 and m > 2 * max(p, q) for m, p, q in zip(main, a, b))
                      / (WIDTH * HEIGHT))
    return shares


def heard_steps(path, name, step_s=0.02):
    """Power of the class' tone in steps of 20 ms (Goertzel)."""
    samples = array.array("f", decode(path, "-f", "f32le", "-ar", str(RATE_HZ), "-ac", "1"))
    step, power = int(step_s * RATE_HZ), []
    turn = 2 * math.cos(2 * math.pi * CLASSES[name][1] / RATE_HZ)
    for at in range(0, len(samples) - step + 1, step):
        before, last = 0.0, 0.0
        for value in samples[at:at + step]:
            before, last = last, value + turn * last - before
        power.append(before * before + last * last - turn * before * last)
    return power


def span(flags, step_s):
    """Begin of the first and end of the last step that is set."""
    idxs = [i for i, flag in enumerate(flags) if flag]
    return (idxs[0] * step_s, (idxs[-1] + 1) * step_s) if idxs else None


def labels_of(folder):
    labels = {}
    with open(os.path.join(folder, "labels.csv"), newline="") as file:
        for row in csv.DictReader(file):
            labels.setdefault(row["file"], []).append(row)
    return labels


def check_clip(path, rows, scene):
    """Each row of the labels against what is decoded; what fades or slides in is not all there at
    once."""
    num_checked = 0
    entrances = {thing["class"]: thing["entrance"] for thing in scene["objects"]}
    for row in rows:
        if not row["class"]:
            continue
        begin_s, end_s = float(row["begin_s"]), float(row["end_s"])
        if row["modality"] in ("seen", "both"):
            shares = seen_frames(path, row["class"])
            shown = span([share > 0.005 for share in shares], 1 / FPS)
            near_s = 0.01 if entrances[row["class"]] == "pop" else 0.45
            assert shown and abs(shown[0] - begin_s) < near_s and abs(shown[1] - end_s) < near_s, (
                path, row, shown)
            num_checked += 1
        if row["modality"] in ("heard", "both"):
            power = heard_steps(path, row["class"])
            heard = span([p > 0.1 * max(power) for p in power], 0.02)
            tail_s = max(s["room_s"] for s in scene["sounds"] if s["class"] == row["class"]) / 3
            assert abs(heard[0] - begin_s) < 0.05 and -0.05 < heard[1] - end_s < 0.05 + tail_s, (
                path, row, heard)
            num_checked += 1
    return num_checked


def check_streams(path):
    found = probe(path)
    streams = {stream["codec_type"]: stream for stream in found["streams"]}
    assert set(streams) == {"video", "audio"}, path
    video = streams["video"]
    assert (video["width"], video["height"]) == (WIDTH, HEIGHT)
    assert video["avg_frame_rate"] == "25/2" and video["nb_frames"] == str(int(SECONDS * FPS))
    for stream in streams.values():
        assert abs(float(stream["duration"]) - SECONDS) < 0.001, stream
        assert float(stream["start_time"]) == 0
    times = [packet for packet in found["packets"] if packet["codec_type"] == "video"]
    for i, packet in enumerate(times):
        assert abs(float(packet["pts_time"]) - i / FPS) < 1e-4
        if packet["flags"].startswith("K"):
            last_key = i
        assert i - last_key < 13
    pcm = decode(path, "-f", "f32le", "-ar", str(RATE_HZ), "-ac", "1")
    assert abs(len(pcm) / 4 / RATE_HZ - SECONDS) < 0.07, len(pcm)


COMMON = ["--clips", "4", "--size", "%dx%d" % (WIDTH, HEIGHT), "--seconds", str(SECONDS), "--snr", "40:50",
          "--distractors", "0", "--no-progress"]


def clips_hold_what_their_labels_say(folder, manifest):
    for number, options in enumerate((["--share", "both=1"],
                                      ["--share", "heard=1,seen=1,mismatch=2", "--offset-s", "0.4"])):
        out = os.path.join(folder, "out%d" % number)
        run(manifest, "--out", out, *COMMON, *options)
        labels = labels_of(out)
        assert sorted(labels) == ["clip-%06d.mp4" % (i + 1) for i in range(4)]
        with open(os.path.join(out, "scene.jsonl")) as file:
            scenes = [json.loads(line) for line in file]
        assert [scene["file"] for scene in scenes] == sorted(labels)
        checked = 0
        for scene in scenes:
            path = os.path.join(out, scene["file"])
            check_streams(path)
            checked += check_clip(path, labels[scene["file"]], scene)
        assert checked >= 5, checked
        offsets = {scene["camera"]["offset_s"] for scene in scenes}
        assert (len(offsets) > 1) == (number == 1) and max(map(abs, offsets)) <= 0.4
        with open(os.path.join(out, "sheet.html")) as file:
            assert file.read().count("data:image/jpeg") == 4 * 6
        if number == 0:
            with open(os.path.join(out, "Annotations.txt")) as file:
                rows = file.read().split("\n")
            assert rows[0] == "Category&VideoID&Quality&StartTime&EndTime" and len(rows) == 6
            assert rows[1].split("&")[1] == "clip-000001"


def boxes_lie_on_their_objects(folder, manifest):
    """The middle of a box has the object's colour, half a second after it came."""
    out = os.path.join(folder, "out0")
    checked = 0
    with open(os.path.join(out, "scene.jsonl")) as file:
        for line in file:
            scene = json.loads(line)
            raw = decode(os.path.join(out, scene["file"]), "-f", "rawvideo", "-pix_fmt", "rgb24")
            for thing in scene["objects"]:
                colour = CLASSES[thing["class"]][0]
                want = colour.index(max(colour))
                for time_s, x0, y0, x1, y1 in thing["boxes"][2:-2]:
                    frame = int(time_s * FPS + 0.5)
                    x, y = int((x0 + x1) / 2 * WIDTH), int((y0 + y1) / 2 * HEIGHT)
                    at = ((frame * HEIGHT + y) * WIDTH + x) * 3
                    pixel = raw[at:at + 3]
                    assert pixel[want] == max(pixel) and max(pixel) > min(pixel) + 60, (
                        scene["file"], thing, time_s, tuple(pixel))
                    checked += 1
    assert checked > 10, checked


def the_same_seed_gives_the_same_clips_on_any_number_of_threads(folder, manifest):
    texts = ["labels.csv", "Annotations.txt", "scene.jsonl", "sources.csv", "sheet.html"]
    for number, jobs in enumerate(("1", "3")):
        run(manifest, "--out", os.path.join(folder, "same%d" % number), *COMMON, "--seed", "5",
            "--jobs", jobs)
    run(manifest, "--out", os.path.join(folder, "other"), *COMMON, "--seed", "6")
    for name in texts + ["clip-%06d.mp4" % (i + 1) for i in range(4)]:
        same = [open(os.path.join(folder, "same%d" % i, name), "rb").read() for i in range(2)]
        assert same[0] == same[1], name
    with open(os.path.join(folder, "other", "scene.jsonl"), "rb") as file:
        assert file.read() != open(os.path.join(folder, "same0", "scene.jsonl"), "rb").read()


def a_folder_is_replaced_only_when_asked(folder, manifest):
    out = os.path.join(folder, "same0")
    done = run(manifest, "--out", out, *COMMON, ok=False)
    assert done.returncode == 1 and "--force" in done.stderr
    run(manifest, "--out", out, *COMMON, "--clips", "2", "--force")
    assert len([name for name in os.listdir(out) if name.endswith(".mp4")]) == 2
    assert not [name for name in os.listdir(out) if name.endswith(".part")]


def an_interrupted_run_labels_what_it_made(folder, manifest):
    out = os.path.join(folder, "stopped")
    process = subprocess.Popen([TYTO, "compose", manifest, "--out", out, "--clips", "5000", *COMMON[2:]],
                               stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    until = time.monotonic() + 60
    while not os.path.exists(os.path.join(out, "clip-000003.mp4")):
        assert process.poll() is None and time.monotonic() < until
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    text = process.communicate(timeout=60)[1]
    assert process.returncode == 1 and "interrupted" in text, (process.returncode, text)
    clips = sorted(name for name in os.listdir(out) if name.endswith(".mp4"))
    assert 3 <= len(clips) < 5000 and clips == sorted(labels_of(out))
    assert not [name for name in os.listdir(out) if name.endswith(".part")]


def wrong_usage_and_bad_assets_are_told_apart(folder, manifest):
    for args in ([], [manifest], [manifest, "--out"], ["--out", folder, manifest, manifest],
                 [manifest, "--out", folder, "--snr", "5:1"], [manifest, "--out", folder, "--nonsense"],
                 [manifest, "--out", folder, "--share", "noise=1"],
                 [manifest, "--out", folder, "--size", "1x1"],
                 [manifest, "--out", folder, "--clips", "0"]):
        done = run(*args, ok=False)
        assert done.returncode == 2 and done.stderr, args
    out = os.path.join(folder, "bad")
    done = run(manifest, "--out", out, "--classes", "red,blu", ok=False)
    assert done.returncode == 1 and "'blue'" in done.stderr
    with open(os.path.join(folder, "text.ppm"), "w") as file:
        file.write("no picture")
    with wave.open(os.path.join(folder, "silent.wav"), "wb") as file:
        file.setparams((1, 2, RATE_HZ, 0, "NONE", ""))
        file.writeframes(bytes(2 * RATE_HZ))
    for picture, sound, culprit in (("text.ppm", "red.wav", "text.ppm"),
                                    ("red.ppm", "silent.wav", "silent.wav"),
                                    ("red.ppm", "gone.wav", "bad.csv:3")):
        with open(os.path.join(folder, "bad.csv"), "w") as file:
            file.write("path,kind,class,split\n%s,image,red,train\n%s,audio,red,train\n" %
                       (picture, sound))
        done = run(os.path.join(folder, "bad.csv"), "--out", out, "--share", "both=1", *COMMON,
                   ok=False)
        assert done.returncode == 1 and culprit in done.stderr, done.stderr
        assert not os.path.exists(os.path.join(out, "labels.csv"))
    assert run("--help").stdout.startswith("tyto compose")


def main():
    if not shutil.which("ffmpeg") or not shutil.which("ffprobe"):
        print("skipped: no ffmpeg")
        return 77
    with tempfile.TemporaryDirectory() as folder:
        manifest = write_assets(folder)
        for case in (clips_hold_what_their_labels_say, boxes_lie_on_their_objects,
                     the_same_seed_gives_the_same_clips_on_any_number_of_threads,
                     a_folder_is_replaced_only_when_asked, an_interrupted_run_labels_what_it_made,
                     wrong_usage_and_bad_assets_are_told_apart):
            case(folder, manifest)
            print("ok", case.__name__, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
