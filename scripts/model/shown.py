#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What pictures show besides what they stand for: a street as background has cars, a horse a rider.

  scripts/model/shown.py assets.csv --detector yolox_nano.onnx --out shown.csv

Composed clips would teach, and count as false, that no car is there. The detector is YOLOX-nano (Megvii,
Apache-2.0, learnt on COCO), an ONNX file without post-processing; python3-onnx reads it, torch runs it.
Writes a row (path,class,score) for every class that scores at least --least anywhere in the picture; of
car, truck and bus, which it takes for each other, only the surest, and none beside one of them as what the
picture stands for; the same of animals. labels.py adds them to the labels."""
import argparse
import csv
import sys

import numpy as np
import onnx
import torch
import torch.nn.functional as F
from onnx import numpy_helper
from PIL import Image

import clips
import learning

COCO = 80  # classes
SIDE, STEP, GREY = 416, 32, 114  # of its input: longest side, what sides are multiples of, what is around
NAMES = {0: "person", 1: "bicycle", 2: "car", 3: "motorcycle", 4: "airplane", 5: "bus", 6: "train",
         7: "truck", 8: "boat", 14: "bird", 15: "cat", 16: "dog", 17: "horse", 18: "sheep", 19: "cow"}
ALIKE = ({"car", "truck", "bus"},
         {"bird", "cat", "dog", "horse", "sheep", "cow", "lion", "monkey", "frog", "chicken"})


def attributes(node):
    return {found.name: onnx.helper.get_attribute_value(found) for found in node.attribute}


def cut(value, begins, ends, axes, steps):
    for begin, end, axis, step in zip(begins, ends, axes, steps):
        index = [slice(None)] * value.ndim
        index[axis] = slice(begin, min(end, value.shape[axis]), step)
        value = value[tuple(index)]
    return value


class Detector:
    """The layers of the file up to its three grids of scores; pictures of any size."""

    def __init__(self, path):
        graph = onnx.load(path).graph
        self.input = next(node.name for node in graph.input)
        self.weights = {tensor.name: torch.from_numpy(numpy_helper.to_array(tensor).copy())
                        for tensor in graph.initializer}
        scores = [node for node in graph.node if node.op_type == "Conv" and
                  ("cls_preds" in node.input[1] or "obj_preds" in node.input[1])]
        self.classes = [node.output[0] for node in scores if "cls_preds" in node.input[1]]
        self.objects = [node.output[0] for node in scores if "obj_preds" in node.input[1]]
        if len(self.classes) != 3 or len(self.objects) != 3:
            raise SystemExit(f"{path}: not a YOLOX as its makers export it (no cls_preds, obj_preds)")
        if any(self.weights[node.input[1]].shape[0] != COCO for node in scores if "cls_preds" in node.input[1]):
            raise SystemExit(f"{path}: it does not tell COCO's {COCO} classes")
        last = max(at for at, node in enumerate(graph.node) if node in scores)
        self.nodes = [(node, attributes(node)) for node in graph.node[:last + 1]]

    def layer(self, node, has, values):
        simple = {"Sigmoid": torch.sigmoid, "Mul": torch.mul, "Add": torch.add}
        if node.op_type in simple:
            return simple[node.op_type](*values)
        if node.op_type not in ("Conv", "MaxPool", "Resize", "Concat", "Slice"):
            raise SystemExit(f"{node.name}: a detector with {node.op_type} is not read")
        x = values[0]
        if node.op_type == "Conv":
            return F.conv2d(x, values[1], values[2] if len(values) > 2 else None, has["strides"],
                            has["pads"][:2], has["dilations"], has["group"])
        if node.op_type == "MaxPool":
            return F.max_pool2d(x, has["kernel_shape"], has["strides"], has["pads"][:2])
        if node.op_type == "Resize":
            return F.interpolate(x, scale_factor=2, mode="nearest")
        if node.op_type == "Concat":
            return torch.cat(values, has["axis"])
        return cut(x, *(value.tolist() for value in values[1:5]))

    def __call__(self, picture):
        """(3, H, W) blue, green, red of 0..255 -> {class: highest score anywhere}"""
        height, width = picture.shape[1:]
        x = F.pad(picture[None], (0, -width % STEP, 0, -height % STEP), value=float(GREY))
        values = dict(self.weights)
        values[self.input] = x
        with torch.no_grad():
            for node, has in self.nodes:
                values[node.output[0]] = self.layer(
                    node, has, [values[name] for name in node.input if name])
        highest = torch.stack([(torch.sigmoid(values[of]) * torch.sigmoid(values[is_one])).amax((2, 3))[0]
                               for of, is_one in zip(self.classes, self.objects)]).amax(0)
        return {name: float(highest[at]) for at, name in NAMES.items()}


def besides(scores, own, least):
    """[(class, score)] of what a picture that stands for own shows, too"""
    found = {name: score for name, score in scores.items() if score >= least and name != own}
    for kind in ALIKE:
        alike = kind & found.keys()
        keep = None if own in kind or not alike else max(alike, key=found.get)
        found = {name: score for name, score in found.items() if name not in alike or name == keep}
    return sorted(found.items())


def load(path):
    """-> (3, H, W), the longest side SIDE; grey behind what is transparent"""
    picture = Image.open(path)
    if picture.mode in ("P", "LA", "RGBA"):
        above = picture.convert("RGBA")
        picture = Image.new("RGB", above.size, (GREY,) * 3)
        picture.paste(above, mask=above.split()[3])
    share = SIDE / max(picture.size)
    size = [max(1, round(side * share)) for side in picture.size]
    rows = np.asarray(picture.convert("RGB").resize(size, Image.BILINEAR))
    return torch.from_numpy(rows[:, :, ::-1].copy()).permute(2, 0, 1).float()


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("assets")
    parser.add_argument("--detector", required=True)
    parser.add_argument("--least", type=float, default=0.5)
    parser.add_argument("--out", required=True)
    args = parser.parse_args()
    detector = Detector(args.detector)
    pictures = [row for split in ("train", "val") for row in clips.assets_of(args.assets, "image", split)]
    num = 0
    with open(args.out, "w", encoding="utf-8", newline="") as file:
        out = csv.writer(file)
        out.writerow(("path", "class", "score"))
        for done, (path, own) in enumerate(pictures):
            try:
                scores = detector(load(path))
            except OSError as error:
                print(f"{path}: {error}", file=sys.stderr)
                continue
            found = besides(scores, own, args.least)
            out.writerows((path, name, f"{score:.3f}") for name, score in found)
            num += bool(found)
            learning.progress(done + 1, len(pictures), "pictures")
    print(f"{num} of {len(pictures)} pictures show something else as well")


if __name__ == "__main__":
    main()
