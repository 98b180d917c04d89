# SPDX-License-Identifier: MIT
"""Small ONNX and TFLite networks, and what PyTorch says they give: for the tests of import, and
as seeds of its fuzz targets.
    make_import.py [--models tests/fuzz/corpus/import] [--out tests/golden]
Inputs are golden_fill("NAME", (H,W,C), 2); outputs are stored as (H,W,C)."""
import argparse
import os

import numpy as np
import onnx
import torch
import torch.nn.functional as F
from onnx import TensorProto, helper, numpy_helper
from torch import nn

import blob
from fill import fill
from tflite_writer import Model

HERE = os.path.dirname(os.path.abspath(__file__))
SAME, VALID = 0, 1
NONE, RELU, RELU6 = 0, 1, 3


class Residual(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.wide, self.norm1 = nn.Conv2d(c, 2 * c, 1, bias=False), nn.BatchNorm2d(2 * c)
        self.deep, self.norm2 = nn.Conv2d(2 * c, 2 * c, 3, padding=1, groups=2 * c, bias=False), \
            nn.BatchNorm2d(2 * c)
        self.narrow, self.norm3 = nn.Conv2d(2 * c, c, 1, bias=False), nn.BatchNorm2d(c)

    def forward(self, x):
        y = F.relu6(self.norm1(self.wide(x)))
        y = F.relu6(self.norm2(self.deep(y)))
        return x + self.norm3(self.narrow(y))


class Cnn(nn.Module):
    """Everything a convolutional classifier uses."""

    def __init__(self):
        super().__init__()
        self.first, self.norm = nn.Conv2d(3, 8, 3, stride=2, padding=1), nn.BatchNorm2d(8)
        self.residual = Residual(8)
        self.grouped = nn.Conv2d(8, 12, (3, 1), padding=(1, 0), groups=2)
        self.dilated = nn.Conv2d(12, 6, 3, dilation=2, padding=2)
        self.last = nn.Linear(6, 5)

    def forward(self, x):
        x = torch.relu(self.norm(self.first(x)))
        x = self.residual(x)
        x = F.max_pool2d(x, 3, 2, 1)
        x = F.leaky_relu(self.grouped(x), 0.1)
        x = F.avg_pool2d(x, 2, 1, 1)  # counts its padding
        x = torch.tanh(self.dilated(x))
        x = F.avg_pool2d(x, 3, 2, ceil_mode=True)
        x = torch.flatten(F.adaptive_avg_pool2d(x, 1), 1)
        return torch.softmax(self.last(x), 1)


class Flat(nn.Module):
    """Flattens more than one place, by a shape that the graph computes."""

    def __init__(self):
        super().__init__()
        self.conv, self.last = nn.Conv2d(2, 3, 3), nn.Linear(3 * 4 * 6, 7)

    def forward(self, x):
        x = torch.clamp(self.conv(x), min=-0.25)
        return torch.sigmoid(self.last(x.view(x.size(0), -1)))


def run_torch(module, name, shape, path, keep_norms):
    torch.manual_seed(3)
    model = module()
    for part in model.modules():
        if isinstance(part, nn.BatchNorm2d):
            nn.init.uniform_(part.running_mean, -1, 1)
            nn.init.uniform_(part.running_var, 0.3, 2)
            nn.init.uniform_(part.weight, 0.5, 2)
            nn.init.uniform_(part.bias, -1, 1)
    model.eval()
    x = torch.from_numpy(fill(name, shape, 2)).permute(2, 0, 1)[None]
    mode = torch.onnx.TrainingMode.PRESERVE if keep_norms else torch.onnx.TrainingMode.EVAL
    torch.onnx.export(model, x, path, opset_version=13, training=mode,
                      do_constant_folding=not keep_norms, input_names=["input"],
                      dynamic_axes={"input": {0: "batch"}})
    return model(x)[0].detach().numpy()


def make_nhwc(path):
    """As tf2onnx writes: NHWC outside, NCHW inside; normalisation, SAME padding, Max."""
    x = fill("nhwc", (7, 9, 2), 2)
    weight = fill("nhwc.weight", (4, 2, 3, 3), 0.5)
    scale, shift = np.float32([0.5, 2]), np.float32([0.25, -1])
    nodes = [
        helper.make_node("Mul", ["x", "scale"], ["scaled"]),
        helper.make_node("Sub", ["scaled", "shift"], ["normal"]),
        helper.make_node("Transpose", ["normal"], ["nchw"], perm=[0, 3, 1, 2]),
        helper.make_node("Conv", ["nchw", "weight"], ["conv"], name="first", strides=[2, 2],
                         auto_pad="SAME_UPPER"),
        helper.make_node("LeakyRelu", ["conv"], ["leaky"], alpha=0.25),
        helper.make_node("Max", ["leaky", "low"], ["high"]),
        helper.make_node("Transpose", ["high"], ["out"], perm=[0, 2, 3, 1]),
    ]
    constants = [numpy_helper.from_array(value, name) for name, value in
                 (("weight", weight), ("scale", scale), ("shift", shift),
                  ("low", np.float32([-0.5])))]
    graph = helper.make_graph(
        nodes, "nhwc", [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 7, 9, 2])],
        [helper.make_tensor_value_info("out", TensorProto.FLOAT, [1, 4, 5, 4])], constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)])
    onnx.checker.check_model(model)
    onnx.save(model, path)
    y = torch.from_numpy(x * scale - shift).permute(2, 0, 1)[None]
    y = F.conv2d(F.pad(y, (1, 1, 1, 1)), torch.from_numpy(weight), stride=2)
    return F.leaky_relu(y, 0.25).clamp(min=-0.5)[0].permute(1, 2, 0).numpy()


