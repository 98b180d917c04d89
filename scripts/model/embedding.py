#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Where the sound and the picture of an event lie among others: one linear map for each, into one
space of 64 numbers, learnt so that what has a class in common lies in the same direction.

  embedding.py learn --train FOLDER... --cache DIR --models DIR -o weights/embedding.safetensors
  embedding.py measure --embedding FILE --train FOLDER... --val FOLDER... --cache DIR --models DIR

FOLDERs are composed clips (`tyto compose`), --cache their features (`tyto features`) by the encoders
in --models. learn: pairs of seconds, sound and picture, balanced by class, each held against all
others of the batch (supervised contrastive, across the senses and within each). measure: recall and
precision among the ten most alike, by class, of the events of --val: chance, canonical correlation
of the training seconds, and the file's space as the daemon has it, in signed bytes.

Needs python3-torch.
"""
import argparse
import json
import os
import sys

import numpy as np
import torch

import clips
import graph

WIDTH, BATCH, STEPS, RATE, DECAY, WARMTH, NOISE, WITHIN = 64, 512, 600, 3e-3, 0.1, 0.1, 0.3, 0.3
TOP = 10


# --- seconds and events ---------------------------------------------------------------------------

def pooled(pictures):
    """(seconds, L, V) -> (seconds, 2 V): the highest of each column over the places, its mean"""
    return np.concatenate([pictures.max(1), pictures.mean(1)], 1)


def seconds_of(folders, classes, cache):
    """-> sound (n, A), picture (n, 2 V), what is heard (n, K), seen (n, K), clip (n)"""
    index = {name: k for k, name in enumerate(classes)}
    parts, num_clips = [], 0
    for folder in folders:
        for scene in clips.scenes_of(folder):
            sound, pictures, _ = cache.read(os.path.join(folder, scene["file"]))
            there = {"sounds": np.zeros((len(sound), len(classes)), bool),
                     "objects": np.zeros((len(sound), len(classes)), bool)}
            for kind, flags in there.items():
                for thing in scene[kind]:
                    for t in range(len(sound)):
                        lasts = min(thing["end_s"], t + 1) - max(thing["begin_s"], t)
                        if thing["class"] in index and lasts >= 0.5:
                            flags[t, index[thing["class"]]] = True
            parts.append((sound.astype(np.float32), pooled(pictures.astype(np.float32)),
                          there["sounds"], there["objects"], np.full(len(sound), num_clips)))
            num_clips += 1
    return [np.concatenate(column) for column in zip(*parts)]


def unit(rows):
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9)


def events_of(vectors, flags, clip):
    """The mean of the seconds in which a class is there -> vectors (n, D), class (n), clip (n)"""
    rows = []
    for one in np.unique(clip):
        of_clip = np.flatnonzero(clip == one)
        for k in np.flatnonzero(flags[of_clip].any(0)):
            seconds = of_clip[flags[of_clip, k]]
            rows.append((unit(vectors[seconds]).mean(0), k, one))
    return [np.array(column) for column in zip(*rows)]


# --- learning -------------------------------------------------------------------------------------

def learn(data, say):
    """-> {"sound": (W, b), "picture": (W, b)} on features as they are"""
    torch.manual_seed(1)
    inputs = [torch.tensor(x) for x in data[:2]]
    means, spreads = [x.mean(0) for x in inputs], [x.std(0, unbiased=False) + 1e-3 for x in inputs]
    inputs = [(x - m) / s for x, m, s in zip(inputs, means, spreads)]
    labels = [torch.tensor(x).float() for x in data[2:4]]
    rows = [torch.nonzero(l.any(1))[:, 0] for l in labels]
    weights = [(l[r] / l[r].sum(0).clamp(min=1)).max(1)[0] for l, r in zip(labels, rows)]
    maps = [torch.nn.Linear(x.shape[1], WIDTH) for x in inputs]
    optimizer = torch.optim.AdamW([p for m in maps for p in m.parameters()], lr=RATE,
                                  weight_decay=DECAY)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, total_steps=STEPS)

    def held_against(a, of_a, b, of_b):
        alike, same = a @ b.T / WARMTH, (of_a @ of_b.T) > 0
        if a is b:
            own = torch.eye(len(a), dtype=torch.bool)
            alike, same = alike.masked_fill(own, -1e9), same & ~own
        share = alike - torch.logsumexp(alike, 1, keepdim=True)
        num = same.sum(1)
        return -((share * same).sum(1)[num > 0] / num[num > 0]).mean()

    for step in range(STEPS):
        # Of fewer seconds than a batch has, some come twice.
        picks = [r[torch.multinomial(w, BATCH, len(r) < BATCH)] for r, w in zip(rows, weights)]
        (a, b), (of_a, of_b) = [
            torch.nn.functional.normalize(m(x[p] + NOISE * torch.randn(BATCH, x.shape[1])), dim=1)
            for m, x, p in zip(maps, inputs, picks)], [l[p] for l, p in zip(labels, picks)]
        loss = held_against(a, of_a, b, of_b) + held_against(b, of_b, a, of_a) + \
            WITHIN * (held_against(a, of_a, a, of_a) + held_against(b, of_b, b, of_b))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        if step % 100 == 99:
            say(f"{step + 1} of {STEPS}: {loss.item():.2f}")
    found = {}
    for name, one, mean, spread in zip(("sound", "picture"), maps, means, spreads):
        matrix = one.weight.detach() / spread
        found[name] = (matrix.numpy(), (one.bias.detach() - matrix @ mean).numpy())
    return found


def write(path, maps, cache):
    tensors = {}
    for name, (matrix, bias) in maps.items():
        tensors[f"{name}.weight"] = matrix.astype(np.float32)
        tensors[f"{name}.bias"] = bias.astype(np.float32)
    graph.write(path, tensors, {
        "tyto.format": "embedding/1", "tyto.provenance": "scripts/model/embedding.py",
        "tyto.encoders": json.dumps({"audio": cache.audio, "visual": cache.visual})})


# --- measuring ------------------------------------------------------------------------------------

def in_bytes(vectors):
    """As the daemon rounds a second's."""
    return np.round(vectors / np.abs(vectors).max(1, keepdims=True) * 127)


