#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""How fast tyto features is on 720p25 H.264: times real time, and CPU seconds for a second of
footage beside those of decoding every picture with ffmpeg, one after the other in one run.

  tests/bench/features.py TYTO MODELS [--seconds 60] [--copies 2]

Exits 77 when MODELS (scripts/setup) or ffmpeg are not there."""
import argparse
import os
import re
import resource
import shutil
import subprocess
import sys
import tempfile


def cpu_of(command):
    """CPU seconds, and what it printed."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime, done.stdout


def make(path, seconds, gop):
    subprocess.run(
        ["ffmpeg", "-v", "error", "-y", "-nostdin",
         "-f", "lavfi", "-i", f"testsrc2=s=1280x720:r=25:d={seconds},noise=alls=4:allf=t",
         "-f", "lavfi", "-i", f"sine=500:d={seconds}", "-c:v", "libx264", "-preset", "veryfast",
         "-b:v", "3M", "-g", str(gop), "-c:a", "aac", path], check=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tyto")
    parser.add_argument("models")
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--copies", type=int, default=2)
    args = parser.parse_args()
    if not os.path.exists(os.path.join(args.models, "visual.safetensors")) or \
            not shutil.which("ffmpeg"):
        print("no encoders (scripts/setup) or no ffmpeg: skipped")
        return 77
    with tempfile.TemporaryDirectory() as folder:
        for gop in (250, 25):
            files = [os.path.join(folder, f"{gop}-{i}.mp4") for i in range(args.copies)]
            make(files[0], args.seconds, gop)
            for i, path in enumerate(files[1:]):
                with open(files[0], "rb") as source, open(path, "wb") as copy:
                    copy.write(source.read() + b"\0\0\0\x08free" * (i + 1))
            decode, _ = cpu_of(["ffmpeg", "-v", "error", "-threads", "1", "-i", files[0],
                                "-map", "0:v", "-f", "null", "-"])
            print(f"a keyframe each {gop / 25:g} s: ffmpeg decodes all of it with "
                  f"{decode / args.seconds:.4f} CPU s for a second")
            for option in ([], ["--keyframes"]):
                cache = os.path.join(folder, "cache")
                shutil.rmtree(cache, ignore_errors=True)
                cpu, out = cpu_of([args.tyto, "features", "--models", args.models, "--cache", cache,
                                   "--no-progress", *option, *files])
                rate = re.search(r"[\d.]+ x real time", out).group(0)
                total = args.seconds * args.copies
                print(f"  tyto features {' '.join(option):12} {rate}, {cpu / total:.4f} CPU s for "
                      f"a second: {2 * total / cpu:.0f} x real time if two cores were free")
    return 0


if __name__ == "__main__":
    sys.exit(main())