def make_unsupported(path):
    nodes = [helper.make_node("Conv", ["x", "weight"], ["conv"], name="first"),
             helper.make_node("Erf", ["conv"], ["erf"], name="the_odd_one"),
             helper.make_node("Conv", ["erf", "weight"], ["out"], name="second")]
    weight = numpy_helper.from_array(fill("odd", (1, 1, 1, 1), 1), "weight")
    graph = helper.make_graph(
        nodes, "odd", [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 1, 4, 4])],
        [helper.make_tensor_value_info("out", TensorProto.FLOAT, [1, 1, 4, 4])], [weight])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)]), path)


def make_mel(path):
    """A log-mel front end in torchlibrosa's way: 64 samples, hop 16, 8 bands."""
    fft, bins, bands = 64, 33, 8
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(fft) / fft)
    angle = 2 * np.pi * np.outer(np.arange(bins), np.arange(fft)) / fft
    constants = {"real": (window * np.cos(angle))[:, None], "imag": (-window * np.sin(angle))[:, None],
                 "mel": np.abs(fill("mel", (bins, bands), 1)), "two": 2.0, "floor": 1e-8,
                 "ten": 10.0, "ln10": np.log(10), "top": 60.0, "most": np.inf}
    nodes = [helper.make_node("Unsqueeze", ["pcm", "one"], ["signal"]),
             helper.make_node("Conv", ["signal", "real"], ["re"], strides=[16]),
             helper.make_node("Conv", ["signal", "imag"], ["im"], strides=[16]),
             helper.make_node("Pow", ["re", "two"], ["re2"]),
             helper.make_node("Pow", ["im", "two"], ["im2"]),
             helper.make_node("Add", ["re2", "im2"], ["power"]),
             helper.make_node("Transpose", ["power"], ["frames"], perm=[0, 2, 1]),
             helper.make_node("MatMul", ["frames", "mel"], ["bands"]),
             helper.make_node("Clip", ["bands", "floor", "most"], ["floored"]),
             helper.make_node("Log", ["floored"], ["ln"]),
             helper.make_node("Mul", ["ln", "ten"], ["ln_ten"]),
             helper.make_node("Div", ["ln_ten", "ln10"], ["db"]),
             helper.make_node("ReduceMax", ["db"], ["peak"], keepdims=0),
             helper.make_node("Sub", ["peak", "top"], ["low"]),
             helper.make_node("Clip", ["db", "low", "most"], ["out"])]
    tensors = [numpy_helper.from_array(np.float32(value), name)
               for name, value in constants.items()]
    tensors.append(numpy_helper.from_array(np.int64([1]), "one"))
    graph = helper.make_graph(
        nodes, "mel", [helper.make_tensor_value_info("pcm", TensorProto.FLOAT, [1, "samples"])],
        [helper.make_tensor_value_info("out", TensorProto.FLOAT, [1, "frames", bands])], tensors)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)])
    onnx.checker.check_model(model)
    onnx.save(model, path)
    return window, constants["mel"]


