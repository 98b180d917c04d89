#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Teaches the ear the names of the classes: log-odds of each, as more columns of its features.

  scripts/model/sound_head.py --assets assets.csv --more named.csv --ear EAR.safetensors -o audio.safetensors

EAR is what scripts/ear/export.py wrote, or what this wrote before; named.csv is what named_sounds.py
found. Windows of 0.975 s are mixed out of labelled recordings: up to three of them at random loudness
and speed, in rooms, through microphones, over noise. A class counts as heard where its recording is
loud at that moment (within 14 dB of what it has at its loudest) and no more than 9 dB below everything
else; where it can hardly be heard the window says nothing of it. The ear's first layers, which cost most
and find what all sounds have in common, stay; the rest learns the classes, and keeps its 256 numbers and
its scores of AudioSet's classes near what they were. The log-odds are linear in the 256 numbers and stand
behind them, a third of them. The recordings of the validation split make the windows whose mean average
precision is printed; nothing is chosen by it."""
import argparse
import copy
import math
import sys

import numpy as np
import soundfile
import torch
from scipy.signal import resample_poly

import clips
import graph
import learning

import encoder_file  # in scripts/ear, which graph.py made known
import mixtures
import train

NUM, TENTH = mixtures.NUM, 1600
SCALE = 1 / 3  # of log-odds: about the deviation of the numbers beside them
WIDTH = 256  # numbers of the ear itself
KEPT = 2304  # numbers of a mixture that the taught layers read, at most
BATCH = 256
LOUD, AUDIBLE, SILENT, DROWNED = -14.0, -9.0, -30.0, -22.0  # dB


def load(path):
    """16 kHz mono, 12 s at most; None where a file cannot be read"""
    try:
        samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
    except RuntimeError as error:
        print(f"{path}: {error}", file=sys.stderr)
        return None
    samples = samples.mean(1)
    if rate != mixtures.RATE:
        common = math.gcd(rate, mixtures.RATE)
        samples = resample_poly(samples, mixtures.RATE // common, rate // common)
    samples = samples[:12 * mixtures.RATE].astype(np.float32)
    return samples if len(samples) >= TENTH // 2 else None


def loudest(samples):
    """RMS of the tenths of a second, nine tenths of them below"""
    tenths = samples[:len(samples) // TENTH * TENTH].reshape(-1, TENTH)
    if len(tenths) == 0:
        tenths = samples[None]
    return max(float(np.percentile(np.sqrt((tenths ** 2).mean(1)), 90)), 1e-4)


class Recordings:
    def __init__(self, rows, classes):
        loaded = [(load(name), kind) for name, kind in rows]
        loaded = [(samples, kind) for samples, kind in loaded if samples is not None]
        lengths = torch.tensor([len(samples) for samples, _ in loaded])
        self.flat = torch.cat([torch.from_numpy(samples) for samples, _ in loaded])
        self.begin, self.length = lengths.cumsum(0) - lengths, lengths
        self.level = torch.tensor([loudest(samples) for samples, _ in loaded])
        self.classes = classes
        self.kind = torch.tensor([classes.index(kind) if kind in classes else -1
                                  for _, kind in loaded])
        # Rare classes more often than their share, and a quarter of draws for sounds of no class.
        counts = torch.bincount(self.kind + 1, minlength=len(classes) + 1).float()
        self.weight = 1 / counts[self.kind + 1].sqrt()
        named = self.weight[self.kind >= 0].sum()
        self.weight[self.kind < 0] = 0.35 * named / counts[0].clamp(min=1)

    def draw(self, num):
        return torch.multinomial(self.weight, num, True)

    def crop(self, which):
        """(n) -> (n, NUM) samples in units of the recording's level, dB of the loudest tenth"""
        num = len(which)
        speed = torch.where(torch.rand(num) < 0.3, torch.exp(torch.rand(num) * 0.3 - 0.15),
                            torch.ones(num))
        room = self.length[which].float() - NUM * speed
        time = torch.arange(NUM) * speed[:, None]
        low = time.floor()
        at = (torch.rand(num) * room).floor().long()[:, None] + low.long()
        period = (self.length[which].float() * (1 + torch.rand(num)) + 400).long()
        again = (room < 0) & (torch.rand(num) < 0.4)
        at = torch.where(again[:, None], torch.remainder(at, period[:, None]), at)
        last = self.length[which][:, None] - 2
        inside = (at >= 0) & (at <= last)
        index = self.begin[which][:, None] + torch.minimum(at.clamp(min=0), last)
        part = time - low
        x = self.flat[index] * (1 - part) + self.flat[index + 1] * part
        x = torch.where(inside, x, torch.zeros_like(x)) / self.level[which][:, None]
        tenths = x[:, :NUM // TENTH * TENTH].reshape(num, -1, TENTH)
        loud = tenths.square().mean(2).sqrt().amax(1).clamp(min=1e-5)
        return x, 20 * torch.log10(loud)


def spoilt(x):
    """Rooms and microphones, loudness kept."""
    some = torch.randperm(len(x))[:round(0.6 * len(x))]
    spectrum = torch.fft.rfft(x[some], mixtures.FFT) * mixtures.response(len(some), "cpu")
    mixtures.some(spectrum, 0.5, lambda s: s * mixtures.rooms(len(s), "cpu"))
    y = torch.fft.irfft(spectrum, mixtures.FFT)[:, :NUM]
    x[some] = y * mixtures.rms(x[some]) / mixtures.rms(y).clamp(min=1e-4)
    return x


def mix(recordings, num):
    """-> (num, NUM) samples, (num, classes) heard, (num, classes) whether that is known"""
    heard = torch.zeros(num, len(recordings.classes))
    known = torch.ones_like(heard)
    chance = torch.rand(num)
    layers = (chance >= 0.08).int() + (chance >= 0.5) + (chance >= 0.88)
    x, kinds, levels = torch.zeros(num, NUM), [], []
    for layer in range(3):
        which = recordings.draw(num)
        part, loud = recordings.crop(which)
        gain = torch.zeros(num) if layer == 0 else 2 - 22 * torch.rand(num)
        gain = torch.where(layers > layer, gain, torch.full((num,), -200.0))
        x = x + part * mixtures.from_db(gain)[:, None]
        kinds.append(recordings.kind[which])
        levels.append(loud + gain)
    x = spoilt(x)
    noise = torch.where(torch.rand(num) < 0.75, 3 - 35 * torch.rand(num), torch.full((num,), -60.0))
    x = x + mixtures.noises(num, "cpu") * mixtures.from_db(noise)[:, None]
    rows = torch.arange(num)
    for layer in range(3):
        others = [level for other, level in enumerate(levels) if other != layer] + [noise]
        above = levels[layer] - torch.stack(others).amax(0)
        named = kinds[layer] >= 0
        clear = named & (levels[layer] > LOUD) & (above > AUDIBLE)
        faint = named & ~clear & (levels[layer] > SILENT) & (above > DROWNED)
        known[rows[faint], kinds[layer][faint]] = 0
        heard[rows[clear], kinds[layer][clear]] = 1
    known[heard > 0] = 1
    x = x * mixtures.from_db(-12 - 30 * torch.rand(num))[:, None]
    mixtures.some(x, 1 / 12, mixtures.overloaded)
    x = x.clamp(-1, 1)
    mixtures.some(x, 0.1, mixtures.mu_law)
    return x, heard, known


def tail_of(ear):
    """The first layer that is taught: layers are cheap from there on, and what it reads is small enough
    to be kept for every mixture. Small layers inside a block (squeeze and excitation) are no place to begin."""
    shapes = graph.json.loads(ear.meta["tyto.graph"])["values"]
    return next(number for number, layer in enumerate(ear.layers)
                if layer["op"] == "conv" and math.prod(shapes[layer["in"][0]]) <= KEPT)


def windows(recordings, ear, num, what):
    """What the taught layers read of num mixtures -> values, heard, known"""
    found, first = [[], [], []], tail_of(ear)
    with torch.no_grad():
        for done in range(0, num, 256):
            x, heard, known = mix(recordings, 256)
            values, _ = ear.run(ear.log_mel(x), False, 0, first)
            for to, value in zip(found, (values[ear.layers[first]["in"][0]].half(), heard.bool(),
                                         known.bool())):
                to.append(value)
            learning.progress(done + 256, num, f"windows of {what}")
    return [torch.cat(parts) for parts in found]


class Taught(torch.nn.Module):
    """The ear from its cheap layers on, with a log-odds of each class."""

    def __init__(self, ear, num):
        super().__init__()
        self.ear, self.first = ear, tail_of(ear)
        last = ear.layers[-1]  # puts numbers and log-odds together in what this wrote before
        self.outs = [last["in"][0] if last["op"] == "concat" else ear.outs[0], ear.outs[1]]
        self.odds = torch.nn.Linear(WIDTH, num)
        torch.nn.init.normal_(self.odds.weight, 0, 0.02)
        torch.nn.init.constant_(self.odds.bias, -4)
        for name, parameter in ear.params.items():
            parameter.requires_grad_(int(name[1:]) >= self.first)

    def encoded(self, x):
        """-> the ear's numbers, its scores of AudioSet's classes"""
        values, _ = self.ear.run(x.float(), False, self.first)
        return [values[out].flatten(1) for out in self.outs]

    def forward(self, x):
        numbers, scores = self.encoded(x)
        return numbers, scores, self.odds(torch.nn.functional.dropout(numbers, 0.1, self.training))


def learn(net, examples, steps):
    """The classes by cross entropy; beside them the ear keeps what it knew before: its 256 numbers and
    the scores of AudioSet's classes. What is kept at the end is an average over the last steps."""
    binary = torch.nn.functional.binary_cross_entropy
    before, average = copy.deepcopy(net), train.Average(net, 0.997)
    own = [p for p in net.ear.params.values() if p.requires_grad]
    optimizer = torch.optim.AdamW([{"params": own, "rate": 6e-4, "weight_decay": 0.02},
                                   {"params": net.odds.parameters(), "rate": 3e-3,
                                    "weight_decay": 0.01}], lr=1e-3, betas=(0.9, 0.98))
    for step in range(steps):
        for group in optimizer.param_groups:
            group["lr"] = group["rate"] * learning.rate_share(step, steps, 200)
        rows = torch.randint(0, len(examples[0]), (BATCH,))
        x, heard, known = (part[rows] for part in examples)
        with torch.no_grad():
            numbers_before, scores_before = before.encoded(x)
        numbers, scores, odds = net(x)
        loss = (torch.nn.functional.binary_cross_entropy_with_logits(
            odds, heard.float(), reduction="none") * known).sum(1).mean()
        kept = binary(scores.clamp(1e-6, 1 - 1e-6), scores_before, reduction="none").sum(1).mean()
        loss = loss + 0.1 * kept + 0.3 * (numbers - numbers_before).square().mean()
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), 5.0)
        optimizer.step()
        average.update(net)
        learning.progress(step + 1, steps, "steps")
    return average.model.eval()


