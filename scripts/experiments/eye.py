#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What the visual encoder sees of objects by their size, and what that costs.

  eye.py --data DIR [--data DIR]... --encoders DIR --work DIR --tyto PROGRAM --audio FILE
         [--form NAME=HxW[:OPTION...]]...

Composes pictures of 640x360: one object on a background, its box a known share of the picture (or
filling it), spoilt as a camera spoils. Each form of the encoder (`tyto model import` makes it, with
the OPTIONs letterbox, detector and pooled) computes its features by `tyto features`; on those of the
training files a small head learns which class is there (one layer a place, the highest place counts,
after the trainer's projection to 128 components), and is asked on those of the validation files.
Printed for each form: how often the right class scores highest, by size; mean average precision;
and, by the detector's columns alone, average precision of its classes on the data's own pictures.
What exists in --work is kept. Debian: python3-numpy python3-opencv python3-pil python3-torch."""
import argparse
import csv
import glob
import io
import os
import struct
import subprocess
import time

import cv2
import numpy as np
import torch
from PIL import Image
from torch.nn import functional as F

WIDTH, HEIGHT = 640, 360
CLASSES = ("airplane bird boat bus car cat chicken cow dog frog guitar helicopter horse lion monkey "
           "motorcycle person piano sheep train truck").split()
SIZES = (("fills", None), ("20-40 %", (.2, .4)), ("10-20 %", (.1, .2)), ("2.5-10 %", (.025, .1)))
PER_SIZE = {"train": 26, "val": 9}
BY_DETECTOR = (("person", "Person"), ("car", "Car"), ("cat", "Cat"), ("bicycle", "Bicycle"))
FORMS = ("squash224=224x224", "letterbox=224x384:letterbox:detector",
         "letterbox-pooled=224x384:letterbox:detector:pooled")
POOLED = "FeatureExtractor/MobilenetV2/expanded_conv_13/expand/Relu6"
OUTPUTS = ("FeatureExtractor/MobilenetV2/Conv_1/Relu6", "raw_outputs/class_predictions",
           "raw_outputs/box_encodings")


def manifest(folders):
    for folder in folders:
        with open(os.path.join(folder, "manifest.csv"), newline="") as file:
            for row in csv.DictReader(file):
                if row["kind"] in ("image", "background"):
                    is_place = "background" in (row["kind"], row["class"])
                    yield (os.path.join(folder, row["path"]), row["split"],
                           "background" if is_place else row["class"])


def load(path):
    return np.asarray(Image.open(path).convert("RGB"))


# --- composing ------------------------------------------------------------------------------


def cut_out(picture):
    """RGBA of the object by GrabCut from a centred rectangle, else the middle behind an oval."""
    h, w = picture.shape[:2]
    scale = 200 / max(h, w)
    small = cv2.resize(picture, (max(8, int(w * scale)), max(8, int(h * scale))),
                       interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)
    h, w = small.shape[:2]
    labels = np.zeros((h, w), np.uint8)
    y, x = max(2, h // 25), max(2, w // 25)
    try:
        cv2.grabCut(small, labels, (x, y, w - 2 * x, h - 2 * y), np.zeros((1, 65)),
                    np.zeros((1, 65)), 3, cv2.GC_INIT_WITH_RECT)
    except cv2.error:
        labels[:] = 0
    alpha = ((labels == 1) | (labels == 3)).astype(np.uint8)
    count, parts, stats, _ = cv2.connectedComponentsWithStats(alpha)
    if count > 1:
        alpha = (parts == 1 + stats[1:, cv2.CC_STAT_AREA].argmax()).astype(np.uint8)
        ys, xs = np.nonzero(alpha)
        if .08 < alpha.mean() < .8 and alpha.sum() > .25 * np.ptp(ys) * np.ptp(xs):
            alpha = cv2.GaussianBlur(alpha.astype(np.float32), (3, 3), 0)
            cut = np.dstack([small, (alpha * 255).astype(np.uint8)])
            return cut[ys.min():ys.max() + 1, xs.min():xs.max() + 1]
    y, x = np.mgrid[0:h, 0:w]
    r = np.hypot((y - h / 2) / (h / 2), (x - w / 2) / (w / 2))
    return np.dstack([small, (np.clip((1 - r) / .15, 0, 1) * 255).astype(np.uint8)])


def cover(rng, picture, least):
    """A part of the picture, at least that share of it, as large as the frame."""
    h, w = picture.shape[:2]
    cw, ch = (h * WIDTH / HEIGHT, h) if w / h > WIDTH / HEIGHT else (w, w * HEIGHT / WIDTH)
    part = rng.uniform(least, 1)
    cw, ch = max(8, int(cw * part)), max(8, int(ch * part))
    x, y = rng.integers(0, w - cw + 1), rng.integers(0, h - ch + 1)
    kind = cv2.INTER_AREA if cw > WIDTH else cv2.INTER_CUBIC
    return cv2.resize(np.ascontiguousarray(picture[y:y + ch, x:x + cw]), (WIDTH, HEIGHT),
                      interpolation=kind).astype(np.float32)


def paste(rng, frame, rgba, share):
    area = rng.uniform(*share) * WIDTH * HEIGHT
    aspect = rgba.shape[1] / rgba.shape[0]
    h = min(np.sqrt(area / aspect), .97 * HEIGHT, .97 * WIDTH / aspect)
    w, h = max(2, int(h * aspect)), max(2, int(h))
    rgba = cv2.resize(rgba, (w, h), interpolation=cv2.INTER_AREA if h < rgba.shape[0]
                      else cv2.INTER_CUBIC).astype(np.float32)
    x, y = rng.integers(0, WIDTH - w + 1), rng.integers(0, HEIGHT - h + 1)
    alpha = rgba[..., 3:] / 255
    frame[y:y + h, x:x + w] *= 1 - alpha
    frame[y:y + h, x:x + w] += rgba[..., :3] * alpha


def spoil(rng, y):
    y = y * rng.uniform(.92, 1.08, 3) * rng.uniform(.75, 1.2) + rng.uniform(-15, 15)
    y = 255 * (y.clip(0, 255) / 255) ** rng.uniform(.85, 1.2)
    if rng.random() < .4:
        y = cv2.GaussianBlur(y, (0, 0), rng.uniform(.3, 1))
    if rng.random() < .7:
        y = y + rng.normal(0, rng.uniform(0, 7), y.shape)
    buffer = io.BytesIO()
    Image.fromarray(y.clip(0, 255).astype(np.uint8)).save(buffer, "JPEG",
                                                          quality=int(rng.integers(45, 95)))
    return np.asarray(Image.open(buffer).convert("RGB"))


def compose(args, split):
    """A lossless recording of a frame a second, and beside it what each shows: (class, size)."""
    path = os.path.join(args.work, split + ".mkv")
    if os.path.exists(path):
        return path, np.load(path + ".npy")
    rng = np.random.default_rng({"train": 2, "val": 1}[split])
    paths = {}
    for file, of, name in manifest(args.data):
        if of == split:
            paths.setdefault(name, []).append(file)
    plan = [(-1, -1)] * (4 * PER_SIZE[split])
    plan += [(c, s) for c in range(len(CLASSES)) for s in range(len(SIZES))
             for _ in range(PER_SIZE[split])]
    cuts, orders = {}, {}
    writer = subprocess.Popen(
        ["ffmpeg", "-v", "error", "-y", "-f", "rawvideo", "-pix_fmt", "rgb24", "-r", "1", "-s",
         "%dx%d" % (WIDTH, HEIGHT), "-i", "-", "-c:v", "libx264", "-qp", "0", "-preset",
         "ultrafast", "-pix_fmt", "yuv420p", "-f", "matroska", path + ".part"],
        stdin=subprocess.PIPE)
    for c, size in plan:
        places = paths["background"]
        frame = None
        if c >= 0:
            order = orders.setdefault((c, size), [])
            order.extend(rng.permutation(paths[CLASSES[c]]) if not order else ())
            file = order.pop()
            if SIZES[size][1] is None:
                frame = cover(rng, load(file), .75)
        if frame is None:
            frame = cover(rng, load(places[rng.integers(len(places))]), .6)
            if c >= 0:
                cuts[file] = cuts[file] if file in cuts else cut_out(load(file))
                rgba = cuts[file][:, ::-1] if rng.random() < .5 else cuts[file]
                paste(rng, frame, rgba, SIZES[size][1])
        writer.stdin.write(spoil(rng, frame).tobytes())
    writer.stdin.close()
    if writer.wait():
        raise SystemExit("ffmpeg failed")
    np.save(path + ".npy", np.array(plan))
    os.rename(path + ".part", path)
    return path, np.array(plan)


# --- features -------------------------------------------------------------------------------


def models_of(args, form):
    name, what = form.split("=")
    size, *options = what.split(":")
    folder = os.path.join(args.work, name)
    os.makedirs(folder, exist_ok=True)
    out = os.path.join(folder, "visual.safetensors")
    if not os.path.exists(out):
        command = [args.tyto, "model", "import", os.path.join(args.encoders, "ssd.tflite"),
                   "--kind", "visual", "--input", size, "-o", out]
        for output in OUTPUTS if "detector" in options else OUTPUTS[:1]:
            command += ["--output", output]
        if "letterbox" in options:
            command.append("--letterbox")
        if "pooled" in options:
            command += ["--pooled", POOLED]
        if "detector" in options:
            command += ["--detector", os.path.join(args.encoders, "ssd.names")]
        subprocess.run(command, check=True)
    audio = os.path.join(folder, "audio.safetensors")
    if not os.path.exists(audio):
        os.symlink(os.path.abspath(args.audio), audio)
    return name, folder


def read_shard(path):
    """(N, L, V) halves of a shard of the feature cache (trainer/data/features/cache_file.h)."""
    with open(path, "rb") as file:
        num, audio, places, visual = struct.unpack_from("<4I", file.read(512), 16)
    width = audio + places * visual
    rows = np.memmap(path, np.float16, "r", 512, (num, width))
    return rows[:, audio:].reshape(num, places, visual)


def features_of(args, folder, recording):
    cache = os.path.join(folder, "cache-" + os.path.basename(recording))
    begin = os.times()
    if not glob.glob(os.path.join(cache, "**", "*.features"), recursive=True):
        subprocess.run([args.tyto, "features", recording, "--models", folder, "--cache", cache,
                        "--jobs", "1", "--exec", "cpu", "--no-progress"], check=True)
    end = os.times()
    shard, = glob.glob(os.path.join(cache, "**", "*.features"), recursive=True)
    used = end.children_user + end.children_system - begin.children_user - begin.children_system
    return read_shard(shard), used


# --- the head that asks ------------------------------------------------------------------------


def fit_projection(x, out=128, whitening=.5):
    """As trainer/data/basis.h: principal components, evened out half way."""
    rng = np.random.default_rng(0)
    rows = x.reshape(-1, x.shape[2])[np.sort(rng.integers(0, x.shape[0] * x.shape[1], 16000))]
    rows = rows.astype(np.float32)
    mean = rows.mean(0)
    rows -= mean
    values, vectors = np.linalg.eigh(rows.T @ rows / len(rows))
    values, vectors = values[::-1][:out], vectors[:, ::-1][:, :out]
    scale = values ** (-whitening / 2)
    return mean, (vectors * scale / np.sqrt((values * scale ** 2).mean())).astype(np.float32)


def project(x, mean, matrix):
    return torch.from_numpy(np.stack([(row.astype(np.float32) - mean) @ matrix for row in x]))


class Head(torch.nn.Module):
    def __init__(self, width, num):
        super().__init__()
        self.hidden, self.out = torch.nn.Linear(width, 128), torch.nn.Linear(128, num)
        self.sharpness = torch.nn.Parameter(torch.tensor(0.))

    def forward(self, x):
        z = self.out(self.hidden(F.dropout(x, .1, self.training)).relu())
        t = self.sharpness.exp() + .5
        return (torch.logsumexp(z * t, 1) - np.log(z.shape[1])) / t


def train(x, y, seed, epochs=24, batch=64):
    torch.manual_seed(seed)
    head = Head(x.shape[2], y.shape[1])
    optimizer = torch.optim.AdamW(head.parameters(), 2e-3, weight_decay=.02)
    steps = epochs * len(x) // batch
    for step in range(steps):
        for group in optimizer.param_groups:
            group["lr"] = 1e-3 * (1 + np.cos(np.pi * step / steps))
        rows = torch.randint(0, len(x), (batch,))
        loss = F.binary_cross_entropy_with_logits(head(x[rows]), y[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return head.eval()


def average_precision(scores, is_true):
    order = np.argsort(-scores, kind="stable")
    hits = is_true[order]
    return (np.cumsum(hits) / np.arange(1, len(hits) + 1))[hits].mean()


@torch.no_grad()
def ask(head, x):
    return torch.sigmoid(torch.cat([head(x[i:i + 64]) for i in range(0, len(x), 64)])).numpy()


def probe(shown, x, seeds=2):
    projection = fit_projection(x["train"])
    rows = {split: project(x[split], *projection) for split in x}
    y = torch.zeros(len(shown["train"]), len(CLASSES))
    for i, (c, _) in enumerate(shown["train"]):
        if c >= 0:
            y[i, c] = 1
    scores = np.mean([ask(train(rows["train"], y, seed), rows["val"]) for seed in range(seeds)], 0)
    c, size = shown["val"].T
    highest = [100 * (scores[size == s].argmax(1) == c[size == s]).mean()
               for s in range(len(SIZES))]
    precision = [average_precision(scores[:, k], c == k) for k in range(len(CLASSES))]
    return highest, float(np.mean(precision))


def by_detector(args, folder):
    """Average precision of the detector's columns on the data's own pictures."""
    files = [f for f in manifest(args.data[-1:]) if not f[2].startswith("street")]
    recording = os.path.join(args.work, "own.mkv")
    if not os.path.exists(recording):
        writer = subprocess.Popen(
            ["ffmpeg", "-v", "error", "-y", "-f", "rawvideo", "-pix_fmt", "rgb24", "-r", "1", "-s",
             "320x320", "-i", "-", "-c:v", "libx264", "-qp", "0", "-preset", "ultrafast",
             "-pix_fmt", "yuv420p", recording], stdin=subprocess.PIPE)
        for file, _, _ in files:
            frame = Image.new("RGB", (320, 320), (127, 127, 127))
            picture = Image.open(file).convert("RGB")
            picture.thumbnail((320, 320))
            frame.paste(picture, ((320 - picture.width) // 2, (320 - picture.height) // 2))
            writer.stdin.write(frame.tobytes())
        writer.stdin.close()
        writer.wait()
    with open(os.path.join(args.encoders, "ssd.names")) as file:
        names = [line.strip() for line in file if line.strip() != "???"]
    x, _ = features_of(args, folder, recording)
    columns = x[:, :, -1 - len(names):-1].max(1).astype(np.float32)  # the last one is the cover
    for ours, theirs in BY_DETECTOR:
        is_true = np.array([ours in name.split("+") for _, _, name in files])
        value = average_precision(columns[:, names.index(theirs)], is_true)
        print("  detector: %s AP %.3f (%d pictures)" % (ours, value, is_true.sum()), flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", action="append", required=True)
    for name in ("--encoders", "--work", "--tyto", "--audio"):
        parser.add_argument(name, required=True)
    parser.add_argument("--form", action="append")
    args = parser.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    os.makedirs(args.work, exist_ok=True)
    recordings = {split: compose(args, split) for split in ("val", "train")}
    shown = {split: recordings[split][1] for split in recordings}
    for form in args.form or FORMS:
        begin = time.time()
        name, folder = models_of(args, form)
        made = {split: features_of(args, folder, recordings[split][0]) for split in recordings}
        x = {split: made[split][0] for split in made}
        highest, precision = probe(shown, x)
        print("%s: %d places of %d; right class highest: %s; mAP %.3f; %.1f ms of CPU a picture "
              "with decoding (0: kept from before), %.0f s" %
              (name, x["val"].shape[1], x["val"].shape[2],
               ", ".join("%s %.0f %%" % (s[0], h) for s, h in zip(SIZES, highest)), precision,
               1000 * made["train"][1] / len(shown["train"]), time.time() - begin), flush=True)
        if "detector" in form:
            by_detector(args, folder)


if __name__ == "__main__":
    main()
