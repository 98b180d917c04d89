# SPDX-License-Identifier: MIT
"""Reads the constants and the operators of a TFLite file (schema v3), enough for
convolutional encoders. No bounds checks beyond struct's: for files we pinned
ourselves; the hardened reader is model/import/tflite/tflite.c."""
import struct

import numpy as np

DTYPES = {0: np.float32, 1: np.float16, 2: np.int32, 3: np.uint8, 4: np.int64, 9: np.int8}
OP_NAMES = {0: "add", 3: "conv", 4: "dwconv", 6: "dequantize"}


class Table:
    """One flatbuffer table: field numbers to values."""

    def __init__(self, data, pos):
        self.data, self.pos = data, pos
        self.vtable = pos - struct.unpack_from("<i", data, pos)[0]
        self.vtable_bytes = struct.unpack_from("<H", data, self.vtable)[0]

    def _field(self, idx):
        slot = 4 + 2 * idx
        if slot >= self.vtable_bytes:
            return None
        offset = struct.unpack_from("<H", self.data, self.vtable + slot)[0]
        return self.pos + offset if offset else None

    def scalar(self, idx, code, default=0):
        at = self._field(idx)
        return default if at is None else struct.unpack_from("<" + code, self.data, at)[0]

    def _follow(self, at):
        return at + struct.unpack_from("<I", self.data, at)[0]

    def table(self, idx):
        at = self._field(idx)
        return None if at is None else Table(self.data, self._follow(at))

    def vector(self, idx):
        """(position of element 0, count); count 0 when absent."""
        at = self._field(idx)
        if at is None:
            return 0, 0
        pos = self._follow(at)
        return pos + 4, struct.unpack_from("<I", self.data, pos)[0]

    def tables(self, idx):
        pos, count = self.vector(idx)
        return [Table(self.data, self._follow(pos + 4 * i)) for i in range(count)]

    def ints(self, idx):
        pos, count = self.vector(idx)
        return list(struct.unpack_from("<%di" % count, self.data, pos)) if count else []

    def text(self, idx):
        pos, count = self.vector(idx)
        return self.data[pos:pos + count].decode("utf-8", "replace")


def read(path):
    """List of layers in file order: dicts of op, name, inputs, output, weight, bias,
    stride, same (padding), act. Layers of other kinds appear with op 'other'."""
    with open(path, "rb") as file:
        data = file.read()
    if data[4:8] != b"TFL3":
        raise ValueError("%s: no TFLite file" % path)
    model = Table(data, struct.unpack_from("<I", data, 0)[0])
    codes = [max(c.scalar(0, "b"), c.scalar(3, "i")) for c in model.tables(1)]
    buffers = [b.vector(0) for b in model.tables(4)]
    graph = model.tables(2)[0]
    consts, names = {}, {}
    for idx, tensor in enumerate(graph.tables(0)):
        names[idx] = tensor.text(3)
        pos, num_bytes = buffers[tensor.scalar(2, "I")]
        dtype = DTYPES.get(tensor.scalar(1, "b"))
        if num_bytes and dtype is not None:
            flat = np.frombuffer(data, dtype, num_bytes // np.dtype(dtype).itemsize, pos)
            consts[idx] = flat.reshape(tensor.ints(0)).astype(np.float32)
    layers = []
    for op in graph.tables(3):
        kind = OP_NAMES.get(codes[op.scalar(0, "I")], "other")
        inputs, output = op.ints(1), op.ints(2)[0]
        if kind == "dequantize" and inputs[0] in consts:
            consts[output] = consts[inputs[0]]
            continue
        layer = {"op": kind, "name": names[output], "output": output,
                 "inputs": [i for i in inputs if i not in consts]}
        options = op.table(4)
        if kind in ("conv", "dwconv"):
            layer["weight"], layer["bias"] = consts[inputs[1]], consts[inputs[2]]
            layer["same"] = options.scalar(0, "b") == 0
            layer["stride"] = (options.scalar(2, "i", 1), options.scalar(1, "i", 1))
            layer["act"] = options.scalar(3 if kind == "conv" else 4, "b")
        elif kind == "add":
            layer["act"] = options.scalar(0, "b") if options else 0
        layers.append(layer)
    return layers
