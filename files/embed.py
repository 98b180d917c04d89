#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""embed.py INPUT OUTPUT NAME: a C header with the file's bytes as `static const char NAME[]`, for
pages that a program carries with it. NAME_bytes is how many there are, without the terminator behind them."""
import sys

source, target, name = sys.argv[1:]
with open(source, "rb") as file:
    data = file.read()
rows = (", ".join("%d" % (byte - 256 if byte > 127 else byte) for byte in data[i : i + 24]) for i in range(0, len(data), 24))
with open(target, "w", encoding="ascii") as file:
    file.write("/* Made from a file by files/embed.py. */\n")
    file.write("enum { %s_bytes = %d };\n" % (name, len(data)))
    file.write("static const char %s[%s_bytes + 1] = {\n    " % (name, name))
    file.write(",\n    ".join(rows))
    file.write("};\n")
