#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""CMAN beside the heads of AVEL (Tian et al., ECCV 2018) and PSP (Zhou et al., CVPR 2021) and
early fusion, on the same features, in the protocol of AVE: one class or background a second.

  peers.py data  --out DIR --train FOLDER... --val FOLDER... --test FOLDER... --cache DIR --models DIR
  peers.py run   --data DIR --work DIR --tyto tyto [--seeds 1,2,3] [--rows NAME,...]
  peers.py table --work DIR

data: composed clips (`tyto compose`, features made by `tyto features`) as AVE's HDF5 files, so that
every network reads the same files. A second's class is what is heard and seen in it; clips where
that are two classes are left out. run: AVEL and PSP in PyTorch (written from the papers), the
others by `tyto train --ave`; what exists in --work is kept. With --align every network is also asked
with the sound moved back by up to four seconds either way, and what it says is weighed as
`tyto eval --align 4` does (trainer/eval/predict.h). table: what there is, as a table.

Needs python3-torch and python3-h5py.
"""
import argparse
import collections
import json
import os
import statistics
import subprocess
import sys
import time

import numpy as np

from peers_data import SPLITS, make_data
from peers_heads import SHIFTS, train_torch


# --- runs -----------------------------------------------------------------------------------------

# The trainer's networks all have these; what a row adds stands below.
TYTO = ["--head", "softmax", "--best", "accuracy", "--basis", "128", "--whitening", "0",
        "--batch", "32", "--noise", "0.3", "--match", "64", "--when", "64", "--hidden", "96",
        "--which", "64", "--head-width", "64", "--rate", "0.002", "--decay", "0.1", "--dropout",
        "0.3", "--warm-up", "20", "--max-norm", "1", "--shift", "4", "--shift-share", "0.25",
        "--modality-dropout", "0.2", "--mixup", "0.2", "--patience", "0"]
# The peers' learning rate is their papers'. AVEL's own loss, a soft margin of what softmax gives, is
# the row "avel"; with plain cross-entropy it learns faster.
ROWS = {
    "avel": {"rate": 1e-3, "batch": 32},
    "psp": {"rate": 1e-3, "batch": 32},
    "avel, plain": {"rate": 1e-3, "batch": 32, "plain": True},
    "psp, plain": {"rate": 1e-3, "batch": 32, "plain": True},
    "avel, sound moved in training": {"rate": 1e-3, "batch": 32, "plain": True, "shift": 0.5},
    "psp, sound moved in training": {"rate": 1e-3, "batch": 32, "shift": 0.5},
    "early": ["--fusion", "early", "--look-ahead", "all"],
    "cman": ["--look-ahead", "all"],
    "cman, look-ahead of a second": ["--look-ahead", "1"],
    "cman, half of the clips moved": ["--look-ahead", "all", "--shift-share", "0.5"],
}


def file_name(row, seed):
    return "".join(c if c.isalnum() else "_" for c in row) + f"-{seed}"


def cpu_seconds(command):
    """Standard output and processor seconds of a command that must succeed."""
    before = os.times()
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          check=False)
    after = os.times()
    if done.returncode:
        sys.exit(f"{' '.join(command)}: exit {done.returncode}\n{done.stderr[-2000:]}")
    return done.stdout, (after.children_user + after.children_system
                         - before.children_user - before.children_system)


def moved_of(found):
    """{seconds: share of right} of what `tyto eval --shift` says"""
    return {str(int(point["shift"])): point["on_video"] for point in found["shifts"]}


def train_tyto(args, seed, options, out):
    common = ["--ave", args.data]
    # What one row says twice, the later wins.
    given = dict(zip(TYTO[::2], TYTO[1::2]))
    given.update({"--epochs": str(args.epochs), "--workers": str(args.workers)})
    given.update(dict(zip(options[::2], options[1::2])))
    model = os.path.join(out, "model.safetensors")
    result = {"options": given}
    if not os.path.exists(os.path.join(out, "model-card.md")):
        _, result["training cpu s"] = cpu_seconds(
            [args.tyto, "train", *common, *[x for p in given.items() for x in p], "--seed",
             str(seed), "--out", out, "--overwrite", "--report", "none", "--no-progress"])
    with open(model, "rb") as file:
        length = int.from_bytes(file.read(8), "little")
        header = json.loads(file.read(length))
    result["parameters"] = sum(int(np.prod(t["shape"])) for k, t in header.items()
                               if k != "__metadata__" and not k.startswith("adapt_"))
    for split in ("val", "test"):
        if split == "test" and not args.has_test:
            continue
        evaluate = [args.tyto, "eval", model, "--ave", args.data, "--split", split,
                    "--shift", f"{SHIFTS[0]}:{SHIFTS[-1]}", "--json", "--no-progress"]
        found = json.loads(cpu_seconds(evaluate)[0])
        result[f"{split} moved"] = moved_of(found)
        result[f"{split} figures"] = {k: v["model"] for k, v in found["figures"].items()
                                      if isinstance(v, dict) and v.get("model") is not None}
        if args.align:
            found = json.loads(cpu_seconds([*evaluate, "--align", str(SHIFTS[-1])])[0])
            result[f"{split} aligned"] = moved_of(found)
    return result


def has_figures(path, wanted):
    if not os.path.exists(path):
        return False
    with open(path, encoding="utf-8") as file:
        return set(wanted) <= set(json.load(file))


def run(args):
    os.makedirs(args.work, exist_ok=True)
    with open(os.path.join(args.data, "data.json"), encoding="utf-8") as file:
        summary = json.load(file)
    args.has_test, args.classes = summary["test"]["clips"] > 0, len(summary["classes"])
    rows = args.rows.split(";") if args.rows else list(ROWS)
    wanted = [f"{split} {what}" for split in ("val", "test")[:1 + args.has_test]
              for what in ("moved", "aligned")[:1 + args.align]]
    for seed in (int(s) for s in args.seeds.split(",")):
        for row in rows:
            path = os.path.join(args.work, file_name(row, seed) + ".json")
            if has_figures(path, wanted):
                continue
            options = ROWS[row]
            begun = time.monotonic()
            if isinstance(options, dict):
                result = train_torch(args, row.split(",")[0], seed,
                                     {"epochs": args.epochs, **options}, path[:-4] + "pt")
            else:
                result = train_tyto(args, seed, options, path[:-5])
            if os.path.exists(path):  # the training's own figures, of a run without test clips
                with open(path, encoding="utf-8") as file:
                    result = {**json.load(file), **result}
            result.update({"row": row, "seed": seed})
            with open(path, "w", encoding="utf-8") as file:
                json.dump(result, file, indent=1)
            moved = result["val moved"]
            print(f"{row}, seed {seed}: val {100 * moved['0']:.1f} %, moved "
                  f"{100 * mean_moved(moved):.1f} %, {time.monotonic() - begun:.0f} s", flush=True)


def mean_moved(moved):
    return statistics.mean(v for d, v in moved.items() if int(d))


def worst_moved(moved):
    return min(v for d, v in moved.items() if int(d))


def table(args):
    found = collections.OrderedDict()
    for name in sorted(os.listdir(args.work)):
        if name.endswith(".json"):
            with open(os.path.join(args.work, name), encoding="utf-8") as file:
                result = json.load(file)
            found.setdefault(result["row"], []).append(result)

    def cell(runs, key, of_one):
        values = [100 * of_one(run[key]) for run in runs if key in run]
        if not values:
            return ""
        return f"{statistics.mean(values):.1f}" + \
            (f" ± {statistics.stdev(values):.1f}" if len(values) > 1 else "")

    print("| head | seeds | right | moved, mean | worst | aligned: right | moved, mean | worst "
          "| parameters |\n|---|---|---|---|---|---|---|---|---|")
    for row in sorted(found, key=lambda r: list(ROWS).index(r) if r in ROWS else 99):
        runs = [r for r in found[row] if f"{args.split} moved" in r]
        if runs:
            cells = [cell(runs, f"{args.split} {what}", of_one) for what in ("moved", "aligned")
                     for of_one in (lambda moved: moved["0"], mean_moved, worst_moved)]
            print(f"| {row} | {len(runs)} | {' | '.join(cells)} | {runs[0]['parameters']:,} |")


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parts = parser.add_subparsers(dest="what", required=True)
    data = parts.add_parser("data", help="AVE's files out of composed clips")
    data.add_argument("--out", required=True)
    for split in SPLITS:
        data.add_argument(f"--{split}", nargs="*", default=[], help="folders of composed clips")
    data.add_argument("--cache", required=True)
    data.add_argument("--models", required=True, help="the encoders that made the features")
    data.add_argument("--labels", default="labels.csv", help="their name in each folder")
    data.add_argument("--places", default="7x12", help="rows and columns of the features")
    data.add_argument("--pool", default="4x6", help="to so many, by means")
    data.add_argument("--least", type=int, default=10, help="clips of a class in training")
    data.add_argument("--without", type=float, default=0.2, help="share of clips without an event")
    data.add_argument("--train-clips", type=int, default=0, help="at most; 0: all")
    data.add_argument("--components", type=int, default=128, help="of the pictures' features")
    data.add_argument("--whitening", type=float, default=0.5)
    runs = parts.add_parser("run", help="train and measure")
    runs.add_argument("--data", required=True)
    runs.add_argument("--work", required=True)
    runs.add_argument("--tyto", default="tyto")
    runs.add_argument("--rows", default="", help="names, by semicolons (default: all)")
    runs.add_argument("--seeds", default="1,2,3")
    runs.add_argument("--epochs", type=int, default=20)
    runs.add_argument("--align", action="store_true", help="also let each look for the offset")
    runs.add_argument("--verbose", action="store_true", help="epochs, too")
    runs.add_argument("--workers", type=int, default=1)
    tables = parts.add_parser("table", help="what there is")
    tables.add_argument("--work", required=True)
    tables.add_argument("--split", default="test", choices=("val", "test"))
    args = parser.parse_args()
    {"data": make_data, "run": run, "table": table}[args.what](args)


if __name__ == "__main__":
    main()
