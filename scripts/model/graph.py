# SPDX-License-Identifier: MIT
"""An encoder's file with more layers behind it, e.g. log-odds of classes beside its features."""
import json
import os
import struct
import sys

import numpy as np

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "ear"))
import encoder_file  # noqa: E402  (pylint: disable=wrong-import-position)

COMPACT = {"separators": (",", ":")}


class Longer:
    """Adds layers to one graph of a file; `tensors` (halves) is shared between its graphs, which
    have the same layers in the same order."""

    def __init__(self, text, tensors):
        self.graph, self.tensors = json.loads(text), tensors

    def out(self, which=0):
        outs = self.graph["out"]
        return outs[which] if isinstance(outs, list) else outs

    def shape(self, value):
        return self.graph["values"][value]

    def inputs_of(self, value):
        return next(l["in"] for l in self.graph["layers"] if l["out"] == value)

    def add(self, op, ins, shape, weight=None, bias=None, **more):
        """-> the new value; weight (out, in) or (out, rows, columns, in), bias (out)"""
        number = len(self.graph["layers"])
        self.graph["values"].append(list(shape))
        value = len(self.graph["values"]) - 1
        self.graph["layers"].append({"op": op, "in": list(ins), "out": value, **more})
        if weight is not None:
            if op == "conv" and weight.ndim == 2:
                weight = weight[:, None, None, :]
            self.tensors[f"layer.{number:03d}.weight"] = np.asarray(weight, np.float16)
            self.tensors[f"layer.{number:03d}.bias"] = np.asarray(bias, np.float16)
        return value

    def replace(self, number, op, weight, bias):
        """Other numbers for a layer, in PyTorch's order of axes."""
        if op == "conv":
            weight = weight.transpose(0, 2, 3, 1)
        elif op == "dwconv":
            weight = weight[:, 0].transpose(1, 2, 0)
        self.tensors[f"layer.{number:03d}.weight"] = np.ascontiguousarray(weight, np.float16)
        self.tensors[f"layer.{number:03d}.bias"] = np.asarray(bias, np.float16)

    def drop_classes(self):
        """Takes away what sound_head.py added before: log-odds, and both together."""
        outs, layers = self.graph["out"], self.graph["layers"]
        outs[0] = layers[-1]["in"][0]
        while layers[-1]["out"] > max(outs):
            del layers[-1], self.graph["values"][-1]
            for part in ("weight", "bias"):
                self.tensors.pop(f"layer.{len(layers):03d}.{part}", None)

    def end(self, value, *more):
        """-> the graph's text, with that value as its first output, and more where there are"""
        outs = self.graph["out"]
        more = list(more) or (outs[1:] if isinstance(outs, list) else [])
        self.graph["out"] = [value] + more if more else value
        return json.dumps(self.graph, **COMPACT)


def read(path):
    """-> tensors as they are stored, metadata without what writing adds"""
    tensors, meta = encoder_file.read(path)
    with open(path, "rb") as file:
        num = struct.unpack("<Q", file.read(8))[0]
        kinds = {name: entry["dtype"] for name, entry in json.loads(file.read(num)).items()
                 if name != "__metadata__"}
    tensors = {name: value.astype(encoder_file.TYPES[kinds[name]])
               for name, value in tensors.items()}
    for key in ("tyto.layout", "tyto.format"):
        meta.pop(key, None)
    return tensors, meta


write = encoder_file.write
