# SPDX-License-Identifier: MIT
"""Composes ten-second sound tracks from recordings and encodes their segments.

A track is background (digital silence, coloured noise, or a recording of no class) with no,
one or two sounding events in it: a recording, repeated with pauses, at a random loudness,
tone and room. Onsets fall anywhere, so segments may hold a part of an event.

    compose_audio.py --data DIR --encoders DIR --cache DIR [--amount 1.0] [--seed 1]
writes CACHE/audio-SPLIT-SEED.npz: features (N,T,160) f32, active (N,T,K) f32 seconds of
audible sound per segment over ALL sound classes, names (K)."""
import argparse
import os
import subprocess
import zlib

import numpy as np
import torch
from scipy.signal import lfilter

import encoders
from compose_visual import main_classes, read_manifest

RATE_HZ = 16000
NUM_SEGMENTS = 10
FRAME = 320  # samples of one loudness frame: 20 ms
TRACKS_PER_CLASS = {"train": 60, "val": 14}
QUIET_TRACKS = {"train": 220, "val": 60}
DISTRACTOR_SHARE = 0.4
NO_CLASS = "other"


def read_recording(path):
    raw = subprocess.run(["ffmpeg", "-v", "error", "-i", path, "-ac", "1", "-ar", str(RATE_HZ),
                          "-f", "f32le", "-"], capture_output=True, check=True).stdout
    return np.frombuffer(raw, np.float32).copy()


