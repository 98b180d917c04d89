# SPDX-License-Identifier: MIT
"""Composes camera-like scenes from single pictures and encodes them.

A scene is one place and one or two objects in it: frame 0 is empty, the others show the
objects, pasted as cut-outs (GrabCut), as rectangles, or filling the picture. All frames are
16:9 or 4:3, degraded as a camera degrades (blur, noise, JPEG), then squashed to 224x224.

    compose_visual.py --data DIR --encoders DIR --cache DIR [--amount 1.0]
compose_visual.py ... --views    the same of each picture alone, once
writes CACHE/visual-SPLIT-SEED.npz: features (N,49,1280) f16, labels (N,K) u8 over ALL
picture classes, scene (N) and frame (N) numbers."""
import argparse
import csv
import io
import os
import zlib

import cv2
import numpy as np
import torch
from PIL import Image

import encoders

HEIGHT_PX = 256
OBJECTS_PER_CLASS = {"train": 120, "val": 28}
EMPTY_SCENES = {"train": 420, "val": 120}
# Pictures of classes that the head does not name are distractors: fewer of them.
DISTRACTOR_SHARE = 0.35
MIN_PICTURES = 10


def read_manifest(data, kind):
    with open(os.path.join(data, "manifest.csv"), newline="") as file:
        return [row for row in csv.DictReader(file) if row["kind"] == kind]


def is_small(path):
    """Pictures of 64 px: cut out they show next to nothing."""
    return os.path.basename(path).startswith("tiny-")


