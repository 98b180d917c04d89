# SPDX-License-Identifier: MIT
"""Of peers.py: composed clips and the trainer's cache of features as AVE's files, and how these are
read again."""
import collections
import csv
import hashlib
import json
import os

import numpy as np

SPLITS = ("train", "val", "test")
SEGMENTS = 10


# --- from the trainer's cache to AVE's files -------------------------------------------------------

def digest(data):
    return hashlib.sha256(data).hexdigest()


def file_digest(path):
    with open(path, "rb") as file:
        return digest(file.read())


class Cache:
    """Features that `tyto features` keeps, one file a recording."""

    def __init__(self, folder, models):
        self.folder = folder
        self.audio = file_digest(os.path.join(models, "audio.safetensors"))
        self.visual = file_digest(os.path.join(models, "visual.safetensors"))

    def read(self, recording):
        """sound (T, A), picture (T, L, V), both float32; None where they were not made."""
        key = digest(f"features 1\ncontent {file_digest(recording)}\naudio {self.audio}\n"
                     f"visual {self.visual}\nsegment_ns 1000000000\npictures 0\n".encode())
        path = os.path.join(self.folder, key + ".features")
        if not os.path.exists(path):
            return None
        data = np.fromfile(path, np.uint8)
        num, audio, places, visual = np.frombuffer(data[16:32], np.uint32)
        width = audio + places * visual
        rows = np.frombuffer(data[512:512 + num * width * 2], np.float16)
        rows = rows.reshape(num, width).astype(np.float32)
        return rows[:, :audio], rows[:, audio:].reshape(num, places, visual)


def read_labels(folder, name):
    """file -> class -> [heard (T), seen (T)] seconds of it in each segment."""
    truth = collections.OrderedDict()
    with open(os.path.join(folder, name), encoding="utf-8") as file:
        for row in csv.DictReader(file):
            classes = truth.setdefault(row["file"], {})
            if not row["class"]:
                continue
            begin, end = float(row["begin_s"]), float(row["end_s"])
            part = np.array([max(0.0, min(end, t + 1) - max(begin, t)) for t in range(SEGMENTS)])
            cell = classes.setdefault(row["class"], np.zeros((2, SEGMENTS)))
            if row["modality"] in ("heard", "both"):
                cell[0] += part
            if row["modality"] in ("seen", "both"):
                cell[1] += part
    return truth


def pool_places(visual, shape, to):
    """(T, L, V) with L = rows * columns -> means over blocks: (T, to[0] * to[1], V)."""
    rows, columns = shape
    grid = visual.reshape(len(visual), rows, columns, -1)
    blocks = [grid[:, i0:i1, j0:j1].mean((1, 2))
              for i0, i1 in cuts(rows, to[0]) for j0, j1 in cuts(columns, to[1])]
    return np.stack(blocks, 1)


def cuts(num, parts):
    edges = [round(i * num / parts) for i in range(parts + 1)]
    return list(zip(edges[:-1], edges[1:]))


def standardised(audio, train):
    return (audio - audio[train].mean((0, 1))) / (audio[train].std((0, 1)) + 1e-6)


def projected(visual, train, num, whitening):
    """Principal components of the training clips' places, of mean variance 1, as the trainer's
    basis has them."""
    flat = visual[train].reshape(-1, visual.shape[-1])[::7].astype(np.float64)
    mean = flat.mean(0)
    values, vectors = np.linalg.eigh(np.cov((flat - mean).T))
    keep = np.argsort(-values)[:num]
    values = values[keep].clip(1e-9)
    scale = values ** (-0.5 * whitening) / np.sqrt((values ** (1 - whitening)).mean())
    turn = (vectors[:, keep] * scale).astype(np.float32)
    return np.stack([(clip.astype(np.float32) - mean.astype(np.float32)) @ turn
                     for clip in visual]).astype(np.float16)


