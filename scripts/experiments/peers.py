#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""CMAN beside the heads of AVEL (Tian et al., ECCV 2018) and PSP (Zhou et al., CVPR 2021) and
early fusion, on the same features, in the protocol of AVE: one class or background a second.

  peers.py data  --out DIR --train FOLDER... --val FOLDER... --test FOLDER... --cache DIR --models DIR
  peers.py run   --data DIR --work DIR --tyto tyto [--seeds 1,2,3] [--rows NAME,...]
  peers.py table --work DIR
  peers.py search --data DIR --work DIR [--row "avel, plain"]

data: composed clips (`tyto compose`, features made by `tyto features`) as AVE's HDF5 files, so that
every network reads the same files. A second's class is what is heard and seen in it; clips where
that are two classes are left out. run: AVEL and PSP in PyTorch (written from the papers), the
others by `tyto train --ave`; what exists in --work is kept. table: what there is, as a table. search:
what a network gains by looking for the offset of moved sound.

Needs python3-torch and python3-h5py.
"""
import argparse
import collections
import csv
import hashlib
import json
import os
import statistics
import subprocess
import sys
import time

import numpy as np

SPLITS = ("train", "val", "test")
SEGMENTS = 10
SHIFTS = [d for d in range(-4, 5)]


# --- data: from the trainer's cache to AVE's files ------------------------------------------------

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


def shifted(audio, shift):
    """The sound of each second is that of `shift` seconds before; the edge is repeated."""
    last = audio.shape[1] - 1
    return audio[:, [min(max(t - shift, 0), last) for t in range(last + 1)]]


# --- the heads ------------------------------------------------------------------------------------

def make_heads():
    import torch
    from torch import nn
    import torch.nn.functional as F

    def xavier(module):
        for part in module.modules():
            if isinstance(part, nn.Linear):
                nn.init.xavier_uniform_(part.weight)
                if part.bias is not None:
                    nn.init.zeros_(part.bias)

    class GuidedPlaces(nn.Module):
        """AVEL's audio-guided attention in the paper's form: the sound's vector is added to each
        place's, and one number a place comes of their tanh."""

        def __init__(self, audio, visual, hidden, inner):
            super().__init__()
            self.sound, self.place = nn.Linear(audio, hidden), nn.Linear(visual, hidden)
            self.sound_in = nn.Linear(hidden, inner, bias=False)
            self.place_in = nn.Linear(hidden, inner, bias=False)
            self.score = nn.Linear(inner, 1, bias=False)

        def forward(self, a, v):                       # (B,T,A), (B,T,L,V)
            p = self.place_in(F.relu(self.place(v)))
            s = self.sound_in(F.relu(self.sound(a))).unsqueeze(2)
            w = torch.softmax(self.score(torch.tanh(p + s)), 2)
            return (w * v).sum(2)                      # (B,T,V)

    class Avel(nn.Module):
        def __init__(self, audio, visual, classes, width=128):
            super().__init__()
            self.where = GuidedPlaces(audio, visual, visual, 49)
            self.hear = nn.LSTM(audio, width, batch_first=True, bidirectional=True)
            self.see = nn.LSTM(visual, width, batch_first=True, bidirectional=True)
            self.head = nn.Sequential(nn.ReLU(), nn.Linear(4 * width, 64), nn.ReLU(),
                                      nn.Linear(64, classes))
            xavier(self)

        def forward(self, a, v):
            seen = self.where(a, v)
            return self.head(torch.cat([self.hear(a)[0], self.see(seen)[0]], -1)), None

        @staticmethod
        def loss(logits, _, target, plain):
            if plain:
                return F.cross_entropy(logits.flatten(0, 1), target.flatten())
            share = torch.softmax(logits, -1).flatten(0, 1)
            truth = F.one_hot(target.flatten(), logits.shape[-1]).float()
            return F.multilabel_soft_margin_loss(share, truth)

    class Psp(nn.Module):
        """Positive sample propagation: only what two seconds have much in common is passed on."""

        def __init__(self, audio, visual, classes, width=128, least=0.099):
            super().__init__()
            full = 2 * width
            self.least = least
            self.sound = nn.Sequential(nn.Linear(audio, full, bias=False),
                                       nn.Linear(full, width, bias=False))
            self.where = GuidedPlaces(width, visual, visual, 49)
            self.picture = nn.Sequential(nn.Linear(visual, full, bias=False),
                                         nn.Linear(full, width, bias=False))
            self.hear = nn.LSTM(width, width, batch_first=True, bidirectional=True)
            self.see = nn.LSTM(width, width, batch_first=True, bidirectional=True)
            self.maps = nn.ModuleList(
                [nn.Sequential(nn.Linear(full, full, bias=False), nn.ReLU(), nn.Dropout(0.1))
                 for _ in range(6)])
            self.norm = nn.LayerNorm(full, eps=1e-6)
            self.head = nn.Sequential(nn.Linear(full, 64, bias=False), nn.ReLU(),
                                      nn.Linear(64, classes, bias=False))
            xavier(self)

        def pruned(self, beta):
            beta = beta / (beta.sum(-1, keepdim=True) + 1e-8)
            beta = beta * (beta > self.least)
            return beta / (beta.sum(-1, keepdim=True) + 1e-8)

        def forward(self, a, v):
            a = self.sound(a)
            v = self.see(self.picture(self.where(a, v)))[0]
            a = self.hear(a)[0]
            v1, v2, a1, a2 = (self.maps[i](x) for i, x in enumerate((v, v, a, a)))
            beta = F.relu(v2 @ a1.transpose(1, 2) / v.shape[-1] ** 0.5)
            seen = v + self.pruned(beta) @ a2
            heard = a + self.pruned(beta.transpose(1, 2)) @ v1
            seen, heard = self.norm(self.maps[4](seen)), self.norm(self.maps[5](heard))
            return self.head((seen + heard) / 2), F.cosine_similarity(seen, heard, dim=-1)

        @staticmethod
        def loss(logits, alike, target, plain):
            loss = F.cross_entropy(logits.flatten(0, 1), target.flatten())
            if plain:
                return loss
            event = (target != logits.shape[-1] - 1).float()
            event = event / event.sum(1, keepdim=True).clamp(min=1)
            alike = F.relu(alike)
            alike = alike / (alike.sum(1, keepdim=True) + 1e-8)
            return loss + 100 * F.mse_loss(alike, event)

    return {"avel": Avel, "psp": Psp}