def loudness(x):
    """RMS of each 20 ms frame."""
    frames = x[:len(x) // FRAME * FRAME].reshape(-1, FRAME)
    return np.sqrt((frames.astype(np.float64) ** 2).mean(1))


def trim(x):
    """Without silence before and after; None when there is nothing in it."""
    level = loudness(x)
    if not len(level) or level.max() < 1e-4:
        return None
    loud = np.nonzero(level > 0.05 * level.max())[0]
    return x[loud[0] * FRAME:(loud[-1] + 1) * FRAME] / np.abs(x).max()


def coloured_noise(rng, count):
    x = rng.normal(0, 1, count)
    kind = rng.random()
    if kind < 0.4:
        x = lfilter([1], [1, -rng.uniform(0.7, 0.99)], x)
    elif kind < 0.5:
        x += rng.uniform(0, 3) * np.sin(2 * np.pi * rng.choice([50, 60, 100, 120, 400])
                                        * np.arange(count) / RATE_HZ)
    return (x / np.sqrt((x ** 2).mean())).astype(np.float32)


def change_tone(rng, x):
    """Random tilt, random band limit, random small room."""
    if rng.random() < 0.5:
        x = lfilter([1, rng.uniform(-0.6, 0.6)], [1], x)
    if rng.random() < 0.2:
        pole = rng.uniform(0.2, 0.8)
        x = lfilter([1 - pole], [1, -pole], lfilter([1 - pole], [1, -pole], x))
    if rng.random() < 0.35:
        length = int(rng.uniform(0.05, 0.35) * RATE_HZ)
        room = rng.normal(0, 1, length) * np.exp(-6.0 * np.arange(length) / length)
        room[0] = 0
        room *= rng.uniform(0.1, 0.7) / np.sqrt((room ** 2).sum())
        room[0] = 1
        x = np.convolve(x, room)[:len(x)]
    if rng.random() < 0.3:  # a little faster or slower
        rate = rng.uniform(0.92, 1.08)
        x = np.interp(np.arange(0, len(x) - 1, rate), np.arange(len(x)), x)
    return x.astype(np.float32)


class Composer:
    def __init__(self, data, split, seed):
        self.rng = np.random.default_rng(seed)
        self.recordings = {}
        for row in read_manifest(data, "audio"):
            if row["split"] == split:
                x = trim(read_recording(os.path.join(data, row["path"])))
                if x is not None and len(x) > FRAME * 5:
                    self.recordings.setdefault(row["class"], []).append(x)
        self.order = {}

    def next_recording(self, name):
        """Every recording of a class once before any comes again."""
        if not self.order.get(name):
            self.order[name] = list(self.rng.permutation(len(self.recordings[name])))
        return self.recordings[name][self.order[name].pop()]

    def background(self, count):
        rng, kind = self.rng, self.rng.random()
        if kind < 0.12:
            return np.zeros(count, np.float32)
        if kind < 0.78:
            return coloured_noise(rng, count) * np.float32(10 ** (rng.uniform(-85, -38) / 20))
        x = change_tone(rng, self.next_recording(NO_CLASS))
        x = np.tile(x, count // len(x) + 2)
        start = rng.integers(0, len(x) - count)
        noise = coloured_noise(rng, count) * np.float32(10 ** (rng.uniform(-85, -50) / 20))
        return x[start:start + count] * np.float32(10 ** (rng.uniform(-48, -24) / 20)) + noise

    def event(self, name, count):
        """One event alone: (count,) samples."""
        rng = self.rng
        x = change_tone(rng, self.next_recording(name))
        begin = rng.integers(0, int(0.7 * count)) if rng.random() < 0.8 else 0
        length = int(rng.uniform(1.2, 8.0) * RATE_HZ) if rng.random() < 0.8 else count
        end = min(count, begin + length)
        out, at = np.zeros(count, np.float32), begin
        if rng.random() < 0.5 and len(x) > 2 * RATE_HZ:
            x = np.roll(x, -rng.integers(0, len(x)))
        pause = rng.uniform(0, 0.7) if rng.random() < 0.6 else 0
        while at < end:
            part = x[:end - at]
            out[at:at + len(part)] += part
            at += len(part) + int(pause * RATE_HZ)
        if end < count:
            fade = min(400, end - begin)
            out[end - fade:end] *= np.linspace(1, 0, fade, dtype=np.float32)
        peak = max(1e-6, np.abs(out).max())
        return out / peak * np.float32(10 ** (rng.uniform(-22, -0.5) / 20))

    def track(self, names):
        """-> samples (10 s), {name: seconds audible per segment}."""
        count = NUM_SEGMENTS * RATE_HZ
        mix = self.background(count)
        under = loudness(mix)
        active = {}
        for name in names:
            x = self.event(name, count)
            level = loudness(x)
            audible = (level > 0.03 * level.max()) & (level > 0.7 * under)
            seconds = audible.reshape(NUM_SEGMENTS, -1).sum(1) * FRAME / RATE_HZ
            active[name] = np.maximum(active.get(name, 0), seconds)
            mix = mix + x
        return mix.clip(-1, 1), active


def plan(composer, split, mains, amount):
    rng = composer.rng
    tracks = [[] for _ in range(int(QUIET_TRACKS[split] * amount))]
    classes = sorted(composer.recordings)
    for name in classes:
        share = 1.0 if name in mains or name == NO_CLASS else DISTRACTOR_SHARE
        for _ in range(max(1, int(TRACKS_PER_CLASS[split] * share * amount))):
            names = [name]
            if rng.random() < 0.2:
                names.append(classes[rng.integers(len(classes))])
            tracks.append(names)
    rng.shuffle(tracks)
    return tracks


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", required=True)
    parser.add_argument("--encoders", required=True)
    parser.add_argument("--cache", required=True)
    parser.add_argument("--amount", type=float, default=1.0)
    parser.add_argument("--splits", default="train,val")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    torch.set_num_threads(1)
    encode = encoders.AudioEncoder(args.encoders)
    mains = main_classes(args.data)
    names = sorted({r["class"] for r in read_manifest(args.data, "audio")} - {NO_CLASS})
    for split in args.splits.split(","):
        composer = Composer(args.data, split, [args.seed, zlib.crc32(split.encode()), 7])
        features, labels = [], []
        tracks = plan(composer, split, mains, args.amount)
        for i, wanted in enumerate(tracks):
            samples, active = composer.track(wanted)
            features.append(np.stack([encode(s) for s in samples.reshape(NUM_SEGMENTS, -1)]))
            label = np.zeros((NUM_SEGMENTS, len(names)), np.float32)
            for name, seconds in active.items():
                if name in names:
                    label[:, names.index(name)] = seconds
            labels.append(label)
            if i % 100 == 0:
                print("%s: track %d of %d" % (split, i, len(tracks)), flush=True)
        np.savez(os.path.join(args.cache, "audio-%s-%d.npz" % (split, args.seed)),
                 features=np.stack(features), active=np.stack(labels), names=np.array(names))


if __name__ == "__main__":
    main()
