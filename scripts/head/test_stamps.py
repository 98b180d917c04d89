# SPDX-License-Identifier: MIT
"""Measures a head on pictures and sounds of Debian's tuxpaint-stamps-default: a test, never
used for training or for choosing anything. Scenes: a stamp on a composed place, seen and
heard, only seen, or only heard, in ten-second clips read as the daemon reads them.
    test_stamps.py --head weights/head.safetensors --data DIR --encoders DIR
DIR of --data lends background pictures of its validation split only."""
import argparse
import json
import os

import cv2
import numpy as np
import torch
from PIL import Image

import clips
import cman
import compose_audio
import compose_visual
import encoders
import track
import weights_file

STAMPS = "/usr/share/tuxpaint/stamps/animals/"
PAIRS = {
    "amphibians/frog": "frog", "birds/blackbird": "bird", "birds/crow": "bird",
    "birds/cuckoo": "bird", "birds/lark": "bird", "birds/seagull": "bird",
    "birds/owl": "bird", "birds/hen": "chicken", "birds/rooster": "chicken",
    "mammals/bovines/cow": "cow", "mammals/bovines/cow_white": "cow",
    "mammals/bovines/bull": "cow", "mammals/bovines/sheep": "sheep",
    "mammals/bovines/sheep_lamb": "sheep", "mammals/bovines/ram": "sheep",
    "mammals/cats/lion": "lion", "mammals/apes/chimp": "monkey",
    "mammals/apes/gorilla": "monkey", "mammals/dogs/dog": "dog",
    "../hobbies/music/percussion/drumkit": "drum",
}


def load_head(path):
    tensors, metadata = weights_file.read(path)
    config, classes = json.loads(metadata["tyto.config"]), json.loads(metadata["tyto.classes"])
    model = cman.Cman(config, len(classes), "adapt_audio.weight" in tensors)
    model.load_state_dict({n: torch.from_numpy(t.astype(np.float32))
                           for n, t in tensors.items()})
    return model.eval(), classes, metadata


class Stage(compose_visual.Composer):
    filling_share = small_filling_share = rectangle_share = 0

    def __init__(self, data, seed):
        super().__init__(data, "val", seed)
        self.sounds = compose_audio.Composer.__new__(compose_audio.Composer)
        self.sounds.rng, self.sounds.recordings, self.sounds.order = self.rng, {}, {}

    def objects(self, path):
        return np.array(Image.open(path).convert("RGBA"))

    def clip(self, encode_visual, encode_audio, stamp, heard, seen):
        frames = self.scene([STAMPS + stamp + ".png"])
        features = encode_visual(np.stack([f[0] for f in frames])).reshape(len(frames), 49, -1)
        rng, t = self.rng, clips.NUM_SEGMENTS
        count = t * compose_audio.RATE_HZ
        level = 10 ** (rng.uniform(-75, -45) / 20)
        mix = compose_audio.coloured_noise(rng, count) * np.float32(level)
        begin, end = int(rng.integers(1, 4)), int(rng.integers(7, 10))
        if heard:
            x = compose_audio.read_recording(STAMPS + stamp + ".ogg")
            reps = 1 + (end - begin) * compose_audio.RATE_HZ // len(x)
            x = np.tile(x, reps)[:(end - begin) * compose_audio.RATE_HZ]
            mix[begin * 16000:begin * 16000 + len(x)] += 0.5 * x / np.abs(x).max()
        audio = np.stack([encode_audio(s) for s in mix.reshape(t, -1)])
        shown = [int(rng.integers(1, len(frames))) if seen and begin <= i < end else 0
                 for i in range(t)]
        return audio, features[shown], begin, end


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--head", required=True)
    parser.add_argument("--data", required=True)
    parser.add_argument("--encoders", required=True)
    parser.add_argument("--cache", required=True)
    parser.add_argument("--repeats", type=int, default=3)
    args = parser.parse_args()
    torch.set_num_threads(1)
    cache = os.path.join(args.cache, "stamps-%d.npz" % args.repeats)
    rows = [(s, h, v) for s in PAIRS for _ in range(args.repeats)
            for h, v in ((1, 1), (1, 0), (0, 1))]
    if not os.path.exists(cache):
        stage = Stage(args.data, 11)
        visual = encoders.VisualEncoder(args.encoders)
        audio = encoders.AudioEncoder(args.encoders)
        made = [stage.clip(visual, audio, *row) for row in rows]
        np.savez(cache, audio=np.stack([m[0] for m in made]),
                 visual=np.stack([m[1] for m in made]).astype(np.float16),
                 begin=[m[2] for m in made], end=[m[3] for m in made])
    data = np.load(cache)
    audio, visual = data["audio"], data["visual"].astype(np.float32)
    begins, ends = data["begin"], data["end"]
    model, classes, _ = load_head(args.head)
    k, found, false, lags = len(classes), {}, 0, []
    singles, wrong_singles = {"heard": [0, 0], "seen": [0, 0]}, 0
    for i, (stamp, heard, seen) in enumerate(rows):
        with torch.no_grad():
            z = model(torch.from_numpy(audio[i:i + 1]),
                      torch.from_numpy(visual[i:i + 1]))["logits"][0]
        p = torch.sigmoid(z).numpy()
        c = classes.index(PAIRS[stamp])
        truth = [(int(begins[i]), int(ends[i]))]
        where = np.zeros(clips.NUM_SEGMENTS)
        where[truth[0][0]:truth[0][1]] = 1
        for o in range(k):
            here = truth if heard and seen and o == c else []
            hits, f, lag = track.score(track.events(p[:, o], 0.5), here,
                                       where if here else 0 * where)
            false += f
            if here:
                entry = found.setdefault(stamp, [0, 0])
                entry[0], entry[1] = entry[0] + hits, entry[1] + 1
                lags += lag
            for head, name, on in ((1, "heard", heard), (2, "seen", seen)):
                here = truth if on and o == c else []
                hits, f, _ = track.score(track.events(p[:, head * k + o], 0.7), here,
                                         where if here else 0 * where)
                wrong_singles += f
                if here:
                    singles[name][0] += hits
                    singles[name][1] += 1
    hits, total = np.sum(list(found.values()), 0)
    minutes = len(rows) * clips.NUM_SEGMENTS / 60
    print("seen and heard: %d of %d found, %.2f false joint events a minute" % (
        hits, total, false / minutes))
    print("onset within one segment: %.2f" % np.mean(np.abs(lags) <= 1))
    print("alone: heard %d of %d, seen %d of %d, %.2f false a minute" % (
        *singles["heard"], *singles["seen"], wrong_singles / minutes))
    print({s.split("/")[-1]: "%d/%d" % tuple(v) for s, v in found.items()})


if __name__ == "__main__":
    main()
