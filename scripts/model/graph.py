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
        """-> the new value; weight (out, in), bias (out)"""
        number = len(self.graph["layers"])
        self.graph["values"].append(list(shape))
        value = len(self.graph["values"]) - 1
        self.graph["layers"].append({"op": op, "in": list(ins), "out": value, **more})
        if weight is not None:
            if op == "conv":
                weight = weight[:, None, None, :]
            self.tensors[f"layer.{number:03d}.weight"] = np.asarray(weight, np.float16)
            self.tensors[f"layer.{number:03d}.bias"] = np.asarray(bias, np.float16)
        return value

    def drop_classes(self):
        """Takes away what sound_head.py added before: a hidden layer, log-odds, both together."""
        layers = self.graph["layers"]
        for number in range(len(layers) - 3, len(layers)):
            for part in ("weight", "bias"):
                self.tensors.pop(f"layer.{number:03d}.{part}", None)
        self.graph["out"][0] = layers[-1]["in"][0]
        del layers[-3:], self.graph["values"][-3:]

    def end(self, value):
        """-> the graph's text, with that value as its first output"""
        outs = self.graph["out"]
        self.graph["out"] = [value] + outs[1:] if isinstance(outs, list) else value
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
