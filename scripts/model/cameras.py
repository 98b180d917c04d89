#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""New cameras, composed: what `tyto adapt` is measured on.

  scripts/model/cameras.py assets.csv --tyto build/cli/tyto --out cameras [--cameras 9]

A camera is one place (a single picture of the validation split behind everything), its own noises,
loudness and sizes, and a few things that come again and again: five classes, of each at most three
recordings and three pictures. One camera in three has a class that the model does not know, made of
sounds and pictures that classes.yaml does not name. Each camera's folder holds clips of ten seconds,
labels-learn.csv (the first --learn clips) and labels-test.csv (the others), with every sound and
object that the camera has a name for. --other-things makes the test clips of recordings and
pictures that the clips to learn from do not have. Cameras in even places are for choosing how to
adapt, the others for the report.
"""
import argparse
import csv
import json
import os
import random
import subprocess

import clips

# name, folders of sounds, folders of pictures: events that weights/classes.yaml has no word for
UNKNOWN = (("metronome", "audio/clock_tick", "image/metronome"),
           ("accordion", "audio/sweeping", "image/accordion"),
           ("donkey", "audio/donkey", None))
SHARES = "both=0.6,heard=0.1,seen=0.1,several=0.1,nothing=0.1"


def read_assets(path):
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def unknown_rows(name, sounds, pictures, assets, others):
    """Rows of a class that has no name: its sounds are among the noises, its pictures beside them."""
    rows = [dict(row, **{"class": name}) for row in others
            if row["kind"] == "audio" and sounds + "/" in row["path"]]
    if pictures:
        roots = dict.fromkeys(row["path"].split("/image/")[0] for row in assets if row["kind"] == "image")
        folder = next((os.path.join(root, pictures) for root in roots
                       if os.path.isdir(os.path.join(root, pictures))), None)
        if folder is None:
            raise SystemExit(f"no folder {pictures} beside the pictures of the asset list: {name} needs it")
        rows += [{"path": os.path.join(folder, name_of), "kind": "image", "class": name,
                  "split": "val", "source": ""} for name_of in sorted(os.listdir(folder))]
    return rows


def pick(rng, rows, kind, name, num):
    found = [row for row in rows if row["kind"] == kind and row["class"] == name]
    return rng.sample(found, min(num, len(found)))


def draw_camera(number, args, assets):
    """-> spec, rows to learn from, rows to test on (the same ones unless --other-things)"""
    rng = random.Random(args.seed * 1000 + number)
    val = [row for row in assets if row["split"] == "val"]
    has = {kind: {row["class"] for row in val if row["kind"] == kind} for kind in ("audio", "image")}
    both = sorted((has["audio"] & has["image"]) - {"other", "background"})
    heard = sorted(has["audio"] - has["image"] - {"other"})
    names = rng.sample(both, 3) + rng.sample(heard, 1)
    rows, others = [], [row for row in assets if row["class"] == "other"]
    num = 6 if args.other_things else 3
    unknown = UNKNOWN[number // 3 % len(UNKNOWN)] if number % 3 == 2 else None
    if unknown:
        mine = unknown_rows(*unknown, assets, others)
        names.append(unknown[0])
        for kind in ("audio", "image"):
            rows += pick(rng, mine, kind, unknown[0], num)
    else:
        names.append(rng.choice([name for name in both if name not in names]))
    for name in names:
        for kind in ("audio", "image"):
            rows += pick(rng, val, kind, name, num)
    taken = {row["path"] for row in rows}
    noises = [row for row in val if row["class"] == "other" and row["path"] not in taken
              and not (unknown and unknown[1] + "/" in row["path"])]
    shared = rng.sample(noises, 6) + pick(rng, val, "image", "background", 1)
    sides = [[], []]
    for index, row in enumerate(rows):
        for side in range(2):
            if not args.other_things or index % 2 == side:
                sides[side].append(row)
    snr, height = rng.choice((-2, 2, 6, 10)), rng.choice((0.2, 0.3, 0.45))
    spec = {"camera": number, "classes": names, "new": unknown[0] if unknown else "",
            "snr": f"{snr}:{snr + 10}", "height": f"{height}:{height + 0.3:.2f}"}
    return spec, sides[0] + shared, sides[1] + shared


def write_rows(path, rows):
    with open(path, "w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, ["path", "kind", "class", "split", "source"])
        writer.writeheader()
        writer.writerows(dict(row, split="val") for row in rows)


def compose(args, spec, rows, folder, num, seed):
    os.makedirs(folder, exist_ok=True)
    write_rows(folder + ".assets.csv", rows)
    kinds = {kind: {row["class"] for row in rows if row["kind"] == kind} for kind in ("audio", "image")}
    subprocess.run([args.tyto, "compose", folder + ".assets.csv", "--out", folder, "--split", "val",
                    "--clips", str(num), "--clips-per-camera", str(num), "--size", "480x270",
                    "--fps", "2", "--snr", spec["snr"], "--height", spec["height"], "--share", SHARES,
                    "--distractors", "0.2", "--classes",
                    ",".join(name for name in spec["classes"] if name in kinds["audio"] | kinds["image"]),
                    "--seed", str(seed), "--jobs", "1", "--sheet", "0", "--force", "--no-progress"],
                   check=True, stdout=subprocess.DEVNULL)
    clips.write_labels(folder, set(spec["classes"]), os.path.join(folder, "labels-all.csv"), {})


def cut_labels(source, target, first, last):
    """The rows of the clips from number first to before last (0: all)."""
    with open(source, encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))
    names = sorted({row[0] for row in rows[1:]})[first:last or None]
    with open(target, "w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(rows[:1] + [row for row in rows[1:] if row[0] in names])


def make_camera(number, args, assets):
    folder = os.path.join(args.out, f"camera-{number}")
    if os.path.exists(os.path.join(folder, "spec.json")):
        return
    spec, learn, test = draw_camera(number, args, assets)
    seed = args.seed * 1000 + number
    labels = {side: os.path.join(folder, f"labels-{side}.csv") for side in ("learn", "test")}
    if args.other_things:
        for side, rows, num in (("learn", learn, args.learn), ("test", test, args.test)):
            compose(args, spec, rows, os.path.join(folder, side), num, seed)
            cut_labels(os.path.join(folder, side, "labels-all.csv"), labels[side], 0, 0)
    else:
        part = os.path.join(folder, "clips")
        compose(args, spec, learn, part, args.learn + args.test, seed)
        cut_labels(os.path.join(part, "labels-all.csv"), labels["learn"], 0, args.learn)
        cut_labels(os.path.join(part, "labels-all.csv"), labels["test"], args.learn, 0)
    with open(os.path.join(folder, "spec.json"), "w", encoding="utf-8") as file:
        json.dump(spec, file)
    print(f"camera {number}: {', '.join(spec['classes'])}; new: {spec['new'] or 'none'}; "
          f"{spec['snr']} dB, height {spec['height']}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("assets")
    parser.add_argument("--tyto", default="tyto")
    parser.add_argument("--out", required=True)
    parser.add_argument("--cameras", type=int, default=9)
    parser.add_argument("--learn", type=int, default=20)
    parser.add_argument("--test", type=int, default=30)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--other-things", action="store_true")
    args = parser.parse_args()
    assets = read_assets(args.assets)
    os.makedirs(args.out, exist_ok=True)
    for number in range(args.cameras):
        make_camera(number, args, assets)


if __name__ == "__main__":
    main()