def predict(net, part, shift):
    """Share of right segments, and processor seconds a clip."""
    import torch

    audio, visual, target = part
    audio = shifted(audio, shift)
    right, spent = 0, 0.0
    net.eval()
    with torch.no_grad():
        for i in range(0, len(target), 128):
            begun = time.process_time()
            z = net(torch.from_numpy(audio[i:i + 128]), torch.from_numpy(visual[i:i + 128]))[0]
            spent += time.process_time() - begun
            right += int((z.argmax(-1).numpy() == target[i:i + 128]).sum())
    net.train()
    return right / max(1, target.size), spent / max(1, len(target))


def move_some(audio, share, rng):
    """As the trainer moves sound: by 1..4 segments either way, in that share of the clips."""
    for j in range(len(audio)):
        if rng.random() < share:
            d = int(rng.integers(1, 5)) * (1 if rng.random() < 0.5 else -1)
            audio[j] = shifted(audio[j:j + 1], d)[0]


def train_torch(args, kind, seed, options, path):
    """One run; the epoch is the best of validation, and its weights are kept in path."""
    import torch

    torch.set_num_threads(1)
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    data = read_data(args.data)
    audio, visual, target = (torch.from_numpy(x) for x in data["train"])
    net = make_heads()[kind](audio.shape[-1], visual.shape[-1], args.classes + 1)
    result = {"parameters": sum(p.numel() for p in net.parameters()), "options": options}
    if not os.path.exists(path):
        fit(net, args, data, options, rng, result, path)
    net.load_state_dict(torch.load(path))
    for split in ("val", "test"):
        if len(data[split][2]):
            got = {d: predict(net, data[split], d) for d in SHIFTS}
            result[f"{split} moved"] = {str(d): g[0] for d, g in got.items()}
            result["cpu ms a clip"] = 1000 * min(g[1] for g in got.values())
    return result


