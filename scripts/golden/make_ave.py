#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""AVE's official files in small (tests/golden/ave, and what h5py reads of them in ave.f32), the
HDF5 files of the fuzzer's corpus, or with --full DIR a folder of the official size (4143 clips,
some 4.2 GB) to measure with.
    make_ave.py [--tests tests]      make_ave.py --full DIR [--clips N]"""
import argparse
import os

import h5py
import numpy as np

import blob

HERE = os.path.dirname(os.path.abspath(__file__))
CLASSES = ["Church bell", "Bark", "Race car, auto racing"]
# row -> (class, begin, end); id of rows 0 and 4 is one video
RUNS = [(0, 0, 10), (1, 2, 8), (2, 5, 6), (1, 0, 10), (2, 0, 4), (0, 0, 0), (0, 7, 10)]
IDS = ["RUhOCu3LNXM", "MH3m4AwEcRY", "-k1d_2An2JM", "WM5R44UMLq0", "RUhOCu3LNXM", "VWi2ENBuTbw",
       "5wHd0VafUAA"]


def truth(runs, num_classes, num_segments=10):
    labels = np.zeros((len(runs), num_segments, num_classes + 1), np.float32)
    mil = np.zeros((len(runs), num_classes + 1), np.float32)
    closs = np.zeros((len(runs), num_segments), np.float32)
    labels[:, :, num_classes] = 1
    for i, (kind, begin, end) in enumerate(runs):
        labels[i, begin:end, kind] = 1
        labels[i, begin:end, num_classes] = 0
        closs[i, begin:end] = 1
        mil[i, kind] = 1
    return labels, closs, mil


def write(folder, name, values, key="avadataset", **options):
    with h5py.File(os.path.join(folder, name), "w") as file:
        file.create_dataset(key, data=values, **options)


def write_labels(folder, runs, names, ids, orders):
    labels, closs, mil = truth(runs, len(names))
    write(folder, "labels.h5", labels)
    write(folder, "labels_closs.h5", closs)
    write(folder, "mil_labels.h5", mil)
    for split, order in orders.items():
        write(folder, split + "_order.h5", np.asarray(order, np.int64), key="order")
    with open(os.path.join(folder, "Annotations.txt"), "w") as file:
        for (kind, begin, end), name in zip(runs, ids):
            file.write("%s&%s&good&%d&%d\n" % (names[kind], name, begin, end))


def small(tests):
    folder = os.path.join(tests, "golden", "ave")
    os.makedirs(folder, exist_ok=True)
    rng = np.random.default_rng(3)
    write(folder, "audio_feature.h5", rng.standard_normal((7, 10, 6)))
    write(folder, "visual_feature.h5", rng.standard_normal((7, 10, 2, 2, 5)).astype(np.float32),
          key="visual", chunks=(3, 10, 2, 2, 5), compression="gzip", shuffle=True)
    write(folder, "audio_feature_noisy.h5", rng.standard_normal((2, 10, 6)))
    write(folder, "visual_feature_noisy.h5", rng.standard_normal((2, 10, 2, 2, 5)).astype(np.float16))
    write_labels(folder, RUNS, CLASSES, IDS, {"train": [3, 0, 6, 5], "val": [1], "test": [4, 2]})
    parts = []
    for name in ("audio_feature", "visual_feature", "audio_feature_noisy", "visual_feature_noisy",
                 "labels"):
        with h5py.File(os.path.join(folder, name + ".h5"), "r") as file:
            parts.append((name, np.asarray(list(file.values())[0]), "as h5py reads it"))
    blob.write(os.path.join(tests, "golden"), "ave", parts)


def corpus(tests):
    folder = os.path.join(tests, "fuzz", "corpus", "hdf5")
    os.makedirs(folder, exist_ok=True)
    values = np.arange(24, dtype=np.float64).reshape(2, 3, 4)
    write(folder, "plain.h5", values)
    write(folder, "packed.h5", values.astype(np.float32), chunks=(1, 3, 4), compression="gzip",
          shuffle=True, fletcher32=True)
    write(folder, "order.h5", np.arange(5), key="order")
    write(folder, "lzf.h5", values, chunks=(1, 3, 4), compression="lzf")
    write(folder, "text.h5", np.array([b"a", b"bc"]))
    with h5py.File(os.path.join(folder, "several.h5"), "w") as file:
        file["one"], file["two"] = values, values
        file.create_group("group")["three"] = values
    with h5py.File(os.path.join(folder, "links.h5"), "w") as file:
        file["away"] = h5py.ExternalLink("plain.h5", "/avadataset")
        file["soft"] = h5py.SoftLink("/nowhere")
    with h5py.File(os.path.join(folder, "outside.h5"), "w") as file:
        file.create_dataset("avadataset", (4,), "f4", external=[("plain.h5", 0, 16)])
    with h5py.File(os.path.join(folder, "newest.h5"), "w", libver="latest") as file:
        file.create_dataset("avadataset", data=values, chunks=(1, 3, 4), maxshape=(None, 3, 4))


def full(folder, clips):
    os.makedirs(folder, exist_ok=True)
    rng = np.random.default_rng(5)
    names = ["Class %d" % i for i in range(28)]
    runs = []
    for i in range(clips):
        begin = int(rng.integers(0, 8)) if i % 3 == 0 else 0
        runs.append((i % 28, begin, int(rng.integers(begin + 2, 11)) if i % 3 == 0 else 10))
    order = rng.permutation(clips)
    cut = [clips * 3339 // 4143, clips * 3741 // 4143]
    write_labels(folder, runs, names, ["%011d" % i for i in range(clips)],
                 dict(zip(("train", "val", "test"), np.split(order, cut))))
    means = rng.standard_normal((28, 128)).astype(np.float32)
    looks = rng.standard_normal((28, 512)).astype(np.float32)
    with h5py.File(os.path.join(folder, "audio_feature.h5"), "w") as audio, \
            h5py.File(os.path.join(folder, "visual_feature.h5"), "w") as visual:
        a = audio.create_dataset("avadataset", (clips, 10, 128), "f8")
        v = visual.create_dataset("avadataset", (clips, 10, 7, 7, 512), "f4")
        noise = rng.standard_normal((64, 10, 7, 7, 512)).astype(np.float32)
        for i, (kind, begin, end) in enumerate(runs):
            present = np.zeros((10, 1), np.float32)
            present[begin:end] = 1
            a[i] = np.maximum(means[kind] * present + rng.standard_normal((10, 128)), 0)
            picture = noise[i % 64].copy()
            picture[:, i % 7, (i // 7) % 7] += looks[kind] * present
            v[i] = np.maximum(picture, 0)
    for name in os.listdir(folder):
        print("%-24s %12d bytes" % (name, os.path.getsize(os.path.join(folder, name))))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tests", default=os.path.join(HERE, "..", "..", "tests"))
    parser.add_argument("--full", metavar="DIR")
    parser.add_argument("--clips", type=int, default=4143)
    args = parser.parse_args()
    if args.full:
        full(args.full, args.clips)
    else:
        small(args.tests)
        corpus(args.tests)


if __name__ == "__main__":
    main()
