#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What meson calls the tests that a person named, a line each.

    test-names.py BUILD_DIR NAME...

A NAME may be that of the program or of the file, too: test_tracker, tests/unit/track/test_tracker.c.
An unknown one is an error on stderr with those that are meant, perhaps; the status is 2 then."""
import difflib
import json
import os
import sys


def spellings(name):
    """The names that it may stand for, the likeliest first."""
    stem = os.path.basename(name)
    for suffix in (".c", ".py"):
        stem = stem.removesuffix(suffix)
    return [name, stem] + [stem.removeprefix(prefix) for prefix in ("test_", "fuzz_", "check_")]


def main(build, wanted):
    with open(os.path.join(build, "meson-info", "intro-tests.json"), encoding="utf-8") as file:
        known = sorted({test["name"] for test in json.load(file)})
    status = 0
    for name in wanted:
        found = [one for one in spellings(name) if one in known]
        if found:
            print(found[0])
            continue
        status = 2
        stem = spellings(name)[2]
        near = [one for one in known if stem and stem in one][:8]
        near += [one for one in difflib.get_close_matches(stem, known, 5) if one not in near]
        hint = f"; did you mean {', '.join(near)}?" if near else \
            f"; 'meson test -C {build} --list' has all {len(known)}"
        print(f"tyto: error: there is no test '{name}'{hint}", file=sys.stderr)
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
