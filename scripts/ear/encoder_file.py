# SPDX-License-Identifier: MIT
"""An encoder's file (model/README.md) read, run by PyTorch, and written."""
import hashlib
import json
import struct

import numpy as np
import torch
import torch.nn.functional as F

TYPES = {"F32": np.float32, "F16": np.float16}
ACTS = {"relu": torch.relu, "relu6": lambda x: x.clamp(0, 6), "sigmoid": torch.sigmoid,
        "tanh": torch.tanh, "hard_swish": F.hardswish}


def read(path):
    """-> {name: float32 array}, metadata"""
    with open(path, "rb") as file:
        data = file.read()
    num = struct.unpack_from("<Q", data)[0]
    header = json.loads(data[8:8 + num])
    meta = header.pop("__metadata__")
    tensors = {}
    for name, entry in header.items():
        at, end = entry["data_offsets"]
        tensors[name] = np.frombuffer(data[8 + num + at:8 + num + end], TYPES[entry["dtype"]]) \
            .reshape(entry["shape"]).astype(np.float32)
    return tensors, meta


def layout_of(tensors):
    """SHA-256 over names and shapes in the order of names, as files/safetensors.h does it"""
    text = "".join(f"{name} {','.join(map(str, tensors[name].shape))}\n" for name in sorted(tensors))
    return hashlib.sha256(text.encode()).hexdigest()


def write(path, tensors, meta):
    """tensors: {name: float16 or float32 array}"""
    meta = {"tyto.format": "encoder/1", **meta, "tyto.layout": layout_of(tensors)}
    header, blobs, at = {"__metadata__": meta}, [], 0
    for name in sorted(tensors):
        blob = np.ascontiguousarray(tensors[name]).tobytes()
        kind = "F16" if tensors[name].dtype == np.float16 else "F32"
        header[name] = {"dtype": kind, "shape": list(tensors[name].shape),
                        "data_offsets": [at, at + len(blob)]}
        blobs.append(blob)
        at += len(blob)
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + b"".join(blobs))


def log_mel(samples, window, mel, front):
    """(n, samples) -> (n, frames, bands), by a file's tables and what it says of them"""
    if front["top_db"]:
        raise ValueError("no word for top_db")
    frames = samples.unfold(1, front["window"], front["hop"]) * window * front["pcm_scale"]
    spectrum = torch.fft.rfft(frames, front["fft"]).abs()
    if front["log"] == "db_power":
        level = 10 * torch.log10((spectrum.square() @ mel).clamp(min=front["floor"]))
    else:
        level = torch.log(spectrum @ mel + front["floor"])
    return level * front["post_scale"] + front["post_shift"]


class Encoder(torch.nn.Module):
    """Runs the graph of a file. The result of the last layer is given before its activation
    when logits is set; with tap, the last linear layer's input comes too."""

    def __init__(self, path):
        super().__init__()
        tensors, meta = read(path)
        self.meta = meta
        graph = json.loads(meta["tyto.graph"])
        self.layers, self.shapes, outs = graph["layers"], graph["values"], graph["out"]
        self.outs = outs if isinstance(outs, list) else [outs]
        self.params = torch.nn.ParameterDict()
        for i, layer in enumerate(self.layers):
            name = f"layer.{i:03d}.weight"
            if name not in tensors:
                continue
            weight = torch.from_numpy(tensors[name].copy())
            if layer["op"] == "conv":
                weight = weight.permute(0, 3, 1, 2).contiguous()
            elif layer["op"] == "dwconv":
                weight = weight.permute(2, 0, 1)[:, None].contiguous()
            if weight.ndim == 4:  # A CPU is four times as fast with channels together.
                weight = weight.contiguous(memory_format=torch.channels_last)
            self.params[f"w{i}"] = torch.nn.Parameter(weight, False)
            bias = torch.from_numpy(tensors[f"layer.{i:03d}.bias"].copy())
            self.params[f"b{i}"] = torch.nn.Parameter(bias, False)
        if "frontend.mel" in tensors:
            self.register_buffer("mel", torch.from_numpy(tensors["frontend.mel"].copy()))
            self.register_buffer("window", torch.from_numpy(tensors["frontend.window"].copy()))
            self.frontend = json.loads(meta["tyto.frontend"])

    def log_mel(self, samples):
        """(n, samples) -> (n, frames, bands)"""
        return log_mel(samples, self.window, self.mel, self.frontend)

    def outputs(self, x):
        """(n, frames, bands) -> every output (n, c)"""
        values, _ = self.run(x, False)
        return [values[out].flatten(1) for out in self.outs]

    def forward(self, x, logits=False):
        """(n, frames, bands) -> first output (n, c), input of the last linear layer (n, c)"""
        values, tap = self.run(x, logits)
        return values[self.outs[0]].flatten(1), tap

    def run(self, x, logits, first=0, last=None):
        """Layers first..last - 1 -> {value: tensor}, tap. x is the first value, sound (n, frames, bands) or
        pictures (n, 4, rows, columns), or, where first is not 0, what layer `first` reads; the layers left
        out must be the only ones that need others."""
        values, tap = {self.layers[first]["in"][0]: x if first or x.ndim == 4 else x[:, None]}, None
        for i, layer in list(enumerate(self.layers))[first:last]:
            ins = [values[k] for k in layer["in"]]
            y, op = ins[0], layer["op"]
            if op in ("conv", "dwconv"):
                top, left, bottom, right = layer["pad"]
                weight, pad = self.params[f"w{i}"], (0, 0)
                if (top, left) == (bottom, right):
                    pad = (top, left)
                else:
                    y = F.pad(y, (left, right, top, bottom))
                y = F.conv2d(y, weight, self.params[f"b{i}"], layer["stride"], pad,
                             groups=1 if op == "conv" else weight.shape[0])
            elif op == "linear":
                tap = y.flatten(1)
                y = F.linear(tap, self.params[f"w{i}"], self.params[f"b{i}"])[:, :, None, None]
            elif op == "mean":
                y = y.mean((2, 3), keepdim=True)
            elif op == "add":
                y = ins[0] + ins[1]
            elif op == "mul":
                y = ins[0] * ins[1]
            elif op == "max_pool":
                y = F.max_pool2d(y, layer["kernel"], layer["stride"])
            elif op == "resize":
                y = y.expand(-1, -1, *self.shapes[layer["out"]][:2])
            elif op == "stack":
                y = y.permute(0, 2, 3, 1).reshape(len(y), -1, 1, y.shape[1]).permute(0, 3, 1, 2)
            elif op == "concat":
                y = torch.cat(ins, 1)
            else:
                raise ValueError(f"layer {i}: no word for {op}")
            act = layer.get("act", "none")
            if act != "none" and not (logits and layer["out"] == self.outs[0]):
                y = ACTS[act](y)
            values[layer["out"]] = y
        return values, tap
