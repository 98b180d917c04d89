# SPDX-License-Identifier: MIT
"""Golden values of YAMNet, from a NumPy run of its dequantised weights.
    make_yamnet.py --reference DIR [--out tests/golden]
DIR holds yamnet_numpy.py; the model lies where that script looks for it."""
import argparse
import os
import sys

import numpy as np

import blob
from fill import fill

HERE = os.path.dirname(os.path.abspath(__file__))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--reference", required=True)
    parser.add_argument("--out", default=os.path.join(HERE, "..", "..", "tests", "golden"))
    args = parser.parse_args()
    sys.path.insert(0, args.reference)
    import yamnet_numpy

    patches = fill("yamnet", 2 * 96 * 64, 4.0).reshape(2, 96, 64)
    scores, embedding = yamnet_numpy.Y().run(patches)
    blob.write(args.out, "yamnet", [
        ("scores", scores, "of golden_fill(\"yamnet\", 2x96x64, 4), after the sigmoid"),
        ("embedding_sums", embedding.sum(-1, dtype=np.float64), "sum over the 1024 means"),
    ])
    print("largest scores", scores.max(-1))


if __name__ == "__main__":
    main()
