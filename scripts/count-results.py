#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Sums meson's testlog.json files into one line: N passed, N failed[, N skipped].

A missing or empty log counts as a failure: a run that ran nothing is not green."""
import json
import sys

PASSED = {"OK", "EXPECTEDFAIL"}
SKIPPED = {"SKIP"}


def main(paths):
    passed, skipped, failed = 0, 0, []
    for path in paths:
        try:
            with open(path, encoding="utf-8") as file:
                results = [json.loads(line) for line in file if line.strip()]
        except OSError as error:
            results = []
            print(error, file=sys.stderr)
        if not results:
            failed.append(f"{path}: no test has run")
        for test in results:
            if test["result"] in PASSED:
                passed += 1
            elif test["result"] in SKIPPED:
                skipped += 1
            else:
                failed.append(f"{test['name']}: {test['result']}, {test['duration']:.1f} s")
    for line in failed:
        print("FAILED", line)
    print(f"{passed} passed, {len(failed)} failed" + (f", {skipped} skipped" if skipped else ""))
    return 1 if failed else 0


sys.exit(main(sys.argv[1:]))
