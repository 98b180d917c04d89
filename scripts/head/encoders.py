# SPDX-License-Identifier: MIT
"""The two frozen encoders in PyTorch: an implementation independent of model/, used
to make golden values and the head's training features.

Visual: SSD-MobileNetV2 (Open Images v4) up to Conv_1: (B,224,224,3) u8 -> (B,7,7,1280).
Audio:  openWakeWord's log-mel front end and speech embedding: 16000 samples of 16 kHz
        mono in [-1,1] -> 160 numbers (mean embedding | log-mel mean | log-mel std)."""
import os

import numpy as np
import onnx
import torch
import torch.nn.functional as F
from onnx import numpy_helper

import tflite

VISUAL_FILE = "ssd_mobilenetv2_oidv4.tflite"
MEL_FILE = "melspectrogram.onnx"
EMBEDDING_FILE = "embedding_model.onnx"
IMAGE_SIDE_PX = 224
SEGMENT_SAMPLES = 16000
WINDOW_FRAMES, WINDOW_HOP_FRAMES = 76, 8
AUDIO_CHANNELS = 160
VISUAL_CHANNELS = 1280


def _same_pad(size, kernel, stride):
    """TensorFlow's SAME: (before, after); at stride 2 the surplus row goes after."""
    total = max((-(-size // stride) - 1) * stride + kernel - size, 0)
    return total // 2, total - total // 2


class VisualEncoder:
    def __init__(self, folder):
        self.layers = []
        for layer in tflite.read(os.path.join(folder, VISUAL_FILE)):
            if "BoxPredictor" in layer["name"] and layer["op"] != "dwconv" \
                    and "expand" not in layer["name"]:
                continue  # the detector's own heads
            if layer["op"] == "conv":
                layer["torch_weight"] = torch.from_numpy(
                    np.ascontiguousarray(layer["weight"].transpose(0, 3, 1, 2)))
            elif layer["op"] == "dwconv":
                layer["torch_weight"] = torch.from_numpy(
                    np.ascontiguousarray(layer["weight"].transpose(3, 0, 1, 2)))
            elif layer["op"] != "add":
                continue
            if layer["op"] != "add":
                layer["torch_bias"] = torch.from_numpy(layer["bias"].copy())
            self.layers.append(layer)
            if layer["name"].endswith("FeatureExtractor/MobilenetV2/Conv_1/Conv2D"):
                break
        else:
            raise ValueError("no Conv_1 in " + VISUAL_FILE)

    @torch.no_grad()
    def __call__(self, pixels):
        """pixels (B,224,224,3) u8 -> (B,7,7,1280) f32."""
        x = torch.from_numpy(np.asarray(pixels)).to(torch.float32) / 127.5 - 1.0
        values = {self.layers[0]["inputs"][0]: x.permute(0, 3, 1, 2).contiguous()}
        for layer in self.layers:
            if layer["op"] == "add":
                y = values[layer["inputs"][0]] + values[layer["inputs"][1]]
            else:
                x, weight = values[layer["inputs"][0]], layer["torch_weight"]
                if layer["same"]:
                    top, bottom = _same_pad(x.shape[2], weight.shape[2], layer["stride"][0])
                    left, right = _same_pad(x.shape[3], weight.shape[3], layer["stride"][1])
                    if top == bottom and left == right:
                        pad = (top, left)
                    else:
                        x, pad = F.pad(x, (left, right, top, bottom)), 0
                else:
                    pad = 0
                groups = weight.shape[0] if layer["op"] == "dwconv" else 1
                y = F.conv2d(x, weight, layer["torch_bias"], layer["stride"], pad, 1, groups)
            if layer["act"] == 1:
                y = F.relu(y)
            elif layer["act"] == 3:
                y = y.clamp(0, 6)
            values[layer["output"]] = y
        return y.permute(0, 2, 3, 1).contiguous().numpy()


class AudioEncoder:
    def __init__(self, folder):
        mel = onnx.load(os.path.join(folder, MEL_FILE)).graph
        self.mel_consts = {i.name: torch.from_numpy(numpy_helper.to_array(i).copy())
                           for i in mel.initializer}
        self.mel_nodes = list(mel.node)
        emb = onnx.load(os.path.join(folder, EMBEDDING_FILE)).graph
        self.emb_consts = {i.name: torch.from_numpy(numpy_helper.to_array(i).copy())
                           for i in emb.initializer}
        self.emb_nodes = list(emb.node)

    @torch.no_grad()
    def log_mel(self, pcm):
        """pcm (samples,) in [-1,1] -> (frames, 32), as openWakeWord scales it. One clip at
        a time: the file's dynamic range limit is taken over everything it is given."""
        x = torch.from_numpy(np.asarray(pcm, np.float32) * np.float32(32768))[None]
        return _run(self.mel_nodes, {"input": x}, self.mel_consts)["output"][0, 0] / 10 + 2

    @torch.no_grad()
    def embed(self, mel):
        """(frames, 32) -> (windows, 96)."""
        starts = range(0, mel.shape[0] - WINDOW_FRAMES + 1, WINDOW_HOP_FRAMES)
        x = torch.stack([mel[s:s + WINDOW_FRAMES] for s in starts])[..., None]
        return _run(self.emb_nodes, {"input_1": x}, self.emb_consts)["conv2d_19"].reshape(-1, 96)

    def __call__(self, pcm):
        """One segment -> (160,)."""
        mel = self.log_mel(pcm)
        emb = self.embed(mel)
        parts = [emb.mean(0), mel.mean(0), mel.std(0, unbiased=False)]
        return torch.cat(parts).numpy()


def _run(nodes, inputs, consts):
    """Executes ONNX nodes with torch operators: only those the two files use."""
    values = dict(consts)
    values.update(inputs)
    for node in nodes:
        attr = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
        args = [values[i] if i else None for i in node.input]
        values[node.output[0]] = _OPS[node.op_type](args, attr)
    return values


def _constant(args, attr):
    return torch.from_numpy(np.array(numpy_helper.to_array(attr["value"])))


def _conv(args, attr):
    x, weight = args[0], args[1]
    bias = args[2] if len(args) > 2 else None
    dims = weight.dim() - 2
    pads = list(attr.get("pads", [0] * 2 * dims))
    begin, end = pads[:dims], pads[dims:]
    if begin != end:
        raise ValueError("asymmetric padding")
    conv = F.conv1d if dims == 1 else F.conv2d
    return conv(x, weight, bias, tuple(attr["strides"]), tuple(begin),
                tuple(attr.get("dilations", [1] * dims)), attr.get("group", 1))


def _reshape(args, attr):
    shape = [args[0].shape[i] if n == 0 else int(n) for i, n in enumerate(args[1])]
    return args[0].reshape(shape)


def _clip(args, attr):
    low = args[1] if len(args) > 1 and args[1] is not None else None
    high = args[2] if len(args) > 2 and args[2] is not None else None
    y = args[0]
    y = y if low is None else torch.maximum(y, low)
    return y if high is None else torch.minimum(y, high)


def _unsqueeze(args, attr):
    y = args[0]
    for axis in sorted(int(a) for a in args[1]):
        y = y.unsqueeze(axis)
    return y


_OPS = {
    "Constant": _constant,
    "Conv": _conv,
    "Reshape": _reshape,
    "Clip": _clip,
    "Unsqueeze": _unsqueeze,
    "Transpose": lambda a, t: a[0].permute(*t["perm"]),
    "Pow": lambda a, t: a[0] ** a[1],
    "Add": lambda a, t: a[0] + a[1],
    "Sub": lambda a, t: a[0] - a[1],
    "Mul": lambda a, t: a[0] * a[1],
    "Div": lambda a, t: a[0] / a[1],
    "MatMul": lambda a, t: a[0] @ a[1],
    "Log": lambda a, t: a[0].log(),
    "ReduceMax": lambda a, t: a[0].max(),
    "Cast": lambda a, t: a[0].to(torch.float32),
    "LeakyRelu": lambda a, t: F.leaky_relu(a[0], t["alpha"]),
    "Max": lambda a, t: torch.maximum(a[0], a[1]),
    "MaxPool": lambda a, t: F.max_pool2d(a[0], tuple(t["kernel_shape"]), tuple(t["strides"])),
}
