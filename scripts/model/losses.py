#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Where events are lost between a score and a decision, on composed scenes.

  tyto compose assets.csv --out scenes --split val --clips 20 --seconds 60
  (cd scenes && tyto localize *.mp4 --json --segments > ../told.jsonl)
  scripts/model/losses.py scenes told.jsonl

For what is heard, seen, and both: of all labelled events, in how many does the right class score
highest (mean over the event's seconds), in how many does its highest score reach 0.2, 0.3, 0.5 and
0.7, and how many were told (an event of the class that overlaps). Then the same by class, by the
sound's SNR and by the share of the picture that the object covers. Last, in how many seconds a class
that is not there scores as high. Nothing is chosen here: it is a table to work from.
"""
import argparse
import collections
import csv
import json
import os
import statistics
import sys

LEVELS = (0.2, 0.3, 0.5, 0.7)
TASKS = {"heard": ("heard", "both"), "seen": ("seen", "both"), "joint": ("both",)}
SIZES = ((0.4, "over 40 %"), (0.2, "20-40 %"), (0.1, "10-20 %"), (0, "below 10 %"))
LOUDNESS = ((15, "over 15 dB"), (5, "5-15 dB"), (-99, "below 5 dB"))


def read_told(path):
    seconds, events = collections.defaultdict(list), collections.defaultdict(list)
    with open(path, encoding="utf-8") as file:
        for line in file:
            row = json.loads(line)
            name = os.path.basename(row.get("file") or row.get("camera") or "")
            if row["type"] == "segment":
                seconds[name].append(row)
            elif row["type"] == "event":
                events[name].append(row)
    return seconds, events


def read_scenes(folder):
    """file -> [(class, begin_s, area of the object, SNR)], None for what a scene does not have"""
    found = collections.defaultdict(list)
    with open(os.path.join(folder, "scene.jsonl"), encoding="utf-8") as file:
        for line in file:
            scene = json.loads(line)
            for thing in scene["objects"] + scene["sounds"]:
                if thing.get("is_distractor"):
                    continue
                boxes = thing.get("boxes")
                area = max(((b[3] - b[1]) * (b[4] - b[2]) for b in boxes), default=None) if boxes else None
                found[scene["file"]].append((thing["class"], thing["begin_s"], area, thing.get("snr_db")))
    return found


def band(value, bands):
    return None if value is None else next(name for least, name in bands if value >= least)


def measure(label, seconds, events, task):
    begin, end = float(label["begin_s"]), float(label["end_s"])
    inside = [s for s in seconds if s["begin_s"] < end and s["end_s"] > begin]
    whole = [s for s in inside if s["begin_s"] >= begin - 0.3 and s["end_s"] <= end + 0.3] or inside
    if not whole or label["class"] not in whole[0].get(task, {}):
        return None
    means = {k: statistics.fmean(s[task][k] for s in whole) for k in whole[0][task]}
    return {
        "first": max(means, key=means.get) == label["class"],
        "best": max(s[task][label["class"]] for s in whole),
        "told": any(e["class"] == label["class"] and e["begin_s"] < end
                    and (e.get("end_s") or end) > begin for e in events),
    }


def put(name, rows):
    if not rows:
        return
    share = lambda test: round(100 * sum(map(test, rows)) / len(rows))  # noqa: E731
    levels = "  ".join(f"{share(lambda r, x=x: r['best'] >= x):3}" for x in LEVELS)
    print(f"{name:24} {len(rows):5}   {share(lambda r: r['first']):5}   {levels}   "
          f"{share(lambda r: r['told']):5}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("scenes", help="a folder that tyto compose made")
    parser.add_argument("told", help="what tyto localize --json --segments said of it")
    args = parser.parse_args()
    seconds, events = read_told(args.told)
    scenes = read_scenes(args.scenes)
    with open(os.path.join(args.scenes, "labels.csv"), encoding="utf-8", newline="") as file:
        labels = [row for row in csv.DictReader(file) if row["class"]]
    for task, modalities in TASKS.items():
        groups = collections.defaultdict(list)
        for label in labels:
            result = label["modality"] in modalities and measure(
                label, seconds[label["file"]], events[label["file"]], task)
            if not result:
                continue
            near = [t for t in scenes[label["file"]] if t[0] == label["class"]]
            area = max((t[2] for t in near if t[2] is not None), default=None)
            snr = min((t[3] for t in near if t[3] is not None), default=None)
            for name in ("all", band(snr, LOUDNESS) if task != "seen" else None,
                         band(area, SIZES) if task != "heard" else None, label["class"]):
                if name:
                    groups[name].append(result)
        print(f"\n{task:24} events   first   {'  '.join(f'{x:>3}' for x in LEVELS)}    told   (per cent)")
        fixed = ["all"] + [n for _, n in LOUDNESS] + [n for _, n in SIZES]
        for name in fixed + sorted(set(groups) - set(fixed)):
            put(name, groups[name])
    false = collections.Counter()
    for name, rows in seconds.items():
        for second in rows:
            there = {r["class"] for r in labels if r["file"] == name and
                     float(r["begin_s"]) < second["end_s"] and float(r["end_s"]) > second["begin_s"]}
            for task in TASKS:
                top = max((v for k, v in second.get(task, {}).items() if k not in there), default=0)
                for level in LEVELS:
                    false[task, level] += top >= level
    total = sum(map(len, seconds.values())) or 1
    print(f"\nof {total} seconds, those in which a class that is not there scores as high (per cent)")
    for task in TASKS:
        print(f"{task:24} {'':15} {'  '.join(f'{100 * false[task, x] / total:3.0f}' for x in LEVELS)}")


if __name__ == "__main__":
    try:
        main()
    except BrokenPipeError:
        sys.exit(1)
