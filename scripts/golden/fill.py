# SPDX-License-Identifier: MIT
"""Numbers made from a name and an index, the same in C (tests/golden/fill.h): so that
golden files need to hold results only."""
import numpy as np

_U64 = 0xFFFFFFFFFFFFFFFF


def fnv1a64(name):
    value = 0xCBF29CE484222325
    for byte in name.encode():
        value = ((value ^ byte) * 0x100000001B3) & _U64
    return value


def splitmix64(x):
    with np.errstate(over="ignore"):
        z = x + np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return z ^ (z >> np.uint64(31))


def fill(name, shape, scale=1.0):
    """f32 array of `shape` in [-scale, scale); exact when scale is a power of two."""
    count = int(np.prod(shape))
    with np.errstate(over="ignore"):
        bits = splitmix64(np.uint64(fnv1a64(name)) + np.arange(count, dtype=np.uint64))
    unit = (bits >> np.uint64(40)).astype(np.float32) / np.float32(1 << 23) - np.float32(1)
    return (unit * np.float32(scale)).reshape(shape)


def weight_scale(fan_in):
    """Scale of a filled weight: the largest power of two s with s*s*fan_in <= 3."""
    scale = 2.0
    while scale * scale * fan_in > 3:
        scale /= 2
    return scale
