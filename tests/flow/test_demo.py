#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The whole of tyto on the demo camera: the same scene as a file through `tyto localize` and live
over RTSP through tytod and `tyto watch`. The bounds are wider than what the README reports, so
that a busy machine passes; they fail when nothing, or the wrong thing, is found.

  test_demo.py file|live [--seed N] [--seconds S]

Needs an installed dist (scripts/setup): programs, encoders and weights. TYTO_DIST names another."""
import argparse
import os
import subprocess
import sys
import tempfile
import time

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
DIST = os.environ.get("TYTO_DIST") or os.path.join(ROOT, "dist")
NEEDED = ["bin/tyto", "bin/tytod", "bin/tyto-demo-camera", "share/tyto/models/visual.safetensors",
          "share/tyto/models/audio.safetensors", "share/tyto/models/head.safetensors"]
MIN_RECALL, MAX_FALSE = "0.5", "2.0"


def program(name):
    return os.path.join(DIST, "bin", name)


def score(truth, events, seconds):
    command = [os.path.join(ROOT, "demo", "score"), truth, events, "--seconds", str(seconds),
               "--min-recall", MIN_RECALL, "--max-false", MAX_FALSE]
    return subprocess.run(command, check=False).returncode


def camera_args(args, folder):
    return [program("tyto-demo-camera"), "--quiet", "--seed", str(args.seed),
            "--seconds", str(args.seconds), "--truth", os.path.join(folder, "truth.csv")]


def run_file(args, folder):
    clip, events = os.path.join(folder, "clip.mp4"), os.path.join(folder, "events.jsonl")
    subprocess.run(camera_args(args, folder) + ["--write", clip], check=True)
    begin = time.monotonic()
    with open(events, "w", encoding="utf-8") as out:
        subprocess.run([program("tyto"), "localize", clip, "--json"], stdout=out, check=True)
    took = time.monotonic() - begin
    print(f"localize: {args.seconds} s of media in {took:.1f} s")
    return events


def stop(process, seconds=15):
    """Ends one process that we started; its exit status."""
    if process.poll() is None:
        process.terminate()
    try:
        return process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        return -9


def run_live(args, folder):
    events = os.path.join(folder, "events.jsonl")
    endpoint = "ipc://" + os.path.join(folder, "events.sock")
    command = camera_args(args, folder) + ["--port", "0", "--once", "--cache", folder]
    camera = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    processes = [camera]
    try:
        uri = camera.stdout.readline().strip()
        if not uri:
            raise SystemExit("the demo camera did not start")
        with open(events, "w", encoding="utf-8") as out:
            watch = subprocess.Popen([program("tyto"), "watch", endpoint, "--json"], stdout=out)
        processes.append(watch)
        daemon = subprocess.Popen([program("tytod"), "--endpoint", endpoint, "demo=" + uri])
        processes.append(daemon)
        while camera.poll() is None:
            if daemon.poll() is not None:
                raise SystemExit(f"tytod ended by itself, status {daemon.returncode}")
            time.sleep(0.2)
        time.sleep(2)
        status = stop(daemon)
        time.sleep(0.5)
        if status != 0:
            raise SystemExit(f"tytod's exit status is {status}")
    finally:
        for process in reversed(processes):
            stop(process)
    return events


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("way", choices=["file", "live"])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seconds", type=int, default=60)
    args = parser.parse_args()
    missing = [name for name in NEEDED if not os.path.exists(os.path.join(DIST, name))]
    if missing:
        print(f"SKIP: {DIST} lacks {', '.join(missing)} (scripts/setup makes them)")
        return 77
    with tempfile.TemporaryDirectory(prefix="tyto-demo-") as folder:
        events = run_file(args, folder) if args.way == "file" else run_live(args, folder)
        return score(os.path.join(folder, "truth.csv"), events, args.seconds)


if __name__ == "__main__":
    sys.exit(main())
