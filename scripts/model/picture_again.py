#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Corrects what an eye that knows the classes says of them, by truth that it was not taught with.

  scripts/model/picture_again.py --assets assets.csv --shown shown.csv --models MODELS --cache CACHE CLIPS... \\
      -o visual.safetensors

picture_head.py and picture_trunk.py teach from features that no longer exist once the eye is made. What the
eye gives is kept, though, and its components know more than its log-odds say: where backgrounds with cars
and people had counted as empty (without --shown), the log-odds had learnt to keep silent. Here a linear
map of the components is learnt that is added to the log-odds of each place, by the same loss; boxes stay. Both
are linear in the same layer, so that the map goes into its weights and costs nothing. What is printed of
--val folders chooses nothing."""
import argparse

import torch

import graph
import learning
import picture_head

RATE, BATCH, DECAY = 3e-3, 128, 0.02


class Corrected(torch.nn.Module):
    """What the eye gives (n, L, C) -> log-odds (n, L, classes)"""

    def __init__(self, num, num_components):
        super().__init__()
        self.num, self.map = num, torch.nn.Linear(num_components, num)
        torch.nn.init.zeros_(self.map.weight)
        torch.nn.init.zeros_(self.map.bias)

    def forward(self, x):
        begin = 2 * self.num
        return x[:, :, :self.num] / picture_head.SCALE + \
            self.map(x[:, :, begin:begin + self.map.in_features])


def learn(net, pictures, steps):
    optimizer = torch.optim.AdamW(net.parameters(), lr=RATE, weight_decay=DECAY)

    def loss_of():
        rows = torch.randint(0, len(pictures[0]), (BATCH,))
        x, *truth = (part[rows].float() for part in pictures[:4])
        return picture_head.class_loss_of(net(x), *truth)

    learning.descend(optimizer, steps, 50, loss_of)


def say_how_good(net, classes, pictures):
    with torch.no_grad():
        odds = torch.cat([net(part.float()).amax(1) for part in pictures[0].split(256)])
    learning.say_precision("pictures", classes, odds.numpy(), pictures[3].numpy())


def fold(net, text, tensors):
    """The map into the layer that the log-odds come straight out of; `tensors` is changed"""
    layers = graph.json.loads(text)["layers"]
    by_out = {layer["out"]: number for number, layer in enumerate(layers)}
    features = layers[-1]["in"]  # log-odds, highest, components, share
    straight = by_out[layers[by_out[features[0]]]["in"][0]]
    basis = by_out[features[2]]
    weight, bias = (tensors[f"layer.{basis:03d}.{part}"].astype(float) for part in ("weight", "bias"))
    factor = picture_head.SCALE * net.map.weight.detach().double().numpy()
    add = {"weight": factor @ weight.reshape(len(bias), -1),
           "bias": factor @ bias + picture_head.SCALE * net.map.bias.detach().double().numpy()}
    for part, more in add.items():
        old = tensors[f"layer.{straight:03d}.{part}"]
        tensors[f"layer.{straight:03d}.{part}"] = (old.astype(float) + more.reshape(old.shape)).astype(old.dtype)


def main():
    parser = argparse.ArgumentParser(parents=[picture_head.arguments(None, add_help=False)],
                                     description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=1000)
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    lesson = picture_head.Lesson(args, with_basis=False)
    net = Corrected(len(lesson.classes), args.components)
    val = lesson.drawn(args.val, 1) if args.val else None
    if val:
        say_how_good(net, lesson.classes, val)
    learn(net, lesson.drawn(args.folders, args.pictures / lesson.seconds), args.steps)
    if val:
        say_how_good(net, lesson.classes, val)
    fold(net, lesson.meta["tyto.graph"], lesson.tensors)
    graph.write(args.out, lesson.tensors, lesson.meta)


if __name__ == "__main__":
    main()