def make_data(args):
    import h5py

    cache = Cache(args.cache, args.models)
    shape = [int(x) for x in args.places.split("x")]
    to = [int(x) for x in args.pool.split("x")]
    clips = {}
    for split in SPLITS:
        clips[split] = []
        for folder in getattr(args, split):
            for file, classes in read_labels(folder, args.labels).items():
                joint = {k: (c >= 0.5).all(0) for k, c in classes.items()}
                joint = {k: j for k, j in joint.items() if j.any()}
                if len(joint) <= 1:
                    clips[split].append((os.path.join(folder, file), joint))
    counts = collections.Counter(k for _, j in clips["train"] for k in j)
    names = sorted(k for k, n in counts.items() if n >= args.least)
    rows, orders = [], {}
    rng = np.random.default_rng(1)
    for split in SPLITS:
        events = [c for c in clips[split] if c[1] and all(k in names for k in c[1])]
        others = [c for c in clips[split] if not c[1]]
        rng.shuffle(others)
        rng.shuffle(events)
        if args.train_clips and split == "train":
            events = events[:int(args.train_clips * (1 - args.without))]
        others = others[:int(len(events) * args.without / (1 - args.without))]
        begin = len(rows)
        rows += events + others
        orders[split] = np.arange(begin, len(rows))
    audio, visual, labels, lost = [], [], [], set()
    for i, (path, joint) in enumerate(rows):
        found = cache.read(path)
        if found is None or len(found[0]) < SEGMENTS:
            lost.add(i)
            found = (np.zeros_like(audio[0]), None)
            audio.append(found[0])
            visual.append(np.zeros_like(visual[0]))
        else:
            audio.append(found[0][:SEGMENTS].astype(np.float32))
            visual.append(pool_places(found[1][:SEGMENTS], shape, to).astype(np.float16))
        label = np.zeros((SEGMENTS, len(names) + 1), np.float32)
        label[:, -1] = 1
        for k, j in joint.items():
            label[j] = 0
            label[j, names.index(k)] = 1
        labels.append(label)
    for split in SPLITS:
        orders[split] = np.array([i for i in orders[split] if i not in lost], int)
    os.makedirs(args.out, exist_ok=True)

    def write(name, values, chunks=None):
        with h5py.File(os.path.join(args.out, name), "w") as file:
            file.create_dataset("avadataset", data=values, chunks=chunks)

    visual = np.stack(visual)
    write("audio_feature.h5", standardised(np.stack(audio), orders["train"]))
    write("visual_feature.h5", projected(visual, orders["train"], args.components, args.whitening))
    write("labels.h5", np.stack(labels))
    for split in SPLITS:
        write(f"{split}_order.h5", orders[split].astype(np.int64))
    summary = {"classes": names, "lost": len(lost)}
    for split in SPLITS:
        chosen = np.stack(labels)[orders[split]]
        events = chosen[:, :, :-1].sum((1, 2)) > 0
        summary[split] = {"clips": len(chosen), "with an event": int(events.sum()),
                          "background": float(chosen[:, :, -1].mean()) if len(chosen) else None}
    summary["audio"], summary["visual"] = list(audio[0].shape), list(visual[0].shape)
    with open(os.path.join(args.out, "data.json"), "w", encoding="utf-8") as file:
        json.dump(summary, file, indent=1)
    print(json.dumps(summary, indent=1))


# --- what the networks in PyTorch read ------------------------------------------------------------

def read_data(folder):
    """split -> sound (N, T, A), picture (N, T, L, V), class (N, T)"""
    import h5py

    def read(name):
        with h5py.File(os.path.join(folder, name), "r") as file:
            return file["avadataset"][()]

    audio, visual, labels = read("audio_feature.h5"), read("visual_feature.h5"), read("labels.h5")
    visual = visual.reshape(*visual.shape[:2], -1, visual.shape[-1])
    target = labels.argmax(-1)
    orders = {s: read(f"{s}_order.h5") for s in SPLITS}
    return {s: (audio[o].astype(np.float32), visual[o].astype(np.float32),
                target[o].astype(np.int64)) for s, o in orders.items()}
