#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Zones and masks through tytod with the real networks: an animal that stands inside or outside of
them. Skipped (77) without networks, ffmpeg or the demo's pictures.

  test_zones.py [--bin DIR ...] [--models DIR]"""
import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile

import test_daemon as daemon

STAMP = "/usr/share/tuxpaint/stamps/animals/mammals/dogs/dog.png"
# A place and a half apart: boxes are as coarse as that.
LEFT, RIGHT = "0,0 0.4,0 0.4,1 0,1", "0.55,0 1,0 1,1 0.55,1"
ZONES = f"""    zones:
      - {{name: left, polygon: "{LEFT}"}}
      - {{name: right, polygon: "{RIGHT}"}}
      - {{name: for-cats, polygon: "{RIGHT}", only: cat}}
"""
MASKS = f"    masks: [{{polygon: \"{LEFT}\"}}]\n"
# Camera: where its dog stands, and what else is said of it.
CAMERAS = {
    "plain": ("left", ZONES),
    "masked": ("left", ZONES + MASKS),
    "beside": ("right", ZONES + MASKS),
    "wanted": ("right", ZONES + "    classes: {dog: {required_zones: [right]}}\n"),
    "unwanted": ("right", ZONES + "    classes: {dog: {required_zones: [left]}}\n"),
    "quiet": ("right", "    quiet_hours: [{times: 00:00-24:00, classes: [dog]}]\n"),
}


def make_clip(path, x):
    """A dog on plain ground, 4 s, without sound."""
    subprocess.run(
        ["ffmpeg", "-v", "error", "-y", "-f", "lavfi", "-i", "color=0x8a9a8a:s=320x180:r=5",
         "-loop", "1", "-i", STAMP, "-filter_complex",
         f"[1]scale=-1:110[s];[0][s]overlay=x={x}-w/2:y=90-h/2", "-t", "4", "-c:v", "libx264",
         "-pix_fmt", "yuv420p", "-g", "5", path], check=True, timeout=60)


def dogs_in(world):
    """The last word about the dog, by camera."""
    clips = {"left": os.path.join(world.folder, "left.mp4"),
             "right": os.path.join(world.folder, "right.mp4")}
    make_clip(clips["left"], 70)
    make_clip(clips["right"], 250)
    text = "cameras:\n"
    for name, (side, said) in CAMERAS.items():
        text += f"  - id: {name}\n    uri: {clips[side]}\n{said}"
    tytod = world.start_daemon("--config", world.config(daemon.EAGER + text))
    is_over = lambda: all(f"{name} is ended" in daemon.text_of(tytod) for name in CAMERAS)
    daemon.wait_for("the ends of all clips", is_over, 120)
    events = listed(world, "--class", "dog")
    assert listed(world, "--zone", "left", "--class", "dog") == [e for e in events if "left" in e.get("zones", [])]
    return {e["camera"]: e for e in events if e["phase"] == "end"}


def listed(world, *arguments):
    """Events of the journal, each as it is known last."""
    done = world.run("tyto", "list", world.endpoint, "--json", "--limit", "none", *arguments)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def check(world):
    found = dogs_in(world)
    seen = {name: found[name]["scores"]["seen"] if name in found else 0 for name in CAMERAS}
    # What the model makes of the dog, with nothing before it.
    assert seen["plain"] > 0.3, seen
    assert found["plain"]["zones"] == ["left"], found["plain"]
    # Behind the mask hardly anything is seen of it, beside the mask as much as without.
    assert seen["masked"] < 0.1 * seen["plain"], seen
    assert seen["beside"] > 0.7 * seen["wanted"] > 0.2, seen
    assert found["beside"]["zones"] == ["right"], found["beside"]
    assert found["wanted"]["zones"] == ["right"], found["wanted"]
    assert "unwanted" not in found and "quiet" not in found, found


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bin", action="append", default=[])
    parser.add_argument("--models")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        world = daemon.World(args, folder)
        if not (world.has_models() and shutil.which("ffmpeg") and os.path.exists(STAMP)):
            print("skipped: no networks, no ffmpeg or no tuxpaint-stamps-default")
            return 77
        try:
            check(world)
        finally:
            world.stop_all()
    print("zones: 1 passed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
