# SPDX-License-Identifier: MIT
"""Recordings in one file: Opus packets of 20 ms, 16 kHz mono, and a line about each recording.

    "TYSP", u32 bytes of the header, header (JSON: a list of [group, source, packets]),
    u16 bytes of each packet, the packets

libopus is called through ctypes, so that a pack can be read where only the library is at hand."""
import argparse
import ctypes
import json
import multiprocessing
import os
import struct

import numpy as np

RATE, FRAME = 16000, 320
APPLICATION_AUDIO = 2049
SET_BITRATE, SET_COMPLEXITY = 4002, 4010


def load_opus(path="libopus.so.0"):
    lib = ctypes.CDLL(path)
    lib.opus_encoder_create.restype = ctypes.c_void_p
    lib.opus_decoder_create.restype = ctypes.c_void_p
    lib.opus_encoder_destroy.argtypes = [ctypes.c_void_p]
    lib.opus_decoder_destroy.argtypes = [ctypes.c_void_p]
    lib.opus_encode.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p,
                                ctypes.c_int32]
    lib.opus_decode.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int32, ctypes.c_void_p,
                                ctypes.c_int, ctypes.c_int]
    return lib


def check(code, what):
    if code < 0:
        raise RuntimeError(f"libopus: {what} failed with {code}")
    return code


def encode(lib, samples, bits_per_second, complexity=1):
    """float samples in [-1, 1] -> list of packets; the end is padded with silence"""
    error = ctypes.c_int(0)
    encoder = lib.opus_encoder_create(RATE, 1, APPLICATION_AUDIO, ctypes.byref(error))
    check(error.value, "opus_encoder_create")
    lib.opus_encoder_ctl(ctypes.c_void_p(encoder), SET_BITRATE, ctypes.c_int(bits_per_second))
    lib.opus_encoder_ctl(ctypes.c_void_p(encoder), SET_COMPLEXITY, ctypes.c_int(complexity))
    num = -(-len(samples) // FRAME)
    pcm = np.zeros(num * FRAME, np.int16)
    pcm[:len(samples)] = np.clip(np.round(samples * 32767), -32767, 32767)
    out = ctypes.create_string_buffer(1500)
    packets = []
    for i in range(num):
        size = check(lib.opus_encode(encoder, pcm.ctypes.data + 2 * FRAME * i, FRAME, out, 1500),
                     "opus_encode")
        packets.append(out.raw[:size])
    lib.opus_encoder_destroy(encoder)
    return packets


def decode(lib, packets):
    """list of packets -> int16 samples"""
    error = ctypes.c_int(0)
    decoder = lib.opus_decoder_create(RATE, 1, ctypes.byref(error))
    check(error.value, "opus_decoder_create")
    pcm = np.zeros(len(packets) * FRAME, np.int16)
    for i, packet in enumerate(packets):
        check(lib.opus_decode(decoder, packet, len(packet), pcm.ctypes.data + 2 * FRAME * i, FRAME,
                              0), "opus_decode")
    lib.opus_decoder_destroy(decoder)
    return pcm


def write(path, recordings):
    """recordings: list of (group, source, packets)"""
    header = json.dumps([[g, s, len(p)] for g, s, p in recordings], separators=(",", ":")).encode()
    sizes = np.array([len(x) for _, _, p in recordings for x in p], "<u2")
    with open(path, "wb") as file:
        file.write(b"TYSP" + struct.pack("<I", len(header)) + header + sizes.tobytes())
        for _, _, packets in recordings:
            file.write(b"".join(packets))


def read(path):
    """-> list of (group, source, packets)"""
    with open(path, "rb") as file:
        data = file.read()
    if data[:4] != b"TYSP":
        raise ValueError(f"{path} is no pack of recordings")
    num = struct.unpack_from("<I", data, 4)[0]
    header = json.loads(data[8:8 + num])
    total = sum(entry[2] for entry in header)
    sizes = np.frombuffer(data, "<u2", total, 8 + num)
    at = 8 + num + 2 * total
    out, first = [], 0
    for group, source, packets in header:
        own = []
        for size in sizes[first:first + packets].tolist():
            own.append(data[at:at + size])
            at += size
        first += packets
        out.append((group, source, own))
    return out


def decode_some(task):
    opus_path, recordings = task
    lib = load_opus(opus_path)
    return [decode(lib, packets) for _, _, packets in recordings]


def read_pcm(paths, opus_path="libopus.so.0", processes=2):
    """-> list of (group, source, int16 samples); decoded in several processes"""
    recordings = [entry for path in paths for entry in read(path)]
    step = max(1, min(64, len(recordings) // (4 * processes) + 1))
    tasks = [(opus_path, recordings[i:i + step]) for i in range(0, len(recordings), step)]
    context = multiprocessing.get_context("fork")
    with context.Pool(processes) as pool:
        pcm = [x for part in pool.imap(decode_some, tasks) for x in part]
    return [(entry[0], entry[1], x) for entry, x in zip(recordings, pcm)]


def main():
    parser = argparse.ArgumentParser(description="Says what packs hold, or decodes them.")
    parser.add_argument("packs", nargs="+")
    parser.add_argument("--decode", action="store_true", help="write the samples beside each pack")
    parser.add_argument("--opus", default="libopus.so.0")
    parser.add_argument("--processes", type=int, default=os.cpu_count())
    args = parser.parse_args()
    for path in args.packs:
        if args.decode:
            pcm = [x for _, _, x in read_pcm([path], args.opus, args.processes)]
            np.savez(path + ".npz", flat=np.concatenate(pcm), lengths=[len(x) for x in pcm])
            os.replace(path + ".npz", path[:-5] + ".npz")
        entries = read(path)
        print(path, len(entries), "recordings", sum(len(p) for _, _, p in entries) / 50 / 3600, "h")


if __name__ == "__main__":
    main()
