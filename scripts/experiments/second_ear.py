#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What a second ear beside the shipped one would hear: EfficientAT's MN04.

    second_ear.py file mn04_as_mAP_432.pt --assets assets.csv -o first.safetensors
    ../model/sound_head.py --assets assets.csv --ear first.safetensors -o second.safetensors
    second_ear.py beside second.safetensors --assets assets.csv
    second_ear.py together second.safetensors --assets assets.csv -o audio.safetensors

The network (Schmid, Koutini, Widmer: Efficient Large-Scale Audio Tagging via Transformer-to-CNN Knowledge
Distillation, ICASSP 2023; MIT) is MobileNetV3 of width 0.4 with squeeze and excitation over channels, taught by
transformers on AudioSet. `file` writes it as an encoder's file (model/README.md): of a patch of 96 frames 256
principal components of the 384 numbers that it pools, each of variance 1 over mixtures of the labelled
recordings, and as a second output its scores of AudioSet's 527 classes. `beside` measures its log-odds of the
classes, the shipped ear's and the means of both on mixtures of the validation split. `together` puts both into one
file behind one front end, whose floor is lower: a linear map of each frame makes the shipped ear's bands of it.

It was taught at 32 kHz; cameras give 16. Frames of 25 ms every 10 ms, 128 bands of Kaldi's mel scale up to
15 kHz: those above 8 kHz stay silent, at the logarithm's floor, which is a bound here and was a sum there. Its
pre-emphasis becomes a factor of each frequency, and frames of half as many samples have a quarter of the
power: both lie in the mel matrix."""
import argparse
import json
import math
import os
import sys

import numpy as np
import torch

HERE = os.path.dirname(os.path.abspath(__file__))
SHIPPED = os.path.join(HERE, "..", "..", "weights", "ear.safetensors")
sys.path[:0] = [os.path.join(HERE, "..", "ear"), os.path.join(HERE, "..", "model")]
import clips  # noqa: E402  (pylint: disable=wrong-import-position)
import encoder_file  # noqa: E402
import export  # noqa: E402
import graph as export_graph  # noqa: E402
import learning  # noqa: E402
import mixtures  # noqa: E402
import sound_head  # noqa: E402

RATE, TAUGHT_RATE = mixtures.RATE, 32000
FFT, WINDOW, HOP, BANDS, FRAMES = 512, 400, 160, 128, 96
HIGHEST_HZ, EMPHASIS, FLOOR = 15000.0, 0.97, 1e-5
SHIFT, SCALE = 4.5, 1 / 5.0  # of the natural logarithm
LOW_FLOOR = 1e-10  # of both ears together: the shipped one hears what is quieter
MIXTURES = 6144
# Blocks of MobileNetV3-Large: whether they squeeze, whether they swish, stride. The weights say the rest.
BLOCKS = ((False, False, 1), (False, False, 2), (False, False, 1), (True, False, 2), (True, False, 1),
          (True, False, 1), (False, True, 2), (False, True, 1), (False, True, 1), (False, True, 1),
          (True, True, 1), (True, True, 1), (True, True, 2), (True, True, 1), (True, True, 1))


def front_end(floor=FLOOR):
    """-> window (WINDOW), mel (FFT / 2 + 1, BANDS), what the file says of them"""
    hz = np.arange(FFT // 2 + 1) * RATE / FFT
    mel = 1127 * np.log1p(hz / 700)
    step = 1127 * math.log1p(HIGHEST_HZ / 700) / (BANDS + 1)
    left = np.arange(BANDS) * step
    sides = np.minimum((mel[:, None] - left) / step, (left + 2 * step - mel[:, None]) / step)
    emphasis = 1 + EMPHASIS ** 2 - 2 * EMPHASIS * np.cos(2 * np.pi * hz / TAUGHT_RATE)
    table = np.maximum(sides, 0) * (emphasis * (TAUGHT_RATE / RATE) ** 2)[:, None]
    front = {"log": "db_power", "sample_rate": RATE, "fft": FFT, "window": WINDOW, "hop": HOP,
             "num_mel": BANDS, "frames": FRAMES, "frames_hop": FRAMES // 2, "pcm_scale": 1.0,
             "floor": floor, "top_db": 0.0, "post_scale": math.log(10) / 10 * SCALE,
             "post_shift": SHIFT * SCALE}
    return (np.hanning(WINDOW).astype(np.float32), table.astype(np.float32), front)


class Trunk(export.Graph):
    """Layers of a state dict, time down and frequency across (the other way round than there)."""

    def __init__(self, state):
        super().__init__(FRAMES, BANDS)
        self.state = state

    def folded(self, name):
        """-> the convolution's weight with its batch normalisation's factor, bias"""
        weight, scale, shift, mean, variance = (
            self.state[f"{name}.{part}"].double().numpy()
            for part in ("0.weight", "1.weight", "1.bias", "1.running_mean", "1.running_var"))
        factor = scale / np.sqrt(variance + 1e-3)
        return weight.transpose(0, 1, 3, 2) * factor[:, None, None, None], shift - mean * factor

    def convolution(self, at, name, stride=1, act=None):
        return self.windowed(at, *self.folded(name), stride, act)

    def line(self, at, name, act):
        weight, bias = (self.state[f"{name}.{part}"].double().numpy()
                        for part in ("weight", "bias"))
        return self.add("linear", [at], (1, 1, len(bias)), weight, bias, act=act)

    def excited(self, at, name):
        factors = self.add("mean", [at], (1, 1, self.values[at][2]))
        factors = self.line(factors, f"{name}.conc_se_layers.0.fc1", "relu")
        factors = self.line(factors, f"{name}.conc_se_layers.0.fc2", "sigmoid")
        return self.add("mul", [at, factors], self.values[at])

    def block(self, at, name, plan):
        squeezes, swishes, stride = plan
        act, start, part = "hard_swish" if swishes else "relu", at, 0
        if self.state[f"{name}.0.0.weight"].shape[2] == 1:  # widens first
            at, part = self.convolution(at, f"{name}.0", act=act), 1
        at = self.convolution(at, f"{name}.{part}", stride, act)
        if squeezes:
            part += 1
            at = self.excited(at, f"{name}.{part}")
        at = self.convolution(at, f"{name}.{part + 1}")
        short = stride == 1 and self.values[start] == self.values[at]
        return self.add("add", [start, at], self.values[at]) if short else at


def graph_of(state):
    """-> the graph up to what it pools, that value"""
    graph = Trunk(state)
    at = graph.convolution(0, "features.0", 2, "hard_swish")
    for number, plan in enumerate(BLOCKS, 1):
        at = graph.block(at, f"features.{number}.block", plan)
    at = graph.convolution(at, f"features.{len(BLOCKS) + 1}", act="hard_swish")
    return graph, graph.add("mean", [at], (1, 1, graph.values[at][2]))


def write(path, graph, outs, source, floor=FLOOR):
    window, mel, front = front_end(floor)
    meta = {"tyto.kind": "audio", "tyto.source": f"{source}, EfficientAT, taught by AudioSet",
            "tyto.license": "MIT", "tyto.frontend": json.dumps(front),
            "tyto.graph": json.dumps({"values": graph.values, "layers": graph.layers, "out": outs},
                                     separators=(",", ":"))}
    encoder_file.write(path, {**graph.tensors, "frontend.window": window, "frontend.mel": mel}, meta)


def components(path, assets):
    """Of what the file's first output gives of mixtures -> weight (sound_head.WIDTH, c), bias. Its numbers have
    one unit: they are not standardised first."""
    rows = clips.assets_of(assets, "audio", "train")
    recordings = sound_head.Recordings(rows, sorted({name for _, name in rows} - {"other"}))
    encoder, found = encoder_file.Encoder(path).eval(), []
    with torch.no_grad():
        for _ in range(0, MIXTURES, 256):
            found.append(encoder.outputs(encoder.log_mel(sound_head.mix(recordings, 256)[0]))[0])
    pooled = torch.cat(found).double()
    mean = pooled.mean(0)
    values, vectors = torch.linalg.eigh((pooled - mean).T @ (pooled - mean) / len(pooled))
    values = values.clamp(min=1e-6)  # halves hold their inverses' roots
    weight = (vectors[:, -sound_head.WIDTH:] / values[-sound_head.WIDTH:].sqrt()).flip(1).T
    return weight.numpy(), (-weight @ mean).numpy()


def file(args):
    state = torch.load(args.weights, map_location="cpu")
    graph, pooled = graph_of(state)
    source = os.path.basename(args.weights)
    write(args.out, graph, [pooled], source)
    weight, bias = components(args.out, args.assets)
    feature = graph.add("linear", [pooled], (1, 1, len(bias)), weight, bias)
    scores = graph.line(graph.line(pooled, "classifier.2", "hard_swish"), "classifier.5", "sigmoid")
    write(args.out, graph, [feature, scores], source)
    print(f"{sum(t.size for t in graph.tensors.values()):,} numbers, "
          f"{export.macs_of(graph):,} multiply-accumulates a patch")


def odds_of(encoder, x, names, wanted):
    """Log-odds of the wanted classes; names: those of the file's columns"""
    odds = encoder.outputs(encoder.log_mel(x))[0][:, sound_head.WIDTH:] / sound_head.SCALE
    return odds[:, [names.index(name) for name in wanted]]


