# SPDX-License-Identifier: MIT
"""Golden values of YUV to RGB, from ffmpeg: a picture of patches of one colour each.
    make_yuv.py [--out tests/golden]"""
import argparse
import itertools
import os
import subprocess

import numpy as np

import blob

HERE = os.path.dirname(os.path.abspath(__file__))
LEVELS = (16, 70, 128, 180, 235)  # of Y, U and V
PATCH = 8


def convert(yuv, matrix, levels):
    """RGB of each (Y,U,V) row."""
    count = len(yuv)
    width, height = PATCH * count, PATCH
    luma = np.repeat(np.repeat(yuv[None, :, 0], PATCH, 1), PATCH, 0)
    chroma = [np.repeat(np.repeat(yuv[None, :, c], PATCH // 2, 1), PATCH // 2, 0) for c in (1, 2)]
    raw = luma.tobytes() + chroma[0].tobytes() + chroma[1].tobytes()
    scale = "scale=in_color_matrix=%s:in_range=%s:out_range=pc:" % (matrix, levels)
    out = subprocess.run(
        ["ffmpeg", "-v", "error", "-f", "rawvideo", "-pix_fmt", "yuv420p", "-s",
         "%dx%d" % (width, height), "-i", "-", "-vf",
         scale + "flags=accurate_rnd+full_chroma_int+bilinear,format=rgb24",
         "-f", "rawvideo", "-"], input=raw, capture_output=True, check=True).stdout
    rgb = np.frombuffer(out, np.uint8).reshape(height, width, 3)
    return rgb[PATCH // 2, PATCH // 2::PATCH]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", default=os.path.join(HERE, "..", "..", "tests", "golden"))
    args = parser.parse_args()
    yuv = np.array(list(itertools.product(LEVELS, LEVELS, LEVELS)), np.uint8)
    arrays = [("yuv", yuv, "Y, U, V of each patch")]
    for name, matrix, levels in (("bt601", "bt601", "tv"), ("bt709", "bt709", "tv"),
                                 ("bt601_full", "bt601", "pc"), ("bt709_full", "bt709", "pc")):
        arrays.append((name, convert(yuv, matrix, levels), "R, G, B, %s, %s" % (matrix, levels)))
    blob.write(args.out, "yuv", arrays)


if __name__ == "__main__":
    main()
