#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Where the sound and the picture of an event lie among others: one linear map for each, into one
space of 64 numbers, learnt so that what has a class in common lies in the same direction.

  embedding.py learn --train FOLDER... --cache DIR --models DIR -o weights/embedding.safetensors
  embedding.py measure --embedding FILE --train FOLDER... --val FOLDER... --cache DIR --models DIR

FOLDERs are composed clips (`tyto compose`), --cache their features (`tyto features`) by the encoders
in --models. learn: canonical correlation of three views of a second, its sound, its picture and the names
of what is there. measure: recall and
precision among the ten most alike, by class, of the events of --val: chance, canonical correlation
of the training seconds without names, and the file's space as the daemon has it, in signed bytes.

Needs python3-torch (to read encoders).
"""
import argparse
import json
import os

import numpy as np

import clips
import graph

WIDTH, TOP = 64, 10


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

def whitening(rows, ridge=0.01):
    """The square root of the inverse of the covariance of centred rows (n, C) -> (C, C)"""
    cov = rows.T @ rows / len(rows)
    values, vectors = np.linalg.eigh(cov + ridge * np.trace(cov) / len(cov) * np.eye(len(cov)))
    return vectors / np.sqrt(values) @ vectors.T


def learn(data):
    """Canonical correlation of three views (Kettenring 1971, MAXVAR): sound, picture, and which classes
    are there. A direction weighs as much as it is shared -> {"sound": (W, b), "picture": (W, b)} on
    features as they are"""
    views = [data[0].astype(float), data[1].astype(float), (data[2] | data[3]).astype(float)]
    means = [rows.mean(0) for rows in views]
    white = [whitening(rows - mean) for rows, mean in zip(views, means)]
    together = np.concatenate([(rows - mean) @ w for rows, mean, w in zip(views, means, white)], 1)
    values, vectors = np.linalg.eigh(together.T @ together / len(together))
    shared = np.maximum(values[::-1][:WIDTH] - 1, 0)  # of a direction that one view has alone: 0
    parts = np.split(vectors[:, ::-1][:, :WIDTH], np.cumsum([rows.shape[1] for rows in views])[:2])
    matrices = [(w @ part * shared).T for w, part in zip(white, parts)]
    return {name: (matrix.astype(np.float32), (-matrix @ mean).astype(np.float32))
            for name, matrix, mean in zip(("sound", "picture"), matrices, means)}


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


def correlate(x, y):
    """Canonical correlation of two -> (W, b) of x and of y, the directions weighted by how much they
    share"""
    means = x.mean(0), y.mean(0)
    x, y = x - means[0], y - means[1]
    white = whitening(x), whitening(y)
    left, shared, right = np.linalg.svd(white[0] @ (x.T @ y / len(x)) @ white[1])
    matrices = [(white[0] @ left[:, :WIDTH] * shared[:WIDTH]).T,
                (white[1] @ right[:WIDTH].T * shared[:WIDTH]).T]
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
        write(args.out, learn(train), cache)
        return
    tensors = graph.read(args.embedding)[0]
    maps = {name: (np.asarray(tensors[f"{name}.weight"]), np.asarray(tensors[f"{name}.bias"]))
            for name in ("sound", "picture")}
    measure(maps, train, seconds_of(args.val, classes, cache))


if __name__ == "__main__":
    main()
