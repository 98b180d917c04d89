#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Teaches the eye the classes: log-odds of each at each place, the highest of the picture, and boxes.

  tyto features CLIPS/labels.csv --media CLIPS --cache CACHE --models MODELS
  scripts/model/picture_head.py --assets assets.csv --models MODELS --cache CACHE CLIPS... \\
      -o visual.safetensors

CLIPS are folders that tyto compose made; MODELS has the eye (scripts/model/encoders) that the cache
was filled by. A class is at a place that its object covers by half, or that holds a third of it; places
that it only touches say nothing of it. On principal components of all that the eye gives at a place
there are a linear layer and a small network that looks at the places around, too. They learn what is at
each place and, by the highest log-odds of the picture, what is in the picture: what counts in the end, and
what places without objects must not spoil. A second small network says at each place of an object where
that object begins and ends. Pictures are mirrored at random. The new eye gives at each place, in this order,

    [ log-odds of the classes | the highest of each in the picture | principal components | share of
      the place that is picture ]

log-odds and highest divided by 3, components of what is standardised first, half whitened. The
highest are the same at every place: whatever the sound makes the fusion network look at, it
knows what else is there. Log-odds and boxes together are a detector of the classes, with one anchor a
place. What is printed of --val folders chooses nothing."""
import argparse
import os

import numpy as np
import torch

import clips
import graph
import learning

SCALE = 1 / 3
BASIS, INNER, DROPPED = 512, 192, 0.3
PICTURE, BOXES = 0.3, 1.0  # weights of what is in the picture and of boxes, beside what is at its places
BOX_INNER = 192
ANCHOR = 3.5  # sides of a place: what an anchor measures
RATE, BATCH, EPOCHS = 1e-3, 32, 4
SAMPLE = 700  # pictures that the components are of
COVERED, HOLDS, TOUCHED = 0.5, 0.34, 0.02


def letterboxed(box, width, height, rows, cols):
    """left, top, right, bottom of a box in shares of the picture, in places"""
    scale = min(cols / width, rows / height)
    left, right = ((cols - width * scale) / 2 + box[i] * width * scale for i in (0, 2))
    top, bottom = ((rows - height * scale) / 2 + box[i] * height * scale for i in (1, 3))
    return left, top, right, bottom


def covers(box, rows, cols):
    """Shares of the places that a box (in places) covers, and of the box in them"""
    left, top, right, bottom = box
    across = np.clip(np.minimum(right, np.arange(cols) + 1) - np.maximum(left, np.arange(cols)), 0, 1)
    down = np.clip(np.minimum(bottom, np.arange(rows) + 1) - np.maximum(top, np.arange(rows)), 0, 1)
    area = (down[:, None] * across).ravel()
    return area, area / max(1e-6, (right - left) * (bottom - top))


def truth_of(scene, at_s, classes, size, shape, shown):
    """shown: of clips.shown_in()
    -> which classes are at each place (L, N), of which that is known (L, N), which are there at all (N),
    the box of what is there most (L, 4) as its anchor sees it; NaN: nothing"""
    there = np.zeros((shape[0] * shape[1], len(classes)), bool)
    known = np.ones_like(there)
    seen = np.zeros(len(classes), bool)
    boxes = np.full((shape[0] * shape[1], 4), np.nan, np.float16)
    most = np.zeros(shape[0] * shape[1])
    for thing in scene["objects"]:
        box = clips.box_at(thing, at_s)
        if box is None or thing["class"] not in classes:
            continue
        box = letterboxed(box, *size, *shape)
        area, share = covers(box, *shape)
        at = classes.index(thing["class"])
        inside = (area > COVERED) | (share > HOLDS)
        known[(area > TOUCHED) & ~inside, at] = 0
        there[inside, at] = True
        seen[at] = True
        mine = inside & (area > most)
        boxes[mine] = anchored(box, *shape)[mine]
        most[mine] = area[mine]
    for name, begin, end in clips.shown_times(scene, shown):
        if begin <= at_s <= end and name in classes:  # it is in the picture, nobody knows where
            at = classes.index(name)
            known[~there[:, at], at] = 0
            seen[at] = True
    return there, known, seen, boxes


def anchored(box, rows, cols):
    """A box (in places) as each place's anchor sees it: (L, 4) offset of its centre down and right in
    sides of the anchor, logarithm of its height and width in the same"""
    left, top, right, bottom = box
    down, across = np.divmod(np.arange(rows * cols), cols)
    sides = np.log(np.maximum(0.1, [bottom - top, right - left]) / ANCHOR)
    return np.stack([((top + bottom) / 2 - down - 0.5) / ANCHOR, ((left + right) / 2 - across - 0.5) / ANCHOR,
                     np.full(rows * cols, sides[0]), np.full(rows * cols, sides[1])], 1)


def drawn(folders, cache, classes, size, shape, share, rng, shown, change=lambda x: x):
    """That share of the seconds of all clips, at random, with a picture -> features (n, L, C), which
    classes are there (n, L, N), of which that is known (n, L, N), which are in the picture (n, N),
    boxes (n, L, 4).
    change is done to each picture's features at once, so that memory holds no more than it must."""
    found = [[], [], [], [], []]
    for folder in folders:
        for scene in clips.scenes_of(folder):
            recording = os.path.join(folder, scene["file"])
            if not os.path.exists(cache.path(recording)):
                continue
            _, pictures, flags = cache.read(recording)
            seconds = np.flatnonzero(flags & 2)
            for second in seconds[rng.random(len(seconds)) < share]:
                truth = truth_of(scene, second + 0.5, classes, size, shape, shown)
                for to, value in zip(found, (change(pictures[second]), *truth)):
                    to.append(np.array(value))
    return [torch.from_numpy(np.stack(part)) for part in found]


