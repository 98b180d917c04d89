#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes a taught ear as an encoder's file of tyto (model/README.md).

    export.py EAR.pt -o weights/ear.safetensors --front YAMNET.safetensors --packs DIR

What the encoder gives of a patch of 0.975 s is 256 numbers, the principal components of what the
last convolution finds, each of variance 1; beside them, as its second output, the scores of
AudioSet's 521 classes. The components are fitted on the recordings of the data packs, without
labels; they also decide which inner channels hardly matter: those go, until the multiply-accumulates
are within --macs. Batch normalisation is folded, weights are rounded to half floats, the front end is
the teacher's with log-mel brought to about -1..1."""
import argparse
import glob
import json

import numpy as np
import torch
from torch import nn

import encoder_file
import mixtures
import soundpack
import student


def folded(part):
    """conv and its batch normalisation -> weight, bias"""
    weight, norm = part[0].weight.double(), part[1]
    factor = norm.weight.double() / (norm.running_var.double() + norm.eps).sqrt()
    bias = norm.bias.double() - norm.running_mean.double() * factor
    return (weight * factor[:, None, None, None]).numpy(), bias.numpy()


class Graph:
    """Layers one after the other; value 0 is the input."""

    def __init__(self, height, width):
        self.values, self.layers, self.tensors = [[height, width, 1]], [], {}

    def add(self, op, ins, shape, weight=None, bias=None, **more):
        self.values.append(list(shape))
        number = len(self.layers)
        self.layers.append({"op": op, "in": ins, "out": len(self.values) - 1, **more})
        if weight is not None:
            self.tensors[f"layer.{number:03d}.weight"] = weight.astype(np.float16)
            self.tensors[f"layer.{number:03d}.bias"] = bias.astype(np.float16)
        return len(self.values) - 1

    def windowed(self, at, weight, bias, stride, act):
        """weight (out, in, rows, columns) in PyTorch's order, in 1: each channel on its own; zeros
        around it as far as half a window"""
        kernel, before = weight.shape[2], weight.shape[2] // 2
        ins, out, pads = self.values[at], [], []
        for size in ins[:2]:
            num = (size + 2 * before - kernel) // stride + 1
            out.append(num)
            pads.append(max(0, (num - 1) * stride + kernel - before - size))
        depthwise = weight.shape[1] == 1 and ins[2] > 1
        weight = weight[:, 0].transpose(1, 2, 0) if depthwise else weight.transpose(0, 2, 3, 1)
        more = {"act": act} if act else {}
        return self.add("dwconv" if depthwise else "conv", [at], (*out, len(bias)), weight, bias,
                        kernel=[kernel, kernel], stride=[stride, stride],
                        pad=[before, before, *pads], **more)

    def conv(self, at, part):
        """conv, batch normalisation and what follows, of student.conv"""
        weight, bias = folded(part)
        return self.windowed(at, weight, bias, part[0].stride[0], "relu" if len(part) > 2 else None)

    def linear(self, at, part, act):
        weight, bias = part.weight.double().numpy(), part.bias.double().numpy()
        return self.add("linear", [at], (1, 1, len(bias)), weight, bias, act=act)


def graph_of(ear, components):
    """components: weight (c, pooled), bias (c)"""
    graph = Graph(student.FRAMES, student.BANDS)
    at = graph.conv(0, ear.stem)
    for block in ear.blocks:
        start = at
        for part in block.body:
            at = graph.conv(at, part)
        if block.short:
            at = graph.add("add", [start, at], graph.values[at])
    at = graph.conv(at, ear.last)
    pooled = graph.add("mean", [at], (1, 1, graph.values[at][2]))
    weight, bias = components
    feature = graph.add("linear", [pooled], (1, 1, len(bias)), weight, bias)
    scores = graph.linear(graph.linear(pooled, ear.feature, "relu"), ear.scores, "sigmoid")
    return graph, [feature, scores]


def macs_of(graph):
    total = 0
    for number, layer in enumerate(graph.layers):
        weight = graph.tensors.get(f"layer.{number:03d}.weight")
        height, width, _ = graph.values[layer["out"]]
        total += weight.size * height * width if weight is not None else 0
    return total


@torch.no_grad()
def calibrate(ear, front, bank, crops, covariances):
    """What passes through the ear: pooled (recordings, c), the mean over crops of each; of each
    block with inner channels their mean and, when asked for, covariance."""
    pooled, sums, steps = [], {}, 0

    def remember(block):
        def hook(_module, _ins, out):
            values = out.transpose(0, 1).flatten(1)
            product = values @ values.t() / values.shape[1]
            old = sums.get(block, (0, 0))
            sums[block] = old[0] + values.mean(1).double(), old[1] + product.double()
        return hook
    hooks = [block.body[1].register_forward_hook(remember(i)) for i, block in
             enumerate(ear.blocks) if covariances and len(block.body) == 3]
    for which in torch.arange(len(bank.lengths)).split(64):
        own = []
        for _ in range(crops):
            own.append(ear(front.log_mel(mixtures.plain(bank, which)))[0].double())
            steps += 1
        pooled.append(torch.stack(own).mean(0))
    for hook in hooks:
        hook.remove()
    stats = {}
    for i, (mean, product) in sums.items():
        mean = mean / steps
        covariance = product / steps - mean[:, None] * mean
        ridge = 1e-4 * covariance.diagonal().mean()
        stats[i] = mean, covariance + ridge * torch.eye(len(mean), dtype=torch.double)
    return torch.cat(pooled), stats


