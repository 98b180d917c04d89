# SPDX-License-Identifier: MIT
"""Writes and reads safetensors files, without a package: 8 bytes of header length, a JSON
header, then the tensors one after the other, each aligned to 8 bytes by its order."""
import hashlib
import json
import os
import struct

import numpy as np

DTYPES = {"F32": np.float32, "F16": np.float16}
NAMES = {np.dtype(v): k for k, v in DTYPES.items()}


def layout_hash(tensors):
    """SHA-256 of the lines "name dim,dim" in name order, as tyto_weights_layout() has it:
    same layout, same digits."""
    lines = ["%s %s\n" % (n, ",".join(map(str, tensors[n].shape))) for n in sorted(tensors)]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def write(path, tensors, metadata):
    header, at = {"__metadata__": metadata}, 0
    order = sorted(tensors, key=lambda n: (-tensors[n].dtype.itemsize, n))
    for name in order:
        tensor = tensors[name]
        header[name] = {"dtype": NAMES[tensor.dtype], "shape": list(tensor.shape),
                        "data_offsets": [at, at + tensor.nbytes]}
        at += tensor.nbytes
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with open(path + ".part", "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for name in order:
            file.write(np.ascontiguousarray(tensors[name]).tobytes())
    os.replace(path + ".part", path)


def read(path):
    with open(path, "rb") as file:
        size = struct.unpack("<Q", file.read(8))[0]
        header = json.loads(file.read(size))
        data = file.read()
    metadata = header.pop("__metadata__", {})
    tensors = {}
    for name, entry in header.items():
        begin, end = entry["data_offsets"]
        flat = np.frombuffer(data[begin:end], DTYPES[entry["dtype"]])
        tensors[name] = flat.reshape(entry["shape"]).copy()
    return tensors, metadata
