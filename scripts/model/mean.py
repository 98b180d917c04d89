#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The mean of models of one shape, one of which went on from the other: weights, thresholds, calibration.

  scripts/model/mean.py RUN/model.safetensors RUN2/model.safetensors -o model.safetensors

Half way between a model and what it became on other data often keeps what the first knew and has what the
second learnt (Wortsman et al., CVPR 2022). What else the files say of themselves is the first one's."""
import argparse
import json

import numpy as np

import graph


def is_numbers(text):
    try:
        values = np.array(json.loads(text), float)
    except (ValueError, TypeError):
        return False
    return values.ndim > 0


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="+")
    parser.add_argument("-o", "--out", required=True)
    args = parser.parse_args()
    files = [graph.read(path) for path in args.models]
    tensors, meta = files[0]
    for path, (other, _) in zip(args.models, files):
        if {k: v.shape for k, v in other.items()} != {k: v.shape for k, v in tensors.items()}:
            raise SystemExit(f"{path}: not of the shape of {args.models[0]}")
    for name, value in tensors.items():
        mean = np.mean([other[name].astype(np.float64) for other, _ in files], 0)
        tensors[name] = mean.astype(value.dtype)
    for key, text in meta.items():
        if len({other.get(key) for _, other in files}) > 1 and is_numbers(text):
            mean = np.mean([json.loads(other[key]) for _, other in files], 0)
            meta[key] = json.dumps(mean.round(6).tolist(), **graph.COMPACT)
    graph.write(args.out, tensors, {**meta, "tyto.format": "head/1"})


if __name__ == "__main__":
    main()