def fit(net, args, data, options, rng, result, path):
    import torch

    audio, visual, target = (torch.from_numpy(x) for x in data["train"])
    adam = torch.optim.Adam(net.parameters(), options["rate"])
    batch, num, best = options["batch"], len(target), -1.0
    result["curve"] = []
    begun = time.process_time()
    for epoch in range(options["epochs"]):
        order = rng.permutation(num)
        for group in adam.param_groups:  # a tenth in the last quarter
            group["lr"] = options["rate"] * (0.1 if epoch >= options["epochs"] * 3 / 4 else 1)
        for i in range(0, num - num % batch, batch):
            rows = torch.from_numpy(order[i:i + batch])
            heard = audio[rows]
            move_some(heard, options.get("shift", 0), rng)
            logits, alike = net(heard, visual[rows])
            loss = net.loss(logits, alike, target[rows], options.get("plain"))
            adam.zero_grad()
            loss.backward()
            adam.step()
        got = predict(net, data["val"], 0)[0]
        result["curve"].append(round(got, 4))
        if got > best:
            best = got
            torch.save(net.state_dict(), path + ".part")
        if args.verbose:
            print(f"epoch {epoch + 1}  loss {loss.item():.4f}  val {100 * got:.1f} %  "
                  f"{time.process_time() - begun:.1f} s", flush=True)
    result["training cpu s"] = time.process_time() - begun
    os.replace(path + ".part", path)


# --- runs -----------------------------------------------------------------------------------------

# The trainer's networks all have these; what a row adds stands below.
TYTO = ["--head", "softmax", "--best", "accuracy", "--basis", "128", "--whitening", "0",
        "--batch", "32", "--noise", "0.3", "--match", "64", "--when", "64", "--hidden", "96",
        "--which", "64", "--head-width", "64", "--rate", "0.002", "--decay", "0.1", "--dropout",
        "0.3", "--warm-up", "20", "--max-norm", "1", "--shift", "4", "--shift-share", "0.25",
        "--modality-dropout", "0.2", "--mixup", "0.2", "--patience", "0"]
# The peers' learning rate is their papers'. AVEL's own loss, a soft margin of what softmax gives, is
# the row "avel"; with plain cross-entropy it learns faster.
ROWS = {
    "avel": {"rate": 1e-3, "batch": 32},
    "psp": {"rate": 1e-3, "batch": 32},
    "avel, plain": {"rate": 1e-3, "batch": 32, "plain": True},
    "psp, plain": {"rate": 1e-3, "batch": 32, "plain": True},
    "avel, sound moved in training": {"rate": 1e-3, "batch": 32, "plain": True, "shift": 0.5},
    "psp, sound moved in training": {"rate": 1e-3, "batch": 32, "shift": 0.5},
    "early": ["--fusion", "early", "--look-ahead", "all"],
    "cman": ["--look-ahead", "all"],
    "cman, look-ahead of a second": ["--look-ahead", "1"],
    "cman, half of the clips moved": ["--look-ahead", "all", "--shift-share", "0.5"],
}


def file_name(row, seed):
    return "".join(c if c.isalnum() else "_" for c in row) + f"-{seed}"


def cpu_seconds(command):
    """Standard output and processor seconds of a command that must succeed."""
    before = os.times()
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          check=False)
    after = os.times()
    if done.returncode:
        sys.exit(f"{' '.join(command)}: exit {done.returncode}\n{done.stderr[-2000:]}")
    return done.stdout, (after.children_user + after.children_system
                         - before.children_user - before.children_system)


