#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What scripts/test makes of the names of tests that a person types.
    test_names.py TEST_NAMES BUILD_DIR"""
import subprocess
import sys

SCRIPT, BUILD = sys.argv[1:]


def ask(*names):
    done = subprocess.run([sys.executable, SCRIPT, BUILD, *names], capture_output=True, text=True,
                          check=False, timeout=60)
    return done.returncode, done.stdout, done.stderr


for spelling in ("tracker", "test_tracker", "tests/unit/track/test_tracker.c"):
    assert ask(spelling) == (0, "tracker\n", ""), spelling
assert ask("model", "tests/flow/test_names.py") == (0, "model\nnames\n", "")
status, out, err = ask("names", "test_trakcer")
assert (status, out) == (2, "names\n") and "there is no test 'test_trakcer'" in err, err
assert "did you mean tracker" in err, err
status, out, err = ask("qqqqqqqqqqqq")
assert (status, out) == (2, "") and "meson test -C" in err, err
print("1..1\nok 1")
