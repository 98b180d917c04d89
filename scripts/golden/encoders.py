# SPDX-License-Identifier: MIT
"""SSD-MobileNetV2 (Open Images v4) up to Conv_1 in PyTorch, independent of model/:
(B,224,224,3) u8 -> (B,7,7,1280)."""
import os

import numpy as np
import torch
import torch.nn.functional as F

import tflite

VISUAL_FILE = "ssd.tflite"


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
