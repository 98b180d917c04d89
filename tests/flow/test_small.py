#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A tyto built without the trainer: the commands that watch and search are there, those that need
the trainer say what is missing. As packages have it: they start the program that another one brought.

  test_small.py TYTO TYTO_WITHOUT_TRAINER TYTO_IN_FRONT"""
import os
import shutil
import subprocess
import sys
import tempfile
import unittest

FULL, SMALL, FRONT = sys.argv[1:4]
OF_TRAINER = {"adapt", "explain", "label", "compose", "features", "train", "eval"}


def run(program, *args):
    done = subprocess.run([program, *args], capture_output=True, text=True, check=False,
                          timeout=60)
    return done.returncode, done.stdout, done.stderr


def commands(program):
    """The names that --help lists."""
    out = run(program, "--help")[1]
    listed = out.split("tyto COMMAND [OPTION...]", 1)[1].splitlines()
    return {line.split()[0] for line in listed
            if line.startswith("  ") and not line.startswith("   ")
            and line.split()[0].isalpha() and line.split()[0] not in ("tyto", "tytod")}


class Small(unittest.TestCase):
    def test_it_lacks_what_needs_the_trainer_and_nothing_else(self):
        self.assertEqual(commands(FULL) - commands(SMALL), OF_TRAINER)
        self.assertLessEqual({"watch", "localize", "sync", "model", "status"}, commands(SMALL))

    def test_a_missing_command_says_what_brings_it(self):
        for name in OF_TRAINER:
            for args in [(name, "--help"), ("help", name)]:
                status, out, err = run(SMALL, *args)
                self.assertEqual((status, out), (2, ""))
                self.assertIn(f"'{name}' needs the trainer", err)
                self.assertIn("scripts/setup", err)

    def test_what_is_there_is_explained_and_a_slip_is_guessed(self):
        self.assertEqual(run(SMALL, "help", "localize"), run(FULL, "localize", "--help"))
        for program in (FULL, SMALL):
            status, _, err = run(program, "locallize")
            self.assertEqual(status, 2)
            self.assertIn("Did you mean 'localize'?", err)

    def test_in_packages_a_command_is_handed_on_or_its_package_named(self):
        with tempfile.TemporaryDirectory(prefix="tyto-") as folder:
            os.makedirs(folder + "/bin")
            front = shutil.copy(FRONT, folder + "/bin/tyto")
            for name, package in (("train", "tyto-train"), ("explain", "tyto-train"), ("serve", "tyto-web")):
                self.assertNotIn(name, commands(front))
                status, out, err = run(front, name, "--help")
                self.assertEqual((status, out), (2, ""))
                self.assertIn(f"'{name}' comes with the package {package}", err)
            os.makedirs(folder + "/libexec")
            shutil.copy(FULL, folder + "/libexec/tyto-train")
            for args in (("train", "--help"), ("help", "explain"), ("train", "--no-such-option"), ("label",)):
                self.assertEqual(run(front, *args), run(FULL, *args))
            self.assertEqual(run(front, "serve")[0], 2)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