def train_tyto(args, seed, options, out):
    common = ["--ave", args.data]
    # What one row says twice, the later wins.
    given = dict(zip(TYTO[::2], TYTO[1::2]))
    given.update({"--epochs": str(args.epochs), "--workers": str(args.workers)})
    given.update(dict(zip(options[::2], options[1::2])))
    model = os.path.join(out, "model.safetensors")
    result = {"options": given}
    if not os.path.exists(os.path.join(out, "model-card.md")):
        _, result["training cpu s"] = cpu_seconds(
            [args.tyto, "train", *common, *[x for p in given.items() for x in p], "--seed",
             str(seed), "--out", out, "--overwrite", "--report", "none", "--no-progress"])
    with open(model, "rb") as file:
        length = int.from_bytes(file.read(8), "little")
        header = json.loads(file.read(length))
    result["parameters"] = sum(int(np.prod(t["shape"])) for k, t in header.items()
                               if k != "__metadata__" and not k.startswith("adapt_"))
    for split in ("val", "test"):
        if split == "test" and not args.has_test:
            continue
        text, spent = cpu_seconds([args.tyto, "eval", model, "--ave", args.data, "--split", split,
                                   "--shift", "-4:4", "--json", "--no-progress"])
        found = json.loads(text)
        result[f"{split} moved"] = {str(int(p["shift"])): p["on_video"] for p in found["shifts"]}
        result[f"{split} figures"] = {k: v["model"] for k, v in found["figures"].items()
                                      if isinstance(v, dict) and v.get("model") is not None}
    return result


def has_figures(path, of_test):
    if not os.path.exists(path):
        return False
    with open(path, encoding="utf-8") as file:
        return not of_test or "test moved" in json.load(file)


def run(args):
    os.makedirs(args.work, exist_ok=True)
    with open(os.path.join(args.data, "data.json"), encoding="utf-8") as file:
        summary = json.load(file)
    args.has_test, args.classes = summary["test"]["clips"] > 0, len(summary["classes"])
    rows = args.rows.split(";") if args.rows else list(ROWS)
    for seed in (int(s) for s in args.seeds.split(",")):
        for row in rows:
            path = os.path.join(args.work, file_name(row, seed) + ".json")
            if has_figures(path, args.has_test):
                continue
            options = ROWS[row]
            begun = time.monotonic()
            if isinstance(options, dict):
                result = train_torch(args, row.split(",")[0], seed,
                                     {"epochs": args.epochs, **options}, path[:-4] + "pt")
            else:
                result = train_tyto(args, seed, options, path[:-5])
            if os.path.exists(path):  # the training's own figures, of a run without test clips
                with open(path, encoding="utf-8") as file:
                    result = {**json.load(file), **result}
            result.update({"row": row, "seed": seed})
            with open(path, "w", encoding="utf-8") as file:
                json.dump(result, file, indent=1)
            moved = result["val moved"]
            print(f"{row}, seed {seed}: val {100 * moved['0']:.1f} %, moved "
                  f"{100 * mean_moved(moved):.1f} %, {time.monotonic() - begun:.0f} s", flush=True)


def mean_moved(moved):
    return statistics.mean(v for d, v in moved.items() if int(d))


def worst_moved(moved):
    return min(v for d, v in moved.items() if int(d))


def table(args):
    found = collections.OrderedDict()
    for name in sorted(os.listdir(args.work)):
        if name.endswith(".json"):
            with open(os.path.join(args.work, name), encoding="utf-8") as file:
                result = json.load(file)
            found.setdefault(result["row"], []).append(result)
    key = f"{args.split} moved"

    def cell(values):
        values = [100 * v for v in values]
        return f"{statistics.mean(values):.1f}" + \
            (f" ± {statistics.stdev(values):.1f}" if len(values) > 1 else "")

    print("| head | seeds | right | moved, mean | worst | parameters |\n|---|---|---|---|---|---|")
    for row in sorted(found, key=lambda r: list(ROWS).index(r) if r in ROWS else 99):
        runs = [r for r in found[row] if key in r]
        if runs:
            print(f"| {row} | {len(runs)} | {cell([r[key]['0'] for r in runs])} | "
                  f"{cell([mean_moved(r[key]) for r in runs])} | "
                  f"{cell([worst_moved(r[key]) for r in runs])} | {runs[0]['parameters']:,} |")


# --- a search for the offset ----------------------------------------------------------------------

def scores(net, audio, visual):
    """(N, T, classes) of softmax, 128 clips at a time"""
    import torch

    parts = []
    with torch.no_grad():
        for i in range(0, len(audio), 128):
            z = net(torch.from_numpy(audio[i:i + 128]), torch.from_numpy(visual[i:i + 128]))[0]
            parts.append(torch.softmax(z, -1).numpy())
    return np.concatenate(parts)


