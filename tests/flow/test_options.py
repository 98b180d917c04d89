#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What is written from the tables of options is what the tree holds.

  tests/flow/test_options.py TYTOD TYTO SOURCE_ROOT
"""
import pathlib
import subprocess
import sys
import unittest

TYTOD, TYTO, ROOT = sys.argv[1], sys.argv[2], pathlib.Path(sys.argv[3])


def output_of(*command):
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, (command, done.stderr)
    return done.stdout


class Written(unittest.TestCase):
    def assert_fresh(self, path, *command):
        """The file is what the command prints; else the command to write it anew is said."""
        kept = (ROOT / path).read_text()
        self.assertEqual(kept, output_of(*command),
                         f"{path} is stale: write it anew with: {' '.join(command)} > {path}")

    def test_the_reference_is_fresh(self):
        self.assert_fresh("doc/configuration.md", TYTOD, "--print", "reference")

    def test_the_example_is_fresh(self):
        self.assert_fresh("daemon/tytod.yaml", TYTOD, "--print", "example")


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