class Head(torch.nn.Module):
    """(n, L, BASIS) -> log-odds (n, L, classes), boxes (n, L, 4)"""

    def __init__(self, num, shape):
        super().__init__()
        self.shape = shape
        self.straight = torch.nn.Linear(BASIS, num)
        torch.nn.init.constant_(self.straight.bias, -4)
        self.inner = torch.nn.Linear(BASIS, INNER)
        self.around = torch.nn.Conv2d(INNER, num, 3, padding=1)
        self.box_inner = torch.nn.Linear(BASIS, BOX_INNER)
        self.box = torch.nn.Conv2d(BOX_INNER, 4, 3, padding=1)

    def looked_around(self, layer, x):
        return layer(x.unflatten(1, self.shape).permute(0, 3, 1, 2)).flatten(2).transpose(1, 2)

    def forward(self, x):
        boxes = self.looked_around(self.box, torch.relu(self.box_inner(x)))
        x = torch.nn.functional.dropout(x, DROPPED, self.training)
        inner = torch.nn.functional.dropout(torch.relu(self.inner(x)), DROPPED, self.training)
        return self.straight(x) + self.looked_around(self.around, inner), boxes


def shared_part(one, two):
    """Intersection over union of boxes (n, 4) as one anchor sees them"""
    low, high = (torch.stack([part[:, :2] - part[:, 2:].exp() / 2, part[:, :2] + part[:, 2:].exp() / 2])
                 for part in (one, two))
    shared = (torch.minimum(low[1], high[1]) - torch.maximum(low[0], high[0])).clamp(min=0).prod(1)
    return shared / ((low[1] - low[0]).prod(1) + (high[1] - high[0]).prod(1) - shared)


def mirrored(places, shape):
    """(n, L, ...) each, left and right exchanged; the last are boxes"""
    places = [part.unflatten(1, shape).flip(2).flatten(1, 2) for part in places]
    places[-1][:, :, 1] *= -1
    return places


def class_loss_of(odds, there, known, seen):
    """What is at each place, what is in the picture"""
    binary = torch.nn.functional.binary_cross_entropy_with_logits
    return (binary(odds, there, reduction="none") * known).sum(2).mean() + \
        PICTURE * binary(odds.amax(1), seen, reduction="none").sum(1).mean()


def loss_of(odds, found, truth):
    """The same, and where it begins and ends"""
    there, known, seen, boxes = truth
    loss = class_loss_of(odds, there, known, seen)
    has_box = boxes[:, :, 0].isfinite()
    found, wanted = found[has_box], boxes[has_box]
    return loss + BOXES * has_box.float().mean() * (
        torch.nn.functional.smooth_l1_loss(found, wanted, beta=0.1) +
        1 - shared_part(found.clamp(-4, 4), wanted).mean())


def learn(pictures, shape):
    features, there, known, seen, boxes = pictures
    net = Head(seen.shape[1], shape)
    optimizer = torch.optim.AdamW(net.parameters(), lr=RATE, weight_decay=0.1)
    steps = EPOCHS * len(features) // BATCH

    def loss_now():
        rows = torch.randint(0, len(features), (BATCH,))
        places = [part[rows].float() for part in (features, there, known, boxes)]
        if torch.rand(()) < 0.5:
            places = mirrored(places, shape)
        x, *truth = places
        return loss_of(*net(x), (truth[0], truth[1], seen[rows].float(), truth[2]))

    learning.descend(optimizer, steps, 100, loss_now)
    return net.eval()