def half(name, shape, scale):
    return fill(name, shape, scale).astype(np.float16)


def make_half_tflite(path):
    """fp16 weights, SAME and padded VALID convolutions, a residual, pool, mean, softmax."""
    m = Model()
    x = torch.from_numpy(fill("half", (9, 11, 3), 2)).permute(2, 0, 1)[None]
    parts = {"conv": (8, 3, 3, 3), "deep": (1, 3, 3, 8), "point": (8, 1, 1, 8), "last": (6, 8)}
    weights = {key: half("half." + key, shape, 0.5) for key, shape in parts.items()}
    biases = {key: half("half.b." + key, (8 if key != "last" else 6,), 0.5) for key in parts}
    wide = {}
    for key in parts:
        for kind, data in (("w", weights[key]), ("b", biases[key])):
            from_ = m.constant(kind + "_" + key, data)
            wide[kind + key] = m.tensor("%s_%s_dequantize" % (kind, key), data.shape)
            m.op(6, [from_], wide[kind + key])
    image = m.tensor("image", (1, 9, 11, 3))
    conv = m.op(3, [image, wide["wconv"], wide["bconv"]], m.tensor("conv/Relu6", (1, 5, 6, 8)),
                {0: ("b", SAME), 1: ("i", 2), 2: ("i", 2), 3: ("b", RELU6)})
    pads = m.constant("pads", np.int32([[0, 0], [1, 1], [1, 1], [0, 0]]))
    padded = m.op(34, [conv, pads], m.tensor("padded", (1, 7, 8, 8)))
    deep = m.op(4, [padded, wide["wdeep"], wide["bdeep"]], m.tensor("deep", (1, 5, 6, 8)),
                {0: ("b", VALID), 1: ("i", 1), 2: ("i", 1), 3: ("i", 1), 4: ("b", RELU)})
    point = m.op(3, [deep, wide["wpoint"], wide["bpoint"]], m.tensor("point", (1, 5, 6, 8)),
                 {0: ("b", SAME), 1: ("i", 1), 2: ("i", 1)})
    both = m.op(0, [point, conv], m.tensor("both", (1, 5, 6, 8)), {0: ("b", NONE)})
    leaky = m.op(98, [both], m.tensor("leaky", (1, 5, 6, 8)), {0: ("f", 0.25)})
    pool = m.op(1, [leaky], m.tensor("pool", (1, 3, 3, 8)),
                {0: ("b", SAME), 1: ("i", 2), 2: ("i", 2), 3: ("i", 3), 4: ("i", 3)})
    axes = m.constant("axes", np.int32([1, 2]))
    mean = m.op(40, [pool, axes], m.tensor("mean", (1, 8)))
    last = m.op(9, [mean, wide["wlast"], wide["blast"]], m.tensor("last", (1, 6)), {0: ("b", NONE)})
    out = m.op(25, [last], m.tensor("scores", (1, 6)), {0: ("f", 1.0)})
    m.save(path, [image], [out])

    def torch_of(key):
        weight = torch.from_numpy(weights[key].astype(np.float32))
        bias = torch.from_numpy(biases[key].astype(np.float32))
        return weight, bias

    w, b = torch_of("conv")
    y = F.conv2d(F.pad(x, (1, 1, 1, 1)), w.permute(0, 3, 1, 2), b, stride=2).clamp(0, 6)
    w, b = torch_of("deep")
    z = F.conv2d(y, w.permute(3, 0, 1, 2), b, padding=1, groups=8).relu()
    w, b = torch_of("point")
    z = F.leaky_relu(F.conv2d(z, w.permute(0, 3, 1, 2), b) + y, 0.25)
    # SAME: (5,6) -> (3,3), padding is (1,1) above and below, (0,1) left and right, not counted
    count = F.avg_pool2d(F.pad(torch.ones_like(z), (0, 1, 1, 1)), 3, 2)
    z = F.avg_pool2d(F.pad(z, (0, 1, 1, 1)), 3, 2) / count
    w, b = torch_of("last")
    return torch.softmax(z.mean((2, 3)) @ w.T + b, 1)[0].numpy()


