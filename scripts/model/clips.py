# SPDX-License-Identifier: MIT
"""Composed clips, their truth by the second, and what `tyto features` keeps of them."""
import collections
import csv
import hashlib
import json
import os

import numpy as np

SHORTEST = 0.5  # seconds of what a picture shows besides, that are worth a label
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


def shown_in(path):
    """{picture: classes} that shown.py found in pictures besides what they stand for"""
    found = collections.defaultdict(list)
    for name, kind in named_in(path):
        found[name].append(kind)
    return found


def without(begin, end, holes):
    """[(begin, end)] of what is left of an interval"""
    left = [(begin, end)]
    for low, high in holes:
        left = [part for a, b in left for part in ((a, min(b, low)), (max(a, high), b))
                if part[1] > part[0]]
    return left


def shown_times(scene, shown):
    """[(class, begin, end)] in which places, and pictures that were not cut out, show something besides"""
    hidden = [(thing["begin_s"], thing["end_s"]) for thing in scene["objects"]
              if thing["look"] == "filling"]
    times = [(name, *part) for act in scene["acts"] for name in shown.get(act["place"], ())
             for part in without(act["begin_s"], act["end_s"], hidden)]
    return times + [(name, thing["begin_s"], thing["end_s"]) for thing in scene["objects"]
                    if thing["look"] != "cut_out" for name in shown.get(thing["path"], ())]


def shown_rows(scene, shown, rows):
    """[(class, begin, end)] of the same, joined, where rows (of labels) do not say so yet"""
    joined = []
    for name, begin, end in sorted(shown_times(scene, shown)):
        said = [(low, high) for own, low, high, modality in rows if own == name and modality == "seen"]
        for part in without(begin, end, said):
            if joined and joined[-1][0] == name and part[0] <= joined[-1][2]:
                joined[-1][2] = max(joined[-1][2], part[1])
            else:
                joined.append([name, *part])
    return [row for row in joined if row[2] - row[1] >= SHORTEST]


def write_labels(folder, classes, path, shown):
    """Labels of every sound and object of those classes, of those that were put in as distractors and
    of what the pictures show besides, too: what is there must not count as absent."""
    with open(path, "w", encoding="utf-8", newline="") as file:
        out = csv.writer(file)
        out.writerow(("file", "class", "begin_s", "end_s", "modality"))
        for scene in scenes_of(folder):
            rows = [(thing["class"], thing["begin_s"], thing["end_s"], modality)
                    for kind, modality in (("sounds", "heard"), ("objects", "seen"))
                    for thing in scene[kind] if thing["class"] in classes]
            rows += [(*row, "seen") for row in shown_rows(scene, shown, rows) if row[0] in classes]
            out.writerows([(scene["file"], name, f"{begin:.3f}", f"{end:.3f}", modality)
                           for name, begin, end, modality in rows] or [(scene["file"], "", "", "", "")])


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
