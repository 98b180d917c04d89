# SPDX-License-Identifier: MIT
"""Golden values of the shipped eye, from PyTorch and PIL.
    make_visual.py [--out tests/golden]
The picture is golden_picture(640,360), letterboxed to 384x224."""
import argparse
import os
import sys

import numpy as np
import torch
from PIL import Image

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.join(HERE, "..", "..")
sys.path.insert(0, os.path.join(HERE, "..", "ear"))
import encoder_file  # noqa: E402

import blob  # noqa: E402
from make_encoders import picture  # noqa: E402

WIDTH, HEIGHT, TOP = 384, 224, 4
PLACE_STEP = 5


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", default=os.path.join(ROOT, "tests", "golden"))
    args = parser.parse_args()
    torch.set_num_threads(1)

    size = (WIDTH, HEIGHT - 2 * TOP)
    planes = [np.asarray(Image.fromarray(p.astype(np.float32), "F").resize(size, Image.BILINEAR))
              for p in picture(640, 360).transpose(2, 0, 1)]
    x = torch.zeros(1, 4, HEIGHT, WIDTH)  # the last plane says what is picture
    x[0, :3, TOP:HEIGHT - TOP] = torch.from_numpy(np.stack(planes)) / 127.5 - 1
    x[0, 3, TOP:HEIGHT - TOP] = 1
    eye = encoder_file.Encoder(os.path.join(ROOT, "weights", "eye.safetensors"))
    with torch.no_grad():
        values, _ = eye.run(x, False)
    features, scores, boxes = (values[out][0].flatten(1).t().contiguous().numpy() for out in eye.outs)
    blob.write(args.out, "visual_wide", [
        ("features", np.ascontiguousarray(features[::PLACE_STEP]),
         "of weights/eye.safetensors, at places 0,5,... of golden_picture(640,360)"),
        ("scores", scores, "logits of the anchors"),
        ("boxes", boxes, "their boxes"),
    ])


if __name__ == "__main__":
    main()