def beside(args):
    classes = sorted({name for _, name in clips.assets_of(args.assets, "audio", "train")} - {"other"})
    recordings = sound_head.Recordings(clips.assets_of(args.assets, "audio", "val"), classes)
    first, second = (encoder_file.Encoder(path).eval() for path in (SHIPPED, args.weights))
    parts = []
    with torch.no_grad():
        for done in range(0, args.windows, 256):
            x, heard, known = sound_head.mix(recordings, 256)
            parts.append((odds_of(first, x, sorted(classes + args.also), classes),
                          odds_of(second, x, classes, classes), heard, known.bool()))
            learning.progress(done + 256, args.windows, "windows")
    shipped, other, heard, known = (torch.cat(part).numpy() for part in zip(*parts))
    for name, odds in (("the shipped ear", shipped), (args.weights, other),
                       ("the mean of both", (shipped + other) / 2)):
        learning.say_precision(f"windows: {name}", classes, odds, heard, known)


def fitted(first, floor, rows):
    """A map of a frame of this front end's bands that gives the shipped ear's, by least squares and then through the bound
    that its floor is -> weight (64, BANDS), bias, bound"""
    own = first.frontend
    bound = math.log(own["floor"]) * own["post_scale"] + own["post_shift"]
    window, mel, front = front_end(floor)
    window, mel = torch.from_numpy(window), torch.from_numpy(mel)
    classes = sorted({name for _, name in rows} - {"other"})
    recordings = sound_head.Recordings(rows[::3], classes)
    given, wanted = [], []
    with torch.no_grad():
        for _ in range(8):
            x = sound_head.mix(recordings, 256)[0]
            x[:64] *= torch.logspace(-3, 0, 64)[:, None]  # quiet ones, too
            given.append(encoder_file.log_mel(x, window, mel, front)[:, ::8].flatten(0, 1))
            wanted.append(first.log_mel(x)[:, ::8].flatten(0, 1))
    given, wanted = torch.cat(given), torch.cat(wanted)
    last = len(given) * 4 // 5
    mean, scale = given.mean(0).double(), given.std(0).double()
    scale[scale < 1e-2] = torch.inf  # silent bands say nothing
    known = torch.cat([(given.double() - mean) / scale, torch.ones(len(given), 1)], 1)[:last]
    solved = torch.linalg.lstsq(known, wanted[:last].double(), driver="gelsd").solution
    weight = torch.nn.Parameter((solved[:-1] / scale[:, None]).T.float())
    bias = torch.nn.Parameter((solved[-1] - (mean / scale) @ solved[:-1]).float())
    optimizer = torch.optim.Adam([weight, bias], 2e-4)

    def error(which):
        return ((given[which] @ weight.T + bias).clamp(min=bound) - wanted[which]).square().mean()
    for _ in range(400):
        optimizer.zero_grad()
        error(torch.randint(0, last, (2048,))).backward()
        optimizer.step()
    with torch.no_grad():
        print(f"the shipped ear's log-mel: off by {error(slice(last, None)).sqrt():.3f}, "
              f"where it varies by {wanted.std():.2f}")
    return weight.detach().numpy(), bias.detach().numpy(), bound


