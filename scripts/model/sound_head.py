#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Teaches the ear the names of the classes: log-odds of each, as more columns of its features.

  scripts/model/sound_head.py --assets assets.csv --ear EAR.safetensors -o audio.safetensors

EAR is what scripts/ear/export.py wrote, or what this wrote before. Windows of 0.975 s are mixed out of labelled recordings: up
to three of them at random loudness and speed, in rooms, through microphones, over noise. A class
counts as heard where its recording is loud at that moment (within 14 dB of what it has at its
loudest) and no more than 9 dB below everything else; where it can hardly be heard the window says
nothing of it. On the ear's 256 numbers, one hidden layer learns all classes at once; the log-odds,
a third of them, stand behind the 256 numbers in what the file gives. The recordings of the validation
split make the windows whose mean average precision is printed; nothing is chosen by it."""
import argparse
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

NUM, TENTH = mixtures.NUM, 1600
SCALE = 1 / 3  # of log-odds: about the deviation of the numbers beside them
WIDTH = 256  # numbers of the ear itself
HIDDEN = 256
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
    def __init__(self, path, split, classes):
        loaded = [(load(name), kind) for name, kind in clips.assets_of(path, "audio", split)]
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


def windows(recordings, ear, num, what):
    """What the ear makes of num mixtures -> features, heard, known"""
    found = [[], [], []]
    with torch.no_grad():
        for done in range(0, num, 256):
            x, heard, known = mix(recordings, 256)
            features = ear.outputs(ear.log_mel(x))[0][:, :ear.width]
            for to, value in zip(found, (features.half(), heard.bool(), known.bool())):
                to.append(value)
            if sys.stderr.isatty():
                print(f"\r{what}: {done + 256} of {num} windows", end="", file=sys.stderr)
    if sys.stderr.isatty():
        print(file=sys.stderr)
    return [torch.cat(parts) for parts in found]


def learn(features, heard, known):
    mean = features.float().mean(0)
    scale = features.float().std(0) + 1e-3
    net = torch.nn.Sequential(torch.nn.Linear(features.shape[1], HIDDEN), torch.nn.ReLU(),
                              torch.nn.Dropout(0.3), torch.nn.Linear(HIDDEN, heard.shape[1]))
    learning.learn(net, (features, heard, known), (mean, scale), epochs=8, batch=512, rate=2e-3,
                   decay=1e-2)
    return net, mean, scale


def layers_of(net, mean, scale):
    """Standardising folded in -> (weight, bias) of both layers"""
    first = net[0].weight.detach().double() / scale.double()
    first_bias = net[0].bias.detach().double() - first @ mean.double()
    last, last_bias = (SCALE * value.detach().double() for value in (net[3].weight, net[3].bias))
    spare = -len(last) % 4
    last = torch.cat([last, torch.zeros(spare, HIDDEN)])
    last_bias = torch.cat([last_bias, torch.zeros(spare)])
    return (first.numpy(), first_bias.numpy()), (last.numpy(), last_bias.numpy())


def write(ear_path, path, first, last):
    tensors, meta = graph.read(ear_path)
    longer = graph.Longer(meta["tyto.graph"], tensors)
    if longer.graph["layers"][-1]["op"] == "concat":
        longer.drop_classes()
    numbers, width = longer.out(), longer.shape(longer.out())[2]
    hidden = longer.add("linear", [numbers], (1, 1, HIDDEN), *first, act="relu")
    odds = longer.add("linear", [hidden], (1, 1, len(last[0])), *last)
    meta["tyto.graph"] = longer.end(
        longer.add("concat", [numbers, odds], (1, 1, width + len(last[0]))))
    graph.write(path, tensors, meta)


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--assets", required=True)
    parser.add_argument("--ear", required=True)
    parser.add_argument("--windows", type=int, default=122_880)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("-o", "--out", required=True)
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    classes = clips.classes_of(args.assets, "audio")
    ear = encoder_file.Encoder(args.ear).eval()
    ear.width = WIDTH
    train = windows(Recordings(args.assets, "train", classes), ear, args.windows, "training")
    net, mean, scale = learn(*train)
    features, heard, known = windows(Recordings(args.assets, "val", classes), ear,
                                     max(256, args.windows // 16), "validation")
    with torch.no_grad():
        odds = net((features.float() - mean) / scale).numpy()
    precision = {}
    for at, name in enumerate(classes):
        rows = known[:, at].numpy()
        if heard[:, at].sum() >= 5:
            precision[name] = clips.average_precision(odds[rows, at], heard[rows, at].numpy())
    print(f"mean average precision of {len(precision)} classes in {len(odds)} windows: "
          f"{np.mean(list(precision.values())):.3f}")
    for name, value in sorted(precision.items(), key=lambda item: item[1]):
        print(f"  {name:14} {value:.2f}")
    write(args.ear, args.out, *layers_of(net, mean, scale))


if __name__ == "__main__":
    main()
