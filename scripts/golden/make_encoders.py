# SPDX-License-Identifier: MIT
"""Golden values of the encoders and their front ends, from PyTorch and PIL.
    make_encoders.py --encoders DIR [--out tests/golden]
DIR holds ssd.tflite, which scripts/setup --test fetches."""
import argparse
import os

import numpy as np
import torch
from PIL import Image

import blob
import encoders
from fill import fill, weight_scale

HERE = os.path.dirname(os.path.abspath(__file__))

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


if __name__ == "__main__":
    main()
