# SPDX-License-Identifier: MIT
"""Composed clips, their truth by the second, and what `tyto features` keeps of them."""
import collections
import csv
import hashlib
import json
import os

import numpy as np

HEAD = 512  # bytes before the features in a shard (trainer/data/features/cache_file.h)


def digest_of(path):
    with open(path, "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()


class Cache:
    """The shards that the encoders in a folder made."""

    def __init__(self, folder, models):
        self.folder = folder
        self.audio = digest_of(os.path.join(models, "audio.safetensors"))
        self.visual = digest_of(os.path.join(models, "visual.safetensors"))

    def path(self, recording):
        """As trainer/data/features/decode.c names it: seconds, the picture nearest to the middle."""
        text = (f"features 1\ncontent {digest_of(recording)}\naudio {self.audio}\n"
                f"visual {self.visual}\nsegment_ns 1000000000\npictures 0\n")
        return os.path.join(self.folder, hashlib.sha256(text.encode()).hexdigest() + ".features")

    def read(self, recording):
        """-> sound (seconds, A), pictures (seconds, L, V), flags (seconds): 1 sound, 2 picture"""
        path = self.path(recording)
        if not os.path.exists(path):
            raise SystemExit(f"{recording}: no features of it by these encoders are in {self.folder}: tyto features")
        data = np.memmap(path, np.uint8, "r")
        num, width, places, channels = np.frombuffer(data[16:32], np.uint32).astype(int)
        values = num * (width + places * channels)
        rows = np.frombuffer(data[HEAD:HEAD + 2 * values], np.float16).reshape(num, -1)
        return rows[:, :width], rows[:, width:].reshape(num, places, channels), \
            np.array(data[HEAD + 2 * values:])


def scenes_of(folder):
    """What was drawn into each clip of a folder that tyto compose made."""
    with open(os.path.join(folder, "scene.jsonl"), encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def box_at(thing, second):
    """[left, top, right, bottom] in shares of the picture at that time, or None"""
    if not thing["begin_s"] <= second <= thing["end_s"]:
        return None
    return min(thing["boxes"], key=lambda box: abs(box[0] - second))[1:]


def write_labels(folder, classes, path):
    """Labels of every sound and object of those classes, of those that were put in as distractors,
    too: what is there must not count as absent."""
    with open(path, "w", encoding="utf-8", newline="") as file:
        out = csv.writer(file)
        out.writerow(("file", "class", "begin_s", "end_s", "modality"))
        for scene in scenes_of(folder):
            rows = [(scene["file"], thing["class"], f"{thing['begin_s']:.3f}",
                     f"{thing['end_s']:.3f}", modality)
                    for kind, modality in (("sounds", "heard"), ("objects", "seen"))
                    for thing in scene[kind] if thing["class"] in classes]
            out.writerows(rows or [(scene["file"], "", "", "", "")])


def assets_of(path, kind, split):
    """[(path, class)]"""
    with open(path, encoding="utf-8", newline="") as file:
        return [(row["path"], row["class"]) for row in csv.DictReader(file)
                if row["kind"] == kind and row["split"] == split]


def named_in(path):
    """[(path, class)] of a list without kinds and splits"""
    with open(path, encoding="utf-8", newline="") as file:
        return [(row["path"], row["class"]) for row in csv.DictReader(file)]


def classes_of(path, kind):
    """What the training split of an asset list has, in order."""
    names = collections.Counter(name for _, name in assets_of(path, kind, "train"))
    return sorted(set(names) - {"other", "background"})


def average_precision(scores, truth):
    truth = truth[np.argsort(-scores, kind="stable")]
    hits = np.cumsum(truth)
    return float((hits / np.arange(1, len(truth) + 1))[truth > 0].mean()) if hits[-1] else np.nan
