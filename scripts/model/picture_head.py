#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Teaches the eye the classes: log-odds of each at each place, and the highest of the picture.

  tyto features CLIPS/labels.csv --media CLIPS --cache CACHE --models MODELS
  scripts/model/picture_head.py --assets assets.csv --models MODELS --cache CACHE CLIPS... \\
      -o visual.safetensors

CLIPS are folders that tyto compose made; MODELS has the eye (scripts/model/encoders) that the cache
was filled by. A class is at a place that its object covers by half, or that holds a third of it; places
that it only touches say nothing of it. One linear layer on all that the eye gives at a place learns
from places with and without objects. The new eye gives at each place, in this order,

    [ log-odds of the classes | the highest of each in the picture | principal components | the
      detector's classes | share of the place that is picture ]

log-odds and highest divided by 3, components of what is standardised first, half whitened. The
highest are the same at every place: whatever the sound makes the fusion network look at, it
knows what else is there."""
import argparse
import os

import numpy as np
import torch

import clips
import graph
import learning

SCALE = 1 / 3
PLACES = 5
COVERED, HOLDS, TOUCHED = 0.5, 0.34, 0.02
DETECTOR = 24  # columns at the end: classes of the detector, and the share that is picture


def covers(box, width, height, rows, cols):
    """Shares of the places that a box covers, and of the box in them; letterboxed to rows x cols"""
    scale = min(cols / width, rows / height)
    left, right = ((cols - width * scale) / 2 + box[i] * width * scale for i in (0, 2))
    top, bottom = ((rows - height * scale) / 2 + box[i] * height * scale for i in (1, 3))
    across = np.clip(np.minimum(right, np.arange(cols) + 1) - np.maximum(left, np.arange(cols)), 0, 1)
    down = np.clip(np.minimum(bottom, np.arange(rows) + 1) - np.maximum(top, np.arange(rows)), 0, 1)
    area = (down[:, None] * across).ravel()
    return area, area / max(1e-6, (right - left) * (bottom - top))


def examples(folder, cache, classes, rng, size, shape):
    """Places of every second -> features, there, known"""
    found = [[], [], []]
    for scene in clips.scenes_of(folder):
        recording = os.path.join(folder, scene["file"])
        if not os.path.exists(cache.path(recording)):
            continue
        _, pictures, flags = cache.read(recording)
        for second in np.flatnonzero(flags & 2):
            there = np.zeros((shape[0] * shape[1], len(classes)), np.uint8)
            known = np.ones_like(there)
            touched = np.zeros(len(there), bool)
            for thing in scene["objects"]:
                box = clips.box_at(thing, second + 0.5)
                if box is None or thing["class"] not in classes:
                    continue
                area, share = covers(box, *size, *shape)
                at = classes.index(thing["class"])
                inside = (area > COVERED) | (share > HOLDS)
                known[(area > TOUCHED) & ~inside, at] = 0
                there[inside, at] = 1
                touched |= area > TOUCHED
            places = np.concatenate([rng.permutation(np.flatnonzero(touched))[:PLACES],
                                     rng.permutation(np.flatnonzero(~touched))[:PLACES]])
            for to, value in zip(found, (pictures[second], there, known)):
                to.append(np.array(value[places]))
    return [torch.from_numpy(np.concatenate(parts)) for parts in found]


def learn(features, there, known, mean, scale):
    net = torch.nn.Sequential(torch.nn.Dropout(0.5),
                              torch.nn.Linear(features.shape[1], there.shape[1]))
    torch.nn.init.constant_(net[1].bias, -4)
    learning.learn(net, (features, there, known), (mean, scale), epochs=4, batch=1024, rate=1e-3,
                   decay=0.1)
    return net[1].weight.detach().double() / scale, net[1].bias.detach().double()


def components(features, num):
    """Of standardised features -> weight, bias, share of the variance"""
    values, vectors = torch.linalg.eigh(features.T @ features / len(features))
    values, vectors = values[-num:].flip(0), vectors[:, -num:].flip(1)
    weight = (vectors * values ** -0.5 * (values / values[0]) ** 0.25).T
    return weight, (values.sum() / features.square().sum(1).mean()).item()


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--assets", required=True)
    parser.add_argument("--models", required=True)
    parser.add_argument("--cache", required=True)
    parser.add_argument("--size", default="480x270", help="of the clips' pictures")
    parser.add_argument("--components", type=int, default=96)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("folders", nargs="+")
    parser.add_argument("-o", "--out", required=True)
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    rng = np.random.default_rng(args.seed)
    size = tuple(int(part) for part in args.size.split("x"))
    classes = clips.classes_of(args.assets, "image")
    eye = os.path.join(args.models, "visual.safetensors")
    tensors, meta = graph.read(eye)
    rows, cols, _ = graph.Longer(meta["tyto.graph"], {}).shape(
        graph.Longer(meta["tyto.graph"], {}).out())
    cache = clips.Cache(args.cache, args.models)
    parts = [examples(folder, cache, classes, rng, size, (rows, cols)) for folder in args.folders]
    features, there, known = (torch.cat(group) for group in zip(*parts))
    some = features[torch.randperm(len(features))[:30000]].float()
    mean, scale = some.mean(0), some.std(0) + 0.05
    weight, bias = learn(features, there, known, mean, scale)
    bias = bias - weight @ mean.double()
    parts, kept = components((some - mean).double() / scale, args.components)
    parts = parts / scale
    print(f"{len(features)} places; {args.components} components keep {kept:.3f} of the variance")

    num = len(classes)
    for key in ("tyto.graph", "tyto.graph_tall"):
        longer = graph.Longer(meta[key], tensors)
        old = longer.out()
        height, width, _ = longer.shape(old)
        point = {"kernel": [1, 1], "stride": [1, 1], "pad": [0, 0, 0, 0]}
        odds = longer.add("conv", [old], (height, width, num), (SCALE * weight).numpy(),
                          (SCALE * bias).numpy(), **point)
        highest = longer.add("max_pool", [odds], (1, 1, num), kernel=[height, width],
                             stride=[height, width], pad=[0, 0, 0, 0])
        spread = longer.add("resize", [highest], (height, width, num), resize="nearest")
        basis = longer.add("conv", [old], (height, width, args.components), parts.numpy(),
                           -(parts @ mean.double()).numpy(), **point)
        meta[key] = longer.end(longer.add(
            "concat", [odds, spread, basis, *longer.inputs_of(old)[2:]],
            (height, width, 2 * num + args.components + DETECTOR)))
    for key in ("tyto.detector", "tyto.detector_tall"):
        detector = graph.json.loads(meta[key])
        detector["first_column"] = 2 * num + args.components
        meta[key] = graph.json.dumps(detector, **graph.COMPACT)
    graph.write(args.out, tensors, meta)


if __name__ == "__main__":
    main()
