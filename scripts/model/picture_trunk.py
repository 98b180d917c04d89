#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Teaches the eye's last blocks the classes, together with the layers behind them.

  scripts/model/picture_trunk.py cut first half
  tyto features CLIPS/labels.csv --media CLIPS --cache CACHE --models first    (and again with half)
  scripts/model/picture_trunk.py teach --assets assets.csv --models first --half half --cache CACHE \\
      CLIPS... -o visual.safetensors

ImageNet's pictures are filled by what they show; here objects are small, cut off, and one of several. The
blocks from the coarse grid on are cheap, and what they read is small enough to be kept for every picture:
`cut` makes a folder of encoders whose eye ends there. `teach` first teaches class layers alone, as
picture_head.py does and says, then these and the blocks together, at half and at a fifth of that rate. The
finer layer beside them, and the components, stay as they were. What is printed of --val folders chooses
nothing."""
import argparse
import json
import os
import shutil

import torch

import clips
import graph
import learning
import picture_head

import encoder_file  # in scripts/ear, which graph.py made known

TRUNK_RATE, HEAD_RATE, BATCH = 2e-4, 5e-4, 32


def tail_of(text):
    """-> first and last + 1 of the layers on the coarse grid that the features' first part comes out of"""
    eye = graph.Longer(text, {})
    grid = eye.shape(eye.out())[:2]
    layers = eye.graph["layers"]
    first = next(number for number, layer in enumerate(layers)
                 if layer["op"] == "conv" and "act" not in layer and eye.shape(layer["out"])[:2] == grid)
    coarse = eye.inputs_of(eye.out())[0]
    last = next(number for number, layer in enumerate(layers) if layer["out"] == coarse)
    return first + 1, last + 1


def cut(whole, half):
    os.makedirs(half, exist_ok=True)
    tensors, meta = graph.read(os.path.join(whole, "visual.safetensors"))
    first, _ = tail_of(meta["tyto.graph"])
    for form in ("", "_tall"):
        text = json.loads(meta["tyto.graph" + form])
        text["layers"] = text["layers"][:first]
        text["out"] = text["layers"][-1]["out"]
        text["values"] = text["values"][:text["out"] + 1]
        meta["tyto.graph" + form] = json.dumps(text, **graph.COMPACT)
    tensors = {name: value for name, value in tensors.items() if int(name.split(".")[1]) < first}
    graph.write(os.path.join(half, "visual.safetensors"), tensors, meta)
    shutil.copy(os.path.join(whole, "audio.safetensors"), half)


class Trunk(torch.nn.Module):
    """(n, L, C) of the grid before the last blocks -> (n, L, C) behind them"""

    def __init__(self, path, shape):
        super().__init__()
        self.eye, self.shape = encoder_file.Encoder(path), shape
        self.first, self.last = tail_of(self.eye.meta["tyto.graph"])
        for name, parameter in self.eye.params.items():
            parameter.requires_grad_(self.first <= int(name[1:]) < self.last)

    def forward(self, x):
        x = x.unflatten(1, self.shape).permute(0, 3, 1, 2).contiguous(memory_format=torch.channels_last)
        values, _ = self.eye.run(x, False, self.first, self.last)
        return values[self.eye.layers[self.last - 1]["out"]].flatten(2).transpose(1, 2)

    def num(self):
        return self.eye.shapes[self.eye.layers[self.last - 1]["out"]][2]

    def put(self, longer):
        """The taught numbers into a graph's tensors"""
        for number in range(self.first, self.last):
            if f"w{number}" in self.eye.params:
                longer.replace(number, longer.graph["layers"][number]["op"],
                               self.eye.params[f"w{number}"].detach().numpy(),
                               self.eye.params[f"b{number}"].detach().numpy())


class Together(torch.nn.Module):
    """What the last blocks read (n, L, C), what the components have of the rest (n, L, BASIS)
    -> log-odds, boxes"""

    def __init__(self, trunk, net, factor):
        super().__init__()
        self.trunk, self.net = trunk, net
        self.register_buffer("factor", factor)

    def forward(self, before, rest):
        return self.net(self.trunk(before) @ self.factor + rest)


def learn(together, before, rest, shape, steps):
    there, known, seen, boxes = before[1:]
    optimizer = torch.optim.AdamW([
        {"params": [p for p in together.trunk.parameters() if p.requires_grad], "rate": TRUNK_RATE,
         "weight_decay": 0.01},
        {"params": together.net.parameters(), "rate": HEAD_RATE, "weight_decay": 0.1}])
    together.train()

    def loss_now():
        rows = torch.randint(0, len(seen), (BATCH,))
        places = [part[rows].float() for part in (before[0], rest, there, known, boxes)]
        if torch.rand(()) < 0.5:
            places = picture_head.mirrored(places, shape)
        x, beside, *truth = places
        return picture_head.loss_of(*together(x, beside),
                                    (truth[0], truth[1], seen[rows].float(), truth[2]))

    learning.descend(optimizer, steps, 60, loss_now)
    return together.eval()


def say_how_good(together, classes, before, rest):
    with torch.no_grad():
        odds = torch.cat([together(x.float(), y.float())[0].amax(1)
                          for x, y in zip(before[0].split(64), rest.split(64))])
    learning.say_precision("pictures", classes, odds.numpy(), before[3].numpy())


def teach(args):
    torch.manual_seed(args.seed)
    lesson = picture_head.Lesson(args)
    trunk = Trunk(os.path.join(args.models, "visual.safetensors"), lesson.shape)
    factor, shift = lesson.basis()
    rest_factor, _ = lesson.basis(trunk.num())
    half = clips.Cache(args.cache, args.half)
    share = args.pictures / lesson.seconds

    def whole_of(features):
        return (torch.tensor(features).float() @ factor + shift).half().numpy()

    def rest_of(features):
        return (torch.tensor(features[:, trunk.num():]).float() @ rest_factor + shift).half().numpy()

    net = picture_head.learn(lesson.drawn(args.folders, share, change=whole_of), lesson.shape)
    together = Together(trunk, net, factor[:trunk.num()])
    before = lesson.drawn(args.folders, share, half)
    together = learn(together, before, lesson.drawn(args.folders, share, change=rest_of)[0],
                     lesson.shape, args.steps)
    if args.val:
        say_how_good(together, lesson.classes, lesson.drawn(args.val, 0.3, half),
                     lesson.drawn(args.val, 0.3, change=rest_of)[0])
    lesson.write(net, trunk.put)


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    kinds = parser.add_subparsers(dest="kind", required=True)
    cutting = kinds.add_parser("cut", help="encoders whose eye ends before its last blocks")
    cutting.add_argument("whole")
    cutting.add_argument("half")
    teaching = kinds.add_parser("teach", parents=[picture_head.arguments(None, add_help=False)],
                                help="the last blocks and the class layers")
    teaching.add_argument("--half", required=True, help="what cut made")
    teaching.add_argument("--steps", type=int, default=1400, help="of blocks and layers together")
    args = parser.parse_args()
    if args.kind == "cut":
        cut(args.whole, args.half)
    else:
        teach(args)


if __name__ == "__main__":
    main()