def cut_out(picture):
    """RGBA of the object by GrabCut from a centred rectangle, cropped; None when the result
    is implausible."""
    h, w = picture.shape[:2]
    scale = 200 / max(h, w)
    small = cv2.resize(picture, (max(8, int(w * scale)), max(8, int(h * scale))),
                       interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)
    sh, sw = small.shape[:2]
    labels = np.zeros((sh, sw), np.uint8)
    edge_y, edge_x = max(2, sh // 25), max(2, sw // 25)
    rect = (edge_x, edge_y, sw - 2 * edge_x, sh - 2 * edge_y)
    try:
        cv2.grabCut(small, labels, rect, np.zeros((1, 65)), np.zeros((1, 65)), 3,
                    cv2.GC_INIT_WITH_RECT)
    except cv2.error:
        return None
    alpha = ((labels == 1) | (labels == 3)).astype(np.uint8)
    count, parts, stats, _ = cv2.connectedComponentsWithStats(alpha)
    if count < 2:
        return None
    alpha = (parts == 1 + stats[1:, cv2.CC_STAT_AREA].argmax()).astype(np.uint8)
    alpha = cv2.morphologyEx(alpha, cv2.MORPH_CLOSE, np.ones((5, 5), np.uint8))
    share = alpha.mean()
    ys, xs = np.nonzero(alpha)
    filled = alpha.sum() / max(1, (np.ptp(ys) + 1) * (np.ptp(xs) + 1))
    if not 0.08 < share < 0.8 or filled < 0.25:
        return None
    alpha = cv2.GaussianBlur(alpha.astype(np.float32), (3, 3), 0)
    out = np.dstack([small, (alpha * 255).astype(np.uint8)])
    return out[ys.min():ys.max() + 1, xs.min():xs.max() + 1]


def soft_oval(picture):
    """RGBA: the middle of the picture behind a soft oval."""
    h, w = picture.shape[:2]
    y, x = np.mgrid[0:h, 0:w]
    r = np.hypot((y - h / 2) / (h / 2), (x - w / 2) / (w / 2))
    alpha = np.clip((1.0 - r) / 0.15, 0, 1)
    return np.dstack([picture, (alpha * 255).astype(np.uint8)])


def synthetic_place(rng, height, width):
    """Walls, floors, skies, gradients and coarse texture."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    place = np.zeros((height, width, 3), np.float32)
    place[:] = rng.uniform(30, 225) + rng.uniform(-35, 35, 3)
    kind = rng.integers(4)
    if kind >= 1:  # upper and lower part
        line = rng.uniform(0.35, 0.8) * height + rng.uniform(-0.2, 0.2) * (x - width / 2)
        lower = rng.uniform(30, 225) + rng.uniform(-45, 45, 3)
        place = np.where((y > line)[..., None], lower.astype(np.float32), place)
    if kind >= 2:  # boxes: doors, windows, boards
        for _ in range(rng.integers(1, 6)):
            x0, y0 = rng.integers(0, width), rng.integers(0, height)
            x1, y1 = x0 + rng.integers(8, width // 2), y0 + rng.integers(8, height // 2)
            place[y0:y1, x0:x1] = rng.uniform(10, 245) + rng.uniform(-40, 40, 3)
    place *= (1 + rng.uniform(-0.4, 0.4) * (y / height - 0.5)
              + rng.uniform(-0.3, 0.3) * (x / width - 0.5))[..., None]
    for cells in (6, 18, 60):
        grid = rng.normal(0, rng.uniform(0, 16), (cells, cells, 3)).astype(np.float32)
        if rng.random() < 0.7:
            grid[:] = grid.mean(-1, keepdims=True)
        place += cv2.resize(grid, (width, height), interpolation=cv2.INTER_CUBIC)
    return place.clip(0, 255)


def crop_place(rng, picture, height, width):
    h, w = picture.shape[:2]
    aspect = width / height
    part = rng.uniform(0.6, 1.0)
    ch, cw = (h * part, h * part * aspect) if w / h > aspect else (w * part / aspect, w * part)
    ch, cw = min(h, max(8, int(ch))), min(w, max(8, int(cw)))
    y, x = rng.integers(0, h - ch + 1), rng.integers(0, w - cw + 1)
    place = cv2.resize(picture[y:y + ch, x:x + cw], (width, height), interpolation=cv2.INTER_AREA)
    if rng.random() < 0.4:
        place = cv2.GaussianBlur(place, (0, 0), rng.uniform(0.5, 4))
    return place.astype(np.float32)


def paste(place, rgba, centre_x, bottom, height):
    """Pastes at a height in pixels; parts outside are cut."""
    h, w = rgba.shape[:2]
    width = max(2, int(w * height / h))
    height = max(2, int(height))
    kind = cv2.INTER_AREA if height < h else cv2.INTER_CUBIC
    rgba = cv2.resize(rgba, (width, height), interpolation=kind).astype(np.float32)
    x0, y0 = int(centre_x - width / 2), int(bottom - height)
    px0, py0 = max(0, x0), max(0, y0)
    px1, py1 = min(place.shape[1], x0 + width), min(place.shape[0], y0 + height)
    if px1 <= px0 or py1 <= py0:
        return
    part = rgba[py0 - y0:py1 - y0, px0 - x0:px1 - x0]
    alpha = part[..., 3:] / 255
    place[py0:py1, px0:px1] = place[py0:py1, px0:px1] * (1 - alpha) + part[..., :3] * alpha


class Camera:
    """One camera's way to spoil a picture; the same for all frames of a scene but the noise."""

    def __init__(self, rng):
        self.gain, self.offset = rng.uniform(0.7, 1.25), rng.uniform(-20, 20)
        self.tint = rng.uniform(0.92, 1.08, 3)
        self.gamma = rng.uniform(0.8, 1.25)
        self.blur = rng.uniform(0.3, 1.6) if rng.random() < 0.5 else 0
        self.noise = rng.uniform(0, 9) if rng.random() < 0.7 else 0
        self.quality = int(rng.integers(35, 95))
        self.gray = rng.random() < 0.04

    def __call__(self, rng, picture):
        y = (picture * self.tint * self.gain + self.offset).clip(0, 255)
        y = 255 * (y / 255) ** self.gamma
        if self.gray:
            y[:] = y.mean(-1, keepdims=True)
        if self.blur:
            y = cv2.GaussianBlur(y, (0, 0), self.blur)
        if self.noise:
            y = y + rng.normal(0, self.noise, y.shape)
        buffer = io.BytesIO()
        Image.fromarray(y.clip(0, 255).astype(np.uint8)).save(buffer, "JPEG",
                                                               quality=self.quality)
        side = encoders.IMAGE_SIDE_PX
        return np.asarray(Image.open(buffer).convert("RGB").resize((side, side), Image.BILINEAR))


class Composer:
    filling_share, small_filling_share, rectangle_share = 0.28, 0.75, 0.1

    def __init__(self, data, split, seed):
        self.rng = np.random.default_rng(seed)
        rows = [r for r in read_manifest(data, "image") if r["split"] == split]
        self.data, self.pictures, self.cuts = data, {}, {}
        self.paths = {}
        for row in rows:
            self.paths.setdefault(row["class"], []).append(row["path"])

    def picture(self, path):
        if path not in self.pictures:
            image = Image.open(os.path.join(self.data, path)).convert("RGB")
            image.thumbnail((480, 480))
            self.pictures[path] = np.asarray(image)
        return self.pictures[path]

    def objects(self, path):
        """The ways to paste this picture: (kind, RGBA)."""
        if path not in self.cuts:
            picture = self.picture(path)
            cut = cut_out(picture)
            self.cuts[path] = cut if cut is not None else soft_oval(picture)
        return self.cuts[path]

    def place(self, height, width):
        if self.rng.random() < 0.55:
            paths = self.paths["background"]
            picture = self.picture(paths[self.rng.integers(len(paths))])
            return crop_place(self.rng, picture, height, width)
        return synthetic_place(self.rng, height, width)

    def scene(self, paths):
        """Frames of a scene with these pictures' objects: list of (pixels, shown) where
        shown holds indices into paths."""
        rng = self.rng
        width = int(HEIGHT_PX * (16 / 9 if rng.random() < 0.7 else 4 / 3))
        place, camera = self.place(HEIGHT_PX, width), Camera(rng)
        frames = [(camera(rng, place), ())]
        if not paths:
            return frames
        share = self.small_filling_share if is_small(paths[0]) else self.filling_share
        if len(paths) == 1 and rng.random() < share:
            return frames + self._filling(paths[0], width, camera)
        spots = []
        for i, path in enumerate(paths):
            if rng.random() >= self.rectangle_share:
                rgba = self.objects(path)
            else:
                picture = self.picture(path)
                rgba = np.dstack([picture, np.full(picture.shape[:2], 255, np.uint8)])
            if rng.random() < 0.5:
                rgba = rgba[:, ::-1]
            low = 0.5 if is_small(path) else 0.3
            height = HEIGHT_PX * rng.uniform(low, 0.85 if len(paths) == 1 else 0.6)
            height = min(height, 0.9 * width * rgba.shape[0] / rgba.shape[1])
            low, high = (0.15, 0.85) if len(paths) == 1 else (0.15 + 0.4 * i, 0.45 + 0.4 * i)
            spots.append([rgba, rng.uniform(low, high) * width,
                          HEIGHT_PX - rng.uniform(0, 1) * (HEIGHT_PX - height) * 0.9, height])
        shows = [(0,), (0,)] if len(paths) == 1 else [(0,), (1,), (0, 1)]
        for shown in shows:
            picture = place.copy()
            for i in shown:
                rgba, x, bottom, height = spots[i]
                paste(picture, rgba, x + rng.normal(0, 0.03) * width,
                      bottom + rng.normal(0, 0.015) * HEIGHT_PX, height * rng.uniform(0.93, 1.07))
            frames.append((camera(rng, picture), shown))
        return frames

    def views(self, path):
        width = int(HEIGHT_PX * 4 / 3)
        return self._filling(path, width, Camera(self.rng))[:1]

    def _filling(self, path, width, camera):
        picture, frames = self.picture(path), []
        for _ in range(2):
            view = picture[:, ::-1] if self.rng.random() < 0.5 else picture
            if self.rng.random() < 0.6:
                h, w = view.shape[:2]
                part = self.rng.uniform(0.75, 1)
                ch, cw = int(h * part), int(w * part)
                y, x = self.rng.integers(0, h - ch + 1), self.rng.integers(0, w - cw + 1)
                view = view[y:y + ch, x:x + cw]
            view = cv2.resize(np.ascontiguousarray(view), (width, HEIGHT_PX),
                              interpolation=cv2.INTER_LINEAR).astype(np.float32)
            frames.append((camera(self.rng, view), (0,)))
        return frames


def main_classes(data):
    """Classes with enough pictures and sounds: objects of full weight."""
    counts = {}
    for kind in ("image", "audio"):
        for row in read_manifest(data, kind):
            if row["split"] == "train":
                counts.setdefault(row["class"], {"image": 0, "audio": 0})[kind] += 1
    return {c for c, n in counts.items() if min(n.values()) >= MIN_PICTURES}


def plan(composer, split, mains, amount):
    """List of scenes: each a list of picture paths."""
    rng, scenes = composer.rng, [[] for _ in range(int(EMPTY_SCENES[split] * amount))]
    classes = sorted(c for c in composer.paths if c != "background")
    for name in classes:
        paths = composer.paths[name]
        share = 1.0 if name in mains else DISTRACTOR_SHARE * min(1, len(paths) / MIN_PICTURES)
        order = []
        for _ in range(max(1, int(OBJECTS_PER_CLASS[split] * share * amount))):
            order = order or list(rng.permutation(len(paths)))
            scene = [paths[order.pop()]]
            if rng.random() < 0.15:
                other = composer.paths[classes[rng.integers(len(classes))]]
                scene.append(other[rng.integers(len(other))])
            scenes.append(scene)
    rng.shuffle(scenes)
    return scenes


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", required=True)
    parser.add_argument("--encoders", required=True)
    parser.add_argument("--cache", required=True)
    parser.add_argument("--amount", type=float, default=1.0)
    parser.add_argument("--splits", default="train,val")
    parser.add_argument("--views", action="store_true",
                        help="each picture alone, filling the frame, instead of scenes")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    encode = encoders.VisualEncoder(args.encoders)
    mains = main_classes(args.data)
    names = sorted({r["class"] for r in read_manifest(args.data, "image")} - {"background"})
    for split in args.splits.split(","):
        composer = Composer(args.data, split, [args.seed, zlib.crc32(split.encode())])
        pixels, labels, scene_idx, frame_idx, features = [], [], [], [], []

        def flush():
            if pixels:
                out = encode(np.stack(pixels)).reshape(len(pixels), 49, -1)
                features.append(out.astype(np.float16))
                pixels.clear()

        if args.views:
            scenes = [[p] for n, ps in composer.paths.items() if n != "background" for p in ps]
        else:
            scenes = plan(composer, split, mains, args.amount)
        for i, paths in enumerate(scenes):
            made = composer.views(paths[0]) if args.views else composer.scene(paths)
            for j, (frame, shown) in enumerate(made):
                label = np.zeros(len(names), np.uint8)
                for k in shown:
                    label[names.index(paths[k].split("/")[1])] = 1
                pixels.append(frame)
                labels.append(label)
                scene_idx.append(i)
                frame_idx.append(j)
                if len(pixels) == 8:
                    flush()
            if i % 200 == 0:
                print("%s: scene %d of %d" % (split, i, len(scenes)), flush=True)
        flush()
        np.savez(os.path.join(args.cache, "visual-%s-%d.npz" % (split, args.seed)),
                 features=np.concatenate(features), labels=np.stack(labels),
                 scene=np.array(scene_idx), frame=np.array(frame_idx), names=np.array(names))


if __name__ == "__main__":
    main()