def make_int8_tflite(path):
    """A front end that cannot be imported, then an int8 network, scales for each channel."""
    m = Model()
    x = torch.from_numpy(fill("int8", (6, 8, 1), 2)).permute(2, 0, 1)[None]
    raw = m.tensor("waveform", (6, 8))
    log = m.op(73, [raw], m.tensor("log_mel", (6, 8)))
    quantized = m.op(114, [log], m.tensor("q", (6, 8), "int8", scales=[0.1], zeros=[3]))
    shape = m.constant("shape", np.int32([1, 6, 8, 1]))
    image = m.op(22, [quantized, shape], m.tensor("image", (1, 6, 8, 1), "int8"))
    axis = m.constant("axis", np.int32([3]))
    part = m.op(49, [axis, image], m.tensor("part", (1, 6, 8, 1), "int8"), {0: ("i", 1)})
    rng = np.random.RandomState(5)
    w = rng.randint(-127, 128, (4, 3, 3, 1)).astype(np.int8)
    scales = np.float32([0.01, 0.02, 0.005, 0.03])
    b = rng.randint(-500, 500, 4).astype(np.int32)
    conv = m.op(3, [part,
                    m.constant("w", w, scales=scales, zeros=[0] * 4, dim=0),
                    m.constant("b", b, scales=scales * np.float32(0.1), zeros=[0] * 4, dim=0)],
                m.tensor("conv", (1, 6, 8, 4), "int8"),
                {0: ("b", SAME), 1: ("i", 1), 2: ("i", 1), 3: ("b", RELU)})
    d = rng.randint(0, 256, (1, 3, 3, 4)).astype(np.uint8)
    deep = m.op(4, [conv, m.constant("d", d, scales=[0.01], zeros=[128])],
                m.tensor("deep", (1, 3, 4, 4), "int8"),
                {0: ("b", SAME), 1: ("i", 2), 2: ("i", 2), 3: ("i", 1)})
    out = m.op(14, [deep], m.tensor("out", (1, 3, 4, 4), "int8"))
    out = m.op(6, [out], m.tensor("wide", (1, 3, 4, 4)))
    m.save(path, [raw], [out])
    weight = torch.from_numpy(w.astype(np.float32) * scales[:, None, None, None])
    bias = torch.from_numpy(b.astype(np.float32) * (scales * np.float32(0.1)))
    y = F.conv2d(x, weight.permute(0, 3, 1, 2), bias, padding=1).relu()
    deep_weight = torch.from_numpy((d.astype(np.float32) - 128) * np.float32(0.01))
    y = F.conv2d(F.pad(y, (0, 1, 0, 1)), deep_weight.permute(3, 0, 1, 2), stride=2, groups=4)
    return torch.sigmoid(y)[0].permute(1, 2, 0).numpy()


