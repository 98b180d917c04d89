# SPDX-License-Identifier: MIT
"""Golden files: named f32 arrays one after the other in NAME.f32 (little endian), and
NAME.h with the offset and the count of each, in floats."""
import os

import numpy as np


def write(folder, name, arrays):
    """arrays: list of (what, array, comment)."""
    lines = ["/* SPDX-License-Identifier: MIT */",
             "/* Written by scripts/golden: where each array lies in %s.f32, in floats. */" % name,
             "#ifndef TYTO_GOLDEN_%s_H" % name.upper(),
             "#define TYTO_GOLDEN_%s_H" % name.upper(), "", "enum {"]
    parts, offset = [], 0
    for what, array, comment in arrays:
        array = np.ascontiguousarray(array, "<f4")
        key = "GOLDEN_%s_%s" % (name.upper(), what.upper())
        lines.append("    /* %s: %s */" % (comment, "x".join(map(str, array.shape))))
        lines.append("    %s_AT = %d," % (key, offset))
        lines.append("    %s_NUM = %d," % (key, array.size))
        parts.append(array.ravel())
        offset += array.size
    lines += ["    GOLDEN_%s_NUM = %d," % (name.upper(), offset), "};", "", "#endif", ""]
    blob = np.concatenate(parts)
    if not np.isfinite(blob).all():
        raise ValueError("%s holds a value that is not finite" % name)
    blob.tofile(os.path.join(folder, name + ".f32"))
    with open(os.path.join(folder, name + ".h"), "w") as file:
        file.write("\n".join(lines))
    print("%s.f32: %d floats, %.1f KB" % (name, offset, offset * 4 / 1e3))
