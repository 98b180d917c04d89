# SPDX-License-Identifier: MIT
"""Golden values of the encoders and their front ends, from PyTorch and PIL.
    make_encoders.py --encoders DIR [--out tests/golden]
DIR holds the TFLite file and the two ONNX files that scripts/setup fetches."""
import argparse
import os
import sys

import numpy as np
import torch
from PIL import Image

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "head"))
import encoders  # noqa: E402

import blob  # noqa: E402
from fill import fill, weight_scale  # noqa: E402

STRIDE = 16  # of the stored Conv_1 channels and resized pixels


def picture(width, height):
    """(height,width,3) u8; same as golden_picture() in tests/golden/fill.h."""
    y, x = np.mgrid[0:height, 0:width].astype(np.int64)

    def triangle(n):
        n = n & 511
        return np.where(n < 256, n, 511 - n)

    planes = [triangle(2 * x + y), triangle(x * x // 64 + 3 * y),
              triangle(((x - 112) ** 2 + (y - 112) ** 2) // 32)]
    return np.stack(planes, -1).astype(np.uint8)


def sound():
    """16000 samples, each a whole number of 1/32768: two chirps, a pulse, some noise."""
    t = np.arange(16000) / 16000
    rising = 0.25 * np.sin(2 * np.pi * (300 * t + 700 * t * t))
    falling = 0.1 * np.sin(2 * np.pi * (5000 * t - 1500 * t * t)) * (t > 0.3)
    pulse = 0.3 * np.exp(-((t - 0.6) / 0.01) ** 2) * np.sin(2 * np.pi * 1500 * t)
    x = rising + falling + pulse + fill("sound", 16000, 1 / 64).astype(np.float64)
    return (np.round(x * 32768) / 32768).astype(np.float32)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--encoders", required=True)
    parser.add_argument("--out", default=os.path.join(HERE, "..", "..", "tests", "golden"))
    args = parser.parse_args()
    torch.set_num_threads(1)

    out = encoders.VisualEncoder(args.encoders)(picture(224, 224)[None])[0]
    blob.write(args.out, "visual", [
        ("conv1", out[..., ::STRIDE], "Conv_1 of golden_picture(224,224), channels 0,16,..."),
        ("place_sums", out.sum(-1, dtype=np.float64), "sum over all 1280 channels"),
        ("channel_sums", out.sum((0, 1), dtype=np.float64), "sum over all 49 places"),
    ])

    blob.write(args.out, "filled", [
        ("audio", fill("in.audio", 64, 2.0), "fill of in.audio, scale 2"),
        ("weight", fill("head.0.weight", 32, weight_scale(256)), "fill of a weight, fan-in 256"),
        ("picture", picture(321, 7), "golden_picture(321,7)"),
    ])

    resized = []
    for name, width, height in (("down", 640, 360), ("up", 96, 128), ("odd", 321, 243)):
        planes = [Image.fromarray(p.astype(np.float32), "F").resize((224, 224), Image.BILINEAR)
                  for p in picture(width, height).transpose(2, 0, 1)]
        pixels = np.stack([np.asarray(p) for p in planes], -1)[::STRIDE, ::STRIDE]
        resized.append((name, pixels, "golden_picture(%d,%d) at 224x224, every 16th row and"
                        " column, 0..255" % (width, height)))
    blob.write(args.out, "resize", resized)

    audio = encoders.AudioEncoder(args.encoders)
    pcm = sound()
    mel = audio.log_mel(pcm)
    quiet = np.zeros(16000, np.float32)
    quiet[8000:] = pcm[8000:] / np.float32(1024)
    blob.write(args.out, "audio", [
        ("pcm", pcm, "16 kHz mono"),
        ("mel", mel.numpy(), "log-mel, frames x bands, /10+2"),
        ("embedding", audio.embed(mel).numpy(), "windows at frames 0, 8, 16"),
        ("feature", audio(pcm), "mean embedding | log-mel mean | log-mel std"),
        ("quiet_feature", audio(quiet), "of pcm/1024 with its first half silent"),
        ("silence_feature", audio(np.zeros(16000, np.float32)), "of 16000 zeros"),
    ])


if __name__ == "__main__":
    main()