def correlate(x, y, width=WIDTH, ridge=0.01):
    """Canonical correlation -> (W, b) of x and of y, the directions weighted by how much they share"""
    means = x.mean(0), y.mean(0)
    x, y = x - means[0], y - means[1]

    def whitening(rows):
        cov = rows.T @ rows / len(rows)
        values, vectors = np.linalg.eigh(cov + ridge * np.trace(cov) / len(cov) * np.eye(len(cov)))
        return vectors / np.sqrt(values) @ vectors.T
    white = whitening(x), whitening(y)
    left, shared, right = np.linalg.svd(white[0] @ (x.T @ y / len(x)) @ white[1])
    matrices = [(white[0] @ left[:, :width] * shared[:width]).T,
                (white[1] @ right[:width].T * shared[:width]).T]
    return [(m, -m @ mean) for m, mean in zip(matrices, means)]


def rate(query, among):
    """-> share of queries with one of their class among the ten most alike of other clips, share of
    those ten, mean average precision"""
    (a, of_a, clip_a), (b, of_b, clip_b) = query, among
    alike = unit(a) @ unit(b).T
    others = clip_a[:, None] != clip_b[None]
    alike[~others] = -2
    order = np.argsort(-alike, 1, kind="stable")
    right = (of_b[order] == of_a[:, None]) & np.take_along_axis(others, order, 1)
    has_any = right.any(1)
    right = right[has_any]
    ranks = np.arange(1, right.shape[1] + 1)
    precision = (np.cumsum(right, 1) / ranks * right).sum(1) / right.sum(1)
    return right[:, :TOP].any(1).mean(), right[:, :TOP].mean(), precision.mean()


def tell(name, sound, picture, data):
    heard, seen = data[2], data[3]
    both = heard.any(0) & seen.any(0)
    sounds = events_of(sound, heard & both, data[4])
    pictures = events_of(picture, seen & both, data[4])
    cells = [rate(*pair) for pair in ((sounds, pictures), (pictures, sounds), (sounds, sounds),
                                      (pictures, pictures))]
    print(f"| {name} | " + " | ".join(" / ".join(f"{100 * v:.0f}" for v in c) for c in cells) + " |",
          flush=True)
    return int(both.sum()), len(sounds[0]), len(pictures[0])


def measure(maps, train, val):
    say = "recall at 10 / precision at 10 / mAP, per cent"
    print(f"| {say} | sound finds pictures | picture finds sounds | sound, sounds | picture, pictures |")
    print("|---|---|---|---|---|")
    chance = np.random.default_rng(1)
    rows = len(val[0])
    tell("chance", chance.normal(size=(rows, WIDTH)), chance.normal(size=(rows, WIDTH)), val)
    (a, c), (b, d) = correlate(train[0].astype(float), train[1].astype(float))
    tell("canonical correlation", val[0] @ a.T + c, val[1] @ b.T + d, val)
    counts = tell("**this space, in bytes**", *[in_bytes(x @ maps[name][0].T + maps[name][1])
                                               for x, name in zip(val, ("sound", "picture"))], val)
    print("\n%d classes that are heard and seen, %d sounds, %d pictures" % counts)


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("what", choices=("learn", "measure"))
    parser.add_argument("--train", nargs="+", required=True)
    parser.add_argument("--val", nargs="+", default=[])
    parser.add_argument("--cache", required=True)
    parser.add_argument("--models", required=True)
    parser.add_argument("--embedding")
    parser.add_argument("--head", default="weights/head.safetensors", help="whose classes")
    parser.add_argument("-o", "--out")
    args = parser.parse_args()
    if args.what == "learn" and not args.out:
        parser.error("learn wants -o FILE")
    if args.what == "measure" and not (args.embedding and args.val):
        parser.error("measure wants --embedding FILE and --val FOLDER...")
    classes = json.loads(graph.read(args.head)[1]["tyto.classes"])
    cache = clips.Cache(args.cache, args.models)
    train = seconds_of(args.train, classes, cache)
    if args.what == "learn":
        write(args.out, learn(train, lambda text: print(text, file=sys.stderr)), cache)
        return
    tensors = graph.read(args.embedding)[0]
    maps = {name: (np.asarray(tensors[f"{name}.weight"]), np.asarray(tensors[f"{name}.bias"]))
            for name in ("sound", "picture")}
    measure(maps, train, seconds_of(args.val, classes, cache))


if __name__ == "__main__":
    main()