def write(ear_path, path, net):
    tensors, meta = graph.read(ear_path)
    longer = graph.Longer(meta["tyto.graph"], tensors)
    if longer.graph["layers"][-1]["op"] == "concat":
        longer.drop_classes()
    for number, layer in enumerate(longer.graph["layers"]):
        if number >= net.first and f"w{number}" in net.ear.params:
            longer.replace(number, layer["op"], net.ear.params[f"w{number}"].detach().numpy(),
                           net.ear.params[f"b{number}"].detach().numpy())
    weight, bias = (SCALE * value.detach() for value in (net.odds.weight, net.odds.bias))
    spare = -len(bias) % 4
    weight = torch.cat([weight, torch.zeros(spare, WIDTH)])
    bias = torch.cat([bias, torch.zeros(spare)])
    numbers = longer.out()
    odds = longer.add("linear", [numbers], (1, 1, len(bias)), weight.numpy(), bias.numpy())
    meta["tyto.graph"] = longer.end(longer.add("concat", [numbers, odds],
                                               (1, 1, WIDTH + len(bias))))
    graph.write(path, tensors, meta)


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--assets", required=True)
    parser.add_argument("--more", action="append", default=[],
                        help="further lists of labelled recordings for training (path,class)")
    parser.add_argument("--ear", required=True)
    parser.add_argument("--windows", type=int, default=327_680)
    parser.add_argument("--steps", type=int, default=1600)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("-o", "--out", required=True)
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    recordings = clips.assets_of(args.assets, "audio", "train")
    for path in args.more:
        recordings += clips.named_in(path)
    classes = sorted({name for _, name in recordings} - {"other"})
    ear = encoder_file.Encoder(args.ear)
    net = Taught(ear, len(classes))
    net = learn(net, windows(Recordings(recordings, classes), ear, args.windows, "training"), args.steps)
    x, heard, known = windows(Recordings(clips.assets_of(args.assets, "audio", "val"), classes), ear,
                              max(256, args.windows // 16), "validation")
    with torch.no_grad():
        odds = torch.cat([net(part)[2] for part in x.split(512)]).numpy()
    learning.say_precision("windows", classes, odds, heard.numpy(), known.numpy())
    write(args.ear, args.out, net)


if __name__ == "__main__":
    main()