def say_how_good(net, classes, pictures):
    """Classes by the highest of the picture; boxes where the class that is there is the highest."""
    features, there, _, seen, boxes = pictures
    with torch.no_grad():
        parts = [net(part.float()) for part in features.split(64)]
    odds, found = (torch.cat(part) for part in zip(*parts))
    learning.say_precision("pictures", classes, odds.amax(1).numpy(), seen.numpy())
    best = odds.amax(2).argmax(1)
    rows = torch.arange(len(best))
    right = there[rows, best].gather(1, odds[rows, best].argmax(1, True))[:, 0].bool()
    shared = shared_part(found[rows, best][right], boxes[rows, best][right].float())
    print(f"boxes of {int(right.sum())} pictures' highest place: intersection over union "
          f"{shared.median():.2f} (median), over 0.5 in {(shared > 0.5).float().mean():.0%}")


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
    scores = longer.add("conv", [odds], (height, width, num), np.eye(num) / SCALE, np.zeros(num), **one)
    box_inner = longer.add("conv", [old], (height, width, BOX_INNER), *of_basis(net.box_inner), **one,
                           act="relu")
    boxes = longer.add("conv", [box_inner], (height, width, 4),
                       net.box.weight.detach().permute(0, 2, 3, 1).numpy(), net.box.bias.detach().numpy(),
                       kernel=[3, 3], stride=[1, 1], pad=[1, 1, 1, 1])
    scores, boxes = (longer.add("stack", [value], (height * width, 1, longer.shape(value)[2]))
                     for value in (scores, boxes))
    features = longer.add("concat", [odds, spread, basis, longer.inputs_of(old)[-1]],
                          (height, width, 2 * num + num_components + 1))
    return longer.end(features, scores, boxes)


def detector_of(longer, classes):
    """The text that says what the graph's scores and boxes are"""
    height, width, _ = longer.shape(longer.out())
    side = ANCHOR * longer.shape(0)[0] / height
    return graph.json.dumps({
        "names": classes, "levels": [{"rows": height, "cols": width, "anchors": [[side, side]]}],
        "centre_scale": 1, "size_scale": 1}, **graph.COMPACT)


def arguments(description, **more):
    parser = argparse.ArgumentParser(description=description, **more,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--assets", required=True)
    parser.add_argument("--shown", help="what shown.py wrote: what backgrounds show is not absent")
    parser.add_argument("--models", required=True)
    parser.add_argument("--cache", required=True)
    parser.add_argument("--size", default="480x270", help="of the clips' pictures")
    parser.add_argument("--pictures", type=int, default=27_000, help="at random out of all clips")
    parser.add_argument("--components", type=int, default=96)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--val", action="append", default=[], metavar="CLIPS")
    parser.add_argument("folders", nargs="+")
    parser.add_argument("-o", "--out", required=True)
    return parser


class Lesson:
    """What is to be learnt, out of what is asked for."""

    def __init__(self, args, with_basis=True):
        self.args = args
        self.size = tuple(int(part) for part in args.size.split("x"))
        self.classes = clips.classes_of(args.assets, "image")
        self.shown = clips.shown_in(args.shown) if args.shown else {}
        self.tensors, self.meta = graph.read(os.path.join(args.models, "visual.safetensors"))
        whole = graph.Longer(self.meta["tyto.graph"], {})
        self.shape = tuple(whole.shape(whole.out())[:2])
        self.cache = clips.Cache(args.cache, args.models)
        self.seconds = sum(scene["seconds"] for folder in args.folders
                           for scene in clips.scenes_of(folder))
        if with_basis:
            sample = self.drawn(args.folders, SAMPLE / self.seconds)[0]
            self.weight, self.bias = components(sample.flatten(0, 1).float(), BASIS)
            self.spread = (sample.double() @ self.weight.T + self.bias).std()

    def drawn(self, folders, share, cache=None, change=lambda x: x):
        """The same seconds each time, where the caches have the same recordings"""
        return drawn(folders, cache or self.cache, self.classes, self.size, self.shape, share,
                     np.random.default_rng(self.args.seed), self.shown, change)

    def basis(self, first=0):
        """Components, of the deviation that layers like, of the features from `first` on
        -> weight (C, BASIS), bias"""
        return (self.weight.T[first:] / self.spread).float(), (self.bias / self.spread).float()

    def write(self, net, more=lambda longer: None):
        """The eye with these class layers; `more` may change the layers before them."""
        for layer in (net.straight, net.inner, net.box_inner):
            layer.weight.data /= self.spread
        for form in ("", "_tall"):
            longer = graph.Longer(self.meta["tyto.graph" + form], self.tensors)
            more(longer)
            self.meta["tyto.graph" + form] = lengthened(longer, net, self.weight, self.bias,
                                                        self.args.components)
            self.meta["tyto.detector" + form] = detector_of(longer, self.classes)
        graph.write(self.args.out, self.tensors, self.meta)


def main():
    args = arguments(__doc__).parse_args()
    torch.manual_seed(args.seed)
    lesson = Lesson(args)
    factor, shift = lesson.basis()

    def change(features):
        return (torch.tensor(features).float() @ factor + shift).half().numpy()

    net = learn(lesson.drawn(args.folders, args.pictures / lesson.seconds, change=change), lesson.shape)
    if args.val:
        say_how_good(net, lesson.classes, lesson.drawn(args.val, 0.3, change=change))
    lesson.write(net)


if __name__ == "__main__":
    main()
