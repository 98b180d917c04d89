#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What `tyto adapt` gains on composed cameras, and what it costs elsewhere.

  scripts/model/cameras.py assets.csv --out cameras
  scripts/model/adapted.py cameras --tyto build/cli/tyto --models DIR --scenes scenes --out results

Each camera of cameras.py: its clips to learn from are given to `tyto adapt`; then `tyto localize` with the
head before and the head after tells the events of the other clips, and of the scenes (a folder of
`tyto compose` with labels-all.csv), and `tyto eval` judges them. Printed as a table: F1 at tIoU 0.5 of any
events, in per cent. --models is a folder with visual, audio, head and kept (.safetensors)."""
import argparse
import csv
import os
import re
import subprocess
import sys

import learning


def run(command, folder=None, out=None):
    subprocess.run(command, cwd=folder, stdout=out or subprocess.DEVNULL, check=True)


def files_of(labels):
    with open(labels, encoding="utf-8", newline="") as file:
        return sorted({row["file"] for row in csv.DictReader(file)})


def judged(args, head, media, labels, told):
    """-> F1 (any), false events an hour"""
    with open(told, "wb") as file:
        run([args.tyto, "localize", *files_of(labels), "--json", "--no-progress", "--models", args.models,
             "--weights", head], media, file)
    text = subprocess.run([args.tyto, "eval", "--events", told, "--labels", labels, "--no-progress"],
                          stdout=subprocess.PIPE, check=True, text=True).stdout
    return [float(re.search(name + r"\s+([\d.]+)", text).group(1))
            for name in (r"F1 at tIoU 0\.5", "false events an hour")]


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cameras")
    parser.add_argument("--tyto", default="tyto")
    parser.add_argument("--models", required=True)
    parser.add_argument("--scenes", required=True)
    parser.add_argument("--out", required=True)
    args = parser.parse_args()
    for name in ("models", "scenes", "cameras", "out"):
        setattr(args, name, os.path.abspath(getattr(args, name)))
    if os.sep in args.tyto:
        args.tyto = os.path.abspath(args.tyto)
    os.makedirs(args.out, exist_ok=True)
    head = os.path.join(args.models, "head.safetensors")
    scenes = (args.scenes, os.path.join(args.scenes, "labels-all.csv"))
    names = sorted((name for name in os.listdir(args.cameras) if name.startswith("camera-")),
                   key=lambda name: int(name.split("-")[1]))
    told = os.path.join(args.out, "told.jsonl")
    elsewhere = judged(args, head, *scenes, told)[0]
    print(f"| camera | F1 before | after | | scenes, {elsewhere:.1f} before | false an hour on the camera |\n"
          "|---|---|---|---|---|---|", flush=True)
    rows = []
    for number, name in enumerate(names):
        folder = os.path.join(args.cameras, name)
        media, made = os.path.join(folder, "clips"), os.path.join(args.out, name)
        test = os.path.join(folder, "labels-test.csv")
        before, false_before = judged(args, head, media, test, told)
        run([args.tyto, "adapt", "--labels", os.path.join(folder, "labels-learn.csv"), "--media", media,
             "--models", args.models, "--head", head, "--kept", os.path.join(args.models, "kept.safetensors"),
             "--socket", "off", "--cache", os.path.join(args.out, "cache"), "--out", made, "--overwrite",
             "--no-progress"])
        new = os.path.join(made, "model.safetensors")
        after, false_after = judged(args, new, media, test, told)
        rows.append((before, after, judged(args, new, *scenes, told)[0] - elsewhere, false_before,
                     false_after))
        print(f"| {name.split('-')[1]} | {before:.1f} | {after:.1f} | {after - before:+.1f} | "
              f"{rows[-1][2]:+.1f} | {false_before:.0f} -> {false_after:.0f} |", flush=True)
        learning.progress(number + 1, len(names), "cameras")
    before, after, other, false_before, false_after = (sum(column) / len(rows) for column in zip(*rows))
    print(f"| mean | {before:.1f} | {after:.1f} | **{after - before:+.1f}** | **{other:+.1f}** (worst "
          f"{min(row[2] for row in rows):+.1f}) | {false_before:.0f} -> {false_after:.0f} |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
