#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Many live cameras on this machine: what tytod costs beside bare GStreamer decoding.

  cameras.py [--cameras N] [--seconds S] [--fps F] [--exec auto|cpu|vulkan]

The demo camera serves one 720p H.264 + AAC scene (a keyframe a second) at N paths over RTSP. Measured
one after the other, on the same cameras, CPU time by /proc:
  bare    one process that receives, decodes keyframes, scales them to 224x224 RGB, and decodes the
          sound to 16 kHz mono, with nothing else behind
  tytod 1 resident memory with one camera
  tytod N cores used, of that the networks' threads; memory; segments; buffers dropped and pictures
          skipped because the networks were behind, both 0 in real time
Needs an installed dist (scripts/setup); TYTO_DIST names another."""
import argparse
import os
import re
import subprocess
import sys
import tempfile
import time

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
DIST = os.environ.get("TYTO_DIST") or os.path.join(ROOT, "dist")
TICKS = os.sysconf("SC_CLK_TCK")
WARM_UP_S = 12
NETWORK_THREADS = ("tyto-infer",)  # the inference thread and the workers it starts

BRANCH = (
    "rtspsrc location={uri} protocols=tcp latency=200 name=s{i} "
    "s{i}. ! application/x-rtp,media=video ! rtph264depay ! h264parse ! "
    "identity drop-buffer-flags=delta-unit ! avdec_h264 max-threads=1 ! videoconvertscale ! "
    "video/x-raw,format=RGB,width=224,height=224 ! fakesink sync=false "
    "s{i}. ! application/x-rtp,media=audio ! rtpmp4gdepay ! aacparse ! avdec_aac ! audioconvert ! "
    "audioresample ! audio/x-raw,format=F32LE,rate=16000,channels=1 ! fakesink sync=false "
)


def program(name):
    return os.path.join(DIST, "bin", name)


def read(path):
    with open(path, encoding="utf-8", errors="replace") as file:
        return file.read()


def cpu_ticks(pid):
    """(all threads, those of the networks), user + system."""
    total = networks = 0
    for task in os.listdir(f"/proc/{pid}/task"):
        try:
            stat = read(f"/proc/{pid}/task/{task}/stat")
        except OSError:
            continue
        name = stat[stat.index("(") + 1:stat.rindex(")")]
        fields = stat[stat.rindex(")") + 2:].split()
        used = int(fields[11]) + int(fields[12])
        total += used
        networks += used if name.startswith(NETWORK_THREADS) else 0
    return total, networks


def resident_mb(pid):
    for line in read(f"/proc/{pid}/status").split("\n"):
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    return 0.0


def measure(process, seconds):
    """Cores used by all and by the networks, and MB, after warming up."""
    time.sleep(WARM_UP_S)
    first, begin = cpu_ticks(process.pid), time.monotonic()
    time.sleep(seconds)
    if process.poll() is not None:
        raise SystemExit(f"{process.args[0]} ended by itself, status {process.returncode}")
    last, took = cpu_ticks(process.pid), time.monotonic() - begin
    cores = [(b - a) / TICKS / took for a, b in zip(first, last)]
    return cores[0], cores[1], resident_mb(process.pid)


def stop(process):
    if process.poll() is None:
        process.terminate()
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def serve(args, folder):
    command = [program("tyto-demo-camera"), "--quiet", "--port", "0", "--cameras",
               str(args.cameras), "--fps", str(args.fps), "--cache", args.cache,
               "--seconds", str(args.seconds + 4 * WARM_UP_S)]
    camera = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    uris = [camera.stdout.readline().strip() for _ in range(args.cameras)]
    if not all(uris):
        raise SystemExit("the demo camera did not start")
    return camera, uris


def run_bare(uris, seconds):
    text = " ".join(BRANCH.format(uri=uri, i=i) for i, uri in enumerate(uris))
    process = subprocess.Popen(["gst-launch-1.0", "-q"] + text.split())
    try:
        return measure(process, seconds)
    finally:
        stop(process)


def run_tytod(args, uris, folder, seconds):
    endpoint = f"ipc://{folder}/events.sock"
    extra = ["--exec", args.exec] if args.exec != "auto" else []
    log = os.path.join(folder, "tytod.log")
    with open(log, "w", encoding="utf-8") as out:
        command = [program("tytod"), "--endpoint", endpoint, "--log", "human"] + extra + uris
        process = subprocess.Popen(command, stderr=out)
    try:
        result = measure(process, seconds)
    finally:
        stop(process)
    pattern = r"(\d+) segments, .* (\d+) dropped before the networks, (\d+) pictures skipped"
    summaries = re.findall(pattern, read(log))
    if not summaries:
        raise SystemExit("tytod gave no summary:\n" + read(log)[-2000:])
    return result, [int(number) for number in summaries[-1]]


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("--cameras", type=int, default=24)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--fps", type=int, default=25)
    parser.add_argument("--exec", default="auto")
    parser.add_argument("--cache", default=os.path.join(
        os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "tyto", "demo"))
    args = parser.parse_args()
    if not os.path.exists(program("tytod")):
        print(f"SKIP: {DIST} has no tytod (scripts/setup makes it)")
        return 77
    with tempfile.TemporaryDirectory(prefix="tyto-cameras-") as folder:
        camera, uris = serve(args, folder)
        try:
            first_bare, _, bare_mb = run_bare(uris, args.seconds)
            (_, _, one_mb), _ = run_tytod(args, uris[:1], folder, min(20, args.seconds))
            (total, networks, mb), counts = run_tytod(args, uris, folder, args.seconds)
            last_bare, _, _ = run_bare(uris, args.seconds)
            bare = (first_bare + last_bare) / 2
        finally:
            stop(camera)
    print(f"{args.cameras} cameras, 1280x720, {args.fps} fps, a keyframe a second, on "
          f"{os.cpu_count()} cores for {args.seconds} s")
    print(f"bare decode          {bare:6.3f} cores  {bare_mb:6.0f} MB  "
          f"(before {first_bare:.3f}, after {last_bare:.3f})")
    print(f"tytod                {total:6.3f} cores  {mb:6.0f} MB  (networks {networks:.3f} cores)")
    print(f"without networks     {(total - networks) / bare:6.2f} x bare decode")
    print(f"memory               {(mb - one_mb) / max(1, args.cameras - 1):6.1f} MB a camera beyond "
          f"the first ({one_mb:.0f} MB with one)")
    expected = args.cameras * (args.seconds + WARM_UP_S)
    segments, dropped, skipped = counts
    print(f"segments             {segments} of about {expected}; buffers dropped {dropped}, "
          f"pictures skipped {skipped}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
