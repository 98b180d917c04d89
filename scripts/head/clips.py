# SPDX-License-Identifier: MIT
"""The composed banks, and clips put together from them: a sound track and a sequence of
frames of one scene, together, apart, or one without the other."""
import glob
import os

import numpy as np

# Named by the head, in the order of its outputs. Those in PAIRED have pictures and sounds;
# the others can only be heard or only be seen.
PAIRED = ["bird", "cat", "chicken", "cow", "dog", "drum", "frog", "guitar", "lion", "monkey",
          "saxophone", "sheep"]
CLASSES = PAIRED + ["baby_cry", "airplane", "car", "motorcycle"]
HEARD_S, UNHEARD_S = 0.12, 0.02  # at least / at most that much of a segment; between: no target
NUM_SEGMENTS = 10


def _load(cache, kind, split):
    paths = sorted(glob.glob(os.path.join(cache, "%s-%s-*.npz" % (kind, split))))
    if not paths:
        raise SystemExit("no %s-%s-*.npz in %s" % (kind, split, cache))
    return [np.load(p) for p in paths]


def _columns(labels, names):
    """Labels over the bank's names -> labels over CLASSES, and 'something else' last."""
    names = list(names)
    out = np.zeros(labels.shape[:-1] + (len(CLASSES) + 1,), np.float32)
    for j, name in enumerate(names):
        k = CLASSES.index(name) if name in CLASSES else len(CLASSES)
        out[..., k] = np.maximum(out[..., k], labels[..., j])
    return out


def _projected(path, bank, project):
    """project() of a bank's features, kept beside it."""
    kept = path.replace("visual-", "places-").replace(".npz", ".npy")
    if os.path.exists(kept) and os.path.getmtime(kept) > os.path.getmtime(path):
        return np.load(kept).astype(np.float32)
    out = project(bank["features"])
    np.save(kept, out.astype(np.float16))
    return out


class Bank:
    """project: (N,49,1280) f16 -> (N,49,D) f32, what the visual features are kept as."""

    def __init__(self, cache, split, project):
        audio = _load(cache, "audio", split)
        self.audio = np.concatenate([a["features"] for a in audio])
        self.active = np.concatenate([_columns(a["active"], a["names"]) for a in audio])
        visual, places, shown, scenes = _load(cache, "visual", split), [], [], []
        paths = sorted(glob.glob(os.path.join(cache, "visual-%s-*.npz" % split)))
        self.picture_names = [str(n) for n in visual[0]["names"]]
        self.all_shown = np.concatenate([v["labels"] for v in visual]).astype(np.float32)
        for v, path in zip(visual, paths):
            places.append(_projected(path, v, project))
            shown.append(_columns(v["labels"], v["names"]))
            first = 0 if not scenes else scenes[-1][-1] + 1
            scenes.append(v["scene"] + first)
        self.places, self.shown = np.concatenate(places), np.concatenate(shown)
        scene = np.concatenate(scenes)
        self.empty = [i for i in range(len(scene)) if not self.shown[i].any()]
        self.frames = {}  # scene: its frames, empty one first
        for i, s in enumerate(scene):
            self.frames.setdefault(s, []).append(i)
        self.scenes_of = {}  # class: scenes that show it alone
        for s, frames in self.frames.items():
            for k in np.nonzero(self.shown[frames].max(0))[0]:
                self.scenes_of.setdefault(int(k), []).append(s)
        self.tracks_of, self.quiet = {}, []
        for i, active in enumerate(self.active):
            heard = np.nonzero(active.max(0) > HEARD_S)[0]
            for k in heard:
                self.tracks_of.setdefault(int(k), []).append(i)
            if not len(heard):
                self.quiet.append(i)

    def choose(self, rng, choices):
        return choices[rng.integers(len(choices))]

    def clip(self, rng, kind):
        """-> (track, frames (T)). kind: both, apart, sound, picture, none."""
        other = len(CLASSES)
        if kind == "both":
            k = rng.integers(len(PAIRED))
            track = self.choose(rng, self.tracks_of[k])
            heard = np.nonzero(self.active[track][:, k] > HEARD_S)[0]
            begin, end = heard[0], heard[-1] + 1
            begin -= int(rng.choice([0, 0, 0, 1, 2, -1]))
            end += int(rng.choice([0, 0, 0, 1, 2, 3, -1]))
            return track, self.show(rng, k, begin, end)
        sounds = [k for k in self.tracks_of] if kind in ("apart", "sound") else []
        k = self.choose(rng, sounds) if sounds else other
        track = self.choose(rng, self.tracks_of[k] if sounds else self.quiet)
        if kind in ("apart", "picture"):
            choices = [c for c in self.scenes_of if c != k]
            begin = int(rng.integers(-3, 8))
            end = begin + int(rng.integers(2, 11))
            return track, self.show(rng, self.choose(rng, choices), begin, end)
        return track, np.full(NUM_SEGMENTS, self.choose(rng, self.empty))

    def show(self, rng, k, begin, end):
        frames = self.frames[self.choose(rng, self.scenes_of[k])]
        with_k = [f for f in frames if self.shown[f][k] > 0]
        without = [f for f in frames if self.shown[f][k] == 0] or [self.choose(rng, self.empty)]
        rest = self.choose(rng, without)
        steady = self.choose(rng, with_k)
        out = np.full(NUM_SEGMENTS, rest)
        for t in range(max(0, begin), min(NUM_SEGMENTS, end)):
            out[t] = steady if rng.random() < 0.6 else self.choose(rng, with_k)
        return out


KINDS, SHARES = ["both", "apart", "sound", "picture", "none"], [0.54, 0.08, 0.15, 0.15, 0.08]


def targets(active, shown):
    """active (..., K+1) seconds, shown (..., K+1) -> targets and weights (..., 3K)."""
    heard, seen = (active >= HEARD_S)[..., :-1], (shown > 0)[..., :-1]
    unclear = ((active > UNHEARD_S) & (active < HEARD_S))[..., :-1]
    target = np.concatenate([heard & seen, heard, seen], -1).astype(np.float32)
    weight = np.concatenate([~(unclear & seen), ~unclear, np.ones_like(seen)], -1)
    return target, weight.astype(np.float32)


def batch(bank, rng, count, kinds=None):
    """-> dict: audio (B,T,160), frames (U,49,D), which (B,T) of them, target and weight
    (B,T,3K)."""
    picks = [bank.clip(rng, (kinds or [rng.choice(KINDS, p=SHARES)])[0]) for _ in range(count)]
    track = np.array([p[0] for p in picks])
    frames = np.stack([p[1] for p in picks])
    target, weight = targets(bank.active[track], bank.shown[frames])
    unique, which = np.unique(frames, return_inverse=True)
    return {"audio": bank.audio[track], "frames": bank.places[unique],
            "which": which.reshape(frames.shape), "target": target, "weight": weight}


def join(parts):
    """Clips one after the other in time: batches of one -> a batch of one."""
    out = {n: np.concatenate([p[n] for p in parts], 1) for n in ("audio", "target", "weight")}
    counts = np.cumsum([0] + [len(p["frames"]) for p in parts])
    out["which"] = np.concatenate([p["which"] + n for p, n in zip(parts, counts)], 1)
    out["frames"] = np.concatenate([p["frames"] for p in parts])
    return out
