#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Teaches the eye the classes: log-odds of each at each place, and the highest of the picture.

  tyto features CLIPS/labels.csv --media CLIPS --cache CACHE --models MODELS
  scripts/model/picture_head.py --assets assets.csv --models MODELS --cache CACHE CLIPS... \\
      -o visual.safetensors

CLIPS are folders that tyto compose made; MODELS has the eye (scripts/model/encoders) that the cache
was filled by. A class is at a place that its object covers by half, or that holds a third of it; places
that it only touches say nothing of it. On principal components of all that the eye gives at a place
there are a linear layer and a small network that looks at the places around, too. They learn what is at
each place and, by the highest log-odds of the picture, what is in the picture: what counts in the end, and
what places without objects must not spoil. Pictures are mirrored at random. The new eye gives at each place,
in this order,

    [ log-odds of the classes | the highest of each in the picture | principal components | the
      detector's classes | share of the place that is picture ]

log-odds and highest divided by 3, components of what is standardised first, half whitened. The
highest are the same at every place: whatever the sound makes the fusion network look at, it
knows what else is there. What is printed of --val folders chooses nothing."""
import argparse
import os

import numpy as np
import torch

import clips
import graph
import learning

SCALE = 1 / 3
BASIS, INNER, DROPPED = 512, 192, 0.3
PICTURE = 0.3  # weight of what is in the picture, beside what is at its places
RATE, BATCH, EPOCHS = 1e-3, 32, 4
SAMPLE = 700  # pictures that the components are of
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


def truth_of(scene, at_s, classes, size, shape):
    """-> which classes are at each place (L, N), of which that is known (L, N), which are there at
    all (N)"""
    there = np.zeros((shape[0] * shape[1], len(classes)), bool)
    known = np.ones_like(there)
    seen = np.zeros(len(classes), bool)
    for thing in scene["objects"]:
        box = clips.box_at(thing, at_s)
        if box is None or thing["class"] not in classes:
            continue
        area, share = covers(box, *size, *shape)
        at = classes.index(thing["class"])
        inside = (area > COVERED) | (share > HOLDS)
        known[(area > TOUCHED) & ~inside, at] = 0
        there[inside, at] = True
        seen[at] = True
    return there, known, seen


def drawn(folders, cache, classes, size, shape, share, rng, change=lambda x: x):
    """That share of the seconds of all clips, at random, with a picture -> features (n, L, C), which
    classes are there (n, L, N), of which that is known (n, L, N), which are in the picture (n, N).
    change is done to each picture's features at once, so that memory holds no more than it must."""
    found = [[], [], [], []]
    for folder in folders:
        for scene in clips.scenes_of(folder):
            recording = os.path.join(folder, scene["file"])
            if not os.path.exists(cache.path(recording)):
                continue
            _, pictures, flags = cache.read(recording)
            seconds = np.flatnonzero(flags & 2)
            for second in seconds[rng.random(len(seconds)) < share]:
                truth = truth_of(scene, second + 0.5, classes, size, shape)
                for to, value in zip(found, (change(pictures[second]), *truth)):
                    to.append(np.array(value))
    return [torch.from_numpy(np.stack(part)) for part in found]


class Head(torch.nn.Module):
    """(n, L, BASIS) -> log-odds (n, L, classes)"""

    def __init__(self, num, shape):
        super().__init__()
        self.shape = shape
        self.straight = torch.nn.Linear(BASIS, num)
        torch.nn.init.constant_(self.straight.bias, -4)
        self.inner = torch.nn.Linear(BASIS, INNER)
        self.around = torch.nn.Conv2d(INNER, num, 3, padding=1)

    def forward(self, x):
        x = torch.nn.functional.dropout(x, DROPPED, self.training)
        inner = torch.nn.functional.dropout(torch.relu(self.inner(x)), DROPPED, self.training)
        around = self.around(inner.unflatten(1, self.shape).permute(0, 3, 1, 2))
        return self.straight(x) + around.flatten(2).transpose(1, 2)


def learn(pictures, shape):
    features, there, known, seen = pictures
    net = Head(seen.shape[1], shape)
    optimizer = torch.optim.AdamW(net.parameters(), lr=RATE, weight_decay=0.1)
    binary = torch.nn.functional.binary_cross_entropy_with_logits
    steps = EPOCHS * len(features) // BATCH
    for step in range(steps):
        optimizer.param_groups[0]["lr"] = RATE * learning.rate_share(step, steps, 100)
        rows = torch.randint(0, len(features), (BATCH,))
        places = [part[rows].float() for part in (features, there, known)]
        if torch.rand(()) < 0.5:
            places = [part.unflatten(1, shape).flip(2).flatten(1, 2) for part in places]
        odds = net(places[0])
        loss = (binary(odds, places[1], reduction="none") * places[2]).sum(2).mean()
        loss = loss + PICTURE * binary(odds.amax(1), seen[rows].float(), reduction="none").sum(1).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        learning.progress(step + 1, steps, "steps")
    return net.eval()


def components(features, num):
    """Half whitened principal components of (n, C), each standardised first -> weight (num, C), bias"""
    mean, scale = features.mean(0), features.std(0) + 0.05
    features = ((features - mean) / scale).double()
    values, vectors = torch.linalg.eigh(features.T @ features / len(features))
    values, vectors = values[-num:].flip(0), vectors[:, -num:].flip(1)
    print(f"{num} components keep {values.sum() / features.square().sum(1).mean():.3f} of the variance")
    weight = (vectors * values ** -0.5 * (values / values[0]) ** 0.25).T / scale
    return weight, -weight @ mean.double()


def lengthened(longer, net, weight, bias, num_components):
    """The graph's text with the class layers behind it"""
    num, old = len(net.straight.bias), longer.out()
    height, width, _ = longer.shape(old)
    one = {"kernel": [1, 1], "stride": [1, 1], "pad": [0, 0, 0, 0]}

    def of_basis(layer, factor=1):
        own = layer.weight.detach().double()
        return (factor * own @ weight).numpy(), \
            (factor * (own @ bias + layer.bias.detach().double())).numpy()

    straight = longer.add("conv", [old], (height, width, num), *of_basis(net.straight, SCALE), **one)
    inner = longer.add("conv", [old], (height, width, INNER), *of_basis(net.inner), **one, act="relu")
    around = longer.add("conv", [inner], (height, width, num),
                        SCALE * net.around.weight.detach().permute(0, 2, 3, 1).numpy(),
                        SCALE * net.around.bias.detach().numpy(),
                        kernel=[3, 3], stride=[1, 1], pad=[1, 1, 1, 1])
    odds = longer.add("add", [straight, around], (height, width, num))
    highest = longer.add("max_pool", [odds], (1, 1, num), kernel=[height, width],
                         stride=[height, width], pad=[0, 0, 0, 0])
    spread = longer.add("resize", [highest], (height, width, num), resize="nearest")
    basis = longer.add("conv", [old], (height, width, num_components),
                       weight[:num_components].numpy(), bias[:num_components].numpy(), **one)
    return longer.end(longer.add("concat", [odds, spread, basis, *longer.inputs_of(old)[2:]],
                                 (height, width, 2 * num + num_components + DETECTOR)))


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--assets", required=True)
    parser.add_argument("--models", required=True)
    parser.add_argument("--cache", required=True)
    parser.add_argument("--size", default="480x270", help="of the clips' pictures")
    parser.add_argument("--pictures", type=int, default=27_000, help="at random out of all clips")
    parser.add_argument("--components", type=int, default=96)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--val", action="append", default=[], metavar="CLIPS")
    parser.add_argument("folders", nargs="+")
    parser.add_argument("-o", "--out", required=True)
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    rng = np.random.default_rng(args.seed)
    size = tuple(int(part) for part in args.size.split("x"))
    classes = clips.classes_of(args.assets, "image")
    tensors, meta = graph.read(os.path.join(args.models, "visual.safetensors"))
    whole = graph.Longer(meta["tyto.graph"], {})
    shape = tuple(whole.shape(whole.out())[:2])
    cache = clips.Cache(args.cache, args.models)
    seconds = sum(scene["seconds"] for folder in args.folders for scene in clips.scenes_of(folder))
    sample = drawn(args.folders, cache, classes, size, shape, SAMPLE / seconds, rng)[0]
    weight, bias = components(sample.flatten(0, 1).float(), BASIS)
    spread = (sample.double() @ weight.T + bias).std()
    factor, shift = (weight.T / spread).float(), (bias / spread).float()

    def change(features):
        """Components, of the deviation that layers like, in halves"""
        return (torch.tensor(features).float() @ factor + shift).half().numpy()

    net = learn(drawn(args.folders, cache, classes, size, shape, args.pictures / seconds, rng, change),
                shape)
    if args.val:
        features, _, _, seen = drawn(args.val, cache, classes, size, shape, 0.3, rng, change)
        with torch.no_grad():
            odds = torch.cat([net(part.float()).amax(1) for part in features.split(64)])
        learning.say_precision("pictures", classes, odds.numpy(), seen.numpy())
    net.straight.weight.data /= spread
    net.inner.weight.data /= spread
    for key in ("tyto.graph", "tyto.graph_tall"):
        meta[key] = lengthened(graph.Longer(meta[key], tensors), net, weight, bias, args.components)
    for key in ("tyto.detector", "tyto.detector_tall"):
        detector = graph.json.loads(meta[key])
        detector["first_column"] = 2 * len(classes) + args.components
        meta[key] = graph.json.dumps(detector, **graph.COMPACT)
    graph.write(args.out, tensors, meta)


if __name__ == "__main__":
    main()
