# SPDX-License-Identifier: MIT
"""Writes small TFLite files: a flatbuffer writer and the few tables of the public schema
(tensorflow/lite/schema/schema.fbs) that the tests need."""
import struct

import numpy as np


class Table(dict):
    """Field number -> (format of struct, value), or an object that is referred to."""


class Vector:
    def __init__(self, fmt, values):
        self.fmt, self.values = fmt, list(values)


class Refs:
    def __init__(self, objects):
        self.objects = list(objects)


class Bytes:
    def __init__(self, data, align=4):
        self.data, self.align = bytes(data), align


def _pad(out, align, more=0):
    while (len(out) + more) % align:
        out.append(0)


def _write(out, thing):
    """Appends thing and all it refers to; gives its position."""
    if isinstance(thing, Bytes):
        _pad(out, max(4, thing.align), 4)
        at = len(out)
        out += struct.pack("<I", len(thing.data)) + thing.data + b"\0"
        return at
    if isinstance(thing, Vector):
        _pad(out, max(4, struct.calcsize(thing.fmt)), 4)
        at = len(out)
        out += struct.pack("<I", len(thing.values))
        for value in thing.values:
            out += struct.pack("<" + thing.fmt, value)
        return at
    if isinstance(thing, Refs):
        _pad(out, 4)
        at = len(out)
        out += struct.pack("<I", len(thing.objects)) + bytes(4 * len(thing.objects))
        for i, other in enumerate(thing.objects):
            slot = at + 4 + 4 * i
            struct.pack_into("<I", out, slot, _write(out, other) - slot)
        return at
    num_fields = max(thing, default=-1) + 1
    _pad(out, 4)
    vtable = len(out)
    out += bytes(4 + 2 * num_fields)
    _pad(out, 4)
    at = len(out)
    out += struct.pack("<i", at - vtable)
    slots = {}
    for idx, value in sorted(thing.items()):
        fmt = value[0] if isinstance(value, tuple) else "I"
        _pad(out, struct.calcsize(fmt))
        struct.pack_into("<H", out, vtable + 4 + 2 * idx, len(out) - at)
        slots[idx] = len(out)
        out += struct.pack("<" + fmt, value[1] if isinstance(value, tuple) else 0)
    struct.pack_into("<HH", out, vtable, 4 + 2 * num_fields, len(out) - at)
    for idx, value in thing.items():
        if not isinstance(value, tuple):
            struct.pack_into("<I", out, slots[idx], _write(out, value) - slots[idx])
    return at


TYPES = {"float32": 0, "float16": 1, "int32": 2, "uint8": 3, "int64": 4, "int8": 9}


class Model:
    def __init__(self):
        self.codes, self.tensors, self.ops = [], [], []
        self.buffers = [Table()]  # buffer 0 is empty by custom

    def tensor(self, name, shape, dtype="float32", data=None, scales=None, zeros=None, dim=0):
        buffer = 0
        if data is not None:
            buffer = len(self.buffers)
            self.buffers.append(Table({0: Bytes(np.ascontiguousarray(data, dtype).tobytes(), 16)}))
        table = Table({0: Vector("i", shape), 1: ("b", TYPES[dtype]), 2: ("I", buffer),
                       3: Bytes(name.encode())})
        if scales is not None:
            table[4] = Table({2: Vector("f", scales), 3: Vector("q", zeros), 6: ("i", dim)})
        self.tensors.append(table)
        return len(self.tensors) - 1

    def constant(self, name, data, **kwargs):
        return self.tensor(name, data.shape, str(data.dtype), data, **kwargs)

    def op(self, code, inputs, output, options=None, custom=None):
        if (code, custom) not in self.codes:
            self.codes.append((code, custom))
        table = Table({0: ("I", self.codes.index((code, custom))), 1: Vector("i", inputs),
                       2: Vector("i", [output])})
        if options:
            table[3] = ("B", 1)  # the union's type; readers here do not look at it
            table[4] = Table(options)
        self.ops.append(table)
        return output

    def save(self, path, inputs, outputs):
        codes = []
        for code, custom in self.codes:
            table = Table({0: ("b", min(code, 127)), 3: ("i", code)})
            if custom:
                table[1] = Bytes(custom.encode())
            codes.append(table)
        graph = Table({0: Refs(self.tensors), 1: Vector("i", inputs), 2: Vector("i", outputs),
                       3: Refs(self.ops)})
        root = Table({0: ("I", 3), 1: Refs(codes), 2: Refs([graph]),
                      3: Bytes(b"made for tests"), 4: Refs(self.buffers)})
        out = bytearray(b"\0\0\0\0TFL3")
        struct.pack_into("<I", out, 0, _write(out, root))
        with open(path, "wb") as file:
            file.write(out)
