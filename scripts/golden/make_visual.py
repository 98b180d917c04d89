# SPDX-License-Identifier: MIT
"""Golden values of the visual encoder with its detector, from PyTorch and PIL.
    make_visual.py --encoders DIR [--out tests/golden]
DIR holds ssd.tflite, which scripts/setup --test fetches. The picture is golden_picture(640,360),
letterboxed to 384x224."""
import argparse
import os
import sys

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "ear"))
import encoder_file  # noqa: E402

import blob  # noqa: E402
import tflite  # noqa: E402
from make_encoders import picture  # noqa: E402

WIDTH, HEIGHT, TOP = 384, 224, 4
ANCHOR_STRIDE = 7
NUM_LEVELS, NUM_COLUMNS = 6, 24


def same_pad(size, kernel, stride):
    """TensorFlow's SAME: (before, after)."""
    total = max((-(-size // stride) - 1) * stride + kernel - size, 0)
    return total // 2, total - total // 2


@torch.no_grad()
def run(layers, x):
    """Every convolution's and sum's value by the last name it has."""
    values, named = {layers[0]["inputs"][0]: x}, {}
    for layer in layers:
        if layer["op"] == "add":
            y = values[layer["inputs"][0]] + values[layer["inputs"][1]]
        elif layer["op"] in ("conv", "dwconv"):
            axes = (0, 3, 1, 2) if layer["op"] == "conv" else (3, 0, 1, 2)
            weight = torch.from_numpy(np.ascontiguousarray(layer["weight"].transpose(axes)))
            y = values[layer["inputs"][0]]
            rows = same_pad(y.shape[2], weight.shape[2], layer["stride"][0])
            columns = same_pad(y.shape[3], weight.shape[3], layer["stride"][1])
            groups = weight.shape[0] if layer["op"] == "dwconv" else 1
            y = F.conv2d(F.pad(y, columns + rows), weight, torch.from_numpy(layer["bias"].copy()),
                         layer["stride"], 0, 1, groups)
        else:
            continue  # the heads' reshapes and concatenations are done here
        y = {0: y, 1: y.relu(), 3: y.clamp(0, 6)}[layer["act"]]
        values[layer["output"]] = y
        named[layer["name"].split(";")[0]] = y
    return named


def columns_of(maps):
    """(23,7,12): 12 times the highest score of each class at each place, level by level."""
    best = torch.full((NUM_COLUMNS - 1, HEIGHT // 32, WIDTH // 32), -np.inf)
    for level in maps:
        y = level[0].reshape(-1, NUM_COLUMNS, *level.shape[2:]).amax(0)[1:]
        if y.shape[1] > best.shape[1]:
            y = F.max_pool2d(y[None], 2)[0]
        else:  # the coarser place above each
            row = torch.arange(best.shape[1]) * y.shape[1] // best.shape[1]
            column = torch.arange(best.shape[2]) * y.shape[2] // best.shape[2]
            y = y[:, row][:, :, column]
        best = torch.maximum(best, y)
    return 12 * torch.sigmoid(best)


def eye_of(x):
    """(1880,7,12): what the first network gives -> (17,144): log-odds of classes and the highest of
    each in the picture, principal components, at every fifth place"""
    tensors, _ = encoder_file.read(os.path.join(HERE, "..", "..", "weights", "eye.safetensors"))

    def conv(y, name):
        weight = torch.from_numpy(tensors[name].copy()).permute(0, 3, 1, 2)
        bias = torch.from_numpy(tensors[name.replace("weight", "bias")].copy())
        return F.conv2d(y[None], weight, bias, padding=weight.shape[2] // 2)[0]

    straight, inner, basis = sorted(name for name, value in tensors.items()
                                    if name.endswith(".weight") and value.shape[-1] == len(x))
    around = next(name for name, value in tensors.items() if name.endswith(".weight") and
                  value.shape == (len(tensors[straight]), 3, 3, len(tensors[inner])))
    odds = conv(x, straight) + conv(conv(x, inner).relu(), around)
    highest = odds.amax((1, 2), keepdim=True).expand_as(odds)
    return torch.cat([odds, highest, conv(x, basis)]).flatten(1).t()[::5].contiguous()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--encoders", required=True)
    parser.add_argument("--out", default=os.path.join(HERE, "..", "..", "tests", "golden"))
    args = parser.parse_args()
    torch.set_num_threads(1)

    size = (WIDTH, HEIGHT - 2 * TOP)
    planes = [np.asarray(Image.fromarray(p.astype(np.float32), "F").resize(size, Image.BILINEAR))
              for p in picture(640, 360).transpose(2, 0, 1)]
    x = torch.zeros(1, 3, HEIGHT, WIDTH)
    x[0, :, TOP:HEIGHT - TOP] = torch.from_numpy(np.stack(planes)) / 127.5 - 1
    cover = torch.zeros(1, HEIGHT, WIDTH)
    cover[:, TOP:HEIGHT - TOP] = 1
    named = run(tflite.read(os.path.join(args.encoders, "ssd.tflite")), x)
    features = named["FeatureExtractor/MobilenetV2/Conv_1/Relu6"][0]
    heads = {}
    for kind in ("ClassPredictor", "BoxEncodingPredictor"):
        heads[kind] = [named["BoxPredictor_%d/%s/BiasAdd" % (i, kind)] for i in range(NUM_LEVELS)]

    def rows(kind, num):
        return torch.cat([y[0].permute(1, 2, 0).reshape(-1, num) for y in heads[kind]])

    finer = named["FeatureExtractor/MobilenetV2/expanded_conv_13/expand/Relu6"]
    pooled = F.max_pool2d(finer, 2)[0]
    columns = torch.cat([columns_of(heads["ClassPredictor"]), F.avg_pool2d(cover, 32)])
    scores = rows("ClassPredictor", NUM_COLUMNS)[::ANCHOR_STRIDE, 1:]
    blob.write(args.out, "visual_wide", [
        ("eye", eye_of(torch.cat([features, pooled, columns])).numpy(),
         "what weights/eye.safetensors adds behind that, at places 0,5,... of golden_picture(640,360)"),
        ("columns", columns.permute(1, 2, 0).numpy(), "the classes' columns, and the cover's"),
        ("scores", scores.numpy(), "logits of anchors 0,7,... without the background"),
        ("boxes", rows("BoxEncodingPredictor", 4)[::ANCHOR_STRIDE].numpy(), "their boxes"),
    ])


if __name__ == "__main__":
    main()