def without(block, keep, mean, covariance):
    """The block with these inner channels only. The projection is fitted anew to give what it gave,
    as far as the channels that stay tell what the others were."""
    first, second, third = block.body
    old = third[0].weight[:, :, 0, 0].double()
    new = torch.linalg.solve(covariance[keep][:, keep], covariance[keep] @ old.t()).t()
    third[1].running_mean -= (old @ mean - new @ mean[keep]).float()
    third[0].weight = nn.Parameter(new.float()[:, :, None, None], False)
    for part in (first, second):
        part[0].weight = nn.Parameter(part[0].weight[keep], False)
        for name in ("weight", "bias"):
            setattr(part[1], name, nn.Parameter(getattr(part[1], name)[keep], False))
        for name in ("running_mean", "running_var"):
            setattr(part[1], name, getattr(part[1], name)[keep])
    second[0].groups = int(keep.sum())


def prune(ear, stats, sizes, excess):
    """Takes inner channels away until excess is saved: first those whose part that no other
    channel tells has the least effect for its cost."""
    chances, kept = [], {}
    for i, (_, covariance) in stats.items():
        first, second, third = ear.blocks[i].body
        factor = third[1].weight / (third[1].running_var + third[1].eps).sqrt()
        own = 1 / torch.linalg.inv(covariance).diagonal()
        effect = own * (third[0].weight[:, :, 0, 0] * factor[:, None]).double().square().sum(0)
        cost = first[0].weight.shape[1] * sizes[i][0] + sizes[i][1] * (
            second[0].weight[0].numel() + third[0].weight.shape[0])
        kept[i] = torch.ones(len(own), dtype=torch.bool)
        chances += [(e / cost, i, c, cost) for c, e in enumerate(effect.tolist())]
    gone = 0
    for _, i, channel, cost in sorted(chances):
        if excess <= 0:
            break
        kept[i][channel] = False
        excess, gone = excess - cost, gone + 1
    for i, keep in kept.items():
        if not keep.all():
            without(ear.blocks[i], keep, *stats[i])
    return gone


def places(ear):
    """(before, after) of each block: how many places it has to compute"""
    height, width, out = student.FRAMES // 2, student.BANDS // 2, []
    for block in ear.blocks:
        stride = max(p[0].stride[0] for p in block.body)
        after = -(-height // stride) * -(-width // stride)
        out.append((height * width, after))
        height, width = -(-height // stride), -(-width // stride)
    return out


def components_of(pooled, num):
    """Principal components of what is standardised first -> weight, bias, share of the variance"""
    mean, scale = pooled.mean(0), pooled.std(0) + 1e-3
    _, deviation, rows = torch.linalg.svd((pooled - mean) / scale, full_matrices=False)
    deviation = deviation / len(pooled) ** 0.5
    weight = rows[:num] / scale / deviation[:num, None]
    kept = (deviation[:num].square().sum() / deviation.square().sum()).item()
    return (weight.numpy(), -(weight @ mean).numpy()), kept


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("ear")
    parser.add_argument("-o", "--out", required=True)
    parser.add_argument("--front", required=True, help="the teacher's file: window and mel matrix")
    parser.add_argument("--packs", required=True)
    parser.add_argument("--components", type=int, default=256)
    parser.add_argument("--macs", type=int, default=23_050_000)
    parser.add_argument("--opus", default="libopus.so.0")
    args = parser.parse_args()
    state = torch.load(args.ear, map_location="cpu")
    ear = student.Ear(state["shape"])
    ear.load_state_dict(state["model"])
    ear.requires_grad_(False).eval()
    soundpack_paths = sorted(glob.glob(args.packs + "/sound.data.*.pack"))
    bank = mixtures.Bank([x for _, _, x in soundpack.read_pcm(soundpack_paths, args.opus)], "cpu")
    torch.manual_seed(1)
    teacher = encoder_file.Encoder(args.front)
    pooled, stats = calibrate(ear, teacher, bank, 1, True)
    components, kept = components_of(pooled, args.components)
    graph, _ = graph_of(ear, components)
    gone = prune(ear, stats, places(ear), macs_of(graph) - args.macs)
    pooled, _ = calibrate(ear, teacher, bank, 3, False)
    components, kept = components_of(pooled, args.components)
    graph, outs = graph_of(ear, components)
    print(f"{args.components} components keep {kept:.4f} of the variance; {gone} inner channels gone")
    print(f"{sum(t.size for t in graph.tensors.values())} parameters, {macs_of(graph)} multiply-"
          "accumulates")

    tensors, meta = encoder_file.read(args.front)
    front = json.loads(meta["tyto.frontend"])
    front.update(post_scale=student.SCALE, post_shift=-student.MEAN * student.SCALE)
    for name in ("frontend.mel", "frontend.window"):
        graph.tensors[name] = tensors[name]
    compact = {"separators": (",", ":")}
    encoder_file.write(args.out, graph.tensors, {
        "tyto.kind": "audio", "tyto.source": "scripts/ear, taught by YAMNet",
        "tyto.license": "MIT; weights/ear.md names the sources",
        "tyto.graph": json.dumps({"values": graph.values, "layers": graph.layers, "out": outs},
                                 **compact),
        "tyto.frontend": json.dumps(front, **compact)})

    exported = encoder_file.Encoder(args.out)
    mel = exported.log_mel(mixtures.mix(bank, 64))
    whole = ear((mel / student.SCALE + student.MEAN))
    wanted = whole[0].double() @ torch.from_numpy(components[0]).t() + torch.from_numpy(components[1])
    for name, got, want in (("components", exported(mel)[0], wanted),
                            ("scores", exported.outputs(mel)[1], torch.sigmoid(whole[2]))):
        print(f"halves cost {name} at most {(got - want).abs().max().item():.4f} of "
              f"{want.abs().max().item():.3f}")


if __name__ == "__main__":
    main()