def search(args):
    """Moves the sound by each of --moved, and lets a trained network of this file find that out: it
    takes the answer in which most is heard and seen at once, unless the unmoved one is within a
    margin (in seconds of a certain event)."""
    import torch

    torch.set_num_threads(1)
    audio, visual, target = read_data(args.data)[args.split]
    with open(os.path.join(args.data, "data.json"), encoding="utf-8") as file:
        classes = len(json.load(file)["classes"])
    kind = args.row.split(",")[0]
    net = make_heads()[kind](audio.shape[-1], visual.shape[-1], classes + 1)
    net.load_state_dict(torch.load(os.path.join(args.work, file_name(args.row, args.seed) + ".pt")))
    net.eval()
    margins = [float(m) for m in args.margins.split(",")]
    print("| moved by | never moved back | " + " | ".join(f"margin {m:g}" for m in margins) + " |")
    print("|---" * (len(margins) + 2) + "|")
    for d in (int(x) for x in args.moved.split(",")):
        moved = shifted(audio, d)
        said = np.stack([scores(net, shifted(moved, -back), visual) for back in SHIFTS])
        sums = said[..., :-1].max(-1).sum(2)
        stays = SHIFTS.index(0)
        cells = [(said[stays].argmax(-1) == target).mean()]
        for margin in margins:
            favoured = sums.copy()
            favoured[stays] += margin
            best = said[favoured.argmax(0), np.arange(len(target))]
            cells.append((best.argmax(-1) == target).mean())
        print(f"| {d} | " + " | ".join(f"{100 * c:.1f}" for c in cells) + " |", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parts = parser.add_subparsers(dest="what", required=True)
    data = parts.add_parser("data", help="AVE's files out of composed clips")
    data.add_argument("--out", required=True)
    for split in SPLITS:
        data.add_argument(f"--{split}", nargs="*", default=[], help="folders of composed clips")
    data.add_argument("--cache", required=True)
    data.add_argument("--models", required=True, help="the encoders that made the features")
    data.add_argument("--labels", default="labels.csv", help="their name in each folder")
    data.add_argument("--places", default="7x12", help="rows and columns of the features")
    data.add_argument("--pool", default="4x6", help="to so many, by means")
    data.add_argument("--least", type=int, default=10, help="clips of a class in training")
    data.add_argument("--without", type=float, default=0.2, help="share of clips without an event")
    data.add_argument("--train-clips", type=int, default=0, help="at most; 0: all")
    data.add_argument("--components", type=int, default=128, help="of the pictures' features")
    data.add_argument("--whitening", type=float, default=0.5)
    runs = parts.add_parser("run", help="train and measure")
    runs.add_argument("--data", required=True)
    runs.add_argument("--work", required=True)
    runs.add_argument("--tyto", default="tyto")
    runs.add_argument("--rows", default="", help="names, by semicolons (default: all)")
    runs.add_argument("--seeds", default="1,2,3")
    runs.add_argument("--epochs", type=int, default=20)
    runs.add_argument("--verbose", action="store_true", help="epochs, too")
    runs.add_argument("--workers", type=int, default=1)
    tables = parts.add_parser("table", help="what there is")
    tables.add_argument("--work", required=True)
    tables.add_argument("--split", default="test", choices=("val", "test"))
    searches = parts.add_parser("search", help="for the offset, by a trained network of PyTorch")
    searches.add_argument("--data", required=True)
    searches.add_argument("--work", required=True)
    searches.add_argument("--row", default="avel, plain")
    searches.add_argument("--seed", type=int, default=1)
    searches.add_argument("--split", default="test", choices=("val", "test"))
    searches.add_argument("--moved", default="0,1,-1,2,-2,3,-3,4,-4", help="seconds, by commas")
    searches.add_argument("--margins", default="0,0.5,1,2")
    args = parser.parse_args()
    {"data": make_data, "run": run, "search": search, "table": table}[args.what](args)


if __name__ == "__main__":
    main()