def make_spectrum_tflite(path):
    """YAMNet's way from samples to log-mel, small: 64 points, window 48, hop 32, 8 bands."""
    m = Model()
    part, parts, step, frames, fft, bands = 16, 3, 2, 12, 64, 8
    samples = part * ((frames - 1) * step + parts)
    window = (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(48) / 48)).astype(np.float32)
    mel = np.abs(fill("spectrum", (bands, fft // 2 + 1), 1))
    index = (np.arange(frames)[:, None] * step + np.arange(parts)).astype(np.int32)
    wave = m.tensor("waveform", (samples,))

    def shape(*dims):
        return m.constant("shape", np.int32(dims))

    x = m.op(22, [wave, shape(-1, part)], m.tensor("split", (samples // part, part)))
    x = m.op(36, [x, m.constant("index", index)], m.tensor("parts", (frames, parts, part)))
    x = m.op(22, [x, shape(-1, 48)], m.tensor("frames", (frames, 48)))
    x = m.op(18, [x, m.constant("window", window)], m.tensor("windowed", (frames, 48)))
    x = m.op(34, [x, m.constant("pads", np.int32([[0, 0], [0, 16]]))],
             m.tensor("padded", (frames, 64)))
    x = m.op(22, [x, shape(-1, 1, 64)], m.tensor("rows", (frames, 1, 64)))
    x = m.op(131, [x, m.constant("fft", np.int32([1, fft]))], m.tensor("complex", (frames, 1, 33)))
    x = m.op(22, [x, shape(-1, 33)], m.tensor("flat", (frames, 33)))
    x = m.op(135, [x], m.tensor("magnitude", (frames, 33)))
    x = m.op(9, [x, m.constant("mel", mel), m.constant("floor", np.full(bands, 0.01, np.float32))],
             m.tensor("mel", (frames, bands)), {0: ("b", NONE)})
    x = m.op(73, [x], m.tensor("log_mel", (frames, bands)))
    x = m.op(22, [x, shape(1, frames, bands, 1)], m.tensor("image", (1, frames, bands, 1)))
    weight = m.constant("w", np.ones((4, 3, 3, 1), np.float32))
    out = m.op(3, [x, weight, -1], m.tensor("conv", (1, frames, bands, 4)), {0: ("b", SAME)})
    m.save(path, [wave], [out])
    return window, mel.T


def make_detector_tflite(path):
    """A single-shot detector of three levels (background and two classes), and a path upwards as
    pyramids have it. Gives the features with the columns that import adds, scores without the
    background, boxes, and what the path upwards gives. The picture has a fourth channel, which only
    the last column reads: where the picture is."""
    m = Model()
    picture = fill("detector", (16, 24, 4), 2)
    x = torch.from_numpy(picture[:, :, :3].copy()).permute(2, 0, 1)[None]
    image = m.tensor("image", (1, 16, 24, 3))

    def conv(of, x, name, out_c, kernel, stride, act):
        in_c, in_h, in_w = x.shape[1:]
        weight = fill("detector." + name, (out_c, kernel, kernel, in_c), 0.5)
        bias = fill("detector.b." + name, (out_c,), 0.5)
        h, w = -(-in_h // stride), -(-in_w // stride)
        out = m.op(3, [of, m.constant("w." + name, weight), m.constant("b." + name, bias)],
                   m.tensor(name, (1, h, w, out_c)),
                   {0: ("b", SAME), 1: ("i", stride), 2: ("i", stride), 3: ("b", act)})
        lost = [max((size - 1) * stride + kernel - old, 0)
                for size, old in ((h, in_h), (w, in_w))]
        x = F.pad(x, (lost[1] // 2, lost[1] - lost[1] // 2, lost[0] // 2, lost[0] - lost[0] // 2))
        y = F.conv2d(x, torch.from_numpy(weight).permute(0, 3, 1, 2), torch.from_numpy(bias),
                     stride)
        return out, y.clamp(0, 6) if act == RELU6 else y

    levels, maps = [], []
    of, y = image, x
    for i, (wide, shapes) in enumerate(((6, 3), (8, 6), (5, 6))):
        of, y = conv(of, y, "level%d" % i, wide, 3, 2, RELU6)
        levels.append((of, y))
        maps.append([conv(of, y, "%s%d" % (kind, i), shapes * codes, 1, 1, NONE) + (shapes, codes)
                     for kind, codes in (("classes", 3), ("boxes", 4))])
    num, outs, heads = 8 * 12 * 3 + 4 * 6 * 6 + 2 * 3 * 6, [], []
    for kind, name in enumerate(("scores", "boxes")):
        parts, flat = [], []
        for i, level in enumerate(maps):
            of, y, shapes, codes = level[kind]
            rows = y.shape[2] * y.shape[3] * shapes
            wanted = m.constant("shape", np.int32([1, rows, codes]))
            parts.append(m.op(22, [of, wanted], m.tensor("%s_flat%d" % (name, i),
                                                         (1, rows, codes))))
            flat.append(y[0].permute(1, 2, 0).reshape(rows, codes))
        outs.append(m.op(2, parts, m.tensor("raw/" + name, (1, num, codes)),
                         {0: ("i", 1), 1: ("b", NONE)}))
        heads.append(torch.cat(flat))
    size = m.constant("size", np.int32([8, 12]))
    up = m.op(23, [levels[1][0], size], m.tensor("up", (1, 8, 12, 8)), {3: ("b", 1)})
    both = m.op(2, [up, levels[0][0]], m.tensor("both", (1, 8, 12, 14)),
                {0: ("i", -1), 1: ("b", NONE)})
    m.save(path, [image], outs + [both])
    up = F.interpolate(levels[1][1], (8, 12), mode="bilinear", align_corners=False)

    columns = torch.full((2, 4, 6), -np.inf)
    for _, y, shapes, _ in (level[0] for level in maps):
        best = y[0].reshape(shapes, 3, *y.shape[2:]).amax(0)[1:]
        fine = best.shape[1] == 8
        best = F.max_pool2d(best[None], 2)[0] if fine else F.interpolate(best[None], (4, 6))[0]
        columns = torch.maximum(columns, best)
    cover = F.avg_pool2d(torch.from_numpy(picture[None, None, :, :, 3].copy()), 4)[0]
    features = torch.cat([levels[1][1][0], 12 * torch.sigmoid(columns), cover])
    pooled = F.max_pool2d(levels[0][1], 2)[0].permute(1, 2, 0).numpy()
    return (features.permute(1, 2, 0).numpy(), pooled, heads[0][:, None, 1:].numpy(),
            heads[1][:, None].numpy(), torch.cat([up, levels[0][1]], 1)[0].permute(1, 2, 0).numpy())


def make_custom_tflite(path):
    m = Model()
    image = m.tensor("image", (1, 4, 4, 1))
    weight = m.constant("w", np.ones((1, 1, 1, 1), np.float32))
    conv = m.op(3, [image, weight, -1], m.tensor("conv", (1, 4, 4, 1)), {0: ("b", SAME)})
    out = m.op(32, [conv], m.tensor("boxes", (1, 10)), custom="Detection_PostProcess")
    m.save(path, [image], [out])


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", default=os.path.join(HERE, "../../tests/fuzz/corpus/import"))
    parser.add_argument("--out", default=os.path.join(HERE, "../../tests/golden"))
    args = parser.parse_args()
    os.makedirs(args.models, exist_ok=True)

    def at(name):
        return os.path.join(args.models, name)

    window, mel = make_mel(at("mel.onnx"))
    spectrum = make_spectrum_tflite(at("spectrum.tflite"))
    make_unsupported(at("unsupported.onnx"))
    make_custom_tflite(at("custom.tflite"))
    detector = make_detector_tflite(at("detector.tflite"))
    blob.write(args.out, "import", [
        ("cnn", run_torch(Cnn, "cnn", (21, 27, 3), at("cnn.onnx"), True), "cnn.onnx"),
        ("flat", run_torch(Flat, "flat", (6, 8, 2), at("flat.onnx"), False), "flat.onnx"),
        ("nhwc", make_nhwc(at("nhwc.onnx")), "nhwc.onnx"),
        ("half", make_half_tflite(at("half.tflite")), "half.tflite"),
        ("int8", make_int8_tflite(at("int8.tflite")), "int8.tflite, from log_mel on"),
        ("window", window, "mel.onnx's window"),
        ("mel", mel, "mel.onnx's bands"),
        ("spectrum_window", spectrum[0], "spectrum.tflite's window"),
        ("spectrum_mel", spectrum[1], "spectrum.tflite's bands"),
        ("detector", detector[0], "detector.tflite's features, classes and cover"),
        ("detector_pooled", detector[1], "highest values of level0 at its places"),
        ("detector_scores", detector[2], "its scores without the background"),
        ("detector_boxes", detector[3], "its boxes"),
        ("detector_both", detector[4], "detector.tflite, both"),
    ])


if __name__ == "__main__":
    main()
