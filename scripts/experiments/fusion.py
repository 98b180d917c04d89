#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Is it worth attending across modalities? Composes footage, trains the CMAN head and its
baselines with several seeds by the same trainer, and compares them on scenes that neither training
nor the choice of the best epoch has seen.

  scripts/experiments/fusion.py --manifest DIR/manifest.csv --work DIR [--seeds 1,2,3] [--jobs 2]

Everything that exists in --work is kept, so an interrupted run goes on. At the end
WORK/results.json and WORK/results.md hold mean and standard deviation over the seeds.

The sets: train (train split of the manifest), val and test (two sets of scenes from the val split;
the best epoch and the thresholds are chosen on val, the figures are of test).
"""
import argparse
import concurrent.futures
import json
import os
import statistics
import subprocess
import sys

SETS = {"train": ("train", 1), "val": ("val", 2), "test": ("val", 3)}

# name -> what is added to `tyto train`
RUNS = {
    "cman": [],
    "cman, no shift augmentation": ["--shift", "0"],
    "cman, weak labels": ["--weak", "max"],
    "early fusion": ["--fusion", "early"],
    "sound alone": ["--fusion", "audio"],
    "picture alone": ["--fusion", "visual"],
}


def say(text):
    print(text, flush=True)


def run(command, log):
    with open(log, "w", encoding="utf-8") as out:
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=out, text=True, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(command)}: exit {done.returncode}, see {log}")
    return done.stdout


class Experiment:
    def __init__(self, args):
        self.args = args
        self.tyto = args.tyto
        os.makedirs(args.work, exist_ok=True)

    def path(self, *names):
        return os.path.join(self.args.work, *names)

    def compose(self, name):
        split, seed = SETS[name]
        clips = self.args.train_clips if name == "train" else self.args.test_clips
        folder = self.path(name)
        if os.path.exists(os.path.join(folder, "labels.csv")):
            return
        say(f"composing {clips} clips: {name}")
        command = [self.tyto, "compose", self.args.manifest, "--out", folder, "--split", split,
                   "--clips", str(clips), "--seconds", "10", "--seed", str(seed),
                   "--jobs", str(self.args.jobs), "--no-progress"]
        if self.args.classes:
            command += ["--classes", self.args.classes]
        run(command, self.path(name + "-compose.log"))

    def features(self, name):
        say(f"features: {name}")
        run([self.tyto, "features", self.labels(name), "--media", self.path(name), "--cache",
             self.path("cache"), "--models", self.args.models, "--no-progress"],
            self.path(name + "-features.log"))

    def labels(self, name):
        return self.path(name, "labels.csv")

    def model(self, name, seed):
        return self.path("runs", f"{name.replace(', ', '-').replace(' ', '_')}-{seed}")

    def train(self, name, seed):
        out = self.model(name, seed)
        if os.path.exists(os.path.join(out, "model-card.md")):
            return
        os.makedirs(os.path.dirname(out), exist_ok=True)
        run([self.tyto, "train", "--labels", self.labels("train"), "--media", self.path("train"),
             "--val-labels", self.labels("val"), "--val-media", self.path("val"), "--cache",
             self.path("cache"), "--out", out, "--seed", str(seed),
             "--epochs", str(self.args.epochs), "--shift-share", "0.5", "--workers", "1",
             "--models", self.args.models,
             "--overwrite", "--report", "short", "--no-progress"]
            + RUNS[name], out + ".log")
        say(f"trained: {name}, seed {seed}")

    def evaluate(self, name, seed, late=None):
        out = self.model(name, seed) + ("-late" if late else "") + ".json"
        if not os.path.exists(out):
            command = [self.tyto, "eval", os.path.join(self.model(name, seed), "model.safetensors"),
                       "--labels", self.labels("test"), "--media", self.path("test"), "--cache",
                       self.path("cache"), "--models", self.args.models, "--shift", "-4:4",
                       "--drop", "--json", "--no-progress"]
            if late:
                command += ["--late", os.path.join(self.model(late, seed), "model.safetensors")]
            text = run(command, out + ".log")
            with open(out, "w", encoding="utf-8") as file:
                file.write(text)
        with open(out, encoding="utf-8") as file:
            return json.load(file)

    def one(self, name, seed):
        self.train(name, seed)
        self.evaluate(name, seed)

    # --- the table -------------------------------------------------------------------------------

    def figures(self, name, late=None):
        """What the table shows, one list of values over the seeds for each."""
        found = {}
        for seed in self.args.seeds:
            result = self.evaluate(name, seed, late)
            moved = [p["on_video"] for p in result["shifts"] if p["shift"]]
            values = {
                "accuracy": result["figures"]["accuracy"]["model"],
                "nothing": result["figures"]["accuracy"]["nothing"],
                "class only": result["figures"]["accuracy"]["class_only"],
                "sound shifted, mean of -4..4 s": statistics.mean(moved),
                "sound shifted, worst": min(moved),
                "without sound": result["without_sound"],
                "without picture": result["without_picture"],
                "segment F1": result["figures"]["segment_f1"]["model"],
                "event F1": result["figures"]["event_f1"]["model"],
                "mAP of segments": result["figures"]["map_segments"]["model"],
            }
            for key, value in values.items():
                if value is not None:
                    found.setdefault(key, []).append(100 * value)
        return found

    def report(self):
        rows = {name: self.figures(name) for name in RUNS}
        rows["late fusion"] = self.figures("sound alone", "picture alone")
        columns = list(rows["cman"])
        summary = {
            name: {key: {"mean": statistics.mean(v), "sd": statistics.stdev(v) if len(v) > 1 else 0,
                         "values": v} for key, v in found.items()}
            for name, found in rows.items()}
        with open(self.path("results.json"), "w", encoding="utf-8") as file:
            json.dump({"seeds": self.args.seeds, "results": summary}, file, indent=1)
        lines = ["| head | " + " | ".join(columns) + " |", "|---" * (len(columns) + 1) + "|"]
        for name, found in summary.items():
            cells = [f"{found[c]['mean']:.1f} ± {found[c]['sd']:.1f}" if c in found else ""
                     for c in columns]
            lines.append(f"| {name} | " + " | ".join(cells) + " |")
        text = "\n".join(lines) + "\n"
        with open(self.path("results.md"), "w", encoding="utf-8") as file:
            file.write(text)
        say(text)


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--manifest", required=True)
    parser.add_argument("--work", required=True)
    parser.add_argument("--tyto", default="tyto", help="the command (default: from PATH)")
    parser.add_argument("--models", required=True, help="where the encoders are")
    parser.add_argument("--classes", default="", help="as of tyto compose")
    parser.add_argument("--train-clips", type=int, default=1000)
    parser.add_argument("--test-clips", type=int, default=240, help="of val and of test each")
    parser.add_argument("--epochs", type=int, default=40)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--seeds", default="1,2,3")
    args = parser.parse_args()
    args.seeds = [int(s) for s in args.seeds.split(",")]
    experiment = Experiment(args)
    for name in SETS:
        experiment.compose(name)
        experiment.features(name)
    with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
        todo = [pool.submit(experiment.one, n, s) for s in args.seeds for n in RUNS]
        for future in todo:
            future.result()
    experiment.report()


if __name__ == "__main__":
    main()