def paste(graph, path, value):
    """The layers of a file behind a value -> what the first output is made of, or is"""
    tensors, meta = export_graph.read(path)
    other = json.loads(meta["tyto.graph"])
    places = {0: value}
    for number, layer in enumerate(other["layers"]):
        more = {key: what for key, what in layer.items() if key not in ("op", "in", "out")}
        places[layer["out"]] = graph.add(
            layer["op"], [places[one] for one in layer["in"]], other["values"][layer["out"]],
            tensors.get(f"layer.{number:03d}.weight"), tensors.get(f"layer.{number:03d}.bias"), **more)
    last = other["layers"][-1]
    return [places[one] for one in (last["in"] if last["op"] == "concat" else [last["out"]])]


def together(args):
    weight, bias, bound = fitted(encoder_file.Encoder(SHIPPED), LOW_FLOOR,
                                 clips.assets_of(args.assets, "audio", "train"))
    graph = export.Graph(FRAMES, BANDS)
    bands = graph.add("conv", [0], (FRAMES, 1, len(bias)), weight[:, None, :, None], bias,
                      kernel=[1, BANDS], stride=[1, 1], pad=[0, 0, 0, 0], clamp_min=bound)
    parts = paste(graph, SHIPPED, graph.add("stack", [bands], (FRAMES, len(bias), 1)))
    own = graph.add("activation", [0], (FRAMES, BANDS, 1), clamp_min=(math.log(FLOOR) + SHIFT) * SCALE)
    parts.append(paste(graph, args.weights, own)[1])
    out = graph.add("concat", parts, (1, 1, sum(graph.values[part][2] for part in parts)))
    write(args.out, graph, [out], os.path.basename(args.weights), LOW_FLOOR)


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True)
    for command in (file, beside, together):
        one = commands.add_parser(command.__name__)
        one.set_defaults(run=command)
        one.add_argument("weights", help="a state dict of MN04, or what sound_head.py made of it")
        one.add_argument("--assets", required=True)
        one.add_argument("--seed", type=int, default=1)
        if command in (file, together):
            one.add_argument("-o", "--out", required=True)
        else:
            one.add_argument("--windows", type=int, default=8192)
            one.add_argument("--also", action="append", default=["horse"],
                             help="classes that the shipped ear was taught by another list")
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    args.run(args)


if __name__ == "__main__":
    main()
