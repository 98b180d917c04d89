#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""How much an encoder knows: linear regression on the means of clips, in five folds by source.

    probe.py --data DIR [--data DIR ...] [--encoder FILE.safetensors ...] [--ear EAR.pt]

Per folder (manifest.csv) the per cent of clips whose class the regression names; a class needs 12
clips, 15 where the manifest knows groups. A clip is at most 8 s, its peak 0.5, heard in windows of
0.975 s every 0.48 s, at most 20. Folds are drawn by group, so that cuts of one recording stay
together. Beside the encoders: mean and deviation of log-mel. Of an encoder with a classifier as
its last layer (YAMNet) that layer's input is taken; of ear.pt every inner result."""
import argparse
import collections
import csv
import os

import numpy as np
import soundfile
import torch
from scipy import signal

import encoder_file
import student

RATE, WINDOW, HOP = 16000, 15600, 7680
NOT_A_CLASS = ("other", "unlabelled", "mixed")
SPARED = ("kitchen_", "mouth_")


def clips(base):
    with open(f"{base}/manifest.csv", newline="", encoding="utf-8") as file:
        rows = [r for r in csv.DictReader(file) if r["kind"] == "audio"]
    rows = [r for r in rows if r["class"] not in NOT_A_CLASS and not r["class"].startswith(SPARED)]
    least = 15 if rows and "group" in rows[0] else 12
    count = collections.Counter(r["class"] for r in rows)
    return [r for r in rows if count[r["class"]] >= least]


def windows(path):
    samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
    samples = samples.mean(1)
    if rate != RATE:
        factor = np.gcd(rate, RATE)
        samples = signal.resample_poly(samples, RATE // factor, rate // factor)
    samples = samples[:8 * RATE].astype(np.float32)
    if len(samples) <= RATE // 10:
        return None
    samples = samples / (np.abs(samples).max() + 1e-6) * 0.5
    samples = np.pad(samples, (0, max(0, WINDOW + 160 - len(samples))))
    starts = range(0, len(samples) - WINDOW + 1, HOP)
    return np.stack([samples[k:k + WINDOW] for k in starts][:20])


def ridge(features, classes, groups, weight):
    x = (features - features.mean(0)) / (features.std(0) + 1e-6)
    x = np.c_[x, np.ones(len(x))]
    names = sorted(set(classes))
    number = np.array([names.index(c) for c in classes])
    truth = np.eye(len(names))[number]
    order = sorted(set(groups))
    draw = dict(zip(order, np.random.default_rng(0).integers(0, 5, len(order))))
    fold = np.array([draw[g] for g in groups])
    right, own = 0, collections.Counter()
    for k in range(5):
        train, test = fold != k, fold == k
        square = x[train].T @ x[train] + weight * np.eye(x.shape[1])
        solved = np.linalg.solve(square, x[train].T @ truth[train])
        hit = (x[test] @ solved).argmax(1) == number[test]
        right += hit.sum()
        for c, h in zip(number[test], hit):
            own[names[c]] += int(h)
    return right / len(x), own


def best(features, classes, groups):
    """over three strengths of regularisation"""
    return max((ridge(features, classes, groups, w) for w in (30, 300, 3000)), key=lambda r: r[0])


@torch.no_grad()
def hear(base, rows, listeners, front):
    """-> kept rows, {name: (clips, numbers)}"""
    kept, features = [], collections.defaultdict(list)
    for row in rows:
        patches = windows(f"{base}/{row['path']}")
        if patches is None:
            continue
        samples = torch.from_numpy(patches)
        scale, shift = front.frontend["post_scale"], front.frontend["post_shift"]
        mel = (front.log_mel(samples) - shift) / scale
        kept.append(row)
        features["log-mel"].append(torch.cat([mel.mean((0, 1)), mel.std((0, 1))]).numpy())
        for listen in listeners:
            for name, value in listen(samples, mel).items():
                features[name].append(value.numpy())
    return kept, {name: np.stack(value) for name, value in features.items()}


def listener(path):
    net = encoder_file.Encoder(path)
    name = os.path.basename(path).removesuffix(".safetensors")
    classifier = net.layers[-1].get("act") == "sigmoid" and net.layers[-1]["out"] == net.outs[0]

    def listen(samples, _mel):
        out, last = net(net.log_mel(samples))
        return {name: last.mean(0)} if classifier else {name: out.mean(0)}
    return net, listen


def ear_listener(path):
    state = torch.load(path, map_location="cpu")
    ear = student.Ear(state["shape"])
    ear.load_state_dict(state["model"])
    ear.eval()

    def listen(_samples, mel):
        pooled, feature, scores, embedding = ear(mel)
        scores = torch.sigmoid(scores)
        return {"pooled": pooled.mean(0), "feature": feature.mean(0), "scores": scores.mean(0),
                "root scores": scores.sqrt().mean(0), "embedding": embedding.mean(0),
                "relu embedding": torch.relu(embedding).mean(0),
                "pooled deviation": pooled.std(0, unbiased=False)}
    return listen


PAIRS = (("ear", "log-mel"), ("feature", "scores"), ("feature", "root scores"),
         ("pooled", "feature"))


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", action="append", required=True)
    parser.add_argument("--encoder", action="append", default=[])
    parser.add_argument("--ear")
    parser.add_argument("--front", help="an encoder's file whose front end is used")
    parser.add_argument("--classes", action="store_true", help="tell every class")
    args = parser.parse_args()
    made = [listener(path) for path in args.encoder]
    listeners = [listen for _, listen in made]
    front = encoder_file.Encoder(args.front) if args.front else made[0][0]
    if args.ear:
        listeners.append(ear_listener(args.ear))
    for base in args.data:
        rows, features = hear(base, clips(base), listeners, front)
        for pair in PAIRS:
            if all(name in features for name in pair):
                features[" + ".join(pair)] = np.concatenate([features[n] for n in pair], 1)
        classes = [r["class"] for r in rows]
        groups = [r.get("group") or r["path"] for r in rows]
        count = collections.Counter(classes)
        print(f"{base}: {len(rows)} clips, {len(count)} classes", flush=True)
        for name, value in features.items():
            share, own = best(value, classes, groups)
            print(f"  {name} ({value.shape[1]}): {100 * share:.1f}", flush=True)
            if args.classes:
                print("   ", ", ".join(f"{c} {100 * own[c] // n}" for c, n in count.most_common()))


if __name__ == "__main__":
    main()
